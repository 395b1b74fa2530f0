"""Rules that ask for indicators, in the core: what it wants followed and watched, and why it
refuses."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import time
from decimal import Decimal

import orjson
import pytest

from _fast.market import Market
from engine.broker.feed import Feed
from engine.codec import from_json, to_json
from engine.commands import Follow, Unwatch, Watch
from engine.config import CONVERTER, Config, from_mapping
from engine.core import Core, Output
from engine.events import RefusalEvent
from engine.inputs import Input, Reading, RuleChanged, Started
from engine.rehearsal import Rehearsal
from engine.rules import from_plain
from engine.rules import to_json as rule_json

ENTER = {"kind": "enter", "side": "BUY"}


def configured(*whens: str, **strategy: object) -> Config:
    rules = [{"id": f"r{n}", "when": when, "then": ENTER} for n, when in enumerate(whens)]
    return from_mapping({"strategy": {"symbols": ["IBM", "SPY"], "rules": rules, **strategy}})


def started(config: Config) -> Input:
    return Started("run", "test", orjson.dumps(CONVERTER.unstructure(config)).decode(), 1, "DU1")


def wanted(core: Core, *inputs: Input) -> list[Follow | Watch | Unwatch]:
    commands = core.step(inputs, 1_700_000_000_000_000_000).commands
    return [one for one in commands if isinstance(one, Follow | Watch | Unwatch)]


def test_what_rules_ask_for_is_followed_once_and_watched_as_it_is_written() -> None:
    config = configured("ema(20) > ema(50)", "last crosses below ema(20)", "rsi() <= 30 and flat")
    follows = [one for one in wanted(Core(config), started(config)) if isinstance(one, Follow)]
    watches = [one for one in wanted(Core(config), started(config)) if isinstance(one, Watch)]

    assert follows == [
        Follow("IBM", ("ema(20)", "ema(50)", "rsi(14)")),
        Follow("SPY", ("ema(20)", "ema(50)", "rsi(14)")),
    ]
    ibm = [(w.field, w.op, w.level, w.against, w.at_once) for w in watches if w.symbol == "IBM"]
    assert ibm == [
        ("ema(20)", "over", 0.0, "ema(50)", False),
        ("last", "under", 0.0, "ema(20)", False),
        ("rsi(14)", "below", 30.0, "", False),
    ]


def test_an_indicator_on_the_left_of_a_price_is_its_level() -> None:
    config = configured("ema(20) >= last")
    (watch, *_) = [one for one in wanted(Core(config), started(config)) if isinstance(one, Watch)]

    assert (watch.field, watch.op, watch.against) == ("last", "below", "ema(20)")


def test_rules_that_change_and_runs_that_begin_are_followed_in_an_order_that_can_be_done() -> None:
    """By the market itself: it refuses what is not followed, and to leave out what is watched."""
    config = configured("ema(20) > ema(50)")
    market = Market(capacity=2)
    feed = Feed(config.strategy, 0, market)
    core, conditions = Core(config), dict[int, int]()

    def carry_out(*inputs: Input) -> None:
        for one in wanted(core, *inputs):
            if isinstance(one, Follow):
                feed.follow(one.symbol, one.indicators)
            elif isinstance(one, Watch):
                conditions[one.number] = feed.watch(one)
            else:
                market.drop(conditions.pop(one.number))

    def change(kind: str, rule_id: str, when: str = "") -> None:
        rule = from_plain({"id": rule_id, "when": when, "then": ENTER}) if when else None
        text = rule_json(rule).decode() if rule is not None else ""
        carry_out(RuleChanged(kind, rule_id, text))  # type: ignore[arg-type]

    carry_out(started(config))
    assert market.conditions == 2
    change("add", "more", "macd_signal() crosses above 0 and close > sma(9)")
    assert [one.name for one in feed.readings("SPY")] == [
        "close", "ema(20)", "ema(50)", "macd_signal(12, 26, 9)", "sma(9)",
    ]  # fmt: skip
    assert market.conditions == 6
    change("replace", "more", "last > ema(50)")
    change("remove", "r0")
    assert [one.name for one in feed.readings("IBM")] == ["ema(50)"]
    assert market.conditions == 2
    # Another process, whose market knows nothing.
    market = Market(capacity=2)
    feed, conditions = Feed(config.strategy, 0, market), {}
    carry_out(started(config))
    assert [one.name for one in feed.readings("IBM")] == ["ema(20)", "ema(50)"]
    assert market.conditions == 2


@pytest.mark.parametrize(
    ("readings", "reason", "detail"),
    [
        ((), "not_warm", "BUY: ema(20) needs 20 bars, has none"),
        (
            (Reading("ema(20)", 5.0, 5.0, 25), Reading("ema(50)", None, None, 12)),
            "not_warm",
            "BUY: ema(50) needs 50 bars, has 12",
        ),
        (
            (Reading("ema(20)", 5.0, 5.0, 60), Reading("ema(50)", 6.0, 6.0, 60)),
            "condition",
            "BUY",
        ),
    ],
)
def test_a_refusal_says_what_is_not_warm(
    readings: tuple[Reading, ...], reason: str, detail: str
) -> None:
    config = configured(enter_when="ema(20) > ema(50)")
    played = Rehearsal(config, "IBM", time(10, 30), Decimal(100_000), readings)
    played.show(Decimal("99.99"), Decimal("100.01"), 1.0)
    played.signal("BUY", 0.9)

    (refusal,) = [one for one in played.events if isinstance(one, RefusalEvent)]
    assert (refusal.reason, refusal.detail, refusal.rule) == (reason, detail, "pattern.buy")
    assert played.context is None


def test_a_rule_is_woken_as_its_indicators_cross() -> None:
    """Told by a view of the market, as the rehearsal gives it: once, and into a trade."""
    config = configured("ema(20) > ema(50) and flat", pattern=False)

    def told(fast: float) -> tuple[Reading, ...]:
        return (Reading("ema(20)", fast, fast, 60), Reading("ema(50)", 6.0, 6.0, 60))

    played = Rehearsal(config, "IBM", time(10, 30), Decimal(100_000), told(5.0))
    for fast in (5.0, 6.0, 7.0, 8.0):
        played._indicators = told(fast)
        played.show(Decimal("99.99"), Decimal("100.01"), 1.0)
        played.wait(3)
        assert (played.context is not None) == (fast > 6)
    assert not any(isinstance(one, RefusalEvent) for one in played.events)


def test_the_journal_of_it_replays_to_the_same_state(monkeypatch: pytest.MonkeyPatch) -> None:
    """What an indicator said is in the inputs, so a core without any market decides alike."""
    steps: list[tuple[list[bytes], int]] = []
    step = Core.step

    def recorded(core: Core, inputs: Sequence[Input], now_ns: int) -> Output:
        steps.append(([to_json(one) for one in inputs], now_ns))
        return step(core, inputs, now_ns)

    monkeypatch.setattr(Core, "step", recorded)
    config = configured("ema(20) crosses above ema(50) and rsi() < 70 and flat", pattern=False)
    played = Rehearsal(config, "IBM", time(10, 30), Decimal(100_000))
    before = 5.0
    for fast in (5.0, 5.5, 6.5, 7.5):
        played._indicators = (
            Reading("ema(20)", fast, before, 60),
            Reading("ema(50)", 6.0, 6.0, 60),
            Reading("rsi(14)", 55.0, 54.0, 60),
        )
        played.show(Decimal("99.99"), Decimal("100.01"), 1.0)
        played.wait(3)
        before = fast
    assert played.context is not None
    monkeypatch.undo()

    again = Core(config)
    for inputs, now_ns in steps:
        again.step([from_json(one) for one in inputs], now_ns)  # type: ignore[misc]
    assert again.state.digest() == played.core.state.digest()

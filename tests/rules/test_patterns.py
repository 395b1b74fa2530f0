"""Templates, builder and the flat table make one structure of rules."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from engine.config import from_mapping
from engine.events import PredictionSignalEvent
from engine.inputs import MarketView
from engine.plans import Distance, DoubleDown, EntryOrder, ScaleIn, Sizing, Target, Trade
from engine.reasons import Reason
from engine.rules import (
    SYMBOL_COOLDOWN,
    ClosePositionAction,
    EventCondition,
    LinkedCloseAllAction,
    LinkedCreateOrderAction,
    LinkedScaleInAction,
    PositionCondition,
    Rule,
    Scene,
    SessionCondition,
    StrategyBuilder,
    Triggers,
    concerned,
    create_buy_rule,
    create_eod_close_rule,
    create_scale_in_rule,
    create_sell_rule,
    create_short_rule,
    failing,
    from_json,
    ordered,
    pattern_rules,
    to_expression,
    to_json,
    triggers,
)
from tests.rules.records import signal

TRADE = Trade(
    sizing=Sizing(shares=Decimal(100), shares_max=Decimal(500)),
    entry=EntryOrder(type="limit", offset=Distance(percent=0.1)),
    stop=Distance(atr=6.0, percent=3.0),
    target=(Target(atr=4.0, portion=50), Target(percent=8.0, portion=50)),
    trailing=Distance(amount=1.5),
    double_down=DoubleDown(levels=(0.25, 0.5), multiplier=2.0),
    scale_in=ScaleIn(trigger_percent=3.0, portion=50.0, times_max=2),
    on_opposite="close",
    late_fill="protect",
    outside_rth=True,
)


def built() -> StrategyBuilder:
    return (
        StrategyBuilder("calm")
        .symbols("IBM", "SPY")
        .size(shares=100, shares_max=500)
        .enter(confidence_min=0.6, entry=EntryOrder(type="limit", offset=Distance(percent=0.1)))
        .stop(atr=6, percent=3)
        .target(atr=4, portion=50)
        .target(percent=8, portion=50)
        .trailing(amount=1.5)
        .double_down(0.25, 0.5, multiplier=2)
        .scale_in(3, portion=50, times_max=2)
        .on_opposite("close")
        .sell_means("short")
        .policy(late_fill="protect", outside_rth=True)
        .cooldown(60)
        .per_day(5)
        .close_before_end(120)
    )


def test_builder_templates_and_table_make_the_same_rules() -> None:
    symbols = ("IBM", "SPY")
    often: dict[str, Any] = {"cooldown_s": 60, "per_day_max": 5}
    entry: dict[str, Any] = {"confidence_min": 0.6, "trade": TRADE, "name": "calm", **often}

    table = pattern_rules("calm", symbols, TRADE, 0.6, "short", 60, 5, 120)

    assert built().build() == table
    assert table == (
        create_buy_rule(symbols, **entry),
        create_sell_rule(symbols, means="short", **entry),
        create_short_rule(symbols, **entry),
        create_scale_in_rule(symbols, trigger_percent=3, portion=50, times_max=2, name="calm"),
        create_eod_close_rule(symbols, before_end_s=120, name="calm"),
    )
    assert [to_json(one) for one in built().build()] == [to_json(one) for one in table]
    assert [from_json(to_json(one)) for one in table] == list(table)


def test_a_file_and_a_builder_with_a_condition_say_the_same() -> None:
    said = 'spread <= 0.05 and time("09:45", "15:30")'
    table = from_mapping(
        {
            "strategy": {
                "symbols": ["IBM"],
                "enter_when": said,
                "confidence_min": 0.7,
                "sell_means": "short",
                "stop": {"percent": 2},
                "close_before_end_s": False,
                "symbol": {"IBM": {}},
            }
        }
    ).strategy.all_rules
    rules = (
        StrategyBuilder("pattern.IBM")
        .symbols("IBM")
        .enter(confidence_min=0.7, when=said)
        .sell_means("short")
        .stop(percent=2)
        .close_before_end(None)
        .build()
    )

    assert rules == table
    assert to_expression(rules[0].when) == f'signal == "BUY" and confidence >= 0.7 and {said}'
    with pytest.raises(ValueError, match="column 1: there is no 'spred', did you mean spread"):
        StrategyBuilder("b").enter(when="spred <= 0.05")


def test_the_defaults_agree_too() -> None:
    assert (
        StrategyBuilder("d").symbols("IBM").build()
        == pattern_rules("d", ["IBM"], Trade())
        == (
            create_buy_rule("IBM", trade=Trade(), name="d"),
            create_sell_rule("IBM", name="d"),
            create_short_rule("IBM", trade=Trade(), name="d"),
            create_eod_close_rule("IBM", name="d"),
        )
    )


def test_a_buy_rule_is_what_it_says() -> None:
    assert create_buy_rule("IBM", confidence_min=0.7, stop=Distance(percent=2)) == Rule(
        "IBM.buy",
        EventCondition.of(PredictionSignalEvent, "confidence >= 0.7", signal="BUY"),
        LinkedCreateOrderAction("BUY", Trade(stop=Distance(percent=2))),
        symbols=("IBM",),
        priority=50,
        cooldown_s=180,
        executions_per_day_max=100,
        cooldown_group=SYMBOL_COOLDOWN,
    )
    own = create_buy_rule(["IBM", "SPY"])
    assert own.id == "IBM+SPY.buy"
    assert own.then == LinkedCreateOrderAction("BUY")  # as the strategy trades
    assert create_buy_rule().id == "all.buy"


def test_sell_is_a_close_or_a_short_by_choice_and_short_is_always_one() -> None:
    """Behaviour 9. A close neither waits for a cooldown nor causes one, and spares shorts."""
    close = create_sell_rule("IBM")

    assert close.then == LinkedCloseAllAction("this", reason="signal", side="long")
    assert (close.cooldown_s, close.cooldown_group, close.executions_per_day_max) == (0, "", None)
    assert create_sell_rule("IBM", means="short").then == LinkedCreateOrderAction("SELL")
    assert create_short_rule("IBM").then == LinkedCreateOrderAction("SELL")


def test_a_scale_in_waits_for_its_profit() -> None:
    """Behaviour 15."""
    rule = create_scale_in_rule("IBM", shares=Decimal(50))
    (profit,) = triggers(rule).profits
    at = Scene(
        symbol="IBM", now_ns=1, fired=(profit,), side=1, held=Decimal(100),
        average_price=Decimal(100), market=MarketView("IBM", bid=102.0, ask=102.01),
    )  # fmt: skip

    assert rule.when == PositionCondition(side="held", profit_percent_min=2.0)
    assert rule.then == LinkedScaleInAction(ScaleIn(shares=Decimal(50)))
    assert concerned(rule, at)
    assert failing(rule.when, at) is None


def test_the_end_of_the_day_goes_first() -> None:
    rules = built().rule(Rule("late", SessionCondition(60), ClosePositionAction())).build()

    assert [one.id for one in ordered(rules)] == [
        "calm.end_of_day", "calm.buy", "calm.sell", "calm.short", "calm.scale_in", "late",
    ]  # fmt: skip
    assert triggers(rules[4]) == Triggers(sessions=(SessionCondition(120.0),))


def test_a_pattern_may_hold_overnight() -> None:
    rules = StrategyBuilder("n").close_before_end(None).no_target().per_day(None).build()

    assert [one.id for one in rules] == ["n.buy", "n.sell", "n.short"]
    assert rules[0].then == LinkedCreateOrderAction("BUY", Trade(target=()))
    assert rules[0].executions_per_day_max is None


def test_each_signal_concerns_one_rule_of_a_pattern() -> None:
    rules = pattern_rules("p", ["IBM"], Trade())
    for kind, expected in (
        ("BUY", ["p.buy"]),
        ("SELL", ["p.sell"]),
        ("SHORT", ["p.short"]),
        ("NEUTRAL", []),
    ):
        seen = Scene(symbol="IBM", now_ns=1, event=signal(kind, 0.4))
        asked = [one for one in rules if concerned(one, seen)]
        assert [one.id for one in asked] == expected
        assert {failing(one.when, seen) for one in asked} <= {Reason.LOW_CONFIDENCE}


def test_a_builder_can_go_on_after_it_has_built() -> None:
    builder = StrategyBuilder("b").symbols("IBM")
    first = builder.build()

    assert builder.stop(percent=1).build() != first
    assert first == StrategyBuilder("b").symbols("IBM").build()


MISTAKES: list[tuple[Callable[[], Any], str]] = [
    (lambda: create_buy_rule("IBM", stopp=3), "a trade has no stopp, did you mean stop?"),
    (
        lambda: create_buy_rule("IBM", trade=Trade(), stop=Distance(percent=1)),
        "give trade or stop, not both",
    ),
    (lambda: create_sell_rule("IBM", means="flat"), "means must be close or short, not 'flat'"),
    (lambda: create_sell_rule("IBM", trade=Trade()), "a SELL that closes makes no trade"),
    (lambda: create_buy_rule(["IBM"] * 2), "symbols must not repeat"),
    (
        lambda: create_buy_rule([f"SYM{at}" for at in range(50)]),
        "id must be letters, digits and . _ : + / - (and inner spaces), 128 at most",
    ),
    (lambda: create_scale_in_rule("IBM", trigger_percent=-1), "trigger_percent must be above 0"),
    (lambda: create_eod_close_rule("IBM", before_end_s=-1), "before_end_s must be between 0 and"),
    (lambda: create_buy_rule("IBM", confidence_min=1.5), "confidence_min must be between 0 and 1"),
    (lambda: StrategyBuilder("b").size(shares=1, dollars=1), "sizing takes exactly one of"),
    (lambda: StrategyBuilder("b").stop(), "a distance takes atr, percent or both"),
    (lambda: StrategyBuilder("b").policy(late_fil="protect"), "there is no policy late_fil, did"),
    (lambda: StrategyBuilder("b").policy(stop=3), "there is no policy stop"),
    (
        lambda: StrategyBuilder("b").target(percent=1).target(percent=2, portion=10).build(),
        "target: every portion or none is given",
    ),
    (lambda: StrategyBuilder("b").enter(confidence_min=-0.1).build(), "confidence_min must be"),
    (lambda: StrategyBuilder("").build(), "a strategy needs a name"),
    (
        lambda: StrategyBuilder("b").rule(create_buy_rule(name="b")).build(),
        "rule b.buy is there twice: every rule has its own id",
    ),
    (lambda: StrategyBuilder("b").on_opposite("revers"), "on_opposite cannot be 'revers', did"),
    (lambda: StrategyBuilder("b").sell_means("buy").build(), "means must be close or short"),
]


@pytest.mark.parametrize(("mistake", "said"), MISTAKES, ids=range(len(MISTAKES)))
def test_a_mistake_is_told_in_one_line(mistake: Callable[[], Any], said: str) -> None:
    with pytest.raises(ValueError) as told:
        mistake()
    assert str(told.value).startswith(said)
    assert "\n" not in str(told.value)

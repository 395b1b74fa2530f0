"""Rules of a running engine: seen, changed and refused, from any thread."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, cast

import attrs
import pytest

from engine import (
    AlertEvent,
    Engine,
    EventCondition,
    LinkedCreateOrderAction,
    LogAction,
    PositionOpenEvent,
    PredictionSignalEvent,
    RefusalEvent,
    Rule,
    RuleEngine,
    SymbolView,
    TradeEvent,
    create_buy_rule,
    create_sell_rule,
)
from engine.config import Config
from engine.errors import LimitError, UserError
from engine.inbox import Inbox
from engine.rules.rule import RULES_MAX
from engine.rules.templates import SYMBOL_COOLDOWN


@pytest.fixture
def config(config: Config) -> Config:
    """No rules but those that a test gives it."""
    return attrs.evolve(config, strategy=attrs.evolve(config.strategy, pattern=False))


def buys(rule_id: str = "IBM.buy", **more: Any) -> Rule:
    return attrs.evolve(create_buy_rule("IBM"), id=rule_id, **more)


def says(rule_id: str, signal: str = "BUY", **more: Any) -> Rule:
    when = EventCondition.of(PredictionSignalEvent, signal=signal)
    return Rule(rule_id, when, LogAction("info", rule_id), **more)


def publish(engine: Engine, signal: str = "BUY", ticker: str = "IBM") -> None:
    engine.publish({"ticker": ticker, "signal": signal, "confidence": 0.9}).result(10)


def symbol(engine: Engine, name: str = "IBM") -> SymbolView:
    return next(one for one in engine.view().symbols if one.symbol == name)


@pytest.fixture
def spoken(engine: Engine) -> Iterator[list[str]]:
    """What LogActions said, in order; ``flush`` waits until everything was told."""
    said: list[str] = []
    engine.subscribe(AlertEvent, lambda alert: said.append(alert.text))
    yield said


def flush(engine: Engine) -> None:
    """Until what was told so far was delivered: a refusal of one's own comes behind it."""
    arrived = threading.Event()
    watching = engine.subscribe(
        RefusalEvent, lambda refusal: arrived.set() if refusal.detail == "cancel" else None
    )
    with pytest.raises(UserError, match="nothing was placed"):
        engine.cancel("nothing of this name")
    assert arrived.wait(10)
    watching.unsubscribe()


def test_rules_are_asked_by_priority_and_listed_so(engine: Engine, spoken: list[str]) -> None:
    engine.rules.add(says("second", priority=10))
    engine.rules.add(says("third", priority=10))
    engine.rules.add(says("first", priority=50))
    engine.rules.add(says("never", enabled=False))
    publish(engine)
    flush(engine)

    assert spoken == ["first", "second", "third"]
    listed = [(view.id, view.enabled) for view in engine.rules.list()]
    assert listed == [("first", True), ("second", True), ("third", True), ("never", False)]


def test_a_rule_is_switched_replaced_and_removed(engine: Engine, spoken: list[str]) -> None:
    rules = engine.rules
    rules.add(says("one"))
    rules.disable("one")
    rules.disable("one")  # it is so already
    publish(engine)
    rules.enable("one")
    publish(engine)
    rules.replace(attrs.evolve(says("one"), then=LogAction("info", "other")))
    publish(engine)
    rules.remove("one")
    publish(engine)
    flush(engine)

    assert spoken == ["one", "other"]
    assert rules.list() == ()


def test_counters_are_told_and_kept_only_if_asked(engine: Engine) -> None:
    rules = engine.rules
    rules.add(buys(cooldown_s=3600, executions_per_day_max=5))
    trades = engine.bus.iterate(TradeEvent, timeout_s=10)
    publish(engine)
    while not symbol(engine).quantity:
        threading.Event().wait(0.01)

    view = rules.get("IBM.buy")
    (pace,) = view.paces
    assert (pace.symbol, pace.executions, view.executions) == ("IBM", 1, 1)
    assert 3000 < view.cooldown_s <= 3600
    assert symbol(engine).rule == "IBM.buy"
    engine.close("IBM")
    assert next(trades).reason == "host"
    assert rules.get("IBM.buy").executions == 1

    rules.replace(buys(cooldown_s=60), keep_counters=True)
    assert rules.get("IBM.buy").executions == 1
    rules.replace(buys(cooldown_s=60))
    assert rules.get("IBM.buy").paces == ()


def test_counters_of_a_group_are_those_of_all_its_rules(engine: Engine) -> None:
    rules = engine.rules
    rules.add(buys())
    rules.add(attrs.evolve(create_buy_rule("MSFT"), id="MSFT.buy"))
    rules.add(says("aside"))
    assert rules.get("IBM.buy").rule.cooldown_group == SYMBOL_COOLDOWN
    publish(engine)
    while not symbol(engine).quantity:
        threading.Event().wait(0.01)

    assert rules.get("IBM.buy").executions == 1
    assert rules.get("MSFT.buy").paces == ()  # the same group, but not its symbol
    assert rules.get("aside").paces == ()


def test_a_handler_of_the_bus_may_change_rules(engine: Engine) -> None:
    """Once in a trade, no other one: the handler waits for the writer, which never waits for it."""
    engine.rules.add(buys())
    done = threading.Event()

    def opened(event: PositionOpenEvent) -> None:
        engine.rules.disable("IBM.buy")
        engine.rules.add(create_sell_rule("IBM"))
        done.set()

    engine.subscribe(PositionOpenEvent, opened)
    trades = engine.bus.iterate(TradeEvent, timeout_s=10)
    publish(engine)
    assert done.wait(10)
    publish(engine, "SELL")

    assert next(trades).reason == "signal"
    assert [(view.id, view.enabled) for view in engine.rules.list()] == [
        ("IBM.buy", False),
        ("IBM.sell", True),
    ]


def test_mistakes_are_told_in_one_line_and_change_nothing(engine: Engine) -> None:
    rules = engine.rules
    rules.add(buys())
    there = rules.list()
    mistakes = [
        (lambda: rules.add(buys()), r"rule IBM\.buy is there already: replace it, or give another"),
        (lambda: rules.add(attrs.evolve(buys(), id="x", symbols=("IBN",))),
         r"rule x is for IBN, which is not among the symbols of the strategy, did you mean IBM\?"),
        (lambda: rules.replace(buys("IBM.by")), r"there is no rule IBM\.by, did you mean IBM\.buy"),
        (lambda: rules.remove("x"), r"there is no rule x, allowed: IBM\.buy"),
        (lambda: rules.enable("x"), "there is no rule x"),
        (lambda: rules.disable("x"), "there is no rule x"),
        (lambda: rules.get("x"), "there is no rule x"),
        (lambda: rules.add(cast(Rule, {"id": "x"})), r"a rule is wanted, not dict: make one with"),
        (lambda: rules.change(add=(says("a"), says("a"))), "rule a is there twice"),
        (lambda: rules.change(add=[says(f"r{n}") for n in range(RULES_MAX)]),
         f"{RULES_MAX + 1} rules, {RULES_MAX} at most"),
        (lambda: rules.change(add=(says("a"),), disable=("b",)), "there is no rule b"),
    ]  # fmt: skip
    for attempt, told in mistakes:
        with pytest.raises(UserError, match=told) as caught:
            attempt()
        assert "\n" not in str(caught.value)
    assert rules.list() == there


def test_of_many_threads_that_add_one_rule_one_succeeds(engine: Engine) -> None:
    def add(number: int) -> bool:
        try:
            engine.rules.add(says("mine"))
        except UserError:
            return False
        engine.rules.add(says(f"of {number}"))
        return True

    with ThreadPoolExecutor(8) as threads:
        assert sorted(threads.map(add, range(8))) == [False] * 7 + [True]
    assert len(engine.rules.list()) == 2


def test_what_changes_a_rule_past_us_is_still_refused(engine: Engine) -> None:
    """The core has the last word, whatever was seen before."""
    rules = engine.rules
    rules.add(says("one"))
    seen = rules.list()
    rules.remove("one")
    rules.list = lambda: seen  # type: ignore[method-assign]

    with pytest.raises(UserError, match=r"rule one: disable was refused: unknown_reference; see"):
        rules.disable("one")


def test_rules_and_counters_over_a_restart(config: Config, journal: Path) -> None:
    """A change holds until the engine ends; what was counted by a rule's name goes on. (Its rest
    does if the rule is there from the start: see the strategies.)"""
    with Engine(config, journal) as engine:
        engine.wait_for_prices()
        engine.rules.add(buys(cooldown_s=3600))
        publish(engine)
        while not symbol(engine).quantity:
            threading.Event().wait(0.01)

    with Engine(config, journal) as engine:
        assert engine.rules.list() == ()
        engine.rules.add(buys(cooldown_s=3600))
        assert engine.rules.get("IBM.buy").executions == 1
        assert symbol(engine).rule == "IBM.buy"


def test_before_the_start_and_after_the_end_there_is_nobody_to_ask(config: Config) -> None:
    engine = Engine(config)
    with pytest.raises(UserError, match=r"has not started, so no rules govern yet: give them to"):
        engine.rules.add(buys())
    with pytest.raises(UserError, match="has not started"):
        engine.rules.list()
    with engine:
        engine.rules.add(buys())
    with pytest.raises(LimitError, match="stopped"):
        engine.rules.list()


def test_a_full_inbox_refuses_all_of_it() -> None:
    inbox = Inbox(items_max=1)
    rules = RuleEngine(inbox, ("IBM",))
    rules.begin()
    rules.list = lambda: ()  # type: ignore[method-assign]
    with pytest.raises(LimitError, match="no room for 2 items"):
        rules.change(add=(buys("a"), buys("b")))
    assert inbox.take() == []


def test_an_entry_without_a_trade_is_made_as_the_strategy_says(engine: Engine) -> None:
    rule = Rule(
        "IBM.buy",
        EventCondition.of(PredictionSignalEvent, signal="BUY"),
        LinkedCreateOrderAction("BUY"),
        symbols="IBM",
    )
    engine.rules.add(rule)
    publish(engine)
    while not symbol(engine).stops:
        threading.Event().wait(0.01)
    assert symbol(engine).targets

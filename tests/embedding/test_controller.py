"""Strategies as named sets of rules: all or nothing, before the engine runs and while it does."""

from __future__ import annotations

import threading
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import attrs
import pytest

from engine import (
    CreateOrderAction,
    Engine,
    EventCondition,
    PositionCloseEvent,
    PredictionSignalEvent,
    Rule,
    StrategyBuilder,
    TradeEvent,
    create_buy_rule,
    create_short_rule,
)
from engine.config import Config
from engine.errors import UserError


@pytest.fixture
def config(config: Config) -> Config:
    """No rules but those of its strategies."""
    return attrs.evolve(config, strategy=attrs.evolve(config.strategy, pattern=False))


def pattern(name: str, symbol: str, shares: int = 10) -> StrategyBuilder:
    return StrategyBuilder(name).symbols(symbol).size(shares=shares).stop(percent=20).no_target()


def publish(engine: Engine, ticker: str, signal: str = "BUY") -> None:
    engine.publish({"ticker": ticker, "signal": signal, "confidence": 0.9}).result(10)


def held(engine: Engine) -> dict[str, Decimal]:
    return {one.symbol: one.quantity for one in engine.view().symbols if one.quantity}


def until(holds: Callable[[], bool]) -> None:
    for _ in range(1_000):
        if holds():
            return
        threading.Event().wait(0.01)
    raise AssertionError("it never came to hold")


def test_one_pattern_for_different_symbols(engine: Engine) -> None:
    for symbol, shares in (("IBM", 10), ("MSFT", 20)):
        engine.strategies.start(symbol.lower(), pattern(symbol.lower(), symbol, shares))
    for symbol in ("IBM", "MSFT"):
        publish(engine, symbol)
    until(lambda: held(engine) == {"IBM": 10, "MSFT": 20})

    ibm, msft = engine.strategies.status()
    assert (ibm.name, ibm.state, ibm.symbols, ibm.held) == ("ibm", "running", ("IBM",), ("IBM",))
    assert (ibm.executions, msft.executions) == (1, 1)
    assert {view.id for view in msft.rules} == {
        "msft.buy",
        "msft.sell",
        "msft.short",
        "msft.end_of_day",
    }
    assert engine.strategies.get("msft").held == ("MSFT",)


def test_a_stopped_strategy_does_nothing_and_goes_on_where_it_was(engine: Engine) -> None:
    strategies = engine.strategies
    strategies.start("ibm", pattern("ibm", "IBM"))
    publish(engine, "IBM")
    until(lambda: bool(held(engine)))
    closes = engine.bus.iterate(PositionCloseEvent, timeout_s=10)

    strategies.stop("ibm")
    publish(engine, "IBM", "SELL")
    assert strategies.get("ibm").state == "stopped"
    assert not any(view.enabled for view in strategies.get("ibm").rules)
    assert held(engine) == {"IBM": 10}  # what it holds stays

    strategies.start("ibm")
    assert all(view.enabled for view in strategies.get("ibm").rules)
    assert strategies.get("ibm").executions == 1
    publish(engine, "IBM", "SELL")
    assert next(closes).reason == "signal"


def test_a_strategy_closes_what_is_its_own(engine: Engine) -> None:
    """The other symbol's trade is a bracket of the program, which stays."""
    engine.strategies.start("all", StrategyBuilder("all").size(shares=10).stop(percent=20))
    publish(engine, "IBM", "SHORT")
    until(lambda: bool(held(engine)))
    bracket = engine.bracket("MSFT", "BUY", 5, stop="10")
    bracket.wait("open")
    trades = engine.bus.iterate(TradeEvent, timeout_s=10)
    assert (engine.strategies.get("all").held, engine.strategies.get("all").symbols) == (
        ("IBM",),
        (),
    )

    engine.strategies.stop("all", close=True)

    trade = next(trades)
    assert (trade.symbol, trade.side, trade.reason) == ("IBM", "short", "strategy")
    assert held(engine) == {"MSFT": 5}
    assert bracket.state == "open"


def test_orders_that_its_rules_left_are_taken_back(engine: Engine) -> None:
    rule = Rule(
        "low.order",
        EventCondition.of(PredictionSignalEvent, signal="BUY"),
        CreateOrderAction(side="BUY", quantity=1, order_type="LMT", price="1.00", tif="GTC"),
        symbols="IBM",
    )
    engine.strategies.start("low", [rule])
    publish(engine, "IBM")
    until(lambda: len(engine.order_manager.open_orders("IBM")) == 1)

    engine.strategies.remove("low", close=True)

    until(lambda: engine.order_manager.open_orders("IBM") == ())
    assert engine.strategies.status() == ()
    assert engine.rules.list() == ()
    engine.strategies.start("low", [rule])  # its name is free


def test_a_replacement_takes_the_place_of_what_it_names(engine: Engine) -> None:
    strategies = engine.strategies
    buy = attrs.evolve(create_buy_rule("IBM", name="a"), cooldown_group="")
    strategies.start("a", [buy, create_short_rule("IBM", name="a")])
    publish(engine, "IBM")
    until(lambda: bool(held(engine)))
    other = create_short_rule("MSFT", name="b")

    strategies.replace("a", [buy, other], keep_counters=True)
    assert {view.id for view in engine.rules.list()} == {"a.buy", "b.short"}
    assert engine.rules.get("a.buy").executions == 1
    assert strategies.get("a").held == ("IBM",)

    strategies.stop("a")
    strategies.replace("a", [buy])
    assert [(view.id, view.enabled) for view in engine.rules.list()] == [("a.buy", False)]
    assert strategies.get("a").executions == 0
    strategies.start("a")
    assert engine.rules.get("a.buy").enabled


def test_all_or_nothing(engine: Engine) -> None:
    strategies = engine.strategies
    strategies.start("a", pattern("a", "IBM"))
    there = engine.rules.list()
    good = create_buy_rule("MSFT", name="b")
    mistakes = [
        (lambda: strategies.start("b", [good, create_buy_rule("IBN", name="c")]), "did you mean"),
        (lambda: strategies.start("b", [good, good]), "rule b.buy is there twice"),
        (lambda: strategies.start("b", [good, create_buy_rule("IBM", name="a")]),
         "rule a.buy is there already"),
        (lambda: strategies.start("a", [good]), "is there already: replace it, or stop it"),
        (lambda: strategies.start("a"), "strategy a is not stopped"),
        (lambda: strategies.start("b"), "there is no strategy b, allowed: a"),
        (lambda: strategies.start("b", []), "strategy b has no rules"),
        (lambda: strategies.start("", [good]), "a strategy needs a name"),
        (lambda: strategies.stop("b"), "there is no strategy b"),
        (lambda: strategies.replace("a", [good, create_buy_rule("IBN", name="c")]), "IBN"),
        (lambda: strategies.replace("b", [good]), "there is no strategy b"),
        (lambda: strategies.remove("b"), "there is no strategy b"),
        (lambda: strategies.get("b"), "there is no strategy b"),
    ]  # fmt: skip
    for attempt, told in mistakes:
        with pytest.raises(UserError, match=told):
            attempt()
    assert engine.rules.list() == there
    assert [one.name for one in strategies.status()] == ["a"]


def test_a_rule_that_was_removed_by_itself_is_no_matter(engine: Engine) -> None:
    strategies = engine.strategies
    strategies.start("a", pattern("a", "IBM"))
    engine.rules.remove("a.short")

    assert "a.short" not in {view.id for view in strategies.get("a").rules}
    strategies.stop("a")
    strategies.start("a")
    strategies.remove("a")
    assert engine.rules.list() == ()


def test_what_is_started_before_the_engine_governs_from_its_first_step(
    config: Config, journal: Path
) -> None:
    engine = Engine(config, journal)
    strategies = engine.strategies
    strategies.start("a", pattern("a", "IBM"))
    strategies.start("b", pattern("b", "MSFT"))
    strategies.start("c", [create_buy_rule("MSFT", name="c")])
    strategies.stop("b")
    strategies.remove("c")
    strategies.replace("a", pattern("a", "IBM", shares=7))
    assert [(one.name, one.state) for one in strategies.status()] == [
        ("a", "prepared"),
        ("b", "stopped"),
    ]
    for attempt, told in (
        (lambda: strategies.start("d", pattern("a", "MSFT")), "rule a.buy is there already"),
        (lambda: strategies.start("d", pattern("d", "TSLA")), "TSLA, which is not among"),
        (lambda: strategies.stop("a", close=True), "nothing can be closed before the engine runs"),
        (lambda: strategies.start("a"), "strategy a is not stopped"),
    ):
        with pytest.raises(UserError, match=told):
            attempt()

    with engine:
        engine.wait_for_prices()
        assert [one.state for one in strategies.status()] == ["running", "stopped"]
        for symbol in ("IBM", "MSFT"):
            publish(engine, symbol)
        until(lambda: bool(held(engine)))
        assert held(engine) == {"IBM": 7}
        strategies.start("b")
        assert engine.rules.get("b.buy").enabled
    assert len(engine.config.strategy.rules) == 8


def test_counters_go_on_after_a_restart(config: Config, journal: Path) -> None:
    patient = pattern("a", "IBM").cooldown(36_000)
    with Engine(config, journal) as engine:
        engine.wait_for_prices()
        engine.strategies.start("a", patient)
        publish(engine, "IBM")
        until(lambda: bool(held(engine)))

    later = Engine(config, journal)
    later.strategies.start("a", patient)
    with later:
        (one,) = later.strategies.status()
        assert (one.held, one.executions) == (("IBM",), 1)
        assert later.rules.get("a.buy").cooldown_s > 30_000

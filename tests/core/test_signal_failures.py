"""Failures of such systems, by number and name, that do not happen here: signals and rules."""

from __future__ import annotations

from decimal import Decimal

import orjson
import pytest

from engine.commands import Place
from engine.inputs import (
    MarketView,
    RuleChanged,
    Signal,
    SignalArrived,
)
from engine.orders import Role
from engine.reasons import Reason
from engine.sim.policies import Policies
from tests.core.desk import Desk
from tests.core.sided_desk import PROTECTED, desk, told
from tests.core.test_core import placed, reasons


def test_failure_07_a_queued_cancel_all_strips_the_next_trades_protection(side: int) -> None:
    """The cancels of the old trade are slow; the next trade's exits are other orders."""
    d = desk(side, Policies(cancel_delay_ns=200_000_000, oca_siblings="forget"))
    d.signal("AAPL", "BUY")
    d.close("AAPL")
    d.signal("AAPL", "BUY")  # too early: refused, not queued
    assert reasons(d) == [Reason.BUSY]
    d.wait(0.4)  # the target's cancel, and then the stop's
    d.signal("AAPL", "BUY")
    d.wait(5)
    assert d.live("AAPL") == PROTECTED


def test_failure_08_one_signal_fires_again_when_its_cooldown_ends(side: int) -> None:
    d = desk(side, cooldown_s=60.0)
    d.signal("AAPL", "BUY", identity="first")
    d.close("AAPL")
    d.signal("AAPL", "BUY", identity="second")
    assert reasons(d) == [Reason.COOLDOWN]
    d.wait(120)
    assert len(placed(d, Role.ENTRY)) == 1
    for identity in ("first", "second"):
        d.signal("AAPL", "BUY", identity=identity)
    assert reasons(d)[1:] == [Reason.DUPLICATE_SIGNAL] * 2
    assert len(placed(d, Role.ENTRY)) == 1


def test_failure_09_a_rejection_leaves_a_phantom_trade_that_blocks_the_symbol(side: int) -> None:
    d = desk(side, Policies(margin="refuse", cash=Decimal(100), margin_rate=Decimal(1)))
    d.signal("AAPL", "BUY")
    assert Reason.BROKER_REJECTED in reasons(d)
    assert d.context_state("AAPL") == "flat"
    d.quotes["AAPL"] = MarketView("AAPL")
    d.signal("AAPL", "BUY")
    assert reasons(d)[-1] == Reason.NO_PRICE
    d.quote("AAPL", 99.99, 100.0)
    d.signal("AAPL", "BUY")
    assert reasons(d)[-1] == Reason.BROKER_REJECTED
    assert len(placed(d, Role.ENTRY)) == 2
    assert not d.core.state.executions_today  # only executions count


@pytest.mark.parametrize("on_opposite", ["reverse", "close", "ignore"])
def test_failure_11_buy_and_sell_arriving_together_both_enter(side: int, on_opposite: str) -> None:
    d = desk(side, on_opposite=on_opposite)
    view = d.quotes["AAPL"]
    before = len(d.answers)
    kinds = ("BUY", "SHORT") if side > 0 else ("SHORT", "BUY")
    d.feed(
        *[
            SignalArrived(Signal(f"x:{kind}", "test", "AAPL", kind, 1.0, d.now_ns), view)
            for kind in kinds
        ]
    )
    first = [c for c in d.answers[before] if isinstance(c, Place) and not c.spec.parent_id]
    assert [d.word(c.spec.action) for c in first] == ["BUY"]
    d.wait(5)
    assert d.exchange.oracle.crossings == 0
    ends = {"reverse": -300, "close": 0, "ignore": 300}
    assert d.position("AAPL") == ends[on_opposite]


def test_failure_12_flatten_repeated_on_every_opposite_signal(side: int) -> None:
    d = desk(side, on_opposite="close")
    d.signal("AAPL", "BUY")
    d.quote("AAPL", 99.99, 100.0, size=1)
    for _ in range(5):
        d.signal("AAPL", "SHORT")
    assert len(placed(d, Role.CLOSE)) == 1
    assert reasons(d) == [Reason.BUSY] * 4


def _logging(name: str, priority: int, event: str = "PredictionSignalEvent") -> str:
    when = {"kind": "event", "event": event}
    then = {"kind": "log", "level": "critical", "text": name}
    return orjson.dumps({"id": name, "priority": priority, "when": when, "then": then}).decode()


def test_failure_24_rule_registered_during_evaluation_breaks_the_loop() -> None:
    """Signals and changes of rules in one step: each signal is asked of exactly the rules that
    stood when it came, in their order, each once."""
    d = desk(1, pattern=False)
    view = d.quotes["AAPL"]

    def signal(name: str) -> SignalArrived:
        return SignalArrived(Signal(name, "test", "AAPL", "BUY", 1.0, d.now_ns), view)

    d.feed(
        RuleChanged("add", "b", _logging("b", 50)),
        RuleChanged("add", "d", _logging("d", 10)),
        signal("1"),
        RuleChanged("add", "a", _logging("a", 100)),
        RuleChanged("add", "c", _logging("c", 50)),
        signal("2"),
        RuleChanged("remove", "b"),
        RuleChanged("replace", "d", _logging("d", 70)),
        signal("3"),
        RuleChanged("disable", "a"),
        signal("4"),
    )
    assert told(d, "critical") == [*"bd", *"abcd", *"adc", *"dc"]


def test_failure_24_a_rule_that_is_gone_when_its_turn_comes_does_nothing() -> None:
    """It was woken by an event, and waits for the market of the moment."""
    d = desk(1)
    d.feed(RuleChanged("add", "x", _logging("x", 0, "PositionOpenEvent")))
    d.carry_out = _first_removing(d, "x")  # type: ignore[method-assign]
    d.signal("AAPL", "BUY")
    assert told(d, "critical") == []
    assert d.held("AAPL") == 300


def _first_removing(d: Desk, rule: str) -> object:
    """What the desk carries out; before it answers a look at the market a rule is removed."""
    carry_out = d.carry_out

    def answered(command: object) -> list[object]:
        told = list(carry_out(command))  # type: ignore[arg-type]
        seen = type(command).__name__ == "LookAtMarket"
        return [RuleChanged("remove", rule), *told] if seen else told

    return answered

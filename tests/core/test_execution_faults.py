"""Executions and commissions at their worst; numbers are those of the fault matrix."""

from __future__ import annotations

import random
from decimal import Decimal

import attrs
import pytest

from engine.commands import Snapshot
from engine.inputs import (
    CloseRequested,
    CommissionReported,
    ExecutionReported,
    OcoLeg,
    OcoRequested,
    OrderOpened,
    OrderStatusReported,
    SnapshotStarted,
)
from engine.orders import Role
from statecharts.vocabulary import OcoState
from tests.core.bracketed import execution, naked
from tests.core.desk import CLIENT, SECOND, Desk
from tests.core.test_core import desk, placed, sent


def play(d: Desk) -> None:
    """A bracket that fills in three parts and leaves through its target in two."""
    d.quote("AAPL", 99.99, 100.0, size=100)
    d.signal("AAPL", "BUY")
    d.wait(0.5)
    d.quote("AAPL", 100.03, 100.04, size=100)
    d.quote("AAPL", 100.0, 100.01, size=100)
    d.wait(1)
    d.quote("AAPL", 105.0, 105.01, size=50)
    d.quote("AAPL", 100.0, 100.01)
    d.wait(1)


def ending(d: Desk) -> tuple[object, ...]:
    d.heal()
    context = d.core.state.current["AAPL"]
    return d.context_state("AAPL"), context.held, d.live("AAPL"), context.basis


@pytest.mark.parametrize(
    ("fault", "value"),
    [
        pytest.param("repeats", 4, id="01-duplicates"),
        *[pytest.param("shuffle", random.Random(s), id=f"02-reordered-{s}") for s in range(4)],
        pytest.param("lost", {OrderStatusReported}, id="03-no-status"),
        pytest.param("lost", {OrderOpened}, id="04-no-open-order"),
        pytest.param("executions_to_lose", 1, id="05-one-execution-lost"),
        pytest.param("executions_to_lose", 3, id="05-three-executions-lost"),
        pytest.param("execution_delay_ns", 60 * SECOND, id="06-executions-late"),
        pytest.param("lost", {CommissionReported}, id="07-no-commission"),
    ],
)
def test_01_to_07_the_end_is_that_of_a_good_day(fault: str, value: object) -> None:
    good = desk()
    play(good)
    bad = desk()
    setattr(bad.courier, fault, value)
    bad.courier.used = True
    play(bad)
    assert ending(bad) == ending(good)
    assert ending(good)[:3] == ("protected", 250, ["SELL 250 LMT 104.01", "SELL 250 STP 94.02"])
    assert naked(bad) == 0


def test_06_while_an_execution_is_late_nothing_is_sent_again() -> None:
    d = desk()
    d.courier.execution_delay_ns = 60 * SECOND
    d.courier.lost = {SnapshotStarted}  # counts as a fault; snapshots themselves are answered
    d.signal("AAPL", "BUY")
    d.wait(5)
    assert len(placed(d, Role.ENTRY)) == 1
    assert d.core.state.held("AAPL") == 300  # the question brought it before the messenger


@pytest.mark.parametrize("fee", [None, Decimal("-0.25"), Decimal("1.5")])
def test_07_a_commission_changes_profit_only(fee: Decimal | None) -> None:
    d = desk()
    d.courier.lost = {CommissionReported}
    name = "00000007.00000001.01.01"
    d.feed(CommissionReported(name, fee, "USD", None))  # ahead of its execution
    d.signal("AAPL", "BUY")
    context = d.core.state.current["AAPL"]
    before = (context.held, context.state, d.live("AAPL"))
    assert context.ledger.commission == (fee or 0)
    d.feed(CommissionReported(name, Decimal(2), "USD", None))
    assert context.ledger.commission == 2
    assert (context.held, context.state, d.live("AAPL")) == before


@pytest.mark.parametrize("quantity", [0, 250, 310])
def test_08_a_corrected_quantity(quantity: int) -> None:
    """The stop follows what is held now; a bust leaves nothing."""
    d = desk()
    d.signal("AAPL", "BUY")
    d.courier.used = True  # the exchange does not know of the correction
    first = execution(d, 0)
    d.feed(
        attrs.evolve(first, execution_id=first.execution_id[:-2] + "02", quantity=Decimal(quantity))
    )
    assert d.core.state.held("AAPL") == quantity
    stops = [line for line in d.live("AAPL") if "STP" in line]
    assert stops == ([f"SELL {quantity} STP 94.00"] if quantity else [])


@pytest.mark.parametrize("shares", [0, 4])
def test_08_a_status_of_before_a_correction_is_not_waited_for(shares: int) -> None:
    """The correction overtook what it corrects, and the status that counts it; the broker's
    position says that nothing is missing."""
    d = desk()
    legs = OcoLeg("BUY", "LMT", Decimal(90)), OcoLeg("BUY", "STP", Decimal(110))
    d.feed(OcoRequested("pair", "AAPL", Decimal(10), legs, d.quotes["AAPL"]))
    (group,) = d.core.state.groups.values()
    leg = list(group.orders.values())[1]
    d.courier.lost = {OrderOpened, OrderStatusReported, ExecutionReported}
    d.broker_fills("AAPL", ["STP"], Decimal(10))
    d.courier.lost = set()
    (old,) = d.exchange.executions()
    live = d.exchange._registry.find(CLIENT, leg.order_id)
    d.deliver([d.exchange._floor.ledger.correct(old, Decimal(shares), old.price, live)])
    d.feed(
        OrderStatusReported(
            leg.order_id, old.perm_id, CLIENT, 0, "Filled", Decimal(10), Decimal(0), old.price, ""
        )
    )
    d.wait(30)
    assert (group.held, OcoState(group.state)) == (shares, OcoState.DONE)
    asked = len(sent(d, Snapshot))
    d.wait(300)
    assert len(sent(d, Snapshot)) == asked


def test_08_a_corrected_price_moves_the_stop() -> None:
    d = desk()
    d.signal("AAPL", "BUY")
    first = execution(d, 0)
    d.feed(attrs.evolve(first, execution_id=first.execution_id[:-2] + "02", price=Decimal(101)))
    assert d.live("AAPL") == ["SELL 300 LMT 105.00", "SELL 300 STP 95.00"]


def test_08_the_bust_of_a_closing_fill_brings_the_shares_back_and_they_go() -> None:
    d = desk()
    d.signal("AAPL", "BUY")
    d.feed(CloseRequested("AAPL", "operator"))
    assert d.context_state("AAPL") == "flat"
    d.courier.used = True
    last = execution(d, 1)
    d.feed(attrs.evolve(last, execution_id=last.execution_id[:-2] + "02", quantity=Decimal(0)))
    assert [p.spec.quantity for p in placed(d, Role.CLOSE)] == [300, 300]
    assert d.context_state("AAPL") == "flat"


def test_09_the_earlier_revision_comes_later() -> None:
    d = desk()
    d.signal("AAPL", "BUY")
    d.courier.used = True
    first = execution(d, 0)
    second = attrs.evolve(first, execution_id=first.execution_id[:-2] + "02", quantity=Decimal(200))
    d.feed(second)
    digest = d.core.state.digest()
    d.feed(first)
    assert d.core.state.held("AAPL") == 200
    assert d.core.state.digest() == digest


def test_an_execution_of_ours_in_a_symbol_that_is_not_ours_any_more() -> None:
    """The strategy has dropped the symbol, and an order of before has filled: it is told, and the
    others go on."""
    d = desk()
    d.signal("AAPL", "BUY")
    ours = {"order_ref": f"{d.core.state.tag}-9-E77", "order_id": 77, "perm_id": 77}
    there = {"execution_id": "x.9.01.01", "symbol": "GONE", "con_id": 999}
    d.feed(execution(d, 0, **ours, **there))
    assert "GONE" in d.core.state.frozen
    d.wait(70)
    assert d.context_state("AAPL") == "protected"

"""Orders that are called dead too soon: what contradicts a death brings them back."""

from __future__ import annotations

from decimal import Decimal

import attrs
import pytest

from engine.inputs import (
    CloseRequested,
    ErrorReported,
    ExecutionReported,
    MarketView,
    OcoLeg,
    OcoRequested,
)
from engine.orders import Order, Role
from engine.sim.policies import Policies
from statecharts.vocabulary import OcoState, OrderAsk, OrderReport
from tests.core.desk import ACCOUNT, CLIENT, Desk
from tests.core.test_core import desk

SECOND_NS = 1_000_000_000


def executed(d: Desk, order: Order, shares: int) -> ExecutionReported:
    """An execution of one of our orders, as the broker would tell it."""
    return ExecutionReported(
        f"0001.late.{order.order_id}.01", order.order_id, 4711, CLIENT, order.spec.order_ref,
        ACCOUNT, d.instruments[order.symbol].con_id, order.symbol, order.spec.action,
        Decimal(shares), Decimal(100), Decimal(shares), "SIM", "", False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("shares", "then"), [(100, OrderReport.UNKNOWN), (300, OrderReport.FILLED)]
)
def test_an_order_proven_absent_lives_if_it_fills_in_part(shares: int, then: OrderReport) -> None:
    """TWS held it behind a dialog. What has filled contradicts the proof, so the rest may live:
    only a fill of all of it is its end."""
    d = desk()
    d.courier.requests_to_lose = 3
    d.signal("AAPL", "BUY")
    entry = next(o for o in d.core.state.orders.values() if o.role is Role.ENTRY)
    for _ in range(100):
        if entry.reported == OrderReport.ABSENT:
            break
        d.wait(0.1)
    assert entry.reported == OrderReport.ABSENT
    d.linked = False  # what the core asks because of it is not the theme here
    d.core.step((executed(d, entry, shares),), d.now_ns)
    assert entry.reported == then


def test_a_refused_amendment_under_a_cancel_is_not_the_end_of_its_order() -> None:
    """Error 201 answers a request, not an order: here the amendment before the cancel."""
    slow = 60 * SECOND_NS
    d = desk(Policies(modify_delay_ns=slow, cancel_delay_ns=slow))
    seen = d.quotes["AAPL"]
    assert seen.ask is not None
    d.quotes["AAPL"] = attrs.evolve(seen, ask=seen.ask - 0.5, bid=seen.ask - 0.51)
    d.signal("AAPL", "BUY")  # it fills at another price than decided: both exits are amended
    target = next(o for o in d.core.state.orders.values() if o.role is Role.TARGET)
    assert target.asked == OrderAsk.AMENDING
    d.courier.requests_to_lose = 2  # the cancel and the close, so that nothing else ends it
    d.feed(CloseRequested("AAPL", "operator"))
    assert target.asked == OrderAsk.CANCELLING

    d.feed(ErrorReported(target.order_id, 201, "Order rejected - reason:no"))

    assert not target.dead
    d.heal()
    assert (d.context_state("AAPL"), d.live("AAPL")) == ("flat", [])


def test_a_leg_that_dies_part_filled_has_not_filled() -> None:
    d = desk()
    legs = OcoLeg("BUY", "LMT", Decimal(90)), OcoLeg("BUY", "STP", Decimal(110))
    view: MarketView = d.quotes["AAPL"]
    d.feed(OcoRequested("pair", "AAPL", Decimal(10), legs, view))
    (group,) = d.core.state.groups.values()
    first = next(iter(group.orders.values()))
    d.courier.used = True
    d.feed(executed(d, first, 4))
    assert group.state == OcoState.PART_FILLED
    for leg in list(group.orders.values()):
        d.deliver(d.exchange.cancel(CLIENT, leg.order_id))
    assert first.dead
    assert first.filled == 4
    assert group.state != OcoState.ONE_FILLED

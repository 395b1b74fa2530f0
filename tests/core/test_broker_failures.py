"""Failures of such systems, by number and name, that do not happen here: what the broker says."""

from __future__ import annotations

import random
from decimal import Decimal
from itertools import pairwise

import attrs
import pytest

from engine.commands import Amend, Place, Snapshot
from engine.events import (
    AlertEvent,
    FillEvent,
    RejectEvent,
    TradeEvent,
)
from engine.inputs import (
    OcoLeg,
    OcoRequested,
    OrderIdGranted,
    OrderOpened,
    OrderStatusReported,
)
from engine.orders import Role
from engine.sim.exchange import Exchange
from engine.sim.policies import Policies
from statecharts.vocabulary import OrderReport
from tests.core.desk import ACCOUNT, CLIENT
from tests.core.sided_desk import PROTECTED, SidedDesk, desk, told
from tests.core.test_core import config, placed, sent


@pytest.mark.parametrize("status", ["", "Gone Fishing", "Sübmitted", "PendingReplace"])
def test_failure_14_a_status_callback_that_raises_and_is_swallowed(side: int, status: str) -> None:
    """What makes no sense is told and asked about; the step is not lost."""
    d = desk(side)
    d.signal("AAPL", "BUY")
    stop = placed(d, Role.STOP)[0].order_id
    before = len(sent(d, Snapshot))
    d.wait(1)
    d.feed(
        OrderStatusReported(
            stop, 0, CLIENT, 0, status, Decimal(0), Decimal(300), Decimal(0), "trigger"
        )
    )
    assert any("unknown status" in text for text in told(d, "warning"))
    assert len(sent(d, Snapshot)) > before
    assert d.core.state.orders[stop].reported == OrderReport.HELD
    assert d.live("AAPL") == PROTECTED


@pytest.mark.parametrize("seed", range(6))
def test_failure_15_fills_lost_or_doubled(side: int, seed: int) -> None:
    """Status before execution, everything three times, in any order, and a fill that meets the
    cancel of its order."""
    d = desk(side, Policies(cancel_delay_ns=100_000_000, pending_cancel=True))
    d.courier.repeats, d.courier.shuffle, d.courier.used = 3, random.Random(seed), True
    d.quote("AAPL", 99.99, 100.0, size=100)
    d.bracket("AAPL", "100", "94")
    d.close("AAPL")
    d.quote("AAPL", 99.99, 100.0, size=150)  # into the cancel of the entry
    assert len(d.said(FillEvent)) == len(d.exchange.executions())
    d.heal()
    assert d.held("AAPL") == d.position("AAPL") == 0
    assert len(d.said(FillEvent)) == len(d.exchange.executions())
    traded = sum(event.quantity for event in d.events if isinstance(event, TradeEvent))
    left = [e for e in d.exchange.executions() if e.side == d.word("SELL")]
    assert traded == sum(e.quantity for e in left)


def test_failure_17_bracket_children_or_oco_cancels_that_never_reach_the_broker(side: int) -> None:
    d = desk(side, Policies(oca_siblings="forget"))
    d.bracket("AAPL", "99", "94")
    burst = placed(d)
    assert [p.spec.transmit for p in burst] == [False, False, True]
    assert {p.spec.parent_id for p in burst[1:]} == {burst[0].order_id}
    assert len(d.live("AAPL")) == 3
    buy = d.word("BUY")
    legs = OcoLeg(buy, "LMT", d.price(98)), OcoLeg(buy, "STP", d.price(102))
    d.feed(OcoRequested("o1", "MSFT", Decimal(100), legs, d.quotes["MSFT"]))
    d.trade("MSFT", 102.0)
    assert d.live("MSFT") == []  # the broker has forgotten the sibling; we have not


def test_failure_18_order_types_or_time_in_force_sent_empty(side: int) -> None:
    """Of every order that a trade can have: entries, adds, exits, trailing ones, a close."""
    plain = desk(side, double_down={"levels": [0.5]}, scale_in={"portion": 50})
    trailing = desk(side, trailing={"percent": 5}, outside_rth=True, entry=_LIMIT)
    for d in (plain, trailing):
        d.signal("AAPL", "BUY")
        d.quote("AAPL", 102.99, 103.0)
        d.quote("AAPL", 98.98, 98.99)
        d.signal("AAPL", "SHORT")
        d.close(None)
        d.bracket("MSFT", "98", "94")
    specs = [c.spec for d in (plain, trailing) for c in d.commands if isinstance(c, Place | Amend)]
    assert {spec.order_type for spec in specs} == {"MKT", "LMT", "STP", "TRAIL"}
    for spec in specs:
        assert spec.tif in ("DAY", "GTC")
        assert spec.account == ACCOUNT
        assert (spec.limit_price is not None) == (spec.order_type == "LMT")
        assert (spec.aux_price is not None) == (spec.order_type == "STP")
        trails = spec.trail_percent is not None and spec.trail_stop_price is not None
        assert trails == (spec.order_type == "TRAIL")
        assert spec.order_ref.replace("-", "").isalnum()
    protective = [s for s in specs if s.order_type in ("STP", "TRAIL")]
    assert all(s.tif == "GTC" and s.oca_type == 2 and s.oca_group for s in protective)


_LIMIT = {"type": "limit", "offset": {"amount": 1}}


@pytest.mark.parametrize("status", ["Inactive", "Cancelled", "none"])
def test_failure_19_a_broker_rejection_nobody_handles(side: int, status: str) -> None:
    d = desk(side, Policies(margin="refuse", cash=Decimal(1), rejected_status=status))
    d.signal("AAPL", "BUY")
    d.wait(5)
    (rejected,) = [e for e in d.said(RejectEvent) if e.role == "entry"]
    assert rejected.code == 201
    assert "buying power" in rejected.reason
    assert not [o for o in d.core.state.orders.values() if not o.dead]
    assert d.context_state("AAPL") == "flat"


@pytest.mark.parametrize("order_type", ["STP", "LMT"])
def test_failure_19_of_an_add_that_is_rejected_the_trade_goes_on(
    side: int, order_type: str
) -> None:
    """A rejected add, or one whose stop is rejected: what is held keeps its own protection."""
    d = desk(side, double_down={"levels": [0.5, 0.8]})
    d.quote("AAPL", 99.99, 100.0, size=299)
    d.signal("AAPL", "BUY")
    d.refusals[order_type] = 1
    d.quote("AAPL", 99.99, 100.0)
    d.wait(5)
    assert d.cover("AAPL", ("STP",)) == {d.price(94): 300}
    assert d.held("AAPL") == 300
    assert [line for line in d.live("AAPL") if line.startswith("BUY")] == ["BUY 300 LMT 95.20"]


def test_failure_20_decimal_quantities_mixed_with_floats(side: int) -> None:
    """Three fills of 0.1 are 0.3, and so is the stop."""
    d = SidedDesk(config(sizing={"shares": 0.3}, entry=_LIMIT), connect=False)
    d.side = side
    for symbol, one in d.instruments.items():
        d.instruments[symbol] = attrs.evolve(one, lot=Decimal("0.1"))
    d.exchange = Exchange(list(d.instruments.values()), ACCOUNT, Policies(), 1, d.now_ns, 7)
    d.start()
    d.quote("AAPL", 99.99, 100.0)
    d.signal("AAPL", "BUY")
    for _ in range(3):
        d.broker_fills("AAPL", ["LMT"], Decimal("0.1"))
    assert d.held("AAPL") == Decimal("0.3")
    assert d.live("AAPL") == ["SELL 0.3 LMT 103.00", "SELL 0.3 STP 93.00"]
    for command in d.commands:
        if isinstance(command, Place | Amend):
            spec = command.spec
            for number in (spec.quantity, spec.limit_price, spec.aux_price):
                assert number is None or type(number) is Decimal


def test_failure_22_order_ids_reused_or_reset() -> None:
    """TWS grants a lower id after a restart; ours only rise, also across our own restart."""
    d = desk(1)
    d.signal("AAPL", "BUY")
    d.feed(OrderIdGranted(1))
    d.signal("MSFT", "BUY")
    d.restart()
    d.feed(OrderIdGranted(2))
    d.signal("TSLA", "BUY")
    numbers = [p.order_id for p in placed(d)]
    assert all(a < b for a, b in pairwise(numbers))
    assert len(numbers) == 9
    d.feed(OrderIdGranted(5000))
    d.close("TSLA")
    assert placed(d)[-1].order_id == 5000


@pytest.mark.parametrize("number", [2**31 - 1, 2**31 - 2])
@pytest.mark.parametrize("source", ["granted", "used"])
def test_failure_22_there_is_an_order_id_for_a_stop_whatever_the_broker_says(
    source: str, number: int
) -> None:
    """The last number there is, granted or used by another program under our client id."""
    d = desk(1)
    d.signal("AAPL", "BUY")
    other = OrderOpened(
        number, 77, CLIENT, 0, "", ACCOUNT, d.instruments["MSFT"].con_id, "MSFT", "BUY",
        Decimal(1), "LMT", Decimal(1), None, "DAY", "", 0, "Submitted",
    )  # fmt: skip
    d.feed(OrderIdGranted(number) if source == "granted" else other)
    d.broker_cancels("AAPL", "STP")
    assert placed(d)[-1].order_id == 4
    assert d.context_state("AAPL") == "protected"
    assert [one.level for one in d.said(AlertEvent) if "order ids" in one.text] == (
        ["critical"] if source == "granted" else []
    )

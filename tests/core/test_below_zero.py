"""Distances that are larger than the price: no exit is ever sent at a price that does not exist."""

from __future__ import annotations

from decimal import Decimal

import attrs

from engine.inputs import ExecutionReported, MarketView
from engine.reasons import Reason
from engine.sim.records import ExecutionNotice
from engine.sim.wireless import translate
from tests.core.desk import CLIENT
from tests.core.test_core import desk, reasons


def test_a_target_that_no_price_can_reach_is_left_out() -> None:
    """A short is to gain more than its price: the stop protects it, and nothing ends the engine."""
    d = desk(stop={"percent": 3}, target={"atr": 3.4}, sell_means="short")
    d.quote("AAPL", 99.99, 100.0, atr=30.0)
    d.signal("AAPL", "SHORT")
    assert (d.context_state("AAPL"), d.live("AAPL")) == ("protected", ["BUY 300 STP 102.98"])


def test_a_target_goes_when_its_price_has_moved_below_zero() -> None:
    """The short has brought less than was first told: the exchange corrects its price."""
    d = desk(stop={"amount": 80}, target={"amount": 97}, sell_means="short")
    d.signal("AAPL", "SHORT")
    assert "BUY 300 LMT 2.99" in d.live("AAPL")
    fill = next(e for e in d.exchange.executions() if e.side == "SELL")
    (told,) = (
        one for one in translate(ExecutionNotice(fill)) if isinstance(one, ExecutionReported)
    )
    d.courier.used = True
    identity, _ = fill.execution_id.rsplit(".", 1)
    d.feed(attrs.evolve(told, execution_id=f"{identity}.02", price=Decimal(90)))
    assert d.live("AAPL") == ["BUY 300 STP 170.00"]


def test_a_stop_is_never_at_zero_or_below() -> None:
    """What is cheap fills cheaper than decided: the stop stays at the lowest price there is."""
    d = desk(stop={"amount": 1}, target=[])
    d.quote("AAPL", 0.99, 1.00)
    d.quotes["AAPL"] = MarketView("AAPL", 1.01, 1.02, 1.02, 0, 1.0)  # what the decision is made on
    d.signal("AAPL", "BUY")
    assert d.exchange.position("AAPL") == 300
    (stop,) = d.exchange.open_orders(CLIENT)
    assert (stop.remaining, stop.aux_price) == (300, Decimal("0.0001"))


def test_no_entry_whose_stop_would_be_below_zero() -> None:
    d = desk(stop={"amount": 1}, target=[])
    d.quote("AAPL", 0.99, 1.00)
    d.signal("AAPL", "BUY")
    assert reasons(d) == [Reason.NO_STOP]

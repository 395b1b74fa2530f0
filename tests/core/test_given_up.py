"""The rest of an entry is given up while its exits already trade (B3): from then on no exit is
asked to be for it, or the cancelled parent would leave them larger than what is held."""

from __future__ import annotations

from decimal import Decimal

import pytest

from engine.commands import Amend, Cancel
from engine.sim.policies import Policies
from engine.sim.records import MarketTick
from tests.core.sided_desk import SidedDesk, desk

D = Decimal
SLOW = Policies(cancel_delay_ns=200_000_000)


def part_stopped_out(side: int, policies: Policies | None = None) -> SidedDesk:
    """Of 300 shares 100 came in and then 50 dearer ones; before the stop can follow that it is
    hit, and trades 40 of them: all of it is told at once."""
    d = desk(side, policies, stop={"amount": 6}, target=[])
    d.quote("AAPL", 99.99, 100.0, size=100)
    d.signal("AAPL", "BUY")
    d.wait(1)
    assert d.live("AAPL") == ["BUY 200 MKT", "SELL 300 STP 94.00"]
    d.commands.clear()
    bid, ask = ("B", "A") if side > 0 else ("A", "B")
    happened = []
    for kind, price, size in ((ask, 100.6, 50), (bid, 93.5, 40), ("T", 93.5, 40)):
        at = float(d.price(price))
        happened += d.exchange.on_tick(MarketTick(d.now_ns, "AAPL", kind, at, size))
    d.deliver(happened)
    assert d.held("AAPL") == 110
    return d


def amended(d: SidedDesk) -> list[Decimal]:
    """The sizes that its stop was asked to have, from when the entry was asked to go."""
    first = next(at for at, one in enumerate(d.commands) if isinstance(one, Cancel))
    return [one.spec.quantity for one in d.commands[first:] if isinstance(one, Amend)]


@pytest.mark.parametrize("policies", [None, SLOW])
def test_its_stop_waits_for_the_end_of_the_entry(side: int, policies: Policies | None) -> None:
    d = part_stopped_out(side, policies)
    d.wait(0.3)
    assert amended(d) == [150]  # with what has filled, at the price that goes with it
    assert d.live("AAPL") == ["SELL 110 STP 94.20"]


def test_it_waits_no_longer_than_a_close_would(side: int) -> None:
    """A broker that does not answer the cancel does not keep the stop where it is."""
    d = part_stopped_out(side, Policies(cancel_delay_ns=3_000_000_000, pending_cancel=True))
    d.wait(0.4)
    assert amended(d) == []
    d.wait(0.2)
    assert amended(d) == [300]
    d.wait(5)
    assert d.live("AAPL") == ["SELL 110 STP 94.20"]

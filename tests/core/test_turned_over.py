"""A trade that seems to have turned over, because its entry's executions come after those of its
exit: what closes it must not come on top of what the entry has brought."""

from __future__ import annotations

from decimal import Decimal

import pytest

from engine.inputs import OrderStatusReported
from engine.orders import Role
from tests.core.sided_desk import SidedDesk, desk
from tests.core.test_core import placed

D = Decimal


def overtaken(side: int, seconds: float) -> SidedDesk:
    """The entry has filled and its stop has traded; the entry's execution comes later."""
    d = desk(side)
    d.courier.execution_delay_ns = int(seconds * 1e9)
    d.signal("AAPL", "BUY")
    d.courier.execution_delay_ns = 0
    assert d.held("AAPL") == 0
    d.quote("AAPL", 93.0, 93.1)
    d.trade("AAPL", 93.0)
    assert d.held("AAPL") == -300
    assert d.position("AAPL") == 0
    return d


def test_what_a_status_has_counted_is_there_before_its_execution_is_told(side: int) -> None:
    d = overtaken(side, 60)
    assert placed(d, Role.CLOSE) == []
    d.wait(5)  # a round asks for executions, and the missing one is found
    assert d.held("AAPL") == d.position("AAPL") == 0
    assert placed(d, Role.CLOSE) == []
    d.wait(60)
    assert d.held("AAPL") == d.position("AAPL") == 0
    assert d.context_state("AAPL") == "flat"


@pytest.mark.parametrize("seconds", [0.5, 60])
def test_an_entry_of_which_nothing_was_told_has_its_time(side: int, seconds: float) -> None:
    d = desk(side)
    d.courier.lost = {OrderStatusReported}
    d.courier.execution_delay_ns = int(seconds * 1e9)
    d.signal("AAPL", "BUY")
    d.courier.execution_delay_ns = 0
    d.courier.lost = set()
    d.quote("AAPL", 93.0, 93.1)
    d.trade("AAPL", 93.0)
    assert d.held("AAPL") == -300
    assert d.position("AAPL") == 0
    d.wait(90)
    assert placed(d, Role.CLOSE) == []
    assert d.held("AAPL") == d.position("AAPL") == 0


def test_what_was_really_sold_twice_is_bought_back_at_once(side: int) -> None:
    d = desk(side)
    d.signal("AAPL", "BUY")
    d.broker_fills("AAPL", ["STP", "LMT"], D(300))
    assert len(placed(d, Role.CLOSE)) == 1
    assert d.held("AAPL") == d.position("AAPL") == 0

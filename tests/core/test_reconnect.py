"""What has its time goes on having it when the connection is a new one."""

from __future__ import annotations

from decimal import Decimal

import pytest

from engine.config import from_mapping
from engine.events import RefusalEvent
from engine.inputs import CloseRequested, OcoLeg, OcoRequested, Side
from tests.core.desk import CLIENT, SECOND, Desk
from tests.core.test_core import desk


@pytest.mark.parametrize("seconds", [9, 11])
def test_a_stop_that_does_not_fill_is_escalated_after_a_reconnect(seconds: int) -> None:
    """The price has been behind it all the time, so nothing but the clock would tell again."""
    d = desk(stop_unfilled_after_s=10.0)
    d.signal("AAPL", "BUY")
    d.quote("AAPL", 93.9, 93.95)  # no trade there sets the stop off
    d.wait(5)
    d.lose()
    d.connect()
    d.wait(seconds - 5)
    assert d.exchange.position("AAPL") == (0 if seconds > 10 else 300)


@pytest.mark.parametrize("seconds", [29, 31])
def test_the_rest_of_an_entry_has_its_time_over_a_reconnect(seconds: int) -> None:
    d = desk(entry_partial_timeout_s=30.0, entry_partial="flatten")
    d.quote("AAPL", 99.99, 100.0, size=100)
    d.signal("AAPL", "BUY")
    assert d.core.state.held("AAPL") == 100
    d.wait(5)
    d.lose()
    d.connect()
    d.wait(seconds - 5)
    assert d.exchange.position("AAPL") == (0 if seconds > 30 else 100)


def with_a_cancelled_pair(side: Side, limit: int, stop: int) -> Desk:
    """Both legs of an OCO of 10 shares have been taken back."""
    d = desk()
    legs = OcoLeg(side, "LMT", Decimal(limit)), OcoLeg(side, "STP", Decimal(stop))
    d.feed(OcoRequested("pair", "AAPL", Decimal(10), legs, d.quotes["AAPL"]))
    (group,) = d.core.state.groups.values()
    for leg in list(group.orders.values()):
        d.deliver(d.exchange.cancel(CLIENT, leg.order_id))
    d.wait(10)
    return d


def test_what_was_placed_directly_is_forgotten_after_a_reconnect() -> None:
    d = with_a_cancelled_pair("BUY", limit=90, stop=110)
    d.lose()
    d.connect()
    d.wait(1000)
    assert not d.core.state.groups
    assert not d.core.state.orders


def test_what_was_paced_by_a_clock_that_was_ahead_is_not_paced_until_it_is_reached() -> None:
    """The demonstration begins its day anew with every start: orders of its afternoon counted as
    those of the last minute until that afternoon came again."""
    d = Desk(
        from_mapping(
            {
                "strategy": {
                    "symbols": ["AAPL", "MSFT"],
                    "sizing": {"shares": 100},
                    "stop": {"percent": 5},
                    "cooldown_s": 0,
                },
                "limits": {
                    "orders_per_minute_max": 3,
                    "entries_in_window_max": 1,
                    "stop_outs_in_window_max": 1,
                },
            }
        )
    )
    for symbol in ("AAPL", "MSFT"):
        d.quote(symbol, 100.0, 100.0)
    d.wait(3 * 3600)
    d.signal("AAPL", "BUY")
    d.trade("AAPL", 94.0, 1000)
    d.wait(90)
    assert not d.core.state.held("AAPL")
    d.lose()
    d.now_ns -= 3 * 3600 * SECOND
    d.connect()
    d.wait(700)
    for symbol in ("AAPL", "MSFT"):
        d.quote(symbol, 100.0, 100.0)
        d.trade(symbol, 100.0, 1000)
        d.signal(symbol, "BUY")
        d.wait(70)

    assert [one.reason for one in d.said(RefusalEvent)] == []
    assert d.core.state.held("AAPL") == d.core.state.held("MSFT") == 100


def test_a_trade_is_not_forgotten_while_nothing_of_it_can_be_heard() -> None:
    """A share of its stop came late, while the link was away for longer than a trade is kept: its
    execution was of nobody, and the symbol stayed frozen."""
    d = desk()
    d.signal("AAPL", "BUY")
    d.feed(CloseRequested("AAPL", "operator"))
    d.wait(5)
    assert (d.exchange.position("AAPL"), d.context_state("AAPL")) == (0, "flat")
    d.lose()
    d.wait(2000)
    d.broker_fills_late("AAPL", "SELL", Decimal(100), "STP", Decimal(94))
    d.connect()
    d.wait(30)

    assert not d.core.state.frozen
    assert d.exchange.position("AAPL") == d.core.state.held("AAPL") == 0
    d.wait(1000)
    assert not d.core.state.contexts


def test_what_was_placed_directly_is_not_forgotten_while_nothing_of_it_can_be_heard() -> None:
    d = with_a_cancelled_pair("SELL", limit=110, stop=90)
    d.lose()
    d.wait(2000)
    d.broker_fills_late("AAPL", "SELL", Decimal(10), "STP", Decimal(90))
    d.connect()
    d.wait(30)

    assert not d.core.state.frozen
    assert d.core.state.held("AAPL") == d.exchange.position("AAPL") == -10

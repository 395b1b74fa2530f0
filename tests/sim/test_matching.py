"""Who trades at what price: each order type against quotes and trades."""

from __future__ import annotations

from decimal import Decimal

import pytest


def test_market_order_takes_what_is_shown_and_waits_for_the_next_quote(trial, read):
    t = trial()
    assert read.fills(t.place(1, "BUY", 250, "MKT")) == []  # nothing shown: it stays working
    assert t.live(1).status == "Submitted"
    assert read.fills(t.tick("B", 99.98, 900)) == []
    assert read.fills(t.tick("A", 100.0, 100)) == [(1, 100, 100.0)]
    assert read.fills(t.trade(100.0, 900)) == []  # a trade refreshes no quote
    assert read.fills(t.place(2, "BUY", 50, "MKT")) == []  # the display is used up
    assert read.fills(t.tick("A", 100.01, 170)) == [(1, 150, 100.01), (2, 20, 100.01)]
    assert t.last(1).average_price == Decimal("100.006")
    t.check()


def test_one_display_is_shared_by_all_our_orders(trial, read):
    t = trial()
    t.quote(99.98, 100.0, 100)
    assert read.fills(t.place(1, "BUY", 60, "LMT", limit_price="100.5")) == [(1, 60, 100.0)]
    assert read.fills(t.place(2, "BUY", 60, "MKT")) == [(2, 40, 100.0)]
    assert read.fills(t.place(3, "SELL", 60, "MKT")) == [(3, 60, 99.98)]


@pytest.mark.parametrize(
    ("side", "limit", "touch", "through", "away"),
    [("BUY", "99.50", 99.50, 99.49, 99.51), ("SELL", "100.50", 100.50, 100.51, 100.49)],
)
def test_a_resting_limit_fills_when_trades_reach_it(trial, read, side, limit, touch, through, away):
    t = trial()
    t.quote(99.98, 100.02)
    t.place(1, side, 300, "LMT", limit_price=limit)
    assert read.fills(t.trade(away, 900)) == []
    assert read.fills(t.trade(touch, 120)) == [(1, 120, touch)]
    assert read.fills(t.trade(through, 10)) == [(1, 180, touch)]
    t.check()


def test_two_orders_at_a_price_share_the_trade_that_touches_them(trial, read):
    t = trial()
    t.quote(99.98, 100.02)
    t.place(1, "BUY", 100, "LMT", limit_price="99.50")
    t.place(2, "BUY", 100, "LMT", limit_price="99.50")
    assert read.fills(t.trade(99.50, 150)) == [(1, 100, 99.5), (2, 50, 99.5)]


def test_a_resting_limit_trades_at_its_own_price_with_a_quote_that_crosses_it(trial, read):
    t = trial()
    t.quote(99.98, 100.02)
    t.place(1, "BUY", 300, "LMT", limit_price="99.99")
    assert read.fills(t.tick("A", 99.97, 200)) == [(1, 200, 99.99)]
    assert read.fills(t.tick("A", 99.99, 200)) == [(1, 100, 99.99)]


def test_a_marketable_limit_takes_the_quote_but_never_beyond_its_limit(trial, read):
    t = trial()
    t.quote(99.98, 100.0, 100)
    assert read.fills(t.place(1, "BUY", 300, "LMT", limit_price="100.01")) == [(1, 100, 100.0)]
    assert read.fills(t.tick("A", 100.02, 500)) == []
    assert read.fills(t.tick("A", 100.01, 500)) == [(1, 200, 100.01)]


def test_with_trades_only_the_last_trade_is_the_display(trial, read):
    t = trial()
    t.trade(50.0, 100)
    assert read.fills(t.place(1, "BUY", 150, "MKT")) == [(1, 100, 50.0)]
    assert read.fills(t.trade(50.1, 200)) == [(1, 50, 50.1)]
    assert read.fills(t.place(2, "SELL", 500, "MKT")) == [(2, 150, 50.1)]
    t.cancel(2)
    t.place(3, "BUY", 100, "LMT", limit_price="50.00")
    assert read.fills(t.trade(50.0, 60)) == [(3, 60, 50.0)]
    assert read.fills(t.trade(49.9, 1)) == [(3, 40, 50.0)]
    t.check()


@pytest.mark.parametrize(
    ("side", "stop", "before", "at"),
    [("SELL", "99.00", 99.01, 99.00), ("BUY", "101.00", 100.99, 101.00)],
)
def test_a_stop_is_elected_by_the_last_trade_and_then_is_a_market_order(
    trial, read, side, stop, before, at
):
    t = trial()
    t.quote(99.98, 100.0, 100)
    said = t.place(1, side, 150, "STP", aux_price=stop)
    assert read.statuses(said) == [(1, "PreSubmitted", "trigger")]
    assert t.quote(98.0, 98.5) + t.quote(102.0, 102.5) + t.trade(before)
    assert t.live(1).stop_elected is False
    t.quote(99.9, 100.1, 100)
    said = t.trade(at)
    price = 99.9 if side == "SELL" else 100.1
    assert read.fills(said) == [(1, 100, price)]
    assert read.statuses(said) == [(1, "Submitted", "")] * 2
    assert read.fills(t.quote(99.8, 100.2, 100)) == [(1, 50, 99.8 if side == "SELL" else 100.2)]


def test_a_native_stop_may_show_as_submitted(trial, read):
    t = trial(stop_status="Submitted")
    assert read.statuses(t.place(1, "SELL", 100, "STP", aux_price="99")) == [(1, "Submitted", "")]


def test_a_stop_placed_beyond_the_market_goes_off_at_once(trial, read):
    t = trial()
    t.quote(99.98, 100.0, 500)
    t.trade(99.99)
    assert read.fills(t.place(1, "SELL", 100, "STP", aux_price="100.5")) == [(1, 100, 99.98)]


def test_an_elected_stop_limit_waits_at_its_limit_when_the_market_gaps(trial, read):
    t = trial()
    t.quote(99.98, 100.0)
    t.place(1, "SELL", 100, "STP LMT", aux_price="99", limit_price="98.90")
    t.quote(97.0, 97.1)
    said = t.trade(97.0)
    assert read.statuses(said) == [(1, "Submitted", "")]
    assert read.fills(said) == []
    assert read.fills(t.quote(98.9, 99.0)) == [(1, 100, 98.9)]


def test_a_trailing_stop_follows_and_never_loosens(trial, read):
    t = trial()
    t.quote(99.98, 100.0, 500)
    t.trade(100.0)
    t.place(1, "SELL", 100, "TRAIL", aux_price="1.00")
    stops = []
    for price in (100.0, 100.5, 100.2, 101.3, 100.4):
        t.trade(price)
        stops.append(t.live(1).trail_stop_price)
    assert stops == [Decimal(text) for text in ("99.0", "99.5", "99.5", "100.3", "100.3")]
    assert read.fills(t.trade(100.3)) == [(1, 100, 99.98)]


def test_a_trailing_buy_stop_by_per_cent_is_rounded_towards_the_market(trial):
    t = trial()
    t.quote(99.98, 100.0)
    t.trade(99.99)
    t.place(1, "BUY", 100, "TRAIL", trailing_percent="2")
    assert t.live(1).trail_stop_price == Decimal("101.98")  # 101.9898 rounded down
    t.place(2, "SELL", 100, "TRAIL", trailing_percent="2")
    assert t.live(2).trail_stop_price == Decimal("98.00")  # 97.9902 rounded up
    t.trade(98.00)
    assert t.live(1).trail_stop_price == Decimal("99.96")


def test_a_given_trail_stop_price_is_where_it_starts(trial):
    t = trial()
    t.quote(99.98, 100.0)
    t.trade(100.0)
    t.place(1, "SELL", 100, "TRAIL", aux_price="5", trail_stop_price="97")
    assert t.live(1).trail_stop_price == 97
    t.trade(103.0)
    assert t.live(1).trail_stop_price == 98
    t.place(1, "SELL", 100, "TRAIL", aux_price="10")
    assert t.live(1).trail_stop_price == 98  # a wider amount does not loosen it


def test_a_moved_limit_is_a_fresh_order_against_the_quote(trial, read):
    t = trial()
    t.quote(99.98, 100.0, 100)
    t.place(1, "BUY", 100, "LMT", limit_price="99")
    said = t.place(1, "BUY", 100, "LMT", limit_price="100.5")
    assert read.fills(said) == [(1, 100, 100.0)]


def test_symbols_do_not_see_each_others_market(trial, read):
    t = trial()
    t.place(1, "BUY", 100, "MKT", symbol="BAC")
    assert read.fills(t.quote(99.98, 100.0)) == []
    assert read.fills(t.tick("A", 13.9, 500, symbol="BAC")) == [(1, 100, 13.9)]
    assert t.position("BAC") == 100
    assert t.position("IBM") == 0

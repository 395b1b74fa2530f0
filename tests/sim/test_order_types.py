"""Every order type of the table: what sets it off and at what price it trades."""

from __future__ import annotations

from decimal import Decimal

import pytest

from engine.sim.order_types import TIMES, TYPES, allowed

D = Decimal


def test_a_trailing_limit_takes_its_limit_along(trial, read):
    t = trial()
    t.quote(99.98, 100.0, 500)
    t.trade(100.0)
    t.place(
        *(1, "SELL", 100, "TRAIL LIMIT"),
        aux_price="1", trail_stop_price="99", limit_offset=D("0.10"),
    )  # fmt: skip
    assert (t.live(1).trail_stop_price, t.live(1).limit_price) == (99, D("98.90"))
    t.trade(103.0)
    assert (t.live(1).trail_stop_price, t.live(1).limit_price) == (102, D("101.90"))
    t.quote(101.5, 101.6, 500)
    said = t.trade(102.0)  # set off, but the bid is below the limit: it waits there
    assert read.fills(said) == []
    assert t.live(1).stop_elected
    assert read.fills(t.trade(102.5)) == [(1, 100, 101.9)]
    t.check()


def test_the_distance_of_a_trailing_limit_may_be_stated_by_its_price(trial):
    t = trial()
    t.quote(99.98, 100.0)
    t.trade(100.0)
    t.place(1, "BUY", 100, "TRAIL LIMIT", trailing_percent="1", trail_stop_price="101",
            limit_price="101.25")  # fmt: skip
    t.trade(98.0)
    assert (t.live(1).trail_stop_price, t.live(1).limit_price) == (D("98.98"), D("99.23"))


@pytest.mark.parametrize(
    "prices",
    [
        {"limit_price": "98", "limit_offset": D(1)},
        {},
        {"limit_offset": D(-1)},
        {"limit_price": "98", "trail_stop_price": None},
    ],
)
def test_a_trailing_limit_needs_one_way_to_its_limit(trial, read, prices):
    t = trial()
    known = {"aux_price": "1", "trail_stop_price": "99"} | prices
    assert read.errors(t.place(1, "SELL", 100, "TRAIL LIMIT", **known)) == [321]
    assert t.exchange.open_orders() == []


@pytest.mark.parametrize(
    ("side", "touch", "before", "at"),
    [("BUY", "99.00", 99.01, 98.99), ("SELL", "101.00", 100.99, 101.00)],
)
def test_market_if_touched_waits_for_the_better_price(trial, read, side, touch, before, at):
    t = trial()
    t.quote(99.98, 100.0, 500)
    said = t.place(1, side, 100, "MIT", aux_price=touch)
    assert read.statuses(said) == [(1, "PreSubmitted", "trigger")]
    assert read.fills(t.trade(before)) == []
    price = 100.0 if side == "BUY" else 99.98
    assert read.fills(t.trade(at)) == [(1, 100, price)]


def test_limit_if_touched_becomes_a_limit_order(trial, read):
    t = trial()
    t.quote(99.98, 100.0, 500)
    t.place(1, "BUY", 100, "LIT", aux_price="99", limit_price="99.10")
    assert read.fills(t.trade(99.0)) == []
    assert t.live(1).status == "Submitted"
    assert read.fills(t.trade(99.05)) == [(1, 100, 99.1)]


def test_a_touched_order_is_no_protection(trial):
    """It closes when the market comes its way, a stop when the market goes against it."""
    t = trial()
    t.quote(99.98, 100.0, 500)
    t.place(1, "BUY", 100, "MKT")
    t.place(2, "SELL", 100, "MIT", aux_price="110")
    assert t.exchange.oracle.report()["uncovered_now"] == {"IBM": 100}
    t.place(3, "SELL", 100, "TRAIL LIMIT", aux_price="1", limit_offset=D("0.5"))
    assert t.exchange.oracle.report()["uncovered_now"] == {}


def test_a_relative_order_follows_its_side_of_the_quote_up_to_its_limit(trial, read):
    t = trial()
    t.quote(99.90, 100.0)
    t.place(1, "BUY", 100, "REL", aux_price="0.02", limit_price="99.97")
    assert read.fills(t.trade(99.93)) == []
    t.tick("B", 99.94)
    assert read.fills(t.trade(99.97)) == []  # at 99.96 now
    assert read.fills(t.trade(99.96, 40)) == [(1, 40, 99.96)]
    t.tick("B", 99.99)  # capped
    assert read.fills(t.trade(99.98)) == []
    assert read.fills(t.trade(99.97)) == [(1, 60, 99.97)]
    t.check()


def test_a_relative_order_without_a_limit_sells_below_the_offer(trial, read):
    t = trial()
    said = t.place(1, "SELL", 100, "REL", aux_price="0.01")
    assert read.fills(said) == []  # nothing is quoted: it has no price yet
    t.quote(99.90, 100.0)
    assert read.fills(t.trade(99.98)) == []
    assert read.fills(t.trade(99.99)) == [(1, 100, 99.99)]


@pytest.mark.parametrize("kind", ["MOC", "LOC"])
def test_orders_on_the_close_trade_at_the_last_price_of_the_session(trial, read, hours, kind):
    t = trial()
    t.quote(99.98, 100.0, 100)
    more = {"limit_price": "99.50"} if kind == "LOC" else {}
    said = t.place(1, "SELL", 5000, kind, tif="DAY", **more)
    assert read.statuses(said) == [(1, "PreSubmitted", "")]
    t.trade(100.0, 9000)
    assert read.fills(t.quote(101, 102, 9000)) == []
    t.trade(99.75)
    said = t.wait((hours[0][1] - t.now_ns) / 1e9)
    assert read.fills(said) == [(1, 5000, 99.75)]
    t.check()


def test_a_limit_that_the_close_does_not_reach_is_cancelled(trial, read, hours):
    t = trial()
    t.place(1, "BUY", 100, "LOC", tif="DAY", limit_price="99.50")
    t.trade(99.51)
    said = t.wait((hours[0][1] - t.now_ns) / 1e9)
    assert read.fills(said) == []
    assert read.errors(said) == [202]


def test_without_a_trade_there_is_no_closing_price(trial, read, hours):
    t = trial()
    t.quote(99.98, 100.0)
    t.place(1, "BUY", 100, "MOC", tif="DAY")
    said = t.wait((hours[0][1] - t.now_ns) / 1e9)
    assert (read.fills(said), read.errors(said)) == ([], [202])


def test_the_door_of_the_closing_auction_shuts(trial, read, hours):
    t = trial(start_ns=hours[0][1] - 599_000_000_000)
    assert read.errors(t.place(1, "BUY", 100, "MOC", tif="DAY")) == [201]
    t = trial(start_ns=hours[0][1] - 599_000_000_000, closing_cutoff_ns=60_000_000_000)
    assert read.errors(t.place(1, "BUY", 100, "MOC", tif="DAY")) == []
    t = trial(start_ns=hours[-1][1] + 1)
    assert read.errors(t.place(1, "BUY", 100, "MOC", tif="DAY")) == [201]


@pytest.mark.parametrize(
    ("kind", "tif", "code"),
    [("MOC", "GTC", 113), ("LOC", "OPG", 113), ("REL", "IOC", 111), ("STP", "OPG", 111),
     ("TRAIL", "FOK", 111), ("MKT", "GTD", 321), ("LMT", "DTC", 10052)],
)  # fmt: skip
def test_a_time_that_does_not_go_with_the_type_is_refused(trial, read, kind, tif, code):
    t = trial()
    said = t.place(1, "BUY", 100, kind, tif=tif, limit_price="99", aux_price="1")
    assert read.errors(said) == [code]


PRICES = {
    "MKT": {},
    "LMT": {"limit_price": "98.50"},
    "STP": {"aux_price": "99"},
    "STP LMT": {"aux_price": "99", "limit_price": "98.50"},
    "TRAIL": {"aux_price": "5", "trail_stop_price": "95"},
    "TRAIL LIMIT": {"aux_price": "5", "trail_stop_price": "95", "limit_price": "94"},
    "MIT": {"aux_price": "105"},
    "LIT": {"aux_price": "105", "limit_price": "104"},
    "MOC": {},
    "LOC": {"limit_price": "98.50"},
    "REL": {"aux_price": "0.50"},
}


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("tif", TIMES)
def test_every_allowed_pair_lives_or_ends_in_order(trial, read, hours, kind, tif):
    """The whole table: what is allowed is accepted, and only GTC is left after the last day."""
    t = trial()
    t.quote(99.98, 100.0, 500)
    t.trade(100.0)
    more = {"good_till_ns": hours[0][1] - 1} if tif == "GTD" else {}
    said = t.place(1, "SELL", 100, kind, tif=tif, **PRICES[kind], **more)
    assert (read.errors(said) == []) == allowed(TYPES[kind], tif)
    t.wait((hours[1][1] - t.now_ns) / 1e9)
    assert [order.tif for order in t.exchange.open_orders()] in ([], ["GTC"])
    t.check()

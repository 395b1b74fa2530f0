"""How long orders live: once, until a date, until the close, for one auction; and cancels."""

from __future__ import annotations

import pytest

from tests.sim.caller import OPEN_NS, Room, contract

DAY_NS = 86_400_000_000_000


def test_what_an_ioc_order_cannot_have_at_once_is_cancelled(trial, read):
    t = trial()
    t.quote(99.98, 100.0, 100)
    said = t.place(1, "BUY", 250, "LMT", limit_price="100", tif="IOC")
    assert (read.fills(said), read.errors(said)) == ([(1, 100, 100.0)], [202])
    assert t.last(1).status == "Cancelled"
    assert t.last(1).filled == 100
    t.check()


@pytest.mark.parametrize(("size", "filled"), [(99, []), (100, [(1, 100, 100.0)])])
def test_fill_or_kill_takes_all_or_nothing(trial, read, size, filled):
    t = trial()
    t.quote(99.98, 100.0, size)
    said = t.place(1, "BUY", 100, "LMT", limit_price="100", tif="FOK")
    assert read.fills(said) == filled
    assert read.errors(said) == ([] if filled else [202])
    t.quote(99.98, 100.0, size)
    if not filled:
        assert read.fills(t.place(2, "BUY", size, "MKT")) == [(2, size, 100.0)]  # display is whole


def test_an_ioc_stop_has_its_chance_when_it_is_set_off(trial, read):
    t = trial()
    t.quote(99.98, 100.0, 60)
    t.place(1, "SELL", 100, "STP", aux_price="99", tif="IOC")
    assert t.live(1) is not None
    said = t.trade(99.0)
    assert (read.fills(said), read.errors(said)) == ([(1, 60, 99.98)], [202])


def test_what_happened_while_nobody_looked_is_told_with_its_own_time_and_in_order():
    """A simulator that was starved, or plays fast, lets much time pass at once."""
    room = Room()
    caller = room.call(1, 226)
    room.trade(100.0)
    caller.client.reqRealTimeBars(8, contract(), 5, "TRADES", False, [])
    for minute, seconds in ((35, 12), (31, 3)):
        until = f"20240103 09:{minute}:{seconds:02} US/Eastern"
        caller.place("BUY", 100, "LMT", tif="GTD", lmtPrice=90.0, goodTillDate=until)
    caller.heard.clear()
    room.tws.gateway.advance(OPEN_NS + 3600 * 10**9)
    room.wait(0)

    ended = [(row[0], row[1] - OPEN_NS // 10**6) for row in caller.of("error") if row[2] == 202]
    assert ended == [(2, 63_000), (1, 312_000)]
    names = [name for name, _ in caller.heard if name in ("error", "realtimeBar")]
    assert [place for place, name in enumerate(names) if name == "error"] == [0, 1 + 12]
    assert names.count("realtimeBar") == 720


def test_an_order_is_good_until_its_date(trial, read, hours):
    t = trial()
    until_ns = hours[1][0] + 3_600_000_000_000
    t.place(1, "BUY", 100, "LMT", limit_price="90", tif="GTD", good_till_ns=until_ns)
    assert read.errors(t.wait((until_ns - 1 - t.now_ns) / 1e9)) == []
    assert t.live(1) is not None
    said = t.wait(0.001)
    assert read.errors(said) == [202]
    assert t.live(1) is None


def test_a_date_that_has_passed_is_refused(trial, read):
    t = trial()
    said = t.place(1, "BUY", 100, "LMT", limit_price="90", tif="GTD", good_till_ns=t.now_ns)
    assert read.errors(said) == [201]
    assert t.exchange.open_orders() == []


def test_an_order_works_only_after_its_time(trial, read):
    t = trial()
    t.quote(99.98, 100.0)
    said = t.place(1, "BUY", 50, "MKT", good_after_ns=t.now_ns + 60_000_000_000)
    assert read.statuses(said) == [(1, "PreSubmitted", "")]
    assert read.fills(t.wait(59)) == []
    assert read.fills(t.wait(1.1)) == [(1, 50, 100.0)]


@pytest.mark.parametrize(
    ("kind", "more", "filled"),
    [("MKT", {}, True), ("LMT", {"limit_price": "101"}, True), ("LMT", {"limit_price": "100.5"},
     False)],
)  # fmt: skip
def test_the_opening_auction_is_the_first_trade_of_the_next_session(
    trial, read, hours, kind, more, filled
):
    t = trial()
    t.quote(99.98, 100.0, 1000)
    said = t.place(1, "BUY", 3000, kind, tif="OPG", **more)
    assert read.statuses(said) == [(1, "PreSubmitted", "")]
    assert read.fills(t.trade(100.0)) == []  # this session has opened already
    t.wait((hours[1][0] - t.now_ns) / 1e9)
    assert read.fills(t.quote(100.9, 101.1, 1000)) == []
    said = t.trade(101.0, 100)
    assert read.fills(said) == ([(1, 3000, 101.0)] if filled else [])
    assert read.errors(said) == ([] if filled else [202])
    t.check()


def test_there_is_no_opening_after_the_last_session(trial, read, hours):
    t = trial(start_ns=hours[-1][0] + 1)
    assert read.errors(t.place(1, "BUY", 100, "MKT", tif="OPG")) == [201]


@pytest.mark.parametrize(("outside", "hour"), [(False, 16), (True, 20)])
def test_a_day_order_ends_with_the_hours_it_may_trade_in(trial, read, hours, outside, hour):
    t = trial()
    t.place(1, "BUY", 100, "LMT", limit_price="90", tif="DAY", outside_rth=outside)
    close_ns = hours[0][1] + (hour - 16) * 3_600_000_000_000
    assert read.errors(t.wait((close_ns - 1 - t.now_ns) / 1e9)) == []
    assert read.errors(t.wait(0.001)) == [202]


@pytest.mark.parametrize(
    ("kind", "more", "ignored"),
    [("MKT", {}, True), ("MOC", {"tif": "DAY"}, True), ("LMT", {"limit_price": "90"}, False),
     ("STP", {"aux_price": "120"}, False)],
)  # fmt: skip
def test_who_may_not_trade_outside_regular_hours_is_told_so(trial, read, kind, more, ignored):
    t = trial()
    said = t.place(1, "BUY", 100, kind, outside_rth=True, **more)
    assert (2109 in read.errors(said)) == ignored


@pytest.mark.parametrize(("outside", "filled"), [(True, [(1, 100, 99.0)]), (False, [])])
def test_a_stop_is_set_off_in_extended_hours_only_if_it_wishes(trial, read, hours, outside, filled):
    t = trial(start_ns=hours[0][1] + 60_000_000_000)
    said = t.place(1, "SELL", 100, "STP", aux_price="99.5", outside_rth=outside)
    assert read.errors(said) == ([] if outside else [399])
    t.quote(99.0, 99.2, 500)
    assert read.fills(t.trade(99.1)) == filled


@pytest.mark.parametrize("code", [10148, 10147, 161, 135, 136])
def test_a_cancel_of_what_has_ended_is_answered_as_the_policy_says(trial, read, code):
    t = trial(late_cancel=str(code))
    t.place(1, "BUY", 100, "LMT", limit_price="90")
    t.cancel(1)
    (told,) = t.cancel(1)
    assert (told.code, told.order_id) == (code, 1)


def test_a_second_cancel_is_told_that_the_first_is_under_way(trial, read):
    t = trial(cancel_delay_ns=1_000_000_000)
    t.place(1, "BUY", 100, "LMT", limit_price="90")
    t.cancel(1)
    (told,) = t.cancel(1)
    assert told.code == 10148
    assert told.text.endswith("state: PendingCancel.")
    assert read.errors(t.cancel(2)) == [10147]
    assert read.errors(t.cancel(1, client=2)) == [10147]  # it is not theirs

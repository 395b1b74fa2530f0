"""Requests at the simulated broker: what is accepted, refused, announced and remembered."""

from __future__ import annotations

from decimal import Decimal

import pytest

from engine.errors import ConfigError
from engine.sim import instruments
from engine.sim.exchange import Exchange
from engine.sim.policies import Policies
from engine.sim.records import (
    CommissionNotice,
    ExecutionNotice,
    MarketTick,
    OrderNotice,
    PositionNotice,
)


def test_market_order_is_announced_filled_and_paid_in_the_order_of_a_real_tws(trial):
    t = trial()
    t.quote(99.98, 100.0, 500)
    said = t.place(1, "BUY", 300, "MKT")
    assert [type(n) for n in said] == [
        OrderNotice,
        ExecutionNotice,
        OrderNotice,
        CommissionNotice,
        PositionNotice,
    ]
    assert [n.order.status for n in said if isinstance(n, OrderNotice)] == ["Submitted", "Filled"]
    execution = said[1].execution
    assert (execution.quantity, execution.price, execution.client_id) == (300, Decimal("100.0"), 1)
    assert execution.execution_id == "0000002a.00000001.01.01"
    assert execution.perm_id == 42_000_001
    assert said[3].commission == Decimal("1.500")
    assert said[3].realised is None
    assert said[4].quantity == 300
    t.check()


def test_notices_are_copies_that_later_fills_do_not_change(trial):
    t = trial()
    t.quote(99.98, 100.0, 100)
    said = t.place(1, "BUY", 300, "MKT")
    t.quote(99.98, 100.0, 200)
    assert [n.order.filled for n in said if isinstance(n, OrderNotice)] == [0, 100]
    assert t.exchange.completed_orders()[0].filled == 300


def test_instances_never_share_permanent_or_execution_ids():
    known = instruments.instruments(["IBM"])
    seen = set()
    for instance in (1, 2, 999):
        exchange = Exchange(known, "DU1", Policies(), 0, 0, instance)
        exchange.on_tick(MarketTick(1, "IBM", "A", 10.0, 500))
        order = exchange.open_orders
        assert order() == []
        from_client = _market(known[0])
        for notice in exchange.place(1, from_client):
            if isinstance(notice, ExecutionNotice):
                seen.add(notice.execution.execution_id)
                seen.add(notice.execution.perm_id)
                assert 0 < notice.execution.perm_id < 2**31
    assert len(seen) == 6


def _market(known):
    from engine.sim.records import SimOrder

    return SimOrder(
        order_id=5,
        client_id=1,
        perm_id=0,
        instrument=known,
        account="DU1",
        action="BUY",
        quantity=Decimal(1),
        order_type="MKT",
    )


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"symbol": "MSFT"}, 200),
        ({"account": "DU2"}, 321),
        ({"limit_price": "100.005"}, 110),
        ({"limit_price": None}, 321),
        ({"limit_price": "-1"}, 321),
        ({"limit_price": "NaN"}, 321),
        ({"quantity": 0}, 321),
        ({"quantity": -5}, 321),
        ({"kind": "PEG MID"}, 387),
        ({"tif": "AUC"}, 10052),
        ({"side": "SHORT"}, 321),
        ({"parent_id": 77}, 135),
        ({"oca_group": "g", "oca_type": 4}, 321),
        ({"kind": "STP", "aux_price": None}, 321),
        ({"kind": "STP", "aux_price": "99.999"}, 110),
        ({"kind": "STP LMT", "aux_price": "99.99", "limit_price": "99.999"}, 110),
        ({"kind": "TRAIL", "aux_price": "1", "trailing_percent": "2"}, 321),
        ({"kind": "TRAIL"}, 321),
        ({"kind": "TRAIL", "trailing_percent": "0"}, 321),
        ({"quantity": 10**30}, 321),
        ({"quantity": 2**31}, 321),
        ({"limit_price": "1E+30"}, 321),
        ({"limit_price": "1000000000"}, 321),
        ({"kind": "STP", "aux_price": "1E+30"}, 321),
        ({"kind": "REL", "aux_price": "1E+30", "limit_price": None}, 321),
        ({"kind": "TRAIL", "aux_price": "1", "trail_stop_price": "1E+30"}, 321),
        ({"kind": "TRAIL", "trailing_percent": "1E+30"}, 321),
        (
            {"kind": "TRAIL LIMIT", "aux_price": "1", "trail_stop_price": "9"}
            | {"limit_price": None, "limit_offset": Decimal("1E+30")},
            321,
        ),
    ],
)
def test_malformed_orders_are_refused_and_leave_nothing(trial, read, change, code):
    t = trial()
    t.quote(99.98, 100.0)
    fields = {"side": "BUY", "quantity": 100, "kind": "LMT", "limit_price": "99"} | change
    said = t.place(1, fields.pop("side"), fields.pop("quantity"), fields.pop("kind"), **fields)
    assert read.errors(said) == [code]
    assert read.statuses(said) == []
    assert t.exchange.open_orders() == []
    assert read.errors(t.cancel(1)) == [10147]
    assert t.exchange.next_order_id(1) == 2


def test_prices_below_a_dollar_have_a_finer_grid(trial, read):
    t = trial()
    assert read.errors(t.place(1, "BUY", 100, "LMT", limit_price="0.9999")) == []
    assert read.errors(t.place(2, "BUY", 100, "LMT", limit_price="1.0001")) == [110]


def test_any_id_at_or_above_the_next_is_accepted_and_none_below(trial, read):
    t = trial()
    assert t.exchange.next_order_id(1) == 1
    t.place(8, "BUY", 100, "LMT", limit_price="90")
    assert t.exchange.next_order_id(1) == 9
    assert t.exchange.next_order_id(2) == 1
    assert read.errors(t.place(3, "BUY", 100, "LMT", limit_price="90")) == [103]
    t.cancel(8)
    assert read.errors(t.place(8, "BUY", 100, "LMT", limit_price="90")) == [103]
    assert read.errors(t.place(3, "BUY", 100, "LMT", limit_price="90", client=2)) == []


def test_modifying_a_filled_order_says_so(trial, read):
    t = trial()
    t.quote(99.98, 100.0, 500)
    t.place(1, "BUY", 100, "LMT", limit_price="100")
    assert read.errors(t.place(1, "BUY", 200, "LMT", limit_price="100")) == [104]
    assert t.position() == 100


def test_cancel_tells_unknown_ended_and_foreign_orders_apart(trial, read):
    t = trial()
    t.place(1, "BUY", 100, "LMT", limit_price="90")
    assert read.errors(t.cancel(1, client=2)) == [10147]
    said = t.cancel(1)
    assert read.statuses(said) == [(1, "Cancelled", "")]
    assert read.errors(said) == [202]
    again = t.cancel(1)
    assert read.errors(again) == [10148]
    assert again[0].text.endswith("state: Cancelled.")
    assert read.errors(t.cancel(6)) == [10147]


def test_global_cancel_ends_every_order_of_every_client_once(trial, read):
    t = trial()
    t.place(1, "BUY", 100, "LMT", limit_price="90", transmit=False)
    t.place(2, "SELL", 100, "STP", aux_price="80", parent_id=1)
    t.place(1, "BUY", 100, "LMT", limit_price="91", client=2)
    said = t.exchange.global_cancel()
    assert sorted(read.statuses(said)) == [(1, "Cancelled", "")] * 2 + [(2, "Cancelled", "")]
    assert t.exchange.open_orders() == []


def test_pending_cancel_may_still_fill_until_the_cancel_takes_effect(trial, read):
    t = trial(cancel_delay_ns=1_000_000_000)
    t.quote(99.98, 100.0)
    t.place(1, "BUY", 300, "LMT", limit_price="99.50")
    assert read.statuses(t.cancel(1)) == [(1, "PendingCancel", "")]
    assert read.errors(t.place(1, "BUY", 200, "LMT", limit_price="99.50")) == [2102]
    assert read.fills(t.trade(99.50, 100)) == [(1, 100, 99.5)]
    assert t.last(1).status == "PendingCancel"
    said = t.wait(2)
    assert read.statuses(said) == [(1, "Cancelled", "")]
    assert t.last(1).filled == 100
    t.check()


def test_a_fill_wins_the_race_against_a_slow_cancel(trial, read):
    t = trial(cancel_delay_ns=1_000_000_000)
    t.quote(99.98, 100.0)
    t.place(1, "BUY", 100, "LMT", limit_price="99.50")
    t.cancel(1)
    t.trade(99.40)
    assert t.last(1).status == "Filled"
    assert t.wait(2) == []


def test_twenty_working_orders_on_one_side_and_not_one_more(trial, read):
    t = trial()
    for order_id in range(1, 21):
        assert read.errors(t.place(order_id, "BUY", 1, "LMT", limit_price="90")) == []
    said = t.place(21, "BUY", 1, "LMT", limit_price="90")
    assert read.errors(said) == [201]
    assert read.statuses(said) == [(21, "Inactive", "")]
    assert read.errors(t.place(22, "SELL", 1, "LMT", limit_price="110")) == []
    assert read.errors(t.place(23, "BUY", 1, "LMT", limit_price="9", symbol="BAC")) == []
    t.cancel(1)
    assert read.errors(t.place(24, "BUY", 1, "LMT", limit_price="90")) == []
    assert read.errors(t.cancel(21)) == [10148]


@pytest.mark.parametrize(
    ("status", "expected"),
    [("Inactive", [(1, "Inactive", "")]), ("Cancelled", [(1, "Cancelled", "")]), ("none", [])],
)
def test_rejections_show_as_the_policy_says(trial, read, status, expected):
    t = trial(rejected_status=status, margin="refuse", cash=Decimal(1000))
    t.quote(99.98, 100.0)
    said = t.place(1, "BUY", 1000, "MKT")
    assert read.errors(said) == [201]
    assert read.statuses(said) == expected
    assert t.exchange.open_orders() == []


def test_margin_never_refuses_what_closes_a_position(trial, read):
    t = trial(margin="refuse", cash=Decimal(10_000))
    t.quote(99.98, 100.0, 1000)
    t.place(1, "BUY", 300, "MKT")
    assert t.position() == 300
    assert read.errors(t.place(2, "BUY", 300, "MKT")) == [201]
    assert read.errors(t.place(3, "SELL", 300, "MKT")) == []
    assert t.position() == 0


@pytest.mark.parametrize(("notice", "errors"), [(False, []), (True, [10349])])
def test_an_empty_time_in_force_becomes_day_and_lives(trial, read, notice, errors):
    t = trial(tif_notice=notice)
    said = t.place(1, "BUY", 100, "LMT", limit_price="90", tif="")
    assert read.errors(said) == errors
    assert t.live(1).tif == "DAY"


def test_a_preset_may_make_orders_of_the_day_of_all_that_are_good_till_cancelled(trial, read):
    """Also of one that is modified, and it is said each time; nothing else is touched."""
    t = trial(tif_preset="DAY")
    for limit in ("90", "91"):
        said = t.place(1, "BUY", 100, "LMT", limit_price=limit, tif="GTC")
        assert read.errors(said) == [10349]
        assert (t.live(1).tif, t.live(1).limit_price) == ("DAY", Decimal(limit))
    assert read.errors(t.place(2, "BUY", 100, "LMT", limit_price="90", tif="")) == []
    assert read.errors(t.place(3, "BUY", 100, "LMT", limit_price="90", tif="DAY")) == []


def test_an_oca_order_without_account_can_be_refused(trial, read):
    fields = {"limit_price": "90", "account": "", "oca_group": "g", "oca_type": 1}
    strict = trial(empty_account="oca_refused")
    assert read.errors(strict.place(1, "BUY", 100, "LMT", **fields)) == [10224]
    lenient = trial()
    lenient.place(1, "BUY", 100, "LMT", **fields)
    assert lenient.live(1).account == "DU1"


def test_modification_states_the_total_including_what_has_filled(trial, read):
    t = trial()
    t.quote(99.98, 100.0)
    t.place(1, "BUY", 300, "LMT", limit_price="100")
    assert t.live(1).filled == 100
    said = t.place(1, "BUY", 150, "LMT", limit_price="100")
    assert read.statuses(said) == [(1, "Submitted", "")]
    assert t.live(1).remaining == 50
    assert read.errors(t.place(1, "BUY", 100, "LMT", limit_price="100")) == [201]
    assert t.live(1).quantity == 150
    t.quote(99.98, 100.0, 500)
    assert t.last(1).status == "Filled"
    assert t.position() == 150
    t.check()


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"side": "SELL"}, 105),
        ({"symbol": "BAC"}, 105),
        ({"kind": "STP LMT", "aux_price": "91"}, 329),
        ({"limit_price": "90.001"}, 110),
        ({"parent_id": 9}, 10341),
        ({"oca_group": "other"}, 10326),
    ],
)
def test_a_refused_modification_leaves_the_old_order_working(trial, read, change, code):
    t = trial()
    t.place(1, "BUY", 100, "LMT", limit_price="90")
    before = t.live(1)
    fields = {"side": "BUY", "kind": "LMT", "limit_price": "91"} | change
    said = t.place(1, fields.pop("side"), 100, fields.pop("kind"), **fields)
    assert read.errors(said) == [code]
    assert read.statuses(said) == []
    assert t.live(1) == before


def test_a_slow_modification_of_an_order_that_is_cancelled_meanwhile_does_not_say_it_filled(
    trial, read
):
    t = trial(modify_delay_ns=1_000_000_000)
    t.place(1, "BUY", 100, "LMT", limit_price="90")
    t.place(1, "BUY", 100, "LMT", limit_price="91")
    t.cancel(1)
    assert read.errors(t.wait(2)) == [103]


def test_a_slow_modification_lets_the_old_version_fill(trial, read):
    t = trial(modify_delay_ns=1_000_000_000)
    t.quote(99.98, 100.0)
    t.place(1, "BUY", 300, "LMT", limit_price="99.50")
    assert t.place(1, "BUY", 50, "LMT", limit_price="99.40") == []
    assert read.fills(t.trade(99.50, 100)) == [(1, 100, 99.5)]
    assert read.errors(t.wait(2)) == [201]  # 50 in total is less than what filled
    assert t.live(1).quantity == 300
    t.place(1, "BUY", 200, "LMT", limit_price="99.40")
    t.trade(99.0)
    assert read.errors(t.wait(2)) == [104]
    t.check()


def test_orders_of_one_client_are_listed_for_it_alone_and_for_all(trial):
    t = trial()
    t.quote(99.98, 100.0, 500)
    t.place(1, "BUY", 100, "LMT", limit_price="90")
    t.place(1, "BUY", 100, "MKT", client=2)
    t.place(2, "SELL", 100, "STP", aux_price="95", client=2)
    assert [o.client_id for o in t.exchange.open_orders()] == [1, 2]
    assert [o.order_id for o in t.exchange.open_orders(2)] == [2]
    assert t.exchange.executions(1) == []
    assert len(t.exchange.executions(2)) == len(t.exchange.commissions(2)) == 1
    assert [o.status for o in t.exchange.completed_orders()] == ["Filled"]
    assert [(p.instrument.symbol, p.quantity) for p in t.exchange.positions()] == [("IBM", 100)]


def test_day_orders_end_at_the_close_and_gtc_orders_do_not(trial, read, hours):
    t = trial()
    t.place(1, "BUY", 100, "LMT", limit_price="90", tif="DAY")
    t.place(2, "BUY", 100, "LMT", limit_price="90", tif="GTC")
    t.place(3, "BUY", 100, "LMT", limit_price="90", tif="DAY", outside_rth=True)
    t.place(4, "BUY", 100, "LMT", limit_price="90", tif="DAY")
    t.place(4, "BUY", 100, "LMT", limit_price="90", tif="GTC")
    assert t.exchange.next_timer_ns == hours[0][1]
    assert t.hear(t.exchange.advance(hours[0][1] - 1)) == []
    said = t.exchange.advance(hours[0][1])
    assert read.statuses(said) == [(1, "Cancelled", "")]
    assert read.errors(said) == [202]
    evening = t.exchange.advance(hours[0][1] + 4 * 3_600 * 10**9)
    assert read.statuses(evening) == [(3, "Cancelled", "")]
    assert [o.order_id for o in t.exchange.open_orders()] == [2, 4]


def test_outside_regular_hours_only_orders_that_ask_for_it_trade(trial, read, hours):
    t = trial(start_ns=hours[0][1] + 60_000_000_000)
    t.quote(99.98, 100.0, 500)
    said = t.place(1, "BUY", 100, "LMT", limit_price="101")
    assert read.errors(said) == [399]
    assert read.statuses(said) == [(1, "PreSubmitted", "")]
    said = t.place(2, "BUY", 100, "LMT", limit_price="101", outside_rth=True)
    assert read.fills(said) == [(2, 100, 100.0)]
    said = t.place(3, "BUY", 100, "MKT", outside_rth=True)
    assert read.errors(said) == [2109, 399]
    assert read.fills(said) == []
    t.trade(95.0)
    opened = t.exchange.advance(hours[1][0])
    assert read.statuses(opened) == [(1, "Submitted", ""), (3, "Submitted", "")]
    t.now_ns = hours[1][0]
    assert read.fills(t.quote(100.4, 100.5, 500)) == [(1, 100, 100.5), (3, 100, 100.5)]


@pytest.mark.parametrize("status", ["PreSubmitted", "PendingSubmit"])
def test_what_waits_for_the_opening_may_be_pending_all_night(trial, read, hours, status):
    t = trial(start_ns=hours[0][1] + 60_000_000_000, waiting_status=status)
    said = t.place(1, "BUY", 100, "LMT", limit_price="90", tif="GTC")
    assert read.statuses(said) == [(1, status, "")]
    assert read.statuses(t.exchange.advance(hours[1][0] - 1)) == []
    assert read.statuses(t.exchange.advance(hours[1][0])) == [(1, "Submitted", "")]


def test_a_stop_sleeps_through_the_night_and_does_not_wake_on_yesterdays_trade(trial, read, hours):
    t = trial()
    t.quote(99.98, 100.0, 500)
    t.place(1, "BUY", 100, "MKT")
    t.place(2, "SELL", 100, "STP", aux_price="99")
    t.exchange.advance(hours[0][1] + 1)
    t.now_ns = hours[0][1] + 1
    assert read.fills(t.trade(90.0)) == []
    t.now_ns = hours[1][0]
    t.exchange.advance(t.now_ns)
    assert read.fills(t.quote(98.0, 98.1)) == []  # a quote is no trade
    assert read.fills(t.trade(98.0)) == [(2, 100, 98.0)]


def test_ticks_of_unknown_symbols_and_repeated_instruments_are_refused(trial):
    t = trial()
    with pytest.raises(ConfigError, match="tick of MSFT"):
        t.tick("T", 10.0, symbol="MSFT")
    with pytest.raises(ConfigError, match="named twice"):
        Exchange(t.instruments * 2, "DU1", Policies(), 0, 0, 1)
    with pytest.raises(ConfigError, match="MSFT: the exchange has no such instrument"):
        t.exchange.quote("MSFT")


def test_the_quote_knows_the_day_and_rolls_over_at_its_end(trial, hours):
    t = trial()
    t.quote(99.0, 101.0, 300)
    for price in (100.0, 102.0, 98.0):
        t.trade(price, 200)
    quote = t.exchange.quote("IBM")
    assert (quote.bid, quote.bid_size, quote.ask, quote.ask_size) == (99.0, 300, 101.0, 300)
    assert (quote.open, quote.high, quote.low, quote.last) == (100.0, 102.0, 98.0, 98.0)
    assert (quote.volume, quote.close) == (600, None)
    t.now_ns = hours[1][0]
    t.trade(97.0, 100)
    quote = t.exchange.quote("IBM")
    assert (quote.open, quote.high, quote.low, quote.close) == (97.0, 97.0, 97.0, 98.0)
    assert quote.volume == 100


def test_the_same_calls_give_the_same_notices(trial):
    def play():
        t = trial(cancel_delay_ns=5_000_000)
        t.quote(99.98, 100.0, 150)
        t.place(1, "BUY", 300, "MKT", transmit=False)
        t.place(2, "SELL", 300, "STP", aux_price="99", parent_id=1)
        t.quote(99.98, 100.0, 150)
        t.trade(98.9)
        t.cancel(2)
        t.wait(1)
        return t.said

    assert play() == play()

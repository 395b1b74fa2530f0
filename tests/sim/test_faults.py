"""What each fault does, told by the exchange's record and by what a client hears."""

from __future__ import annotations

from decimal import Decimal

import pytest
from ibapi.execution import ExecutionFilter

from engine.sim.policies import Policies
from tests.sim.caller import Room, contract

D = Decimal
IBM_STOP = {"auxPrice": 99.0}


def names(caller, *wanted):
    return [name for name, _ in caller.heard if name in wanted]


# -- messages ------------------------------------------------------------------------------------


def test_dropped_executions_are_lost_live_and_found_when_asked_for():
    room = Room("start drop execDetails count=1")
    caller = room.call()
    order_id = caller.place("BUY", 100, "MKT")
    assert caller.filled() == []
    assert caller.statuses(order_id)[-1] == "Filled"
    caller.client.reqExecutions(5, ExecutionFilter())
    assert [row[0] for row in caller.of("execDetails")] == [5]
    assert room.happened == [1]


def test_an_end_marker_can_be_missing_once():
    room = Room("start drop openOrderEnd count=1")
    caller = room.call()
    caller.client.reqOpenOrders()
    assert caller.of("openOrderEnd") == []
    caller.client.reqOpenOrders()
    assert len(caller.of("openOrderEnd")) == 1


def test_executions_can_be_empty_when_asked_for():
    room = Room("start drop execDetails,commission scope=answer")
    caller = room.call()
    caller.place("BUY", 100, "MKT")
    caller.client.reqExecutions(5, ExecutionFilter())
    assert [row[0] for row in caller.of("execDetails")] == [-1]
    assert len(caller.of("execDetailsEnd")) == 1


def test_messages_come_again():
    room = Room("start repeat execDetails,commission again=2")
    caller = room.call()
    caller.place("BUY", 100, "MKT")
    assert len(caller.filled()) == len(caller.of("commissionAndFeesReport")) == 3
    assert len(room.exchange.executions()) == 1


def test_a_delayed_message_comes_at_its_moment_and_later_ones_overtake_it():
    room = Room("start delay execDetails by=60s count=1")
    caller = room.call()
    caller.place("BUY", 100, "MKT")
    room.wait(59)
    caller.place("SELL", 100, "MKT")
    assert [side for _, side, _ in caller.filled()] == ["SLD"]
    room.wait(1)
    assert [side for _, side, _ in caller.filled()] == ["SLD", "BOT"]


def test_messages_of_a_while_come_in_another_order_and_none_is_lost():
    orders = set()
    for seed in range(8):
        room = Room("start reorder openOrder,orderStatus,execDetails,commission within=300ms",
                    seed=seed)  # fmt: skip
        caller = room.call()
        caller.place("BUY", 100, "MKT")
        room.wait(1)
        kinds = ("openOrder", "orderStatus", "execDetails", "commissionAndFeesReport")
        found = names(caller, *kinds)
        assert sorted(found) == sorted(
            ["openOrder", "orderStatus"] * 2 + ["execDetails", "commissionAndFeesReport"]
        )
        orders.add(tuple(found))
    assert len(orders) > 3


@pytest.mark.parametrize("version", [178, 226])
def test_a_garbled_message_is_whole_as_a_frame(version):
    room = Room("start garble execDetails count=1")
    caller = room.call(version=version)
    caller.place("BUY", 100, "MKT")
    caller.place("SELL", 100, "MKT")
    assert len(caller.filled()) + len(caller.broken) >= 1
    assert caller.filled()[-1][1] == "SLD"  # what follows is read as ever


@pytest.mark.parametrize("version", [178, 226])
def test_unknown_fields_and_messages_are_passed_over(version):
    room = Room("start extend orderStatus,execDetails", "order:1 unknown-message")
    caller = room.call(version=version)
    order_id = caller.place("BUY", 100, "MKT")
    assert caller.statuses(order_id)[-1] == "Filled"
    assert len(caller.filled()) == 1


# -- connections ---------------------------------------------------------------------------------


def test_a_reset_loses_the_connection_and_keeps_the_orders():
    room = Room("order:2 reset")
    caller = room.call()
    caller.place("BUY", 100, "LMT", lmtPrice=90.0)
    caller.place("BUY", 100, "LMT", lmtPrice=91.0)
    assert caller.connection.closed and caller.connection.reset
    assert len(room.exchange.open_orders()) == 2
    again = room.call()
    again.client.reqOpenOrders()
    assert len(again.of("openOrder")) == 2


def test_a_connection_is_cut_in_the_middle_of_a_message():
    room = Room("start cut execDetails")
    caller = room.call()
    caller.place("BUY", 100, "MKT")
    assert caller.connection.closed and not caller.connection.reset
    assert 0 < len(caller._buffer) < 200
    assert caller.filled() == []


def test_a_length_that_cannot_be():
    room = Room("order:1 bad-length")
    caller = room.call()
    caller.place("BUY", 100, "LMT", lmtPrice=90.0)
    assert caller.broken == [f"a frame of {0xFFFFFFF0} bytes"]


def test_a_half_open_connection_neither_hears_nor_speaks_until_it_is_reset():
    room = Room("+10s half-open for=20s")
    caller = room.call()
    room.wait(10)
    caller.place("BUY", 100, "MKT")
    caller.client.reqCurrentTime()
    room.wait(19)
    assert not caller.connection.closed
    assert caller.of("currentTime") == caller.of("orderStatus") == []
    assert room.exchange.open_orders() == [] and room.position == 0
    room.wait(2)
    assert caller.connection.reset


def test_a_stalled_connection_catches_up():
    room = Room("+1s stall for=5s")
    caller = room.call()
    room.wait(1)
    caller.place("BUY", 100, "MKT")
    assert caller.filled() == [] and room.position == 100
    room.wait(5)
    assert len(caller.filled()) == 1


def test_messages_come_in_pieces():
    room = Room("start fragment bytes=3")
    caller = room.call()
    pieces = []
    take = caller._bytes
    caller.connection.on_bytes = lambda data: (pieces.append(len(data)), take(data))[1]
    caller.place("BUY", 100, "MKT")
    assert max(pieces) == 3 and len(pieces) > 50
    assert len(caller.filled()) == 1


@pytest.mark.parametrize("how", ["close", "silent"])
def test_connections_are_refused_for_a_while(how):
    room = Room(f"start refuse how={how} for=10s")
    caller = room.call()
    assert caller.heard == []
    assert caller.connection.closed == (how == "close")
    room.wait(10)
    assert room.call().of("nextValidId") == [(1,)]
    assert room.happened == [1]


def test_a_client_id_is_busy_for_a_while():
    room = Room("start id-busy client=1 for=10s")
    caller = room.call()
    assert [code for _, code in caller.errors()] == [326]
    assert caller.connection.closed
    assert room.call(client_id=2).of("nextValidId") == [(1,)]
    room.wait(10)
    assert room.call().of("nextValidId") == [(1,)]


def test_the_next_id_may_be_lower_higher_late_or_missing():
    room = Room(
        "connection:2 next-id lower=3 count=1",
        "connection:3 next-id higher=1000 count=1",
        "connection:4 delay nextValidId by=5s count=1",
        "connection:5 drop nextValidId count=1",
    )
    first = room.call()
    for _ in range(5):
        first.place("BUY", 100, "LMT", lmtPrice=90.0)
    heard = []
    for wait_s in (0, 0, 0, 6):
        room.tws._connections[-1].close()
        caller = room.call()
        heard.append([row[0] for row in caller.of("nextValidId")])
        room.wait(wait_s)
    assert heard == [[3], [1006], [], []]
    assert caller.of("nextValidId") == []


def test_ids_below_the_highest_are_duplicates_after_a_restart():
    room = Room("order:3 restart for=5s lower=2")
    caller = room.call()
    for _ in range(3):
        caller.place("BUY", 100, "LMT", lmtPrice=90.0)
    assert caller.connection.reset
    assert room.call().connection.closed  # still away
    room.wait(5)
    again = room.call()
    assert again.of("nextValidId") == [(2,)]
    again.cancel(2)
    again.place("BUY", 100, "LMT", order_id=2, lmtPrice=90.0)
    assert again.errors()[-1] == (2, 103)


# -- requests ------------------------------------------------------------------------------------


def test_a_swallowed_order_leaves_no_trace():
    room = Room("start swallow placeOrder count=1")
    caller = room.call()
    caller.place("BUY", 100, "MKT")
    assert caller.statuses(1) == caller.errors() == []
    assert room.position == 0
    caller.place("BUY", 100, "MKT")
    assert room.position == 100


def test_a_cancel_that_is_never_answered():
    room = Room("start swallow cancelOrder count=1")
    caller = room.call()
    order_id = caller.place("BUY", 100, "LMT", lmtPrice=90.0)
    caller.cancel(order_id)
    room.wait(60)
    assert caller.statuses(order_id) == ["Submitted"]
    caller.cancel(order_id)
    assert caller.statuses(order_id)[-1] == "Cancelled"


def test_a_lost_acknowledgement_leaves_a_living_order():
    room = Room("order:1 lose-ack")
    caller = room.call()
    order_id = caller.place("BUY", 100, "LMT", lmtPrice=90.0)
    assert caller.statuses(order_id) == []
    caller.client.reqOpenOrders()
    assert caller.statuses(order_id) == ["Submitted"]


@pytest.mark.parametrize(("code", "status"), [(201, "Inactive"), (103, None), (200, None)])
def test_a_new_order_is_refused(code, status):
    room = Room(f"start reject code={code}")
    caller = room.call()
    caller.place("BUY", 100, "MKT")
    assert caller.errors() == [(1, code)]
    assert caller.statuses(1) == ([status] if status else [])
    assert room.position == 0


@pytest.mark.parametrize("cancels", [False, True])
def test_a_change_is_refused_and_the_order_lives_or_dies(cancels):
    more = " cancels=yes" if cancels else ""
    room = Room(f"start reject what=change code=10326{more}")
    caller = room.call()
    order_id = caller.place("SELL", 100, "STP", auxPrice=99.0)
    caller.place("SELL", 100, "STP", order_id=order_id, auxPrice=99.2)
    live = room.exchange.open_orders()
    assert (order_id, 10326) in caller.errors()
    assert [one.aux_price for one in live] == ([] if cancels else [D(99)])


def test_a_cancel_is_refused():
    room = Room("start reject what=cancel code=10147")
    caller = room.call()
    order_id = caller.place("BUY", 100, "LMT", lmtPrice=90.0)
    caller.cancel(order_id)
    assert caller.errors() == [(order_id, 10147)]
    assert len(room.exchange.open_orders()) == 1


def test_too_many_messages_in_a_second():
    room = Room("start rate-limit per_s=10")
    caller = room.call()
    for _ in range(10):
        caller.client.reqCurrentTime()
    assert caller.errors() == []
    caller.client.reqCurrentTime()
    assert caller.errors() == [(-1, 100)]
    assert caller.connection.closed


# -- orders --------------------------------------------------------------------------------------


def test_an_order_is_rejected_after_it_was_acknowledged():
    room = Room("start reject-late after=2s types=STP")
    caller = room.call()
    stop = caller.place("SELL", 100, "STP", auxPrice=99.0)
    assert caller.statuses(stop) == ["PreSubmitted"]
    room.wait(2)
    assert caller.statuses(stop) == ["PreSubmitted", "Inactive"]
    assert caller.errors() == [(stop, 201)]
    room.trade(98.0)
    assert room.position == 0


def test_an_inactive_order_works_later():
    room = Room("start inactive hold=10s")
    caller = room.call()
    order_id = caller.place("BUY", 100, "LMT", lmtPrice=101.0)
    assert caller.statuses(order_id)[-1] == "Inactive"
    room.wait(9)
    assert room.position == 0
    room.wait(2)
    assert caller.statuses(order_id)[-1] == "Filled"


def test_a_short_sale_waits_for_shares_and_a_long_one_does_not():
    room = Room("start locate hold=30s")
    caller = room.call()
    caller.place("BUY", 100, "MKT")
    caller.place("SELL", 100, "MKT")
    assert room.position == 0
    short = caller.place("SELL", 100, "MKT")
    assert (short, 404) in caller.errors()
    assert [row[9] for row in caller.of("orderStatus")][-1] == "locate"
    room.wait(31)
    assert caller.statuses(short)[-1] == "Filled"
    assert room.position == -100


def test_a_change_becomes_a_second_order_that_nobody_reaches():
    room = Room("start double")
    caller = room.call()
    order_id = caller.place("BUY", 100, "LMT", lmtPrice=90.0)
    caller.place("BUY", 100, "LMT", order_id=order_id, lmtPrice=91.0)
    first, second = room.exchange.open_orders()
    assert first.perm_id != second.perm_id and first.order_id == second.order_id
    caller.cancel(order_id)
    (left,) = room.exchange.open_orders()
    assert left.limit_price == 90
    room.tick("A", 89.0, 500)
    assert room.position == 100
    assert len(room.exchange.completed_orders()) == 2


@pytest.mark.parametrize(("part", "status", "shares"), [("100%", "Filled", 80),
                                                        ("25%", "Cancelled", 20)])  # fmt: skip
def test_an_order_fills_after_it_was_cancelled(part, status, shares):
    room = Room(f"start late-fill after=2s part={part}")
    caller = room.call()
    order_id = caller.place("BUY", 80, "LMT", lmtPrice=99.0)
    caller.cancel(order_id)
    room.wait(1.9)
    assert room.position == 0
    room.wait(0.2)
    assert caller.filled() == [("00000001.01.01", "BOT", D(shares))]
    assert caller.statuses(order_id)[-2:] == ["Cancelled", status]
    assert room.position == shares


def test_a_stuck_stop_is_set_off_and_does_not_fill():
    room = Room("start stuck for=20s")
    caller = room.call()
    caller.place("BUY", 100, "MKT")
    stop = caller.place("SELL", 100, "STP", auxPrice=99.0)
    room.trade(98.5)
    assert caller.statuses(stop)[-1] == "Submitted"
    assert room.position == 100
    room.wait(21)
    room.quote(98.0, 98.1)
    assert caller.statuses(stop)[-1] == "Filled"


@pytest.mark.parametrize(
    ("change", "shares", "price"),
    [("quantity=-10", 90, "100.0"), ("price=-0.05", 100, "99.95"), ("bust=yes", 0, "100.0")],
)
def test_an_execution_is_corrected_by_its_next_revision(change, shares, price):
    room = Room(f"start correct after=1s {change}")
    caller = room.call()
    order_id = caller.place("BUY", 100, "MKT")
    room.wait(2)
    executions = [row[2] for row in caller.of("execDetails")]
    assert [one.execId.split(".", 1)[1] for one in executions] == [
        "00000001.01.01", "00000001.01.02"
    ]  # fmt: skip
    assert (executions[1].shares, executions[1].cumQty) == (shares, shares)
    assert D(str(executions[1].price)) == D(price)
    assert room.position == shares
    assert caller.of("orderStatus")[-1][0] == order_id
    assert caller.of("orderStatus")[-1][2] == shares
    account = room.exchange._floor.account
    held = account.book["IBM"]
    assert account.cash + held.cost == Policies().cash + held.realised


def test_the_correction_may_overtake_what_it_corrects():
    room = Room("start delay execDetails by=5s count=1", "start correct after=1s quantity=-10")
    caller = room.call()
    caller.place("BUY", 100, "MKT")
    room.wait(10)
    assert [number[-2:] for number, _, _ in caller.filled()] == ["02", "01"]


# -- the user of TWS, and the broker -------------------------------------------------------------


def test_orders_are_cancelled_and_changed_by_hand():
    room = Room("+1s change-by-hand types=STP price=-0.50 quantity=-40",
                "+2s cancel-by-hand types=STP")  # fmt: skip
    caller = room.call()
    stop = caller.place("SELL", 100, "STP", auxPrice=99.0)
    target = caller.place("SELL", 100, "LMT", lmtPrice=120.0)
    room.wait(1)
    changed = caller.of("openOrder")[-1][2]
    assert (changed.auxPrice, changed.totalQuantity) == (98.5, 60)
    room.wait(1)
    assert caller.statuses(stop)[-1] == "Cancelled"
    assert caller.statuses(target)[-1] == "Submitted"


def test_an_order_by_hand_is_foreign_to_other_clients():
    room = Room("+1s order-by-hand IBM BUY 30 type=LMT price=90", "+1s order-by-hand IBM SELL 10")
    owner, other = room.call(client_id=0), room.call(client_id=7)
    owner.client.reqAutoOpenOrders(True)
    room.wait(1)
    assert next(row[0] for row in owner.of("openOrder")) == -1
    assert other.of("openOrder") == other.filled() == []
    other.client.reqAllOpenOrders()
    assert [(row[0], row[2].clientId) for row in other.of("openOrder")] == [(0, 0)]
    other.client.reqExecutions(3, ExecutionFilter())
    assert [row[2].orderId for row in other.of("execDetails")] == [0]
    assert room.position == -10
    owner.cancel(-1)
    assert room.exchange.open_orders() == []


def test_a_forced_liquidation_closes_and_says_so():
    room = Room("+1s liquidate")
    caller = room.call()
    caller.client.reqPositions()
    caller.place("BUY", 100, "MKT")
    room.trade(95.0)
    room.wait(1)
    assert room.position == 0
    assert caller.of("position")[-1][2] == 0
    caller.client.reqExecutions(3, ExecutionFilter())
    assert [row[2].liquidation for row in caller.of("execDetails") if row[0] == 3] == [0, 1]


# -- the market ----------------------------------------------------------------------------------


def quoted(caller, kind=1):
    return [row[2] for row in caller.of("tickPrice") if row[1] == kind]


def test_nothing_trades_in_a_halt_and_the_price_gaps_after_it():
    room = Room("+1s halt IBM for=30s kind=2")
    caller = room.call()
    caller.client.reqMktData(9, contract(), "", False, False, [])
    caller.place("BUY", 100, "MKT")
    stop = caller.place("SELL", 100, "STP", auxPrice=99.0)
    room.wait(1)
    assert [row[2] for row in caller.of("tickGeneric")] == [0.0, 2.0]
    room.quote(90.0, 90.1)
    room.trade(90.0)
    caller.place("BUY", 100, "MKT")
    assert room.position == 100
    room.wait(30)
    assert [row[2] for row in caller.of("tickGeneric")] == [0.0, 2.0, 0.0]
    assert room.position == 200  # the order that waited
    room.quote(90.0, 90.1)
    room.trade(90.0)
    assert caller.statuses(stop)[-1] == "Filled"
    assert room.exchange.executions()[-1].price == 90


@pytest.mark.parametrize(("what", "bid"), [("missing", -1.0), ("zero", 0.0), ("crossed", 100.05)])
def test_a_bad_quote_is_shown_and_the_market_goes_on(what, bid):
    room = Room(f"+1s quote IBM {what} for=10s")
    caller = room.call()
    caller.client.reqMktData(9, contract(), "", False, False, [])
    room.wait(1)
    assert quoted(caller)[-1] == bid
    room.quote(101.0, 101.1)
    assert quoted(caller)[-1] == bid
    caller.place("BUY", 100, "MKT")
    assert float(room.exchange.executions()[-1].price) == 101.1
    room.wait(10)
    assert quoted(caller)[-1] == 101.0


def test_data_become_delayed_and_live_again():
    room = Room("+1s quote IBM delayed for=10s")
    caller = room.call()
    caller.client.reqMktData(9, contract(), "", False, False, [])
    room.wait(12)
    assert [row[1] for row in caller.of("marketDataType")] == [1, 3, 1]


def test_ticks_are_muted_for_a_while():
    room = Room("+1s..+5s mute symbol=IBM")
    caller = room.call()
    caller.client.reqMktData(9, contract(), "", False, False, [])
    room.wait(1)
    room.quote(101.0, 101.1)
    assert quoted(caller)[-1] == 99.98
    assert room.happened == [2]
    room.wait(4)
    room.quote(102.0, 102.1)
    assert quoted(caller)[-1] == 102.0


# -- what is told --------------------------------------------------------------------------------


def test_errors_out_of_nothing_come_as_often_as_told():
    room = Room("+1s say 1100 times=3 every=2s", "+1s say-order 10349")
    caller = room.call()
    order_id = caller.place("BUY", 100, "LMT", lmtPrice=90.0)
    room.wait(1)
    assert sorted(caller.errors()) == [(-1, 1100), (order_id, 10349)]
    room.wait(60)
    assert [code for _, code in caller.errors()].count(1100) == 3
    assert room.happened == [3, 1]


@pytest.mark.parametrize(("style", "text"), [
    ("utc", "20240103-14:30:00"), ("zoneless", "20240103 09:30:00"),
    ("other-zone", "20240103 15:30:00 MET"), ("garbage", "yesterday, about noon"),
])  # fmt: skip
def test_executions_state_their_time_in_other_ways(style, text):
    room = Room(f"start exec-time {style}")
    caller = room.call()
    caller.place("BUY", 100, "MKT")
    assert caller.of("execDetails")[0][2].time == text


@pytest.mark.parametrize("version", [178, 226])
def test_words_and_numbers_that_mean_nothing(version):
    room = Room("start status-word word=Pondering", "start unset-commission")
    caller = room.call(version=version)
    order_id = caller.place("BUY", 100, "LMT", lmtPrice=90.0)
    assert caller.statuses(order_id) == ["Pondering"]
    caller.place("BUY", 100, "MKT")
    (report,) = caller.of("commissionAndFeesReport")
    assert report[0].commissionAndFees in (0.0, 1.7976931348623157e308)


def test_answers_lie_by_omission():
    room = Room("start hide-order count=1", "+10s stale-positions for=20s")
    caller = room.call()
    caller.place("BUY", 100, "LMT", lmtPrice=90.0)
    for expected in (0, 1):
        caller.client.reqOpenOrders()
        assert len(caller.of("openOrder")) == 1 + expected
    room.wait(10)
    caller.place("BUY", 100, "MKT")
    caller.client.reqPositions()
    assert caller.of("position") == []
    room.wait(20)
    caller.client.reqPositions()
    assert [row[2] for row in caller.of("position")] == [100]


def test_a_contract_is_forgotten():
    room = Room("start forget-contract IBM for=10s")
    caller = room.call()
    caller.client.reqContractDetails(5, contract())
    order_id = caller.place("BUY", 100, "MKT")
    assert caller.errors() == [(5, 200), (order_id, 200)]
    room.wait(10)
    caller.client.reqContractDetails(6, contract())
    assert len(caller.of("contractDetails")) == 1


# -- the broker's own troubles -------------------------------------------------------------------


@pytest.mark.parametrize("restored", ["1101", "1102", "none"])
def test_news_of_orders_wait_while_the_link_is_down(restored):
    room = Room(f"+1s link-down for=20s restored={restored} data=5s")
    caller = room.call()
    caller.client.reqMktData(9, contract(), "", False, False, [])
    stop = caller.place("BUY", 100, "STP", auxPrice=101.0)
    room.wait(2)
    assert [code for _, code in caller.errors()] == [1100]
    room.quote(101.0, 101.1)
    room.trade(101.0)
    assert room.position == 100
    assert caller.filled() == []
    room.wait(19.5)
    assert [code for _, code in caller.errors()] == [1100] + (
        [] if restored == "none" else [int(restored)]
    )
    assert caller.statuses(stop)[-1] == "Filled"
    assert quoted(caller)[-1] == 99.98  # no ticks yet
    room.wait(6)
    room.quote(102.0, 102.1)
    assert quoted(caller)[-1] == (99.98 if restored == "1101" else 102.0)  # lost: ask again


def test_fills_may_come_through_a_link_that_is_down():
    room = Room("+1s link-down for=20s fills=told")
    caller = room.call()
    caller.place("BUY", 100, "STP", auxPrice=101.0)
    room.wait(2)
    room.quote(101.0, 101.1)
    room.trade(101.0)
    assert len(caller.filled()) == 1


def test_a_farm_breaks_and_is_restored():
    room = Room("+1s farm-down for=10s", "+20s farm-down for=1s farm=ushmds")
    caller = room.call()
    caller.client.reqMktData(9, contract(), "", False, False, [])
    room.wait(2)
    room.quote(101.0, 101.1)
    assert quoted(caller)[-1] == 99.98
    room.wait(30)
    codes = [row[2] for row in caller.of("error")]
    assert codes[3:] == [2103, 2104, 2105, 2106]


def test_in_the_reset_window_stops_sleep_and_then_everything_comes_at_once():
    room = Room("+1s reset-window for=60s")
    caller = room.call()
    caller.place("BUY", 100, "MKT")
    stop = caller.place("SELL", 100, "STP", auxPrice=99.0)
    target = caller.place("SELL", 50, "LMT", lmtPrice=103.0)
    room.wait(2)
    room.quote(103.0, 103.1)  # a native order trades, which nobody hears of
    room.quote(98.0, 98.1)
    room.trade(98.0)
    assert room.position == 50
    assert len(caller.filled()) == 1
    room.wait(58)
    assert len(caller.filled()) == 1
    room.wait(2)
    assert len(caller.filled()) == 3
    assert caller.statuses(stop)[-1] == caller.statuses(target)[-1] == "Filled"


def test_a_policy_changes_for_a_while():
    room = Room("+1s policy cancel_delay_ns=5000000000 for=10s")
    caller = room.call()
    first, second = (caller.place("BUY", 100, "LMT", lmtPrice=90.0) for _ in range(2))
    room.wait(1)
    caller.cancel(first)
    assert caller.statuses(first)[-1] == "PendingCancel"
    room.wait(10)
    assert caller.statuses(first)[-1] == "Cancelled"
    caller.cancel(second)
    assert caller.statuses(second)[-2:] == ["Submitted", "Cancelled"]
    assert room.exchange.policies == Policies()


def test_faults_combine():
    room = Room("start repeat execDetails again=2", "start delay execDetails by=2s",
                "start drop orderStatus chance=50%", "fill:1 link-down for=10s fills=told",
                "start correct quantity=-10 after=1s")  # fmt: skip
    caller = room.call()
    caller.place("BUY", 100, "MKT")
    room.wait(20)
    assert [number[-2:] for number, _, _ in caller.filled()] == ["01"] * 3 + ["02"] * 3
    assert min(room.happened) >= 1
    assert room.position == 90


def test_policies_that_overlap_end_as_they_were():
    """The second of two that said the same took the first for the usual, and left it for ever."""
    room = Room(
        "+1s policy active_orders_max=3 for=10s",
        "+5s policy active_orders_max=4 for=10s",
        "+6s policy active_orders_max=3 for=2s",
    )
    seen = []
    for seconds in (2, 3.5, 1.5, 2, 3, 5):  # at 2, 5.5, 7, 9, 12 and 17 s
        room.wait(seconds)
        seen.append(room.exchange.policies.active_orders_max)
    assert seen == [3, 4, 3, 4, 4, 20]

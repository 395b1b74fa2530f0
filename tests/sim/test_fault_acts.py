"""What faults do at one moment to connections, market and broker."""

from __future__ import annotations

import pytest
from ibapi.execution import ExecutionFilter

from engine.sim.policies import Policies
from tests.sim.caller import OPEN_NS, Room, contract


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


@pytest.mark.parametrize(
    "line", ["+11s..+31s mute symbol=IBM", "+11s link-down for=20s", "+11s farm-down for=20s"]
)
def test_no_bars_come_either_while_there_are_no_ticks(line):
    """They would tell of a market that stands still, with a volume of nothing."""
    room = Room(line)
    caller = room.call()
    room.trade(100.0)
    caller.client.reqRealTimeBars(8, contract(), 5, "TRADES", False, [])
    caller.client.reqRealTimeBars(9, contract("BAC"), 5, "BID", False, [])
    caller.client.reqHistoricalData(5, contract(), "", "1 D", "5 secs", "TRADES", 0, 2, True, [])
    room.tick("B", 30.0, symbol="BAC")
    room.wait(12)
    updates = len(caller.of("historicalDataUpdate"))
    room.trade(101.0)
    room.wait(18.5)
    assert bar_seconds(caller, 8) == [0, 5]
    assert len(caller.of("historicalDataUpdate")) == updates
    room.trade(102.0)
    room.wait(0.6)
    room.trade(103.0, 300)
    room.wait(11)
    assert bar_seconds(caller, 8) == [0, 5, 30, 35]
    *_, (_, _, opened, high, low, close, volume, *_), last = bars(caller, 8)
    assert (opened, high, low, close, volume) == (103.0, 103.0, 103.0, 103.0, 300)
    assert last[2:7] == (103.0, 103.0, 103.0, 103.0, 0)
    assert len(bars(caller, 9)) == (8 if "mute" in line else 4)
    assert len(caller.of("historicalDataUpdate")) > updates


@pytest.mark.parametrize(
    ("line", "lasts_s"),
    [
        ("+1s link-down for=20s", 20),
        ("+1s link-down for=20s restored=none", 20),
        ("+1s link-down for=10s data=10s", 20),
        ("+1s farm-down for=20s", 20),
        ("+1s quote IBM missing for=20s", 20),
    ],
)
@pytest.mark.parametrize("version", [178, 226])
def test_who_subscribes_while_there_are_no_data_is_shown_the_market_when_there_are(
    line, lasts_s, version
):
    room = Room(line)
    room.trade(100.0)
    caller = room.call(1, version)
    room.wait(2)
    caller.client.reqMktData(9, contract(), "236", False, False, [])
    caller.client.reqMktDepth(10, contract(), 2, True, [])
    caller.client.reqMktData(11, contract(), "", True, False, [])
    room.quote(101.0, 101.1)
    room.wait(lasts_s - 2)
    assert caller.of("tickPrice") == caller.of("tickGeneric") == []
    assert caller.of("updateMktDepthL2") == []
    assert [row[0] for row in caller.of("tickSnapshotEnd")] == [11]
    assert {row[0] for row in caller.of("tickReqParams")} == {9, 11}
    room.wait(2)
    shown = [(row[1], row[2]) for row in caller.of("tickPrice") if row[0] == 9]
    assert shown[:3] == [(1, 101.0), (2, 101.1), (4, 100.0)]
    assert {row[1] for row in caller.of("tickGeneric")} == {46, 49}
    assert [row[5] for row in caller.of("updateMktDepthL2")[::2]] == [101.0, 101.1]
    caller.heard.clear()
    room.wait(20)
    assert caller.of("tickPrice") == []


def bars(caller, request_id):
    return [row for row in caller.of("realtimeBar") if row[0] == request_id]


def bar_seconds(caller, request_id):
    return [row[1] - OPEN_NS // 10**9 for row in bars(caller, request_id)]


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


@pytest.mark.parametrize("fault", ["link-down for=20s", "reset-window for=20s"])
def test_an_answer_and_its_end_wait_together(fault):
    room = Room(f"+1s {fault}")
    caller = room.call()
    caller.place("BUY", 100, "MKT")
    caller.place("BUY", 100, "LMT", lmtPrice=90.0)
    room.wait(2)
    caller.heard.clear()
    caller.client.reqOpenOrders()
    caller.client.reqPositions()
    caller.client.reqExecutions(7, ExecutionFilter())
    ends = ["openOrderEnd", "positionEnd", "execDetailsEnd"]
    assert [len(caller.of(end)) for end in ends] == [0, 0, 0]
    room.wait(20)
    assert [len(caller.of(end)) for end in ends] == [1, 1, 1]
    assert [len(caller.of(row)) for row in ("openOrder", "position", "execDetails")] == [1, 1, 1]


def test_who_connects_while_the_link_is_down_is_told_so():
    room = Room("+1s link-down for=20s")
    room.wait(2)
    assert [row[2] for row in room.call(client_id=2).of("error")] == [1100]
    room.wait(20)
    assert [row[2] for row in room.call(client_id=3).of("error")] == [2104, 2106, 2158]


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


def test_policies_that_overlap_end_each_at_its_own_time():
    """The latest holds, and none outlives its time because another began within it."""
    room = Room(
        "+1s policy active_orders_max=3 for=10s",
        "+5s policy active_orders_max=5 for=10s",
        "+6s policy active_orders_max=4 for=1s",
        "+6s policy margin=refuse for=10s",
    )
    seen = []
    for seconds in (2, 4, 0.5, 1, 4, 5):  # until 2, 6, 6.5, 7.5, 11.5, 16.5 s
        room.wait(seconds)
        seen.append((room.exchange.policies.active_orders_max, room.exchange.policies.margin))
    own = Policies()
    none = own.active_orders_max, own.margin
    assert seen == [
        (3, own.margin),
        (4, "refuse"),
        (4, "refuse"),
        (5, "refuse"),
        (5, "refuse"),
        none,
    ]


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

"""The TWS in memory: the same bytes as over a socket, in virtual time."""

from __future__ import annotations

from decimal import Decimal

import pytest

from engine.sim.launch import generated
from engine.sim.memory import MemoryTws
from tests.sim.caller import OPEN_NS, Caller, Room, contract

VERSIONS = [178, 200, 226]


@pytest.mark.parametrize("version", VERSIONS)
def test_a_client_trades_without_a_socket(version: int) -> None:
    room = Room()
    caller = room.call(version=version)
    assert caller.of("nextValidId") == [(1,)]
    entry = caller.place("BUY", 100, "MKT")
    assert caller.statuses(entry)[-1] == "Filled"
    stop = caller.place("SELL", 100, "STP", auxPrice=99.0)
    room.wait(60)
    room.trade(99.0)
    assert caller.statuses(stop)[-1] == "Filled"
    assert [shares for _, _, shares in caller.filled()] == [100, 100]
    assert room.position == 0
    assert room.tws.now_ns == OPEN_NS + 60 * 10**9
    assert room.tws.report()["uncovered_max_ms"] == 0
    assert caller.broken == []


def test_time_passes_only_when_it_is_told_to() -> None:
    exchange, source = generated(["IBM"], seed=4)
    tws = MemoryTws(exchange, source)
    caller = Caller(tws)
    caller.client.reqMktData(7, contract(), "", False, False, [])
    before = len(caller.heard)
    assert tws.now_ns == OPEN_NS
    tws.run_for(30)
    assert tws.now_ns == OPEN_NS + 30 * 10**9
    assert len(caller.of("tickPrice")) > 30
    assert len(caller.heard) > before
    ticks = len(caller.heard)
    assert len(caller.heard) == ticks


def test_the_same_run_says_the_same_bytes() -> None:
    def run() -> bytes:
        exchange, source = generated(["IBM"], seed=4)
        tws = MemoryTws(exchange, source, latency_ns=20_000_000)
        connection = tws.connect()
        said = bytearray()
        connection.on_bytes = said.extend
        hello = b"v100..178"
        connection.send(b"API\0" + len(hello).to_bytes(4, "big") + hello)
        tws.run_for(1)
        for message in (
            "71\x002\x001\x00\x00",
            "61\x001\x00",
            "1\x0011\x005\x000\x00IBM\x00STK"
            "\x00\x000\x00\x00\x00SMART\x00\x00USD\x00\x00\x000\x00\x000\x000\x00\x00",
        ):
            connection.send(len(message).to_bytes(4, "big") + message.encode())
        tws.run_for(120)
        return bytes(said)

    assert run() == run()
    assert len(run()) > 5000


def test_bytes_need_their_time() -> None:
    room = Room(latency_ns=50_000_000)
    caller = room.call()
    assert caller.heard == []
    room.wait(0.2)
    assert caller.of("nextValidId") == [(1,)]
    sent_ns = room.tws.now_ns
    caller.place("BUY", 100, "MKT")
    room.quote(104.9, 105.0)  # the order is still on its way
    room.wait(0.099)
    assert caller.filled() == []
    room.wait(0.002)
    assert caller.filled() == [("00000001.01.01", "BOT", Decimal(100))]
    (execution,) = room.exchange.executions()
    assert execution.time_ns - sent_ns == 50_000_000
    assert execution.price == 105


def test_a_client_may_leave_and_come_back() -> None:
    room = Room()
    first = room.call()
    order_id = first.place("BUY", 100, "LMT", lmtPrice=90.0)
    first.connection.close()
    with pytest.raises(ConnectionResetError):
        first.connection.send(b"anything")
    again = room.call()
    again.client.reqOpenOrders()
    assert [row[0] for row in again.of("openOrder")] == [order_id]
    assert again.of("nextValidId") == [(2,)]


def test_a_stranger_is_shown_out() -> None:
    room = Room()
    connection = room.tws.connect()
    connection.send(b"GET / HTTP/1.1\r\n")
    assert connection.closed
    assert connection.receive() == b""


def test_a_whole_day_takes_seconds() -> None:
    exchange, source = generated(["IBM"], seed=4, ticks_per_s=1)
    tws = MemoryTws(exchange, source)
    caller = Caller(tws, version=226)
    caller.place("BUY", 100, "MKT", tif="DAY")
    caller.place("SELL", 100, "MOC", tif="DAY")
    tws.run_out()
    tws.run_for(60)
    assert tws.market_over
    assert (tws.now_ns - OPEN_NS) / 10**9 > 23_000
    assert [side for _, side, _ in caller.filled()][-1] == "SLD"
    assert exchange.position("IBM") == 0


def test_faults_can_be_added_on_the_way() -> None:
    room = Room()
    caller = room.call()
    room.wait(10)
    room.tws.fault("+5s reset")
    room.tws.fault("order:1 swallow placeOrder count=1")
    caller.place("BUY", 100, "MKT")
    assert room.position == 0
    room.wait(5)
    assert caller.connection.reset
    assert room.happened == [1, 1]

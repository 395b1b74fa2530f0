"""Fifty clients at once: each gets what is its own, whatever the others do."""

from __future__ import annotations

import socket
import struct
from decimal import Decimal

from engine.sim.policies import Policies
from engine.sim.tws_sim import TwsSim
from tests.sim.caller import Caller, Room, contract

COUNT = 50
VERSIONS = (176, 178, 187, 200, 203, 208, 213, 226)


def buys(caller: Caller) -> list[tuple[Decimal, int]]:
    return [(row[2].shares, row[2].clientId) for row in caller.of("execDetails")]


def test_fifty_clients_of_all_versions_trade_at_once() -> None:
    room = Room(policies=Policies(clients_max=COUNT, active_orders_max=10_000, master_client_id=0))
    room.quote(99.98, 100.0, 1_000_000)
    callers = [room.call(number, VERSIONS[number % len(VERSIONS)]) for number in range(COUNT)]
    refused = room.call(COUNT)
    assert refused.connection.closed

    for number, caller in enumerate(callers):
        caller.client.reqMktData(500 + number, contract(), "", False, False, [])
        caller.client.reqPositions()
        caller.place("BUY", number + 1, "LMT", lmtPrice=90.0)
    for number, caller in enumerate(callers):
        caller.place("BUY", number + 1, "MKT")
    room.quote(101.0, 101.02)

    for number, caller in enumerate(callers):
        assert caller.broken == []
        assert caller.errors() == []
        own = [one for one in buys(caller) if one[1] == number]
        assert own == [(Decimal(number + 1), number)]
        assert buys(caller) == own or number == 0  # the master hears of all
        assert {row[0] for row in caller.of("tickPrice")} == {500 + number}
        assert [row[2] for row in caller.of("tickPrice") if row[1] == 1][-1] == 101.0
        assert caller.of("position")[-1][2] == COUNT * (COUNT + 1) // 2
    assert len(buys(callers[0])) == COUNT
    assert len(room.exchange.open_orders()) == COUNT

    for caller in callers[::2]:
        caller.connection.close()
    for caller in callers[1::2]:
        caller.cancel(1)
        assert caller.statuses(1)[-1] == "Cancelled"
    assert len(room.exchange.open_orders()) == COUNT // 2
    assert not room.call(2).connection.closed


def frames(sock: socket.socket, until: bytes) -> bytes:
    received = b""
    while until not in received:
        data = sock.recv(1 << 16)
        assert data, "the simulator ended the connection"
        received += data
    return received


def test_fifty_sockets_at_once() -> None:
    """Every client asks at the same time; half of them are gone without a word later on."""

    def said(*fields: object) -> bytes:
        body = "".join(f"{field}\0" for field in fields).encode()
        return struct.pack(">I", len(body)) + body

    stock = (0, "IBM", "STK", "", 0, "", "", "SMART", "", "USD", "", "")
    with TwsSim(symbols=["IBM"], policies={"clients_max": COUNT}) as tws:
        socks = [socket.create_connection((tws.host, tws.port), 20) for _ in range(COUNT)]
        for sock in socks:
            sock.sendall(b"API\0\0\0\0\x09v100..178")
        for number, sock in enumerate(socks):
            sock.sendall(
                said(71, 2, number, "")
                + said(1, 11, 7, *stock, 0, "", 0, 0, "")
                + said(97, 8, *stock, "AllLast", 0, 0)
                + said(61, 1)
            )
        for sock in socks:
            frames(sock, b"62\x001\0")
        for price in range(100, 200):
            tws.trade("IBM", float(price))
        for number, sock in enumerate(socks):
            frames(sock, b"199.0\x00100\x000\0ISLAND")
            if number % 2:
                sock.close()
        tws.until(lambda: len(tws.report()["clients"]) == COUNT // 2)
        tws.trade("IBM", 250.0)
        for sock in socks[::2]:
            frames(sock, b"250.0\x00100\x000\0ISLAND")
            sock.close()

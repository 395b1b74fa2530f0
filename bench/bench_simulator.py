"""What the simulator can say: market messages to one client over loopback, both in processes of
their own. The client only reads; the frames are counted afterwards."""

from __future__ import annotations

import socket
import statistics
import struct
import time

import pytest

from bench.ledger import Figure, Ledger, Target
from bench.peers.market import LAST
from bench.processes import start
from bench.wire import version

ROUNDS = 3
GROUP = "simulator -> client"
TICKS = 60_000
PATIENCE_S = 60.0


def asked(style: str, symbol: str, number: int) -> bytes:
    """The bytes of one subscription, as ibapi writes them."""
    from ibapi.client import EClient
    from ibapi.contract import Contract
    from ibapi.wrapper import EWrapper

    class Wire:
        said = b""

        def isConnected(self) -> bool:  # noqa: N802 - ibapi's name
            return True

        def sendMsg(self, message: bytes) -> int:  # noqa: N802
            self.said += message
            return len(message)

    client, wire = EClient(EWrapper()), Wire()
    client.conn, client.serverVersion_, client.clientId = wire, version(style), 1
    client.setConnState(EClient.CONNECTED)
    if number == 1:
        client.startApi()
    contract = Contract()
    contract.symbol, contract.secType, contract.exchange, contract.currency = (
        *(symbol, "STK", "SMART", "USD"),
    )  # fmt: skip
    client.reqMktData(number, contract, "", False, False, [])
    return wire.said


def measured(style: str, symbols: list[str]) -> tuple[float, float]:
    """Seconds for a message: of the wall clock between two processes, and of the simulator's
    processor time, which a busy machine does not change."""
    server = start("bench.peers.market", TICKS, ",".join(symbols))
    try:
        assert server.stdout is not None
        port = int(server.stdout.readline())
        with socket.create_connection(("127.0.0.1", port), PATIENCE_S) as sock:
            hello = f"v100..{version(style)}".encode()
            sock.sendall(b"API\0" + len(hello).to_bytes(4, "big") + hello)
            sock.recv(256)
            for number, symbol in enumerate(symbols, 1):
                sock.sendall(asked(style, symbol, number))
            count, seconds = _received(sock)
        return seconds / count, float(server.stdout.readline()) / count
    finally:
        server.kill()
        server.communicate()


def _received(sock: socket.socket) -> tuple[int, float]:
    """How many messages came, and how long they took."""
    end = (repr(LAST).encode(), struct.pack("<d", LAST))
    chunks: list[tuple[float, bytes]] = []
    tail = b""
    while not any(mark in tail for mark in end):
        data = sock.recv(1 << 20)
        assert data, "the simulator ended"
        chunks.append((time.perf_counter(), data))
        tail = tail[-64:] + data
    everything = b"".join(data for _, data in chunks)
    count, at = 0, 0
    while at + 4 <= len(everything):
        at += 4 + int.from_bytes(everything[at : at + 4], "big")
        count += 1
    assert count >= TICKS / 10, f"{count} messages of {TICKS} ticks"
    return count, chunks[-1][0] - chunks[0][0]


@pytest.mark.parametrize("style", ["text", "protobuf"])
@pytest.mark.parametrize("symbols", [["IBM"], ["AAPL", "CSCO", "IBM", "MSFT", "SPY"]])
def test_market_to_one_client(ledger: Ledger, style: str, symbols: list[str]) -> None:
    rounds = [measured(style, symbols) for _ in range(ROUNDS)]
    wall, cpu = (statistics.median(column) for column in zip(*rounds, strict=True))
    words, target = f"quotes, {style}, {len(symbols)} symbols", Target("ours", 1 / 100_000)
    ledger.add(Figure(GROUP, f"{words}, per message", wall, target=target))
    ledger.add(Figure(GROUP, f"{words}, CPU per message", cpu, target=target))

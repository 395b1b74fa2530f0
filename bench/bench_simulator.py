"""What the simulator can say: market messages to one client and to fifty over loopback, server and
clients in processes of their own. The clients only read; the frames are counted afterwards."""

from __future__ import annotations

import contextlib
import selectors
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
GROUP = "simulator -> clients"
MESSAGES = 150_000  # or more, to all clients together
PATIENCE_S = 60.0
RATE = 100_000  # messages in a second


def asked(style: str, symbols: list[str], client_id: int) -> bytes:
    """The bytes of a client's subscriptions, as ibapi writes them."""
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
    client.conn, client.serverVersion_, client.clientId = wire, version(style), client_id
    client.setConnState(EClient.CONNECTED)
    client.startApi()
    for number, symbol in enumerate(symbols, 1):
        contract = Contract()
        contract.symbol, contract.secType, contract.exchange, contract.currency = (
            *(symbol, "STK", "SMART", "USD"),
        )  # fmt: skip
        client.reqMktData(number, contract, "", False, False, [])
    return wire.said


def measured(style: str, symbols: list[str], clients: int) -> tuple[float, float]:
    """Seconds for a message: of the wall clock between two processes, and of the simulator's
    processor time, which a busy machine does not change."""
    server = start("bench.peers.market", MESSAGES // clients, ",".join(symbols), clients)
    try:
        assert server.stdout is not None and server.stdin is not None
        port = int(server.stdout.readline())
        with contextlib.ExitStack() as open_until_told:
            sockets = []
            for number in range(1, clients + 1):
                sock = socket.create_connection(("127.0.0.1", port), PATIENCE_S)
                sockets.append(open_until_told.enter_context(sock))
                hello = f"v100..{version(style)}".encode()
                sock.sendall(b"API\0" + len(hello).to_bytes(4, "big") + hello)
                sock.recv(256)
                sock.sendall(asked(style, symbols, number))
            count, seconds = _received(sockets)
            server.stdin.close()
            return seconds / count, float(server.stdout.readline()) / count
    finally:
        server.kill()
        server.wait()


def _received(sockets: list[socket.socket]) -> tuple[int, float]:
    """How many messages came to all, and how long the market took."""
    ends = (repr(LAST).encode(), struct.pack("<d", LAST))
    said: dict[socket.socket, list[bytes]] = {sock: [] for sock in sockets}
    tails = dict.fromkeys(sockets, b"")
    times: list[tuple[float, int]] = []
    with selectors.DefaultSelector() as waiting:
        for sock in sockets:
            waiting.register(sock, selectors.EVENT_READ)
        while waiting.get_map():
            for key, _ in waiting.select(PATIENCE_S):
                sock = key.fileobj
                assert isinstance(sock, socket.socket)
                data = sock.recv(1 << 20)
                assert data, "the simulator ended"
                times.append((time.perf_counter(), len(data)))
                said[sock].append(data)
                tails[sock] = tails[sock][-64:] + data
                if any(end in tails[sock] for end in ends):
                    waiting.unregister(sock)
    count = sum(_frames(b"".join(chunks)) for chunks in said.values())
    assert count >= MESSAGES, f"{count} messages"
    return count, times[-1][0] - _begun(times)


def _begun(times: list[tuple[float, int]]) -> float:
    """When the market began: a hundredth of the bytes are answers, or came before all listened."""
    rest = sum(size for _, size in times) // 100
    for moment, size in times:
        rest -= size
        if rest < 0:
            return moment
    raise AssertionError("nothing came")


def _frames(data: bytes) -> int:
    count, at = 0, 0
    while at + 4 <= len(data):
        at += 4 + int.from_bytes(data[at : at + 4], "big")
        count += 1
    return count


@pytest.mark.parametrize("style", ["text", "protobuf"])
@pytest.mark.parametrize(
    ("symbols", "clients"),
    [(["IBM"], 1), (["AAPL", "CSCO", "IBM", "MSFT", "SPY"], 1), (["IBM"], 50)],
)
def test_market_messages(ledger: Ledger, style: str, symbols: list[str], clients: int) -> None:
    rounds = [measured(style, symbols, clients) for _ in range(ROUNDS)]
    wall, cpu = (statistics.median(column) for column in zip(*rounds, strict=True))
    words = f"{style}, {len(symbols)} symbols, {clients} clients"
    target = Target("ours", 1 / RATE)
    ledger.add(Figure(GROUP, f"{words}, by the clock per message", wall, target=target))
    ledger.add(Figure(GROUP, f"{words}, CPU per message", cpu, target=target))

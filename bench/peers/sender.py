"""A TWS in a process of its own that sends what a measurement needs, as fast or as paced as asked.

The simulator's gateway answers every request; only the extra bytes are made here.

Usage: python -m bench.peers.sender MODE [--ticks-per-s N] [--events-per-s N] [--count N]
    [--rest-s S]

``flood``     from the first tick-by-tick subscription on: trades, at a rate or (0) without a pause
``paced``     trades at a rate, and statuses of the client's open order that carry the
              CLOCK_MONOTONIC of their sending (in seconds, as mktCapPrice); how many, at the end
``crossing``  prices that set off the trigger of an engine (BUY IBM when last is above 100.50) and
              let the trade end at its target; told at the end: from the bytes of the crossing
              tick to the last byte of the bracket of three orders, in seconds

``filling``   as crossing, but the entry fills at another price than the one it was decided on, so
              that its stop moves; told of each as it comes, in seconds: when (CLOCK_MONOTONIC),
              and from the bytes of the execution to those of the stop
``idle``      nothing but answers

Prints its port, then serves one client after another until its standard input ends.
"""

from __future__ import annotations

import argparse
import json
import random
import select
import socket
import struct
import sys
import time
from collections.abc import Callable
from typing import Final

from bench.stream import Stream
from bench.wire import trade
from engine.sim.client import Client
from engine.sim.exchange import Exchange
from engine.sim.gateway import Gateway
from engine.sim.instruments import instruments, session
from engine.sim.launch import ACCOUNT, DAY
from engine.sim.policies import Policies
from engine.sim.records import MarketTick, TickKind
from engine.sim.wire_messages import ORDER_STATUS, order_status_values
from engine.sim.wire_protobuf import preload

FRAMES: Final = 5000  # distinct trades
PER_SECOND: Final = 100  # of a flood, by the times that they carry
PIECE: Final = 50  # trades in one write of a flood at a rate; less than 4096 bytes
STAMP: Final = 123456.789012345  # where the time of sending is put in
SECOND_NS: Final = 1_000_000_000
QUIET: Final = 100.0
OVER: Final = 100.6
SLIPPED: Final = 100.9
AGAIN_S: Final = 0.3
BRACKET: Final = 3  # orders
STOP: Final = ("IBM", "STP")
AT_TARGET: Final = 103.0
PATIENCE_S: Final = 10.0


class Gone(Exception):  # noqa: N818  (the normal end)
    """The client has left."""


class Line:
    """One client of the gateway over one socket."""

    def __init__(self, sock: socket.socket, symbols: tuple[str, ...]) -> None:
        hours = (session(DAY),)
        self._origin_ns = hours[0][0] + 600 * SECOND_NS
        self._began_ns = time.monotonic_ns()
        known = instruments(symbols, hours)
        self.exchange = Exchange(known, ACCOUNT, Policies(), 1, self._origin_ns, 1)
        self.gateway = Gateway(self.exchange)
        self.client: Client = self.gateway.open("bench")
        self.socket = sock
        self.told = 0.0  # when bytes last began to leave (CLOCK_MONOTONIC, seconds)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    @property
    def now_ns(self) -> int:
        return self._origin_ns + time.monotonic_ns() - self._began_ns

    def receive(self) -> bytes:
        try:
            data = self.socket.recv(1 << 16)
        except OSError as problem:
            raise Gone from problem
        if not data:
            raise Gone
        return data

    def receive_frames(self, count: int) -> bytes:
        """So many whole frames; fewer when no more come for a while. Nothing of them is read."""
        data, seen, begins = b"", 0, 0
        while seen < count and select.select([self.socket], [], [], AGAIN_S)[0]:
            data += self.receive()
            while begins + 4 <= len(data):
                ends = begins + 4 + int.from_bytes(data[begins : begins + 4], "big")
                if ends > len(data):
                    break
                seen, begins = seen + 1, ends
        return data

    def answer(self, data: bytes) -> None:
        self.gateway.advance(self.now_ns)
        self.gateway.receive(self.client, data)
        self.flush()

    def flush(self) -> None:
        self.told = time.monotonic()
        while pending := self.client.wire.delivery.pending():
            self.send(bytes(pending))
            self.client.wire.delivery.sent(len(pending))

    def send(self, data: bytes | memoryview) -> None:
        try:
            self.socket.sendall(data)
        except OSError as problem:
            raise Gone from problem

    def serve(self, seconds: float) -> None:
        """Answer what comes for so long."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if select.select([self.socket], [], [], left)[0]:
                self.answer(self.receive())

    def serve_until(self, true: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not true():
            if time.monotonic() > deadline:
                raise TimeoutError(f"the client did not get to {true.__qualname__}")
            if select.select([self.socket], [], [], 0.1)[0]:
                self.answer(self.receive())

    def stream(self) -> int:
        """The request id of the tick-by-tick subscription, once there is one."""
        self.serve_until(lambda: bool(self._ticking()))
        return self._ticking()[0]

    def _ticking(self) -> list[int]:
        return [request for kind, request in self.client.streams if kind == 97]

    def tick(self, kind: TickKind, price: float, symbol: str = "IBM") -> None:
        self.gateway.tick(MarketTick(self.now_ns, symbol, kind, price, 10_000))


def flood(line: Line, options: argparse.Namespace) -> None:
    request = line.stream()
    stream = Stream(line.client.encoder, [request], FRAMES, PER_SECOND, numbered=False)
    if not options.ticks_per_s:
        while True:
            line.send(stream.turn())
    # In small pieces, with a breath between them: see SATURATION in bench_wire.
    begin, sent = time.monotonic(), 0
    while True:
        for piece in stream.pieces(PIECE):
            pause = begin + sent * PIECE / options.ticks_per_s - time.monotonic()
            if pause > 0:
                time.sleep(pause)
            line.send(piece)
            sent += 1


def paced(line: Line, options: argparse.Namespace) -> None:
    quote(line, QUIET)
    request = line.stream()
    frames = [trade(line.client.encoder, request, n) for n in range(FRAMES)]
    line.serve_until(lambda: bool(line.exchange.open_orders()))
    line.serve(0.3)
    statuses = [stamped(line, status) for status in ("PreSubmitted", "Submitted")]
    chance = options.events_per_s / options.ticks_per_s
    dice = random.Random(1)
    begin, sent, told = time.monotonic(), 0, 0
    while told < options.count:
        pause = begin + sent / options.ticks_per_s - time.monotonic()
        if select.select([line.socket], [], [], max(pause, 0))[0]:
            line.answer(line.receive())
            continue
        if dice.random() < chance:
            head, tail = statuses[told % 2]
            line.send(head + struct.pack("<d", time.monotonic()) + tail)
            told += 1
        line.send(frames[sent % FRAMES])
        sent += 1
    line.serve(0.2)
    print(told, flush=True)


def stamped(line: Line, status: str) -> tuple[bytes, bytes]:
    """A status of the open order, cut where the time of sending belongs."""
    order = line.exchange.open_orders()[0]
    values = list(order_status_values(order))
    values[1], values[-1] = status, STAMP
    head, mark, tail = line.client.encoder.simple(ORDER_STATUS, *values).partition(
        struct.pack("<d", STAMP)
    )
    assert mark, "the stamp is spliced into protobuf only"
    return head, tail


def quote(line: Line, price: float, symbol: str = "IBM") -> None:
    line.tick("B", round(price - 0.01, 2), symbol)
    line.tick("A", round(price + 0.01, 2), symbol)
    line.flush()


def crossing(line: Line, options: argparse.Namespace) -> None:
    took: list[float] = []
    quote(line, QUIET)
    line.serve_until(lambda: bool(line.client.streams))
    line.serve(0.5)
    while len(took) < options.count:
        quote(line, QUIET)
        line.tick("T", QUIET)
        line.flush()
        line.serve(options.rest_s)
        quote(line, OVER)
        line.serve(0.005)
        line.tick("T", OVER)
        began = time.monotonic_ns()
        line.flush()
        data = line.receive_frames(BRACKET)
        waited = (time.monotonic_ns() - began) / 1e9
        line.answer(data)
        if not line.exchange.open_orders() and held(line) == 0:
            continue  # the engine was not done with the trade before: that was something else
        took.append(waited)
        line.serve_until(lambda: held(line) > 0 and len(line.exchange.open_orders()) == 2)
        line.serve(0.005)
        quote(line, AT_TARGET)
        line.tick("T", AT_TARGET)
        line.flush()
        line.serve_until(lambda: held(line) == 0 and not line.exchange.open_orders())
    print(json.dumps(took), flush=True)
    line.serve(PATIENCE_S)


def filling(line: Line, options: argparse.Namespace) -> None:
    """The other symbols are quoted, for whoever wants positions there."""
    line.serve_until(lambda: bool(line.client.streams))
    for symbol in options.symbols.split(","):
        quote(line, QUIET, symbol)
    line.serve(1.0)
    while True:
        began = entered(line)
        before = stops(line)
        while began is not None and stops(line) == before:
            data = line.receive()
            moved = time.monotonic()
            line.answer(data)
            if stops(line) != before:
                print(json.dumps([began, moved - began]), flush=True)
        line.serve(0.01)
        quote(line, AT_TARGET)
        line.tick("T", AT_TARGET)
        line.flush()
        line.serve_until(lambda: not stops(line))


def entered(line: Line) -> float | None:
    """When the execution of an entry left. A client that is behind may still be in the last trade
    when the price crosses, and refuse: then it crosses again. None: it came after all."""
    while True:
        quote(line, QUIET)
        line.tick("T", QUIET)
        line.flush()
        line.serve(0.02)
        if stops(line):
            return None
        quote(line, OVER)
        line.tick("T", OVER)
        line.flush()
        if select.select([line.socket], [], [], AGAIN_S)[0]:
            data = line.receive()
            line.tick("A", SLIPPED)  # on its way the market has moved
            line.answer(data)
            if stops(line):
                return line.told  # what the exchange itself took is not the engine's


def stops(line: Line) -> list[object]:
    """The prices at which IBM is stopped out."""
    orders = line.exchange.open_orders()
    return [one.aux_price for one in orders if (one.instrument.symbol, one.order_type) == STOP]


def held(line: Line) -> int:
    return sum(int(one.quantity) for one in line.exchange.positions())


def idle(line: Line, _: argparse.Namespace) -> None:
    while True:
        line.serve(PATIENCE_S)


MODES = {"idle": idle, "flood": flood, "paced": paced, "crossing": crossing, "filling": filling}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("mode", choices=MODES)
    parser.add_argument("--ticks-per-s", type=float, default=5000.0)
    parser.add_argument("--events-per-s", type=float, default=400.0)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--symbols", default="IBM")
    parser.add_argument("--rest-s", type=float, default=0.01)
    options = parser.parse_args()
    preload()
    with socket.create_server(("127.0.0.1", 0)) as server:
        print(server.getsockname()[1], flush=True)
        while True:
            if sys.stdin in select.select([server, sys.stdin], [], [])[0]:
                return
            sock, _ = server.accept()
            with sock:
                line = Line(sock, tuple(options.symbols.split(",")))
                try:
                    MODES[options.mode](line, options)
                except Gone:
                    continue


if __name__ == "__main__":
    main()

"""The wire as it came, from a capture: every frame through the reader, as on that day.

Prices go to the same market as live, so what it holds afterwards, or a change of it after any
frame, is what the engine saw. Whoever wants the ticks is told of each as it shows there: TWS says
what changed, and a trade by the volume of the day.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import attrs
import numpy as np

from _fast.market import Market
from _fast.reader import Reader
from engine import capture
from engine.broker.clock import ExchangeClock
from engine.broker.inbound import Inbound, TimeTold
from engine.errors import DataFileError, DecodeError
from engine.sim.records import MarketTick, TickKind

Tell = Callable[[MarketTick], None]
LENGTH: Final = struct.Struct(">I")
UNKNOWN: Final = -1.0


@attrs.define
class Seen:
    """What a capture held. ``inputs`` counts what its messages meant to the engine by their
    class, ``unreadable`` what none could read, ``undated`` the changes of the market before the
    exchange had told its time."""

    bytes: int = 0
    connections: list[int] = attrs.field(factory=list)  # the version of each
    frames: int = 0
    market: int = 0  # messages about prices
    inputs: Counter[str] = attrs.field(factory=Counter)
    unreadable: Counter[str] = attrs.field(factory=Counter)
    ticks: Counter[str] = attrs.field(factory=Counter)  # by symbol
    undated: int = 0


class Wire:
    """``run`` takes the whole capture, once. ``rate`` is the speed of the exchange's clock, which
    only a simulator has other than 1."""

    def __init__(self, path: str | Path, tell: Tell | None = None, rate: float = 1.0) -> None:
        self.path: Final = path
        self.seen: Final = Seen()
        self.market: Final = Market()
        self.rows: Final[dict[str, int]] = {}
        self._symbols: list[str] = []
        self._tell = tell
        self._clock = ExchangeClock(rate)
        self._bound: list[int] = []
        self._reader: Reader | None = None
        self._inbound: Inbound | None = None
        self._rest = b""
        self._counts = np.zeros(0, np.uint64)  # messages applied, by row
        self._shown: list[tuple[float, ...]] = []
        self._told_ns = 0

    def run(self) -> Seen:
        """Raises DataFileError: it is no capture, or damaged."""
        for _ in self.chunks():
            pass
        return self.seen

    def chunks(self) -> Iterator[int]:
        """As ``run``, a record at a time: how many bytes it had."""
        takes: dict[int, Callable[[capture.Chunk], None]] = {
            capture.CONNECTED: self._connected,
            capture.SUBSCRIBED: self._subscribed,
            capture.RECEIVED: self._received,
        }
        for chunk in capture.read(self.path):
            takes[chunk.kind](chunk)
            yield len(chunk.data)

    def _connected(self, chunk: capture.Chunk) -> None:
        try:
            version = int(chunk.data)
            reader = Reader(-1, -1, self.market, version)
        except (ValueError, OverflowError):
            raise self._damaged("a connection without a version that can be read") from None
        for request_id in self._bound:
            self.market.unbind(request_id)
        self._bound.clear()
        self._reader = reader
        self._inbound = Inbound(version)
        self._rest = b""
        self.seen.connections.append(version)
        if self._clock.set:
            self._reader.set_clock(*self._clock.anchor, self._clock.rate)

    def _subscribed(self, chunk: capture.Chunk) -> None:
        try:
            number, _, symbol = chunk.data.decode().partition(" ")
            request_id = int(number)
            if symbol not in self.rows:
                self.rows[symbol] = self.market.add()
                self._symbols.append(symbol)
                self._counts = np.append(self._counts, np.uint64(0))
                self._shown.append(self._columns(self.rows[symbol]))
            self.market.bind(request_id, self.rows[symbol])
        except (ValueError, OverflowError):
            raise self._damaged("a subscription without a number that can be one") from None
        self._bound.append(request_id)

    def _received(self, chunk: capture.Chunk) -> None:
        reader = self._reader
        if reader is None:
            raise self._damaged("bytes before any connection")
        self.seen.bytes += len(chunk.data)
        for frame in self._frames(chunk.data):
            before = reader.ticks
            reader.feed(frame, chunk.mono_ns)
            self.seen.frames += 1
            if reader.ticks != before:
                self.seen.market += reader.ticks - before
                if self._tell is not None:
                    self._changed()
            for _, message in reader.take():
                self._understood(reader, message, chunk.mono_ns)

    def _damaged(self, what: str) -> DataFileError:
        return DataFileError(f"{self.path}: is damaged: it has {what}")

    def _frames(self, data: bytes) -> Iterator[bytes]:
        """Whole ones, each with its length in front; the rest waits."""
        data, at = self._rest + data, 0
        while len(data) - at >= LENGTH.size:
            ends = at + LENGTH.size + LENGTH.unpack_from(data, at)[0]
            if ends > len(data):
                break
            yield data[at:ends]
            at = ends
        self._rest = data[at:]

    def _understood(self, reader: Reader, message: tuple[Any, ...], mono_ns: int) -> None:
        assert self._inbound is not None
        try:
            found = self._inbound.inputs(message, len(self.seen.connections))
        except DecodeError as problem:
            self.seen.unreadable[str(problem)] += 1
            return
        for one in found:
            self.seen.inputs[type(one).__name__] += 1
            if isinstance(one, TimeTold):
                self._clock.follow(reader, mono_ns, one.time_ns, one.resolution_ns)

    # -- ticks ---------------------------------------------------------------------------------

    def _columns(self, row: int) -> tuple[float, ...]:
        now = self.market.instruments[row]
        names = ("bid", "bid_size", "ask", "ask_size", "last", "volume")
        values = (float(now[name]) for name in names)
        return tuple(one if one == one else UNKNOWN for one in values)  # noqa: PLR0124 - NaN

    def _changed(self) -> None:
        """One frame is about one symbol."""
        counts = self.market.instruments["ticks"]
        for row in np.flatnonzero(counts != self._counts):
            self._counts[row] = counts[row]
            before, now = self._shown[row], self._columns(int(row))
            self._shown[row] = now
            for kind, price, size in _news(before, now):
                self._told(self._symbols[row], kind, price, size)

    def _told(self, symbol: str, kind: TickKind, price: float, size: float) -> None:
        assert self._tell is not None
        if not self._clock.set:
            self.seen.undated += 1
            return
        self.seen.ticks[symbol] += 1
        # A correction of the clock may put it back; what was told before stays before.
        self._told_ns = max(self._told_ns, self.market.clock)
        self._tell(MarketTick(self._told_ns, symbol, kind, price, round(size)))


def _news(
    before: tuple[float, ...], now: tuple[float, ...]
) -> Iterator[tuple[TickKind, float, float]]:
    bid, bid_size, ask, ask_size, last, volume = now
    if (bid, bid_size) != before[:2] and bid > 0:
        yield "B", bid, _shares(bid_size)
    if (ask, ask_size) != before[2:4] and ask > 0:
        yield "A", ask, _shares(ask_size)
    traded = volume - before[5]
    if before[5] != UNKNOWN and traded > 0 and last > 0:
        # What TWS does not say of trades that came together is in the volume of the day.
        yield "T", last, traded


def _shares(size: float) -> float:
    return size if size >= 0 else 0.0

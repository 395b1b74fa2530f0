"""Where prices come from: tick files, streamed, or a seeded generator.

A tick file is CSV, plain or gzipped, named SYMBOL-YYYYMMDD.csv[.gz], with the header
``time_ms,kind,price,size``: milliseconds since local midnight in New York, kind B (bid),
A (ask) or T (trade), price in USD, size in shares. Memory stays flat whatever the length.
"""

from __future__ import annotations

import csv
import gzip
import heapq
import math
import random
import re
import zlib
from codecs import BOM_UTF8
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import IO, Final, cast

import attrs
import numpy as np
from numpy.typing import NDArray

from _fast.tick_rows import parse
from engine.errors import ConfigError, DataFileError
from engine.sim import instruments
from engine.sim.records import MarketTick, TickKind

HEADER: Final = ["time_ms", "kind", "price", "size"]
DAY_MS: Final = 86_400_000
MS_NS: Final = 1_000_000
SIZE_MAX: Final = 10**15
BLOCK_ROWS: Final = 1 << 15
CHUNK_BYTES: Final = 1 << 19
_NAME: Final = re.compile(r"([A-Z][A-Z0-9. ]{0,15})-(\d{8})\.csv(\.gz)?")
_KINDS: Final[dict[str, TickKind]] = {"B": "B", "A": "A", "T": "T"}
LETTERS: Final[dict[int, TickKind]] = {ord(kind): kind for kind in _KINDS.values()}
_END: Final = re.compile(rb"\r\n|\n|\r")


def named(path: Path) -> tuple[str, date]:
    """Symbol and trading day in the name of a tick file.

    Raises:
        DataFileError: the name is not SYMBOL-YYYYMMDD.csv or .csv.gz with a real date.
    """
    match = _NAME.fullmatch(path.name)
    if match is None:
        raise DataFileError(f"{path}: name it SYMBOL-YYYYMMDD.csv or SYMBOL-YYYYMMDD.csv.gz")
    try:
        day = instruments.day_of(match[2])
    except ValueError:
        raise DataFileError(f"{path}: {match[2]} in its name is no date") from None
    return match[1], day


@attrs.frozen
class Block:
    """Ticks of one symbol in columns, by time; kinds are the letters' numbers."""

    times: NDArray[np.int64]
    kinds: NDArray[np.uint8]
    prices: NDArray[np.float64]
    sizes: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.times)

    def at(self, rows: NDArray[np.intp]) -> Block:
        """A copy of these."""
        return Block(self.times[rows], self.kinds[rows], self.prices[rows], self.sizes[rows])

    def rows(self, begin: int, end: int) -> Block:
        """A view of these."""
        return Block(
            self.times[begin:end],
            self.kinds[begin:end],
            self.prices[begin:end],
            self.sizes[begin:end],
        )

    def head(self, rows: int) -> Block:
        """A copy of the first ones."""
        return Block(
            self.times[:rows].copy(),
            self.kinds[:rows].copy(),
            self.prices[:rows].copy(),
            self.sizes[:rows].copy(),
        )


def read_ticks(path: Path | str) -> Iterator[MarketTick]:
    """The ticks of a file in file order.

    Raises:
        DataFileError: when the iterator reaches what cannot be read; names file, line and mend.
    """
    symbol, _ = named(Path(path))
    for block in read_blocks(path):
        kinds = map(LETTERS.__getitem__, block.kinds.tolist())
        rest = block.prices.tolist(), block.sizes.tolist()
        for time_ns, kind, price, size in zip(block.times.tolist(), kinds, *rest, strict=True):
            yield MarketTick(time_ns, symbol, kind, price, size)


def read_blocks(path: Path | str) -> Iterator[Block]:
    """As ``read_ticks``, many at once."""
    path = Path(path)
    _, day = named(path)
    try:
        with _opened(path) as file:
            yield from _blocks(path, file, instruments.midnight_ns(day))
    except gzip.BadGzipFile as problem:
        raise DataFileError(f"{path}: is not sound gzip ({problem}); compress it again") from None
    except (EOFError, zlib.error):
        raise DataFileError(
            f"{path}: the gzip data end early or are damaged; copy it again"
        ) from None
    except UnicodeDecodeError:
        raise DataFileError(f"{path}: is not text; expected CSV in ASCII or UTF-8") from None
    except OSError as problem:
        raise DataFileError(f"{path}: cannot be read: {problem.strerror or problem}") from None


def _opened(path: Path) -> IO[bytes]:
    if path.name.endswith(".gz"):
        return cast(IO[bytes], gzip.open(path, "rb"))
    return path.open("rb")


def _blocks(path: Path, file: IO[bytes], origin_ns: int) -> Iterator[Block]:
    """Rows of plain digits are read by compiled code; any other row is looked at by itself."""
    text = file.read(CHUNK_BYTES).removeprefix(BOM_UTF8)
    at = _line_end(text, 0)
    header = _row(path, 1, text[:at])
    if not text:
        raise DataFileError(f"{path}: is empty; expected the header {','.join(HEADER)}")
    if header != HEADER:
        raise DataFileError(f"{path} line 1: expected the header {','.join(HEADER)}")
    columns = Block(
        np.empty(BLOCK_ROWS, np.int64),
        np.empty(BLOCK_ROWS, np.uint8),
        np.empty(BLOCK_ROWS, np.float64),
        np.empty(BLOCK_ROWS, np.int64),
    )
    every = columns.times, columns.kinds, columns.prices, columns.sizes
    line, previous, whole = 1, 0, False
    while not whole:
        more = file.read(CHUNK_BYTES)
        text, at, whole = text[at:] + more, 0, not more
        while True:
            count, at, previous = parse(text, at, whole, origin_ns, previous, *every)
            if count:
                line += count
                yield columns.head(count)
            if count == BLOCK_ROWS:
                continue
            end = _line_end(text, at)
            if at == len(text) or (end == len(text) and not whole):
                break
            line += 1
            previous, block = _odd(path, line, _row(path, line, text[at:end]), previous, origin_ns)
            at = end
            yield block
    if line == 1:
        raise DataFileError(f"{path}: has no ticks after its header; remove the file")


def _line_end(text: bytes, at: int) -> int:
    """Behind the line that begins there, and what ends it."""
    found = _END.search(text, at)
    return len(text) if found is None else found.end()


def _row(path: Path, line: int, text: bytes) -> list[str]:
    try:
        return next(csv.reader([text.decode().rstrip("\r\n")]))
    except csv.Error as problem:
        raise DataFileError(f"{path} line {line}: not CSV: {problem}") from None


def _odd(
    path: Path, line: int, row: Sequence[str], previous: int, origin_ns: int
) -> tuple[int, Block]:
    """One row in whatever way numbers can be written."""
    try:
        time_text, kind_text, price_text, size_text = row
        time_ms, price, size = int(time_text), float(price_text), int(size_text)
        kind = _KINDS[kind_text]
    except (ValueError, KeyError):
        raise DataFileError(f"{path} line {line}: {_fault(row)}") from None
    if not (previous <= time_ms < DAY_MS and 0.0 < price < math.inf and 0 <= size <= SIZE_MAX):
        raise DataFileError(f"{path} line {line}: {_range_fault(time_ms, previous, price, size)}")
    return time_ms, Block(
        np.array([origin_ns + time_ms * MS_NS], np.int64),
        np.array([ord(kind)], np.uint8),
        np.array([price], np.float64),
        np.array([size], np.int64),
    )


def _fault(row: Sequence[str]) -> str:
    """What is wrong with a row that could not be converted."""
    if len(row) != len(HEADER):
        return f"{len(row)} fields where {len(HEADER)} are expected ({','.join(HEADER)})"
    if row[1] not in _KINDS:
        return f"kind {row[1]!r} is not one of B (bid), A (ask), T (trade)"
    for name, text, convert in (
        ("time_ms", row[0], int),
        ("price", row[2], float),
        ("size", row[3], int),
    ):
        try:
            convert(text)
        except ValueError:
            return f"{name} {text!r} is not a {'whole ' if convert is int else ''}number"
    raise AssertionError(row)


def _range_fault(time_ms: int, previous: int, price: float, size: int) -> str:
    """What is wrong with a row whose numbers read well."""
    if time_ms < 0 or time_ms >= DAY_MS:
        return f"time_ms {time_ms} is outside the day (0 to {DAY_MS - 1})"
    if time_ms < previous:
        return f"time goes backwards from {previous} to {time_ms}; sort the rows by time_ms"
    if not 0.0 < price < math.inf:
        return f"price {price} is not above 0; drop the row"
    if size > SIZE_MAX:
        return f"size {size} is above {SIZE_MAX}; mend the row"
    assert size < 0
    return f"size {size} is negative; drop the row"


def merge(sources: Iterable[Iterable[MarketTick]]) -> Iterator[MarketTick]:
    """Several sources as one, by time; within an instant in the order of ``sources``."""
    return heapq.merge(*sources, key=lambda tick: tick.time_ns)


class _Walk:
    """One generated instrument: a log-normal walk of the fair price, quoted on the grid around
    it with a spread that reverts to its mean."""

    __slots__ = (
        "_ask",
        "_bid",
        "_fair",
        "_floor",
        "_prints",
        "_random",
        "_scale",
        "_spread",
        "_symbol",
        "_turn",
    )

    def __init__(
        self, symbol: str, seed: int, price: float | None, volatility: float, prints: float
    ) -> None:
        self._symbol = symbol
        self._random = random.Random(f"market/{seed}/{symbol}")
        drawn = round(self._random.uniform(20.0, 300.0), 2)
        self._fair = price if price is not None else drawn
        self._floor = max(self._fair * 0.02, 1.0)  # a stock of the bigger tick size stays one
        self._scale = volatility
        self._prints = prints
        self._spread = 2.0
        self._bid = self._ask = 0  # cents; 0: not quoted yet
        self._turn = 0

    def step(self, time_ns: int, elapsed_s: float) -> MarketTick:
        """The next tick: a changed bid, a changed ask, a refreshed quote or a trade."""
        stream = self._random
        move = stream.gauss(0.0, 1.0) * self._scale * math.sqrt(elapsed_s)
        self._fair = max(self._fair * math.exp(move), self._floor)
        self._spread += 0.1 * (2.0 - self._spread) + stream.gauss(0.0, 0.3)
        width = max(1, round(self._spread))
        bid = max(1, math.floor(self._fair * 100.0 - width / 2.0 + 0.5))
        ask = bid + width
        self._turn += 1
        # Bid and ask change one after the other; the side that makes room goes first, so that
        # the quote is never crossed on the way.
        if ask > self._ask and self._ask <= bid:
            self._ask = ask
            return self._tick(time_ns, "A", ask)
        if bid < self._bid and self._bid >= ask:
            self._bid = bid
            return self._tick(time_ns, "B", bid)
        kind = stream.random()
        quotes = 1.0 - self._prints
        if self._bid == 0 or (kind < quotes / 2 and bid < self._ask):
            self._bid = bid
            return self._tick(time_ns, "B", bid)
        if kind < quotes and ask > self._bid:
            self._ask = ask
            return self._tick(time_ns, "A", ask)
        return self._tick(time_ns, "T", self._ask if stream.random() < 0.5 else self._bid)

    def _tick(self, time_ns: int, kind: TickKind, cents: int) -> MarketTick:
        lots = min(1 + int(self._random.expovariate(0.35)), 50)
        return MarketTick(time_ns, self._symbol, kind, cents / 100, lots * 100)


def generate(
    symbols: Sequence[str],
    seed: int,
    start_ns: int,
    end_ns: int | None = None,
    *,
    ticks_per_s: float = 4.0,
    volatility: float = 0.0001,
    prints: float = 0.2,
    prices: Mapping[str, float] | None = None,
    hours: Sequence[tuple[int, int]] = (),
) -> Iterator[MarketTick]:
    """Plausible quotes and trades of ``symbols``, the same for the same arguments.

    ``ticks_per_s`` is the mean rate of each symbol (arrivals are Poisson), ``volatility`` the
    standard deviation of the return over one second (0.0001 is about 24 % a year), ``prints`` the
    part of the ticks that are trades where the quote does not move, ``prices``
    the starting prices (drawn by the seed where absent). With ``hours`` ticks fall only inside
    these (open, close) spans and the source ends with the last one; ``end_ns`` None without
    ``hours`` never ends.

    Raises:
        ConfigError: no symbols, a repeated one, or a rate or price that is not above 0.
    """
    given = prices or {}
    if not symbols or len(set(symbols)) != len(symbols):
        raise ConfigError("generated market: name at least one symbol, each once")
    if ticks_per_s <= 0 or volatility < 0 or any(price <= 0 for price in given.values()):
        raise ConfigError("generated market: rate and prices must be above 0")
    walks = [_Walk(one, seed, given.get(one), volatility, prints) for one in symbols]
    return _generated(walks, seed, start_ns, end_ns, ticks_per_s, hours)


def _generated(
    walks: Sequence[_Walk],
    seed: int,
    start_ns: int,
    end_ns: int | None,
    ticks_per_s: float,
    hours: Sequence[tuple[int, int]],
) -> Iterator[MarketTick]:
    clock = random.Random(f"clock/{seed}")
    total_rate = ticks_per_s * len(walks)
    last_ns = [start_ns] * len(walks)
    now_ns = start_ns
    span = 0
    while True:
        gap_s = clock.expovariate(total_rate)
        now_ns += int(gap_s * 1e9) + 1
        while span < len(hours) and now_ns >= hours[span][1]:
            span += 1
        if hours:
            if span == len(hours):
                return
            now_ns = max(now_ns, hours[span][0])
        if end_ns is not None and now_ns >= end_ns:
            return
        index = clock.randrange(len(walks))
        # A night moves the price by no more than a minute of trading would.
        elapsed_s = min((now_ns - last_ns[index]) / 1e9, 60.0)
        last_ns[index] = now_ns
        yield walks[index].step(now_ns, elapsed_s)

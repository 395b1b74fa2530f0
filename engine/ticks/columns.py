"""Columns as files have them, checked: a table of ticks becomes blocks, or one clear line.

The formats that are tables differ only in how their columns come; what the columns are called and
may be is said here, once.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final, Protocol

import attrs
import numpy as np
from numpy.typing import NDArray

from engine.errors import DataFileError
from engine.sim import instruments
from engine.sim.market import DAY_MS, LETTERS, MS_NS, SIZE_MAX, Block
from engine.ticks.part import SYMBOL, Part, day_named, symbol_named

TIME, TIME_MS, NAME, KIND, PRICE, SIZE = "time", "time_ms", "symbol", "kind", "price", "size"
EARLIEST_NS: Final = 631_152_000 * 10**9  # 1990: before it, it is no time in nanoseconds
LATEST_NS: Final = 4_102_444_800 * 10**9  # 2100
UNITS_NS: Final = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}
DAY_NS: Final = DAY_MS * MS_NS
_EPOCH: Final = date(1970, 1, 1)
# Of each byte the letter that it is, 0: none.
_LETTERS: Final = np.array([byte if byte in LETTERS else 0 for byte in range(256)], np.uint8)
Columns = dict[str, "Column"]
Where = Callable[[int], str]  # the place of a row, in words
Span = tuple[int, int]


@attrs.frozen
class Column:
    """``values`` of one kind: numbers, moments (datetime64), or, with ``words``, places in
    these."""

    values: NDArray[Any]
    words: tuple[str, ...] | None = None


class Source(Protocol):
    """A file that is a table."""

    @property
    def names(self) -> Sequence[str]:
        """Of its columns."""

    def batches(self, names: Sequence[str], span: Span | None) -> Iterator[tuple[int, Columns]]:
        """These columns, so many rows at a time as need little memory, each with the number of
        its first row. What has no times in the ``span`` (UTC nanoseconds, the end is outside) may
        be left out."""


class Table:
    """Ticks of such a file: a Reader."""

    def __init__(self, path: Path, source: Source) -> None:
        self.path: Final = path
        self._source = source
        there = source.names
        for name in (TIME, TIME_MS, NAME, KIND, PRICE, SIZE):
            if list(there).count(name) > 1:
                raise DataFileError(f"{path}: has two columns {name!r}; expected one")
        self._time = TIME if TIME in there else TIME_MS
        needed = (self._time, KIND, PRICE, SIZE)
        if missing := [name for name in needed if name not in there]:
            raise DataFileError(
                f"{path}: has no column {missing[0]!r}; expected time (or time_ms), kind, price, "
                f"size and symbol, found {_listed(there)}"
            )
        self._symbol = None if NAME in there else symbol_named(path)
        if NAME not in there and self._symbol is None:
            raise DataFileError(
                f"{path}: its symbol cannot be told: give it a column 'symbol', or name it "
                f"SYMBOL-YYYYMMDD{path.suffix} or SYMBOL{path.suffix}"
            )
        day = day_named(path)
        if self._time == TIME_MS and day is None:
            raise DataFileError(
                f"{path}: its day cannot be told: times in 'time_ms' are of a day, so name it "
                f"SYMBOL-YYYYMMDD{path.suffix}, or give it a column 'time'"
            )
        # A date in a name counts where the rows have none.
        self._day = day if self._time == TIME_MS else None

    def parts(self) -> list[Part]:
        if self._symbol is not None and self._day is not None:
            return [Part(self.path, self._symbol, self._day)]
        found: set[tuple[str, date]] = set()
        names = [self._time, *([] if self._symbol else [NAME])]
        for row, batch in self._source.batches(names, None):
            times = self._times(batch, row)
            for symbol, mine in self._by_symbol(batch):
                found.update((symbol, day) for day, _, _ in days_in(times[mine]))
        if not found:
            raise DataFileError(f"{self.path}: has no ticks; remove the file")
        return [Part(self.path, *one) for one in sorted(found)]

    def blocks(self, symbol: str, days: Collection[date]) -> Iterator[Block]:
        names = [self._time, KIND, PRICE, SIZE, *([] if self._symbol else [NAME])]
        span, previous_ns = None, 0
        if self._day is None:
            ends = max(days) + timedelta(days=1)
            span = instruments.midnight_ns(min(days)), instruments.midnight_ns(ends)
        empty = True
        for row, batch in self._source.batches(names, span):
            empty = False
            times = self._times(batch, row)
            for one, mine in self._by_symbol(batch, symbol):
                if one != symbol or not len(times[mine]):
                    continue
                rows = np.arange(row, row + len(times))[mine]
                block = checked(
                    self.path,
                    lambda at, rows=rows: f"row {rows[at] + 1:,}",  # type: ignore[misc]
                    previous_ns,
                    times[mine],
                    self._kinds(batch[KIND], row)[mine],
                    _numbers(self.path, PRICE, batch[PRICE])[mine],
                    _numbers(self.path, SIZE, batch[SIZE])[mine],
                )
                previous_ns = int(block.times[-1])
                yield from of_days(block, days)
        if empty:
            raise DataFileError(f"{self.path}: has no ticks of these days")

    def _by_symbol(self, batch: Columns, only: str = "") -> Iterator[tuple[str, Any]]:
        """Each symbol, or only this one, and which rows are its own."""
        if self._symbol is not None:
            yield self._symbol, slice(None)
            return
        column = batch[NAME]
        if column.words is None:
            raise DataFileError(f"{self.path}: column 'symbol' is {_type(column)}; expected text")
        for place, symbol in enumerate(column.words):
            if only and symbol != only:
                continue
            mine = column.values == place
            if not mine.any():
                continue
            if SYMBOL.fullmatch(symbol) is None:
                raise DataFileError(
                    f"{self.path}: column 'symbol' has {symbol[:40]!r}; expected a ticker as IBM"
                )
            yield symbol, mine

    def _times(self, batch: Columns, row: int) -> NDArray[np.int64]:
        """UTC nanoseconds."""
        column, name = batch[self._time], self._time
        values, dtype = column.values, column.values.dtype
        if column.words is not None or dtype.kind not in ("iu" if name == TIME_MS else "iuM"):
            wanted = "whole numbers" + (" of ns, or times" if name == TIME else "")
            raise DataFileError(
                f"{self.path}: column {name!r} is {_type(column)}; expected {wanted}"
            )
        unit_ns = MS_NS if name == TIME_MS else 1
        if dtype.kind == "M":
            unit, count = np.datetime_data(dtype)
            if unit not in UNITS_NS or count != 1:
                raise DataFileError(
                    f"{self.path}: column 'time' is {dtype}; expected times in s, ms, us or ns"
                )
            unit_ns = UNITS_NS[unit]
        raw = values.view(np.int64) if dtype.kind == "M" else values
        first_ns, end_ns = (0, DAY_NS) if name == TIME_MS else (EARLIEST_NS, LATEST_NS)
        outside = (raw < first_ns // unit_ns) | (raw >= end_ns // unit_ns)
        if outside.any():
            at = int(np.argmax(outside))
            wanted = (
                f"0 to {DAY_MS - 1}"
                if name == TIME_MS
                else "nanoseconds since 1970 UTC, between 1990 and 2100"
            )
            said = f"row {row + at + 1:,}: {name} {raw[at]} is out of range; expected {wanted}"
            raise DataFileError(f"{self.path} {said}")
        times = raw.astype(np.int64, copy=False)
        if unit_ns != 1:
            times = times * unit_ns
        return times if self._day is None else times + instruments.midnight_ns(self._day)

    def _kinds(self, column: Column, row: int) -> NDArray[np.uint8]:
        if column.words is not None:
            letters = [ord(one) if one in LETTERS.values() else 0 for one in column.words]
            kinds = np.array([*letters, 0], np.uint8)[column.values]
        elif column.values.dtype == np.uint8:
            kinds = _LETTERS[column.values]
        else:
            said = f"column 'kind' is {_type(column)}; expected text: B, A or T"
            raise DataFileError(f"{self.path}: {said}")
        if not kinds.all():
            at = int(np.argmin(kinds))
            value = column.values[at] if column.words is None else column.words[column.values[at]]
            said = f"kind {str(value)[:40]!r} is not one of B (bid), A (ask), T (trade)"
            raise DataFileError(f"{self.path} row {row + at + 1:,}: {said}")
        found: NDArray[np.uint8] = kinds
        return found


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(repr(one[:40]) for one in names[:12])
    return shown + (", ..." if len(names) > 12 else "") if names else "none"


def _type(column: Column) -> str:
    return "text" if column.words is not None else str(column.values.dtype)


def _numbers(path: Path, name: str, column: Column) -> NDArray[Any]:
    """Doubles or whole numbers: a price in single precision is not the price."""
    dtype = column.values.dtype
    fine = dtype.kind in "iu" or (dtype.kind == "f" and dtype.itemsize == 8)
    if column.words is not None or not fine:
        raise DataFileError(
            f"{path}: column {name!r} is {_type(column)}; expected "
            + ("float64 or whole numbers" if name == PRICE else "whole numbers")
        )
    return column.values


# -- what is common to all formats ---------------------------------------------------------------


def checked(
    path: Path,
    where: Where,
    previous_ns: int,
    times: NDArray[np.int64],
    kinds: NDArray[np.uint8],
    prices: NDArray[Any],
    sizes: NDArray[Any],
) -> Block:
    """Ticks of one symbol that come after ``previous_ns``.

    Raises:
        DataFileError: the place of the first row that cannot be, and what it has.
    """
    before = np.empty_like(times)
    before[:1] = previous_ns
    before[1:] = times[:-1]
    for wrong, said in (
        (times < before, "time goes backwards from {before} to {time}; sort the rows by time"),
        (~((prices > 0) & (prices < np.inf)), "price {price} is not above 0; drop the row"),
        (~((sizes >= 0) & (sizes <= SIZE_MAX)), "size {size} is not 0 to {most}; mend the row"),
        (_broken(sizes), "size {size} is no whole number; mend the row"),
    ):
        if wrong.any():
            at = int(np.argmax(wrong))
            told = said.format(
                before=clock(int(before[at])),
                time=clock(int(times[at])),
                price=prices[at],
                size=sizes[at],
                most=SIZE_MAX,
            )
            raise DataFileError(f"{path} {where(at)}: {told}")
    return Block(
        np.ascontiguousarray(times),
        np.ascontiguousarray(kinds),
        np.ascontiguousarray(prices, np.float64),
        np.ascontiguousarray(sizes, np.int64),
    )


def _broken(sizes: NDArray[Any]) -> NDArray[np.bool_]:
    """Which are no whole numbers."""
    if sizes.dtype.kind in "iu":
        return np.zeros(len(sizes), np.bool_)
    broken: NDArray[np.bool_] = sizes != np.floor(sizes)
    return broken


def clock(time_ns: int) -> str:
    return (
        f"{datetime.fromtimestamp(time_ns // 10**9, UTC):%Y%m%d %H:%M:%S}.{time_ns % 10**9:09d} UTC"
    )


def days_in(times: NDArray[np.int64]) -> Iterator[tuple[date, int, int]]:
    """The trading days of ascending or other times, each with the least and the greatest."""
    if not len(times):
        return
    least, greatest = int(times.min()), int(times.max())
    # Not by np.unique: it sorts, or hashes, every row.
    numbers = times // DAY_NS
    turns = numbers[1:][numbers[1:] != numbers[:-1]]
    days = {_EPOCH + timedelta(days=one) for one in {int(numbers[0]), *turns.tolist()}}
    # It is a day earlier in New York for some hours.
    for day in sorted(days | {one - timedelta(days=1) for one in days}):
        begin = instruments.midnight_ns(day)
        end = instruments.midnight_ns(day + timedelta(days=1))
        if begin <= least and greatest < end:
            yield day, least, greatest  # as nearly always
            return
        if greatest < begin or end <= least:
            continue
        mine = times[(times >= begin) & (times < end)]
        if len(mine):
            yield day, int(mine.min()), int(mine.max())


def of_days(block: Block, days: Collection[date]) -> Iterator[Block]:
    """What of it is on these."""
    for day, first_ns, last_ns in days_in(block.times):
        if day not in days:
            continue
        begin = int(np.searchsorted(block.times, first_ns, side="left"))
        end = int(np.searchsorted(block.times, last_ns, side="right"))
        if end - begin == len(block):
            yield block
        else:
            yield block.rows(begin, end)

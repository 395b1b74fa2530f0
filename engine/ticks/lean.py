"""LEAN's zip files of US equities: trades and quotes, as ticks or as bars of minutes and seconds.

A zip has one member, ``YYYYMMDD_ticker_Trade_Tick.csv`` or ``YYYYMMDD_ticker_minute_quote.csv``,
without a header. Times are milliseconds since midnight in New York, prices are in units of
1/10,000 of a dollar.
"""

from __future__ import annotations

import io
import itertools
import re
import warnings
import zipfile
import zlib
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Final

import attrs
import numpy as np
from numpy.typing import NDArray

from engine.errors import DataFileError
from engine.sim import instruments
from engine.sim.market import BLOCK_ROWS, DAY_MS, MS_NS, Block
from engine.ticks.columns import checked
from engine.ticks.part import SYMBOL, Content, Part

SCALE: Final = 10_000.0
_MEMBER: Final = re.compile(
    r"(?P<day>\d{8})_(?P<symbol>[A-Za-z0-9. ]+)_"
    r"(?:(?P<a>tick|second|minute)_(?P<b>trade|quote)|(?P<d>trade|quote)_(?P<c>tick|second|minute))"
    r"\.csv",
    re.IGNORECASE,
)
_SIDES: Final[dict[str, Content]] = {"trade": "trades", "quote": "quotes"}
FORMS: Final = {
    ("tick", "trade"): "time,price,size,exchange,condition,suspicious",
    ("tick", "quote"): "time,bid,bid size,ask,ask size,exchange,condition,suspicious",
    ("bar", "trade"): "time,open,high,low,close,volume",
    ("bar", "quote"): "time,bid open,high,low,close,bid size,ask open,high,low,close,ask size",
}
# What zipfile says of data that are no zip, and of zips that it cannot read.
DAMAGE: Final = (
    *(zipfile.BadZipFile, zlib.error, EOFError, OSError),
    *(RuntimeError, ValueError, KeyError, OverflowError),
)
BID, ASK, TRADE = ord("B"), ord("A"), ord("T")
# When in a bar its four prices are shown: the first with its begin, the last as it ends.
MOMENTS: Final = (0.0, 1 / 3, 2 / 3)


@attrs.frozen
class _Rows:
    """Ticks of some lines: in which line each was."""

    lines: NDArray[np.int64]
    times_ms: NDArray[np.float64]
    kinds: NDArray[np.uint8]
    prices: NDArray[np.float64]
    sizes: NDArray[np.float64]


class LeanZip:
    """A Reader. Raises DataFileError: it is no such zip."""

    def __init__(self, path: Path) -> None:
        self.path: Final = path
        with self._sound(), zipfile.ZipFile(path) as file:
            members = [one for one in file.namelist() if not one.endswith("/")]
        found = _MEMBER.fullmatch(Path(members[0]).name) if len(members) == 1 else None
        if found is None:
            shown = ", ".join(repr(one[:60]) for one in members[:3]) or "none"
            raise DataFileError(
                f"{path}: is no zip of LEAN's equities: expected one member, as "
                f"20131007_ibm_Trade_Tick.csv, found {len(members)}: {shown}"
            )
        symbol, resolution = found["symbol"].upper(), (found["a"] or found["c"]).lower()
        self._member: Final = members[0]
        self._kind: Final = (found["b"] or found["d"]).lower()
        self._bar_ms: Final = {"tick": 0, "second": 1_000, "minute": 60_000}[resolution]
        self._form = FORMS["bar" if self._bar_ms else "tick", self._kind]
        if SYMBOL.fullmatch(symbol) is None:
            raise DataFileError(f"{path}: {symbol!r} in {self._member} is no ticker")
        try:
            day = instruments.day_of(found["day"])
        except ValueError:
            raise DataFileError(f"{path}: {found['day']} in {self._member} is no date") from None
        self._part = Part(path, symbol, day, _SIDES[self._kind])

    def parts(self) -> list[Part]:
        return [self._part]

    def blocks(self, symbol: str, days: Collection[date]) -> Iterator[Block]:
        if symbol != self._part.symbol or self._part.day not in days:
            return
        origin_ns = instruments.midnight_ns(self._part.day)
        previous_ns, first, empty = origin_ns, 1, True
        for lines in self._lines():
            rows = self._rows(first, lines)
            outside = ~((rows.times_ms >= 0) & (rows.times_ms < DAY_MS))
            if outside.any():
                at = int(np.argmax(outside))
                said = f"time {rows.times_ms[at]:.14g} is outside the day (0 to {DAY_MS - 1})"
                raise self._wrong(int(rows.lines[at]), said)
            block = checked(
                self.path,
                lambda at, rows=rows: f"line {rows.lines[at]}",  # type: ignore[misc]
                previous_ns,
                origin_ns + np.rint(rows.times_ms * MS_NS).astype(np.int64),
                rows.kinds,
                rows.prices / SCALE,
                rows.sizes,
            )
            first += len(lines)
            if len(block):
                previous_ns, empty = int(block.times[-1]), False
                yield block
        if empty:
            raise DataFileError(f"{self.path}: has no ticks; remove the file")

    def _lines(self) -> Iterator[list[str]]:
        with self._sound(), zipfile.ZipFile(self.path) as file, file.open(self._member) as member:
            text = io.TextIOWrapper(member, encoding="ascii", newline=None)
            while lines := list(itertools.islice(text, BLOCK_ROWS)):
                yield lines

    def _rows(self, first: int, lines: Sequence[str]) -> _Rows:
        if not self._bar_ms:
            of_ticks = self._trades if self._kind == "trade" else self._quotes
            return of_ticks(first, lines)
        numbers = self._numbers(first, lines, self._form.count(",") + 1)
        if self._kind == "trade":
            return _trades_of_bars(first, numbers, self._bar_ms)
        return _quotes_of_bars(first, numbers, self._bar_ms)

    def _trades(self, first: int, lines: Sequence[str]) -> _Rows:
        fields = self._numbers(first, lines, 3, suspicious=5)
        there = np.flatnonzero(fields[:, 3] == 0)
        times_ms, prices, sizes = fields[there, 0], fields[there, 1], fields[there, 2]
        kinds = np.full(len(there), TRADE, np.uint8)
        return _Rows(first + there, times_ms, kinds, prices, sizes)

    def _quotes(self, first: int, lines: Sequence[str]) -> _Rows:
        """A side that is not quoted has 0 for its price."""
        fields = self._numbers(first, lines, 5, suspicious=7)
        sides = fields[:, [1, 3]].ravel()
        there = np.flatnonzero((sides != 0) & np.repeat(fields[:, 5] == 0, 2))
        kinds = np.tile(np.array([BID, ASK], np.uint8), len(fields))
        sizes = fields[:, [2, 4]].ravel()
        times_ms = np.repeat(fields[:, 0], 2)
        at = (first + there // 2).astype(np.int64)
        return _Rows(at, times_ms[there], kinds[there], sides[there], sizes[there])

    def _numbers(
        self, first: int, lines: Sequence[str], count: int, suspicious: int | None = None
    ) -> NDArray[np.float64]:
        """The first so many fields of each line, and whether it is suspicious."""
        columns = self._form.count(",") + 1
        names = [*range(count), *([] if suspicious is None else [suspicious])]
        text = lines if suspicious is not None else [_filled(line) for line in lines]
        try:
            found = _parsed(text, names, columns)
        except ValueError:
            for at, line in enumerate(text):
                try:
                    _parsed([line], names, columns)
                except ValueError:
                    said = f"expected {self._form}, found {lines[at].rstrip()[:80]!r}"
                    raise self._wrong(first + at, said) from None
            raise AssertionError("lines that can be read one by one cannot together") from None
        return found

    def _wrong(self, line: int, said: str) -> DataFileError:
        return DataFileError(f"{self.path} line {line}: {said}")

    @contextmanager
    def _sound(self) -> Iterator[None]:
        try:
            yield
        except UnicodeError:
            raise DataFileError(f"{self.path}: is not text; expected {self._form}") from None
        except DAMAGE as problem:
            if isinstance(problem, OSError) and problem.strerror:
                said = f"cannot be read: {problem.strerror}"
            else:
                said = f"is no sound zip ({' '.join(str(problem).split())[:120]}); copy it again"
            raise DataFileError(f"{self.path}: {said}") from None


def _filled(line: str) -> str:
    """A side of a quote bar that is not there is left empty."""
    while ",," in line:
        line = line.replace(",,", ",0,")
    return line.rstrip("\r\n") + ("0" if line.rstrip().endswith(",") else "")


def _flag(text: str) -> float:
    return {"0": 0.0, "1": 1.0, "false": 0.0, "true": 1.0}.get(text.strip().lower(), np.nan)


def _parsed(lines: Sequence[str], names: Sequence[int], columns: int) -> NDArray[np.float64]:
    if any(line.count(",") != columns - 1 for line in lines):
        raise ValueError
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            found = np.loadtxt(
                lines, delimiter=",", comments=None, usecols=names, ndmin=2, encoding=None,
                converters={columns - 1: _flag} if len(names) < columns else None,
            )  # fmt: skip
        except UserWarning:  # no data
            raise ValueError from None
    if len(found) != len(lines) or np.isnan(found).any():
        raise ValueError
    return np.asarray(found, np.float64)


# -- ticks of bars -------------------------------------------------------------------------------


def _moments(times_ms: NDArray[np.float64], bar_ms: int) -> NDArray[np.float64]:
    offsets = [*(float(int(share * bar_ms)) for share in MOMENTS), bar_ms - 1.0]
    moments: NDArray[np.float64] = times_ms[:, None] + np.array(offsets)
    return moments


def _path(bars: NDArray[np.float64], rising: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Open, high, low and close in the order in which they are shown."""
    opens, highs, lows, closes = bars.T
    second, third = np.where(rising, lows, highs), np.where(rising, highs, lows)
    return np.stack((opens, second, third, closes), axis=1)


def _trades_of_bars(first: int, bars: NDArray[np.float64], bar_ms: int) -> _Rows:
    """Four trades of a quarter of the volume each, what is left over with the last."""
    there = np.flatnonzero(bars[:, 5] > 0)
    bars = bars[there]
    quarter = np.maximum(bars[:, 5] // 4, 1)
    last = np.maximum(bars[:, 5] - 3 * quarter, 1)
    return _Rows(
        np.repeat(first + there, 4),
        _moments(bars[:, 0], bar_ms).ravel(),
        np.full(4 * len(bars), TRADE, np.uint8),
        _path(bars[:, 1:5], bars[:, 4] >= bars[:, 1]).ravel(),
        np.stack((quarter, quarter, quarter, last), axis=1).ravel(),
    )


def _quotes_of_bars(first: int, bars: NDArray[np.float64], bar_ms: int) -> _Rows:
    """Both sides go the same way, at the same moments."""
    rising = bars[:, 4] + bars[:, 9] >= bars[:, 1] + bars[:, 6]
    bids, asks = _path(bars[:, 1:5], rising), _path(bars[:, 6:10], rising)
    prices = np.stack((bids, asks), axis=2).reshape(len(bars), 8)
    sizes = np.tile(bars[:, [5, 10]], 4)
    kinds = np.tile(np.array([BID, ASK], np.uint8), 4 * len(bars))
    times_ms = np.repeat(_moments(bars[:, 0], bar_ms), 2, axis=1)
    there = np.flatnonzero(prices.ravel() != 0)
    return _Rows(
        (first + there // 8).astype(np.int64),
        times_ms.ravel()[there],
        kinds[there],
        prices.ravel()[there],
        sizes.ravel()[there],
    )

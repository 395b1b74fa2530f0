"""The ticks that an instrument has had, in columns, and pages of them as reqHistoricalTicks asks.

A tick takes 25 bytes. The newest million is kept at least, those before are forgotten.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final, Literal

import attrs
import numpy as np
from numpy.typing import NDArray

from engine.sim.market import LETTERS
from engine.sim.records import TickKind

PAST_TICKS_MAX: Final = 1_000_000
FRESH_MAX: Final = 4096
PART_MIN: Final = 64  # ticks that are kept as columns of their own; fewer would cost more than that
SECOND_NS: Final = 1_000_000_000
PastKind = Literal["TRADES", "BID_ASK", "MIDPOINT"]
Row = tuple[int, float, float, int, int]
_Columns = tuple[NDArray[np.int64], NDArray[np.uint8], NDArray[np.float64], NDArray[np.int64]]
_BID, _ASK, _TRADE = b"BAT"
_WANTED: Final[dict[PastKind, tuple[int, ...]]] = {
    "TRADES": (_TRADE,),
    "BID_ASK": (_BID, _ASK),
    "MIDPOINT": (_BID, _ASK),
}
_NONE: Final[_Columns] = (
    *(np.empty(0, np.int64), np.empty(0, np.uint8)),
    *(np.empty(0, np.float64), np.empty(0, np.int64)),
)


@attrs.frozen(kw_only=True)
class Page:
    """Which ticks are wanted: ``count`` from ``start_ns`` on, or without it the last ones before
    ``end_ns``. ``trades_at`` says whether a moment is in the hours that count; ``same_price``
    leaves out changes of size alone."""

    kind: PastKind
    start_ns: int | None
    end_ns: int | None
    count: int
    trades_at: Callable[[int], bool]
    same_price: bool = False


class PastTicks:
    """All ticks of one instrument. Rows are (second, price or bid, ask, size or bid's, ask's).

    Many at once are kept as the columns they came in, which costs nothing until somebody asks.
    """

    __slots__ = ("_count", "_fresh", "_parts")

    def __init__(self) -> None:
        self._parts: list[_Columns] = []
        self._count = 0  # of the ticks in parts
        self._fresh: list[tuple[int, TickKind, float, int]] = []

    def add(self, time_ns: int, kind: TickKind, price: float, size: int) -> None:
        self.add_rows([(time_ns, kind, price, size)])

    def add_rows(self, rows: list[tuple[int, TickKind, float, int]]) -> None:
        """Some more, in order."""
        self._fresh += rows
        if len(self._fresh) >= FRESH_MAX:
            self._fold()

    def extend(
        self,
        times: NDArray[np.int64],
        kinds: NDArray[np.uint8],
        prices: NDArray[np.float64],
        sizes: NDArray[np.int64],
    ) -> None:
        """Many at once, of columns that nobody changes; kinds are the letters' numbers."""
        if len(times) < PART_MIN:
            letters: list[TickKind] = [LETTERS[kind] for kind in kinds.tolist()]
            rows = zip(times.tolist(), letters, prices.tolist(), sizes.tolist(), strict=True)
            self.add_rows(list(rows))
            return
        self._fold()
        self._take((times, kinds, prices, sizes))

    def _fold(self) -> None:
        """What came lately becomes columns."""
        if not self._fresh:
            return
        times, kinds, prices, sizes = zip(*self._fresh, strict=True)
        self._fresh.clear()
        letters = np.frombuffer("".join(kinds).encode(), np.uint8)
        columns = np.array(times, np.int64), letters, np.array(prices), np.array(sizes, np.int64)
        self._take(columns)

    def _take(self, columns: _Columns) -> None:
        self._parts.append(columns)
        self._count += len(columns[0])
        while self._count - len(self._parts[0][0]) >= PAST_TICKS_MAX:
            self._count -= len(self._parts.pop(0)[0])

    def _joined(self) -> _Columns:
        """All of them, in one part."""
        self._fold()
        if len(self._parts) > 1:
            times, kinds, prices, sizes = map(np.concatenate, zip(*self._parts, strict=True))
            self._parts = [(times, kinds, prices, sizes)]
        return self._parts[0] if self._parts else _NONE

    def page(self, page: Page) -> list[Row]:
        """At most ``count`` ticks, oldest first, and those of the same second as the last one (or
        as the first one, when it ends the page): a second is never told in part."""
        times = self._joined()[0]
        end = len(times) if page.end_ns is None else int(np.searchsorted(times, page.end_ns))
        if page.start_ns is not None:
            begin = int(np.searchsorted(times, page.start_ns))
            return _cut(self._rows(page, begin, end), page.count)
        reach = 4 * page.count
        while True:
            begin = max(end - reach, 0)
            rows = list(self._rows(page, begin, end))
            # The first second of what was looked at may be there in part only.
            if begin == 0 or (len(rows) > page.count and rows[0][0] < rows[-page.count][0]):
                return _cut(reversed(rows), page.count)[::-1]
            reach *= 4

    def _rows(self, page: Page, begin: int, end: int) -> Iterator[Row]:
        """The ticks of the wanted kind among ``begin`` to ``end``, without repetitions."""
        wanted = _WANTED[page.kind]
        bid, ask = self._last(_BID, begin), self._last(_ASK, begin)
        shown: tuple[float, ...] | None = None
        part = [column[begin:end].tolist() for column in self._joined()]
        for time_ns, kind, *one in zip(*part, strict=True):
            if kind not in wanted:
                continue
            second = time_ns // SECOND_NS
            if kind == _TRADE:
                if page.trades_at(time_ns):
                    yield second, one[0], 0.0, one[1], 0
                continue
            if kind == _BID:
                bid = one
            else:
                ask = one
            if bid is None or ask is None:
                continue
            middle = page.kind == "MIDPOINT"
            price = ((bid[0] + ask[0]) / 2,) if middle else (bid[0], ask[0])
            if price == shown and (middle or page.same_price):
                continue
            shown = price
            if not page.trades_at(time_ns):
                continue
            if middle:
                yield second, round(price[0], 6), 0.0, 0, 0
            else:
                yield second, bid[0], ask[0], bid[1], ask[1]

    def _last(self, kind: int, before: int) -> list[Any] | None:
        """Price and size of the last tick of a kind before a row."""
        _, kinds, prices, sizes = self._joined()
        index = kinds[:before].tobytes().rfind(kind)
        return None if index < 0 else [prices.item(index), sizes.item(index)]


def _cut(rows: Iterator[Row], count: int) -> list[Row]:
    """The first ``count`` rows, and those behind them of the same second."""
    found: list[Row] = []
    for row in rows:
        if len(found) >= count and row[0] != found[-1][0]:
            break
        found.append(row)
    return found

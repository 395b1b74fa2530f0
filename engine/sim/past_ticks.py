"""The ticks that an instrument has had, in columns, and pages of them as reqHistoricalTicks asks.

A tick takes 25 bytes. The newest million is kept, the older ones are forgotten.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterator
from typing import Final, Literal

import attrs
import numpy as np
from numpy.typing import NDArray

from engine.sim.records import TickKind

PAST_TICKS_MAX: Final = 1_000_000
SURPLUS_MAX: Final = PAST_TICKS_MAX // 4  # until it is worth the while to move the others
FRESH_MAX: Final = 4096
SECOND_NS: Final = 1_000_000_000
PastKind = Literal["TRADES", "BID_ASK", "MIDPOINT"]
Row = tuple[int, float, float, int, int]
_BID, _ASK, _TRADE = b"BAT"
_WANTED: Final[dict[PastKind, tuple[int, ...]]] = {
    "TRADES": (_TRADE,),
    "BID_ASK": (_BID, _ASK),
    "MIDPOINT": (_BID, _ASK),
}


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
    """All ticks of one instrument. Rows are (second, price or bid, ask, size or bid's, ask's)."""

    __slots__ = ("_fresh", "_kinds", "_prices", "_sizes", "_times")

    def __init__(self) -> None:
        self._times = array("q")
        self._prices = array("d")
        self._sizes = array("q")
        self._kinds = bytearray()
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
        """Many at once; kinds are the letters' numbers."""
        self._fold()
        self._times.frombytes(times.tobytes())
        self._prices.frombytes(prices.tobytes())
        self._sizes.frombytes(sizes.tobytes())
        self._kinds += kinds.tobytes()
        self._forget()

    def _fold(self) -> None:
        """Take what came lately into the columns; many at once cost a fraction of one by one."""
        if not self._fresh:
            return
        times, kinds, prices, sizes = zip(*self._fresh, strict=True)
        self._fresh.clear()
        self._times.extend(times)
        self._prices.extend(prices)
        self._sizes.extend(sizes)
        self._kinds += "".join(kinds).encode()
        self._forget()

    def _forget(self) -> None:
        if len(self._times) >= PAST_TICKS_MAX + SURPLUS_MAX:
            for column in (self._times, self._prices, self._sizes, self._kinds):
                del column[:-PAST_TICKS_MAX]

    def page(self, page: Page) -> list[Row]:
        """At most ``count`` ticks, oldest first, and those of the same second as the last one (or
        as the first one, when it ends the page): a second is never told in part."""
        self._fold()
        if page.start_ns is not None:
            begin = bisect_left(self._times, page.start_ns)
            end = len(self._times) if page.end_ns is None else bisect_left(self._times, page.end_ns)
            return _cut(self._rows(page, begin, end), page.count)
        end = len(self._times) if page.end_ns is None else bisect_left(self._times, page.end_ns)
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
        for index in range(begin, end):
            kind = self._kinds[index]
            if kind not in wanted:
                continue
            one = (self._prices[index], self._sizes[index])
            time_ns = self._times[index]
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

    def _last(self, kind: int, before: int) -> tuple[float, int] | None:
        index = self._kinds.rfind(kind, 0, before)
        return None if index < 0 else (self._prices[index], self._sizes[index])


def _cut(rows: Iterator[Row], count: int) -> list[Row]:
    """The first ``count`` rows, and those behind them of the same second."""
    found: list[Row] = []
    for row in rows:
        if len(found) >= count and row[0] != found[-1][0]:
            break
        found.append(row)
    return found

"""Historical bars that warm the indicators: what to ask, how often, and what came back.

TWS's limits (historical data limitations of its API reference): 60 requests in ten minutes, the
same one not again within 15 s, 50 open at a time. Asking more gets error 162 for all of them.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from _fast.bars import BAR_DTYPE
from engine.broker.definitions import time_zone
from engine.broker.historical_data import Bar
from engine.errors import DecodeError

SECOND_NS: Final = 1_000_000_000
WINDOW_NS: Final = 600 * SECOND_NS
WINDOW_REQUESTS_MAX: Final = 60
SAME_AGAIN_NS: Final = 15 * SECOND_NS
OPEN_MAX: Final = 50
ATTEMPTS_MAX: Final = 3
EXTRA_BARS: Final = 10  # gaps take some away
DAY_S: Final = 86_400
COUNT_MAX: Final = 1 << 63
_PRICES: Final = ("open", "high", "low", "close")
SESSION_S: Final = 23_400  # 09:30 to 16:00, the shortest session a day's bars come from

_SIZES: Final[dict[int, str]] = {
    **{seconds: f"{seconds} secs" for seconds in (5, 10, 15, 30)},
    1: "1 secs",
    60: "1 min",
    **{60 * minutes: f"{minutes} mins" for minutes in (2, 3, 5, 10, 15, 20, 30)},
    3600: "1 hour",
    **{3600 * hours: f"{hours} hours" for hours in (2, 3, 4, 8)},
    DAY_S: "1 day",
}


def bar_size(bar_s: int) -> str | None:
    """TWS's name of a bar length in seconds; None for one it does not have."""
    return _SIZES.get(bar_s)


def duration(bar_s: int, bars: int) -> str:
    """A time span that holds at least ``bars`` bars of ``bar_s`` seconds.

    TWS counts back from now through closed hours, so all but the shortest spans are whole days,
    counted in sessions and stretched over weekends.
    """
    seconds = bar_s * bars
    if bar_s >= DAY_S:
        days = math.ceil(seconds / DAY_S * 7 / 5) + 4
    else:
        sessions = math.ceil(seconds / SESSION_S)
        days = sessions + 1
    return f"{days} D" if days <= 365 else f"{math.ceil(days / 365)} Y"


def warm_up(bar_s: int, bars: int) -> tuple[str, str] | None:
    """(duration, bar size) to ask for so many bars; None: there are none of this size."""
    size = bar_size(bar_s)
    return None if size is None else (duration(bar_s, bars + EXTRA_BARS), size)


def bar_time(text: str) -> int:
    """The start of a bar in UTC nanoseconds: seconds since 1970, ``20260105`` (a day, UTC) or
    ``20260105 09:30:00 US/Eastern`` (without a zone: UTC; with one or two blanks, or a dash).

    Raises:
        DecodeError: it is none of these.
    """
    text = text.strip()
    if text.isdecimal() and len(text) != 8:
        return int(text) * SECOND_NS
    parts = text.replace("-", " ", 1).split()
    try:
        if len(parts) == 1:
            moment = datetime.strptime(parts[0], "%Y%m%d").replace(tzinfo=UTC)
        else:
            moment = datetime.strptime(" ".join(parts[:2]), "%Y%m%d %H:%M:%S").replace(
                tzinfo=time_zone(parts[2]) if len(parts) > 2 else UTC
            )
    except (ValueError, IndexError):
        raise DecodeError(f"the bar time {text!r} cannot be read") from None
    return int(moment.timestamp()) * SECOND_NS


def bars_array(bars: Sequence[Bar], bar_s: int, now_ns: int) -> npt.NDArray[Any]:
    """Complete bars as a structured array of BAR_DTYPE, ascending, one per time.

    The bar that is still growing at ``now_ns`` is left out: the ticks will make it.

    Raises:
        DecodeError: a time, a price or a count cannot be used.
    """
    if not bars:
        return np.empty(0, BAR_DTYPE)
    dates, opens, highs, lows, closes, volumes, counts = zip(*bars, strict=True)
    table = np.empty(len(bars), BAR_DTYPE)
    prices = dict(zip(_PRICES, (opens, highs, lows, closes), strict=True))
    try:
        times = list(map(bar_time, dates))
        for name, column in (prices | {"volume": volumes, "count": counts}).items():
            table[name] = column
    except (DecodeError, OverflowError):
        raise _unusable(bars) from None
    low, high = table["low"], table["high"]
    sound = np.isfinite([table[name] for name in _PRICES]).all(axis=0) & (low > 0)
    for name in ("open", "close"):
        sound &= (low <= table[name]) & (table[name] <= high)
    if not sound.all():
        raise _unusable(bars)
    until_ns = now_ns - bar_s * SECOND_NS
    latest = {time_ns: at for at, time_ns in enumerate(times) if time_ns <= until_ns}
    kept = sorted(latest)
    chosen = table[[latest[time_ns] for time_ns in kept]]
    chosen["time_ns"] = kept
    return chosen


def _unusable(bars: Sequence[Bar]) -> DecodeError:
    """What is wrong with the first bar that cannot be used."""
    for date, open_, high, low, close, _, count in bars:
        prices = (open_, high, low, close)
        try:
            bar_time(date)
        except DecodeError as problem:
            return problem
        if not all(math.isfinite(value) and value > 0 for value in prices):
            return DecodeError(f"the bar of {date} has the prices {prices}")
        if not low <= min(open_, close) <= max(open_, close) <= high:
            return DecodeError(f"the bar of {date} closes or opens outside its range")
        if not -COUNT_MAX <= count < COUNT_MAX:
            return DecodeError(f"the bar of {date} has {count} trades")
    raise AssertionError("one of them cannot be used")


class HistoryQueue:
    """Which symbol may ask for its history now. Pure: time comes in."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[str, int]] = deque()  # (symbol, not before)
        self._asked: deque[int] = deque()
        self._last: dict[str, int] = {}
        self._open: dict[int, str] = {}
        self._attempts: dict[str, int] = {}

    def want(self, symbol: str, not_before_ns: int = 0) -> None:
        """Queue a symbol, once."""
        if all(symbol != waiting for waiting, _ in self._waiting):
            self._waiting.append((symbol, not_before_ns))

    def next_ns(self) -> int | None:
        """When ``take`` will return a symbol; None while none waits or too many are open."""
        if not self._waiting or len(self._open) >= OPEN_MAX:
            return None
        first = min(self._ready_ns(*item) for item in self._waiting)
        if len(self._asked) >= WINDOW_REQUESTS_MAX:
            first = max(first, self._asked[-WINDOW_REQUESTS_MAX] + WINDOW_NS)
        return first

    def take(self, now_ns: int, request_id: int) -> str | None:
        """The next symbol that may ask, which then is open under ``request_id``."""
        ready = self.next_ns()
        if ready is None or ready > now_ns:
            return None
        item = next(item for item in self._waiting if self._ready_ns(*item) <= now_ns)
        self._waiting.remove(item)
        self._asked.append(now_ns)
        while len(self._asked) > WINDOW_REQUESTS_MAX:
            self._asked.popleft()
        symbol = item[0]
        self._last[symbol] = now_ns
        self._open[request_id] = symbol
        return symbol

    def closed(self, request_id: int) -> str | None:
        """The answer ended; the symbol it was about, None for a request of another time."""
        symbol = self._open.pop(request_id, None)
        if symbol is not None:
            self._attempts.pop(symbol, None)
        return symbol

    def failed(self, request_id: int, now_ns: int) -> str | None:
        """TWS refused: asked again after a quarter of the window, ATTEMPTS_MAX times in all.
        The symbol, if it was given up; else None."""
        symbol = self._open.pop(request_id, None)
        if symbol is None:
            return None
        self._attempts[symbol] = self._attempts.get(symbol, 0) + 1
        if self._attempts[symbol] >= ATTEMPTS_MAX:
            del self._attempts[symbol]
            return symbol
        self.want(symbol, now_ns + WINDOW_NS // 4)
        return None

    def reset(self) -> None:
        """A new connection: nothing is open or waiting, the limits still count what was asked."""
        self._waiting.clear()
        self._open.clear()
        self._attempts.clear()

    def _ready_ns(self, symbol: str, not_before_ns: int) -> int:
        last = self._last.get(symbol)
        return not_before_ns if last is None else max(not_before_ns, last + SAME_AGAIN_NS)

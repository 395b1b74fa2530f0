"""The market as events: what has changed since the last look.

Ticks never pass through Python one by one, so observers get samples: at each look, one event for
every price, volume and indicator that changed. They are taken outside the core and are no part of
its record; each carries the sequence number of the core's latest event.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping
from math import isnan
from typing import Final, Literal

import numpy as np

from _fast.market import Market
from engine.events import IndicatorEvent, MarketEvent, PriceEvent, VolumeEvent
from engine.inputs import Reading

ROWS_MAX: Final = 256  # looked at in one sample: some milliseconds at most; the rest comes next
_PRICES: Final[tuple[Literal["bid", "ask", "last"], ...]] = ("bid", "ask", "last")
_FIELDS: Final = ("bid", "ask", "last", "bid_size", "ask_size", "last_size", "volume", "atr")


class MarketSampler:
    """Args: the market, its row of every symbol, the period of the ATR, for its name, and what
    else is asked of a symbol."""

    def __init__(
        self,
        market: Market,
        rows: Mapping[str, int],
        atr_period: int,
        readings: Callable[[str], tuple[Reading, ...]],
    ) -> None:
        self._market = market
        self._symbols = {row: symbol for symbol, row in rows.items()}
        self._atr = f"atr({atr_period})"
        self._readings = readings
        self._ticks = np.zeros(len(market.instruments), np.uint64)
        self._next = 0  # the row whose turn it is
        self._seen: dict[int, dict[str, float]] = {}
        self._read: dict[int, dict[str, float]] = {}  # of the indicators

    def sample(self, now_ns: int, sequence: int) -> list[MarketEvent]:
        """The changes since the last look at each symbol, dated ``now_ns``.

        At most ROWS_MAX symbols are looked at; those left out come first the next time.
        """
        columns = self._market.instruments
        found: list[MarketEvent] = []
        due = np.flatnonzero(columns["ticks"] != self._ticks).tolist()
        if len(due) > ROWS_MAX:
            begin = bisect_left(due, self._next)
            due = [*due[begin:], *due[:begin]][:ROWS_MAX]
            self._next = due[-1] + 1
        for row in due:
            now = columns[row]
            self._ticks[row] = now["ticks"]
            values = {name: float(now[name]) for name in _FIELDS}
            before = self._seen.get(row, {})
            self._seen[row] = values
            # A value that is not a number equals nothing: neither told nor taken for a change.
            changed = {n for n, v in values.items() if not isnan(v) and v != before.get(n)}
            found += self._events(now_ns, sequence, self._symbols[row], values, changed)
            found += self._indicators(now_ns, sequence, row)
        return found

    def _indicators(self, now_ns: int, sequence: int, row: int) -> list[MarketEvent]:
        """What the rules ask for, as far as it is warm and has changed. Their names are their own:
        one is called as the day's volume is."""
        symbol, known = self._symbols[row], self._read.get(row, {})
        now = {one.name: one.value for one in self._readings(symbol) if one.name != self._atr}
        warm = {name: value for name, value in now.items() if value is not None}
        self._read[row] = warm
        return [
            IndicatorEvent(now_ns, sequence, symbol, name, value)
            for name, value in warm.items()
            if value != known.get(name)
        ]

    def _events(
        self, now_ns: int, sequence: int, symbol: str, values: dict[str, float], changed: set[str]
    ) -> list[MarketEvent]:
        found: list[MarketEvent] = []
        for name in _PRICES:
            price, size = values[name], values[f"{name}_size"]
            if not isnan(price) and changed & {name, f"{name}_size"}:
                known = None if isnan(size) else size
                found.append(PriceEvent(now_ns, sequence, symbol, name, price, known))
        if "volume" in changed:
            found.append(VolumeEvent(now_ns, sequence, symbol, values["volume"]))
        if "atr" in changed:
            found.append(IndicatorEvent(now_ns, sequence, symbol, self._atr, values["atr"]))
        return found

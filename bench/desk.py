"""Markets of one instrument and of ten thousand, and trades that keep all of them equally busy."""

from __future__ import annotations

import time
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from _fast.market import Market

TICKS: Final = 100_000
PER_BAR: Final = 100  # trades of an instrument in a bar of a second
SECOND: Final = 1_000_000_000
START: Final = 1_704_292_200 * SECOND


def walk(count: int) -> NDArray[np.float64]:
    """A random walk on a cent grid around 160."""
    steps = np.random.default_rng(7).normal(0, 0.01, count)
    return np.round(160 + np.cumsum(steps), 2)


class Desk:
    """``count`` instruments, of which ``busy`` trade: in no order, but each along the same walk,
    with as many trades to its bar and as many levels met as if it were alone."""

    def __init__(self, count: int, busy: int, conditions: int) -> None:
        self.market = Market(capacity=count)
        self._busy = busy
        self._walk = walk(4 * TICKS)
        self._middle = float(np.median(self._walk))
        self._clock = START
        self._traded = np.zeros(busy, np.int64)
        self._dice = np.random.default_rng(5)
        for row in range(count):
            self.market.bind(row, self.market.add(bar_seconds=1, trades_from=1))
        for row in range(count):
            for number in range(conditions):
                away = 0.0 if number < 2 else 50.0 + number
                self.market.when(row, "last", "above", self._middle + away)

    def trades(self) -> tuple[NDArray[np.int32], NDArray[np.float64], NDArray[np.int64]]:
        """The next ones: request ids, prices and times."""
        ids = self._dice.integers(0, self._busy, TICKS).astype(np.int32)
        order = np.argsort(ids, kind="stable")
        ranks = np.empty(TICKS, np.int64)
        ranks[order] = np.arange(TICKS) - np.searchsorted(ids[order], ids[order])
        number = self._traded[ids] + ranks
        np.add.at(self._traded, ids, 1)
        prices = self._walk[(number + 37 * ids) % len(self._walk)]
        step = SECOND // PER_BAR // self._busy
        times = self._clock + np.arange(TICKS, dtype=np.int64) * step
        self._clock = int(times[-1]) + step
        return ids, prices, times

    def round(self, chain: Any) -> float:
        """Seconds of the processor for one tick, from bar to protective price."""
        ids, prices, times = self.trades()
        stops = np.zeros(TICKS, np.int64)
        began = time.thread_time()
        chain(self.market, ids, prices, times, stops)
        took = (time.thread_time() - began) / TICKS
        self.market.fires()
        assert self.market.late_trades == self.market.unbound == 0
        return took

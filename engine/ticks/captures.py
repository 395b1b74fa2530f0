"""Ticks of a capture of the wire: what the reader made of its bytes, as in the files that
``engine replay --capture --ticks`` writes."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import date
from pathlib import Path
from typing import Final

import numpy as np

from engine.errors import DataFileError
from engine.replay.wire import Wire
from engine.sim.market import BLOCK_ROWS, MS_NS, Block
from engine.sim.records import MarketTick
from engine.ticks.columns import checked, days_in, of_days
from engine.ticks.part import SYMBOL, Part


class CaptureTicks:
    """A Reader."""

    def __init__(self, path: Path) -> None:
        self.path: Final = path

    def parts(self) -> list[Part]:
        found: set[tuple[str, date]] = set()
        for ticks in self._read():
            for symbol in {one.symbol for one in ticks}:
                if SYMBOL.fullmatch(symbol) is None:
                    raise DataFileError(f"{self.path}: is damaged: {symbol[:40]!r} is no ticker")
                times = np.array([one.time_ns for one in ticks if one.symbol == symbol], np.int64)
                found.update((symbol, day) for day, _, _ in days_in(times))
        if not found:
            raise DataFileError(f"{self.path}: has no ticks, or none with the exchange's time")
        return [Part(self.path, *one) for one in sorted(found)]

    def blocks(self, symbol: str, days: Collection[date]) -> Iterator[Block]:
        count, previous_ns = 0, 0
        for ticks in self._read(symbol):
            first = count + 1
            block = checked(
                self.path,
                lambda at, first=first: f"tick {first + at:,} of {symbol}",  # type: ignore[misc]
                previous_ns,
                np.array([one.time_ns // MS_NS * MS_NS for one in ticks], np.int64),
                np.array([ord(one.kind) for one in ticks], np.uint8),
                np.array([float(f"{one.price:.10g}") for one in ticks]),
                np.array([one.size for one in ticks], np.float64),
            )
            count += len(ticks)
            previous_ns = int(block.times[-1])
            yield from of_days(block, days)

    def _read(self, symbol: str = "") -> Iterator[list[MarketTick]]:
        """So many at a time as need little memory."""
        ticks: list[MarketTick] = []

        def tell(tick: MarketTick) -> None:
            if not symbol or tick.symbol == symbol:
                ticks.append(tick)

        for _ in Wire(self.path, tell).chunks():
            if len(ticks) >= BLOCK_ROWS:
                yield ticks
                ticks = []
        if ticks:
            yield ticks

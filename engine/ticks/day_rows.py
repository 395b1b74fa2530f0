"""The engine's own tick files: rows of text, of one symbol and day."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import date
from pathlib import Path

from engine.sim import market
from engine.sim.market import Block
from engine.ticks.part import Part


class DayRows:
    """A Reader of ``SYMBOL-YYYYMMDD.csv[.gz]``. Raises DataFileError: the name is another."""

    def __init__(self, path: Path) -> None:
        self._part = Part(path, *market.named(path))

    def parts(self) -> list[Part]:
        return [self._part]

    def blocks(self, symbol: str, days: Collection[date]) -> Iterator[Block]:
        if symbol == self._part.symbol and self._part.day in days:
            yield from market.read_blocks(self._part.path)

"""Recorded ticks of several symbols as one market: in columns, or one by one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.sim.market import LETTERS, Block
from engine.sim.records import MarketTick

NOTHING: Final = Block(
    np.empty(0, np.int64), np.empty(0, np.uint8), np.empty(0, np.float64), np.empty(0, np.int64)
)


class Tape:
    """An iterator of ticks by time; within an instant in the order of ``symbols``. ``times`` and
    the other columns are what was read ahead, ``at`` is behind the tick that was given out last;
    ``symbols_at`` are places in ``symbols``.

    Raises:
        DataFileError: from the iterator: a file cannot be read any further.
    """

    def __init__(self, symbols: Sequence[str], sources: Sequence[Iterable[Block]]) -> None:
        self.symbols: Final = tuple(symbols)
        self._sources = [iter(one) for one in sources]
        self._waiting: list[Block | None] = [None] * len(self._sources)
        self._over = [False] * len(self._sources)
        self.at = 0
        self._take([])

    def _take(self, parts: list[tuple[int, Block]]) -> None:
        """The rows of these symbols become the columns, in order."""
        block = parts[0][1] if parts else NOTHING
        symbols = [np.full(len(one), place, np.int32) for place, one in parts]
        self.symbols_at: NDArray[np.int32] = np.concatenate(symbols or [np.empty(0, np.int32)])
        if len(parts) > 1:  # those of one symbol are in order
            block = joined(*[one for _, one in parts])
            order = np.argsort(block.times, kind="stable")
            block, self.symbols_at = block.at(order), self.symbols_at[order]
        self.times, self.kinds = block.times, block.kinds
        self.prices, self.sizes = block.prices, block.sizes
        self.at = 0

    # -- one by one ----------------------------------------------------------------------------

    def __iter__(self) -> Iterator[MarketTick]:
        return self

    def __next__(self) -> MarketTick:
        if self.at == len(self.times) and not self.read():
            raise StopIteration
        self.at += 1
        return self.tick(self.at - 1)

    def tick(self, row: int) -> MarketTick:
        return MarketTick(
            self.times.item(row),
            self.symbols[self.symbols_at.item(row)],
            LETTERS[self.kinds.item(row)],
            self.prices.item(row),
            self.sizes.item(row),
        )

    # -- many at once --------------------------------------------------------------------------

    def read(self) -> bool:
        """The next columns, in the place of these. False: there are none."""
        for place, block in enumerate(self._waiting):
            if block is None:
                self._fill(place)
        while True:
            there = [place for place, block in enumerate(self._waiting) if block is not None]
            if not there:
                return False
            # What comes next of a source is no earlier than its last row.
            bounds = [self._last_ns(place) for place in there if not self._over[place]]
            until_ns = min(bounds, default=None)
            parts = [(place, self._cut(place, until_ns)) for place in there]
            parts = [(place, block) for place, block in parts if len(block)]
            if parts:
                self._take(parts)
                return True
            for place in there:
                if self._last_ns(place) == until_ns:
                    self._fill(place)

    def _last_ns(self, place: int) -> int:
        block = self._waiting[place]
        assert block is not None
        return int(block.times[-1])

    def _fill(self, place: int) -> None:
        """One block more of a source, or the knowledge that it is over."""
        if self._over[place]:
            return
        more, waiting = next(self._sources[place], None), self._waiting[place]
        self._over[place] = more is None
        if more is not None:
            self._waiting[place] = more if waiting is None else joined(waiting, more)

    def _cut(self, place: int, until_ns: int | None) -> Block:
        """Take what waits of a source before a moment; None: all of it."""
        block = self._waiting[place]
        assert block is not None
        count = len(block)
        if until_ns is not None:
            count = int(np.searchsorted(block.times, until_ns, side="left"))
        self._waiting[place] = None if count == len(block) else block.rows(count, len(block))
        return block.rows(0, count)


def woven(sources: Sequence[Iterable[Block]]) -> Iterator[Block]:
    """Several sources of one symbol as one, by time; within an instant in the order of
    ``sources``."""
    tape = Tape([""] * len(sources), sources)
    while tape.read():
        yield Block(tape.times, tape.kinds, tape.prices, tape.sizes)


def joined(*blocks: Block) -> Block:
    return Block(
        np.concatenate([one.times for one in blocks]),
        np.concatenate([one.kinds for one in blocks]),
        np.concatenate([one.prices for one in blocks]),
        np.concatenate([one.sizes for one in blocks]),
    )


def thinned(source: Iterable[Block], share: float) -> Iterator[Block]:
    """The same ticks with a share of their sizes, at least 1 where there was any."""
    for block in source:
        sizes = np.maximum((block.sizes * share).astype(np.int64), block.sizes > 0)
        yield Block(block.times, block.kinds, block.prices, sizes)

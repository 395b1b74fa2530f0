"""Trades without end: one block of frames whose times and numbers are written anew for each turn.

To encode a trade in Python takes longer than to decode it in C. So a block is encoded once, and
only the digits of the time (which goes on, so that bars complete) and of the size (which counts
the trades of its request: who reads them can tell that none is missing and none out of place)
change from turn to turn, all of them at once.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bench.wire import MINUTE_S
from engine.sim.wire_encoder import Encoder

FIRST: Final = 1_000_000_000  # the size of a request's trade number 0; all have ten digits
DIGITS: Final = 10
Bytes = NDArray[np.uint8]


class Stream:
    """``count`` trades in a block, of the requests in turn; ``per_second`` of them to a second.

    ``numbered``: the sizes count. Without, they stay, which costs the sender less.
    """

    def __init__(
        self,
        encoder: Encoder,
        requests: Sequence[int],
        count: int,
        per_second: int,
        *,
        numbered: bool = True,
    ) -> None:
        if count % len(requests):
            raise ValueError(f"{count} trades do not share out among {len(requests)} requests")
        self.count: Final = count
        self.sent = 0  # trades in the turns so far
        self._requests = len(requests)
        self._per_second = per_second
        probe = encoder.ticks(1).last(2, MINUTE_S, 160.25, FIRST, "ISLAND")
        text = str(MINUTE_S).encode() in probe
        self._written = _decimal if text else _varints
        time = self._written(np.array([MINUTE_S])).tobytes()
        frames, times, sizes, at = [], [], [], 0
        for number in range(count):
            price = 160 + (number * 7 % 90) / 100
            ticks = encoder.ticks(requests[number % len(requests)])
            frame = ticks.last(2, MINUTE_S, price, FIRST, "ISLAND")
            times.append(at + _only(frame, time))
            sizes.append(at + _only(frame, str(FIRST).encode()))
            frames.append(frame)
            at += len(frame)
        self._block: Bytes = np.frombuffer(bytearray(b"".join(frames)), np.uint8)
        self._starts = np.cumsum([0, *map(len, frames)])
        self._times, self._sizes = np.array(times), np.array(sizes)
        self._now = np.tile(np.frombuffer(time, np.uint8), (count, 1))
        self._numbered = numbered
        self._numbers = np.arange(count) // len(requests)

    def turn(self) -> memoryview:
        """The next ``count`` trades; valid until the next call."""
        second = self.sent + np.arange(0, self.count, self._per_second)
        if self.count % self._per_second or self.sent % self._per_second:
            second = self.sent + np.arange(self.count)
        written = self._written(MINUTE_S + second // self._per_second)
        written = np.repeat(written, self.count // len(written), axis=0)
        for column in np.flatnonzero((written != self._now).any(axis=0)):
            self._block[self._times + column] = written[:, column]
        self._now = written
        if self._numbered:
            sizes = _decimal(FIRST + self.sent // self._requests + self._numbers)
            self._block[self._sizes[:, None] + np.arange(DIGITS)] = sizes
        self.sent += self.count
        return memoryview(self._block)

    def pieces(self, size: int) -> list[memoryview]:
        """The next turn in pieces of so many trades."""
        block = self.turn()
        cuts = [*self._starts[:-1:size], self._starts[-1]]
        return [block[begin:end] for begin, end in itertools.pairwise(cuts)]


def _only(frame: bytes, part: bytes) -> int:
    assert frame.count(part) == 1, frame
    return frame.index(part)


def _decimal(numbers: NDArray[np.int64]) -> Bytes:
    powers = 10 ** np.arange(DIGITS - 1, -1, -1)
    return (48 + numbers[:, None] // powers % 10).astype(np.uint8)


def _varints(numbers: NDArray[np.int64]) -> Bytes:
    """Of five bytes, as those of our times are."""
    parts = numbers[:, None] >> (7 * np.arange(5)) & 127
    parts[:, :4] |= 128
    return parts.astype(np.uint8)

from typing import Final

import numpy as np
from numpy.typing import NDArray

from _fast.market import Market
from _fast.reader import Reader
from _fast.tellers import QuoteTeller

NEVER_NS: Final[int]
STREAMS: Final[int]
"""Subscriptions of one symbol at most."""
QUOTES: Final[int]
TRADES: Final[int]
SIDES: Final[int]
"""What a stream tells: quotes, trades one by one, both sides one by one."""
OTHERS: Final[int]
ARRIVAL: Final[int]
FIRES: Final[int]
TURN: Final[int]
"""Why a run ended: somebody else is next, bytes reach the client, a condition of its market has
fired, or its wait is over."""

class Stretch:
    """Plays columns of ticks of so many symbols, each known by its place; see stretch.pxd for
    what its numbers mean. What it is given to load it has not seen the types of: a ``Book``,
    ``Levels`` and ``Measured`` of the simulator, a ``Calm`` of the engine."""

    at: int
    heard: int
    stop: int
    over: bool
    now_ns: int
    event_ns: int
    exchange_ns: int
    beat_ns: int
    beat_every_ns: int
    values_due_ns: int
    profits_due_ns: int
    profits_every_ns: int
    latency_ns: int
    limit_ns: int
    arrives_ns: int
    deadline_ns: int
    calm: bool
    idle_ns: int
    patience_ns: int
    day_ends_ns: int
    bars_closed_ns: int
    bars_every_ns: int
    loss_max: float
    fall_max: float
    profit: float
    peak: float
    drawdown: float
    turns: int

    def __init__(self, market: Market, reader: Reader, symbols: int) -> None: ...
    def follow_clocks(self, mono_offset_ns: int) -> bool:
        """Learn the client's clocks; False: its clock does not go with monotonic time."""
    def over_columns(
        self,
        times: NDArray[np.int64],
        symbols: NDArray[np.int32],
        kinds: NDArray[np.uint8],
        prices: NDArray[np.float64],
        sizes: NDArray[np.int64],
    ) -> None:
        """What is to be played. Raises ValueError: unequal lengths, or a symbol of no place."""
    def load(
        self,
        place: int,
        book: object,
        told: QuoteTeller | None,
        streams: tuple[tuple[int, int], ...],
        waits: object,
        trade: object,
    ) -> None:
        """A symbol as it stands: its book, what its stream of quotes has told, all of its streams
        with their requests, what orders wait for, the trade that is measured.

        Raises:
            ValueError: more than ``STREAMS`` streams, or no such place.
        """
    def unload(self, place: int, book: object, told: QuoteTeller | None) -> bool:
        """What became of the book and of what was told; whether anything has traded."""
    def measured(self, place: int, trade: object) -> bool:
        """What became of the trade; whether a quote was looked at."""
    def look_around(self, calm: object, mono_offset_ns: int) -> None:
        """What idle looks do; None: there are none."""
    def looked(self, calm: object, mono_offset_ns: int) -> None:
        """What they have done."""
    def run(self) -> int:
        """As far as nothing matters; why it ended.

        Raises:
            ValueError: the cursors are out of order or beyond the columns.
        """
    def catch_up(self, now_ns: int) -> None:
        """The client hears what reaches it now, after bytes that have reached it now."""

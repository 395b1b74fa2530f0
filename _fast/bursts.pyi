from collections.abc import Callable, Sequence
from typing import Any

from _fast.past_bars import PastBars
from _fast.tellers import Teller
from _fast.tick_frames import Sheet

Row = tuple[int, Any, float, int]
"""When it counted, the letter of its kind, price, size."""

class Place:
    """One symbol of an exchange: its book, and the bars that are made of its ticks."""

    def __init__(self, book: Any, bars: PastBars) -> None: ...
    @property
    def book(self) -> Any: ...
    def load(
        self,
        tellers: list[Teller],
        sheets: list[Sheet],
        bid_from: float,
        ask_to: float,
        last_from: float,
        last_to: float,
        until_ns: int,
    ) -> None:
        """Take over the book's numbers, for who speaks of them and where to; and what an order
        waits for. Raises ValueError: not a sheet for each."""
    def unload(self) -> list[Row]:
        """Give the book its numbers back; the ticks of the burst."""
    @property
    def traded(self) -> bool: ...
    @property
    def traded_ns(self) -> int:
        """Of the last trade of a burst, by the time that it says itself."""

class Burst:
    """``ready`` gives the loaded Place of a symbol when it is first met, None to end before it."""

    def __init__(self, ready: Callable[[str], Place | None]) -> None: ...
    @property
    def met(self) -> list[Place]:
        """The places of the last burst."""
    @property
    def now_ns(self) -> int:
        """The exchange's clock at its end."""
    def play(self, ticks: Sequence[Any], at: int, now_ns: int, until_ns: int) -> int:
        """Play ``ticks`` from ``at`` on, from ``now_ns`` of the exchange's clock and before
        ``until_ns``. Returns the place of the first that was not played."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

Row = tuple[int, float, float, float, float, int, float, int]
"""Start, open, high, low, close, volume, average, count."""

SERIES: Final[tuple[str, str, str, str]]

class PastBars:
    """Bars of ``base_ns`` of one instrument's ticks, in four series as SERIES names them. Of those
    that ended the newest ``bars_max`` are there at least, and a quarter more at most.

    Raises:
        ValueError: one of both is not above 0.
    """

    def __init__(self, base_ns: int, bars_max: int) -> None: ...
    def add(self, time_ns: int, kind: str, price: float, size: int) -> None:
        """One tick. Raises ValueError: its kind is not B, A or T."""
    def extend(
        self,
        times: NDArray[np.int64],
        kinds: NDArray[np.uint8],
        prices: NDArray[np.float64],
        sizes: NDArray[np.int64],
    ) -> None:
        """Many ticks, kinds as the letters' numbers. Raises ValueError: unequal lengths."""
    def begun(self, series: int) -> bool:
        """Whether there was a tick of this series."""
    def between(self, series: int, start_ns: int, end_ns: int) -> list[Row]:
        """The bars that begin from ``start_ns`` on and before ``end_ns``, oldest first; the last
        one may not have ended."""
    def kept(self, series: int) -> int:
        """How many there are that have ended."""

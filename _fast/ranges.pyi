from typing import Final, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from _fast.windows import Stream

MEANS: Final[dict[str, int]]

class TrueRange(Stream):
    """True range, bar by bar; warm-up 2 bars, as it needs the previous close."""

    def __init__(self) -> None: ...
    @property
    def value(self) -> float: ...
    def push(self, high: float, low: float, close: float) -> float: ...
    def reset(self) -> None: ...

class Atr(Stream):
    """Average true range, bar by bar; warm-up ``period`` + 1 bars.

    Raises:
        ValueError: period outside 1..10,000, or a mean other than wilder and simple.
    """

    def __init__(self, period: int = 14, mean: Literal["wilder", "simple"] = "wilder") -> None: ...
    @property
    def value(self) -> float: ...
    def push(self, high: float, low: float, close: float) -> float: ...
    def reset(self) -> None: ...

def true_range(high: ArrayLike, low: ArrayLike, close: ArrayLike) -> NDArray[np.float64]:
    """True range of bars, oldest first: shape (n,), the first NaN.

    Raises:
        ValueError: lengths differ, or not one-dimensional.
    """

def atr(
    high: ArrayLike,
    low: ArrayLike,
    close: ArrayLike,
    period: int = 14,
    mean: Literal["wilder", "simple"] = "wilder",
) -> NDArray[np.float64]:
    """Average true range of bars, oldest first: shape (n,), the first ``period`` entries NaN.

    ``wilder`` is seeded with the mean of the first ``period`` true ranges (Wilder 1978),
    ``simple`` is their rolling mean.

    Raises:
        ValueError: lengths differ, not one-dimensional, or period or mean as in ``Atr``.
    """

from typing import Final, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

MEANS: Final[dict[str, int]]

class Atr:
    """ATR fed bar by bar; ``push`` returns the value, NaN until ``period`` + 1 bars are in.

    Raises:
        ValueError: period outside 1..10,000, or a mean other than wilder and simple.
    """

    def __init__(self, period: int = 14, mean: Literal["wilder", "simple"] = "wilder") -> None: ...
    @property
    def value(self) -> float: ...
    @property
    def ready(self) -> bool: ...
    def push(self, high: float, low: float, close: float) -> float: ...

def atr(
    high: ArrayLike,
    low: ArrayLike,
    close: ArrayLike,
    period: int = 14,
    mean: Literal["wilder", "simple"] = "wilder",
) -> NDArray[np.float64]:
    """Average true range of bars, oldest first: shape (n,), the first ``period`` entries NaN.

    True range uses the previous close, so it starts at the second bar. ``wilder`` is seeded with
    the mean of the first ``period`` true ranges (Wilder 1978), ``simple`` is their rolling mean.
    A NaN in ``high`` or ``low`` makes the following values NaN.

    Raises:
        ValueError: lengths differ, not one-dimensional, or period or mean as in ``Atr``.
    """

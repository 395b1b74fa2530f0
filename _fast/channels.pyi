import numpy as np
from numpy.typing import ArrayLike, NDArray

from _fast.windows import Stream

Lines = tuple[float, float, float]
"""upper, middle, lower; NaN or numbers together."""
LineArrays = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]

class Channel(Stream):
    @property
    def value(self) -> Lines: ...
    def reset(self) -> None: ...

class Bollinger(Channel):
    """Simple mean of the last ``period`` values, ``width`` standard deviations around it.

    Warm-up ``period``.

    Raises:
        ValueError: period outside 1..10,000, or ``width`` outside 0..1e6.
    """

    def __init__(self, period: int = 20, width: float = 2.0) -> None: ...
    def push(self, x: float) -> Lines: ...

class Keltner(Channel):
    """Exponential mean of closes, ``width`` average true ranges (Wilder's) around it.

    Warm-up ``period`` or ``atr_period`` + 1 bars, whichever is more.

    Raises:
        ValueError: as ``Bollinger``.
    """

    def __init__(self, period: int = 20, width: float = 2.0, atr_period: int = 10) -> None: ...
    def push(self, high: float, low: float, close: float) -> Lines: ...

class Donchian(Channel):
    """Highest high and lowest low of the last ``period`` bars, the newest included.

    Warm-up ``period`` bars.
    """

    def __init__(self, period: int = 20) -> None: ...
    def push(self, high: float, low: float) -> Lines: ...

def bollinger(values: ArrayLike, period: int = 20, width: float = 2.0) -> LineArrays: ...
def keltner(
    high: ArrayLike,
    low: ArrayLike,
    close: ArrayLike,
    period: int = 20,
    width: float = 2.0,
    atr_period: int = 10,
) -> LineArrays: ...
def donchian(high: ArrayLike, low: ArrayLike, period: int = 20) -> LineArrays: ...

import numpy as np
from numpy.typing import ArrayLike, NDArray

from _fast.windows import Stream

class Sma(Stream):
    """Simple mean of the last ``period`` values; warm-up ``period``.

    Raises:
        ValueError: period outside 1..10,000; so for all indicators.
    """

    def __init__(self, period: int = 20) -> None: ...
    @property
    def value(self) -> float: ...
    def push(self, x: float) -> float: ...
    def reset(self) -> None: ...

class Wma(Stream):
    """Mean of the last ``period`` values, the oldest with weight 1; warm-up ``period``."""

    def __init__(self, period: int = 20) -> None: ...
    @property
    def value(self) -> float: ...
    def push(self, x: float) -> float: ...
    def reset(self) -> None: ...

class Ema(Stream):
    """Exponential mean, gain 2 / (``period`` + 1), seeded with a simple one; warm-up ``period``."""

    def __init__(self, period: int = 20) -> None: ...
    @property
    def value(self) -> float: ...
    def push(self, x: float) -> float: ...
    def reset(self) -> None: ...

def sma(values: ArrayLike, period: int = 20) -> NDArray[np.float64]:
    """What ``Sma`` returns for each of ``values``, oldest first, to the last bit: shape (n,).

    So for all indicators: the function in small letters is its stream over arrays.

    Raises:
        ValueError: period outside 1..10,000, or not one-dimensional.
    """

def wma(values: ArrayLike, period: int = 20) -> NDArray[np.float64]: ...
def ema(values: ArrayLike, period: int = 20) -> NDArray[np.float64]: ...

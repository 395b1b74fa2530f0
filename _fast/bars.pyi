from typing import Final

import numpy as np
from numpy.typing import NDArray

BAR_DTYPE: Final[np.dtype[np.void]]
"""time_ns (start of the interval), open, high, low, close, volume, count (samples merged)."""
RING_BARS: Final[int]

class Bars:
    """Bars of one stream of trades, for use outside a Market (recorded trades, larger bars).

    Bars start at multiples of ``seconds`` since the epoch; an interval without a trade has none.
    The newest ``bars_max`` completed bars are kept.

    Raises:
        ValueError: ``seconds`` or ``bars_max`` below 1.
    """

    def __init__(self, seconds: int = 60, bars_max: int = 512) -> None: ...
    def trade(self, time_ns: int, price: float, size: float = 0.0) -> bool:
        """Merge a trade; False when its bar is complete already, and nothing changed.

        Raises:
            ValueError: no time after 1970, or no finite price above 0.
        """
    def close(self, now_ns: int) -> bool:
        """Complete the bar in progress if its interval ended at or before ``now_ns``."""
    def completed(self) -> NDArray[np.void]:
        """Completed bars, oldest first: a copy of shape (n,) and dtype BAR_DTYPE."""
    def in_progress(self) -> np.void | None:
        """A copy of the bar in progress, None when there is none."""

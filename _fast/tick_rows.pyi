import numpy as np
from numpy.typing import NDArray

def parse(
    text: bytes,
    start: int,
    whole: bool,
    origin_ns: int,
    previous_ms: int,
    times: NDArray[np.int64],
    kinds: NDArray[np.uint8],
    prices: NDArray[np.float64],
    sizes: NDArray[np.int64],
) -> tuple[int, int, int]:
    """Rows ``time_ms,kind,price,size`` of ``text`` from ``start`` on into the columns, times from
    ``origin_ns`` on, kinds as the letters' numbers. Returns how many, where the first row that was
    not taken begins, and the last time in milliseconds.

    Ends where the columns are full, where the text is over (its last line counts if it is the
    ``whole`` rest of the file), or before a row that is not plain digits, in order and in range:
    what that one is, is for somebody slower to say. Prices are the nearest doubles.

    Raises:
        ValueError: columns of unequal length, or a start outside the text.
    """

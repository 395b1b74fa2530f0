from typing import Final

import numpy as np

TRADES_FROM: Final[dict[str, int]]
"""Which stream feeds the bars of an instrument: name -> the number that Market.add takes."""
INSTRUMENT_DTYPE: Final[np.dtype[np.void]]
"""The columns of an instrument, named as in the struct Instrument of types.pxd; 128 bytes."""

from collections.abc import Sequence
from typing import Final, Literal

SIDES: Final[dict[str, int]]
ROLES: Final[dict[str, int]]
BANDS_COUNT_MAX: Final[int]

def steps(
    price: float,
    distance: float,
    side: Literal["BUY", "SELL"],
    tick: float,
    role: Literal["stop", "target"],
) -> int:
    """The protective price as a whole number of ``tick``: the exact price is steps * tick.

    ``side`` is that of the protective order. Stops round towards ``price`` (sell up, buy down) and
    so do targets (sell down, buy up); a level within 1e-9 of ``price`` from the grid, and within
    0.01 ``tick``, is taken to be on it.

    Raises:
        ValueError: an input is not finite and above 0, or no legal price above 0 lies there.
    """

def level(
    price: float,
    distance: float,
    side: Literal["BUY", "SELL"],
    tick: float,
    role: Literal["stop", "target"],
) -> float:
    """The same as the double nearest to steps * tick, for comparison with market data."""

class Bands:
    """A price grid whose increment depends on the price, as IB's market rules state it.

    Raises:
        ValueError: edges that do not start at 0 and ascend, increments not above 0, over 64 bands.
    """

    def __init__(self, edges: Sequence[float], increments: Sequence[float]) -> None: ...
    @property
    def count(self) -> int: ...
    def steps(
        self,
        price: float,
        distance: float,
        side: Literal["BUY", "SELL"],
        role: Literal["stop", "target"],
    ) -> tuple[int, int]:
        """(whole increments, index of the band whose increment they count).

        Raises:
            ValueError: as ``steps``.
        """

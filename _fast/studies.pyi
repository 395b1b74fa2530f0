from typing import Final

FAMILIES: Final[dict[str, int]]
"""Indicators that an instrument may be asked for -> how many values each has."""

class Follower:
    """One indicator of one instrument; Market.follow makes them.

    Raises:
        ValueError: no such family, or parameters that the indicator does not take.
    """

    def __init__(self, family: str, parameters: tuple[float, ...] = ()) -> None: ...
    @property
    def stream(self) -> object: ...
    @property
    def warmup(self) -> int: ...

from typing import Final

import numpy as np
from numpy.typing import NDArray

NO_TRANSITION: Final[int]
"""255: the chart has no transition for this pair."""

class Stepper:
    """Steps one table: ``step(state, event)`` is the next state, 255 where there is no row.

    ``next`` holds ``n_states * n_events`` bytes, row by row of states.

    Raises:
        ValueError: the length does not fit, or an entry is neither a state nor 255.
    """

    def __init__(self, next: bytes, n_states: int, n_events: int) -> None: ...  # noqa: A002
    @property
    def n_states(self) -> int: ...
    @property
    def n_events(self) -> int: ...
    @property
    def counts(self) -> NDArray[np.int64] | None:
        """How often each pair (state, event) was stepped since counting began; None: it did not.

        Pairs without a row are counted too. The array is the stepper's own and goes on counting.
        """
    def count(self, on: bool = True) -> None:
        """Count from zero, or stop counting. Off at first, and then free."""
    def step(self, state: int, event: int) -> int:
        """The next state, 255 when there is no row.

        Raises:
            IndexError: state or event is not one of the table's.
        """

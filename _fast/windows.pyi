from typing import Final

PERIODS_MAX: Final[int]
"""The longest period of any indicator, in inputs."""

class Stream:
    """An indicator fed input by input with ``push``, which returns the value.

    NaN until ``warmup`` inputs in a row were finite numbers; an input that is NaN or infinite
    begins the warm-up anew (but see ``_fast.volume``). ``reset`` makes it as new.
    """

    @property
    def warmup(self) -> int: ...
    @property
    def ready(self) -> bool:
        """The value is a number; of several, all are."""

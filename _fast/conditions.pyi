from typing import Final

COLUMNS: Final[dict[str, int]]
"""Names of the columns a condition may watch -> their index."""
OPS: Final[dict[str, int]]
"""``above`` is value >= level, ``below`` is value <= level, ``over`` and ``under`` are above and
below without the level itself; NaN leaves a condition as it was."""
STRICT: Final[frozenset[str]]
FIRES_PENDING_MAX: Final[int]
"""Fires that may wait to be drained; beyond it conditions stay armed and the refusal is counted."""

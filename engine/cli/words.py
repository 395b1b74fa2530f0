"""What people write on a command line, read strictly: durations and lists of names."""

from __future__ import annotations

import math
from typing import Final

from engine.errors import UserError

_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def duration_s(text: str) -> float:
    """``30s``, ``2m``, ``1h``, ``500ms`` or a plain number of seconds.

    Raises:
        UserError: it is none of these, or not above 0.
    """
    number = text.strip()
    scale = 1.0
    for unit in ("ms", "s", "m", "h"):
        if number.endswith(unit):
            number, scale = number.removesuffix(unit), _UNITS[unit]
            break
    try:
        seconds = float(number) * scale
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise UserError(f"time {text!r}: write it as 30s, 2m or 1h")
    return seconds


def names(text: str) -> tuple[str, ...]:
    """The names of a list with commas, without blanks; "" is none."""
    return tuple(name.strip() for name in text.split(",") if name.strip())

"""What people write on a command line, read strictly: durations and lists of names."""

from __future__ import annotations

import math
import re
from typing import Final

from engine.errors import UserError

_SEEDS: Final = re.compile(r"(\d{1,9})(?:\.\.(\d{1,9}))?")
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


def seeds(option: str, text: str) -> range:
    """``7``, or the first and the last: ``1..100``.

    Raises:
        UserError: it is neither.
    """
    match = _SEEDS.fullmatch(text)
    first = int(match[1]) if match else 0
    last = int(match[2] or match[1]) if match else -1
    if last < first:
        raise UserError(f"{option} {text}: write the first and the last, such as 1..100")
    return range(first, last + 1)

"""Values as a page draws and shows them, never to be counted with: a double will do."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

import orjson

MS_NS: Final = 1_000_000


def as_json(value: Any) -> bytes:
    return orjson.dumps(value, default=_plain)


def _plain(value: object) -> float:
    if isinstance(value, Decimal):
        return float(value)
    raise TypeError(type(value).__name__)

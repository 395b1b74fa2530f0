"""What an API says about how often it wants to be asked. Pure: headers come in, waits come out.

``Retry-After`` (seconds or a date), ``X-RateLimit-Remaining`` and ``X-RateLimit-Reset`` (seconds
to wait, or the moment in seconds or milliseconds since 1970). A quota belongs to the key, so what
one ticker is told holds for all. What cannot be read is as if it had not been said.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Final

PAUSE_MAX_S: Final = 3_600.0  # a slip of the API's must not silence it for a year
_NUMBER: Final = re.compile(r"\d{1,15}(?:\.\d{1,9})?", re.ASCII)
_EPOCH_S: Final = 1e9  # what is larger is a moment
_EPOCH_MS: Final = 1e12


class Quota:
    """Times are seconds: ``now_s`` of a clock that never goes back, ``wall_s`` since 1970."""

    def __init__(self) -> None:
        self._until_s = 0.0  # nobody asks before
        self._remaining: int | None = None
        self._reset_s = 0.0

    def note(
        self, status: int, headers: Mapping[str, str], now_s: float, wall_s: float
    ) -> float | None:
        """Learn from one answer. How long everybody waits if it was a 429; None if that is not
        said, or it was none."""
        remaining = _number(headers.get("x-ratelimit-remaining"))
        reset_s = _reset(headers.get("x-ratelimit-reset"), wall_s)
        self._remaining = None if remaining is None or reset_s is None else int(remaining)
        self._reset_s = now_s + (reset_s or 0.0)
        pause_s: float | None = None
        if status == 429:
            pause_s = _retry_after(headers.get("retry-after"), wall_s)
            if pause_s is None:
                pause_s = reset_s
        elif self._remaining == 0:
            self._until_s = max(self._until_s, self._reset_s)
        if pause_s is not None:
            self._until_s = max(self._until_s, now_s + pause_s)
        return pause_s

    def wait_s(self, now_s: float) -> float:
        """How long nobody may ask; 0 if one may."""
        return max(self._until_s - now_s, 0.0)

    def spacing_s(self, now_s: float, pollers: int) -> float:
        """Between two polls of each, so that what remains lasts until the reset."""
        if not self._remaining or self._reset_s <= now_s:
            return 0.0
        return (self._reset_s - now_s) * pollers / self._remaining


def _retry_after(text: str | None, wall_s: float) -> float | None:
    seconds = _number(text)
    if seconds is None and text is not None:
        try:
            seconds = parsedate_to_datetime(text).timestamp() - wall_s
        except (ValueError, OverflowError):
            return None
    return None if seconds is None else min(max(seconds, 0.0), PAUSE_MAX_S)


def _reset(text: str | None, wall_s: float) -> float | None:
    seconds = _number(text)
    if seconds is None:
        return None
    if seconds >= _EPOCH_MS:
        seconds /= 1000.0
    if seconds >= _EPOCH_S:
        seconds -= wall_s
    return min(max(seconds, 0.0), PAUSE_MAX_S)


def _number(text: str | None) -> float | None:
    return float(text) if text is not None and _NUMBER.fullmatch(text.strip()) else None

"""Times of day on an exchange's clock: windows, and when they begin.

A window is judged by what the exchange's wall clock shows, to the second, its start included and
its end excluded. One that ends before it starts runs over midnight and belongs to the day of its
start. On the night when clocks go back, what the clock shows twice is inside twice; when they go
forward, a time that the clock skips is never shown, and a window that starts there begins where
the clock goes on.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

SECOND_NS: Final = 1_000_000_000
DAY_S: Final = 86_400
DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_CLOCK: Final = re.compile(r"([01]\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?")
# One weekday, which a change of clocks swallows: the next one is two weeks away at most.
_DAYS_AHEAD: Final = 21


@lru_cache(maxsize=1024)
def seconds_of(text: str) -> int:
    """Seconds after midnight of ``HH:MM`` or ``HH:MM:SS``; ``24:00`` is the day's end.

    Raises:
        ValueError: it is not a time of day in this form.
    """
    if text in ("24:00", "24:00:00"):
        return DAY_S
    found = _CLOCK.fullmatch(text)
    if found is None:
        raise ValueError(f"{text[:20]!a} is not a time of day, write it as 09:30 or 09:30:00")
    hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return hours * 3600 + minutes * 60 + seconds


@lru_cache(maxsize=64)
def zone_of(name: str) -> ZoneInfo | None:
    """A time zone by its IANA name; None when there is none of this name."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def day_of(start_s: int, end_s: int, moment: datetime) -> date | None:
    """The day whose window contains ``moment``, as the wall clock shows it; None when outside."""
    shown_s = moment.hour * 3600 + moment.minute * 60 + moment.second
    today = moment.date()
    if start_s < end_s:
        return today if start_s <= shown_s < end_s else None
    if shown_s >= start_s:
        return today
    return today - timedelta(days=1) if shown_s < end_s else None


def inside(start_s: int, end_s: int, days: Collection[int], now_ns: int, zone: ZoneInfo) -> bool:
    """Whether the window of one of ``days`` (0 is Monday; none: every day) contains ``now_ns``."""
    day = day_of(start_s, end_s, datetime.fromtimestamp(now_ns // SECOND_NS, zone))
    return day is not None and (not days or day.weekday() in days)


def next_start(start_s: int, end_s: int, days: Collection[int], now_ns: int, zone: ZoneInfo) -> int:
    """When a window next begins, strictly after ``now_ns``: once for each day that has one."""
    today = datetime.fromtimestamp(now_ns // SECOND_NS, zone).date()
    for ahead in range(-1, _DAYS_AHEAD):
        day = today + timedelta(days=ahead)
        if days and day.weekday() not in days:
            continue
        begins_s = _begin(day, start_s, end_s, zone)
        if begins_s is not None and begins_s * SECOND_NS > now_ns:
            return begins_s * SECOND_NS
    raise AssertionError(f"no window from {start_s} to {end_s} on {days} in {zone}")


def _begin(day: date, start_s: int, end_s: int, zone: ZoneInfo) -> int | None:
    """First second of a day's window; None when the clock skips all of it."""
    shown = datetime(day.year, day.month, day.day) + timedelta(seconds=start_s)  # noqa: DTZ001
    first = int(shown.replace(tzinfo=zone).timestamp())  # the first of two, if it is shown twice
    if datetime.fromtimestamp(first, zone).replace(tzinfo=None) != shown:
        # Skipped. With the offset from after the change it lies before the change.
        first = _change(int(shown.replace(tzinfo=zone, fold=1).timestamp()), first, zone)
    moment = datetime.fromtimestamp(first, zone)
    return first if day_of(start_s, end_s, moment) == day else None


def _change(low: int, high: int, zone: ZoneInfo) -> int:
    """The first second with the offset of ``high``, which differs from that of ``low``."""
    after = datetime.fromtimestamp(high, zone).utcoffset()
    while high - low > 1:
        middle = (low + high) // 2
        if datetime.fromtimestamp(middle, zone).utcoffset() == after:
            high = middle
        else:
            low = middle
    return high

"""Times of day on the exchange's wall clock, against a model that looks every few minutes."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.reasons import Reason
from engine.rules import Scene, TimeCondition, failing, next_start_ns
from tests.rules.records import time_conditions

SECOND_NS = 1_000_000_000
STEP_S = 300  # windows here begin on the quarter of an hour, and so do all changes of clocks
# Clocks forward and back, at 2 in the morning, at midnight (Santiago), by half an hour (Lord
# Howe), never (Tokyo), and a day that did not exist at all (Apia).
NIGHTS = [
    ("America/New_York", date(2026, 3, 8)),
    ("America/New_York", date(2026, 11, 1)),
    ("Europe/London", date(2026, 3, 29)),
    ("Europe/London", date(2026, 10, 25)),
    ("America/Santiago", date(2025, 9, 7)),
    ("America/Santiago", date(2025, 4, 6)),
    ("Australia/Lord_Howe", date(2026, 4, 5)),
    ("Australia/Lord_Howe", date(2026, 10, 4)),
    ("Pacific/Apia", date(2011, 12, 30)),
    ("Asia/Tokyo", date(2026, 3, 8)),
]
DAYS_SHOWN = 6


@lru_cache
def shown(zone: str, night: date) -> list[tuple[int, date, str]]:
    """Five minutes by five minutes: when it is, and what the exchange's clock shows then."""
    start = datetime(night.year, night.month, night.day, tzinfo=UTC) - timedelta(days=3)
    first = int(start.timestamp())
    clock = ZoneInfo(zone)
    steps = range(first, first + DAYS_SHOWN * 86_400, STEP_S)
    walls = ((at, datetime.fromtimestamp(at, clock)) for at in steps)
    return [(at * SECOND_NS, wall.date(), f"{wall:%H:%M:%S}") for at, wall in walls]


def window_day(window: TimeCondition, day: date, text: str) -> date | None:
    """The day of the window that contains what the clock shows, by comparing texts."""
    if window.start < window.end:
        found = day if window.start <= text < window.end else None
    elif text >= window.start:
        found = day
    else:
        found = day - timedelta(days=1) if text < window.end else None
    names = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
    if found is None or (window.days and names[found.weekday()] not in window.days):
        return None
    return found


@pytest.mark.parametrize(("zone", "night"), NIGHTS)
@settings(max_examples=25, deadline=None)
@given(data=st.data(), window=time_conditions(step_s=900))
def test_a_window_holds_exactly_when_the_clock_shows_it(
    zone: str, night: date, data: st.DataObject, window: TimeCondition
) -> None:
    at = data.draw(st.integers(0, DAYS_SHOWN * 86_400 // STEP_S - 1))
    for now_ns, day, text in shown(zone, night)[at : at + 12]:
        for later_ns in (0, STEP_S * SECOND_NS - 1):  # the first and the last instant of the step
            scene = Scene(symbol="IBM", now_ns=now_ns + later_ns, time_zone=zone)
            expected = None if window_day(window, day, text) else Reason.OUTSIDE_WINDOW
            assert failing(window, scene) is expected, (window, text)


@pytest.mark.parametrize(("zone", "night"), NIGHTS)
@settings(max_examples=25, deadline=None)
@given(data=st.data(), window=time_conditions(step_s=900))
def test_a_window_begins_once_for_each_day_that_shows_it(
    zone: str, night: date, data: st.DataObject, window: TimeCondition
) -> None:
    first_of: dict[date, int] = {}
    minutes = shown(zone, night)
    for now_ns, day, text in minutes:
        found = window_day(window, day, text)
        if found is not None:
            first_of.setdefault(found, now_ns)
    cut = minutes[0][1]  # a window that began before the model did has another first minute
    begins = sorted(at for day, at in first_of.items() if day > cut)

    now_ns = data.draw(st.sampled_from(minutes))[0] + data.draw(st.sampled_from([0, 1, -1]))
    now_ns = max(now_ns, max((at for day, at in first_of.items() if day <= cut), default=0))
    expected = next((at for at in begins if at > now_ns), None)
    begun = next_start_ns(window, now_ns, zone)

    if expected is None:
        assert begun is not None
        assert begun > minutes[-1][0]
    else:
        assert begun == expected
        assert failing(window, Scene(symbol="IBM", now_ns=begun, time_zone=zone)) is None


def at(text: str, zone: str = "America/New_York", fold: int = 0) -> int:
    wall = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold)
    return int(wall.timestamp()) * SECOND_NS


def reason(window: TimeCondition, text: str) -> Reason | None:
    return failing(window, Scene(symbol="IBM", now_ns=at(text)))


def test_the_start_is_inside_and_the_end_is_not() -> None:
    window = TimeCondition("09:30", "16:00")

    assert reason(window, "2026-07-01 09:29:59") is Reason.OUTSIDE_WINDOW
    assert reason(window, "2026-07-01 09:30:00") is None
    assert reason(window, "2026-07-01 15:59:59") is None
    assert reason(window, "2026-07-01 16:00:00") is Reason.OUTSIDE_WINDOW


def test_over_midnight_the_day_is_that_of_the_start() -> None:
    window = TimeCondition("22:00", "02:00", days=["fri"])

    assert reason(window, "2026-07-03 21:59:59") is Reason.OUTSIDE_WINDOW  # a Friday
    assert reason(window, "2026-07-03 22:00:00") is None
    assert reason(window, "2026-07-04 01:59:59") is None
    assert reason(window, "2026-07-04 02:00:00") is Reason.OUTSIDE_WINDOW
    assert reason(window, "2026-07-03 01:00:00") is Reason.OUTSIDE_WINDOW  # Thursday's night
    assert reason(window, "2026-07-04 22:30:00") is Reason.OUTSIDE_WINDOW


def test_an_end_of_24_is_midnight_and_days_alone_are_whole() -> None:
    assert reason(TimeCondition("15:50"), "2026-07-03 23:59:59") is None
    assert reason(TimeCondition("15:50"), "2026-07-04 00:00:00") is Reason.OUTSIDE_WINDOW
    assert reason(TimeCondition(days="sat"), "2026-07-04 00:00:00") is None
    assert reason(TimeCondition(days="sat"), "2026-07-05 00:00:00") is Reason.OUTSIDE_WINDOW


def test_failure_30_local_time_taken_for_exchange_time() -> None:
    window = TimeCondition("09:30", "16:00")
    noon_in_tokyo = at("2026-07-01 12:00", "Asia/Tokyo")

    tokyo = Scene(symbol="7203", now_ns=noon_in_tokyo, time_zone="Asia/Tokyo")
    york = Scene(symbol="IBM", now_ns=noon_in_tokyo, time_zone="America/New_York")

    assert failing(window, tokyo) is None
    assert failing(window, york) is Reason.OUTSIDE_WINDOW


def test_when_clocks_go_forward_a_skipped_start_is_where_the_clock_goes_on() -> None:
    evening = at("2026-03-07 20:00")

    assert next_start_ns(TimeCondition("02:30", "05:00"), evening, "America/New_York") == at(
        "2026-03-08 03:00"
    )
    # A window that the clock skips altogether has no minute to act in: the next day has.
    assert next_start_ns(TimeCondition("02:15", "02:45"), evening, "America/New_York") == at(
        "2026-03-09 02:15"
    )


def test_when_clocks_go_back_a_start_that_is_shown_twice_begins_once() -> None:
    window = TimeCondition("01:30", "01:45")
    first = next_start_ns(window, at("2026-10-31 20:00"), "America/New_York")

    assert first == at("2026-11-01 01:30", fold=0)
    assert next_start_ns(window, first, "America/New_York") == at("2026-11-02 01:30")
    assert reason(window, "2026-11-01 01:30") is None
    again = Scene(symbol="IBM", now_ns=at("2026-11-01 01:30", fold=1))
    assert failing(window, again) is None  # it is what the clock shows


@pytest.mark.parametrize("zone", ["", "nowhere", "America", "../etc/passwd", "US Eastern"])
def test_in_an_unknown_zone_no_time_of_day_is_known(zone: str) -> None:
    window = TimeCondition("09:30", "16:00")

    assert next_start_ns(window, at("2026-07-01 12:00"), zone) is None
    scene = Scene(symbol="IBM", now_ns=at("2026-07-01 12:00"), time_zone=zone)
    assert failing(window, scene) is Reason.OUTSIDE_WINDOW

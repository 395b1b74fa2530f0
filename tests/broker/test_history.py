from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.broker.history import (
    ATTEMPTS_MAX,
    OPEN_MAX,
    WINDOW_NS,
    WINDOW_REQUESTS_MAX,
    HistoryQueue,
    bar_size,
    bar_time,
    bars_array,
    duration,
    warm_up,
)
from engine.errors import DecodeError

S = 1_000_000_000


def bar(date, low=1.0, high=2.0, close=1.5, count=3):
    return str(date), 1.5, high, low, close, 100.0, count


@pytest.mark.parametrize(
    ("bar_s", "name"),
    [(60, "1 min"), (300, "5 mins"), (5, "5 secs"), (3600, "1 hour"), (86_400, "1 day"), (7, None)],
)
def test_bar_sizes(bar_s, name):
    assert bar_size(bar_s) == name


def test_durations_hold_the_bars_asked_for():
    assert duration(60, 66) == "2 D"  # a session has 390 of them
    assert duration(3600, 66) == "12 D"  # 66 hours are 11 sessions
    assert duration(86_400, 66) == "97 D"  # 66 sessions are 93 calendar days
    assert duration(86_400, 400) == "2 Y"
    assert warm_up(60, 56) == ("2 D", "1 min")
    assert warm_up(60, 800) == ("4 D", "1 min")
    assert warm_up(7, 56) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1767623400", datetime(2026, 1, 5, 14, 30, tzinfo=UTC)),
        ("20260105", datetime(2026, 1, 5, tzinfo=UTC)),
        ("20260105 09:30:00 US/Eastern", datetime(2026, 1, 5, 14, 30, tzinfo=UTC)),
        ("20260105  09:30:00", datetime(2026, 1, 5, 9, 30, tzinfo=UTC)),
        ("20260105-14:30:00", datetime(2026, 1, 5, 14, 30, tzinfo=UTC)),
        ("20260706 09:30:00 US/Eastern", datetime(2026, 7, 6, 13, 30, tzinfo=UTC)),
    ],
)
def test_bar_times(text, expected):
    assert bar_time(text) == int(expected.timestamp()) * S


@pytest.mark.parametrize("text", ["", "yesterday", "20261301", "20260105 25:00:00", "-1"])
def test_bar_times_that_cannot_be_read(text):
    with pytest.raises(DecodeError):
        bar_time(text)


def test_bars_become_an_ascending_array_without_the_growing_one():
    start = 1_767_623_400
    found = bars_array(
        [bar(start + 60), bar(start), bar(start + 120), bar(start)], 60, (start + 150) * S
    )
    assert list(found["time_ns"]) == [start * S, (start + 60) * S]
    assert found["close"][0] == 1.5
    assert found["count"][0] == 3


def test_bars_of_another_century_and_no_bars_are_no_rows():
    assert len(bars_array([], 60, 2_000_000_000 * S)) == 0
    assert len(bars_array([bar("9" * 30)], 60, 2_000_000_000 * S)) == 0


@pytest.mark.parametrize(
    ("broken", "why"),
    [
        (bar(1_767_623_400, low=0.0), "has the prices"),
        (bar(1_767_623_400, high=float("nan")), "has the prices"),
        (bar(1_767_623_400, close=9.0), "outside its range"),
        (bar(1_767_623_400, count=10**30), "trades"),
        (bar("soon"), "cannot be read"),
    ],
)
def test_bars_that_cannot_be_used(broken, why):
    """The first of them is told."""
    good, worse = bar(1_767_623_460), bar(1_767_623_460, low=-1.0)
    for bars in ([broken], [good, broken], [good, broken, worse]):
        with pytest.raises(DecodeError, match=why):
            bars_array(bars, 60, 2_000_000_000 * S)


@given(st.lists(st.integers(0, 30 * S), min_size=1, max_size=200))
def test_limits_of_history_hold_whatever_is_wanted(pauses):
    queue, now, asked, number = HistoryQueue(), 0, [], 0
    for index in range(150):
        queue.want(f"S{index % 90}")
    for pause in pauses:
        now += pause
        while queue.next_ns() is not None and queue.next_ns() <= now:
            number += 1
            symbol = queue.take(now, number)
            assert symbol is not None
            asked.append((now, symbol))
            if number % 3:
                queue.closed(number)
        assert len(queue._open) <= OPEN_MAX
    for at, symbol in asked:
        assert sum(at <= other < at + WINDOW_NS for other, _ in asked) <= WINDOW_REQUESTS_MAX
        assert sum(at <= t < at + 15 * S and s == symbol for t, s in asked) == 1


def test_a_refused_request_is_repeated_later_and_given_up_in_the_end():
    queue, now = HistoryQueue(), 0
    queue.want("AAPL")
    for attempt in range(1, ATTEMPTS_MAX + 1):
        due = queue.next_ns()
        assert due is not None
        now = max(now, due)
        assert queue.take(now, attempt) == "AAPL"
        given_up = queue.failed(attempt, now)
        assert given_up == ("AAPL" if attempt == ATTEMPTS_MAX else None)
    assert queue.next_ns() is None


def test_an_answer_of_another_connection_is_nobodys():
    queue = HistoryQueue()
    queue.want("AAPL")
    queue.take(0, 1)
    queue.reset()
    assert queue.closed(1) is None
    queue.want("AAPL")
    assert queue.next_ns() == 15 * S  # the limits still count what was asked

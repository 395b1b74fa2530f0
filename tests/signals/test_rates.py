"""Rates and pauses as functions of time."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.signals.quota import PAUSE_MAX_S, Quota
from engine.signals.rates import Backoff, TokenBucket

TIMES = st.lists(st.floats(0, 10), max_size=60).map(sorted)


@given(st.floats(0.1, 100), st.integers(1, 50), TIMES)
def test_no_window_passes_more_than_its_burst_and_its_rate(
    per_s: float, burst: int, times: list[float]
) -> None:
    bucket = TokenBucket(per_s, burst)
    passed = [now for now in times if bucket.take(now)]

    for first, began in enumerate(passed):
        for last in range(first, len(passed)):
            allowed = burst + per_s * (passed[last] - began)
            assert last - first + 1 <= allowed + 1e-6


@given(st.floats(0.1, 100), st.integers(1, 50), st.floats(0, 5))
def test_who_waits_as_long_as_it_says_may_pass(per_s: float, burst: int, start: float) -> None:
    bucket = TokenBucket(per_s, burst)
    assert all(bucket.take(start) for _ in range(burst))
    assert not bucket.take(start)
    assert 0 < bucket.wait_s <= 1 / per_s

    assert bucket.take(start + bucket.wait_s + 1e-6)


def test_a_clock_that_stands_still_fills_nothing() -> None:
    bucket = TokenBucket(1.0, 2)

    assert [bucket.take(5.0) for _ in range(4)] == [True, True, False, False]


@given(st.integers(0, 2**32), st.integers(0, 200))
def test_pauses_grow_to_their_maximum_and_start_again(seed: int, failures: int) -> None:
    backoff = Backoff(0.5, 30.0, random.Random(seed))
    for number in range(failures):
        whole_s = min(0.5 * 2.0 ** min(number, 20), 30.0)
        assert whole_s / 2 <= backoff.failed() <= whole_s
    backoff.worked()

    assert backoff.failed() <= 0.5


def test_the_same_seed_gives_the_same_pauses() -> None:
    one, two = (Backoff(1.0, 60.0, random.Random(7)) for _ in range(2))

    assert [one.failed() for _ in range(9)] == [two.failed() for _ in range(9)]


# -- what an API says ----------------------------------------------------------------------------

NOW_S = 1_000.0
WALL_S = 1_800_000_000.0


@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after": "Fri, 15 Jan 2027 08:00:30 GMT"}, 30.0),
        ({"retry-after": "Fri, 15 Jan 2021 08:00:30 GMT"}, 0.0),
        ({"retry-after": "99999999999"}, PAUSE_MAX_S),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "12"}, 12.0),
        ({"x-ratelimit-reset": "1800000045"}, 45.0),
        ({"x-ratelimit-reset": "1800000045500"}, 45.5),
        ({"retry-after": "3", "x-ratelimit-reset": "12"}, 3.0),
        ({"retry-after": "soon", "x-ratelimit-reset": "12"}, 12.0),
    ],
)
def test_what_a_429_says_holds_for_everybody(headers: dict[str, str], wait_s: float) -> None:
    quota = Quota()

    assert quota.note(429, headers, NOW_S, WALL_S) == pytest.approx(wait_s)
    assert quota.wait_s(NOW_S) == pytest.approx(wait_s)
    assert quota.wait_s(NOW_S + wait_s + 0.001) == 0


@pytest.mark.parametrize("text", ["", "-1", "nan", "1e9", "later", "\u0661", "1" * 40, "1,2"])
def test_what_cannot_be_read_was_not_said(text: str) -> None:
    quota = Quota()

    assert quota.note(429, {"retry-after": text, "x-ratelimit-reset": text}, NOW_S, WALL_S) is None
    assert quota.wait_s(NOW_S) == 0


def test_the_last_of_a_quota_is_followed_by_a_wait() -> None:
    quota = Quota()
    assert quota.note(200, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "9"}, 0, 0) is None

    assert quota.wait_s(4.0) == 5.0


def test_what_remains_is_spread_over_the_time_to_the_reset() -> None:
    quota = Quota()
    quota.note(200, {"x-ratelimit-remaining": "10", "x-ratelimit-reset": "60"}, NOW_S, WALL_S)

    assert quota.spacing_s(NOW_S, pollers=5) == 30.0  # ten requests of five pollers: two each
    assert quota.spacing_s(NOW_S + 61, pollers=5) == 0
    quota.note(200, {}, NOW_S, WALL_S)
    assert quota.spacing_s(NOW_S, pollers=5) == 0


@given(
    st.integers(100, 599),
    st.dictionaries(
        st.sampled_from(["retry-after", "x-ratelimit-remaining", "x-ratelimit-reset"]),
        st.text() | st.integers(0, 10**14).map(str) | st.datetimes().map(str),
    ),
)
def test_no_header_silences_polling_for_long(status: int, headers: dict[str, str]) -> None:
    quota = Quota()
    quota.note(status, headers, NOW_S, WALL_S)

    assert 0 <= quota.wait_s(NOW_S) <= PAUSE_MAX_S
    assert quota.spacing_s(NOW_S, 3) >= 0

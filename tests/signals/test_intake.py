"""One schema, one identity, one freshness rule, and every refusal on record once."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.codec import from_json, to_json
from engine.errors import LimitError
from engine.inputs import Signal, SignalRefused
from engine.signals.intake import RECORDS_BURST, REMIND_S, SEEN_MAX, Freshness, Intake
from tests.campaign.signal_fuzz import PREDICTIONS

NOW_MS = 1_700_000_000_000
SECOND = 1_000_000_000


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s

    def now_ns(self) -> int:
        return NOW_MS * 1_000_000 + int(self.now_s * SECOND)


@pytest.fixture
def clock() -> Clock:
    return Clock()


def prediction(signal: str = "BUY", ago_s: float = 0.0, **more: Any) -> dict[str, Any]:
    made = {"ticker": "SPY", "signal": signal, "confidence": 0.8}
    return {**made, "timestamp": NOW_MS - int(ago_s * 1000), **more}


def intake(box: Any, clock: Clock, freshness: Freshness | None = None) -> Intake:
    made = freshness or Freshness(300 * SECOND, clock.now_ns)
    return Intake(box, ["SPY", "IBM"], made, clock)


def test_the_same_prediction_is_handed_in_once(box: Any, clock: Clock) -> None:
    way = intake(box, clock)
    first = way.offer(prediction(), "api")
    again = way.offer(prediction(prediction_time="2023-11-14T22:13:21+00:00"), "api")
    body = way.offer(json.dumps(prediction()).encode(), "api")

    assert len(box.got) == 1
    assert first.signal == again.signal == body.signal
    assert (first.repeat, again.repeat, body.repeat) == (False, True, True)
    assert again.answer is first.answer
    assert (way.taken, way.repeats) == (1, 2)


def test_another_source_ticker_time_or_signal_is_another_prediction(box: Any, clock: Clock) -> None:
    way = intake(box, clock)
    way.offer(prediction(), "api")
    way.offer(prediction(), "other")
    way.offer(prediction(ticker="IBM"), "api")
    way.offer(prediction("SELL"), "api")
    way.offer(prediction(ago_s=-1), "api")

    assert len({signal.identity for signal in box.signals}) == 5


def test_what_was_not_durable_may_be_offered_again(box: Any, clock: Clock) -> None:
    way = intake(box, clock)
    box.full = True
    with pytest.raises(LimitError):
        way.offer(prediction(), "api")
    box.full, box.held = False, True
    way.offer(prediction(), "api")
    box.answers[0].set_exception(LimitError("the engine has stopped"))

    assert not way.offer(prediction(), "api").repeat
    assert way.offer(prediction(), "api").repeat
    assert len(box.signals) == 2


def test_memory_is_bounded_and_what_it_forgets_goes_to_the_core_again(
    box: Any, clock: Clock
) -> None:
    way = intake(box, clock)
    for number in range(SEEN_MAX + 1):
        way.offer(prediction(), f"s{number}")

    assert not way.offer(prediction(), "s0").repeat
    assert way.offer(prediction(), f"s{SEEN_MAX}").repeat
    assert len(box.signals) == SEEN_MAX + 2


# -- freshness -----------------------------------------------------------------------------------


def test_age_is_judged_on_the_clock_of_all_ways(box: Any, clock: Clock) -> None:
    way = intake(box, clock)
    clock.now_s = 300.0
    way.offer(prediction(), "api")
    clock.now_s = 300.001
    way.offer(prediction(ticker="IBM"), "api")

    assert [signal.ticker for signal in box.signals] == ["SPY"]
    assert box.reasons == ["too_old"]


def test_an_older_prediction_does_not_follow_a_newer_one(box: Any, clock: Clock) -> None:
    shared = Freshness(300 * SECOND, clock.now_ns)
    poll, hook = intake(box, clock, shared), intake(box, clock, shared)
    hook.offer(prediction("SELL", ago_s=10), "api")
    poll.offer(prediction("BUY", ago_s=70), "api")
    poll.offer(prediction("BUY", ago_s=70), "other")
    poll.offer(prediction("BUY", ago_s=70, ticker="IBM"), "api")
    poll.offer(prediction("BUY", ago_s=10), "api")

    assert [(one.source, one.ticker, one.signal) for one in box.signals] == [
        ("api", "SPY", "SELL"),
        ("other", "SPY", "BUY"),
        ("api", "IBM", "BUY"),
        ("api", "SPY", "BUY"),
    ]
    assert box.refusals == [
        SignalRefused("api", "SPY", "out_of_order", "60.000 s older than one that came before")
    ]


def test_order_holds_among_threads(box: Any, clock: Clock) -> None:
    shared = Freshness(300 * SECOND, clock.now_ns)

    def send(first: int) -> None:
        way = intake(box, clock, shared)
        for number in range(first, 400, 4):
            way.offer(prediction(ago_s=200 - number / 10), "api")

    threads = [threading.Thread(target=send, args=(first,)) for first in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    times = [signal.model_time_ns for signal in box.signals]
    assert times == sorted(times)


def test_a_full_sink_does_not_make_the_next_try_late(box: Any, clock: Clock) -> None:
    way = intake(box, clock)
    box.full = True
    with pytest.raises(LimitError):
        way.offer(prediction(ago_s=1), "api")
    box.full = False
    way.offer(prediction(ago_s=2), "api")
    way.offer(prediction(ago_s=1), "api")

    assert len(box.signals) == 2


# -- refusals ------------------------------------------------------------------------------------


def test_the_same_refusal_is_recorded_once_and_again_after_an_hour(box: Any, clock: Clock) -> None:
    way = intake(box, clock)
    for second in range(int(REMIND_S) + 60):
        clock.now_s = float(second)
        way.offer(prediction("MOON", prediction_time=f"2023-11-14T22:{second % 60:02}:00Z"), "api")

    assert box.reasons == ["unknown_signal"] * 2
    assert way.refused["unknown_signal"] == int(REMIND_S) + 60


def test_different_refusals_are_recorded_each(box: Any, clock: Clock) -> None:
    way = intake(box, clock)
    for data in (
        prediction("MOON"),
        prediction("MOON", ago_s=1),
        prediction(confidence=None),
        b"[",
        b"[[",
        {**prediction(), "ticker": "QQQ"},
    ):
        way.offer(data, "api")

    assert box.reasons == [
        *("unknown_signal", "unknown_signal", "bad_confidence"),
        *("malformed", "malformed", "unknown_ticker"),
    ]


def test_a_flood_of_refusals_does_not_fill_the_journal(box: Any, clock: Clock) -> None:
    way = intake(box, clock)
    for number in range(RECORDS_BURST + 50):
        way.offer(f"no {number}".encode(), "api")
    assert len(box.refusals) == RECORDS_BURST
    assert way.unrecorded == 50
    clock.now_s = 10.0
    way.offer(b"no more", "api")

    assert box.refusals[-1].detail.endswith("(50 more were not recorded)")
    assert way.refused["malformed"] == RECORDS_BURST + 51


def test_the_order_outlives_a_restart(box: Any, clock: Clock) -> None:
    """SELL of 10:05, a restart, and then, late, BUY of 10:04: not taken. What went before itself
    is left to the core, which refuses it as a repeat."""
    way = intake(box, clock)
    for ago_s in (20, 10):
        way.offer(prediction(timestamp=(clock.now_ns() // 10**6) - ago_s * 1000), "a:b")
    taken = [one.identity for one in box.signals]
    assert len(taken) == 2

    freshness = Freshness(300 * SECOND, clock.now_ns)
    freshness.recall([*taken, "a host's own", "x:y:z:BUY", "::²:"])
    again = intake(box, clock, freshness)
    late = prediction(timestamp=(clock.now_ns() // 10**6) - 15 * 1000)
    assert again.offer(late, "a:b").refusal is not None
    assert box.refusals[-1].reason == "out_of_order"
    assert again.offer(late, "another").refusal is None
    first = prediction(timestamp=(clock.now_ns() // 10**6) - 20 * 1000)
    assert again.offer(first, "a:b").refusal is None
    assert [one.identity for one in box.signals][3:] == taken[:1]
    newer = prediction(timestamp=(clock.now_ns() // 10**6) - 5 * 1000)
    assert again.offer(newer, "a:b").refusal is None


def test_a_refusal_that_the_sink_cannot_take_is_counted(box: Any, clock: Clock) -> None:
    way = intake(box, clock)
    box.full = True
    assert way.offer(b"no", "api").refusal is not None
    box.full = False
    way.offer(b"no", "api")

    assert (way.unrecorded, len(box.refusals)) == (1, 1)


def test_the_ticker_that_was_asked_for(box: Any, clock: Clock) -> None:
    way = intake(box, clock)
    way.offer(prediction(ticker="IBM"), "api", "SPY")
    way.offer(prediction(), "api", "SPY")
    way.offer({"signal": "BUY"}, "api", "IBM")

    assert [(one.ticker, one.reason) for one in box.refusals] == [
        ("SPY", "wrong_ticker"),
        ("IBM", "malformed"),
    ]
    assert len(box.signals) == 1


@given(st.lists(PREDICTIONS, max_size=8))
def test_anything_is_taken_or_refused_and_can_be_recorded(offered: list[Any]) -> None:
    got: list[Signal | SignalRefused] = []
    way = Intake(got.append, ["SPY", "IBM"], Freshness(300 * SECOND))
    for data in offered:
        offer = way.offer(data, "api")
        assert (offer.signal is None) != (offer.refusal is None)

    assert way.taken + way.repeats + way.refused.total() == len(offered)
    for content in got:
        if isinstance(content, SignalRefused):
            assert from_json(to_json(content)) == content
            assert content.ticker.isascii()
            assert content.ticker.isprintable()

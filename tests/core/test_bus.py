"""Observers get what they asked for, in order, and never hold up who publishes."""

import logging
import sys
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.bus import EventBus
from engine.events import (
    AlertEvent,
    BaseEvent,
    IndicatorEvent,
    MarketEvent,
    PriceEvent,
    RefusalEvent,
    VolumeEvent,
)
from tests.core.published import WAIT_S, sequences, volume, volumes


class Gate:
    """A handler that holds up the delivery thread at the first event until it is opened."""

    def __init__(self) -> None:
        self.seen: list[BaseEvent] = []
        self.reached = threading.Event()
        self.opened = threading.Event()

    def __call__(self, event: BaseEvent) -> None:
        self.seen.append(event)
        self.reached.set()
        assert self.opened.wait(WAIT_S)


# -- classes and order -------------------------------------------------------------------------


def test_a_handler_of_a_class_receives_its_subclasses(bus: EventBus) -> None:
    everything: list[BaseEvent] = []
    market: list[BaseEvent] = []
    prices: list[BaseEvent] = []
    bus.subscribe(BaseEvent, everything.append)
    bus.subscribe(MarketEvent, market.append)
    bus.subscribe(PriceEvent, prices.append)
    bus.publish(
        [
            PriceEvent(1, 1, "SPY", "bid", 1.0),
            volume(2),
            RefusalEvent(1, 3, "limit", "SPY", ""),
            IndicatorEvent(1, 4, "SPY", "atr(14)", 1.0),
        ]
    )
    assert bus.stop(WAIT_S)

    assert sequences(everything) == [1, 2, 3, 4]
    assert sequences(market) == [1, 2, 4]
    assert sequences(prices) == [1]
    assert (bus.delivered, bus.dropped, bus.failures) == (4, 0, 0)


def test_what_is_published_before_the_start_is_delivered_first() -> None:
    bus = EventBus()
    seen: list[BaseEvent] = []
    bus.subscribe(BaseEvent, seen.append)
    bus.publish(volumes(1, 3))
    bus.start()
    bus.publish(volumes(4, 5))
    assert bus.stop(WAIT_S)

    assert sequences(seen) == [1, 2, 3, 4, 5]


def test_handlers_run_on_one_thread_that_is_not_the_publishers(bus: EventBus) -> None:
    threads = set()
    bus.subscribe(BaseEvent, lambda _: threads.add(threading.current_thread()))
    bus.subscribe(VolumeEvent, lambda _: threads.add(threading.current_thread()))
    bus.publish(volumes(1, 50))
    bus.stop(WAIT_S)

    assert len(threads) == 1
    assert threading.current_thread() not in threads


def test_unsubscribing_ends_delivery(bus: EventBus) -> None:
    gate, seen = Gate(), []
    bus.subscribe(BaseEvent, gate)
    other = bus.subscribe(BaseEvent, seen.append)
    bus.publish(volumes(1, 3))
    assert gate.reached.wait(WAIT_S)
    other.unsubscribe()
    other.unsubscribe()
    gate.opened.set()
    bus.stop(WAIT_S)

    assert (len(gate.seen), seen, other.active) == (3, [], False)


def test_a_handler_may_subscribe_and_unsubscribe_during_delivery(bus: EventBus) -> None:
    first: list[int] = []
    later: list[int] = []

    def once(event: BaseEvent) -> None:
        first.append(event.sequence)
        own.unsubscribe()
        bus.subscribe(BaseEvent, lambda e: later.append(e.sequence))

    own = bus.subscribe(BaseEvent, once)
    bus.publish(volumes(1, 3))
    bus.stop(WAIT_S)

    assert (first, later) == ([1], [2, 3])


def test_without_observers_nothing_is_kept() -> None:
    bus = EventBus(events_max=2)
    bus.publish(volumes(1, 10))
    seen: list[BaseEvent] = []
    bus.subscribe(BaseEvent, seen.append)
    bus.start()
    bus.publish([volume(11)])
    bus.stop(WAIT_S)

    assert (sequences(seen), bus.dropped) == ([11], 0)


# -- failing and slow handlers -----------------------------------------------------------------


@pytest.mark.parametrize("problem", [ValueError("no"), SystemExit(3), KeyboardInterrupt()])
def test_a_failing_handler_is_isolated_counted_and_reported_once(
    bus: EventBus, caplog: pytest.LogCaptureFixture, problem: BaseException
) -> None:
    def fail(event: BaseEvent) -> None:
        raise problem

    seen: list[BaseEvent] = []
    failing = bus.subscribe(BaseEvent, fail)
    bus.subscribe(BaseEvent, seen.append)
    with caplog.at_level(logging.ERROR, "engine.bus"):
        bus.publish(volumes(1, 5))
        assert bus.stop(WAIT_S)

    assert sequences(seen) == [1, 2, 3, 4, 5]
    assert (failing.failures, bus.failures, failing.active) == (5, 5, True)
    (record,) = caplog.records
    assert "fail" in record.getMessage()
    assert record.exc_info is not None
    assert record.exc_info[1] is problem


def test_publish_returns_while_a_handler_hangs() -> None:
    """publish is called more often than the queue is long; were it to wait, this would hang."""
    bus, gate = EventBus(events_max=10), Gate()
    bus.subscribe(VolumeEvent, gate)
    bus.start()
    bus.publish([volume(1)])
    assert gate.reached.wait(WAIT_S)
    for number in range(2, 500):
        bus.publish([volume(number)])
    assert sequences(gate.seen) == [1]
    gate.opened.set()
    assert bus.stop(WAIT_S)

    assert sequences(gate.seen) == [1, *range(490, 500)]
    assert bus.dropped == 488


@pytest.mark.parametrize(
    ("overflow", "expected"),
    [
        # (sequence, class): the alert stands in the place of the last event that was dropped.
        ("drop_oldest", [1, "alert 4", 5, 6, 7, 8]),
        ("drop_newest", [1, 2, 3, 4, "alert 7", 8]),
    ],
)
def test_overflow_follows_the_policy_and_is_reported(overflow: str, expected: list) -> None:
    bus, gate = EventBus(events_max=3, overflow=overflow), Gate()
    seen: list[object] = []
    bus.subscribe(VolumeEvent, gate)
    bus.subscribe(VolumeEvent, lambda e: seen.append(e.sequence))
    bus.subscribe(AlertEvent, lambda e: seen.append(f"alert {e.sequence}"))
    alerts: list[AlertEvent] = []
    bus.subscribe(AlertEvent, alerts.append)
    drained = threading.Event()
    bus.subscribe(VolumeEvent, lambda _: drained.set() if len(gate.seen) == 4 else None)
    bus.start()
    bus.publish([volume(1)])
    assert gate.reached.wait(WAIT_S)
    bus.publish(volumes(2, 7))
    gate.opened.set()
    assert drained.wait(WAIT_S)
    bus.publish([volume(8)])
    assert bus.stop(WAIT_S)

    assert seen == expected
    assert bus.dropped == 3
    (alert,) = alerts
    assert (alert.level, alert.time_ns) == ("warning", 1_000 + alert.sequence)
    assert alert.text.startswith("3 events did not reach their observers")


@given(
    st.lists(st.integers(1, 6), max_size=12),
    st.integers(1, 4),
    st.sampled_from(["drop_oldest", "drop_newest"]),
)
@settings(max_examples=60, deadline=None)
def test_whatever_is_dropped_order_and_count_hold(
    bursts: list[int], events_max: int, overflow: str
) -> None:
    bus = EventBus(events_max, overflow)
    seen: list[BaseEvent] = []
    turn = threading.Semaphore(0)
    bus.subscribe(BaseEvent, seen.append)
    bus.subscribe(VolumeEvent, lambda _: turn.acquire(timeout=WAIT_S))
    bus.start()
    number = 0
    for burst in bursts:
        bus.publish(volumes(number + 1, number + burst))
        number += burst
        turn.release()
    if number:
        turn.release(number)
    assert bus.stop(WAIT_S)

    told = sum(int(e.text.split()[0]) for e in seen if isinstance(e, AlertEvent))
    got = sum(isinstance(e, VolumeEvent) for e in seen)
    assert sequences(seen) == sorted(set(sequences(seen)))
    assert got == bus.delivered
    assert got + bus.dropped == number
    assert told == bus.dropped


# -- the end -----------------------------------------------------------------------------------


def test_stopping_gives_up_on_a_handler_that_hangs() -> None:
    bus, gate = EventBus(), Gate()
    bus.subscribe(BaseEvent, gate)
    bus.start()
    bus.publish(volumes(1, 3))
    assert gate.reached.wait(WAIT_S)

    assert bus.stop(timeout_s=0.01) is False
    gate.opened.set()
    assert bus._thread is not None
    bus._thread.join(WAIT_S)
    assert sequences(gate.seen) == [1]


def test_stopping_from_a_handler_still_delivers_the_rest(bus: EventBus) -> None:
    seen: list[BaseEvent] = []
    stopped: list[bool] = []
    bus.subscribe(BaseEvent, seen.append)
    bus.subscribe(BaseEvent, lambda _: stopped.append(bus.stop()))
    bus.publish(volumes(1, 3))
    assert bus._thread is not None
    bus._thread.join(WAIT_S)

    assert sequences(seen) == [1, 2, 3]
    assert stopped == [False] * 3
    assert bus.stop(WAIT_S)


def test_what_is_published_after_the_end_is_counted(bus: EventBus) -> None:
    bus.subscribe(BaseEvent, lambda _: None)
    bus.stop(WAIT_S)
    bus.publish(volumes(1, 2))

    assert bus.dropped == 2


def test_stopping_without_having_started() -> None:
    bus = EventBus()
    assert bus.stop()
    bus = EventBus()
    bus.subscribe(BaseEvent, lambda _: None)
    bus.publish(volumes(1, 2))
    assert not bus.stop()


def test_subscribing_and_publishing_race_without_losing_order() -> None:
    """Threads come and go while one publishes; whoever stays sees everything once, in order."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    bus = EventBus()
    bus.start()
    seen: list[BaseEvent] = []
    bus.subscribe(VolumeEvent, seen.append)
    finished = threading.Event()

    def come_and_go() -> None:
        while not finished.is_set():
            bus.subscribe(MarketEvent, lambda _: None).unsubscribe()

    threads = [threading.Thread(target=come_and_go) for _ in range(3)]
    try:
        for thread in threads:
            thread.start()
        for number in range(1, 3_001, 3):
            bus.publish(volumes(number, number + 2))
    finally:
        finished.set()
        for thread in threads:
            thread.join()
        sys.setswitchinterval(interval)
    assert bus.stop(WAIT_S)

    assert sequences(seen) == list(range(1, 3_001))


def test_what_is_wanted_changes_with_the_subscriptions(bus: EventBus) -> None:
    assert not bus.wanted(MarketEvent)
    first = bus.subscribe(VolumeEvent, print)
    second = bus.subscribe(BaseEvent, print)
    assert (bus.wanted(MarketEvent), bus.wanted(RefusalEvent)) == (True, True)
    second.unsubscribe()
    assert (bus.wanted(MarketEvent), bus.wanted(RefusalEvent)) == (True, False)
    first.unsubscribe()
    assert not bus.wanted(MarketEvent)

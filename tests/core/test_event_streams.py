"""Events taken one by one, by a thread or an asyncio program."""

import asyncio
import threading

import pytest

from engine.bus import EventBus
from engine.events import (
    BaseEvent,
    MarketEvent,
    RefusalEvent,
)
from tests.core.published import WAIT_S, sequences, volume, volumes


def test_a_plain_thread_can_iterate(bus: EventBus) -> None:
    stream = bus.iterate(MarketEvent)
    got: list[BaseEvent] = []
    reader = threading.Thread(target=lambda: got.extend(stream))
    reader.start()
    bus.publish([*volumes(1, 3), RefusalEvent(1, 4, "limit", "SPY", ""), volume(5)])
    bus.stop(WAIT_S)
    reader.join(WAIT_S)

    assert not reader.is_alive()
    assert sequences(got) == [1, 2, 3, 5]


def test_iterating_ends_when_nothing_comes(bus: EventBus) -> None:
    assert list(bus.iterate(BaseEvent, timeout_s=0.0)) == []


@pytest.mark.parametrize(("overflow", "kept"), [("drop_oldest", [3, 4]), ("drop_newest", [1, 2])])
def test_a_stream_is_bounded(bus: EventBus, overflow: str, kept: list[int]) -> None:
    stream = bus.iterate(BaseEvent, events_max=2, overflow=overflow)
    bus.publish(volumes(1, 4))
    bus.stop(WAIT_S)

    assert sequences(list(stream)) == kept
    assert stream.dropped == 2


def test_a_closed_stream_is_no_longer_fed(bus: EventBus) -> None:
    with bus.iterate(BaseEvent) as stream:
        pass
    stream.close()
    bus.publish(volumes(1, 2))
    bus.stop(WAIT_S)

    assert list(stream) == []
    assert bus.delivered == 0


def test_a_stream_made_after_the_end_is_empty(bus: EventBus) -> None:
    bus.stop(WAIT_S)

    assert list(bus.iterate(BaseEvent)) == []


def test_an_asyncio_program_can_iterate(bus: EventBus) -> None:
    async def program() -> list[BaseEvent]:
        got: list[BaseEvent] = []
        async with bus.stream(MarketEvent) as stream:
            bus.publish(volumes(1, 2))
            async for event in stream:
                got.append(event)
                if event.sequence == 2:
                    bus.publish(volumes(3, 4))
                if event.sequence == 4:
                    break
        return got

    got = asyncio.run(asyncio.wait_for(program(), WAIT_S))

    assert sequences(got) == [1, 2, 3, 4]
    assert bus._subscriptions == ()


def test_an_asynchronous_stream_ends_with_the_bus(bus: EventBus) -> None:
    async def program() -> list[BaseEvent]:
        stream = bus.stream(MarketEvent)
        bus.publish(volumes(1, 3))
        await asyncio.to_thread(bus.stop, WAIT_S)
        return [event async for event in stream]

    assert sequences(asyncio.run(asyncio.wait_for(program(), WAIT_S))) == [1, 2, 3]


def test_a_waiting_reader_is_woken_by_the_end(bus: EventBus) -> None:
    async def program() -> list[BaseEvent]:
        stream = bus.stream(MarketEvent)
        reader = asyncio.create_task(_collect(stream))
        await asyncio.sleep(0)
        await asyncio.to_thread(bus.stop, WAIT_S)
        return await reader

    async def _collect(stream: object) -> list[BaseEvent]:
        return [event async for event in stream]  # type: ignore[attr-defined]

    assert asyncio.run(asyncio.wait_for(program(), WAIT_S)) == []


def test_a_loop_that_was_closed_does_not_disturb_the_others(bus: EventBus) -> None:
    async def program() -> object:
        return bus.stream(MarketEvent)

    abandoned = asyncio.run(program())
    seen: list[BaseEvent] = []
    bus.subscribe(MarketEvent, seen.append)
    bus.publish(volumes(1, 3))
    bus.stop(WAIT_S)

    assert sequences(seen) == [1, 2, 3]
    assert bus.failures == 0
    assert abandoned is not None

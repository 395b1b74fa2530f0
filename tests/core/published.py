"""Events that are published to observers, and the bus that they are published on."""

from engine.events import (
    BaseEvent,
    VolumeEvent,
)

WAIT_S = 20.0  # only reached by a failing test


def volume(sequence: int) -> VolumeEvent:
    return VolumeEvent(1_000 + sequence, sequence, "SPY", 100.0)


def volumes(first: int, last: int) -> list[BaseEvent]:
    return [volume(number) for number in range(first, last + 1)]


def sequences(events: list[BaseEvent]) -> list[int]:
    return [event.sequence for event in events]

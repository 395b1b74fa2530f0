"""What may be lowered, what is refused, and what a table is."""

# ruff: noqa: N801  # states are lower case, also those written as classes

from __future__ import annotations

from enum import IntEnum

import pytest
from statemachine import Event, HistoryState, State, StateChart

from statecharts.diagram import CHARTS
from statecharts.lower import NO_ROW, Chart, LoweringError, lower, table


class Light(IntEnum):
    RED = 0
    GREEN = 1
    DARK = 2


class Push(IntEnum):
    GO = 0
    HALT = 1
    BREAK = 2


class Strict(StateChart):
    REGIONS = (Light,)
    EVENTS = Push
    catch_errors_as_events = False
    allow_event_without_transition = False


class LightChart(Strict):
    red = State(initial=True)
    green = State()
    dark = State(final=True)
    go = red.to(green)
    halt = green.to(red) | red.to(red)
    breaks = Event(green.to(dark), id="break")


def test_a_flat_chart_becomes_row_major_bytes() -> None:
    lowered = lower(LightChart)
    (region,) = lowered.regions
    assert (lowered.name, region.name) == ("light", "light")
    assert region.states == tuple(Light)
    assert lowered.events == tuple(Push)
    assert (region.initial, region.final) == (Light.RED, {Light.DARK})
    assert type(region.next) is bytes
    assert region.next == bytes(
        [Light.GREEN, Light.RED, NO_ROW, NO_ROW, Light.RED, Light.DARK, NO_ROW, NO_ROW, NO_ROW]
    )


def test_a_step_gives_the_next_configuration_or_none() -> None:
    lowered = lower(LightChart)
    assert lowered.step(lowered.initial, Push.GO) == (Light.GREEN,)
    assert lowered.step((Light.RED,), Push.BREAK) is None
    assert lowered.reachable() == {(Light.RED,), (Light.GREEN,), (Light.DARK,)}


def test_a_table_is_lowered_once_and_cannot_be_changed() -> None:
    assert table(LightChart) is table(LightChart)
    assert table(LightChart) == lower(LightChart)
    with pytest.raises(AttributeError):
        table(LightChart).name = "other"  # type: ignore[misc]


@pytest.mark.parametrize("chart", CHARTS, ids=lambda chart: chart.__name__)
def test_every_row_names_a_state_of_its_region(chart: Chart) -> None:
    for region in table(chart).regions:
        assert len(region.next) == len(region.states) * len(table(chart).events)
        assert set(region.next) <= {*map(int, region.states), NO_ROW}
        for state in region.final:
            width = len(table(chart).events)
            assert set(region.next[state * width : (state + 1) * width]) == {NO_ROW}


class GuardedChart(Strict):
    red = State(initial=True)
    green = State()
    dark = State(final=True)
    go = red.to(green, cond="free")
    halt = green.to(red)
    breaks = Event(green.to(dark), id="break")
    free = True


class ActingChart(Strict):
    red = State(initial=True)
    green = State(enter="shine")
    dark = State(final=True)
    go = red.to(green)
    halt = green.to(red)
    breaks = Event(green.to(dark), id="break")

    def shine(self) -> None:
        raise AssertionError("never instantiated")


class ConventionalChart(Strict):
    red = State(initial=True)
    green = State()
    dark = State(final=True)
    go = red.to(green)
    halt = green.to(red)
    breaks = Event(green.to(dark), id="break")

    def on_go(self) -> None:
        raise AssertionError("never instantiated")


class PreparingChart(LightChart):
    def prepare_event(self) -> None:
        raise AssertionError("never instantiated")


class EventlessChart(Strict):
    red = State(initial=True)
    green = State()
    dark = State(final=True)
    go = red.to(green)
    halt = green.to(red)
    breaks = Event(green.to(dark), id="break")
    red.to(dark)


class DelayedChart(Strict):
    red = State(initial=True)
    green = State()
    dark = State(final=True)
    go = Event(red.to(green), delay=10)
    halt = green.to(red)
    breaks = Event(green.to(dark), id="break")


class TwofoldChart(Strict):
    red = State(initial=True)
    green = State()
    dark = State(final=True)
    go = red.to(green) | red.to(dark)
    halt = green.to(red)
    breaks = Event(green.to(dark), id="break")


class NestedChart(Strict):
    red = State(initial=True)
    dark = State(final=True)

    class green(State.Compound):
        pale = State(initial=True)

    go = red.to(green)
    halt = green.to(red)
    breaks = Event(green.to(dark), id="break")


class RememberingChart(Strict):
    red = State(initial=True)
    dark = State(final=True)

    class green(State.Compound):
        pale = State(initial=True)
        last = HistoryState()

    go = red.to(green)
    halt = green.to(red)
    breaks = Event(green.to(dark), id="break")


class SwallowingChart(LightChart):
    catch_errors_as_events = True


class AcceptingChart(LightChart):
    allow_event_without_transition = True


class SpeechlessChart(StateChart):
    catch_errors_as_events = False
    allow_event_without_transition = False
    red = State(initial=True)
    dark = State(final=True)
    go = red.to(dark)


class MissingStateChart(Strict):
    red = State(initial=True)
    dark = State(final=True)
    go = red.to(red)
    halt = red.to(red)
    breaks = Event(red.to(dark), id="break")


class ForeignStateChart(Strict):
    red = State(initial=True)
    green = State()
    blue = State()
    dark = State(final=True)
    go = red.to(green)
    halt = green.to(blue) | blue.to(red)
    breaks = Event(green.to(dark), id="break")


class ForeignEventChart(Strict):
    red = State(initial=True)
    green = State()
    dark = State(final=True)
    go = red.to(green)
    halt = green.to(red)
    flicker = red.to(red)
    breaks = Event(green.to(dark), id="break")


class UnusedEventChart(Strict):
    red = State(initial=True)
    green = State()
    dark = State(final=True)
    go = red.to(green)
    breaks = Event(green.to(dark), id="break")


class Trap(IntEnum):
    INSIDE = 0
    OUT = 1
    LOST = 2


class Calm(IntEnum):
    CALM = 0
    STIRRED = 1


class TrappedChart(StateChart):
    """The library checks ways to an end at the top only, not inside regions."""

    REGIONS = (Light, Trap)
    EVENTS = Push
    catch_errors_as_events = False
    allow_event_without_transition = False

    class both(State.Parallel):
        class light(State.Compound):
            red = State(initial=True)
            green = State()
            dark = State(final=True)
            go = red.to(green)
            halt = green.to(red)
            breaks = Event(green.to(dark), id="break")

        class trap(State.Compound):
            inside = State(initial=True)
            out = State(final=True)
            lost = State()
            go = inside.to(lost) | lost.to(lost)
            halt = inside.to(out)


class CrossingChart(StateChart):
    REGIONS = (Light, Calm)
    EVENTS = Push
    catch_errors_as_events = False
    allow_event_without_transition = False

    class both(State.Parallel):
        class light(State.Compound):
            red = State(initial=True)
            green = State()
            dark = State(final=True)
            go = red.to(green)
            halt = green.to(red)
            breaks = Event(green.to(dark), id="break")

        class other(State.Compound):
            calm = State(initial=True)
            stirred = State()
            go = calm.to(stirred)
            halt = stirred.to(calm)

    both.to(both, event="halt")


REFUSED = [
    (GuardedChart, "no guards"),
    (ActingChart, "no entry, exit"),
    (ConventionalChart, "no guards, validators or actions"),
    (PreparingChart, "prepare_event"),
    (EventlessChart, "without an event"),
    (DelayedChart, "delayed"),
    (TwofoldChart, "two rows for go"),
    (NestedChart, "atomic: green"),
    (RememberingChart, "atomic: green"),
    (SwallowingChart, "catch_errors_as_events"),
    (AcceptingChart, "allow_event_without_transition"),
    (SpeechlessChart, "REGIONS and EVENTS"),
    (MissingStateChart, "missing: green"),
    (ForeignStateChart, "outside the vocabulary: blue"),
    (ForeignEventChart, "outside the vocabulary: flicker"),
    (UnusedEventChart, "have no row: halt"),
    (TrappedChart, "without a way to an end: lost"),
    (CrossingChart, "only atomic states may have rows"),
]


@pytest.mark.parametrize(("chart", "reason"), REFUSED, ids=lambda value: str(value)[:40])
def test_what_a_table_cannot_say_is_refused(chart: Chart, reason: str) -> None:
    with pytest.raises(LoweringError, match=reason):
        lower(chart)

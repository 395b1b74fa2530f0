"""Charts made into integer tables.

The chart is the law, the table is its execution: ``lower`` reads the topology of a chart class
(never an instance), refuses whatever a table cannot say, and returns immutable bytes that
``_fast.table`` steps without the GIL. A step through the library costs about 200 µs, a step of
the table a few nanoseconds.

A chart names its vocabulary in two class attributes: ``REGIONS``, one enum of states for each
region in document order, and ``EVENTS``, one enum of events. States and events are the members'
names in lower case, and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from functools import cache, cached_property
from typing import Any

from statemachine import State, StateChart
from statemachine.transition import Transition

NO_ROW = 255
"""Entry of ``Region.next`` for a pair (state, event) that the chart does not have."""

Chart = type[StateChart[Any]]


class LoweringError(Exception):
    """A chart uses what a table cannot say, or does not match its vocabulary."""


@dataclass(frozen=True)
class Region:
    """One region of a chart; a flat chart has one region, named after the chart.

    ``next`` is row-major with ``len(states)`` rows and one column per event:
    ``next[state * n_events + event]`` is the next state, or ``NO_ROW``.
    """

    name: str
    states: tuple[IntEnum, ...]
    initial: int
    final: frozenset[int]
    next: bytes


@dataclass(frozen=True)
class Table:
    """A lowered chart. A configuration is one state number per region, in the regions' order."""

    name: str
    regions: tuple[Region, ...]
    events: tuple[IntEnum, ...]

    @cached_property
    def initial(self) -> tuple[int, ...]:
        """The configuration of a new instance."""
        return tuple(region.initial for region in self.regions)

    def step(self, states: tuple[int, ...], event: int) -> tuple[int, ...] | None:
        """The next configuration, or ``None`` when no region has a row for the event.

        A region without a row keeps its state while another region has one.
        """
        n_events = len(self.events)
        rows = [
            region.next[state * n_events + event]
            for region, state in zip(self.regions, states, strict=True)
        ]
        if all(row == NO_ROW for row in rows):
            return None
        return tuple(
            state if row == NO_ROW else row for state, row in zip(states, rows, strict=True)
        )

    def reachable(self) -> frozenset[tuple[int, ...]]:
        """Every configuration that some sequence of events leads to, the initial one included."""
        seen = {self.initial}
        front = [self.initial]
        while front:
            states = front.pop()
            for event in self.events:
                reached = self.step(states, event)
                if reached is not None and reached not in seen:
                    seen.add(reached)
                    front.append(reached)
        return frozenset(seen)


@cache
def table(chart: Chart) -> Table:
    """The table of a chart, lowered on first use."""
    return lower(chart)


def lower(chart: Chart) -> Table:
    """Read a chart class into a table.

    Raises:
        LoweringError: the class is outside the subset (atomic states in one region, or in the
            regions of one parallel state; named events; final states; nothing else), its names
            differ from its vocabulary, a state is unreachable, or a state cannot reach an end
            although its region has one.
    """
    name = chart.__name__
    vocabularies, events = _vocabulary(chart)
    _refuse_leniency(chart)
    members = set(dir(chart))
    if _has_behaviour(chart.prepare, members):
        raise LoweringError(f"{name}: prepare_event is an action; keep it in the core")
    regions = tuple(
        _region(f"{name}.{region}", states, vocabulary, events, members)
        for (region, states), vocabulary in zip(
            _split(chart, len(vocabularies)), vocabularies, strict=True
        )
    )
    used = {
        column
        for region in regions
        for column in range(len(events))
        if any(row != NO_ROW for row in region.next[column :: len(events)])
    }
    unused = [event.name.lower() for event in events if event not in used]
    if unused:
        raise LoweringError(f"{name}: the vocabulary's events have no row: {', '.join(unused)}")
    return Table(name.removesuffix("Chart").lower(), regions, events)


def _vocabulary(chart: Chart) -> tuple[tuple[type[IntEnum], ...], tuple[IntEnum, ...]]:
    """The enums that a chart declares, checked to number their members 0, 1, 2, …"""
    try:
        vocabularies: tuple[type[IntEnum], ...] = chart.REGIONS  # type: ignore[attr-defined]
        names: type[IntEnum] = chart.EVENTS  # type: ignore[attr-defined]
    except AttributeError as error:
        raise LoweringError(f"{chart.__name__}: declare REGIONS and EVENTS") from error
    for enum in (*vocabularies, names):
        if [int(member) for member in enum] != list(range(len(enum))) or len(enum) >= NO_ROW:
            raise LoweringError(f"{enum.__name__}: members must count from 0, at most {NO_ROW}")
    return vocabularies, tuple(names)


def _refuse_leniency(chart: Chart) -> None:
    """The library's defaults swallow exceptions and accept any event: a reference must not."""
    for setting in ("catch_errors_as_events", "allow_event_without_transition"):
        if getattr(chart, setting):
            raise LoweringError(f"{chart.__name__}: set {setting} = False")


def _split(chart: Chart, expected: int) -> list[tuple[str, list[State]]]:
    """The regions of a chart: its own states, or the children of its one parallel state."""
    name = chart.__name__
    top: list[State] = list(chart.states)
    regions: list[tuple[str, list[State]]]
    if len(top) == 1 and top[0].parallel:
        regions = [(region.id, list(region.states)) for region in top[0].states]
        frames = [top[0], *top[0].states]
    else:
        regions = [(name.removesuffix("Chart").lower(), top)]
        frames = []
    for frame in frames:
        if frame.history or any(not row.initial for row in frame.transitions):
            raise LoweringError(f"{name}.{frame.id}: only atomic states may have rows")
        if _acts(frame, set(dir(chart))):
            raise LoweringError(f"{name}.{frame.id}: no entry, exit or invoked actions")
    for region, states in regions:
        nested = [state.id for state in states if not state.is_atomic or state.history]
        if nested or not states:
            raise LoweringError(f"{name}.{region}: states must be atomic: {', '.join(nested)}")
    if len(regions) != expected:
        raise LoweringError(f"{name}: {len(regions)} regions, but REGIONS names {expected}")
    return regions


def _region(
    place: str,
    states: list[State],
    vocabulary: type[IntEnum],
    events: tuple[IntEnum, ...],
    members: set[str],
) -> Region:
    _compare(place, (state.id for state in states), (member.name.lower() for member in vocabulary))
    number = {member.name.lower(): int(member) for member in vocabulary}
    column = {event.name.lower(): int(event) for event in events}
    cells = bytearray([NO_ROW]) * (len(number) * len(column))
    for state in states:
        if _acts(state, members):
            raise LoweringError(f"{place}.{state.id}: no entry, exit or invoked actions")
        for row in state.transitions:
            target = _target(place, row, number, members)
            for event in _events(place, row, column):
                cell = number[state.id] * len(column) + column[event]
                if cells[cell] != NO_ROW:
                    raise LoweringError(f"{place}.{state.id}: two rows for {event}")
                cells[cell] = target
    initial = [number[state.id] for state in states if state.initial]
    if len(initial) != 1:
        raise LoweringError(f"{place}: needs one initial state, has {len(initial)}")
    final = frozenset(number[state.id] for state in states if state.final)
    name = place.rpartition(".")[2]
    region = Region(name, tuple(vocabulary), initial[0], final, bytes(cells))
    _check_paths(place, region, len(column))
    return region


def _compare(place: str, found: Iterable[str], wanted: Iterable[str]) -> None:
    found, wanted = set(found), set(wanted)
    if missing := sorted(wanted - found):
        raise LoweringError(f"{place}: the vocabulary's states are missing: {', '.join(missing)}")
    if unknown := sorted(found - wanted):
        raise LoweringError(f"{place}: states outside the vocabulary: {', '.join(unknown)}")


def _target(place: str, row: Transition, number: dict[str, int], members: set[str]) -> int:
    """The state number that a row leads to, after refusing what makes it more than a row."""
    source = f"{place}.{row.source.id}"
    groups = (row.validators, row.cond, row.before, row.on, row.after)
    if any(_has_behaviour(group, members) for group in groups):
        raise LoweringError(f"{source}: no guards, validators or actions on rows")
    if len(row.targets) != 1 or row.targets[0].id not in number:
        raise LoweringError(f"{source}: a row leads to one state of its own region")
    return number[row.targets[0].id]


def _events(place: str, row: Transition, column: dict[str, int]) -> Iterator[str]:
    source = f"{place}.{row.source.id}"
    if row.is_eventless:
        raise LoweringError(f"{source}: a row without an event")
    for event in row.events:
        if event.delay or event.internal:
            raise LoweringError(f"{source}: {event.id} is delayed or internal")
        if event.id not in column:
            raise LoweringError(f"{source}: event outside the vocabulary: {event.id}")
        yield event.id


def _acts(state: State, members: set[str]) -> bool:
    return any(_has_behaviour(group, members) for group in (state.enter, state.exit, state.invoke))


def _has_behaviour(group: Any, members: set[str]) -> bool:
    """Whether a group of callbacks holds one that is declared, or found by its name."""
    return any(not spec.is_convention or spec.func in members for spec in group)


def _check_paths(place: str, region: Region, n_events: int) -> None:
    """The library checks reachability at the top level only, not inside regions."""
    edges = {
        int(state): {
            row for row in region.next[state * n_events : (state + 1) * n_events] if row != NO_ROW
        }
        for state in region.states
    }
    lost = set(edges) - _closure(edges, {region.initial})
    if region.final:
        backwards: dict[int, set[int]] = {state: set() for state in edges}
        for source, targets in edges.items():
            for target in targets:
                backwards[target].add(source)
        lost |= set(edges) - _closure(backwards, set(region.final))
    if lost:
        names = ", ".join(region.states[state].name.lower() for state in sorted(lost))
        raise LoweringError(f"{place}: unreachable, or without a way to an end: {names}")


def _closure(edges: dict[int, set[int]], start: set[int]) -> set[int]:
    seen, front = set(start), list(start)
    while front:
        new = edges[front.pop()] - seen
        seen |= new
        front.extend(new)
    return seen


def lifecycles(chart: Chart) -> Iterator[tuple[str, Region, tuple[IntEnum, ...]]]:
    """Every region under a name of its own, with the events of its chart."""
    lowered = table(chart)
    for region in lowered.regions:
        parts = [lowered.name, region.name] if len(lowered.regions) > 1 else [lowered.name]
        yield " ".join(parts), region, lowered.events

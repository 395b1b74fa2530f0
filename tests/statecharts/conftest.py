"""Shared by the tests of the charts: stepping by name."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from statecharts.lower import Chart, Table, table

Step = Callable[[str, str], str | None]


def _step_of(lowered: Table, region_name: str) -> Step:
    (region,) = [region for region in lowered.regions if region.name == region_name]
    states = {state.name.lower(): int(state) for state in region.states}
    events = {event.name.lower(): int(event) for event in lowered.events}
    names = {number: name for name, number in states.items()}

    def step(state: str, event: str) -> str | None:
        row = region.next[states[state] * len(events) + events[event]]
        return names.get(row)  # NO_ROW names no state

    return step


@pytest.fixture
def step_in() -> Callable[[Chart, str], Step]:
    """``step_in(chart, region)(state, event)`` is the next state's name, or None."""
    return lambda chart, region: _step_of(table(chart), region)

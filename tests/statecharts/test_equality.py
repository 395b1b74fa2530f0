"""One behaviour, two implementations: the library is the reference, the table must equal it."""

from __future__ import annotations

import pytest
from statemachine import StateChart
from statemachine.exceptions import TransitionNotAllowed
from statemachine.model import Model
from statemachine.orderedset import OrderedSet

from statecharts.diagram import CHARTS
from statecharts.lower import Chart, Table, table


def _restored(chart: Chart, lowered: Table, states: tuple[int, ...]) -> StateChart:
    """A live instance of the library in the given configuration."""
    names = [
        region.states[state].name.lower()
        for region, state in zip(lowered.regions, states, strict=True)
    ]
    model = Model()
    if len(names) == 1:
        model.state = names[0]
    else:
        model.state = OrderedSet([lowered.name, *(r.name for r in lowered.regions), *names])
    return chart(model=model)


def _configuration(machine: StateChart, lowered: Table) -> tuple[int, ...]:
    active = set(machine.configuration_values)
    return tuple(
        int(state)
        for region in lowered.regions
        for state in region.states
        if state.name.lower() in active
    )


@pytest.mark.parametrize("chart", CHARTS, ids=lambda chart: chart.__name__)
def test_chart_and_table_start_alike(chart: Chart) -> None:
    assert _configuration(chart(), table(chart)) == table(chart).initial


@pytest.mark.parametrize("chart", CHARTS, ids=lambda chart: chart.__name__)
def test_chart_and_table_agree_on_every_configuration_and_event(chart: Chart) -> None:
    """Explored through the library: what it reaches, and not what the table says it reaches."""
    lowered = table(chart)
    seen = {lowered.initial}
    front = [lowered.initial]
    refused = 0
    while front:
        states = front.pop()
        for event in lowered.events:
            machine = _restored(chart, lowered, states)
            assert _configuration(machine, lowered) == states
            expected = lowered.step(states, event)
            if expected is None:
                refused += 1
                with pytest.raises(TransitionNotAllowed):
                    StateChart.send(machine, event.name.lower())
                assert _configuration(machine, lowered) == states
                continue
            StateChart.send(machine, event.name.lower())
            reached = _configuration(machine, lowered)
            assert reached == expected, (states, event)
            if reached not in seen:
                seen.add(reached)
                front.append(reached)
    assert seen == lowered.reachable()
    assert refused > 0


@pytest.mark.parametrize("chart", CHARTS, ids=lambda chart: chart.__name__)
def test_every_state_of_every_region_is_reached(chart: Chart) -> None:
    lowered = table(chart)
    for index, region in enumerate(lowered.regions):
        reached = {states[index] for states in lowered.reachable()}
        assert reached == {int(state) for state in region.states}

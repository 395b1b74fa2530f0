"""The drawings show what the tables say: every state once, every arrow, and nothing else."""

from __future__ import annotations

import itertools
import re

import pytest

from engine.charts import LIFECYCLES, Lifecycle
from statecharts.labels import trace
from statecharts.layout import CLOSE, WIDE, Drawing, draw

DRAWINGS = [
    (one, draw(one.name, one.region, one.events, spacing))
    for one in LIFECYCLES
    for spacing in (CLOSE, WIDE)
]
of_each = pytest.mark.parametrize(
    ("lifecycle", "drawing"),
    DRAWINGS,
    ids=[f"{one.name}-{way}" for one in LIFECYCLES for way in ("close", "wide")],
)


@of_each
def test_every_row_that_leads_elsewhere_is_on_an_arrow(
    lifecycle: Lifecycle, drawing: Drawing
) -> None:
    rows = {
        (state.name.lower(), event.name.lower(), after.name.lower())
        for state, event, after in lifecycle.rows()
        if state != after
    }

    drawn = [(e.source, event, e.target) for e in drawing.edges for event in e.events]
    assert sorted(drawn) == sorted(rows)
    assert [one.name for one in drawing.nodes] == [
        state.name.lower() for state in lifecycle.region.states
    ]
    assert [one.name for one in drawing.nodes if one.initial] == [
        lifecycle.region.states[lifecycle.region.initial].name.lower()
    ]


@of_each
def test_states_do_not_touch_and_lie_on_the_sheet(lifecycle: Lifecycle, drawing: Drawing) -> None:
    for one, other in itertools.combinations(drawing.nodes, 2):
        assert (
            abs(one.x - other.x) >= drawing.node_width
            or abs(one.y - other.y) >= drawing.node_height
        ), (one.name, other.name)
    for node in drawing.nodes:
        assert drawing.node_width / 2 <= node.x <= drawing.width - drawing.node_width / 2
        assert drawing.node_height / 2 <= node.y <= drawing.height - drawing.node_height / 2


@of_each
def test_arrows_leave_and_reach_their_states_and_stay_on_the_sheet(
    lifecycle: Lifecycle, drawing: Drawing
) -> None:
    at = {node.name: node for node in drawing.nodes}

    for edge in drawing.edges:
        numbers = [float(text) for text in re.findall(r"-?[\d.]+", edge.path)]
        for end, (x, y) in ((edge.source, numbers[:2]), (edge.target, numbers[-2:])):
            node = at[end]
            assert abs(x - node.x) <= drawing.node_width / 2, edge
            assert abs(abs(y - node.y) - drawing.node_height / 2) < 0.2, edge
        for x, y in trace(edge):
            assert 0 <= x <= drawing.width, edge
            assert 0 <= y <= drawing.height, edge


def test_two_states_of_a_layer_have_an_arrow_there_and_another_back() -> None:
    """They would be one line, and nobody could tell which is meant."""
    for _, drawing in DRAWINGS:
        lines = [
            tuple(sorted((curve[0], curve[-1])) for curve in one.curves) for one in drawing.edges
        ]
        assert len(set(map(str, lines))) == len(lines)


def test_a_drawing_is_the_same_every_time() -> None:
    for one in LIFECYCLES:
        assert draw(one.name, one.region, one.events) == draw(one.name, one.region, one.events)

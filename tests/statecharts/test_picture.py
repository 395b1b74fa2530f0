"""The drawing of a chart can be read: labels are on their own arrows, and the key has them all."""

from __future__ import annotations

import itertools
import re
import xml.etree.ElementTree as ET
from collections.abc import Mapping

import pytest

from statecharts.diagram import CHARTS
from statecharts.labels import CLEAR, Box, Label, alike, place, trace
from statecharts.layout import WIDE, Drawing, draw
from statecharts.lower import NO_ROW, Chart, lifecycles
from statecharts.picture import groups_of, svg

EVERY = [(name, draw(name, *rest, WIDE)) for chart in CHARTS for name, *rest in lifecycles(chart)]
of_each = pytest.mark.parametrize("drawing", [one for _, one in EVERY], ids=[n for n, _ in EVERY])
of_charts = pytest.mark.parametrize("chart", CHARTS, ids=lambda chart: chart.__name__)


def written(root: ET.Element) -> str:
    """All of its texts."""
    texts = ("".join(one.itertext()) for one in root.iter() if one.tag.endswith("text"))
    return " ".join(" ".join(texts).split())


def numbers_of(drawing: Drawing) -> list[Label]:
    """As large as the largest number."""
    return [
        Label(
            frozenset(group.edges),
            21,
            14,
            alike(drawing, group.edges[0]),
        )
        for group in groups_of(drawing)
    ]


@of_each
def test_no_label_stands_on_a_state_on_another_or_on_a_strange_arrow(drawing: Drawing) -> None:
    labels = numbers_of(drawing)
    boxes = place(drawing, labels)
    placed = [(label, box) for label, box in zip(labels, boxes, strict=True) if box is not None]
    assert len(placed) >= len(labels) - 1
    states = [Box(n.x, n.y, drawing.node_width, drawing.node_height) for n in drawing.nodes]

    for (_, one), (_, other) in itertools.combinations(placed, 2):
        assert not one.meets(other)
    for label, box in placed:
        assert not any(box.meets(state) for state in states)
        for number, edge in enumerate(drawing.edges):
            if number not in label.arrows | label.near:
                assert not any(
                    abs(x - box.x) < box.width / 2 + CLEAR
                    and abs(y - box.y) < box.height / 2 + CLEAR
                    for x, y in trace(edge)
                )
        own = [point for number in label.arrows for point in trace(drawing.edges[number])]
        assert any(abs(x - box.x) + abs(y - box.y) < 1 for x, y in own)


@of_each
def test_groups_share_out_all_arrows(drawing: Drawing) -> None:
    numbers = [number for group in groups_of(drawing) for number in group.edges]
    assert sorted(numbers) == list(range(len(drawing.edges)))


@of_charts
def test_a_drawing_is_whole_and_the_key_has_every_number_event_and_source(chart: Chart) -> None:
    root = ET.fromstring(svg(chart))
    shown = written(root)
    for name, *rest in lifecycles(chart):
        drawing = draw(name, *rest, WIDE)
        for number, group in enumerate(groups_of(drawing), start=1):
            events = ", ".join(group.events)
            assert f"{number} → {group.target}: {events}; from " in shown
        for node in drawing.nodes:
            assert node.name.replace("_", " ") in shown
    paths = [one for one in root.iter() if one.get("class") == "edge"]
    assert len(paths) == sum(len(draw(*one, WIDE).edges) for one in lifecycles(chart))


def half(chart: Chart) -> dict[tuple[str, str, str], int]:
    """Counts of every second row."""
    found = {}
    for name, region, events in lifecycles(chart):
        for cell, after in enumerate(region.next):
            if after != NO_ROW and cell % 2:
                state = region.states[cell // len(events)].name.lower()
                found[name, state, events[cell % len(events)].name.lower()] = 10 + cell
    return found


@of_charts
def test_what_was_never_taken_is_pale_and_what_was_has_its_count(chart: Chart) -> None:
    counts = half(chart)
    root = ET.fromstring(svg(chart, counts))
    edges = [one for one in root.iter() if (one.get("class") or "").startswith("edge")]
    looks = {one[0].text: one.get("class") for one in edges}
    assert looks == expected(chart, counts)
    shown = written(root)
    for name, *rest in lifecycles(chart):
        drawing = draw(name, *rest, WIDE)
        for number, group in enumerate(groups_of(drawing), start=1):
            (line,) = re.findall(rf"\b{number} → {group.target}: (.*?)(?= \d+ → |$)", shown)
            for edge in (drawing.edges[n] for n in group.edges):
                times = sum(counts.get((name, edge.source, event), 0) for event in edge.events)
                words = f"{edge.source} {times:,}" if times else rf"never [\w, ]*\b{edge.source}"
                assert re.search(words + r"\b", line.partition("; from ")[2]), edge


def expected(chart: Chart, counts: Mapping[tuple[str, str, str], int]) -> dict[str | None, str]:
    return {
        f"{edge.source} → {edge.target}: {', '.join(edge.events)}": (
            "edge taken"
            if any((name, edge.source, event) in counts for event in edge.events)
            else "edge never"
        )
        for name, *rest in lifecycles(chart)
        for edge in draw(name, *rest, WIDE).edges
    }


@of_charts
def test_it_is_the_same_every_time_and_needs_nothing_from_elsewhere(chart: Chart) -> None:
    text = svg(chart)
    assert text == svg(chart)
    assert re.findall(r"https?://[^\" ]+", text) == ["http://www.w3.org/2000/svg"]
    assert "prefers-color-scheme: dark" in text

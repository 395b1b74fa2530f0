"""A chart as one SVG, which needs nothing else: its states and arrows, and a key to them.

Arrows that lead to one state for the same events have one number; the key below says which events
those are and from where they lead. With ``taken``, what was never taken is pale, what was taken has
its count beside it, and the key has them all.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

from statecharts.labels import Box, Label, alike, place
from statecharts.layout import WIDE, Drawing, Edge, draw
from statecharts.lower import Chart, lifecycles

Taken = Mapping[tuple[str, str, str], int]  # (lifecycle, state, event): how often

WIDTH_MIN: Final = 560.0  # of a sheet: a key has long lines
MARGIN: Final = 20.0
LINE: Final = 17.0  # of the key
CHAR: Final = 6.3  # of its text
DIGIT: Final = 6.8
NAME_CHARS: Final = 10  # of a state, before it is written smaller
NUMBER_HEIGHT: Final = 14.0
COUNT_HEIGHT: Final = 11.0
STYLE: Final = """
svg { --sheet: #fff; --ink: #18202b; --soft: #56616f; --edge: #7d8896; --node: #f1f4f8;
  --line: #9aa5b3; --pale: #c3cad3; --accent: #0b5cad; background: var(--sheet); }
@media (prefers-color-scheme: dark) {
  svg { --sheet: #11161d; --ink: #e7ecf2; --soft: #a3afbd; --edge: #7f8b9a; --node: #1d2530;
    --line: #5d6a7a; --pale: #3a4553; --accent: #6db3ff; }
}
text { font: 12px system-ui, sans-serif; fill: var(--ink); }
.name { font-weight: 600; font-size: 15px; }
.sheet { fill: var(--sheet); }
.node { fill: var(--node); stroke: var(--line); stroke-width: 1.3; }
.inner { fill: none; stroke: var(--line); }
.begin { fill: var(--soft); }
.state { text-anchor: middle; font-size: 13px; font-weight: 550; }
.long { font-size: 11.5px; }
.edge { fill: none; stroke: var(--edge); stroke-width: 1.2; }
.never { stroke: var(--pale); stroke-dasharray: 4 3; }
.taken { stroke: var(--accent); }
.head { fill: var(--edge); }
.head.pale { fill: var(--pale); }
.head.lit { fill: var(--accent); }
.badge { fill: var(--sheet); stroke: var(--soft); }
.number { text-anchor: middle; font-size: 10.5px; font-weight: 600; }
.count { text-anchor: middle; font-size: 11px; font-weight: 700; fill: var(--accent);
  stroke: var(--sheet); stroke-width: 3; paint-order: stroke; }
"""


@dataclass(frozen=True)
class Group:
    """Arrows that share a number."""

    target: str
    events: tuple[str, ...]
    edges: tuple[int, ...]


def svg(chart: Chart, taken: Taken | None = None) -> str:
    """All regions of a chart, one below the other."""
    parts: list[str] = []
    top, width = 0.0, WIDTH_MIN
    for name, region, events in lifecycles(chart):
        drawing = draw(name, region, events, WIDE)
        width = max(width, drawing.width)
        made = _Sheet(drawing, None if taken is None else _of(taken, name))
        parts.append(f'<g transform="translate(0 {top:.0f})">{made.body(width)}</g>')
        top += made.height
    marks = "".join(
        f'<marker id="{name}" viewBox="0 0 8 8" refX="7" refY="4" markerUnits="userSpaceOnUse" '
        f'markerWidth="9" markerHeight="9" orient="auto"><path class="head {name}" '
        'd="M0 .6 7.6 4 0 7.4z"/></marker>'
        for name in ("plain", "pale", "lit")
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {top:.0f}" '
        f'width="{width:.0f}" height="{top:.0f}"><style>{STYLE}</style><defs>{marks}</defs>'
        f'<rect class="sheet" width="{width:.0f}" height="{top:.0f}"/>{"".join(parts)}</svg>\n'
    )


def groups_of(drawing: Drawing) -> list[Group]:
    found: dict[tuple[str, tuple[str, ...]], list[int]] = {}
    for number, edge in enumerate(drawing.edges):
        found.setdefault((edge.target, edge.events), []).append(number)
    order = {node.name: number for number, node in enumerate(drawing.nodes)}
    return [
        Group(target, events, tuple(edges))
        for (target, events), edges in sorted(found.items(), key=lambda one: order[one[0][0]])
    ]


def _of(taken: Taken, name: str) -> dict[tuple[str, str], int]:
    return {(state, event): times for (one, state, event), times in taken.items() if one == name}


class _Sheet:
    """One region: its name, its drawing, its key. ``height`` is known when it is drawn."""

    def __init__(self, drawing: Drawing, taken: dict[tuple[str, str], int] | None) -> None:
        self.height = 0.0
        self._drawing = drawing
        self._taken = taken
        self._groups = groups_of(drawing)
        self._texts, labels = zip(*self._wanted(), strict=True)
        self._boxes = place(drawing, labels)

    def body(self, width: float) -> str:
        top = MARGIN + 22
        key = list(self._key(width))
        down = top + self._drawing.height
        self.height = down + LINE * len(key) + 2 * MARGIN
        lines = (
            f'<text x="{MARGIN:.0f}" y="{down + LINE * n:.0f}" xml:space="preserve">{line}</text>'
            for n, line in enumerate(key, start=1)
        )
        left = (width - self._drawing.width) / 2
        return (
            f'<text class="name" x="{MARGIN:.0f}" y="{MARGIN + 6:.0f}">'
            f"{escape(self._drawing.name)}</text>"
            f'<g transform="translate({left:.0f} {top:.0f})">'
            f"{''.join((*self._edges(), *self._nodes(), *self._labels()))}</g>{''.join(lines)}"
        )

    def _times(self, edge: Edge) -> int:
        assert self._taken is not None
        return sum(self._taken.get((edge.source, event), 0) for event in edge.events)

    # -- the drawing -----------------------------------------------------------------------------

    def _edges(self) -> Iterator[str]:
        edges = self._drawing.edges
        if self._taken is None:
            counts = dict.fromkeys(edges, 0)
        else:
            counts = {edge: self._times(edge) for edge in edges}
        most = max(1, *counts.values())
        for edge, times in sorted(counts.items(), key=lambda one: one[1]):
            look, end, width = "edge", "plain", ""
            if self._taken is not None and times:
                look, end = "edge taken", "lit"
                width = (
                    f' style="stroke-width:{1.2 + 2 * math.log1p(times) / math.log1p(most):.1f}"'
                )
            elif self._taken is not None:
                look, end = "edge never", "pale"
            title = f"{edge.source} → {edge.target}: {', '.join(edge.events)}"
            yield (
                f'<path class="{look}" d="{edge.path}" marker-end="url(#{end})"{width}>'
                f"<title>{escape(title)}</title></path>"
            )

    def _nodes(self) -> Iterator[str]:
        wide, high = self._drawing.node_width, self._drawing.node_height
        for node in self._drawing.nodes:
            left, top = node.x - wide / 2, node.y - high / 2
            if node.initial:
                yield f'<circle class="begin" cx="{left - 9:.1f}" cy="{node.y:.1f}" r="4"/>'
            yield _rect("node", left, top, wide, high, 9)
            if node.final:
                yield _rect("inner", left + 3, top + 3, wide - 6, high - 6, 7)
            name = node.name.replace("_", " ")
            look = "state" if len(name) <= NAME_CHARS else "state long"
            yield f'<text class="{look}" x="{node.x:.1f}" y="{node.y + 4.5:.1f}">{name}</text>'

    def _wanted(self) -> list[tuple[str, Label]]:
        """The numbers of the groups, then the counts of arrows that were taken."""
        edges = self._drawing.edges
        found = []
        for number, group in enumerate(self._groups, start=1):
            width = DIGIT * len(str(number)) + 7
            near = alike(self._drawing, group.edges[0])
            label = Label(frozenset(group.edges), width, NUMBER_HEIGHT, near)
            found.append((str(number), label))
        for number, edge in enumerate(edges if self._taken is not None else ()):
            if times := self._times(edge):
                text = f"{times:,}"
                width = DIGIT * len(text) + 2
                found.append((text, Label(frozenset({number}), width, COUNT_HEIGHT)))
        return found

    def _labels(self) -> Iterator[str]:
        for text, box in zip(self._texts, self._boxes, strict=True):
            if box is not None:
                yield (_count if box.height == COUNT_HEIGHT else _number)(text, box)

    # -- the key ---------------------------------------------------------------------------------

    def _key(self, width: float) -> Iterator[str]:
        room = int((width - 2 * MARGIN) / CHAR)
        for number, group in enumerate(self._groups, start=1):
            text = f"{number}  → {group.target}: {self._said(group)}"
            if self._boxes[number - 1] is None:
                text += " (without its number above: there is no room)"
            first, *rest = textwrap.wrap(text, room, subsequent_indent="     ")
            yield from (escape(line) for line in (first, *rest))

    def _said(self, group: Group) -> str:
        edges = [self._drawing.edges[number] for number in group.edges]
        taken = self._taken
        if taken is None:
            return f"{', '.join(group.events)}; from {', '.join(one.source for one in edges)}"
        events = [
            (event, sum(taken.get((edge.source, event), 0) for edge in edges))
            for event in group.events
        ]
        sources = [(edge.source, self._times(edge)) for edge in edges]
        return f"{_counted(events)}; from {_counted(sources)}"


def _counted(times: Sequence[tuple[str, int]]) -> str:
    """What happened with how often, then what never did."""
    found = ", ".join(f"{name} {count:,}" for name, count in times if count)
    never = ", ".join(name for name, count in times if not count)
    return found + ("; " if found and never else "") + (f"never {never}" if never else "")


def _rect(look: str, x: float, y: float, width: float, height: float, round_: float) -> str:
    return (
        f'<rect class="{look}" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" '
        f'height="{height:.1f}" rx="{round_:.0f}"/>'
    )


def _number(text: str, box: Box) -> str:
    left, top = box.x - box.width / 2, box.y - box.height / 2
    return _rect("badge", left, top, box.width, box.height, 7) + (
        f'<text class="number" x="{box.x:.1f}" y="{box.y + 3.8:.1f}">{text}</text>'
    )


def _count(text: str, box: Box) -> str:
    return f'<text class="count" x="{box.x:.1f}" y="{box.y + 4:.1f}">{text}</text>'

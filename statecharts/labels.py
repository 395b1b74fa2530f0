"""Where labels stand on the arrows of a drawing: on no state, no other label, and no arrow but
those they are of.

A label is of all arrows that lead to one state for the same events. They share much of their way,
like lines on a map, and it may stand anywhere along it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from statecharts.layout import Curve, Drawing, Edge, Point

STEPS: Final = 48  # of each curve
FIRST: Final = 0.42  # of the way: where a place is looked for first
CLEAR: Final = 2.0  # around a label
CELL: Final = 4.0  # of the grid in which arrows are found


@dataclass(frozen=True)
class Box:
    x: float  # of its middle
    y: float
    width: float
    height: float

    def meets(self, other: Box, clear: float = CLEAR) -> bool:
        return (
            abs(self.x - other.x) < (self.width + other.width) / 2 + clear
            and abs(self.y - other.y) < (self.height + other.height) / 2 + clear
        )

    def cells(self, clear: float = CLEAR) -> Iterator[tuple[int, int]]:
        across, down = self.width / 2 + clear, self.height / 2 + clear
        for column in range(int((self.x - across) // CELL), int((self.x + across) // CELL) + 1):
            for row in range(int((self.y - down) // CELL), int((self.y + down) // CELL) + 1):
                yield column, row


@dataclass(frozen=True)
class Label:
    """What wants a place: the numbers of its arrows, and how large it is. Where they have none
    of their own, it may stand on their way together with those that it is ``near``."""

    arrows: frozenset[int]
    width: float
    height: float
    near: frozenset[int] = frozenset()


def alike(drawing: Drawing, number: int) -> frozenset[int]:
    """The arrows that lead where this one leads."""
    target = drawing.edges[number].target
    return frozenset(n for n, edge in enumerate(drawing.edges) if edge.target == target)


def trace(edge: Edge) -> list[Point]:
    """Points along an arrow, close enough for a line."""
    found = [edge.curves[0][0]]
    for curve in edge.curves:
        found += [_at(curve, number / STEPS) for number in range(1, STEPS + 1)]
    return found


def _at(curve: Curve, t: float) -> Point:
    (a, b), (c, d), (e, f), (g, h) = curve
    u = 1 - t
    parts = u**3, 3 * t * u**2, 3 * t**2 * u, t**3
    return (
        parts[0] * a + parts[1] * c + parts[2] * e + parts[3] * g,
        parts[0] * b + parts[1] * d + parts[2] * f + parts[3] * h,
    )


def place(drawing: Drawing, labels: Sequence[Label]) -> list[Box | None]:
    """A place for each, None where there is none. Whoever has the fewest places chooses first."""
    traces = [trace(edge) for edge in drawing.edges]
    grid: dict[tuple[int, int], set[int]] = {}
    for number, points in enumerate(traces):
        for x, y in points:
            grid.setdefault((int(x // CELL), int(y // CELL)), set()).add(number)
    states = [Box(n.x, n.y, drawing.node_width, drawing.node_height) for n in drawing.nodes]
    free = [
        list(_free(one, one.arrows, traces, grid, states))
        or list(_free(one, one.arrows | one.near, traces, grid, states))
        for one in labels
    ]
    taken: dict[int, Box] = {}
    for number in sorted(range(len(labels)), key=lambda one: (len(free[one]), one)):
        for box in free[number]:
            if not any(box.meets(other) for other in taken.values()):
                taken[number] = box
                break
    return [taken.get(number) for number in range(len(labels))]


def _free(
    label: Label,
    allowed: frozenset[int],
    traces: Sequence[Sequence[Point]],
    grid: dict[tuple[int, int], set[int]],
    states: Sequence[Box],
) -> Iterator[Box]:
    spots = [
        (abs(n / len(traces[arrow]) - FIRST), arrow, point)
        for arrow in label.arrows
        for n, point in enumerate(traces[arrow])
    ]
    for _, _, (x, y) in sorted(spots):
        box = Box(x, y, label.width, label.height)
        if any(box.meets(state) for state in states):
            continue
        if all(grid.get(cell, allowed) <= allowed for cell in box.cells()):
            yield box

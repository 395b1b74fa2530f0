"""Where the states of a chart stand and how its arrows run: a small layered drawing of our own.

States come in layers, in the order in which a life reaches them: of all rows that lead out of
what is placed, the one with the lowest event is followed next, and the new state goes one layer
below the middle of those it can be reached from. What skips layers runs through waypoints, and
arrows to one state share them, so that a dense chart reads like a map of lines. All of it follows
from the table, is the same every time, and needs no program from elsewhere.
"""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final

from statecharts.lower import NO_ROW, Region

NODE_WIDTH: Final = 98
NODE_HEIGHT: Final = 34
MARGIN: Final = 16
ORDERINGS: Final = 12
SHIFTS: Final = 24
BACK: Final = 9
APART: Final = 11  # arrows down start left of the middle, arrows up right of it


@dataclass(frozen=True)
class Spacing:
    """How much room there is."""

    layer: float = 92.0  # from one to the next
    gap: float = 16.0  # between neighbours of a layer
    lane: float = 10.0  # what a waypoint takes of its layer

    def of(self, place: Place) -> float:
        return self.lane if isinstance(place, Waypoint) else NODE_WIDTH


CLOSE: Final = Spacing()
WIDE: Final = Spacing(130.0, 36.0, 20.0)  # labels find a place beside the arrows


@dataclass(frozen=True)
class Waypoint:
    """Where arrows to ``target`` cross a layer."""

    target: int
    layer: int


Place = int | Waypoint  # a state, by its number, or a waypoint
Point = tuple[float, float]
Curve = tuple[Point, Point, Point, Point]  # a Bézier: where it begins, two handles, where it ends


@dataclass(frozen=True)
class Node:
    name: str
    x: float  # of its middle
    y: float
    initial: bool
    final: bool


@dataclass(frozen=True)
class Edge:
    """An arrow from one state to another, for every event that leads this way."""

    source: str
    target: str
    events: tuple[str, ...]
    curves: tuple[Curve, ...]  # one behind the other

    @property
    def path(self) -> str:
        """Of an SVG path."""
        (start, *first), *others = self.curves
        parts = [_points([start]), "C", _points(first)]
        for _, *rest in others:
            parts += ["C", _points(rest)]
        return "M" + "".join(parts)


@dataclass(frozen=True)
class Drawing:
    name: str
    width: float
    height: float
    node_width: float
    node_height: float
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]


def draw(name: str, region: Region, events: Sequence[IntEnum], spacing: Spacing = CLOSE) -> Drawing:
    arrows = _arrows(region, len(events))
    layers = _layers(region, arrows)
    routes = {pair: _route(pair, layers) for pair in arrows}
    rows = _ordered(_rows(layers, routes.values()), routes.values())
    at = _positions(rows, routes.values(), spacing)
    right = max(x + spacing.of(place) / 2 for place, (x, _) in at.items()) + MARGIN
    deepest = max(y for _, y in at.values()) + NODE_HEIGHT / 2 + MARGIN
    same = [pair for pair in arrows if layers[pair[0]] == layers[pair[1]]]
    bottom = max([deepest, *(_lowest(at[a], at[b]) + MARGIN for a, b in same)])
    return Drawing(
        name=name,
        width=round(right),
        height=round(bottom),
        node_width=NODE_WIDTH,
        node_height=NODE_HEIGHT,
        nodes=tuple(
            Node(
                state.name.lower(),
                round(at[int(state)][0], 1),
                round(at[int(state)][1], 1),
                int(state) == region.initial,
                int(state) in region.final,
            )
            for state in region.states
        ),
        edges=tuple(
            Edge(
                region.states[source].name.lower(),
                region.states[target].name.lower(),
                tuple(events[number].name.lower() for number in numbers),
                _curves([at[place] for place in routes[source, target]]),
            )
            for (source, target), numbers in sorted(arrows.items())
        ),
    )


# -- layers ------------------------------------------------------------------------------------


def _arrows(region: Region, width: int) -> dict[tuple[int, int], list[int]]:
    """(from, to) and the events that lead so; rows that keep the state are no arrows."""
    found: dict[tuple[int, int], list[int]] = {}
    for cell, after in enumerate(region.next):
        if after not in (NO_ROW, cell // width):
            found.setdefault((cell // width, after), []).append(cell % width)
    return found


def _layers(region: Region, arrows: dict[tuple[int, int], list[int]]) -> dict[int, int]:
    layers = {region.initial: 0}
    while len(layers) < len(region.states):
        ways = [
            (min(numbers), target)
            for (source, target), numbers in arrows.items()
            if source in layers and target not in layers
        ]
        if not ways:  # what nothing leads to stands below everything
            (rest, *_) = (int(one) for one in region.states if int(one) not in layers)
            layers[rest] = max(layers.values()) + 1
            continue
        _, reached = min(ways)
        above = [
            layers[source] for source, target in arrows if target == reached and source in layers
        ]
        layers[reached] = int(statistics.median_high(above)) + 1
    return layers


def _route(pair: tuple[int, int], layers: dict[int, int]) -> tuple[Place, ...]:
    source, target = pair
    step = 1 if layers[target] > layers[source] else -1
    between = range(layers[source] + step, layers[target], step)
    return (source, *(Waypoint(target, layer) for layer in between), target)


def _rows(layers: dict[int, int], routes: Any) -> list[list[Place]]:
    rows: list[list[Place]] = [[] for _ in range(max(layers.values()) + 1)]
    for state, layer in sorted(layers.items()):
        rows[layer].append(state)
    for route in routes:
        for place in route[1:-1]:
            if place not in rows[place.layer]:
                rows[place.layer].append(place)
    return rows


# -- order within a layer, and where exactly -----------------------------------------------------


def _neighbours(routes: Any) -> dict[Place, list[Place]]:
    found: dict[Place, list[Place]] = {}
    for route in routes:
        for one, other in itertools.pairwise(route):
            found.setdefault(one, []).append(other)
            found.setdefault(other, []).append(one)
    return found


def _ordered(rows: list[list[Place]], routes: Any) -> list[list[Place]]:
    """Each place near the middle of its neighbours; of all orders tried the one with the fewest
    crossings."""
    near = _neighbours(routes)
    best, fewest = [list(row) for row in rows], _crossings(rows, near)
    for turn in range(ORDERINGS):
        for row in rows if turn % 2 == 0 else reversed(rows):
            share = {
                place: (other_at + 0.5) / len(other)
                for other in rows
                for other_at, place in enumerate(other)
            }
            row.sort(
                key=lambda place: statistics.fmean([share[one] for one in near.get(place, [place])])
            )
        if (crossed := _crossings(rows, near)) < fewest:
            best, fewest = [list(row) for row in rows], crossed
    return best


def _crossings(rows: list[list[Place]], near: dict[Place, list[Place]]) -> int:
    count = 0
    for upper, lower in itertools.pairwise(rows):
        at = {place: number for number, place in enumerate(lower)}
        ends = [at[one] for place in upper for one in near.get(place, ()) if one in at]
        count += sum(a > b for number, a in enumerate(ends) for b in ends[number + 1 :])
    return count


def _positions(rows: list[list[Place]], routes: Any, spacing: Spacing) -> dict[Place, Point]:
    near = _neighbours(routes)
    x: dict[Place, float] = {}
    for row in rows:
        total = sum(spacing.of(place) + spacing.gap for place in row) - spacing.gap
        left = -total / 2
        for place in row:
            x[place] = left + spacing.of(place) / 2
            left += spacing.of(place) + spacing.gap
    for _ in range(SHIFTS):
        for row in rows:
            wanted = [
                statistics.fmean([x[place], *(x[one] for one in near.get(place, ()))])
                for place in row
            ]
            x.update(zip(row, _spaced(row, wanted, spacing), strict=True))
    left = min(x[place] - spacing.of(place) / 2 for place in x) - MARGIN
    top = MARGIN + NODE_HEIGHT / 2
    return {
        place: (x[place] - left, top + layer * spacing.layer)
        for layer, row in enumerate(rows)
        for place in row
    }


def _spaced(row: Sequence[Place], wanted: Sequence[float], spacing: Spacing) -> Iterator[float]:
    """As near to what is wanted as the order and the gaps allow, half from either side."""
    right = list(wanted)
    for n in range(1, len(row)):
        room = (spacing.of(row[n - 1]) + spacing.of(row[n])) / 2 + spacing.gap
        right[n] = max(right[n], right[n - 1] + room)
    left = list(wanted)
    for n in range(len(row) - 2, -1, -1):
        room = (spacing.of(row[n]) + spacing.of(row[n + 1])) / 2 + spacing.gap
        left[n] = min(left[n], left[n + 1] - room)
    yield from ((one + other) / 2 for one, other in zip(left, right, strict=True))


# -- arrows ------------------------------------------------------------------------------------


def _depth(one: Point, other: Point) -> float:
    """How far below its layer an arrow between two of it dips; to the left it goes deeper, so
    that it is not the line of the arrow back."""
    back = BACK if other[0] < one[0] else 0
    return one[1] + NODE_HEIGHT / 2 + 10 + 0.05 * abs(one[0] - other[0]) + back


def _lowest(one: Point, other: Point) -> float:
    """How far down the line of such an arrow comes: three quarters of the way to the points that
    bend it."""
    base = one[1] + NODE_HEIGHT / 2
    return base + 1.5 * (_depth(one, other) - base)


def _curves(points: Sequence[Point]) -> tuple[Curve, ...]:
    (x, y), (to_x, to_y) = points[0], points[-1]
    half = NODE_HEIGHT / 2
    if y == to_y:
        sign = 1 if to_x > x else -1
        low = 2 * _depth(points[0], points[-1]) - y - half
        aside = NODE_WIDTH * (0.25 if sign > 0 else 0.38) * sign
        begin, end = x + aside, to_x - aside
        return (((begin, y + half), (begin, low), (end, low), (end, to_y + half)),)
    down = 1 if to_y > y else -1
    aside = -APART * down
    stops = [
        (x + aside, y + half * down),
        *points[1:-1],
        (to_x + aside, to_y - half * down),
    ]
    found = []
    for (a, b), (c, d) in itertools.pairwise(stops):
        bend = (d - b) / 2
        found.append(((a, b), (a, b + bend), (c, d - bend), (c, d)))
    return tuple(found)


def _points(points: Sequence[Point]) -> str:
    return " ".join(f"{x:.1f} {y:.1f}" for x, y in points)

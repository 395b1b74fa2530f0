"""Drawing in SVG: scales, axes, and lines through points."""

from __future__ import annotations

import math
from collections.abc import Sequence

import attrs

from engine.report.markup import Markup, el

Point = tuple[float, float]


@attrs.frozen
class Scale:
    """Numbers from ``low`` to ``high`` onto places from ``start`` to ``end``."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        spread = self.high - self.low
        share = (value - self.low) / spread if spread else 0.5
        return self.start + share * (self.end - self.start)


@attrs.frozen
class Frame:
    """A picture's size, and what is left for its lines: prices stand at the right, times below."""

    width: float
    height: float
    right: float = 62.0
    foot: float = 18.0
    top: float = 8.0
    left: float = 6.0

    def across(self, low: float, high: float) -> Scale:
        return Scale(low, high, self.left, self.width - self.right)

    def up(self, values: Sequence[float], margin: float = 0.06) -> Scale:
        """For all of the values, with a little room."""
        low, high = min(values), max(values)
        room = (high - low) * margin or abs(high) * 0.001 or 1.0
        return Scale(low - room, high + room, self.height - self.foot, self.top)

    def drawing(self, title: str, *parts: str, class_: str) -> Markup:
        return el(
            "svg",
            el("title", title),
            *parts,
            viewBox=f"0 0 {self.width:g} {self.height:g}",
            role="img",
            class_=class_,
        )


def steps(low: float, high: float, count: int) -> list[float]:
    """Round numbers between ``low`` and ``high``, about so many."""
    raw = (high - low) / max(count, 1)
    if not (raw > 0 and math.isfinite(raw)):
        return [low]
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(one * power for one in (1, 2, 2.5, 5, 10) if one * power >= raw * (1 - 1e-9))
    first = math.ceil(low / step)
    return [number * step for number in range(first, math.floor(high / step) + 1)]


def grid(frame: Frame, up: Scale, count: int = 4) -> list[Markup]:
    """Lines at round values, which stand at their right."""
    right = frame.width - frame.right
    found = []
    values = steps(up.low, up.high, count)
    digits = _digits(values)
    for value in values:
        at = up(value)
        found.append(el("line", class_="grid", x1=frame.left, x2=right, y1=at, y2=at))
        label = f"{value + 0.0:,.{digits}f}"
        found.append(el("text", label, class_="axis", x=right + 6, y=at + 3.5))
    return found


def _digits(values: Sequence[float]) -> int:
    """Cents at least, but for large amounts; more where steps are smaller."""
    step = values[1] - values[0] if len(values) > 1 else 1.0
    if step >= 1 and max(map(abs, values), default=0.0) >= 1_000:
        return 0
    return next((n for n in (2, 3, 4) if abs(round(step, n) - step) < step * 1e-3), 4)


def below(frame: Frame, labels: Sequence[tuple[float, str]], room: float = 74.0) -> list[Markup]:
    """What stands under the picture; labels without room are left out."""
    found: list[Markup] = []
    free = -room
    for at, text in labels:
        if at - free >= room or not found:
            x = min(max(at, frame.left + 24), frame.width - frame.right - 24)
            found.append(el("text", text, class_="axis mid", x=x, y=frame.height - 4))
            free = at
    return found


def polyline(points: Sequence[Point], class_: str) -> Markup:
    return el("path", class_=class_, d=_through(points))


def area(points: Sequence[Point], floor: float, class_: str) -> Markup:
    """Between a line and a level."""
    if not points:
        return Markup()
    d = f"{_through(points)}L{points[-1][0]:.1f} {floor:.1f}L{points[0][0]:.1f} {floor:.1f}Z"
    return el("path", class_=class_, d=d)


def stepped(points: Sequence[Point]) -> list[Point]:
    """The same values, each until the next one."""
    found: list[Point] = []
    for x, y in points:
        if found:
            found.append((x, found[-1][1]))
        found.append((x, y))
    return found


def thinned(values: Sequence[float], most: int) -> list[tuple[int, float]]:
    """(place, value) of all values or, of too many, of the lowest and highest of each stretch."""
    if len(values) <= most:
        return list(enumerate(values))
    found: list[tuple[int, float]] = []
    size = math.ceil(len(values) * 2 / most)
    for begin in range(0, len(values), size):
        part = range(begin, min(begin + size, len(values)))
        found += sorted({(n, values[n]) for n in (min(part, key=values.__getitem__),
                                                  max(part, key=values.__getitem__))})  # fmt: skip
    last = len(values) - 1
    return found if found[-1][0] == last else [*found, (last, values[last])]


def _through(points: Sequence[Point]) -> str:
    return "".join(
        f"{'L' if number else 'M'}{x:.1f} {y:.1f}" for number, (x, y) in enumerate(points)
    )

"""A figure over two parameters of a sweep, as a drawing (SVG)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import attrs

from engine.report.markup import Markup, el
from engine.sweep.cells import Space
from engine.sweep.play import LOW_IS_GOOD
from engine.sweep.rows import Row, parameters

SIDE_MAX: Final = 60  # of values along a side: more could not be read
_WIDTH, _HEIGHT = 92, 34  # of a cell
_LETTER: Final = 7.2  # the width of one, about
_GOOD, _BAD, _MIDDLE = (33, 102, 172), (201, 94, 0), (247, 247, 247)
_EMPTY: Final = "#dddddd"


@attrs.frozen
class HeatMap:
    """``values`` by (y, x); None where no cell has the figure."""

    figure: str
    x: str
    y: str
    columns: tuple[str, ...]
    lines: tuple[str, ...]
    values: dict[tuple[str, str], float | None]


def heat_map(space: Space, rows: Sequence[Row]) -> HeatMap | None:
    """Means over everything else, without what was tried on the days of a test; None: nothing has
    several values, or one side has too many."""
    told = [(parameters(space, row.cell), row) for row in rows if row.cell.part != "test"]
    several = {
        name: tuple(dict.fromkeys(one[name] for one, _ in told)) for name in (told[0][0] or ())
    }
    free = [name for name, values in several.items() if len(values) > 1]
    wanted = space.grid.heat_map
    x = wanted.x or next((name for name in free if name != wanted.y), "")
    y = wanted.y or next((name for name in free if name != x), "")
    columns, lines = several.get(x, ()), several.get(y, ("",))
    if not columns or max(len(columns), len(lines)) > SIDE_MAX:
        return None
    sums: dict[tuple[str, str], list[float]] = {}
    for one, row in told:
        value = row.figure(space.grid.figure)
        if value is not None:
            sums.setdefault((one.get(y, ""), one[x]), []).append(value)
    values = {
        (line, column): math.fsum(found) / len(found)
        if (found := sums.get((line, column)))
        else None
        for line in lines
        for column in columns
    }
    return HeatMap(space.grid.figure, x, y, columns, lines, values)


def as_svg(one: HeatMap) -> bytes:
    left = max(_LETTER * max(map(len, (*one.lines, one.y))), 40) + 20
    cell = max(_WIDTH, _LETTER * max(map(len, one.columns)) + 12)
    top = 70
    width = left + cell * len(one.columns) + 20
    width = max(width, left + _LETTER * len(one.x) + 20, _LETTER * (len(one.figure) + 10))
    height = top + _HEIGHT * len(one.lines) + 20
    there = [value for value in one.values.values() if value is not None]
    low, high = (min(there), max(there)) if there else (0.0, 0.0)
    parts = [
        el("rect", width=round(width), height=round(height), fill="#ffffff"),
        el("title", f"{one.figure} over {one.x}"),
        _text(10.0, 20, one.figure, weight="bold"),
        _text(left, 42, one.x),
        _text(10.0, 60, one.y),
    ]
    for number, column in enumerate(one.columns):
        parts.append(_text(left + cell * (number + 0.5), 60, column, anchor="middle"))
    for place, line in enumerate(one.lines):
        y = top + _HEIGHT * place
        parts.append(_text(10.0, y + 21, line))
        for number, column in enumerate(one.columns):
            value = one.values[line, column]
            fill, ink = _colours(value, low, high, one.figure in LOW_IS_GOOD)
            x = left + cell * number
            parts.append(el("rect", x=x, y=y, width=cell - 2, height=_HEIGHT - 2, fill=fill))
            said = "-" if value is None else f"{value:,.6g}"
            parts.append(_text(x + cell / 2, y + 21, said, anchor="middle", ink=ink))
    drawn = el(
        "svg",
        *parts,
        xmlns="http://www.w3.org/2000/svg",
        width=round(width),
        height=round(height),
        viewBox=f"0 0 {width:.0f} {height:.0f}",
        font_family="sans-serif",
        font_size=12,
    )
    return f"{drawn}\n".encode()


def _colours(value: float | None, low: float, high: float, low_is_good: bool) -> tuple[str, str]:
    """Of the field and of what is written on it: from bad over white to good."""
    if value is None:
        return _EMPTY, "#000000"
    good = 0.5 if high == low else (value - low) / (high - low)
    good = 1 - good if low_is_good else good
    end, share = (_GOOD, 2 * good - 1) if good >= 0.5 else (_BAD, 1 - 2 * good)
    mixed = [round(m + (e - m) * share) for m, e in zip(_MIDDLE, end, strict=True)]
    return "#{:02x}{:02x}{:02x}".format(*mixed), "#ffffff" if share > 0.6 else "#000000"


def _text(
    x: float, y: float, said: str, *, anchor: str = "start", weight: str = "normal",
    ink: str = "#000000",
) -> Markup:  # fmt: skip
    return el("text", said, x=x, y=y, text_anchor=anchor, font_weight=weight, fill=ink)

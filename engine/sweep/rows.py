"""Cells with what they made, and those of the same settings and symbols together."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any, Final

import attrs
import orjson

from engine.sweep.cells import Cell, Space, Symbols
from engine.sweep.play import LOW_IS_GOOD

PERCENTILES: Final = (5, 25, 50, 75, 95)


@attrs.frozen
class Row:
    """``made`` None: it has not been played."""

    cell: Cell
    drawn: dict[str, float]  # what its seed drew
    made: dict[str, Any] | None

    @property
    def status(self) -> str:
        if self.made is None:
            return "missing"
        return "failed" if "failed" in self.made else "done"

    def figure(self, name: str) -> float | None:
        found: float | None = None if self.made is None else self.made.get("figures", {}).get(name)
        return found


@attrs.frozen
class Group:
    """One choice under other luck: on all sets of days, with all seeds and latencies."""

    rows: tuple[Row, ...]

    @property
    def cell(self) -> Cell:
        """Any of its cells, for what they have in common."""
        return self.rows[0].cell

    @property
    def days(self) -> tuple[date, ...]:
        return tuple(sorted({day for row in self.rows for day in row.cell.days}))

    @property
    def whole(self) -> bool:
        return all(row.status == "done" for row in self.rows)

    def values(self, figure: str) -> list[float]:
        """From the least to the most, of those that have one."""
        found = (row.figure(figure) for row in self.rows)
        return sorted(value for value in found if value is not None)

    def mean(self, figure: str) -> float | None:
        values = self.values(figure)
        return math.fsum(values) / len(values) if values else None


def grouped(rows: Iterable[Row]) -> list[Group]:
    found: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        cell = row.cell
        key = (cell.part, cell.window, cell.symbols, cell.choice)
        found.setdefault(key, []).append(row)
    return [Group(tuple(one)) for one in found.values()]


def ranked(groups: Iterable[Group], figure: str) -> list[Group]:
    """The best first; those without the figure are left out. Equals stay in their order."""
    sign = 1 if figure in LOW_IS_GOOD else -1
    told = [(mean, one) for one in groups if (mean := one.mean(figure)) is not None]
    return [one for _, one in sorted(told, key=lambda pair: sign * pair[0])]


def chosen(groups: Iterable[Group], figure: str) -> dict[tuple[int, Symbols], int]:
    """The best choice of each walk-forward window, where all of its cells are done."""
    found: dict[tuple[int, Symbols], int] = {}
    for one in ranked((one for one in groups if one.whole), figure):
        if one.cell.part == "train" and one.cell.window is not None:
            found.setdefault((one.cell.window, one.cell.symbols), one.cell.choice)
    return found


def percentile(values: Sequence[float], percent: float) -> float:
    """Of sorted values, in between where it falls between two."""
    place = (len(values) - 1) * percent / 100
    low = math.floor(place)
    high = min(low + 1, len(values) - 1)
    return values[low] + (values[high] - values[low]) * (place - low)


# -- in words ----------------------------------------------------------------------------------


def label(value: Any) -> str:
    """A value of the grid, as text."""
    if isinstance(value, str):
        return value
    return orjson.dumps(value).decode()


def settings(space: Space, cell: Cell) -> dict[str, Any]:
    names = (axis.name for axis in space.grid.axes)
    return dict(zip(names, space.choices[cell.choice], strict=True))


def parameters(space: Space, cell: Cell) -> dict[str, str]:
    """All that a cell may differ in from others, as text."""
    return {
        **{name: label(value) for name, value in settings(space, cell).items()},
        "symbols": " ".join(cell.symbols),
        "days": days(cell.days),
        "seed": str(cell.seed),
        "latency_ms": f"{cell.latency_ms:g}",
    }


def days(several: Sequence[date]) -> str:
    """The first and the last, and how many."""
    first, last = f"{several[0]:%Y%m%d}", f"{several[-1]:%Y%m%d}"
    return first if len(several) == 1 else f"{first}-{last} ({len(several)})"

"""The tables of a sweep: every cell, what luck does, and the walk forward."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Final

from engine.monitor.table_files import csv_bytes, parquet_bytes
from engine.sweep.cells import Cell, Space
from engine.sweep.play import FIGURES
from engine.sweep.rows import PERCENTILES, Group, Row, label, percentile, settings

Table = list[dict[str, Any]]
# Of which the distribution is told, besides the figure of the grid.
SPREAD: Final = ("realised", "drawdown_max", "trades", "win_rate", "expectancy")


def cell_table(space: Space, rows: Sequence[Row]) -> Table:
    table = []
    for number, row in enumerate(rows, start=1):
        made = row.made or {}
        table.append(
            {
                "cell": number,
                **_where(space, row.cell, row.cell.days),
                "seed": row.cell.seed,
                "latency_ms": row.cell.latency_ms,
                **row.drawn,
                "status": row.status,
                "reason": made.get("failed", ""),
                **{name: row.figure(name) for name in FIGURES},
                "ticks": made.get("ticks"),
                "halt": made.get("halt", ""),
                "journal": made.get("journal", ""),
            }
        )
    return table


def spread_table(space: Space, groups: Sequence[Group]) -> Table:
    """How much of what a choice makes is luck: the distribution over days, seeds and
    latencies."""
    names = dict.fromkeys((space.grid.figure, *SPREAD))
    return [
        {
            **_where(space, group.cell, group.days),
            "figure": name,
            "runs": len(group.rows),
            "failed": sum(row.status == "failed" for row in group.rows),
            **_spread(group, name),
        }
        for group in groups
        for name in names
    ]


def _spread(group: Group, name: str) -> dict[str, float | None]:
    values, mean = group.values(name), group.mean(name)
    found: dict[str, float | None] = {"mean": mean, "deviation": None}
    if mean is not None and len(values) > 1:
        squares = math.fsum((one - mean) ** 2 for one in values)
        found["deviation"] = math.sqrt(squares / (len(values) - 1))
    found["least"] = values[0] if values else None
    for percent in PERCENTILES:
        found[f"p{percent:02}"] = percentile(values, percent) if values else None
    found["most"] = values[-1] if values else None
    return found


def walk_table(space: Space, groups: Sequence[Group], chosen: Mapping[Any, int]) -> Table:
    """What was best on the days to choose on, and what it made on the days after them."""
    figure = space.grid.figure
    tests = {(one.cell.window, one.cell.symbols): one for one in groups if one.cell.part == "test"}
    table: Table = []
    seen = set()
    for group in groups:
        place = (group.cell.window, group.cell.symbols)
        if group.cell.part != "train" or place in seen:
            continue
        choice = chosen.get(place)
        if choice is not None and group.cell.choice != choice:
            continue
        seen.add(place)
        test = tests.get(place)
        row = _where(space, group.cell, group.days)
        if choice is None:
            row |= dict.fromkeys((axis.name for axis in space.grid.axes), None)
        del row["part"]
        table.append(
            {
                **row,
                "test_first_day": f"{test.cell.days[0]:%Y%m%d}" if test else None,
                "test_last_day": f"{test.cell.days[-1]:%Y%m%d}" if test else None,
                "figure": figure,
                "train": group.mean(figure) if choice is not None else None,
                "test": test.mean(figure) if test else None,
                "test_realised": test.mean("realised") if test else None,
                "test_trades": test.mean("trades") if test else None,
            }
        )
    return table


def _where(space: Space, cell: Cell, days: Sequence[date]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if space.grid.walk_forward is not None:
        found |= {"window": cell.window, "part": cell.part}
    return {
        **found,
        **settings(space, cell),
        "symbols": " ".join(cell.symbols),
        "first_day": f"{days[0]:%Y%m%d}",
        "last_day": f"{days[-1]:%Y%m%d}",
        "days": len(days),
    }


# -- as files ----------------------------------------------------------------------------------


def as_csv(table: Table) -> bytes:
    rows = [{name: _plain(value) for name, value in row.items()} for row in table]
    return csv_bytes(list(table[0]), rows) if table else b""


def _plain(value: Any) -> Any:
    return label(value) if isinstance(value, bool | list | dict) else value


def as_parquet(table: Table) -> bytes:
    """A column is of numbers if all its values are, else of text."""
    return parquet_bytes({name: _column([row[name] for row in table]) for name in table[0]})


def _column(values: Sequence[Any]) -> list[Any]:
    there = [one for one in values if one is not None]
    if all(type(one) is int for one in there):
        return list(values)
    if all(type(one) in (int, float) for one in there):
        return [None if one is None else float(one) for one in values]
    return [None if one is None else label(one) for one in values]

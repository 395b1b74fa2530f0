"""Pictures and tables of the charts, written to a directory.

Events that lead the same way share an arrow, and rows that keep the state are left to the tables,
where every row is found. The output depends on the charts alone, and on how often their rows were
taken, if that is given.

``python -m statecharts.diagram docs/statecharts md svg`` writes the kept ones.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from statemachine.contrib.diagram.extract import extract
from statemachine.contrib.diagram.model import DiagramGraph, DiagramState, DiagramTransition
from statemachine.contrib.diagram.renderers.mermaid import MermaidRenderer

from statecharts.bracket import BracketChart
from statecharts.context import ContextChart
from statecharts.lower import NO_ROW, Chart, Region, Table, lifecycles, table
from statecharts.oco import OcoChart
from statecharts.order import MAY_FILL, MILESTONE, OrderChart
from statecharts.picture import Taken, svg
from statecharts.session import SessionChart
from statecharts.vocabulary import OrderReport

CHARTS: tuple[Chart, ...] = (OrderChart, ContextChart, BracketChart, OcoChart, SessionChart)
"""Every chart of the engine, the outermost lifecycle last."""

SUFFIXES = {"mermaid": ".mmd", "md": ".md", "svg": ".svg"}
"""The formats of ``export`` and the endings of their files."""


class DiagramError(Exception):
    """There is no such format; the message says which there are."""


def export(
    directory: str | Path,
    format: str,  # noqa: A002
    taken: Taken | None = None,
) -> list[Path]:
    """Write every chart in one format; returns the files written, one per chart.

    ``mermaid`` is the picture's source, ``md`` a page with the chart's law, the picture and its
    tables, ``svg`` a drawing. With ``taken`` each says how often its rows were taken, and which
    never were.

    Raises:
        DiagramError: an unknown format.
    """
    if format not in SUFFIXES:
        raise DiagramError(f"diagram format {format!r}: use one of {', '.join(SUFFIXES)}")
    make = {"mermaid": mermaid, "md": page, "svg": svg}[format]
    folder = Path(directory)
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for chart in CHARTS:
        file = folder / (table(chart).name + SUFFIXES[format])
        file.write_text(make(chart, taken), encoding="utf-8")
        written.append(file)
    return written


def mermaid(chart: Chart, taken: Taken | None = None) -> str:
    """The chart as a Mermaid ``stateDiagram-v2``."""
    return MermaidRenderer().render(_model(chart, taken))


def page(chart: Chart, taken: Taken | None = None) -> str:
    """The chart as a Markdown page: law, picture, one table per region, and for the order what
    siblings see of it."""
    lowered = table(chart)
    law = (sys.modules[chart.__module__].__doc__ or "").strip()
    cells = (
        "A name is the next state, `·` keeps the state, an empty cell has no row: the event is a "
        "fault there, or a refused request."
    )
    if taken is None:
        origin = "<!-- Generated from the code by `make charts`; a test compares them. -->"
    else:
        origin = "Rows that were taken have their count."
        cells += " With it stands how often the row was taken."
    parts = [
        f"# {lowered.name.capitalize()}",
        origin,
        law.replace("``", "`"),
        f"```mermaid\n{mermaid(chart, taken)}```",
        f"Rows of the tables are events, columns states. {cells}",
    ]
    for name, region, _ in lifecycles(chart):
        parts += [f"## {region.name.capitalize()}", _matrix(lowered, region, name, taken)]
        if taken is not None:
            parts.append(_never(lowered, region, name, taken))
    if chart is OrderChart:
        parts += ["## What siblings see", _milestones()]
    return "\n\n".join(parts) + "\n"


def _model(chart: Chart, taken: Taken | None) -> DiagramGraph:
    """The library's model with vocabulary names, without self-loops, and with one arrow per
    pair of states."""
    counts: Mapping[tuple[str, str], int] = {}
    if taken is not None:  # states of two regions have different names
        counts = {(state, event): times for (_, state, event), times in _own(chart, taken).items()}
    graph = extract(chart)
    events = {(row.source, row.event): row for row in graph.transitions if not row.is_initial}
    arrows: dict[tuple[str, str], list[str]] = {}
    for row in events.values():
        (target,) = row.targets
        if target != row.source:
            name = row.event.lower().replace(" ", "_")
            if taken is not None:
                name += f" ({counts.get((row.source, name), 0)})"
            arrows.setdefault((row.source, target), []).append(name)
    graph.transitions = [row for row in graph.transitions if row.is_initial] + [
        DiagramTransition(source=source, targets=[target], event=", ".join(names))
        for (source, target), names in sorted(arrows.items())
    ]
    _rename(graph.states)
    return graph


def _rename(states: list[DiagramState]) -> None:
    for state in states:
        state.name = state.id
        _rename(state.children)


def _own(chart: Chart, taken: Taken) -> Taken:
    names = {name for name, _, _ in lifecycles(chart)}
    return {row: times for row, times in taken.items() if row[0] in names}


def _matrix(lowered: Table, region: Region, name: str, taken: Taken | None) -> str:
    names = [state.name.lower() for state in region.states]
    rows = []
    for event in lowered.events:
        said = event.name.lower()
        cells = region.next[int(event) :: len(lowered.events)]
        if all(cell == NO_ROW for cell in cells):
            continue
        shown = [
            "" if cell == NO_ROW else "·" if cell == state else names[cell]
            for state, cell in enumerate(cells)
        ]
        if taken is not None:
            shown = [
                f"{cell} ({taken.get((name, state, said), 0):,})" if cell else ""
                for state, cell in zip(names, shown, strict=True)
            ]
        rows.append([said, *shown])
    heads = ["event", *(_mark(region, state, name) for state, name in enumerate(names))]
    return _markdown(heads, rows)


def _never(lowered: Table, region: Region, name: str, taken: Taken) -> str:
    """A line for each row that was not taken."""
    width = len(lowered.events)
    rows = [
        (region.states[cell // width].name.lower(), lowered.events[cell % width].name.lower())
        for cell, after in enumerate(region.next)
        if after != NO_ROW
    ]
    never = [row for row in rows if not taken.get((name, *row))]
    told = f"{len(rows) - len(never)} of {len(rows)} rows were taken."
    if never:
        told += " Never: " + ", ".join(f"{state} {event}" for state, event in never) + "."
    return told


def _mark(region: Region, state: int, name: str) -> str:
    if state == region.initial:
        return f"{name} (initial)"
    return f"{name} (final)" if state in region.final else name


def _milestones() -> str:
    rows = [
        [report.name.lower(), MILESTONE[report].name.lower(), "yes" if MAY_FILL[report] else "no"]
        for report in OrderReport
    ]
    return _markdown(["reported", "milestone", "may fill"], rows)


def _markdown(heads: list[str], rows: list[list[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def main(arguments: list[str]) -> int:
    """``directory format [format …]``; returns the exit code."""
    if len(arguments) < 2:
        sys.stderr.write("usage: python -m statecharts.diagram DIRECTORY FORMAT [FORMAT …]\n")
        return 2
    try:
        for format_name in arguments[1:]:
            for file in export(arguments[0], format_name):
                sys.stdout.write(f"{file}\n")
    except DiagramError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

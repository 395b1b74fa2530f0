"""Pictures and tables of the charts, written to a directory.

The pictures come from the library's own model of each chart. Events that lead the same way share
an arrow, and rows that keep the state are left to the tables, where every row is found. The
output depends on the charts alone; for ``svg`` also on the version of Graphviz.

``python -m statecharts.diagram docs/statecharts md svg`` writes the kept ones.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from statemachine.contrib.diagram.extract import extract
from statemachine.contrib.diagram.graphviz import GraphvizNotFoundError, run_graphviz
from statemachine.contrib.diagram.model import DiagramGraph, DiagramState, DiagramTransition
from statemachine.contrib.diagram.renderers.mermaid import MermaidRenderer

from statecharts.bracket import BracketChart
from statecharts.context import ContextChart
from statecharts.lower import NO_ROW, Chart, Region, Table, table
from statecharts.oco import OcoChart
from statecharts.order import MAY_FILL, MILESTONE, OrderChart
from statecharts.session import SessionChart
from statecharts.vocabulary import OrderReport

CHARTS: tuple[Chart, ...] = (OrderChart, ContextChart, BracketChart, OcoChart, SessionChart)
"""Every chart of the engine, the outermost lifecycle last."""

SUFFIXES = {"mermaid": ".mmd", "md": ".md", "svg": ".svg"}
"""The formats of ``export`` and the endings of their files."""


class DiagramError(Exception):
    """A diagram cannot be drawn here; the message says what to install or to ask for."""


def export(directory: str | Path, format: str) -> list[Path]:  # noqa: A002
    """Write every chart in one format; returns the files written, one per chart.

    ``mermaid`` is the picture's source, ``md`` a page with the chart's law, the picture and its
    tables, ``svg`` a drawing.

    Raises:
        DiagramError: an unknown format, or ``svg`` without pydot or Graphviz.
    """
    if format not in SUFFIXES:
        raise DiagramError(f"diagram format {format!r}: use one of {', '.join(SUFFIXES)}")
    draw = {"mermaid": mermaid, "md": page, "svg": svg}[format]
    folder = Path(directory)
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for chart in CHARTS:
        file = folder / (table(chart).name + SUFFIXES[format])
        file.write_text(draw(chart), encoding="utf-8")
        written.append(file)
    return written


def mermaid(chart: Chart) -> str:
    """The chart as a Mermaid ``stateDiagram-v2``."""
    return MermaidRenderer().render(_model(chart))


def svg(chart: Chart) -> str:
    """The chart as drawn by Graphviz' ``dot``.

    Raises:
        DiagramError: pydot or Graphviz is not installed.
    """
    try:
        from statemachine.contrib.diagram.renderers.dot import DotRenderer
    except ImportError as error:
        raise DiagramError(
            "svg diagrams need pydot: pip install 'statechart-order-engine[diagrams]'"
        ) from error
    source = _stable_ids(DotRenderer().render(_model(chart)).to_string())
    try:
        return run_graphviz(source, "svg").decode("utf-8")
    except GraphvizNotFoundError as error:
        raise DiagramError(
            "svg diagrams need the program dot: install the Debian package graphviz"
        ) from error


def page(chart: Chart) -> str:
    """The chart as a Markdown page: law, picture, one table per region, and for the order what
    siblings see of it."""
    lowered = table(chart)
    law = (sys.modules[chart.__module__].__doc__ or "").strip()
    parts = [
        f"# {lowered.name.capitalize()}",
        "<!-- Generated from the code by `make charts`; a test compares them. -->",
        law.replace("``", "`"),
        f"```mermaid\n{mermaid(chart)}```",
        "Rows of the tables are events, columns states. A name is the next state, `·` keeps the "
        "state, an empty cell has no row: the event is a fault there, or a refused request.",
    ]
    for region in lowered.regions:
        parts += [f"## {region.name.capitalize()}", _matrix(lowered, region)]
    if chart is OrderChart:
        parts += ["## What siblings see", _milestones()]
    return "\n\n".join(parts) + "\n"


def _model(chart: Chart) -> DiagramGraph:
    """The library's model with vocabulary names, without self-loops, and with one arrow per
    pair of states."""
    graph = extract(chart)
    events = {(row.source, row.event): row for row in graph.transitions if not row.is_initial}
    arrows: dict[tuple[str, str], list[str]] = {}
    for row in events.values():
        (target,) = row.targets
        if target != row.source:
            name = row.event.lower().replace(" ", "_")
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


def _stable_ids(source: str) -> str:
    """The library numbers helper nodes by memory address; number them in order instead."""
    seen: dict[str, str] = {}

    def number(match: re.Match[str]) -> str:
        return match[1] + seen.setdefault(match[2], str(len(seen)))

    return re.sub(r"(__initial_|cluster___atomic_)(\d+)", number, source)


def _matrix(lowered: Table, region: Region) -> str:
    names = [state.name.lower() for state in region.states]
    rows = []
    for event in lowered.events:
        cells = region.next[int(event) :: len(lowered.events)]
        if all(cell == NO_ROW for cell in cells):
            continue
        shown = [
            "" if cell == NO_ROW else "·" if cell == state else names[cell]
            for state, cell in enumerate(cells)
        ]
        rows.append([event.name.lower(), *shown])
    heads = ["event", *(_mark(region, state, name) for state, name in enumerate(names))]
    return _markdown(heads, rows)


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

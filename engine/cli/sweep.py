"""``engine sweep``: many backtests over a grid, and tables of what they made."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

import attrs

from engine.cli.handlers import INTERRUPTED
from engine.cli.progress import bar, gauge
from engine.cli.run import Interrupts
from engine.errors import UserError
from engine.monitor import words
from engine.monitor.files import write_json, write_whole
from engine.monitor.table_files import parquet_there
from engine.monitor.words import NONE
from engine.settings_file import read as read_settings
from engine.signals.files import SignalFile
from engine.sim.policies import answers
from engine.sim.profiles import policies
from engine.sweep import grid as grids
from engine.sweep import tables
from engine.sweep.cells import Cell, Given, Space, space
from engine.sweep.cluster import Cluster
from engine.sweep.crew import Crew
from engine.sweep.heat_map import as_svg, heat_map
from engine.sweep.inputs import code, digests
from engine.sweep.play import play
from engine.sweep.results import Results
from engine.sweep.rows import Group, label, ranked, settings
from engine.sweep.rows import days as days_of
from engine.sweep.sweep import Progress, Show, Sweep, Swept
from engine.verify.jobs import processors

BEST: Final = 5  # that are printed
TOLD: Final = 3  # reasons of failures that are printed
FAILED: Final = 1  # exit code when every cell has


@attrs.frozen(kw_only=True)
class SweepOptions:
    strategy: Path
    grid: Path | None
    ticks: tuple[Path, ...]
    signals: Path | None
    out: Path | None
    jobs: int | None
    scheduler: str
    profile: str
    policies: tuple[str, ...]


def sweep(options: SweepOptions) -> int:
    """0 when every cell was played, also those that failed; 130 when it was interrupted.

    Raises:
        UserError: one line on what a person must mend.
    """
    if options.grid is None or options.out is None:
        raise UserError("sweep: name the grid and the folder: --grid FILE --out DIR")
    if options.jobs is not None and not 1 <= options.jobs <= 1024:
        raise UserError(f"--jobs {options.jobs}: 1 to 1024")
    if options.scheduler and options.jobs is not None:
        raise UserError("--jobs and --scheduler: one of them; a cluster has workers of its own")
    found = _space(options, grids.read(options.grid))
    with (
        Results(options.out) as results,
        _crew(options) as crew,
        Interrupts() as interrupts,
    ):
        with _progress() as show:
            work = Sweep(found, results, crew, show, interrupts.event.is_set)
            sys.stderr.write(f"{work.total:,} cells\n")
            swept = work.run()
        files = _written(options, found, swept)
        took_s = time.monotonic() - interrupts.since
    sys.stdout.write("".join(f"{line}\n" for line in _lines(found, swept)))
    sys.stdout.write(f"tables         {options.out}: {', '.join(files)}\n")
    sys.stdout.flush()
    sys.stderr.write(f"{took_s:.1f} s, {swept.found:,} cells were there before\n")
    if not swept.whole:
        sys.stderr.write("ended early; the same command goes on where this one ended\n")
        return INTERRUPTED
    if all(row.status == "failed" for row in swept.rows):
        sys.stderr.write("every cell has failed: the tables hold no figures\n")
        return FAILED
    return 0


@contextmanager
def _crew(options: SweepOptions) -> Iterator[Crew | Cluster]:
    """Who plays the cells."""
    if not options.scheduler:
        yield Crew(options.jobs or processors(), play)
        return
    with closing(Cluster(options.scheduler, play)) as cluster:
        yield cluster


def _space(options: SweepOptions, grid: grids.Grid) -> Space:
    """Everything that can be wrong is found here."""
    file = read_settings(options.strategy)
    symbols = file.settings().strategy.symbols
    if options.signals is not None:
        SignalFile(options.signals, symbols).load()
    chosen = answers(options.policies)
    policies(options.profile, chosen)
    given = [*options.ticks, *([] if options.signals is None else [options.signals])]
    with bar("reading the files") as show:
        found = digests(given, show)
    signals = None if options.signals is None else (options.signals, found[options.signals])
    with bar("checking the cells") as show:
        return space(
            grid,
            Given(
                settings=file.data,
                ticks={path: found[path] for path in options.ticks},
                signals=signals,
                profile=options.profile,
                answers=chosen,
                code=code(),
            ),
            show,
        )


# -- files ---------------------------------------------------------------------------------------


def _written(options: SweepOptions, space: Space, swept: Swept) -> list[str]:
    """The names of the files."""
    assert options.out is not None
    figure = space.grid.figure
    cells = tables.cell_table(space, swept.rows)
    spread = tables.spread_table(space, swept.groups)
    whole: dict[str, Any] = {
        "strategy": options.strategy.name,
        "figure": figure,
        "cells": cells,
        "distribution": spread,
    }
    bodies = {"cells.csv": tables.as_csv(cells), "distribution.csv": tables.as_csv(spread)}
    if space.grid.walk_forward is not None:
        walk = tables.walk_table(space, swept.groups, swept.chosen)
        whole["walk_forward"] = walk
        bodies["walk_forward.csv"] = tables.as_csv(walk)
    if parquet_there():
        bodies["cells.parquet"] = tables.as_parquet(cells)
    drawing = heat_map(space, swept.rows)
    if drawing is not None:
        bodies["heat_map.svg"] = as_svg(drawing)
    write_json(options.out / "sweep.json", whole)
    for name, body in bodies.items():
        write_whole(options.out / name, body)
    return ["sweep.json", *bodies]


# -- words ---------------------------------------------------------------------------------------


def _lines(space: Space, swept: Swept) -> Iterator[str]:
    figure = space.grid.figure
    walk = space.grid.walk_forward is not None
    if walk:
        yield from _walk(tables.walk_table(space, swept.groups, swept.chosen), space)
    else:
        best = ranked(swept.groups, figure)[:BEST]
        if best:
            yield from words.rows([_head(space, figure), *(_row(space, one) for one in best)])
    count = {name: sum(row.status == name for row in swept.rows) for name in _STATUSES}
    yield ""
    told = ", ".join(f"{name} {number:,}" for name, number in count.items() if number)
    yield f"cells          {told}"
    failed = [row for row in swept.rows if row.status == "failed"]
    for row in failed[:TOLD]:
        assert row.made is not None
        told = ", ".join(f"{name} {label(value)}" for name, value in _own(space, row.cell).items())
        yield f"failed         {told}: {row.made['failed']}"
    if len(failed) > TOLD:
        yield f"failed         and {len(failed) - TOLD:,} more: cells.csv"


_STATUSES: Final = ("done", "failed", "missing")


def _own(space: Space, cell: Cell) -> dict[str, Any]:
    """What tells a cell from others, without what is the same for all."""
    return {
        **settings(space, cell),
        "symbols": " ".join(cell.symbols),
        "days": days_of(cell.days),
        "seed": cell.seed,
    }


def _head(space: Space, figure: str) -> tuple[str, ...]:
    names = (axis.name.removeprefix("strategy.") for axis in space.grid.axes)
    return ("symbols", "days", *names, figure, "least", "most", "trades", "runs")


def _row(space: Space, one: Group) -> tuple[str, ...]:
    values = one.values(space.grid.figure)
    return (
        *(" ".join(one.cell.symbols), days_of(one.days)),
        *(label(value) for value in settings(space, one.cell).values()),
        *(_number(one.mean(space.grid.figure)), _number(values[0]), _number(values[-1])),
        *(_number(one.mean("trades")), str(len(one.rows))),
    )


def _walk(table: Sequence[Mapping[str, Any]], space: Space) -> Iterator[str]:
    names = [axis.name for axis in space.grid.axes]
    heads = (name.removeprefix("strategy.") for name in names)
    told = [
        ("window", "symbols", "test days", *heads, f"train {space.grid.figure}", "test", "realised")
    ]
    for row in table:
        tested = row["test_first_day"] is not None
        days = f"{row['test_first_day']}-{row['test_last_day']}" if tested else NONE
        settings_ = (NONE if row[name] is None else label(row[name]) for name in names)
        figures = (_number(row[name]) for name in ("train", "test", "test_realised"))
        told.append((str(row["window"]), row["symbols"], days, *settings_, *figures))
    yield from words.rows(told)
    made = [row["test_realised"] for row in table if row["test_realised"] is not None]
    yield ""
    yield f"tests          {len(made)} of {len(table)}, realised {_number(sum(made))}"


def _number(value: float | None) -> str:
    return NONE if value is None else f"{value:,.2f}"


@contextmanager
def _progress() -> Iterator[Show]:
    note = "{task.fields[failed]} failed"
    with gauge(1.0, note, failed=0) as update:

        def show(now: Progress) -> None:
            update(
                description=f"{now.done:,} of {now.total:,}",
                completed=(now.done + now.part) / now.total,
                failed=now.failed,
            )

        yield show

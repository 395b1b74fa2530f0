"""A sweep from its beginning, or from where it was ended, to its rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import attrs

from engine.sweep.cells import Cell, Space, cells, drawn, windows
from engine.sweep.cluster import Cluster
from engine.sweep.crew import Crew, Said
from engine.sweep.results import Results
from engine.sweep.rows import Group, Row, chosen, grouped


@attrs.frozen
class Progress:
    """``done`` of ``total`` cells, ``found`` of them before this start; ``part``: of those under
    way."""

    done: int
    total: int
    found: int
    failed: int
    part: float


Show = Callable[[Progress], None]


@attrs.frozen
class Swept:
    """``whole`` is False if it was ended early."""

    rows: tuple[Row, ...]
    groups: tuple[Group, ...]
    chosen: dict[tuple[int, tuple[str, ...]], int]
    whole: bool
    found: int


class Sweep:
    """``run`` plays what is not among the results, once."""

    def __init__(
        self,
        space: Space,
        results: Results,
        crew: Crew | Cluster,
        show: Show = lambda progress: None,
        stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        self.space = space
        self._results = results
        self._crew = crew
        self._show = show
        self._stopping = stopping
        self._cells = cells(space)
        self.total = len(self._cells)
        if space.grid.walk_forward is not None:
            runs = len(space.grid.seeds) * len(space.grid.latencies_ms)
            self.total += runs * sum(len(list(windows(space, one))) for one in space.groups)
        self._before = frozenset(results.records)  # what this run plays itself may come twice
        self._done = self._found = self._failed = 0

    def run(self) -> Swept:
        """Raises UserError: the disk refuses."""
        rows = self._played(self._cells)
        best = {}
        if self.space.grid.walk_forward is not None and not self._stopping():
            best = chosen(grouped(rows), self.space.grid.figure)
            rows += self._played(self._tests(best))
        whole = all(row.made is not None for row in rows) and not self._stopping()
        return Swept(tuple(rows), tuple(grouped(rows)), best, whole, self._found)

    def _tests(self, best: dict[tuple[int, tuple[str, ...]], int]) -> list[Cell]:
        space = self.space
        return [
            cell
            for symbols in space.groups
            for number, (_, days) in enumerate(windows(space, symbols), start=1)
            if (number, symbols) in best
            for cell in space.over(symbols, days, best[number, symbols], window=number, part="test")
        ]

    def _played(self, these: Sequence[Cell]) -> list[Row]:
        records = self._results.records
        tasks = [self.space.task(cell) for cell in these]
        there = [task for task in tasks if task.key in records]
        self._found += sum(task.key in self._before for task in there)
        for task in there:
            self._count(records[task.key])
        copies: dict[str, int] = {}
        for task in tasks:
            if task.key not in records:
                copies[task.key] = copies.get(task.key, 0) + 1
        missing = {task.key: task for task in tasks if task.key in copies}
        self._tell(0.0)
        for task, made in self._crew.run(missing.values(), self._stopping, self._tell):
            self._results.add(task.key, made)
            for _ in range(copies[task.key]):
                self._count(made)
            self._tell(0.0)
        return [
            Row(cell, drawn(self.space.grid, cell.seed), records.get(task.key))
            for cell, task in zip(these, tasks, strict=True)
        ]

    def _count(self, made: Said) -> None:
        self._done += 1
        self._failed += "failed" in made

    def _tell(self, part: float) -> None:
        self._show(Progress(self._done, self.total, self._found, self._failed, part))

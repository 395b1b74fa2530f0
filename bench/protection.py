"""What an execution and the stop that follows it went through, stage by stage, and its figures."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Final

from bench.ledger import Figure, Ledger, Target
from bench.peers.engine import STAGES
from bench.timing import percentile

NAMES: Final = ("from the peer's send to its receipt", *STAGES, "to the peer, and its receipt")
Traced = tuple[float, list[float]]  # seconds wire to wire, and of each of NAMES


def traced(told: Iterable[Sequence[float]], stages: Sequence[Sequence[int]]) -> list[Traced]:
    """Of each execution that the sender told of, the step whose order it got in its answer."""
    found: list[Traced] = []
    marks = [[mark / 1e9 for mark in row] for row in stages]
    for began, took in told:
        last = [row for row in marks if began <= row[0] and row[-1] <= began + took][-1]
        through = [began, *last, began + took]
        found.append((took, [after - before for before, after in pairwise(through)]))
    return found


def add(
    ledger: Ledger, group: str, found: Sequence[Traced], bound: float | None, when: str = ""
) -> None:
    """Medians and worst of the whole, and the median of each stage by itself."""
    _of_whole(ledger, group, f"{when}wire to wire", [took for took, _ in found], None)
    inside = [sum(parts[1:-1]) for _, parts in found]
    _of_whole(ledger, group, f"{when}receipt -> handed to the system", inside, bound)
    for name, column in zip(NAMES, zip(*(parts for _, parts in found), strict=True), strict=True):
        ledger.add(Figure(group, f"  {when}{name}", statistics.median(column)))


def _of_whole(
    ledger: Ledger, group: str, name: str, times: Sequence[float], bound: float | None
) -> None:
    target = None if bound is None else Target("ours", bound)
    ledger.add(Figure(group, f"{name}, p50", percentile(times, 0.5), target=target))
    ledger.add(Figure(group, f"{name}, p99", percentile(times, 0.99)))

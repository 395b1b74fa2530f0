"""From the bytes of an execution to those of the protective order that follows from it, by stage.

An entry fills at another price than the one it was decided on, so its stop has to move, while five
other positions are held. The sender times it alone, wire to wire; the stages are clocks beside the
engine's own methods (``peers/engine.py``), each the median of its own. With the journal on the
disk, in both of its ways, and kept in memory: what is left without a disk.
"""

from __future__ import annotations

import json
import statistics
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from bench.ledger import Figure, Ledger, Target
from bench.peers.engine import HELD, STAGES
from bench.processes import Sender, start
from bench.timing import percentile

FILLS: Final = 60
FIRST: Final = 10  # of them that only warm up
ROUNDS: Final = 2
TARGETS: Final = {"full": 1.5e-3, "normal": None, "memory": 0.2e-3}
Traced = tuple[float, list[float]]  # seconds wire to wire, and of each stage with both ways


def fills(path: Path | None, durability: str) -> list[Traced]:
    journal = () if path is None else (path, durability)
    with Sender("filling", symbols=",".join(("IBM", *HELD))) as sender:
        process = start("bench.peers.engine", "holding", sender.port, *journal)
        told = [json.loads(sender.line()) for _ in range(FILLS)][FIRST:]
        out, _ = process.communicate()
    stages: list[list[int]] = json.loads(out)["stages"]
    return [traced(*one, stages) for one in told]


def traced(began: float, took: float, stages: list[list[int]]) -> Traced:
    """Of one execution: the step whose order the sender got in its answer."""
    marks = [[mark / 1e9 for mark in row] for row in stages if row[0] / 1e9 >= began]
    last = [row for row in marks if row[-1] <= began + took][-1]
    through = [began, *last, began + took]
    return took, [after - before for before, after in pairwise(through)]


def test_protection(ledger: Ledger, disk: Path) -> None:
    found: dict[str, list[Traced]] = {kind: [] for kind in TARGETS}
    for turn in range(ROUNDS):
        for kind in TARGETS:
            path = None if kind == "memory" else disk / f"{kind}-{turn}.journal"
            found[kind] += fills(path, kind if path else "full")
    names = ("from the peer's send to its receipt", *STAGES, "to the peer, and its receipt")
    for kind, bound in TARGETS.items():
        group = f"execution -> stop by stage, journal {kind}"
        whole = [took for took, _ in found[kind]]
        columns = list(zip(*(parts for _, parts in found[kind]), strict=True))
        inside = [sum(parts[1:-1]) for _, parts in found[kind]]
        add(ledger, group, "wire to wire", whole, None)
        add(ledger, group, "receipt -> handed to the system", inside, bound)
        for name, column in zip(names, columns, strict=True):
            ledger.add(Figure(group, f"  {name}", statistics.median(column)))


def add(ledger: Ledger, group: str, name: str, times: Any, bound: float | None) -> None:
    target = None if bound is None else Target("ours", bound)
    ledger.add(Figure(group, f"{name}, p50", percentile(times, 0.5), target=target))
    ledger.add(Figure(group, f"{name}, p99", percentile(times, 0.99)))

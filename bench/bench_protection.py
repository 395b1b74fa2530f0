"""From the bytes of an execution to those of the protective order that follows from it, by stage.

An entry fills at another price than the one it was decided on, so its stop has to move, while five
other positions are held. The sender times it alone, wire to wire; the stages are clocks beside the
engine's own methods (``peers/engine.py``), each the median of its own. With the journal on the
disk, in both of its ways, and kept in memory: what is left without a disk.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from bench import protection
from bench.ledger import Ledger
from bench.peers.engine import HELD
from bench.processes import Sender, start

FILLS: Final = 60
FIRST: Final = 10  # of them that only warm up
ROUNDS: Final = 2
TARGETS: Final = {"full": 1.5e-3, "normal": None, "memory": 0.2e-3}


def fills(path: Path | None, durability: str) -> list[protection.Traced]:
    journal = () if path is None else (path, durability)
    with Sender("filling", symbols=",".join(("IBM", *HELD))) as sender:
        process = start("bench.peers.engine", "holding", sender.port, *journal)
        told = [json.loads(sender.line()) for _ in range(FILLS)][FIRST:]
        out, _ = process.communicate()
    return protection.traced(told, json.loads(out)["stages"])


def test_protection(ledger: Ledger, disk: Path) -> None:
    found: dict[str, list[protection.Traced]] = {kind: [] for kind in TARGETS}
    for turn in range(ROUNDS):
        for kind in TARGETS:
            path = None if kind == "memory" else disk / f"{kind}-{turn}.journal"
            found[kind] += fills(path, kind if path else "full")
    for kind, bound in TARGETS.items():
        group = f"execution -> stop by stage, journal {kind}"
        protection.add(ledger, group, found[kind], bound)

"""A journal decided anew, record by record, its chain proven: as ``engine replay`` does."""

from __future__ import annotations

import statistics
import time
from pathlib import Path
from typing import Final

from bench.bench_startup import history
from bench.ledger import Figure, Ledger, Target
from engine.replay.replay import replay

GROUP: Final = "replay"
RECORDS: Final = 60_000
ROUNDS: Final = 3


def test_replay(ledger: Ledger, disk: Path) -> None:
    """In processor time: nothing waits."""
    path = disk / "replay.journal"
    history(path, RECORDS)
    took = []
    for _ in range(ROUNDS):
        began = time.process_time()
        found = replay(path)
        took += [(time.process_time() - began) / found.records]
        assert (found.records, found.differences) == (RECORDS, [])
    figure = Figure(GROUP, "per record", statistics.median(took), target=Target("ours", 10e-6))
    ledger.add(figure)

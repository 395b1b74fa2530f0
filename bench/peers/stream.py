"""A backtest of generated days of a million ticks each, which are made as they are played: what
the whole takes, and its memory on the way. As ``python -m bench.peers.stream 100``: 100 days, and
with ``still``: without signals, so that nothing is traded that the report has to remember."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import numpy as np

from bench.days import FIRST, write_signals
from bench.peers.backtest import resident, settings
from engine.backtest.plan import planned
from engine.backtest.trial import Backtest, Progress
from engine.broker import library
from engine.config import from_mapping
from engine.sim import instruments, market
from engine.sim.market import Block

DAY_TICKS = 1_000_000
BLOCK_TICKS = 50_000


def trading_days(count: int) -> list[date]:
    found, day = [], FIRST
    while len(found) < count:
        if day.weekday() < 5:
            found.append(day)
        day += timedelta(1)
    return found


def generated(path: Path | str) -> Iterator[Block]:
    """In the place of a file's ticks: bid, ask and trade in turns around a walk in cents."""
    _, day = market.named(Path(path))
    opens_ns, closes_ns = instruments.session(day)
    draw = np.random.default_rng(day.toordinal())
    step_ns = (closes_ns - opens_ns) // DAY_TICKS
    cents = 10_000
    turn = np.tile(np.frombuffer(b"BAT", np.uint8), BLOCK_TICKS // 3 + 1)[:BLOCK_TICKS]
    away = np.where(turn == ord("A"), 1, 0)
    for begin in range(0, DAY_TICKS, BLOCK_TICKS):
        times = opens_ns + np.arange(begin, begin + BLOCK_TICKS, dtype=np.int64) * step_ns
        moves = draw.integers(-1, 2, BLOCK_TICKS) * (draw.random(BLOCK_TICKS) < 0.1)
        walk = np.maximum(cents + np.cumsum(moves), 5_000)
        cents = int(walk[-1])
        sizes = draw.integers(1, 20, BLOCK_TICKS) * 100
        yield Block(times, turn, (walk + away) / 100.0, sizes)


def main(days: int, still: bool) -> None:
    library.load()
    market.read_blocks = generated
    seen: list[tuple[float, int]] = []

    def show(progress: Progress) -> None:
        seen.append((progress.done, resident()))

    with tempfile.TemporaryDirectory() as name:
        paths = [Path(f"IBM-{day:%Y%m%d}.csv") for day in trading_days(days)]
        signals = None if still else write_signals(Path(name), paths[0], 10)
        plan = planned(from_mapping(settings("IBM")), paths, signals)
        began = time.process_time()
        outcome = Backtest(plan, show).run()
        took_s = time.process_time() - began
    at = {share: next(size for done, size in seen if done >= share) for share in (0.05, 0.25, 0.5)}
    found = {
        "ticks": outcome.ticks,
        "days": outcome.days,
        "trades": len(outcome.trades),
        "seconds": took_s,
        "resident": {**{f"{share:.0%}": size for share, size in at.items()}, "end": seen[-1][1]},
        "most": max(size for _, size in seen),
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main(int(sys.argv[1]), "still" in sys.argv[2:])

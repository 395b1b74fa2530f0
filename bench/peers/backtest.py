"""Backtests of a day in a process of its own: their processor time, and its memory from the first
quarter to the end, as JSON.

    python -m bench.peers.backtest SYMBOL-YYYYMMDD.csv.gz SIGNALS...

The day is played once with each of the files of signals.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

from engine.backtest.plan import planned
from engine.backtest.trial import Backtest, Progress
from engine.broker import library
from engine.config import from_mapping

STRATEGY: dict[str, Any] = {
    "sizing": {"shares": 100},
    "stop": {"atr": 6.0, "percent": 1.0},
    "target": {"atr": 4.0, "percent": 1.0},
    "on_opposite": "reverse",
    "cooldown_s": 60,
}


def settings(symbol: str) -> dict[str, Any]:
    return {"strategy": {"symbols": [symbol], **STRATEGY}}


def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def played(ticks: Path, signals: Path) -> dict[str, float]:
    """One backtest: its figures."""
    seen: list[tuple[float, int]] = []

    def show(progress: Progress) -> None:
        seen.append((progress.done, resident()))

    config = from_mapping(settings(ticks.name.split("-")[0]))
    trial = Backtest(planned(config, [ticks], signals), show)
    began = time.process_time()
    outcome = trial.run()
    return {
        "seconds": time.process_time() - began,
        "ticks": outcome.ticks,
        "hours": outcome.exposure.played_ns / 3.6e12,
        "trades": len(outcome.trades),
        "quarter": next(bytes_ for done, bytes_ in seen if done >= 0.25),
        "end": seen[-1][1],
    }


def main(ticks: Path, signals: list[Path]) -> None:
    library.load()
    print(json.dumps([played(ticks, path) for path in signals]))


if __name__ == "__main__":
    main(Path(sys.argv[1]), [Path(one) for one in sys.argv[2:]])

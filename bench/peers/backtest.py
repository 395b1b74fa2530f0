"""A backtest of generated days in a process of its own: its processor time, and its memory from
the first quarter to the end, as JSON.

    python -m bench.peers.backtest DAYS TICKS_PER_S FORM KIND...

The days come as text in gzip (``text``), or as NumPy's arrays (``columns``), whose reading is next
to nothing. They are played once for each kind: ``traded``, every ten minutes, ``often``, every
three, or ``still``, in which nobody trades.
"""

from __future__ import annotations

import gzip
import json
import resource
import sys
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path

import numpy as np

from engine.backtest.plan import planned
from engine.backtest.trial import Backtest, Progress
from engine.broker import library
from engine.config import from_mapping
from engine.sim import instruments
from engine.sim.market import generate, read_ticks

OFTEN_MINUTES = 3
FIRST = date(2024, 1, 1)  # a Monday
SETTINGS = {
    "strategy": {
        "symbols": ["IBM"],
        "sizing": {"shares": 100},
        "stop": {"atr": 6.0, "percent": 1.0},
        "target": {"atr": 4.0, "percent": 1.0},
        "on_opposite": "reverse",
        "cooldown_s": 60,
    }
}


def write_day(folder: Path, day: date, ticks_per_s: float) -> Path:
    opens, closes = instruments.session(day)
    origin = instruments.midnight_ns(day)
    path = folder / f"IBM-{day:%Y%m%d}.csv.gz"
    source = generate(["IBM"], day.toordinal(), opens, closes, ticks_per_s=ticks_per_s, prints=0.4)
    with gzip.open(path, "wt", encoding="ascii", compresslevel=1) as file:
        file.write("time_ms,kind,price,size\n")
        file.writelines(
            f"{(one.time_ns - origin) // 1_000_000},{one.kind},{one.price:.2f},{one.size}\n"
            for one in source
        )
    return path


def as_columns(path: Path) -> Path:
    """The same day as one structured array."""
    kinds = np.dtype([("time", "i8"), ("kind", "u1"), ("price", "f8"), ("size", "i8")])
    rows = [(one.time_ns, ord(one.kind), one.price, one.size) for one in read_ticks(path)]
    made = path.with_name(path.name.replace(".csv.gz", ".npy"))
    np.save(made, np.array(rows, kinds), allow_pickle=False)
    return made


def write_signals(folder: Path, minutes: int = 10) -> Path:
    """BUY and SHORT in turns, every so many minutes."""
    path = folder / f"S{minutes}.jsonl"
    rows = [
        {"at": f"{minute // 60:02d}:{minute % 60:02d}:00", "ticker": "IBM", "confidence": 0.9}
        | {"signal": "BUY" if minute // minutes % 2 else "SHORT"}
        for minute in range(580, 955, minutes)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def played(paths: list[Path], signals: Path | None) -> dict[str, float]:
    """One backtest of them: its figures."""
    seen: list[tuple[float, int]] = []

    def show(progress: Progress) -> None:
        seen.append((progress.done, resident()))

    trial = Backtest(planned(from_mapping(SETTINGS), paths, signals), show)
    began = time.process_time()
    outcome = trial.run()
    return {
        "seconds": time.process_time() - began,
        "ticks": outcome.ticks,
        "hours": outcome.exposure.played_ns / 3.6e12,
        "trades": len(outcome.trades),
        "orders": len(outcome.record.orders),
        "quarter": next(bytes_ for done, bytes_ in seen if done >= 0.25),
        "end": seen[-1][1],
    }


def main(days: int, ticks_per_s: float, form: str, kinds: list[str]) -> None:
    library.load()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        paths = [write_day(folder, FIRST + timedelta(one), ticks_per_s) for one in range(days)]
        began = time.process_time()
        for path in paths:
            for _ in read_ticks(path):
                pass
        read_s = time.process_time() - began
        if form == "columns":
            paths = [as_columns(path) for path in paths]
        signals = {
            "traded": write_signals(folder),
            "often": write_signals(folder, OFTEN_MINUTES),
            "still": None,
        }
        found = [{**played(paths, signals[kind]), "read_s": read_s} for kind in kinds]
    print(json.dumps(found))


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]), sys.argv[3], sys.argv[4:])

"""Days to be played: generated ones, real ones where they are beside the project, and signals."""

from __future__ import annotations

import gzip
import json
from datetime import date
from pathlib import Path
from typing import Final

import numpy as np

from bench.ledger import ROOT
from engine.sim import instruments
from engine.sim.market import generate, named, read_ticks

FIRST: Final = date(2024, 1, 1)  # a Monday
REAL: Final = ROOT.parent / "shared" / "data" / "ticks"


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


def as_columns(path: Path, folder: Path) -> Path:
    """The same day as one structured array, whose reading is next to nothing."""
    kinds = np.dtype([("time", "i8"), ("kind", "u1"), ("price", "f8"), ("size", "i8")])
    rows = [(one.time_ns, ord(one.kind), one.price, one.size) for one in read_ticks(path)]
    made = folder / path.name.replace(".csv.gz", ".npy")
    np.save(made, np.array(rows, kinds), allow_pickle=False)
    return made


def write_signals(folder: Path, day: Path, minutes: int) -> Path:
    """BUY and SHORT in turns for the symbol of a day, every so many minutes; none for 0."""
    symbol, _ = named(day)
    path = folder / f"{symbol}-every-{minutes}.jsonl"
    rows = [
        {"at": f"{minute // 60:02d}:{minute % 60:02d}:00", "ticker": symbol, "confidence": 0.9}
        | {"signal": "BUY" if minute // minutes % 2 else "SHORT"}
        for minute in (range(580, 955, minutes) if minutes else ())
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path

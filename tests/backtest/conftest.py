"""Short generated days as tick files, and predictions for them."""

import json
from datetime import date
from pathlib import Path

import pytest

from engine.backtest.plan import planned
from engine.backtest.trial import Backtest
from engine.config import from_mapping
from engine.sim import instruments
from engine.sim.launch import DAY
from engine.sim.market import generate

ROOT = Path(__file__).parents[2]
TICKS = ROOT.parent / "shared" / "data" / "ticks"
SETTINGS = {
    "strategy": {
        "symbols": ["IBM"],
        "sizing": {"shares": 300},
        "stop": {"percent": 0.5},
        "target": {"percent": 0.5},
        "on_opposite": "reverse",
        "cooldown_s": 5,
    }
}


@pytest.fixture
def ticks(tmp_path):
    """Writes the first minutes of a generated day."""

    def write(symbol="IBM", minutes=20.0, seed=1, day: date = DAY, rate=2.0):
        opens, _ = instruments.session(day)
        origin = instruments.midnight_ns(day)
        path = tmp_path / f"{symbol}-{day:%Y%m%d}.csv"
        source = generate(
            [symbol], seed, opens, opens + int(minutes * 60e9),
            ticks_per_s=rate, prints=0.4, volatility=0.0003,
        )  # fmt: skip
        rows = [
            f"{(one.time_ns - origin) // 1_000_000},{one.kind},{one.price:.2f},{one.size}\n"
            for one in source
        ]
        path.write_text("time_ms,kind,price,size\n" + "".join(rows))
        return path

    return write


@pytest.fixture
def signals(tmp_path):
    """Writes (clock or seconds, symbol, signal) as a file of predictions."""

    def write(*rows, name="S.jsonl"):
        path = tmp_path / name
        lines = [
            json.dumps({"at": at, "ticker": symbol, "signal": kind, "confidence": 0.9})
            for at, symbol, kind in rows
        ]
        path.write_text("\n".join(lines) + "\n")
        return path

    return write


@pytest.fixture
def played():
    """Plays ticks with the settings above, changed."""

    def play(ticks, signals=None, strategy=None, limits=None, **options):
        data = {"strategy": {**SETTINGS["strategy"], **(strategy or {})}, "limits": limits or {}}
        config = from_mapping(data)
        return Backtest(planned(config, list(ticks), signals, **options)).run()

    return play

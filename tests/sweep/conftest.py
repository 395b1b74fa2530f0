"""A strategy, three short days, and the command over them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import tomllib
from datetime import date
from pathlib import Path

import pytest

from engine.sim import instruments
from engine.sim.market import generate
from engine.sweep import grid as grids
from engine.sweep.cells import Given, space

ROOT = Path(__file__).parents[2]
DAYS = (date(2024, 1, 3), date(2024, 1, 4), date(2024, 1, 5))
STRATEGY = """\
[strategy]
symbols = ["IBM"]
sizing = {shares = 300}
stop = {percent = 0.5}
target = {percent = 0.5}
on_opposite = "reverse"
cooldown_s = 5
"""
SIGNALS = (("09:30:40", "BUY"), ("09:31:50", "SHORT"), ("09:33:10", "SELL"))


@pytest.fixture(scope="session")
def given(tmp_path_factory):
    """A folder with what a sweep is given; nobody changes it."""
    folder = tmp_path_factory.mktemp("given")
    for day in DAYS:
        opens, _ = instruments.session(day)
        origin = instruments.midnight_ns(day)
        rows = [
            f"{(one.time_ns - origin) // 1_000_000},{one.kind},{one.price:.2f},{one.size}\n"
            for one in generate(
                ["IBM"], day.day, opens, opens + 4 * 60 * 10**9,
                ticks_per_s=2.0, prints=0.4, volatility=0.0003,
            )
        ]  # fmt: skip
        path = folder / f"IBM-{day:%Y%m%d}.csv"
        path.write_text("time_ms,kind,price,size\n" + "".join(rows))
    (folder / "s.toml").write_text(STRATEGY)
    lines = [
        json.dumps({"at": at, "ticker": "IBM", "signal": kind, "confidence": 0.9})
        for at, kind in SIGNALS
    ]
    (folder / "s.jsonl").write_text("\n".join(lines) + "\n")
    return folder


@pytest.fixture
def made(given, tmp_path):
    """The space of a grid over the given days."""

    def make(text, strategy=STRATEGY, days=3, answers=None, code="1", more=()):
        path = tmp_path / "grid.toml"
        path.write_text(text)
        ticks = sorted(given.glob("IBM-*.csv"))[:days] + list(more)
        return space(
            grids.read(path),
            Given(
                settings=tomllib.loads(strategy),
                ticks={path: path.name for path in ticks},
                signals=None,
                profile="default",
                answers=answers or {},
                code=code,
            ),
            lambda done, total: None,
        )

    return make


@pytest.fixture
def sweep(given, tmp_path):
    """Starts ``engine sweep`` over a grid, into the folder ``out``."""
    running = []

    def start(grid, out="out", jobs=1, ticks=None, signals=True):
        path = tmp_path / "grid.toml"
        path.write_text(grid)
        files = ticks or sorted(given.glob("IBM-*.csv"))
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "engine.cli", "sweep", given / "s.toml"),
                *("--grid", path, "--out", tmp_path / out, "--jobs", str(jobs)),
                *("--ticks", *files),
                *(["--signals", given / "s.jsonl"] if signals else []),
            ],
            cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            start_new_session=True,
        )  # fmt: skip
        running.append(process)
        return process

    yield start
    for process in running:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def workers(process):
    """The processes of its cells."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    found = []
    for one in children:
        try:
            line = Path(f"/proc/{one}/cmdline").read_text()
        except OSError:
            continue
        if "spawn_main" in line:
            found.append(int(one))
    return found


def until(condition, seconds=180):
    """What it says, when it says anything."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.01)
    raise AssertionError("it did not come")

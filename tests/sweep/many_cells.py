"""A sweep of many cells that is killed in the middle and resumed, and the same on a cluster of two
workers of which one is killed: their tables are those of an undisturbed one, byte for byte. As
``python -m tests.sweep.many_cells --cells 1000``."""

from __future__ import annotations

import argparse
import csv
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

from engine.sim import instruments
from engine.sim.market import generate
from tests.sweep.conftest import ROOT, SIGNALS, STRATEGY

DAY = date(2024, 1, 3)
TABLES = ("cells.csv", "distribution.csv", "sweep.json", "heat_map.svg")


def write(folder: Path, cells: int, minutes: float) -> None:
    opens, _ = instruments.session(DAY)
    origin = instruments.midnight_ns(DAY)
    rows = [
        f"{(one.time_ns - origin) // 1_000_000},{one.kind},{one.price:.2f},{one.size}\n"
        for one in generate(
            ["IBM"], 3, opens, opens + int(minutes * 60e9),
            ticks_per_s=2.0, prints=0.4, volatility=0.0003,
        )
    ]  # fmt: skip
    (folder / f"IBM-{DAY:%Y%m%d}.csv").write_text("time_ms,kind,price,size\n" + "".join(rows))
    (folder / "s.toml").write_text(STRATEGY)
    lines = (
        json.dumps({"at": at, "ticker": "IBM", "signal": kind, "confidence": 0.9})
        for at, kind in SIGNALS
    )
    (folder / "s.jsonl").write_text("\n".join(lines) + "\n")
    stops = [round(0.1 + 0.05 * number, 2) for number in range(10)]
    (folder / "grid.toml").write_text(
        f"seeds = {cells // 20}\n[draw]\nlatency_ms = [2, 80]\n[settings]\n"
        f'"strategy.stop.percent" = {stops}\n"strategy.cooldown_s" = [5, 60]\n'
    )


def start(folder: Path, out: str, *options: str) -> subprocess.Popen[bytes]:
    files = ("--grid", folder / "grid.toml", "--signals", folder / "s.jsonl")
    ticks = ("--ticks", folder / f"IBM-{DAY:%Y%m%d}.csv")
    command = (sys.executable, "-m", "engine.cli", "sweep", folder / "s.toml", *files, *ticks)
    return subprocess.Popen(
        [*command, "--out", folder / out, *options],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, start_new_session=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip


def done(folder: Path, out: str) -> int:
    path = folder / out / "results.jsonl"
    return path.read_bytes().count(b"\n") if path.exists() else 0


def reach(process: subprocess.Popen[bytes], folder: Path, out: str, cells: int) -> None:
    while done(folder, out) < cells:
        if process.poll() is not None:
            raise SystemExit(f"{out}: ended early with code {process.returncode}")
        time.sleep(0.05)


def ended(process: subprocess.Popen[bytes], out: str) -> None:
    if process.wait() != 0:
        raise SystemExit(f"{out}: exit code {process.returncode}")


def killed(folder: Path, cells: int) -> None:
    """Everything at once, in the middle, and then the same command."""
    process = start(folder, "killed", "--jobs", "2")
    reach(process, folder, "killed", cells // 2)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    print(f"killed with {done(folder, 'killed')} cells done", flush=True)
    ended(start(folder, "killed", "--jobs", "2"), "killed")


def on_cluster(folder: Path, cells: int) -> None:
    import distributed

    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None
    ) as cluster:
        process = start(folder, "cluster", "--scheduler", cluster.scheduler_address)
        reach(process, folder, "cluster", cells // 2)
        victim = next(iter(cluster.workers.values())).process.process.pid
        os.kill(victim, signal.SIGKILL)
        print(f"worker killed with {done(folder, 'cluster')} cells done", flush=True)
        ended(process, "cluster")


def main(cells: int, minutes: float) -> int:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder, cells, minutes)
        runs = {
            "whole": lambda: ended(start(folder, "whole", "--jobs", "2"), "whole"),
            "killed": lambda: killed(folder, cells),
            "cluster": lambda: on_cluster(folder, cells),
        }
        for out, run in runs.items():
            began = time.monotonic()
            run()
            print(f"{out}: {time.monotonic() - began:.1f} s, {done(folder, out)} cells", flush=True)
        equal = True
        for table in TABLES:
            found = [(folder / out / table).read_bytes() for out in runs]
            same = all(one == found[0] for one in found)
            equal &= same
            print(f"{table}: {len(found[0]):,} bytes, {'equal' if same else 'DIFFERENT'}")
        with (folder / "whole" / "cells.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        failed = [row["reason"] for row in rows if row["status"] != "done"]
        journals = {row["journal"] for row in rows}
        print(f"{len(rows)} rows, {len(journals)} different journals, failed: {failed[:1]}")
    return 0 if equal and not failed and len(rows) == cells else 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, default=1000, help="a multiple of 20")
    parser.add_argument("--minutes", type=float, default=4.0, help="of ticks")
    given = parser.parse_args()
    sys.exit(main(given.cells, given.minutes))

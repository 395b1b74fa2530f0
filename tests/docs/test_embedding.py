"""The documented examples run as they stand, against a simulator in place of TWS."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from engine.sim.launch import generated
from engine.sim.server import SimServer

ROOT = Path(__file__).parents[2]
PAGES = (ROOT / "README.md", ROOT / "docs" / "embedding.md")
EXAMPLE = re.compile(r"<!-- example: (\w+) -->\n```python\n(.*?)```", re.DOTALL)
EXAMPLES = {name: code for page in PAGES for name, code in EXAMPLE.findall(page.read_text("utf-8"))}
SAID = {  # what an example must have printed, if it does what it says
    "embedding": r"IBM host -?\d",
    "threads": r"IBM \d+ at [\d.]+\n(.*\n)*\[\('IBM', 'long', Decimal\('100'\), Decimal",
    "orders": r"bracket-\S+ open \[\('entry', Decimal\('50'\)\), .*\]\nsecond: busy\npair: failed\n"
    r"bracket: done\n",
    "manager": r"duplicate_reference\nopen \[\('STP', Decimal\('10.00'\)\)\]\nfilled\nnothing was",
    "order": r"filled 50 True\ncheap dead 0\noff_grid\nfilled\n$",
    "positions": r"IBM long 50 at [\d.]+\nprofit \S+ of it realised \S+\nagainst [\d.]+ for .*\n"
    r"below its best by [\d.e-]+\nstops \[\(Decimal\('10.00'\), Decimal\('50'\)\)\]\n"
    r"True 1 trade True\nTrue\n$",
    "rules": r"rule IBN.buy is for IBN, which is not among the symbols of the strategy, "
    r"did you mean IBM\?\n(IBM is held now\n)?IBM.buy 1 True\n(IBM is held now\n)?"
    r"\[\('IBM.buy', True\)\]\n",
    "strategies": r"IBM 100 strategy\n"
    r"\[\('IBM', 'stopped', \(\)\), \('SPY', 'running', \('SPY',\)\)\]\n$",
    "asyncio": r"IBM short \d+",
}


# An example prints from two threads, and ``print`` writes a line and its end one after the other.
WHOLE_LINES = """import sys
def print(*words): sys.stdout.write(" ".join(map(str, words)) + chr(10))
"""


def test_every_example_is_known() -> None:
    assert EXAMPLES.keys() == SAID.keys()


@pytest.mark.parametrize("name", sorted(SAID))
def test_an_example_runs_and_leaves_nothing_open(name: str, tmp_path: Path) -> None:
    exchange, source = generated(["IBM", "SPY"], ticks_per_s=20.0)
    with SimServer(exchange, source, speed=5.0) as server:
        code = EXAMPLES[name].replace("7497", f"{server.port}")
        code = code.replace('"port":', '"clock_rate": 5.0, "port":')
        code = code.replace("    ...  # your program", "    import time\n\n    time.sleep(0.5)")
        done = subprocess.run(
            [sys.executable, "-c", WHOLE_LINES + code],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        report = server.report()

    assert done.returncode == 0, done.stderr
    assert re.search(SAID[name], done.stdout), done.stdout + done.stderr
    assert report["execution_count"] >= 2
    assert set(report["position"].values()) == {0}
    if name != "order":  # whose shares nothing protects, and the page says so
        assert report["uncovered_share_seconds"] == 0, report["worst_intervals"]

"""The process as a whole: its help, its start, its memory."""

import importlib.util
import signal
import statistics
import subprocess
import sys
import time

import pytest

from bench.ledger import ROOT, Figure, Ledger, Target
from bench.processes import Sender, answer

ROUNDS = 5
GROUP = "process"
CLI = importlib.util.find_spec("engine.cli") is not None
PATIENCE_S = 30.0


def test_help(ledger: Ledger) -> None:
    """``engine --help`` against a Python that does nothing."""
    if not CLI:
        ledger.missing("engine --help", "there is no engine.cli")
        pytest.skip("no engine.cli")
    commands = {
        "help": [sys.executable, "-m", "engine.cli", "--help"],
        "bare": [sys.executable, "-c", ""],
    }
    took: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(ROUNDS + 2):
        for name, command in commands.items():
            began = time.perf_counter()
            subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
            took[name].append(time.perf_counter() - began)
    ours, bare = (statistics.median(took[name]) for name in ("help", "bare"))
    ledger.add(Figure(GROUP, "engine --help", ours, bare, "python -c ''", Target("ours", 0.2)))


def test_start(ledger: Ledger) -> None:
    """An engine of five symbols until it is live at a simulator that already listens."""
    found = []
    with Sender("idle", symbols="IBM,AAPL,MSFT,CSCO,SPY") as sender:
        for _ in range(ROUNDS):
            began = time.perf_counter()
            told = answer("bench.peers.engine", "idle", sender.port)
            found.append((time.perf_counter() - began, told["live_s"], told["memory"]))
    whole, live, memory = (statistics.median(column) for column in zip(*found, strict=True))
    ledger.add(Figure(GROUP, "Engine() -> live, five symbols", live))
    ledger.add(Figure(GROUP, "process start -> live -> stopped", whole))
    ledger.add(Figure(GROUP, "memory of the live process", memory, size=True))


def test_demonstration(ledger: Ledger) -> None:
    """``engine run`` with its own simulator: from its start to its line that it is live."""
    if not (CLI and importlib.util.find_spec("engine.cli.run")):
        ledger.missing("engine run -> live", "there is no engine.cli.run")
        pytest.skip("no engine.cli.run")
    command = [sys.executable, "-u", "-m", "engine.cli", "run", "--plain", "--for", "60s"]
    took = []
    for _ in range(3):
        began = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        assert process.stdout is not None
        said: list[str] = []
        for line in process.stdout:
            said.append(line)
            if "-> live" in line:
                took.append(time.perf_counter() - began)
                break
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=PATIENCE_S)
        assert said and "-> live" in said[-1], "".join(said[-5:])
    figure = Figure(GROUP, "engine run -> live", statistics.median(took), target=Target("ours", 3))
    ledger.add(figure)

"""The whole engine over generated days in virtual time, in processor time of its process: a busy
market says what a tick costs, a quiet one what an hour costs in which little happens."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest

from bench.ledger import Figure, Ledger
from bench.peers.backtest import FIRST, write_day, write_signals
from bench.processes import answer

GROUP: Final = "backtest"
PEER: Final = Path(__file__).parent / "peers" / "nautilus.py"
ROUNDS: Final = 3


def measured(days: int, ticks_per_s: float) -> list[dict[str, Any]]:
    rounds = [answer("bench.peers.backtest", days, ticks_per_s) for _ in range(ROUNDS)]
    assert all(one["trades"] >= 10 * days for one in rounds), rounds
    return rounds


def median(rounds: list[dict[str, Any]], of: str, per: str) -> float:
    return statistics.median(one[of] / one[per] for one in rounds)


@pytest.mark.parametrize(("ticks_per_s", "name"), [(6.0, "busy"), (0.2, "quiet")])
def test_a_day(ledger: Ledger, ticks_per_s: float, name: str) -> None:
    rounds = measured(1, ticks_per_s)
    words = f"a {name} day, {rounds[0]['ticks']:,} ticks, {rounds[0]['trades']} trades"
    read = median(rounds, "read_s", "ticks")
    ledger.add(
        Figure(GROUP, f"{words}, per tick", median(rounds, "seconds", "ticks"), read, "reading it")
    )
    ledger.add(Figure(GROUP, f"{words}, per hour", median(rounds, "seconds", "hours")))
    grown = statistics.median(one["end"] - one["quarter"] for one in rounds)
    ledger.add(Figure(GROUP, f"{words}, memory grown in three quarters", grown, size=True))


def test_beside_nautilus(ledger: Ledger, tmp_path: Path) -> None:
    """The same strategy on the same day in turns; the peer lives in an environment of its own."""
    python = os.environ.get("NAUTILUS_PYTHON")
    if python is None:
        ledger.missing("nautilus_trader", "NAUTILUS_PYTHON names a Python that has it")
        return
    path, signals = write_day(tmp_path, FIRST, 24.0), write_signals(tmp_path)
    ours, theirs = [], []
    for _ in range(ROUNDS):
        ours += [answer("bench.peers.backtest", 1, 24.0)]
        command = [python, str(PEER), str(path), str(signals)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        theirs += [json.loads(done.stdout.splitlines()[-1])]
    assert len(theirs[0]["trades"]) >= 10
    words = f"a day of {ours[0]['ticks']:,} ticks, {ours[0]['trades']} trades, per tick"
    peer = f"nautilus_trader {theirs[0]['version']}"
    other = median(theirs, "seconds", "ticks")
    ledger.add(Figure(GROUP, words, median(ours, "seconds", "ticks"), other, peer))

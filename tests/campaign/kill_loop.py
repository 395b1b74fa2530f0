"""Kill the real command again and again, on one journal, and prove that nothing came of it.

    python -m tests.campaign.kill_loop --rounds 20 --seed 1

Each round is one trial: the end of a day with dense signals, ``engine run`` killed (SIGKILL) at
random moments, or by itself in its N-th write, sync or send, and started again until the day is
over. The seed of a round that failed is printed with the command that repeats it, and its folder
is kept.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

from engine.settings_file import load
from engine.sim.child import SimGone
from tests.campaign.trial import PATIENCE_S, Run, Trial, end_simulators
from tests.campaign.verdict import Findings, examine

# Long enough for a restart that finds an entry part-filled: start, sync, then the order.
UNCOVERED_MAX_MS: Final = 1000.0
POLL_S: Final = 0.02
# How many of a kind there are at most in the first seconds of a run.
DEATHS: Final = {"write": 120, "sync": 6, "send": 25}
DEATH_S: Final = 8.0


def strike(run: Run, stream: random.Random) -> str:
    """Kill a run at a random moment of a random kind; what was hit, in words."""
    kind = stream.choice(("start", "import", "sync", "burst", "fill", "any", "any", "end"))
    if kind == "start":
        time.sleep(stream.uniform(0.0, 0.1))
    elif kind == "import":
        time.sleep(stream.uniform(0.1, 1.5))
    elif kind == "sync":
        run.until("-> syncing")
        time.sleep(stream.uniform(0.0, 0.1))
    elif kind == "burst":
        run.until(" sent", stream.randint(1, 12))
        time.sleep(stream.uniform(0.0, 0.01))
    elif kind == "fill":
        run.until(": filled ", stream.randint(1, 6))
        time.sleep(stream.uniform(0.0, 0.01))
    else:
        run.until("-> live")
        time.sleep(stream.uniform(0.0, 2.0))
        if kind == "end":
            run.ask_to_end()
            time.sleep(stream.uniform(0.0, 0.1))
    run.kill()
    return kind


def draw_death(stream: random.Random) -> str:
    """Where a run kills itself; empty: somebody else does."""
    kind = stream.choice(("write", "sync", "send", "", "", ""))
    return f"{kind}:{stream.randint(1, DEATHS[kind])}" if kind else ""


def await_death(run: Run, dies: str) -> str:
    """Wait for it; a run that does not come so far is killed."""
    deadline = time.monotonic() + DEATH_S
    while not run.over and time.monotonic() < deadline:
        time.sleep(POLL_S)
    reached = run.over
    run.kill()
    return dies if reached else f"{dies}(not reached)"


def last_report(trial: Trial, run: Run) -> dict[str, Any] | None:
    """Let a run come to its end; what the exchange said last, just before it."""
    report = None
    deadline = time.monotonic() + PATIENCE_S * 4
    simulator = None
    try:
        while not run.over and time.monotonic() < deadline:
            # A run that finds a day already over starts another simulator for the next one.
            simulator = simulator or trial.simulator()
            if simulator is not None:
                report = simulator.report()
            time.sleep(POLL_S)
    except SimGone:
        run.wait()
    finally:
        if simulator is not None:
            simulator.leave()
    return report


def one_round(folder: Path, seed: int, kills: int, **options: Any) -> tuple[Findings, list[str]]:
    """One trial; what was found, and every line of it that a person would look at."""
    trial = Trial.make(folder, seed, **options)
    stream = random.Random(f"kills/{seed}")
    hits: list[str] = []
    try:
        for number in range(kills):
            dies = draw_death(stream)
            with Run(trial, trial.embedded(), f"{number:03}", dies) as run:
                hits.append(strike(run, stream) if not dies else await_death(run, dies))
        with Run(trial, trial.embedded(), "last") as run:
            report = last_report(trial, run)
            code = run.wait()
        config = load(trial.settings)
        (folder / "exchange.json").write_text(json.dumps(report))
        if report is None:
            return Findings([f"the last run ended with {code}: {''.join(run.lines[-5:])}"]), hits
        found = examine(trial.journal, config, report, uncovered_max_ms=UNCOVERED_MAX_MS)
        if code != 0:
            found.faults.append(f"the last run ended with {code}: {''.join(run.lines[-3:])}")
    finally:
        end_simulators(trial)
    return found, hits


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=1, help="of the first round")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--kills", type=int, default=8, help="in a round")
    parser.add_argument("--minutes", type=float, default=20.0, help="of the market")
    parser.add_argument("--speed", type=float, default=60.0)
    parser.add_argument("--ticks", type=Path, action="append", default=[], help="real ones")
    parser.add_argument("--keep", type=Path, help="keep every folder below this one")
    asked = parser.parse_args()
    base = asked.keep or Path(tempfile.mkdtemp(prefix="kill-loop-"))
    failed = 0
    for seed in range(asked.seed, asked.seed + asked.rounds):
        folder = base / f"seed-{seed}"
        folder.mkdir(parents=True)
        began = time.monotonic()
        found, hits = one_round(
            folder,
            seed,
            asked.kills,
            minutes=asked.minutes,
            speed=asked.speed,
            ticks=tuple(asked.ticks),
        )
        print(
            f"seed {seed}: {'FAILED' if found.faults else 'ok'} in {time.monotonic() - began:.0f} s"
            f", {found.records} records, {found.orders} orders, {found.executions} executions, "
            f"{found.signals} signals acted, longest uncovered {found.uncovered_ms:.0f} ms; "
            f"killed: {' '.join(hits)}",
            flush=True,
        )
        for alert, count in found.alerts.most_common():
            print(f"    {count} x {alert}")
        if found.faults:
            failed += 1
            for fault in found.faults[:20]:
                print(f"    FAULT {fault}")
            ticks = "".join(f" --ticks {path}" for path in asked.ticks)
            print(
                f"    {folder} has everything; again: python -m tests.campaign.kill_loop --seed "
                f"{seed} --rounds 1 --kills {asked.kills} --minutes {asked.minutes:g} --speed "
                f"{asked.speed:g}{ticks}"
            )
        elif asked.keep is None:
            shutil.rmtree(folder)
    print(f"{asked.rounds} rounds, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

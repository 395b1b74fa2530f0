"""Trouble on the line, and brokers that die, for the real command; what must hold all the same.

    python -m tests.campaign.link_loop --rounds 20 --seed 1 [--brokers]

Without ``--brokers`` the line between ``engine run`` and a simulator is cut, stalls and delays at
random places; once it is sound again, the day must end flat, covered, and nothing done twice.
With it the simulator is killed and another one that knows nothing is started on its port: what
was held is frozen, told, and nothing is sent for it.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import attrs

from engine.config import Config
from engine.core import Core
from engine.journal import Journal
from engine.settings_file import load
from engine.sim.child import HOST, Market, SimChild
from tests.campaign.proxy import Proxy, Trouble
from tests.campaign.trial import Run, Trial
from tests.campaign.verdict import Findings, examine

# The time until a dead line is noticed is part of it: two heartbeats, and the way back.
UNCOVERED_MAX_MS: Final = 5000.0
POLL_S: Final = 0.05
END_TIMEOUT_S: Final = 120.0
FIRST_SESSION_BYTES: Final = 4_000


@contextlib.contextmanager
def simulator(trial: Trial, instance: int = 1) -> Iterator[SimChild]:
    """A simulator of the trial's market, started by hand as it were."""
    market = Market(ticks=tuple(map(str, trial.ticks)), symbols=(), seed=1)
    launch = SimChild.start(
        market,
        day="20240103",
        speed=trial.speed,
        account="DU0000001",
        instance=instance,
        kept=False,
    )
    with launch:
        child = launch.wait()
    try:
        yield child
    finally:
        child.stop()


def over(report: dict[str, Any]) -> bool:
    return bool(
        report["market_over"] and not any(report["position"].values()) and not report["open_orders"]
    )


def bad_line(folder: Path, seed: int, troubles: int, **options: Any) -> tuple[Findings, list[str]]:
    """A day over a line with so many troubles."""
    trial = Trial.make(folder, seed, **options)
    stream = random.Random(f"line/{seed}")
    first, *more = [Trouble.draw(stream) for _ in range(troubles)]
    # A line that fails in the very first handshake is told to the user, who has just started it.
    plan = iter([attrs.evolve(first, after=first.after + FIRST_SESSION_BYTES), *more])
    with (
        simulator(trial) as broker,
        Proxy(broker.state.port, plan) as proxy,
        Run(trial, trial.attached(proxy.port), "run") as run,
    ):
        deadline = time.monotonic() + END_TIMEOUT_S
        report = broker.report()
        while not over(report) and not run.over and time.monotonic() < deadline:
            time.sleep(POLL_S)
            report = broker.report()
        if not run.over:
            run.until("closed", timeout_s=1.0)
            run.ask_to_end()
        code = run.wait()
        log = proxy.log
    (folder / "exchange.json").write_text(json.dumps(report))
    config = load(trial.settings)
    found = examine(trial.journal, config, report, uncovered_max_ms=UNCOVERED_MAX_MS)
    if code != 0 or not report["market_over"]:
        found.faults.append(f"the run ended early with {code}: {''.join(run.lines[-3:])}")
    return found, log


def dead_broker(folder: Path, seed: int, **options: Any) -> tuple[Findings, list[str]]:
    """The broker dies with whatever is held, and one that knows nothing takes its port."""
    trial = Trial.make(folder, seed, **options)
    stream = random.Random(f"broker/{seed}")
    found = Findings()
    log: list[str] = []
    with (
        simulator(trial) as first,
        Proxy(first.state.port, iter(())) as proxy,
        Run(trial, trial.attached(proxy.port), "run") as run,
    ):
        run.until(": filled ", stream.randint(1, 8))
        time.sleep(stream.uniform(0.0, 0.5))
        os.kill(first.state.pid, signal.SIGKILL)
        proxy.upstream_port = _dead_port()
        run.until("session live -> lost")
        with simulator(trial, instance=2) as second:
            proxy.upstream_port = second.state.port
            run.until("session syncing -> live", 2)
            time.sleep(stream.uniform(2.0, 5.0))
            report = second.report()
            run.ask_to_end()
            code = run.wait()
    with Journal.open(trial.journal, "normal") as journal:
        _check_frozen(journal, load(trial.settings), report, found, log)
    text = "".join(run.lines)
    for symbol in log:
        if f"{symbol}: the broker holds" not in text:
            found.faults.append(f"the summary does not tell that {symbol} is frozen")
    if code != 0:
        found.faults.append(f"the run ended with {code}: {text[-500:]}")
    return found, log


def _dead_port() -> int:
    with socket.create_server((HOST, 0)) as taken:
        port: int = taken.getsockname()[1]
        return port


def _check_frozen(
    journal: Journal,
    config: Config,
    report: dict[str, Any],
    found: Findings,
    log: list[str],
) -> None:
    """What was held when the broker died is held still, frozen, and was never sent for."""
    found.records = journal.verify()
    core = Core(config)
    before: dict[str, Any] = {}
    lives = 0
    for record in journal.records():
        output = core.step(record.inputs, record.now_ns)
        for event in output.events:
            if getattr(event, "new", "") == "live" and getattr(event, "old", "") == "syncing":
                lives += 1
                if lives == 2:
                    before = {s: core.state.held(s) for s in config.strategy.symbols}
            if getattr(event, "level", ""):
                found.alerts[f"{event.level}: {event.text}"] += 1  # type: ignore[attr-defined]
    held = {symbol: quantity for symbol, quantity in before.items() if quantity}
    log += held
    sent = {one["symbol"] for one in [*report["executions"], *report["open_orders"]]}
    for symbol, quantity in held.items():
        if symbol not in core.state.frozen:
            found.faults.append(f"{symbol} was held ({quantity}) and is not frozen")
        if symbol in sent:
            found.faults.append(f"{symbol} is frozen and something was sent for it")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=1, help="of the first round")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--troubles", type=int, default=8, help="on the line, in a round")
    parser.add_argument("--minutes", type=float, default=20.0, help="of the market")
    parser.add_argument("--speed", type=float, default=60.0)
    parser.add_argument("--brokers", action="store_true", help="kill the broker instead")
    asked = parser.parse_args()
    base = Path(tempfile.mkdtemp(prefix="link-loop-"))
    failed = 0
    for seed in range(asked.seed, asked.seed + asked.rounds):
        folder = base / f"seed-{seed}"
        folder.mkdir()
        options = {"minutes": asked.minutes, "speed": asked.speed}
        if asked.brokers:
            found, log = dead_broker(folder, seed, **options)
        else:
            found, log = bad_line(folder, seed, asked.troubles, **options)
        print(
            f"seed {seed}: {'FAILED' if found.faults else 'ok'}, {found.records} records, "
            f"{found.orders} orders, {found.executions} executions, longest uncovered "
            f"{found.uncovered_ms:.0f} ms; {'; '.join(log)}",
            flush=True,
        )
        for alert, count in found.alerts.most_common():
            print(f"    {count} x {alert}")
        for fault in found.faults[:20]:
            print(f"    FAULT {fault}")
        if found.faults:
            failed += 1
            print(
                f"    {folder} has everything; again: python -m tests.campaign.link_loop --seed "
                f"{seed} --rounds 1 --troubles {asked.troubles} --minutes {asked.minutes:g} "
                f"--speed {asked.speed:g}{' --brokers' if asked.brokers else ''}"
            )
    print(f"{asked.rounds} rounds, {failed} failed; {base}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

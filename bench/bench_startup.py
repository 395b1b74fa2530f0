"""How long a start takes when the journal has a long history: it must not depend on it."""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import Final

from bench.ledger import Figure, Ledger, Target
from bench.peers.engine import SYMBOLS
from bench.processes import Sender, answer
from engine.config import from_mapping
from engine.core import Core
from engine.daybook import DayBook
from engine.inputs import Input
from engine.journal import Journal
from engine.recorder import FILE_RECORDS, SNAPSHOT_RECORDS
from engine.recovery import take_snapshot
from engine.sim.records import OrderNotice
from engine.sim.wireless import translate
from tests.core.desk import MILLISECOND, Desk

GROUP: Final = "start with a history"
RECORDS: Final = 1_000_000
CONTEXTS: Final = 50
ROUNDS: Final = 3
COMMIT_EACH: Final = 100
CONFIG: Final = from_mapping(
    {
        "strategy": {"symbols": SYMBOLS["history"], "sizing": {"shares": 100}},
        "limits": {"orders_per_minute_max": 1000},
    }
)


def history(path: Path, records: int = RECORDS) -> None:
    """A journal of ``records`` steps with CONTEXTS open trades, as a run leaves it that is killed
    just before its next snapshot: all of a tail is to be replayed."""
    desk = Desk(CONFIG)
    for symbol in SYMBOLS["history"]:
        desk.quote(symbol, 99.99, 100.0)
        desk.signal(symbol, "BUY")
        desk.wait(2)
    told: list[tuple[Input, ...]] = [
        tuple(translate(OrderNotice(order, with_open_order=False)))
        for order in desk.exchange.open_orders()
    ]
    core, book = Core(CONFIG), DayBook()
    steps = list(desk.records)
    with Journal.open(path, "normal") as journal:
        for number in range(1, records + 1):
            if number <= len(steps):
                now_ns, inputs = steps[number - 1]
            else:
                now_ns, inputs = now_ns + MILLISECOND, told[number % len(told)]
            output = core.step(inputs, now_ns)
            journal.append(now_ns, inputs, output.commands)
            book.take(core.state, output.events, now_ns)
            if number % COMMIT_EACH == 0:
                journal.commit()
            turns = number % FILE_RECORDS == 0 and number < records
            if turns or number == records - SNAPSHOT_RECORDS + 1:
                journal.commit()
                take_snapshot(journal, core, book)
            if turns:
                journal.rotate()
    held = sum(context.held != 0 for context in core.state.current.values())
    assert held == CONTEXTS, f"{held} contexts are open"


def test_a_long_history(ledger: Ledger, disk: Path) -> None:
    """Process start, Engine(), recovery, session, live; fifty symbols are asked for at TWS."""
    path = disk / "long.journal"
    history(path)
    with Sender("idle", symbols=",".join(SYMBOLS["history"])) as sender:

        def start() -> tuple[float, float]:
            told = answer("bench.peers.engine", "history", sender.port, path, "normal")
            return float(told["built_s"]), float(told["live_s"])

        killed = start()
        stopped = statistics.median_low(start() for _ in range(ROUNDS))
    ledger.notes.append(f"start: {RECORDS:,} records, {CONTEXTS} open contexts, fifty symbols")
    tail = f"killed {SNAPSHOT_RECORDS - 1:,} records after its snapshot"
    for how, (built, live) in ((tail, killed), ("stopped in good order", stopped)):
        ledger.add(Figure(GROUP, f"{how}: Engine()", built))
        ledger.add(Figure(GROUP, f"{how}: Engine() -> live", live, target=Target("ours", 3.0)))

"""A thread of the host that computes in Python and lets go of the interpreter only when it must:
what does it delay? Order statuses, as in bench_orders, with one and without, in turns; at the
interpreter's usual switch interval, and at one that a host may choose.

Trades do not wait for it: they are read and applied without the interpreter. What comes on the
socket behind an order event does, until that was taken; it is in "sent -> received".
"""

from __future__ import annotations

import statistics
from typing import Any, Final

from bench.bench_orders import EVENTS, EVENTS_PER_S, TICKS_PER_S, events
from bench.ledger import Figure, Ledger
from bench.peers.engine import EVENT_STAGES
from bench.processes import Sender
from bench.timing import percentile

GROUP: Final = f"order event beside a hogging thread, {TICKS_PER_S:,} ticks/s"
ROUNDS: Final = 3
ALONE: Final = "no other thread"
CASES: Final = {
    ALONE: ("bench.peers.engine", "events"),
    "switching at 5 ms": ("bench.peers.hogged", 0.005, "events"),
    "switching at 0.2 ms": ("bench.peers.hogged", 0.0002, "events"),
}


def test_events(ledger: Ledger) -> None:
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in CASES}
    options = {"count": EVENTS, "events_per_s": EVENTS_PER_S, "ticks_per_s": TICKS_PER_S}
    with Sender("paced", **options) as sender:
        for _ in range(ROUNDS):
            for name, command in CASES.items():
                found[name].append(events(sender, *command))
    alone: dict[str, float] = {}
    for name, rounds in found.items():
        told = {
            "p50": statistics.median(percentile(one["applied"], 0.5) for one in rounds),
            "p99": statistics.median(percentile(one["applied"], 0.99) for one in rounds),
        }
        parts = zip(*(part for one in rounds for part in one["parts"]), strict=True)
        for stage, column in zip(EVENT_STAGES, parts, strict=True):
            told[stage] = statistics.median(column)
        alone = alone or told
        for label, took in told.items():
            other = None if name == ALONE else alone[label]
            peer = ALONE if other else ""
            ledger.add(Figure(GROUP, f"{name}: {label}", took, other, peer))

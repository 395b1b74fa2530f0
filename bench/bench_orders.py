"""Orders on the wire: an event until the core has applied it, a tick until an order answers it.

Both clocks are CLOCK_MONOTONIC of one machine. An event carries the time of its sending in a
field; an order is timed by the sender alone, from the crossing tick's bytes to the order's.
"""

import importlib.util
import json
import statistics
from pathlib import Path
from typing import Any

from bench.ledger import Figure, Ledger, Target
from bench.peers.engine import EVENT_STAGES, STAGES
from bench.processes import Sender, start
from bench.timing import percentile

ROUNDS = 5
EVENTS = 600
EVENTS_PER_S = 400
TICKS_PER_S = 5000
ORDERS = 100
ORDER_ROUNDS = 2
EVENT_GROUP = f"order event, socket -> applied, {TICKS_PER_S:,} ticks/s"
ORDER_GROUP = "tick -> order bytes, wire to wire"


def events(sender: Sender, module: str, *arguments: object) -> dict[str, list[Any]]:
    process = start(module, *arguments, sender.port)
    sender.line()  # it has sent them all
    out, _ = process.communicate()
    found: dict[str, list[Any]] = json.loads(out)
    assert len(found["applied"]) == EVENTS, f"{module} saw {len(found['applied'])} of {EVENTS}"
    return found


def test_event(ledger: Ledger) -> None:
    peers: dict[str, tuple[str, ...]] = {"ours": ("bench.peers.engine", "events")}
    if importlib.util.find_spec("ibapi") is not None:
        peers["ibapi"] = ("bench.peers.ibapi_events",)
    else:
        ledger.missing("order events with ibapi", "pip install ibapi-latest")
    found: dict[str, list[list[float]]] = {name: [] for name in peers}
    parts: list[list[float]] = []
    options = {"count": EVENTS, "events_per_s": EVENTS_PER_S, "ticks_per_s": TICKS_PER_S}
    with Sender("paced", **options) as sender:
        for _ in range(ROUNDS):
            for name, command in peers.items():
                told = events(sender, *command)
                found[name].append(told["applied"])
                parts += told.get("parts", [])
    for label, fraction in (("p50", 0.5), ("p99", 0.99)):
        each = {
            name: statistics.median(percentile(one, fraction) for one in rounds)
            for name, rounds in found.items()
        }
        other = each.get("ibapi")
        peer = "ibapi, empty callback" if other is not None else ""
        target = Target("ratio", 3.0) if label == "p50" else None
        figure = Figure(EVENT_GROUP, f"orderStatus, {label}", each["ours"], other, peer, target)
        ledger.add(figure)
    for name, column in zip(EVENT_STAGES, zip(*parts, strict=True), strict=True):
        ledger.add(Figure(EVENT_GROUP, f"  {name}", statistics.median(column)))


def orders(path: Path | None, durability: str) -> tuple[list[float], list[list[int]]]:
    journal = () if path is None else (path, durability)
    with Sender("crossing", count=ORDERS) as sender:
        process = start("bench.peers.engine", "orders", sender.port, *journal)
        took: list[float] = json.loads(sender.line())
        out, _ = process.communicate()
    return took, json.loads(out)["stages"]


def test_order(ledger: Ledger, disk: Path) -> None:
    kinds = ("full", "normal", "memory")
    took: dict[str, list[float]] = {kind: [] for kind in kinds}
    stages: dict[str, list[list[int]]] = {kind: [] for kind in kinds}
    for turn in range(ORDER_ROUNDS):
        for kind in kinds:
            path = None if kind == "memory" else disk / f"{kind}-{turn}.journal"
            wire, marks = orders(path, kind if path else "full")
            took[kind] += wire
            stages[kind] += marks
    for kind in kinds:
        p50, p99 = (percentile(took[kind], fraction) for fraction in (0.5, 0.99))
        ledger.add(Figure(ORDER_GROUP, f"journal {kind}, p50", p50))
        ledger.add(Figure(ORDER_GROUP, f"journal {kind}, p99", p99))
        inside = 0.0
        for number, name in enumerate(STAGES):
            part = statistics.median((one[number + 1] - one[number]) / 1e9 for one in stages[kind])
            inside += part
            ledger.add(Figure(ORDER_GROUP, f"  {name}", part))
        ledger.add(Figure(ORDER_GROUP, "  send, two sockets, two wake-ups", p50 - inside))

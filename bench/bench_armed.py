"""A price that comes until the order's bytes are there: armed, and by the ordinary way.

The sender writes the tick that makes the condition true and waits for the order; both are timed by
it alone, in turns, once with a quiet engine and once beside a Python thread that never rests. What
the engine itself has measured is beside it: from its receipt of the tick until the orders were
handed to the system, and until `send` had returned. In between the system wakes the other side,
which often runs first where processors are few.
"""

import json
from pathlib import Path

from bench.ledger import Figure, Ledger, Target
from bench.processes import Sender, start
from bench.timing import percentile

ORDERS = 60
ROUNDS = 2
REST_S = 0.1  # between two trades: after a step it takes a moment until all is armed again
GROUP = "armed: condition true -> order bytes, journal full"
SITUATIONS = {"quiet": (), "beside a thread that hogs the GIL": ("hog",)}
OWN = ("handed over", "send returned")


def orders(path: Path, *words: str) -> tuple[list[float], list[list[float]]]:
    """From the tick to the order, wire to wire, and what the engine has measured (see OWN); in
    seconds."""
    with Sender("crossing", count=ORDERS, rest_s=REST_S) as sender:
        process = start("bench.peers.armed", sender.port, path, *words)
        took: list[float] = json.loads(sender.line())
        out, _ = process.communicate()
    return took, [[us / 1e6 for us in one] for one in json.loads(out)]


def test_armed(ledger: Ledger, disk: Path) -> None:
    for told, words in SITUATIONS.items():
        took: dict[str, list[float]] = {"armed": [], "ordinary": []}
        inside: list[list[float]] = []
        for turn in range(ROUNDS):
            for way in took:
                path = disk / f"{way}-{len(words)}-{turn}.journal"
                wire, own = orders(path, *words, *(["armed"] if way == "armed" else []))
                took[way] += wire
                inside += own
        assert inside, "none left armed"
        ledger.notes.append(f"{told}: {len(inside)} of {len(took['armed'])} left armed")
        for label, share in (("p50", 0.5), ("p99", 0.99)):
            armed, ordinary = (percentile(took[way], share) for way in ("armed", "ordinary"))
            figure = Figure(
                GROUP, f"{told}, wire to wire, {label}", armed, ordinary, "ordinary way"
            )
            ledger.add(figure)
        for name, own in zip(OWN, zip(*inside, strict=True), strict=True):
            target = Target("ours", 15e-6) if name == OWN[0] else None
            measure = f"{told}, receipt -> {name}"
            ledger.add(Figure(GROUP, f"{measure}, p50", percentile(own, 0.5), target=target))
            ledger.add(Figure(GROUP, f"{measure}, p99", percentile(own, 0.99)))
            ledger.add(Figure(GROUP, f"{measure}, least", min(own)))

"""What it costs an order that somebody watches: from the tick's bytes to the order's, timed by the
sender, with ten viewers, with none, with a log, and without anything of it, in turns."""

import json

from bench.ledger import Figure, Ledger, Target
from bench.processes import Sender, start
from bench.timing import percentile

VIEWERS = 10
ORDERS = 100
ROUNDS = 5
GROUP = "tick -> order bytes, watched"
LABELS: dict[int | str | None, str] = {
    None: "no dashboard",
    "log": "a log",
    0: "a dashboard, nobody watches",
    VIEWERS: f"{VIEWERS} viewers",
}
NEAR = 0.9  # of the time without: what is lost beyond it would be told


def test_watched(ledger: Ledger) -> None:
    rounds: dict[int | str | None, list[float]] = {kind: [] for kind in LABELS}
    for _ in range(ROUNDS):
        for viewers, found in rounds.items():
            found.extend(_orders(viewers))
    for name, fraction in (("p50", 0.5), ("p90", 0.9), ("p99", 0.99)):
        each = {viewers: percentile(found, fraction) for viewers, found in rounds.items()}
        for viewers, label in LABELS.items():
            other = each[None] if viewers is not None else None
            peer = "no dashboard" if other is not None else ""
            target = Target("ratio", NEAR) if viewers and name == "p50" else None
            ledger.add(Figure(GROUP, f"{label}, {name}", each[viewers], other, peer, target))


def _orders(viewers: int | str | None) -> list[float]:
    with Sender("crossing", count=ORDERS) as sender:
        plain = {None: ("plain",), "log": ("log",)}.get(viewers, ())
        engine = start("bench.peers.watched", sender.port, *plain)
        assert engine.stdin is not None
        assert engine.stdout is not None
        link = engine.stdout.readline().strip()
        watching = start("bench.peers.viewers", link, viewers) if link and viewers else None
        if watching is not None:
            assert watching.stdout is not None
            assert watching.stdout.readline() == "ready\n"
        engine.stdin.write("\n")
        engine.stdin.flush()
        took: list[float] = json.loads(sender.line())
        if watching is not None:
            read, _ = watching.communicate()
            assert int(read) > 0
        engine.communicate()
        return took

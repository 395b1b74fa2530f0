"""Signed predictions over loopback: how many a second are durable and answered, or turned away."""

from __future__ import annotations

import json
import statistics
from pathlib import Path

import pytest

from bench.ledger import Figure, Ledger, Target
from bench.processes import Sender, answer, start

GROUP = "webhook, signed, over loopback"
COUNT = 4_000
CONNECTIONS = 32
ROUNDS = 3
PATIENCE_S = 30.0


@pytest.mark.parametrize("durability", ["full", "normal"])
def test_taken(ledger: Ledger, disk: Path, durability: str) -> None:
    """From the first request to the last answer, with the journal on the disk."""
    found = _rounds(disk, durability, rate=None)
    for told in found:
        assert told["statuses"] == {"200": COUNT}
    each = statistics.median(told["seconds"] / COUNT for told in found)
    target = Target("ours", 0.001) if durability == "full" else None
    ledger.add(Figure(GROUP, f"taken, journal {durability}, each", each, target=target))
    for name in ("p50", "p99"):
        wait = statistics.median(told[name] for told in found)
        label = f"  to its answer, {CONNECTIONS} at a time, {name}"
        ledger.add(Figure(GROUP, label, wait))


def test_turned_away(ledger: Ledger, disk: Path) -> None:
    """Ten times what was agreed: most get 429, and what was agreed is taken."""
    found = _rounds(disk, "full", rate=100)
    for told in found:
        assert set(told["statuses"]) == {"200", "429"}
        assert told["statuses"]["429"] > COUNT / 2
    each = statistics.median(told["seconds"] / COUNT for told in found)
    ledger.add(Figure(GROUP, "taken or told to wait, each", each, target=Target("ours", 0.001)))


def _rounds(disk: Path, durability: str, rate: int | None) -> list[dict[str, object]]:
    found = []
    symbols = ",".join(f"T{n}" for n in range(CONNECTIONS))
    with Sender("idle", symbols=symbols) as sender:
        more = [] if rate is None else [rate]
        hook = start("bench.peers.hook", sender.port, CONNECTIONS, disk / "j", durability, *more)
        try:
            assert hook.stdout is not None
            port, now_ms = map(int, hook.stdout.readline().split())
            for number in range(ROUNDS):
                first_ms = now_ms + number * 60_000
                found.append(answer("bench.peers.poster", port, COUNT, CONNECTIONS, first_ms))
            out, _ = hook.communicate(timeout=PATIENCE_S)
            assert json.loads(out)["unrecorded"] == 0
        finally:
            hook.kill()
            hook.communicate()
    return found

"""Signed predictions over loopback: how many a second are durable and answered, or turned away."""

from __future__ import annotations

import json
import statistics
from pathlib import Path

import pytest

from bench import protection
from bench.ledger import Figure, Ledger, Target
from bench.peers.hook import HELD
from bench.processes import Sender, answer, start

GROUP = "webhook, signed, over loopback"
COUNT = 4_000
CONNECTIONS = 32
ROUNDS = 3
PATIENCE_S = 60.0
FLOODING = 16  # connections of the flood
FLOOD_S = 12
PER_S = 1_000
ANY = 1e6  # signals a second that a sender may send
FILLS = 150
PROTECTED_S = 1.5e-3  # from the receipt of an execution to the stop's bytes, at the median


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


@pytest.mark.parametrize(("durability", "agreed"), [("full", ANY), ("full", 20), ("normal", ANY)])
def test_protection_in_a_flood(ledger: Ledger, disk: Path, durability: str, agreed: float) -> None:
    """A thousand predictions a second for FLOOD_S seconds, to an engine that holds positions and
    trades: from the bytes of an execution to those of the stop that follows it, before and during,
    in one run; by the broker's clock, and by stage."""
    symbols = ",".join(["IBM", *(f"T{n}" for n in range(FLOODING))])
    with Sender("filling", symbols=symbols) as sender:
        more = [FLOODING, disk / "j", durability, agreed, "trading"]
        hook = start("bench.peers.hook", sender.port, *more)
        try:
            assert hook.stdout is not None
            port, now_ms = map(int, hook.stdout.readline().split())
            calm = [json.loads(sender.line()) for _ in range(FILLS)][FILLS // 5 :]
            told = answer("bench.peers.poster", port, FLOOD_S * PER_S, FLOODING, now_ms, PER_S)
            fills = [json.loads(sender.line())]
            while fills[-1][0] < told["ended"]:
                fills.append(json.loads(sender.line()))
            out, _ = hook.communicate(timeout=PATIENCE_S)
        finally:
            hook.kill()
            hook.communicate()
    flooded = [one for one in fills if told["began"] + 1 < one[0] < told["ended"]]
    counted = json.loads(out)
    assert counted["held"] >= HELD
    assert sum(told["statuses"].values()) == FLOOD_S * PER_S
    assert set(told["statuses"]) <= {"200", "429", "503"}
    taken = told["statuses"]["200"]
    ledger.notes.append(
        f"flood, journal {durability}, agreed {agreed:g}/s: {taken} of {FLOOD_S * PER_S} taken, "
        f"statuses {told['statuses']}, {taken / told['seconds']:.0f}/s; fills: {len(calm)} before, "
        f"{len(flooded)} during"
    )
    group = f"execution -> stop, journal {durability}, a sender's agreed rate {agreed:g}/s"
    bound = PROTECTED_S if durability == "full" else None
    for name, found in (("calm", calm), ("flooded", flooded)):
        rows = protection.traced(found, counted["stages"])
        protection.add(ledger, group, rows, bound, f"{name}, ")
    for name in ("p50", "p99"):
        ledger.add(Figure(group, f"  a prediction's answer in the flood, {name}", told[name]))


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

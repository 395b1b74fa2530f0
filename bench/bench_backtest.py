"""The whole engine over generated days in virtual time, in processor time of its process: a busy
market says what a tick costs, a quiet one what an hour costs in which little happens."""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import Any, Final

import pytest

from bench.environments import answer_of
from bench.ledger import Figure, Ledger, Target
from bench.peers.backtest import FIRST, write_day, write_signals
from bench.processes import answer

GROUP: Final = "backtest"
NAUTILUS: Final = {  # by environment: who, and how many times its speed is wanted
    "nautilus-1": ("nautilus_trader 1.2x", 20.0),
    "nautilus-2": ("nautilus_trader 2.0", 5.0),
}
ROUNDS: Final = 3


def measured(days: int, ticks_per_s: float) -> list[dict[str, Any]]:
    rounds = [answer("bench.peers.backtest", days, ticks_per_s, "text") for _ in range(ROUNDS)]
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
    """The same strategy on the same day in turns; the peers live in environments of their own, and
    have their ticks in memory before they begin: ours come as arrays beside them."""
    path, signals = write_day(tmp_path, FIRST, 24.0), write_signals(tmp_path)
    ours: dict[str, list[dict[str, Any]]] = {"text": [], "columns": []}
    theirs: dict[str, list[dict[str, Any]]] = {}
    for turn in range(ROUNDS):
        for name, (peer, _) in NAUTILUS.items():
            if turn and name not in theirs:
                continue
            found = answer_of(ledger, name, "nautilus.py", peer, path, signals)
            if found is not None:
                theirs.setdefault(name, []).append(found)
        for form, rounds in ours.items():
            rounds.append(answer("bench.peers.backtest", 1, 24.0, form))
    first = ours["text"][0]
    words = f"a day of {first['ticks']:,} ticks, {first['trades']} trades, per tick"
    whole = median(ours["text"], "seconds", "ticks")
    ledger.add(Figure(GROUP, words, whole, target=Target("ours", 1e-6)))
    mine = median(ours["columns"], "seconds", "ticks")
    for name, rounds in theirs.items():
        assert len(rounds[0]["trades"]) >= 10
        peer, times = f"nautilus_trader {rounds[0]['version']}", NAUTILUS[name][1]
        other = median(rounds, "seconds", "ticks")
        told = f"{words}, of arrays"
        ledger.add(Figure(GROUP, told, mine, other, peer, Target("ratio", times)))


def test_life_of_a_trade(ledger: Ledger, tmp_path: Path) -> None:
    """What the trades of a quiet day cost beyond the same day without them: each is an entry with
    its stop and its target, and what ends it, the exchange's part included."""
    path, signals = write_day(tmp_path, FIRST, 0.2), write_signals(tmp_path)
    none = tmp_path / "N.jsonl"
    none.write_text("")
    rounds = [
        [answer("bench.peers.backtest", 1, 0.2, "columns", kind) for kind in ("traded", "still")]
        for _ in range(ROUNDS)
    ]
    mine = statistics.median(beyond(*pair) / pair[0]["trades"] for pair in rounds)
    words = "a trade: entry, stop, target and end, beyond the ticks"
    ledger.add(Figure(GROUP, words, mine, target=Target("ours", 100e-6)))
    for name, (peer, _) in NAUTILUS.items():
        theirs = []
        for _ in range(ROUNDS):
            pair = [answer_of(ledger, name, "nautilus.py", peer, path, s) for s in (signals, none)]
            if None in pair:
                break
            theirs.append(beyond(*pair) / len(pair[0]["trades"]))
        if theirs:
            version = f"nautilus_trader {pair[0]['version']}"
            ledger.add(Figure(GROUP, words, mine, statistics.median(theirs), version))


def beyond(traded: dict[str, Any], still: dict[str, Any]) -> float:
    return float(traded["seconds"] - still["seconds"])

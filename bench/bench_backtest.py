"""The whole engine over generated days in virtual time, in processor time of its process: a busy
market says what a tick costs, a quiet one what an hour costs in which little happens."""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import Any, Final

import pytest

from bench.environments import answer_of
from bench.ledger import Figure, Ledger, Target
from bench.peers.backtest import FIRST, OFTEN_MINUTES, write_day, write_signals
from bench.processes import answer

GROUP: Final = "backtest"
NAUTILUS: Final = {  # by environment: who, and how many times its speed is wanted
    "nautilus-1": ("nautilus_trader 1.2x", 20.0),
    "nautilus-2": ("nautilus_trader 2.0", 5.0),
}
ROUNDS: Final = 3
PAIRS: Final = 3  # of a day with trades and one without, in each round
Rounds = list[list[dict[str, Any]]]  # of each round the days that were played


def measured(days: int, ticks_per_s: float, form: str, *kinds: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = answer("bench.peers.backtest", days, ticks_per_s, form, *kinds)
    assert all(
        not one["trades"] if kind == "still" else one["trades"] >= 10 * days
        for one, kind in zip(found, kinds, strict=True)
    ), found
    return found


def median(rounds: Rounds, day: int, of: str = "seconds", per: str = "ticks") -> float:
    return statistics.median(one[day][of] / one[day][per] for one in rounds)


@pytest.mark.parametrize(("ticks_per_s", "name"), [(6.0, "busy"), (0.2, "quiet")])
def test_a_day(ledger: Ledger, ticks_per_s: float, name: str) -> None:
    rounds = [measured(1, ticks_per_s, "text", "traded") for _ in range(ROUNDS)]
    first = rounds[0][0]
    words = f"a {name} day, {first['ticks']:,} ticks, {first['trades']} trades"
    read = median(rounds, 0, "read_s")
    ledger.add(Figure(GROUP, f"{words}, per tick", median(rounds, 0), read, "reading it"))
    ledger.add(Figure(GROUP, f"{words}, per hour", median(rounds, 0, per="hours")))
    grown = statistics.median(day["end"] - day["quarter"] for (day,) in rounds)
    ledger.add(Figure(GROUP, f"{words}, memory grown in three quarters", grown, size=True))


def test_beside_nautilus(ledger: Ledger, tmp_path: Path) -> None:
    """The same strategy on the same day, and the day without its trades, in turns; the peers live
    in environments of their own, and have their ticks in memory before they begin: ours come as
    arrays beside them."""
    path, signals = write_day(tmp_path, FIRST, 24.0), write_signals(tmp_path)
    texts: Rounds = []
    ours: Rounds = []
    theirs: dict[str, Rounds] = {name: [] for name in NAUTILUS}
    for _ in range(ROUNDS):
        for name in NAUTILUS:
            theirs[name] += beside(ledger, name, path, signals, no_signals(tmp_path))
        texts.append(measured(1, 24.0, "text", "traded"))
        ours.append(measured(1, 24.0, "columns", "traded", "still"))
    day = f"a day of {texts[0][0]['ticks']:,} ticks"
    words = f"{day}, {texts[0][0]['trades']} trades, per tick"
    ledger.add(Figure(GROUP, words, median(texts, 0), target=Target("ours", 1e-6)))
    for name, rounds in theirs.items():
        if rounds:
            peer, target = named(rounds), Target("ratio", NAUTILUS[name][1])
            pair = median(ours, 0), median(rounds, 0)
            ledger.add(Figure(GROUP, f"{words}, of arrays", *pair, peer, target))
            pair = median(ours, 1), median(rounds, 1)
            ledger.add(Figure(GROUP, f"{day}, no trades, per tick, of arrays", *pair, peer))


def test_life_of_a_trade(ledger: Ledger, tmp_path: Path) -> None:
    """What the many trades of a quiet day cost beyond the same day without them, in a process that
    has played it before: each is an entry with its stop and its target, and what ends it, the
    exchange's part included."""
    path, signals = write_day(tmp_path, FIRST, 0.2), write_signals(tmp_path, OFTEN_MINUTES)
    days = no_signals(tmp_path), *[signals, no_signals(tmp_path)] * PAIRS
    kinds = "still", *["often", "still"] * PAIRS
    words = "a trade: entry, stop, target and end, beyond the ticks"
    mine = [measured(1, 0.2, "columns", *kinds) for _ in range(ROUNDS)]
    ledger.add(Figure(GROUP, words, beyond(mine), target=Target("ours", 100e-6)))
    for name in NAUTILUS:
        rounds: Rounds = []
        for _ in range(ROUNDS):
            rounds += beside(ledger, name, path, *days)
        if rounds:
            ledger.add(Figure(GROUP, words, beyond(mine), beyond(rounds), named(rounds)))


def no_signals(folder: Path) -> Path:
    path = folder / "N.jsonl"
    path.write_text("")
    return path


def beside(ledger: Ledger, name: str, path: Path, *signals: Path) -> Rounds:
    """One round of a peer, with each of these signals; none where it is not there."""
    found = answer_of(ledger, name, "nautilus.py", NAUTILUS[name][0], path, *signals)
    if found is None:
        return []
    more = {"of": found["version"]}
    return [[{**one, **more, "trades": len(one["trades"])} for one in found["days"]]]


def named(rounds: Rounds) -> str:
    return f"nautilus_trader {rounds[0][0]['of']}"


def beyond(rounds: Rounds) -> float:
    """A trade, as far as its day costs more than the one after it, in which nobody trades."""
    return statistics.median(
        (traded["seconds"] - still["seconds"]) / traded["trades"]
        for _, *days in rounds
        for traded, still in zip(days[::2], days[1::2], strict=True)
    )

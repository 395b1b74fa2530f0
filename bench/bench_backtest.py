"""The whole engine over days in virtual time, in processor time of its process: a busy market says
what a tick costs, a quiet one what an hour costs in which little happens."""

from __future__ import annotations

import statistics
import time
from pathlib import Path
from typing import Any, Final

import pytest

from bench.days import FIRST, REAL, as_columns, write_day, write_signals
from bench.environments import answer_of
from bench.ledger import Figure, Ledger, Target
from bench.processes import answer
from engine.sim.market import read_ticks

GROUP: Final = "backtest"
NAUTILUS: Final = {  # by environment: who, and how many times its speed is wanted
    "nautilus-1": ("nautilus_trader 1.2x", 20.0),
    "nautilus-2": ("nautilus_trader 2.0", 5.0),
}
ROUNDS: Final = 3
PAIRS: Final = 3  # of a day with trades and one without, in each round
SELDOM, OFTEN, NEVER = 10, 3, 0  # minutes between two signals
Rounds = list[list[dict[str, Any]]]  # of each round the days that were played


def measured(ticks: Path, *signals: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = answer("bench.peers.backtest", ticks, *signals)
    for one, path in zip(found, signals, strict=True):
        assert one["trades"] >= 10 if path.stat().st_size else not one["trades"], (one, path)
    return found


def beside(ledger: Ledger, name: str, ticks: Path, *signals: Path) -> Rounds:
    """One round of a peer, with each of these signals; none where it is not there."""
    found = answer_of(ledger, name, "nautilus.py", NAUTILUS[name][0], ticks, *signals)
    if found is None:
        return []
    more = {"of": f"nautilus_trader {found['version']}"}
    return [[{**one, **more, "trades": len(one["trades"])} for one in found["days"]]]


def median(rounds: Rounds, day: int, per: str = "ticks") -> float:
    return statistics.median(one[day]["seconds"] / one[day][per] for one in rounds)


@pytest.mark.parametrize(("ticks_per_s", "name"), [(6.0, "busy"), (0.2, "quiet")])
def test_a_day(ledger: Ledger, tmp_path: Path, ticks_per_s: float, name: str) -> None:
    path = write_day(tmp_path, FIRST, ticks_per_s)
    signals = write_signals(tmp_path, path, SELDOM)
    rounds = [measured(path, signals) for _ in range(ROUNDS)]
    first = rounds[0][0]
    words = f"a {name} day, {first['ticks']:,} ticks, {first['trades']} trades"
    read = statistics.median(reading(path) for _ in range(ROUNDS)) / first["ticks"]
    ledger.add(Figure(GROUP, f"{words}, per tick", median(rounds, 0), read, "reading it"))
    ledger.add(Figure(GROUP, f"{words}, per hour", median(rounds, 0, per="hours")))
    grown = statistics.median(day["end"] - day["quarter"] for (day,) in rounds)
    ledger.add(Figure(GROUP, f"{words}, memory grown in three quarters", grown, size=True))


def reading(path: Path) -> float:
    began = time.process_time()
    for _ in read_ticks(path):
        pass
    return time.process_time() - began


@pytest.mark.parametrize("name", ["generated", "IBM-20131007.csv.gz", "BAC-20131007.csv.gz"])
def test_beside_nautilus(ledger: Ledger, tmp_path: Path, name: str) -> None:
    """The same strategy on the same day, and the day without its trades, in turns; the peers live
    in environments of their own, and have their ticks in memory before they begin: ours come as
    arrays beside them."""
    if name == "generated":
        path = write_day(tmp_path, FIRST, 24.0)
    elif not (path := REAL / name).exists():
        pytest.skip(f"no real ticks at {REAL}")
    arrays = as_columns(path, tmp_path)
    days = [write_signals(tmp_path, path, minutes) for minutes in (SELDOM, NEVER)]
    texts: Rounds = []
    ours: Rounds = []
    theirs: dict[str, Rounds] = {peer: [] for peer in NAUTILUS}
    for _ in range(ROUNDS):
        for peer in NAUTILUS:
            theirs[peer] += beside(ledger, peer, path, *days)
        texts.append(measured(path, days[0]))
        ours.append(measured(arrays, *days))
    told = "a generated day" if name == "generated" else f"{name[:3]} of 2013-10-07"
    day = f"{told}, {texts[0][0]['ticks']:,} ticks"
    words = f"{day}, {texts[0][0]['trades']} trades, per tick"
    ledger.add(Figure(GROUP, words, median(texts, 0), target=Target("ours", 1e-6)))
    for peer, rounds in theirs.items():
        if rounds:
            version, target = rounds[0][0]["of"], Target("ratio", NAUTILUS[peer][1])
            pair = median(ours, 0), median(rounds, 0)
            ledger.add(Figure(GROUP, f"{words}, of arrays", *pair, version, target))
            pair = median(ours, 1), median(rounds, 1)
            ledger.add(Figure(GROUP, f"{day}, no trades, per tick, of arrays", *pair, version))


def test_life_of_a_trade(ledger: Ledger, tmp_path: Path) -> None:
    """What the many trades of a quiet day cost beyond the same day without them, in a process that
    has played it before: each is an entry with its stop and its target, and what ends it, the
    exchange's part included."""
    path = write_day(tmp_path, FIRST, 0.2)
    arrays = as_columns(path, tmp_path)
    often, never = (write_signals(tmp_path, path, minutes) for minutes in (OFTEN, NEVER))
    days = never, *[often, never] * PAIRS
    words = "a trade: entry, stop, target and end, beyond the ticks"
    mine = beyond([measured(arrays, *days) for _ in range(ROUNDS)])
    ledger.add(Figure(GROUP, words, mine, target=Target("ours", 100e-6)))
    for peer in NAUTILUS:
        rounds: Rounds = []
        for _ in range(ROUNDS):
            rounds += beside(ledger, peer, path, *days)
        if rounds:
            ledger.add(Figure(GROUP, words, mine, beyond(rounds), rounds[0][0]["of"]))


def beyond(rounds: Rounds) -> float:
    """A trade, as far as its day costs more than the one after it, in which nobody trades."""
    return statistics.median(
        (traded["seconds"] - still["seconds"]) / traded["trades"]
        for _, *days in rounds
        for traded, still in zip(days[::2], days[1::2], strict=True)
    )

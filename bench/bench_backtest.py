"""The whole engine over generated days in virtual time, in processor time of its process: a busy
market says what a tick costs, a quiet one what an hour costs in which little happens."""

from __future__ import annotations

import statistics
from typing import Any, Final

import pytest

from bench.ledger import Figure, Ledger
from bench.processes import answer

GROUP: Final = "backtest"
ROUNDS: Final = 3


def measured(days: int, ticks_per_s: float) -> list[dict[str, Any]]:
    rounds = [answer("bench.peers.backtest", days, ticks_per_s) for _ in range(ROUNDS)]
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

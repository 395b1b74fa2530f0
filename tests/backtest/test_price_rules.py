"""Rules that wait for a price, over days of ticks: what has crossed, and what was there already."""

import pytest

from engine.sim.market import read_ticks

ALONE = {"pattern": False, "close_before_end_s": None, "stop": {"percent": 5.0}, "target": []}


def rule(level):
    return {
        "id": "above",
        "symbols": ["IBM"],
        "when": f"last >= {level} and flat",
        "then": {"kind": "enter", "side": "BUY"},
    }


def trades(path):
    return [tick for tick in read_ticks(path) if tick.kind == "T"]


@pytest.mark.parametrize("latency_ms", [0.0, 20.0])
def test_a_price_that_the_day_begins_beyond_has_not_been_crossed(played, ticks, latency_ms):
    """Every start is such a beginning: otherwise each of them would trade once more."""
    data = ticks(minutes=20)
    lowest = min(tick.price for tick in trades(data))
    outcome = played(
        [data], strategy={**ALONE, "rules": [rule(lowest - 0.01)]}, latency_ms=latency_ms
    )

    assert outcome.record.executions == []


def test_it_trades_when_the_price_comes_back_from_the_other_side(played, ticks):
    data = ticks(minutes=20)
    found = trades(data)
    first = found[0].price
    level = first - 0.05  # begins above it
    below = next(i for i, tick in enumerate(found) if tick.price < level)
    crossed = next(tick for tick in found[below:] if tick.price >= level)
    outcome = played([data], strategy={**ALONE, "rules": [rule(level)]})

    late_ns = outcome.record.executions[0]["time_ns"] - crossed.time_ns
    assert 0 <= late_ns < 5_000_000_000

"""Memory of one instrument: layout, first values, settings."""

import subprocess
import sys
from pathlib import Path

import pytest

from _fast.instruments import INSTRUMENT_DTYPE
from _fast.market import Market


def test_memory_is_laid_out_as_the_struct_says():
    names = ["bid", "ask", "last", "bid_size", "ask_size", "last_size", "volume", "atr"]
    names += ["spread", "mid", "quote_ns", "trade_ns", "ticks", "late_trades"]
    expected = {name: (8 * i, 8) for i, name in enumerate(names)}
    expected |= {"halted": (112, 2), "shortable": (114, 2)}
    small = ["data_type", "trades_from", "atr_ready"]
    expected |= {name: (116 + 4 * i, 4) for i, name in enumerate(small)}
    fields = INSTRUMENT_DTYPE.fields

    assert expected == {name: (offset, kind.itemsize) for name, (kind, offset) in fields.items()}
    assert INSTRUMENT_DTYPE.itemsize == 128


def test_nothing_is_known_at_first():
    market = Market()
    market.add()

    assert market.view(0) == (None, None, None, 0, 0, None, -1, 1, 0)


@pytest.mark.parametrize(("capacity", "kept"), [(1, 512), (2_340, 512), (10_000, 119)])
def test_the_rings_of_many_instruments_are_shorter(capacity, kept):
    assert Market(capacity=capacity).bars_max == kept
    assert Market(capacity=capacity, bars_max=7).bars_max == 7


def test_ten_thousand_instruments_with_all_their_bars_stay_small():
    """A process of its own, each of whose instruments completes more bars than are kept."""
    check = """
import resource, numpy as np
from _fast.market import Market, replay
from _fast.ticks import KINDS
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
market = Market(capacity=10_000)
for row in range(10_000):
    market.bind(row, market.add(bar_seconds=1, trades_from=1))
    for level in range(10):
        market.when(row, "last", "above", 200.0 + level)
ids = np.arange(10_000, dtype=np.int32)
kinds = np.full(10_000, KINDS["TRADE"], np.int32)
prices = np.full(10_000, 100.0)
for second in range(1, 150):
    times = np.full(10_000, (1_700_000_000 + second) * 10**9)
    replay(market, ids, kinds, prices, prices, times)
    if second == 2:
        early = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
assert len(market.bars(9_999)) == market.bars_max == 119
assert market.conditions == 100_000
late = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print((early - before) // 1024, (late - before) // 1024)
"""
    root = Path(__file__).resolve().parents[2]
    command = [sys.executable, "-c", check]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
    early, late = map(int, done.stdout.split())

    assert early < 80  # with one bar of each, and no huge pages behind it
    assert late < 120


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"bar_seconds": 0}, "1 to 86400 seconds, not 0"),
        ({"bar_seconds": 86_401}, "1 to 86400"),
        ({"atr_period": 0}, "atr period"),
        ({"atr_mean": "x"}, "atr mean"),
        ({"trades_from": 3}, "trades_from is 0 last"),
        ({"bar_seconds": 7, "trades_from": 2}, "do not fill 7"),
    ],
)
def test_wrong_settings_add_nothing(settings, reason):
    market = Market()
    with pytest.raises(ValueError, match=reason):
        market.add(**settings)

    assert market.count == 0

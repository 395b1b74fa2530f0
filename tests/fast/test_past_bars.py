"""Bars of played ticks: by a plain look at the ticks, one by one and many at once the same."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from _fast.past_bars import SERIES, PastBars

S = 1_000_000_000
tick = st.tuples(
    st.integers(0, 3 * S), st.sampled_from("BAT"), st.integers(1, 9000), st.integers(0, 500)
)


def plain(ticks, what):
    """As a schoolbook would."""
    bars, bid, ask = [], 0.0, 0.0
    for time_ns, kind, price, size in ticks:
        seen = {"T": "TRADES", "B": "BID", "A": "ASK"}[kind]
        bid, ask = (price if kind == "B" else bid), (price if kind == "A" else ask)
        values = [price] if seen == what else []
        if what == "MIDPOINT" and kind != "T" and bid and ask:
            values = [(bid + ask) / 2]
        for value in values:
            start = time_ns - time_ns % (5 * S)
            if not bars or start != bars[-1][0]:
                bars.append((start, []))
            bars[-1][1].append((value, size if what == "TRADES" else 0))
    rows = []
    for start, seen in bars:
        prices, volume, value = [one for one, _ in seen], sum(n for _, n in seen), 0.0
        for price, size in seen:
            value += price * size
        average = value / volume if volume else prices[-1]
        count = len(seen) if what == "TRADES" else 0
        extremes = max(prices), min(prices)
        rows.append((start, prices[0], *extremes, prices[-1], volume, average, count))
    return rows


@given(st.lists(tick, max_size=80), st.integers(0, 80))
def test_bars_are_those_of_the_ticks(gaps, cut):
    now, ticks = 1_000 * S, []
    for gap, kind, cents, size in gaps:
        now += gap
        ticks.append((now, kind, cents / 100, size))
    bars = PastBars(5 * S, 1000)
    for one in ticks[:cut]:
        bars.add(*one)
    rest = ticks[cut:]
    bars.extend(
        np.array([one[0] for one in rest], np.int64),
        np.array([ord(one[1]) for one in rest], np.uint8),
        np.array([one[2] for one in rest], np.float64),
        np.array([one[3] for one in rest], np.int64),
    )
    for series, what in enumerate(SERIES):
        wanted = plain(ticks, what)
        assert bars.kept(series) == max(len(wanted) - 1, 0)
        assert bars.begun(series) == bool(wanted)
        assert bars.between(series, 0, 2**63 - 1) == wanted
        starts = [0, *(one[0] for one in wanted), now + 1]
        for start, end in itertools.product(starts[::3], starts[::5]):
            inside = [one for one in wanted if start <= one[0] < end]
            assert bars.between(series, start, end) == inside


def test_the_oldest_are_forgotten():
    bars = PastBars(5 * S, 10)
    for second in range(0, 5 * 1000, 5):
        bars.add(second * S, "T", 1.0, 1)
        rows = bars.between(0, 0, 2**63 - 1)
        assert min(second // 5 + 1, 11) <= len(rows) <= 14
        assert [one[0] for one in rows] == [
            one * S for one in range(second - 5 * len(rows) + 5, second + 1, 5)
        ]


def test_wrong_arguments_are_told():
    bars = PastBars(5 * S, 10)
    with pytest.raises(ValueError, match="both are above 0"):
        PastBars(0, 10)
    with pytest.raises(ValueError, match="a tick is B, A or T, not 'X'"):
        bars.add(1, "X", 1.0, 1)
    with pytest.raises(IndexError, match="series 4"):
        bars.between(4, 0, 1)
    with pytest.raises(ValueError, match="equal length"):
        bars.extend(
            np.zeros(2, np.int64), np.zeros(1, np.uint8), np.zeros(2), np.zeros(2, np.int64)
        )

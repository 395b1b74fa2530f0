"""Bars by time against a plain grouping of the same trades."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from _fast.bars import BAR_DTYPE, Bars

SECOND = 1_000_000_000
NOON = 1_700_000_000 * SECOND // (60 * SECOND) * (60 * SECOND)


@st.composite
def trades(draw):
    times = sorted(draw(st.lists(st.integers(0, 600 * SECOND), max_size=200)))
    prices = draw(st.lists(st.floats(0.01, 1e6), min_size=len(times), max_size=len(times)))
    return [(NOON + t, p, float(i % 7)) for i, (t, p) in enumerate(zip(times, prices, strict=True))]


def grouped(series, seconds):
    """One bar per interval that has trades, oldest first, as tuples in the order of BAR_DTYPE."""
    groups: dict[int, list[tuple[float, float]]] = {}
    for time, price, size in series:
        start = time // (seconds * SECOND) * seconds * SECOND
        groups.setdefault(start, []).append((price, size))
    return [
        (
            start, g[0][0], max(p for p, _ in g), min(p for p, _ in g), g[-1][0],
            sum(s for _, s in g), len(g),
        )
        for start, g in groups.items()
    ]  # fmt: skip


@given(trades(), st.sampled_from([1, 5, 60, 90]))
def test_bars_equal_a_plain_grouping(series, seconds):
    bars = Bars(seconds)
    for trade in series:
        assert bars.trade(*trade)
    progress = bars.in_progress()
    result = bars.completed().tolist() + ([progress.tolist()] if progress is not None else [])

    assert grouped(series, seconds)[-513:] == result


@given(st.integers(1, 9), st.integers(0, 40))
def test_the_ring_keeps_the_newest(bars_max, n):
    bars = Bars(1, bars_max)
    for i in range(n + 1):
        bars.trade(NOON + i * SECOND, 1.0 + i)
    result = bars.completed()

    assert result["open"].tolist() == [1.0 + i for i in range(n)][-bars_max:]


def test_the_clock_completes_a_bar_once_and_at_its_end():
    bars = Bars(60)
    bars.trade(NOON + 1, 5.0)

    assert not bars.close(NOON + 60 * SECOND - 1)
    assert bars.close(NOON + 60 * SECOND)
    assert not bars.close(NOON + 120 * SECOND)
    assert len(bars.completed()) == 1
    assert bars.in_progress() is None


def test_a_completed_bar_is_not_reopened():
    bars = Bars(60)
    bars.trade(NOON + 1, 5.0)
    bars.close(NOON + 60 * SECOND)

    assert not bars.trade(NOON + 2, 9.0)
    assert bars.trade(NOON + 60 * SECOND, 6.0)
    assert not bars.trade(NOON + 3, 9.0)
    assert bars.completed()["high"].tolist() == [5.0]


def test_what_was_handed_out_does_not_change():
    bars = Bars(1, 1)
    bars.trade(NOON, 5.0)
    progress = bars.in_progress()
    bars.trade(NOON + SECOND, 6.0)
    completed = bars.completed()
    bars.trade(NOON + 2 * SECOND, 7.0)

    assert progress["close"] == 5.0
    assert completed["close"].tolist() == [5.0]


def test_the_dtype_is_packed_as_documented():
    assert BAR_DTYPE.itemsize == 56
    assert np.dtype([(name, BAR_DTYPE[name]) for name in BAR_DTYPE.names]) == BAR_DTYPE


@pytest.mark.parametrize(
    ("time", "price"),
    [(0, 5.0), (-1, 5.0), (1, 0.0), (1, -1.0), (1, float("nan")), (1, float("inf"))],
)
def test_a_trade_without_time_or_price_is_refused(time, price):
    with pytest.raises(ValueError, match="a time after 1970 and a price above 0"):
        Bars().trade(time, price)


@pytest.mark.parametrize("arguments", [(0,), (-5,), (60, 0)])
def test_bounds_are_refused(arguments):
    with pytest.raises(ValueError, match="at least one"):
        Bars(*arguments)

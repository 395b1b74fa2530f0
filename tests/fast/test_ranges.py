"""ATR against a plain reference, streaming against array."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from _fast.ranges import Atr, atr

PERIODS = st.integers(1, 40)
MEANS = st.sampled_from(["wilder", "simple"])


def reference(high, low, close, period, mean):
    """Wilder's definition as written down, bar by bar; the first TR is that of the second bar."""
    ranges = [
        max(h - lo, abs(h - before), abs(lo - before))
        for h, lo, before in zip(high[1:], low[1:], close[:-1], strict=True)
    ]
    values = [math.nan] * len(high)
    for i in range(period, len(high)):
        if mean == "simple" or i == period:
            values[i] = math.fsum(ranges[i - period : i]) / period
        else:
            values[i] = (values[i - 1] * (period - 1) + ranges[i - 1]) / period
    return np.array(values)


@st.composite
def ohlc(draw):
    price = st.floats(0.01, 1000, allow_nan=False)
    rows = draw(st.lists(st.tuples(price, price, st.floats(0, 1)), min_size=0, max_size=700))
    high = np.array([max(a, b) for a, b, _ in rows])
    low = np.array([min(a, b) for a, b, _ in rows])
    close = low + (high - low) * np.array([w for _, _, w in rows])
    return high, low, close


def walk(n):
    rng = np.random.default_rng(7)
    close = 100 + np.cumsum(rng.normal(0, 0.1, n))
    return close + rng.random(n), close - rng.random(n), close


@given(ohlc(), PERIODS, MEANS)
def test_array_equals_the_reference(bars, period, mean):
    result = atr(*bars, period, mean)

    np.testing.assert_allclose(result, reference(*bars, period, mean), rtol=1e-11, atol=1e-12)


@given(ohlc(), PERIODS, MEANS)
def test_stream_equals_array_to_the_last_bit(bars, period, mean):
    stream = Atr(period, mean)
    result = [stream.push(*bar) for bar in zip(*bars, strict=True)]

    np.testing.assert_array_equal(result, atr(*bars, period, mean))


@pytest.mark.parametrize("mean", ["wilder", "simple"])
def test_long_arrays_equal_the_reference_across_blocks(mean):
    bars = walk(5_000)

    np.testing.assert_allclose(atr(*bars, 14, mean), reference(*bars, 14, mean), rtol=1e-12)


def test_the_simple_mean_forgets_a_spike():
    high, low, close = (np.full(200, value) for value in (1.5, 1.0, 1.25))
    high[20] = 1e9  # its rounding would stay in a plain running sum for ever

    assert atr(high, low, close, 14, "simple")[-1] == 0.5


@pytest.mark.parametrize("mean", ["wilder", "simple"])
def test_ready_after_one_bar_more_than_the_period(mean):
    stream = Atr(3, mean)
    ready = []
    for _ in range(5):
        value = stream.push(2.0, 1.0, 1.5)
        assert stream.ready is not math.isnan(value)
        ready.append(stream.ready)

    assert ready == [False, False, False, True, True]


def test_a_gap_counts_from_the_previous_close():
    stream = Atr(1)
    stream.push(10.0, 9.0, 9.5)

    assert stream.push(12.0, 11.0, 11.5) == 2.5
    assert stream.push(9.0, 8.5, 8.75) == 3.0


def test_values_by_hand():
    high, low, close = [10, 12, 12, 15], [9, 10, 11, 12], [9.5, 11, 11.5, 14]  # TR 2.5, 1, 3.5

    assert atr(high, low, close, 2).tolist()[2:] == [1.75, (1.75 + 3.5) / 2]
    assert atr(high, low, close, 2, "simple").tolist()[2:] == [1.75, 2.25]


def test_nan_is_not_hidden():
    high, low, close = walk(40)
    high[30] = math.nan

    assert np.isnan(atr(high, low, close)[30:]).all()


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (([1.0], [1.0], [1.0, 2.0]), "equal length, not 1, 1, 2"),
        (([1.0], [1.0], [1.0], 0), "period is 1 to 10000 bars, not 0"),
        (([1.0], [1.0], [1.0], 10_001), "period is 1 to 10000"),
        (([1.0], [1.0], [1.0], 14, "ema"), "wilder or simple, not 'ema'"),
    ],
)
def test_wrong_arguments_are_refused(arguments, reason):
    with pytest.raises(ValueError, match=reason):
        atr(*arguments)

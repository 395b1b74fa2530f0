"""Indicators equal TA-Lib's, where it has them: values, and how many inputs they take."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from _fast.averages import ema, sma, wma
from _fast.channels import bollinger, donchian
from _fast.deviations import stddev
from _fast.oscillators import macd, roc, rsi, stochastic
from _fast.ranges import atr, true_range
from _fast.trend import adx, directional
from _fast.volume import obv, volume_average
from tests.fast.indicators import DAYS, real_bars, series, walk

talib = pytest.importorskip("talib")

BARS = ("high", "low", "close")
CLOSE = ("close",)
# ours, TA-Lib's, inputs, the shortest period TA-Lib takes
PAIRS = {
    "SMA": (sma, talib.SMA, CLOSE, 2),
    "EMA": (ema, talib.EMA, CLOSE, 2),
    "WMA": (wma, talib.WMA, CLOSE, 2),
    "RSI": (rsi, talib.RSI, CLOSE, 2),
    "ROC": (roc, talib.ROC, CLOSE, 1),
    "MACD": (
        lambda c, n: macd(c, n, 2 * n + 2, 9), lambda c, n: talib.MACD(c, n, 2 * n + 2, 9), CLOSE, 2
    ),
    "TRANGE": (lambda h, lo, c, _: true_range(h, lo, c), lambda *b: talib.TRANGE(*b[:3]), BARS, 1),
    "ATR": (atr, talib.ATR, BARS, 1),
    "ADX": (lambda *b: adx(*b)[0], talib.ADX, BARS, 2),
    "DI": (directional, lambda *b: (talib.PLUS_DI(*b), talib.MINUS_DI(*b)), BARS, 2),
    "STOCH": (
        lambda *b: stochastic(*b, 3, 4), lambda *b: talib.STOCH(*b, 3, 0, 4, 0), BARS, 1
    ),
    "STOCHF": (lambda *b: stochastic(*b, 1, 3), lambda *b: talib.STOCHF(*b, 3, 0), BARS, 1),
    "MAX, MIN": (
        lambda h, lo, n: donchian(h, lo, n)[::2],
        lambda h, lo, n: (talib.MAX(h, n), talib.MIN(lo, n)),
        ("high", "low"), 2,
    ),
    "OBV": (lambda c, v, _: obv(c, v), lambda c, v, _: talib.OBV(c, v), ("close", "volume"), 1),
    "SMA of volume": (volume_average, talib.SMA, ("volume",), 2),
}  # fmt: skip
EACH = pytest.mark.parametrize("name", PAIRS)


def columns(result):
    return result if isinstance(result, tuple) else (result,)


def compare(data, name, period):
    ours, theirs, inputs, shortest = PAIRS[name]
    period = max(period, shortest)
    arrays = [data[column] for column in inputs]
    # Differences of prices, which may be 0, are as exact as the prices are.
    scale = max(np.nanmax(np.abs(array)) for array in arrays)
    for mine, other in zip(
        columns(ours(*arrays, period)), columns(theirs(*arrays, period)), strict=True
    ):
        np.testing.assert_allclose(mine, other, rtol=1e-9, atol=1e-12 * max(scale, 100.0))


@settings(max_examples=250)
@given(name=st.sampled_from(sorted(PAIRS)), data=series(least=1), period=st.integers(1, 60))
def test_random_series(name, data, period):
    compare(data, name, period)


@EACH
@pytest.mark.parametrize("period", [14, 200])
def test_long_series(name, period):
    compare(walk(10_000, seed=3, tick=0.01), name, period)


@EACH
def test_numbers_that_are_missing_at_the_beginning_are_passed_over(name):
    data = walk(200, seed=8)
    for column in data.values():
        column[:17] = np.nan
    compare(data, name, 14)


@EACH
def test_one_that_begins_later_than_the_others_holds_all_up(name):
    data = walk(200, seed=8)
    data["close"][:17] = np.nan
    compare(data, name, 14)


@pytest.mark.data
@EACH
@pytest.mark.parametrize("seconds", [5, 60])
@pytest.mark.parametrize("day", DAYS)
def test_real_days(name, seconds, day):
    data = real_bars(day, seconds)
    assert len(data["close"]) > 380
    for period in (14, 50):
        compare(data, name, period)


def deviations(values, n):
    """Of each window, in two passes, with more digits than a double has."""
    windows = np.lib.stride_tricks.sliding_window_view(values, n).astype(np.longdouble)
    differences = windows - windows.mean(axis=1, keepdims=True)
    return np.sqrt((differences**2).mean(axis=1)).astype(float)


def compare_deviations(values, n):
    """TA-Lib takes the square of the mean from the mean square, of the prices as they are, and its
    sums carry every rounding on. So ours is held to the exact value to nine digits, and to
    TA-Lib's as far as that goes."""
    mine = stddev(values, n)
    theirs = talib.STDDEV(values, n)
    upper, middle, lower = bollinger(values, n, 2.0)
    bands = talib.BBANDS(values, n, 2.0, 2.0)

    np.testing.assert_array_equal(np.isnan(mine), np.isnan(theirs))
    for line, other in zip((upper, middle, lower), bands, strict=True):
        np.testing.assert_array_equal(np.isnan(line), np.isnan(other))
    if len(values) < n:
        return
    exact = deviations(values, n)
    span = np.ptp(values)
    np.testing.assert_allclose(mine[n - 1 :], exact, rtol=1e-9, atol=1e-7 * span)
    lost = (5e-14 + 1e-17 * len(values)) * np.abs(values).max() ** 2
    assert (np.abs(mine**2 - theirs**2)[n - 1 :] <= lost + 1e-9 * exact**2).all()
    np.testing.assert_allclose(middle, bands[1], rtol=1e-9)
    np.testing.assert_allclose(upper - middle, 2.0 * mine, rtol=1e-9, atol=1e-13 * upper[-1])
    np.testing.assert_allclose(middle - lower, 2.0 * mine, rtol=1e-9, atol=1e-13 * upper[-1])


@given(data=series(least=1), period=st.integers(2, 60))
def test_deviations_of_random_series(data, period):
    compare_deviations(data["close"], period)


@pytest.mark.data
@pytest.mark.parametrize("seconds", [5, 60])
@pytest.mark.parametrize("day", DAYS)
def test_deviations_of_real_days(seconds, day):
    values = real_bars(day, seconds)["close"]
    for period in (2, 20, 100):
        compare_deviations(values, period)
    moving = deviations(values, 20) > 0.001
    # Less the first price TA-Lib loses little, and agrees to nine digits.
    centred = talib.STDDEV(values - values[0], 20)[19:][moving]
    np.testing.assert_allclose(stddev(values, 20)[19:][moving], centred, rtol=1e-9)

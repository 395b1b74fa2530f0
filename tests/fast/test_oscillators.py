"""Oscillators and trend by hand, and what they say of a market that does not move."""

import math

import numpy as np
import pytest

from _fast.oscillators import Macd, Roc, Rsi, Stochastic, macd, roc, rsi, stochastic
from _fast.trend import Adx, Directional
from tests.fast.indicators import BARS, walk

NAN = math.nan


def test_rsi_by_hand():
    stream = Rsi(2)
    values = [stream.push(x) for x in (10.0, 11.0, 10.0, 13.0)]

    assert values[2] == 50.0  # means of 1, 0 and of 0, 1
    assert values[3] == pytest.approx(100 * 1.75 / 2.0)  # (0.5 + 3) / 2 and (0.5 + 0) / 2


@pytest.mark.parametrize(("step", "expected"), [(1.0, 100.0), (-1.0, 0.0)])
def test_rsi_of_one_direction(step, expected):
    assert rsi(100 + step * np.arange(30), 14)[-1] == expected


def test_macd_of_a_straight_line_is_the_difference_of_the_lags():
    line, signal, histogram = macd(np.arange(500.0), 12, 26, 9)  # lag (n - 1) / 2

    assert line[-1] == pytest.approx(7.0, rel=1e-9)
    assert signal[-1] == pytest.approx(7.0, rel=1e-9)
    assert abs(histogram[-1]) < 1e-9


@pytest.mark.parametrize(("fast", "slow"), [(26, 12), (5, 5)])
def test_macd_wants_the_fast_one_faster(fast, slow):
    with pytest.raises(ValueError, match=f"fast period is below the slow one, not {fast} and"):
        Macd(fast, slow)


def test_stochastic_by_hand():
    stream = Stochastic(2, 1, 2)

    assert np.isnan(stream.push(10.0, 8.0, 9.0)).all()
    assert np.isnan(stream.push(12.0, 9.0, 11.0)).all()  # K 75, but no D yet
    assert stream.push(12.0, 10.0, 12.0) == (100.0, 87.5)
    assert stream.push(11.0, 8.0, 8.0) == (0.0, 50.0)


def test_the_slow_stochastic_smooths_the_fast_one():
    bars = [walk(200, seed=3)[name] for name in BARS]
    fast, _ = stochastic(*bars, 5, 1, 1)
    slow, d = stochastic(*bars, 5, 3, 4)
    means = [fast[i - 2 : i + 1].mean() for i in range(6, 200)]

    np.testing.assert_allclose(slow[9:], means[3:], rtol=1e-12)
    np.testing.assert_allclose(d[9:], [np.mean(means[i - 3 : i + 1]) for i in range(3, 194)])


def test_roc_by_hand():
    assert np.array_equal(roc([4.0, 5.0, 5.0, 0.0, 1.0, 2.0], 2)[2:], [25.0, -100.0, -80.0, 0.0])


def test_an_infinite_price_after_nothing_is_not_hidden():
    values = [0.0, 1.0, math.inf, 2.0, 3.0, 4.0]
    stream = Roc(2)
    expected = [NAN, NAN, NAN, NAN, NAN, 100.0]

    np.testing.assert_array_equal(roc(values, 2), expected)
    np.testing.assert_array_equal([stream.push(x) for x in values], expected)


def test_directions_by_hand():
    stream = Directional(1)
    stream.push(10.0, 8.0, 9.0)

    assert stream.push(12.0, 9.0, 11.0) == pytest.approx((100 * 2 / 3, 0.0))
    assert stream.push(12.5, 7.0, 8.0) == pytest.approx((0.0, 100 * 2 / 5.5))  # the larger one
    assert stream.push(13.5, 6.0, 8.0) == (0.0, 0.0)  # neither is


def test_adx_of_one_direction_is_all_of_it():
    stream = Adx(5)
    for i in range(20):
        adx, plus, minus = stream.push(10.0 + i, 9.0 + i, 9.5 + i)

    assert adx == 100.0
    assert minus == 0.0
    assert plus == pytest.approx(100 / 1.5)  # one up in a true range of 1.5


def test_adx_stays_when_nothing_moves_any_more():
    stream = Adx(3)
    for i in range(20):
        stream.push(10.0 + i % 3, 9.0 + i % 2, 9.5 + i % 2)
    while sum(stream.value[1:]) > 0.0:
        before = stream.value[0]
        stream.push(11.0, 11.0, 11.0)

    assert stream.push(11.0, 11.0, 11.0)[0] == before

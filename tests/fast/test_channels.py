"""Keltner and Donchian channels, which TA-Lib has not; Bollinger's by hand."""

import numpy as np
import pytest

from _fast.averages import ema
from _fast.channels import Bollinger, Donchian, Keltner, bollinger, donchian, keltner
from _fast.ranges import atr
from tests.fast.indicators import BARS, walk


def test_bollinger_by_hand():
    upper, middle, lower = bollinger([1.0, 3.0, 5.0, 5.0], 2, 1.5)

    assert upper.tolist()[1:] == [3.5, 5.5, 5.0]  # deviations 1, 1, 0
    assert middle.tolist()[1:] == [2.0, 4.0, 5.0]
    assert lower.tolist()[1:] == [0.5, 2.5, 5.0]


@pytest.mark.parametrize(("period", "atr_period"), [(20, 10), (5, 40)])
def test_keltner_is_an_average_and_ranges_around_it(period, atr_period):
    bars = [walk(300, seed=4)[name] for name in BARS]
    upper, middle, lower = keltner(*bars, period, 1.5, atr_period)
    reach = 1.5 * atr(*bars, atr_period)
    expected = ema(bars[2], period) + (reach - reach)

    np.testing.assert_array_equal(middle, expected)
    np.testing.assert_array_equal(upper, expected + reach)
    np.testing.assert_array_equal(lower, expected - reach)
    assert np.isnan(middle).sum() == max(period, atr_period + 1) - 1


@pytest.mark.parametrize("period", [1, 2, 7, 100])
def test_donchian_is_the_highest_and_the_lowest(period):
    data = walk(400, seed=5, tick=0.05)
    upper, middle, lower = donchian(data["high"], data["low"], period)

    for i in range(period - 1, 400):
        window = slice(i + 1 - period, i + 1)
        assert upper[i] == data["high"][window].max()
        assert lower[i] == data["low"][window].min()
        assert middle[i] == pytest.approx((upper[i] + lower[i]) / 2, rel=1e-15)


@pytest.mark.parametrize("rising", [True, False])
def test_extremes_that_only_leave_the_window_are_found(rising):
    column = np.arange(500.0) if rising else np.arange(500.0)[::-1]
    upper, _, lower = donchian(column, column, 30)

    assert (upper - lower)[29:].tolist() == [29.0] * 471


def test_a_channel_without_width_is_a_line():
    for channel in (Bollinger(3, 0.0), Keltner(3, 0.0, 2)):
        for price in (5.0, 6.0, 8.0, 7.0):
            row = (price,) if isinstance(channel, Bollinger) else (price + 1, price - 1, price)
            upper, middle, lower = channel.push(*row)
        assert upper == middle == lower > 0


def test_lines_by_hand_bar_by_bar():
    channel = Donchian(2)

    assert np.isnan(channel.push(10.0, 9.0)).all()
    assert channel.push(12.0, 11.0) == (12.0, 10.5, 9.0)
    assert channel.push(11.0, 8.0) == (12.0, 10.0, 8.0)
    assert channel.push(9.0, 8.5) == (11.0, 9.5, 8.0)
    assert channel.value == (11.0, 9.5, 8.0)

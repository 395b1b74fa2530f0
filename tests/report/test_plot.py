"""Scales, ticks and thinning."""

import math
import re

from hypothesis import given
from hypothesis import strategies as st

from engine.report.plot import Frame, Scale, area, grid, polyline, stepped, steps, thinned
from engine.report.trade import PRICES_MAX, Prices

values = st.floats(-1e7, 1e7, allow_nan=False).map(lambda one: round(one, 4))


@given(st.lists(values, min_size=1, max_size=50))
def test_every_value_has_its_place_in_the_picture(numbers):
    frame = Frame(400, 200)
    up = frame.up(numbers)
    for one in numbers:
        assert frame.top - 1e-6 <= up(one) <= frame.height - frame.foot + 1e-6
    assert up(max(numbers)) <= up(min(numbers))


@given(values, values, st.integers(1, 8))
def test_steps_are_round_and_inside(low, high, count):
    low, high = sorted((low, high))
    found = steps(low, high, count)
    slack = (high - low) * 1e-6 + 1e-9
    assert all(low - slack <= one <= high + slack for one in found)
    assert len(found) <= 2 * count + 2
    assert found == sorted(found)
    if len(found) > 1:
        step = found[1] - found[0]
        lead = step / 10 ** math.floor(math.log10(step) + 1e-9)
        assert min(abs(lead - one) for one in (1, 2, 2.5, 5, 10)) < 1e-3


@given(st.lists(values, min_size=1, max_size=400), st.integers(10, 60))
def test_what_is_thinned_keeps_its_highest_lowest_and_last(numbers, most):
    found = thinned(numbers, most)
    assert len(found) <= most + 3
    assert all(numbers[place] == one for place, one in found)
    assert [place for place, _ in found] == sorted({place for place, _ in found})
    kept = [one for _, one in found]
    assert (max(kept), min(kept), kept[-1]) == (max(numbers), min(numbers), numbers[-1])


@given(st.integers(1, 5000))
def test_prices_of_a_long_trade_stay_few_and_in_order(count):
    prices = Prices()
    for number in range(count):
        prices.add(number, float(number))
    times = [at for at, _ in prices.points]
    assert len(times) <= PRICES_MAX
    assert len(times) >= min(count, PRICES_MAX // 3)
    assert times == sorted(set(times))
    assert times[-1] >= count - 2 - count // (PRICES_MAX // 3)


def test_a_step_holds_until_the_next():
    assert stepped([(0, 1), (5, 3), (6, 2)]) == [(0, 1), (5, 1), (5, 3), (6, 3), (6, 2)]


def test_labels_at_steps_are_not_rounded_away():
    frame = Frame(400, 200)
    labels = re.findall(r">([\d.,-]+)</text>", "".join(grid(frame, frame.up([13.86, 13.94]))))
    assert labels == ["13.875", "13.900", "13.925"]
    labels = re.findall(r">([\d.,-]+)</text>", "".join(grid(frame, frame.up([-4000.0, 1000.0]))))
    assert labels == ["-4,000", "-2,000", "0"]


def test_paths():
    points = [(0.0, 1.0), (2.5, 3.0)]
    assert re.search(r'd="M0.0 1.0L2.5 3.0"', polyline(points, "x"))
    assert re.search(r'd="M0.0 1.0L2.5 3.0L2.5 9.0L0.0 9.0Z"', area(points, 9.0, "x"))
    assert area([], 9.0, "x") == ""


def test_a_scale_of_one_value_is_its_middle():
    assert Scale(5, 5, 0, 10)(5) == 5

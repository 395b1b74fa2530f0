"""Spread and imbalance of a quote."""

import math

import numpy as np
import pytest

from _fast.quotes import Imbalance, Spread, imbalance, spread

NAN = math.nan


def test_spread():
    assert Spread().push(10.0, 10.25) == 0.25
    assert spread([10.0, 11.0], [10.5, 10.5]).tolist() == [0.5, -0.5]  # crossed: as it is


@pytest.mark.parametrize(
    ("bid_size", "ask_size", "expected"),
    [(300, 100, 0.5), (100, 300, -0.5), (5, 0, 1.0), (0, 5, -1.0), (7, 7, 0.0)],
)
def test_imbalance(bid_size, ask_size, expected):
    assert Imbalance().push(bid_size, ask_size) == expected
    assert imbalance([bid_size], [ask_size]).tolist() == [expected]


@pytest.mark.parametrize(
    ("bid_size", "ask_size"),
    [(0, 0), (-1, 5), (5, -1), (NAN, 1), (1, NAN), (math.inf, 1), (1, math.inf), (1e308, 1e308)],
)
def test_sizes_that_say_nothing(bid_size, ask_size):
    stream = Imbalance()

    assert math.isnan(stream.push(bid_size, ask_size))
    assert not stream.ready
    assert np.isnan(imbalance([bid_size], [ask_size])).all()


@pytest.mark.parametrize(("bid", "ask"), [(NAN, 1), (1, NAN), (math.inf, 1), (-1e308, 1e308)])
def test_no_quote_has_no_spread(bid, ask):
    assert math.isnan(Spread().push(bid, ask))
    assert np.isnan(spread([bid], [ask])).all()

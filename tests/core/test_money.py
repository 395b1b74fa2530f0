"""Exact numbers and price grids."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from engine.errors import UserError
from engine.money import CENTS, Grid, exact, wire_price

PENNY_STOCK = Grid(((Decimal(0), Decimal("0.0001")), (Decimal(1), Decimal("0.01"))))
NICKELS = Grid(((Decimal(0), Decimal("0.05")),))
grids = st.sampled_from((CENTS, PENNY_STOCK, NICKELS))
numbers = st.decimals("0.0001", 10_000, places=7)


@given(grids, numbers)
def test_rounding_meets_the_grid_on_the_stated_side(grid: Grid, price: Decimal) -> None:
    low, high = grid.round(price, "down"), grid.round(price, "up")
    assert low <= price <= high
    assert grid.on(low)
    assert grid.on(high)
    assert high - low <= grid.increment(price)
    assert (low == high) == grid.on(price)


@given(st.integers(1, 10_000_000).map(lambda cents: Decimal(cents) / 100))
def test_a_price_survives_the_wire(price: Decimal) -> None:
    assert exact(wire_price(price)) == price


def test_a_band_edge_is_legal_from_below() -> None:
    assert PENNY_STOCK.round(Decimal("0.99995"), "up") == 1
    assert PENNY_STOCK.round(Decimal("1.001"), "down") == 1
    assert PENNY_STOCK.increment(Decimal("0.9999")) == Decimal("0.0001")


@pytest.mark.parametrize(
    "text", ["", "abc", "nan", "inf", float("nan"), float("-inf"), np.float64("nan")]
)
def test_what_is_no_number_is_never_zero(text: float | str) -> None:
    with pytest.raises(ValueError, match="is not a"):
        exact(text)


def test_a_double_is_read_as_it_was_printed() -> None:
    assert exact(0.1) == Decimal("0.1")
    assert exact(1e-7) == Decimal("1e-7")
    assert exact("1e-7") == Decimal("0.0000001")


@pytest.mark.parametrize(
    "bands", [(), ((Decimal(1), Decimal("0.01")),), ((Decimal(0), Decimal(0)),)]
)
def test_a_grid_without_sense_is_refused(bands: tuple[tuple[Decimal, Decimal], ...]) -> None:
    with pytest.raises(UserError):
        Grid(bands)


@pytest.mark.parametrize("number", [np.float64(95.05), np.int64(95)])
def test_numbers_of_numpy_are_numbers(number: float) -> None:
    """Prices of a program come out of its tables."""
    assert exact(number) == Decimal(str(number))


@pytest.mark.parametrize("nothing", [None, np.float32(95.5), []])
def test_what_cannot_be_taken_exactly_is_not_taken(nothing: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        exact(nothing)

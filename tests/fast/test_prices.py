"""Protective prices against exact decimal arithmetic: the same step, whatever the binary noise."""

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from _fast.prices import Bands, level, steps

TICKS = ("0.01", "0.05", "0.0001", "0.005", "0.1", "0.25", "1", "0.03125")
SIDES = st.sampled_from(["BUY", "SELL"])
ROLES = st.sampled_from(["stop", "target"])


def exact_steps(price: Decimal, distance: Decimal, side: str, tick: Decimal, role: str) -> int:
    below = (side == "SELL") == (role == "stop")
    raw = price - distance if below else price + distance
    # Both roles round towards the price: up when the level lies below it.
    return int((raw / tick).to_integral_value(ROUND_CEILING if below else ROUND_FLOOR))


def cents(low: str, high: str) -> st.SearchStrategy[Decimal]:
    return st.decimals(low, high, places=4, allow_nan=False, allow_infinity=False)


@given(cents("0.01", "9999"), cents("0.0001", "9999"), SIDES, st.sampled_from(TICKS), ROLES)
def test_steps_equal_the_decimal_computation(price, distance, side, tick, role):
    expected = exact_steps(price, distance, side, Decimal(tick), role)
    assume(expected > 0)

    assert expected == steps(float(price), float(distance), side, float(tick), role)


@given(cents("1", "9999"), cents("0.01", "5"), st.integers(1, 12), SIDES, ROLES)
def test_a_multiple_of_the_atr_taken_in_doubles_lands_on_the_same_step(
    price, atr, multiple, side, role
):
    expected = exact_steps(price, atr * multiple, side, Decimal("0.01"), role)
    assume(expected > 0)

    assert expected == steps(float(price), float(atr) * multiple, side, 0.01, role)


@given(cents("0.01", "9999"), cents("0.0001", "99"), SIDES, st.sampled_from(TICKS), ROLES)
def test_protection_is_not_given_up(price, distance, side, tick, role):
    below = (side == "SELL") == (role == "stop")
    assume(exact_steps(price, distance, side, Decimal(tick), role) > 0)
    result = steps(float(price), float(distance), side, float(tick), role) * Decimal(tick)

    away = price - result if below else result - price
    assert away <= distance
    assert distance - away < Decimal(tick)


@given(st.integers(1, 10_000_000), st.sampled_from(TICKS))
def test_the_double_reads_back_as_the_exact_price(count, tick):
    price = count * Decimal(tick)
    assume(price < 100_000)
    result = level(float(price) + 1.0, 1.0, "SELL", float(tick), "stop")

    assert price == Decimal(repr(result))


@pytest.mark.parametrize(
    ("price", "distance", "side", "role", "expected"),
    [
        (100.0, 6 * 0.1, "SELL", "stop", 99.4),
        (100.0, 0.604, "SELL", "stop", 99.4),  # up: the loss stays below what was planned
        (100.0, 0.604, "BUY", "stop", 100.6),
        (100.0, 0.604, "SELL", "target", 100.6),  # down: nearer
        (100.0, 0.604, "BUY", "target", 99.4),
        (150.0, 6 * 1.5, "SELL", "stop", 141.0),
        (101.0, 6.0, "SELL", "stop", 95.0),
    ],
)
def test_examples_by_hand(price, distance, side, role, expected):
    assert expected == level(price, distance, side, 0.01, role)


@pytest.mark.parametrize(
    ("price", "distance", "tick"),
    [
        (5.0, 5.0, 0.01),
        (5.0, 6.0, 0.01),
        (float("nan"), 1.0, 0.01),
        (float("inf"), 1.0, 0.01),
        (-5.0, 1.0, 0.01),
        (5.0, float("nan"), 0.01),
        (5.0, 0.0, 0.01),
        (5.0, -1.0, 0.01),
        (5.0, 1.0, 0.0),
        (1e300, 1.0, 0.01),
    ],
)
def test_no_price_is_an_error_and_not_a_number(price, distance, tick):
    with pytest.raises(ValueError, match="no price above 0"):
        steps(price, distance, "SELL", tick, "stop")


def test_sides_and_roles_are_named():
    with pytest.raises(ValueError, match="side is BUY or SELL, not 'buy'"):
        steps(5.0, 1.0, "buy", 0.01, "stop")
    with pytest.raises(ValueError, match="role is stop or target, not 'limit'"):
        steps(5.0, 1.0, "BUY", 0.01, "limit")


class TestBands:
    """US equities: a hundredth of a cent below one dollar, a cent from there on."""

    bands = Bands([0.0, 1.0], [0.0001, 0.01])
    increments = (Decimal("0.0001"), Decimal("0.01"))

    @given(cents("0.01", "9"), cents("0.0001", "9"), SIDES, ROLES)
    def test_the_band_of_the_level_decides(self, price, distance, side, role):
        below = (side == "SELL") == (role == "stop")
        raw = price - distance if below else price + distance
        increment = self.increments[raw >= 1]
        expected = exact_steps(price, distance, side, increment, role)
        assume(expected > 0)
        count, band = self.bands.steps(float(price), float(distance), side, role)

        assert expected * increment == count * self.increments[band]

    def test_rounding_up_reaches_the_edge_of_the_next_band(self):
        count, band = self.bands.steps(1.5, 0.50004, "SELL", "stop")

        assert (count, band) == (10_000, 0)  # 0.99996 rounds up to 1.0000

    @pytest.mark.parametrize(
        ("edges", "increments"),
        [([], []), ([0.0], []), ([1.0], [0.01]), ([0.0, 0.0], [1.0, 1.0]), ([0.0], [0.0])],
    )
    def test_grids_that_make_no_sense_are_refused(self, edges, increments):
        with pytest.raises(ValueError, match=r"band|grid"):
            Bands(edges, increments)

"""Sizes of entries, each in its own unit."""

from __future__ import annotations

from decimal import Decimal

import hypothesis.strategies as st
import pytest
from hypothesis import given

from engine.config import Limits
from engine.plans import Sizing
from engine.sizing import Size, entry_size

ONE = Decimal(1)


@pytest.mark.parametrize(
    ("dollars", "price", "shares"),
    [
        (10_000, "75", 133),
        (10_000, "100", 100),
        (10_000, "500", 20),
        (10_000, "15000", 0),
        (100_000, "5", 10_000),
        (30_000, "100", 300),
        (10_000, "0", 0),
        (10_000, "-1", 0),
    ],
)
def test_dollars(dollars: int, price: str, shares: int) -> None:
    assert entry_size(Sizing(dollars=Decimal(dollars)), Decimal(price), ONE).shares == shares


def test_failure_10_dollars_taken_as_shares() -> None:
    """The size of a number never decides its unit."""
    at = Decimal(50)
    assert entry_size(Sizing(shares=Decimal(5000)), at, ONE).shares == 5000
    assert entry_size(Sizing(dollars=Decimal(5000)), at, ONE).shares == 100
    with pytest.raises(ValueError, match="exactly one"):
        Sizing(shares=Decimal(100), dollars=Decimal(100))
    with pytest.raises(ValueError, match="exactly one"):
        Sizing()


@pytest.mark.parametrize("wrong", [0, -100])
def test_an_allocation_is_above_zero(wrong: int) -> None:
    with pytest.raises(ValueError, match="above 0"):
        Sizing(dollars=Decimal(wrong))
    with pytest.raises(ValueError, match="above 0"):
        Sizing(shares=Decimal(wrong))


@given(
    st.integers(1, 10**9),
    st.integers(1, 10**7).map(lambda cents: Decimal(cents) / 100),
    st.sampled_from((ONE, Decimal(100), Decimal("0.0001"))),
)
def test_never_more_than_allocated_and_whole_lots(
    dollars: int, price: Decimal, lot: Decimal
) -> None:
    sizing = Sizing(dollars=Decimal(dollars))
    quantity = entry_size(sizing, price, lot).shares
    assert quantity % lot == 0
    assert quantity * price <= dollars
    assert quantity <= sizing.shares_max
    if quantity + lot <= sizing.shares_max:
        assert (quantity + lot) * price > dollars


@pytest.mark.parametrize(
    ("percent", "equity", "atr", "shares"),
    [
        ("1", "100000", 2.5, 400),
        ("0.5", "100000", 2.5, 200),
        ("1", "100000", 0.001, 10_000),  # shares_max
        ("1", "100000", None, 0),  # not warm
        ("1", "100000", float("nan"), 0),
        ("1", "-5", 2.5, 0),
    ],
)
def test_volatility(percent: str, equity: str, atr: float | None, shares: int) -> None:
    """One ATR of each position is worth the same part of the account."""
    sizing = Sizing(volatility_percent=Decimal(percent))
    args = Decimal(50), ONE, Decimal(3), Decimal(equity), atr
    assert entry_size(sizing, *args).shares == shares


BY_RISK = Sizing(risk_percent=Decimal(1), shares_max=Decimal(900))


@pytest.mark.parametrize(
    ("limits", "size"),
    [
        (Limits(), Size(Decimal(900), Decimal(1000), "sizing.shares_max")),
        (
            Limits(order_shares_max=Decimal(800)),
            Size(Decimal(800), Decimal(1000), "limits.order_shares_max"),
        ),
        (
            Limits(order_shares_max=Decimal(800), order_notional_max=Decimal(35_030)),
            Size(Decimal(700), Decimal(1000), "limits.order_notional_max"),
        ),
    ],
)
def test_what_the_account_makes_it_is_cut_to_what_one_order_may_have(
    limits: Limits, size: Size
) -> None:
    args = Decimal(50), Decimal(10), Decimal(1), Decimal(100_000), None, limits
    assert entry_size(BY_RISK, *args) == size


def test_what_was_stated_is_not_cut_but_left_to_the_gate() -> None:
    tight = Limits(order_shares_max=Decimal(10), order_notional_max=Decimal(100))
    for sizing in (Sizing(shares=Decimal(100)), Sizing(dollars=Decimal(5_000))):
        size = entry_size(sizing, Decimal(50), ONE, limits=tight)
        assert size == Size(Decimal(100), Decimal(100))

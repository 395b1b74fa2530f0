"""Every reason of the gate, refused once and passed once at the limit itself."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import attrs
import pytest

from engine.config import Limits
from engine.inputs import MarketView
from engine.reasons import Reason
from engine.risk import Entry, Exposure, entry_reason, exit_reason, market_reason

LIMITS = Limits(
    order_shares_max=Decimal(1000),
    order_notional_max=Decimal(100_000),
    gross_notional_max=Decimal(250_000),
    positions_max=3,
    orders_per_minute_max=10,
    quote_age_max_s=60.0,
    collar_percent=10.0,
)
ENTRY = Entry(1, Decimal(300), Decimal(100), None, Decimal(94), 3, Decimal(100))
EXPOSURE = Exposure(Decimal(0), 0, 0)
VIEW = MarketView("AAPL", 99.99, 100.0, 99.99, 0, 1.0)


@pytest.mark.parametrize(
    ("reason", "refused", "passed"),
    [
        (Reason.NO_SIZE, {"quantity": Decimal(0)}, {"quantity": Decimal(1)}),
        (Reason.NO_SIZE, {"quantity": Decimal(-5)}, {"quantity": Decimal(5)}),
        (Reason.NO_STOP, {"stop_price": Decimal(100)}, {"stop_price": Decimal("99.99")}),
        (Reason.NO_STOP, {"stop_price": Decimal(0)}, {"stop_price": Decimal("0.01")}),
        (Reason.NO_STOP, {"side": -1}, {"side": -1, "stop_price": Decimal(106)}),
        (
            Reason.ORDER_TOO_LARGE,
            {"quantity": Decimal(1001), "price": Decimal(95)},
            {"quantity": Decimal(1000), "price": Decimal(95)},
        ),
        (Reason.NOTIONAL_TOO_LARGE, {"quantity": Decimal(1000), "price": Decimal("100.01")},
         {"quantity": Decimal(1000)}),
        (
            Reason.OUTSIDE_COLLAR,
            {"limit_price": Decimal("110.01")},
            {"limit_price": Decimal(110)},
        ),
        (
            Reason.OUTSIDE_COLLAR,
            {"limit_price": Decimal("89.99")},
            {"limit_price": Decimal(90)},
        ),
    ],
)  # fmt: skip
def test_entry(reason: Reason, refused: dict[str, Any], passed: dict[str, Any]) -> None:
    assert entry_reason(attrs.evolve(ENTRY, **refused), EXPOSURE, LIMITS) == reason
    assert entry_reason(attrs.evolve(ENTRY, **passed), EXPOSURE, LIMITS) is None


@pytest.mark.parametrize(
    ("reason", "refused", "passed"),
    [
        (Reason.GROSS_TOO_LARGE, (Decimal("220000.01"), 0, 0), (Decimal(220_000), 0, 0)),
        (Reason.TOO_MANY_POSITIONS, (Decimal(0), 3, 0), (Decimal(0), 2, 0)),
        (Reason.TOO_MANY_ORDERS, (Decimal(0), 0, 8), (Decimal(0), 0, 7)),
    ],
)
def test_account(reason: Reason, refused: Any, passed: Any) -> None:
    assert entry_reason(ENTRY, Exposure(*refused), LIMITS) == reason
    assert entry_reason(ENTRY, Exposure(*passed), LIMITS) is None


@pytest.mark.parametrize(
    ("reason", "refused", "passed"),
    [
        (Reason.NO_PRICE, {"ask": None, "last": None}, {"ask": None}),
        (Reason.NO_PRICE, {"ask": -1.0}, {"ask": 100.0}),
        (Reason.NO_PRICE, {"ask": float("nan")}, {}),
        (Reason.NO_PRICE, {"ask": float("inf")}, {}),
        (Reason.NO_PRICE, {"ask": 99.98}, {"ask": 99.99}),
        (Reason.HALTED, {"halted": True}, {}),
        (Reason.DATA_NOT_LIVE, {"live": False}, {}),
        (Reason.STALE_PRICE, {"quote_age_ns": None}, {}),
        (
            Reason.STALE_PRICE,
            {"quote_age_ns": 60_000_000_001},
            {"quote_age_ns": 60_000_000_000},
        ),
    ],
)
def test_market(reason: Reason, refused: dict[str, Any], passed: dict[str, Any]) -> None:
    assert market_reason(attrs.evolve(VIEW, **refused), "BUY", LIMITS) == reason
    assert market_reason(attrs.evolve(VIEW, **passed), "BUY", LIMITS) is None


def test_no_market_at_all() -> None:
    assert market_reason(None, "SELL", LIMITS) == Reason.NO_PRICE
    assert market_reason(attrs.evolve(VIEW, bid=0.0, last=0.0), "SELL", LIMITS) == Reason.NO_PRICE


@pytest.mark.parametrize("held", [300, -300])
def test_an_exit_is_only_kept_from_crossing_zero(held: int) -> None:
    assert exit_reason(Decimal(held), Decimal(300)) is None
    assert exit_reason(Decimal(held), Decimal(301)) == Reason.WOULD_CROSS_ZERO
    assert exit_reason(Decimal(0), Decimal(1)) == Reason.WOULD_CROSS_ZERO

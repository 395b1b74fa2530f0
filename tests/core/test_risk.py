"""Every reason of the gate, refused once and passed once at the limit itself."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import attrs
import pytest

from engine.config import LimitGroup, Limits
from engine.inputs import MarketView
from engine.reasons import Reason
from engine.risk import OPENING_CHECKS, Exposure, Proposal, Standing, gate, market_reason

LIMITS = Limits(
    order_shares_max=Decimal(1000),
    order_notional_max=Decimal(100_000),
    position_notional_max=Decimal(150_000),
    position_risk_max=Decimal(5_000),
    gross_notional_max=Decimal(250_000),
    net_notional_max=Decimal(200_000),
    risk_at_stops_max=Decimal(9_000),
    positions_max=3,
    leverage_max=2.0,
    orders_per_minute_max=10,
    orders_per_second_max=6,
    entries_in_window_max=4,
    stop_outs_in_window_max=2,
    quote_age_max_s=60.0,
    collar_percent=10.0,
)
VIEW = MarketView("AAPL", 99.99, 100.0, 99.99, 0, 1.0)
ENTRY = Proposal(
    kind="entry",
    symbol="AAPL",
    side=1,
    quantity=Decimal(300),
    price=Decimal(100),
    stop_price=Decimal(94),
    risk=Decimal(1_800),
    orders=3,
    parts=1,
)
ADD = attrs.evolve(ENTRY, kind="add", limit_price=Decimal(97), stop_price=None)
DIRECT = attrs.evolve(ENTRY, kind="direct", stop_price=None, risk=Decimal(0), parts=0)
WELL = Standing(market=VIEW)
D = Decimal
R = Reason


def judge(proposal: Proposal, standing: Standing = WELL, limits: Limits = LIMITS) -> Reason | None:
    return gate(proposal, standing, limits)


def test_the_usual_passes() -> None:
    assert [judge(one) for one in (ENTRY, ADD, DIRECT)] == [None, None, None]


@pytest.mark.parametrize(
    ("reason", "refused", "passed"),
    [
        (R.NO_SIZE, {"quantity": D(0)}, {"quantity": D(1)}),
        (R.NO_SIZE, {"quantity": D(-5)}, {"quantity": D(5)}),
        (R.NO_STOP, {"stop_price": D(100)}, {"stop_price": D("99.99")}),
        (R.NO_STOP, {"stop_price": D(0)}, {"stop_price": D("0.01")}),
        (R.NO_STOP, {"stop_price": None}, {"kind": "direct", "stop_price": None}),
        (R.NO_STOP, {"side": -1}, {"side": -1, "stop_price": D(106)}),
        (R.OFF_GRID, {"stated": (D("94.005"),)}, {"stated": (D("94.01"),)}),
        (R.OFF_GRID, {"stated": (D(-1),)}, {"stated": (D(1),)}),
        (R.ORDER_TOO_LARGE, {"quantity": D(1001), "price": D(95)},
         {"quantity": D(1000), "price": D(95)}),
        (R.NOTIONAL_TOO_LARGE, {"quantity": D(1000), "price": D("100.01")},
         {"quantity": D(1000)}),
        (R.RISK_TOO_LARGE, {"risk": D("5000.01")}, {"risk": D(5_000)}),
        (R.OUTSIDE_COLLAR, {"limit_price": D("110.01")}, {"limit_price": D(110)}),
        (R.OUTSIDE_COLLAR, {"limit_price": D("89.99")}, {"limit_price": D(90)}),
        (R.TOO_MANY_ORDERS, {"orders": 7}, {"orders": 6}),
        (R.NO_ROOM, {"parts": 11}, {"parts": 10}),
    ],
)  # fmt: skip
def test_what_is_asked(reason: Reason, refused: dict[str, Any], passed: dict[str, Any]) -> None:
    assert judge(attrs.evolve(ENTRY, **refused)) == reason
    assert judge(attrs.evolve(ENTRY, **passed)) is None


@pytest.mark.parametrize(
    ("reason", "refused", "passed"),
    [
        (R.NOT_LIVE, {"live": False}, {}),
        (R.TRADING_HALTED, {"halted": True}, {}),
        (R.FROZEN, {"frozen": True}, {}),
        (R.UNKNOWN_SYMBOL, {"defined": False}, {}),
        (R.SESSION_CLOSED, {"session_open": False}, {}),
        (R.RESTRICTED, {"restricted": True}, {}),
        (R.NO_PRICE, {"market": None}, {}),
        (R.GROSS_TOO_LARGE, {"gross": D("220000.01")}, {"gross": D(220_000)}),
        (R.NOTIONAL_TOO_LARGE, {"symbol_gross": D("120000.01")}, {"symbol_gross": D(120_000)}),
        (R.NET_TOO_LARGE, {"net": Exposure(D("170000.01"))}, {"net": Exposure(D(170_000))}),
        (R.GROUP_TOO_LARGE, {"groups": (("tech", D(1), D(30_000)),)},
         {"groups": (("tech", D(0), D(30_000)),)}),
        (R.RISK_TOO_LARGE, {"risk_at_stops": D("7200.01")}, {"risk_at_stops": D(7_200)}),
        (R.TOO_MANY_POSITIONS, {"positions": 3}, {"positions": 2}),
        (R.NO_ROOM, {"reserved": {"BUY": 0, "SELL": 19}}, {"reserved": {"BUY": 20, "SELL": 18}}),
        (R.TOO_MANY_ORDERS, {"orders_last_minute": 8}, {"orders_last_minute": 7}),
        (R.TOO_MANY_ORDERS, {"orders_last_second": 4}, {"orders_last_second": 3}),
        (R.TOO_MANY_ENTRIES, {"entries_lately": 4}, {"entries_lately": 3}),
        (R.TOO_MANY_STOP_OUTS, {"stop_outs_lately": 2}, {"stop_outs_lately": 1}),
        (R.LEVERAGE_TOO_HIGH, {"equity": D("14999.99")}, {"equity": D(15_000)}),
        (R.BUYING_POWER, {"buying_power": D("29999.99")}, {"buying_power": D(30_000)}),
    ],
)  # fmt: skip
def test_where_it_stands(reason: Reason, refused: dict[str, Any], passed: dict[str, Any]) -> None:
    assert judge(ENTRY, attrs.evolve(WELL, **refused)) == reason
    assert judge(ENTRY, attrs.evolve(WELL, **passed)) is None


@pytest.mark.parametrize(("age_s", "passes"), [(None, False), (60.1, False), (60.0, True)])
def test_old_account_values_say_nothing_where_they_are_wanted(
    age_s: float | None, passes: bool
) -> None:
    standing = attrs.evolve(WELL, account_age_s=age_s)
    wanting = attrs.evolve(LIMITS, account_age_max_s=60.0)
    assert judge(ENTRY, standing) is None
    assert judge(ENTRY, standing, wanting) == (None if passes else R.ACCOUNT_UNKNOWN)


@pytest.mark.parametrize(
    ("reason", "refused", "passed"),
    [
        (R.NO_PRICE, {"ask": None, "last": None}, {"ask": None}),
        (R.NO_PRICE, {"ask": -1.0}, {"ask": 100.0}),
        (R.NO_PRICE, {"ask": float("nan")}, {}),
        (R.NO_PRICE, {"ask": float("inf")}, {}),
        (R.NO_PRICE, {"ask": 99.98}, {"ask": 99.99}),
        (R.HALTED, {"halted": True}, {}),
        (R.DATA_NOT_LIVE, {"live": False}, {}),
        (R.STALE_PRICE, {"quote_age_ns": None}, {}),
        (R.STALE_PRICE, {"quote_age_ns": 60_000_000_001}, {"quote_age_ns": 60_000_000_000}),
    ],
)
def test_market(reason: Reason, refused: dict[str, Any], passed: dict[str, Any]) -> None:
    assert market_reason(attrs.evolve(VIEW, **refused), "BUY", LIMITS) == reason
    assert market_reason(attrs.evolve(VIEW, **passed), "BUY", LIMITS) is None


def test_no_market_at_all() -> None:
    assert market_reason(None, "SELL", LIMITS) == R.NO_PRICE
    assert market_reason(attrs.evolve(VIEW, bid=0.0, last=0.0), "SELL", LIMITS) == R.NO_PRICE


def test_an_add_that_rests_does_not_need_todays_quote_but_one_at_the_market_does() -> None:
    stale = attrs.evolve(WELL, market=None)
    assert judge(ADD, stale) is None
    assert judge(attrs.evolve(ADD, limit_price=None), stale) == R.NO_PRICE


def test_an_add_is_no_new_position_and_adds_only_what_it_adds_to_the_risk() -> None:
    full = attrs.evolve(WELL, positions=3, risk_at_stops=D(8_900))
    assert judge(attrs.evolve(ADD, risk_before=D(1_700)), full) is None
    assert judge(attrs.evolve(ADD, risk_before=D("1699.99")), full) == R.RISK_TOO_LARGE
    assert judge(attrs.evolve(ENTRY, risk=D(1)), full) == R.TOO_MANY_POSITIONS
    assert judge(attrs.evolve(DIRECT, risk=D(1)), full) == R.TOO_MANY_POSITIONS
    bought = attrs.evolve(full, own=Exposure(D(30_000), D(30_000)))
    assert judge(attrs.evolve(DIRECT, side=-1), bought) is None


@pytest.mark.parametrize("held", [300, -300])
def test_an_exit_is_only_kept_from_crossing_zero(held: int) -> None:
    """Nothing that is meant for entries stands in the way of what reduces risk."""
    exit_ = Proposal(kind="exit", symbol="AAPL", side=-1, quantity=D(300), held=D(held))
    worst_place = Standing(
        halted=True,
        frozen=True,
        session_open=False,
        restricted=True,
        gross=D(10**12),
        positions=10**6,
        orders_last_minute=10**6,
        orders_last_second=10**6,
        equity=D(0),
        buying_power=D(0),
        stop_outs_lately=10**6,
    )
    assert judge(attrs.evolve(exit_, worst=D(300)), worst_place) is None
    assert judge(attrs.evolve(exit_, worst=D(301)), worst_place) == R.WOULD_CROSS_ZERO
    assert judge(attrs.evolve(exit_, worst=D(1), held=D(0))) == R.WOULD_CROSS_ZERO
    assert judge(attrs.evolve(exit_, worst=D(1)), Standing(live=False)) == R.NOT_LIVE


def test_every_check_is_asked_of_what_opens() -> None:
    assert len(OPENING_CHECKS) == len(set(OPENING_CHECKS)) == 12


def test_groups_are_settings() -> None:
    group = LimitGroup(name="tech", symbols=("AAPL",), notional_max=D(10))
    assert attrs.evolve(LIMITS, groups=(group,)).groups[0].notional_max == 10


@pytest.mark.parametrize(
    ("needs", "told", "refused"),
    [
        ("available", (0, 1, 2, 3), (1, 2)),
        ("locate", (0, 1, 2, 3), (1,)),
        ("nothing", (0, 1, 2, 3), ()),
    ],
)
def test_who_is_short_must_be_able_to_borrow(
    needs: Any, told: tuple[int, ...], refused: tuple[int, ...]
) -> None:
    limits = attrs.evolve(LIMITS, short_needs=needs)
    for code in told:
        standing = attrs.evolve(WELL, market=attrs.evolve(VIEW, shortable=code))
        short = attrs.evolve(ENTRY, side=-1, stop_price=D(106))
        expected = R.NOT_SHORTABLE if code in refused else None
        assert judge(short, standing, limits) == expected
        assert judge(attrs.evolve(ADD, side=-1), standing, limits) == expected
        assert judge(ENTRY, standing, limits) is None  # a long borrows nothing
        cover = attrs.evolve(ENTRY, kind="exit", side=-1, held=D(300), worst=D(300))
        assert judge(cover, standing, limits) is None

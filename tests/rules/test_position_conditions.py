"""Conditions on a position, the market and the session: what holds at which price and time."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import attrs
import pytest

from engine.inputs import MarketView
from engine.reasons import Reason
from engine.rules import (
    MarketCondition,
    PositionCondition,
    Scene,
    SessionCondition,
    closing_from_ns,
    concerns,
    failing,
    profit_watches,
)
from tests.rules.scenes import LONG, NOW_NS, held, scene

# -- positions --


@pytest.mark.parametrize(
    ("side", "long", "short", "entering", "flat"),
    [
        ("long", True, False, True, False),
        ("short", False, True, False, False),
        ("held", True, True, False, False),
        ("flat", False, False, False, True),
    ],
)
def test_sides(side: Any, long: bool, short: bool, entering: bool, flat: bool) -> None:
    """An entry that waits to fill is a trade already: its symbol is not flat, and holds nothing."""
    seen = (held("5", "1"), held("-5", "1"), scene(side=1), scene())

    for one, expected in zip(seen, (long, short, entering, flat), strict=True):
        reason = failing(PositionCondition(side=side), one)
        assert reason is (None if expected else Reason.WRONG_POSITION)


@pytest.mark.parametrize(
    ("percent", "seen", "expected"),
    [
        (2, held("100", "100", bid=102.0, ask=150.0), None),
        (2, held("100", "100", bid=101.99, ask=150.0), Reason.PROFIT_TOO_SMALL),
        (2, held("-100", "100", bid=50.0, ask=98.0), None),
        (2, held("-100", "100", bid=50.0, ask=98.01), Reason.PROFIT_TOO_SMALL),
        (-3, held("100", "100", bid=97.0), None),
        (-3, held("100", "100", bid=96.99), Reason.PROFIT_TOO_SMALL),
        (2, held("100", "100", ask=150.0), Reason.NO_PRICE),
        (2, held("100", "100", bid=float("nan")), Reason.NO_PRICE),
        (2, held("100", "100", bid=-1.0), Reason.NO_PRICE),
        (2, attrs.evolve(held("100", "100"), market=None), Reason.NO_PRICE),
        (2, scene(side=1), Reason.WRONG_POSITION),
        # A short cannot gain more than everything, nor a long lose more.
        (100, held("-100", "100", ask=0.01), Reason.PROFIT_TOO_SMALL),
        (-100, held("100", "100", bid=0.01), None),
        (-250, held("-100", "100", ask=350.0), None),
        (-250, held("-100", "100", ask=350.01), Reason.PROFIT_TOO_SMALL),
    ],
)
def test_profit_is_what_leaving_would_pay(
    percent: float, seen: Scene, expected: Reason | None
) -> None:
    assert failing(PositionCondition(profit_percent_min=percent), seen) is expected


def test_a_loss_is_a_profit_at_most() -> None:
    losing = PositionCondition(profit_percent_max=-3)

    assert failing(losing, held("100", "100", bid=97.0)) is None
    assert failing(losing, held("100", "100", bid=97.01)) is Reason.CONDITION
    assert failing(losing, held("-100", "100", ask=103.0)) is None
    assert failing(losing, held("-100", "100", ask=102.99)) is Reason.CONDITION
    everything = PositionCondition(profit_percent_max=-100)
    assert failing(everything, held("100", "100", bid=0.01)) is Reason.CONDITION


def test_the_watches_of_a_profit_are_the_prices_it_is_judged_by() -> None:
    band = PositionCondition(profit_percent_min=2, profit_percent_max=4.5)

    assert profit_watches(band, Decimal(100), Decimal("99.5")) == (
        MarketCondition("bid", "above", 101.49),
        MarketCondition("bid", "below", 103.9775),
    )
    assert profit_watches(band, Decimal(-1), Decimal(100)) == (
        MarketCondition("ask", "below", 98.0),
        MarketCondition("ask", "above", 95.5),
    )
    assert profit_watches(LONG, Decimal(1), Decimal(100)) == ()
    impossible = PositionCondition(profit_percent_min=100)
    assert profit_watches(impossible, Decimal(-1), Decimal(100)) == ()


def test_a_profit_that_was_touched_and_is_gone_is_refused() -> None:
    """Behaviour 15: only at or above the trigger, and what counts is the price now."""
    gain = PositionCondition(side="held", profit_percent_min=2)
    slid = attrs.evolve(held("100", "100", bid=101.0), fired=(gain,))

    assert concerns(gain, slid)
    assert failing(gain, slid) is Reason.PROFIT_TOO_SMALL
    assert not concerns(gain, attrs.evolve(slid, fired=()))


def test_quantities_and_adds_are_bounds_that_are_included() -> None:
    some = PositionCondition(quantity_min=10, quantity_max="20.5")
    for shares, expected in (
        ("9.99", Reason.CONDITION), ("10", None), ("-20.5", None), ("20.51", Reason.CONDITION),
    ):  # fmt: skip
        assert failing(some, held(shares, "1")) is expected
    once = PositionCondition(adds_max=1)
    assert failing(once, held("1", "1", adds=1)) is None
    assert failing(once, held("1", "1", adds=2)) is Reason.ADDS_USED_UP


# -- the market and the session --


@pytest.mark.parametrize(
    ("field", "op", "level", "expected"),
    [
        ("last", "above", 100.0, None),
        ("last", "above", 100.01, Reason.CONDITION),
        ("last", "below", 100.0, None),
        ("last", "below", 99.99, Reason.CONDITION),
        ("bid", "above", 99.95, None),
        ("ask", "below", 100.0, None),
        ("spread", "above", 0.05, None),  # 100.0 - 99.95 is 0.0499... as doubles
        ("spread", "below", 0.05, None),
        ("spread", "below", 0.04, Reason.CONDITION),
        ("mid", "above", 99.975, None),
        ("mid", "below", 99.97, Reason.CONDITION),
        ("atr", "above", 1.5, None),
        ("atr", "below", 1.4, Reason.CONDITION),
    ],
)
def test_market(field: Any, op: Any, level: float, expected: Reason | None) -> None:
    market = MarketView("IBM", bid=99.95, ask=100.0, last=100.0, atr=1.5)

    assert failing(MarketCondition(field, op, level), scene(market=market)) is expected


@pytest.mark.parametrize("field", ["last", "bid", "ask", "spread", "mid", "atr"])
@pytest.mark.parametrize(
    "market",
    [
        None,
        MarketView("IBM"),
        MarketView("IBM", -1.0, -1.0, -1.0, atr=-1.0),
        MarketView("IBM", 0.0, 0.0, 0.0, atr=0.0),
        MarketView("IBM", *(3 * [float("nan")]), atr=float("nan")),
        MarketView("IBM", *(3 * [float("inf")]), atr=float("inf")),
    ],
)
def test_what_is_no_price_is_never_above_or_below(field: Any, market: MarketView | None) -> None:
    for op in ("above", "below"):
        condition = MarketCondition(field, op, 50.0)
        assert failing(condition, scene(market=market)) is Reason.NO_PRICE


def test_a_crossed_quote_has_no_spread_and_no_middle() -> None:
    crossed = scene(market=MarketView("IBM", bid=100.02, ask=100.0))

    assert failing(MarketCondition("spread", "below", 0.05), crossed) is Reason.NO_PRICE
    assert failing(MarketCondition("mid", "above", 1.0), crossed) is Reason.NO_PRICE
    locked = scene(market=MarketView("IBM", bid=100.0, ask=100.0))
    assert failing(MarketCondition("spread", "below", 0), locked) is None


def test_a_price_that_fired_was_reached_whatever_it_is_now() -> None:
    breakout = MarketCondition("last", "above", 190.0)
    fired = scene(fired=(breakout,), market=MarketView("IBM", last=189.99))

    assert concerns(breakout, fired)
    assert failing(breakout, fired) is None
    other = scene(fired=(MarketCondition("last", "above", 195.0),))
    assert not concerns(breakout, other)


def test_the_end_of_the_session_begins_so_long_before_it() -> None:
    ending = SessionCondition(60)
    ends_ns = NOW_NS + 60 * 10**9

    assert closing_from_ns(ending, ends_ns) == NOW_NS
    assert failing(ending, scene(session_ends_ns=ends_ns)) is None
    assert failing(ending, scene(session_ends_ns=ends_ns + 1)) is Reason.OUTSIDE_WINDOW
    assert failing(ending, scene()) is Reason.OUTSIDE_WINDOW

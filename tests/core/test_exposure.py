"""What the account may come to, worst case: trades, orders placed directly, and both together."""

from __future__ import annotations

from decimal import Decimal

import attrs
import pytest
from orjson import dumps

from engine.config import CONVERTER, Limits, from_mapping
from engine.events import RefusalEvent
from engine.headroom import uses
from engine.inputs import (
    AccountReported,
    AccountValue,
    HaltRequested,
    OcoLeg,
    OcoRequested,
    OrderRequested,
    SettingsChanged,
    Side,
)
from engine.portfolio import Exposure, standing
from tests.core.desk import ACCOUNT, Desk

D = Decimal


def desk(entry: str = "market", **limits: object) -> Desk:
    strategy = {
        "symbols": ["AAPL", "MSFT"],
        "sizing": {"shares": 100},
        "stop": {"percent": 5},
        "cooldown_s": 0,
        "entry": {"type": entry} if entry == "market" else {"type": entry, "offset": {"amount": 1}},
    }
    made = Desk(from_mapping({"strategy": strategy, "limits": limits}))
    for symbol in ("AAPL", "MSFT"):
        made.quote(symbol, 100.0, 100.0)
    return made


def order(
    d: Desk, name: str, side: Side, shares: int, price: str | None = None, symbol: str = "AAPL"
) -> str:
    """Place it directly; why it was refused."""
    kind = "MKT" if price is None else "LMT"
    at = None if price is None else D(price)
    before = len(d.said(RefusalEvent))
    d.feed(OrderRequested(name, symbol, side, D(shares), kind, at, "DAY", d.quotes[symbol]))
    refused = d.said(RefusalEvent)[before:]
    return refused[0].reason if refused else ""


def oco(d: Desk, name: str, shares: int, *legs: tuple[Side, str, str]) -> str:
    before = len(d.said(RefusalEvent))
    first, second = (OcoLeg(side, kind, D(price)) for side, kind, price in legs)  # type: ignore[arg-type]
    d.feed(OcoRequested(name, "AAPL", D(shares), (first, second), d.quotes["AAPL"]))
    refused = d.said(RefusalEvent)[before:]
    return refused[0].reason if refused else ""


def used(d: Desk, name: str) -> Decimal:
    return next(one.used for one in uses(d.core.state, d.now_ns) if one.name == name)


def test_orders_placed_directly_count_while_they_rest_and_when_they_have_filled() -> None:
    d = desk(gross_notional_max=20_000)
    assert order(d, "one", "BUY", 100, "99.00") == ""
    assert used(d, "gross_notional") == D(9_900)
    assert order(d, "two", "BUY", 100) == ""
    assert used(d, "gross_notional") == D(20_000)  # all of them at the dearest price
    assert order(d, "three", "BUY", 1, "99.00") == "gross_too_large"
    d.signal("MSFT", "BUY")
    assert d.said(RefusalEvent)[-1].reason == "gross_too_large"


def test_what_sells_what_was_bought_directly_is_not_kept_from_it() -> None:
    d = desk(gross_notional_max=10_000, net_notional_max=10_000, position_notional_max=10_000)
    assert order(d, "in", "BUY", 100) == ""
    assert order(d, "more", "BUY", 1) == "notional_too_large"
    assert order(d, "out", "SELL", 100) == ""
    assert used(d, "gross_notional") == 0
    assert order(d, "again", "SELL", 100) == ""


def test_of_an_oco_one_leg_counts_on_each_side() -> None:
    d = desk(gross_notional_max=10_500, net_notional_max=10_500)
    assert oco(d, "one", 100, ("BUY", "STP", "105.00"), ("SELL", "STP", "95.00")) == ""
    where = standing(d.core.state, "AAPL", d.now_ns)
    assert where.net == Exposure(D(10_500), D(-10_500))
    assert where.gross == D(10_500)
    assert order(d, "two", "SELL", 1, "101.00") == "gross_too_large"


def test_both_sides_of_an_oco_are_judged() -> None:
    d = desk(net_notional_max=15_000)
    assert order(d, "short", "SELL", 100, symbol="MSFT") == ""
    assert oco(d, "one", 100, ("BUY", "STP", "105.00"), ("SELL", "STP", "95.00")) == "net_too_large"
    assert oco(d, "two", 100, ("BUY", "STP", "105.00"), ("BUY", "LMT", "95.00")) == ""


def test_what_may_not_fill_makes_no_room_on_the_other_side() -> None:
    """The short may never come; then both longs are there alone."""
    d = desk("limit", net_notional_max=15_000)
    d.signal("AAPL", "SHORT")
    assert order(d, "first", "BUY", 100, symbol="MSFT") == ""
    assert order(d, "second", "BUY", 100, symbol="MSFT") == "net_too_large"
    assert used(d, "net_notional") == D(10_000)


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        ({"position_notional_max": 5_000}, "notional_too_large"),
        ({"gross_notional_max": 5_000}, "gross_too_large"),
        (
            {"groups": [{"name": "g", "symbols": ["AAPL"], "notional_max": 5_000}]},
            "group_too_large",
        ),
        ({"leverage_max": 0.005}, "leverage_too_high"),
    ],
)
def test_more_that_waits_on_the_other_side_is_no_room_on_this_one(
    limits: dict[str, object], reason: str
) -> None:
    """The limits have become stricter since: what waits from before stays, and lets nothing in."""
    d = desk()
    d.feed(AccountReported(ACCOUNT, (AccountValue("NetLiquidation", "1000000", "USD"),)))
    assert order(d, "before", "BUY", 200, "99.00") == ""
    settings = {"strategy": CONVERTER.unstructure(d.core.state.config.strategy)}
    config = from_mapping(settings | {"limits": limits})
    d.feed(SettingsChanged(dumps(CONVERTER.unstructure(config)).decode(), "s.toml", "abc"))
    assert order(d, "less", "SELL", 40) == ""
    assert order(d, "more", "SELL", 20, "100.50") == reason


@pytest.mark.parametrize("side", ["BUY", "SHORT"])
def test_shares_count_at_what_they_cost(side: str) -> None:
    """An add that does not move the basis of protection costs what it costs."""
    d = desk(gross_notional_max=1_000_000)
    d.core.state.config = from_mapping(
        {
            "strategy": {
                "symbols": ["AAPL", "MSFT"],
                "sizing": {"shares": 100},
                "stop": {"percent": 5},
                "scale_in": {"trigger_percent": 1.0, "shares": 100, "reanchor": "keep"},
            }
        }
    )
    d.signal("AAPL", side)
    price = 102.0 if side == "BUY" else 98.0
    d.quote("AAPL", price, price)
    d.signal("AAPL", side)
    held = d.core.state.held("AAPL")
    assert used(d, "gross_notional") == (D(10_000) if abs(held) == 100 else D(20_200))


def test_the_symbol_counts_its_trade_and_what_was_placed_directly() -> None:
    d = desk(position_notional_max=15_000)
    d.signal("AAPL", "BUY")
    assert used(d, "AAPL notional") == D(10_000)
    assert order(d, "one", "SELL", 60) == "notional_too_large"
    assert order(d, "two", "SELL", 50) == ""
    assert used(d, "AAPL notional") == D(15_000)


def test_a_symbol_that_only_has_direct_orders_is_a_position_too() -> None:
    d = desk(positions_max=1)
    assert order(d, "rests", "BUY", 10, "99.00", symbol="MSFT") == ""
    assert used(d, "positions") == 1
    d.signal("AAPL", "BUY")
    assert d.said(RefusalEvent)[-1].reason == "too_many_positions"
    assert order(d, "elsewhere", "BUY", 10) == "too_many_positions"
    assert order(d, "there", "BUY", 10, symbol="MSFT") == ""  # no symbol more
    d.signal("MSFT", "BUY")
    assert d.core.state.held("MSFT") == D(110)
    assert used(d, "positions") == 1


def test_what_was_bought_directly_can_be_sold_whatever_the_number_of_positions() -> None:
    d = desk(positions_max=2)
    assert order(d, "one", "BUY", 10) == order(d, "two", "BUY", 10, symbol="MSFT") == ""
    d.core.state.config = attrs.evolve(d.core.state.config, limits=Limits(positions_max=1))
    assert order(d, "more", "BUY", 10) == "too_many_positions"
    assert order(d, "out", "SELL", 10) == ""
    assert used(d, "positions") == 1
    assert order(d, "again", "BUY", 10) == "too_many_positions"
    assert order(d, "out too", "SELL", 10, symbol="MSFT") == ""
    assert used(d, "positions") == 0
    assert order(d, "then", "BUY", 10) == ""


NOTHING_OPENS = Limits(
    order_shares_max=D(1),
    order_notional_max=D(1),
    gross_notional_max=D(1),
    orders_per_minute_max=1,
    restricted=("AAPL",),
)


@pytest.mark.parametrize("level", [None, 1, 2, 3])
def test_no_limit_and_no_halt_keeps_what_was_bought_directly_from_being_sold(
    level: int | None,
) -> None:
    """As with every exit. More than is there, or all of it twice, would open the other way."""
    d = desk()
    assert order(d, "in", "BUY", 100) == ""
    d.core.state.config = attrs.evolve(d.core.state.config, limits=NOTHING_OPENS)
    if level is not None:
        d.feed(HaltRequested(level, "test", "to see"))
    why = "restricted" if level is None else "trading_halted"
    assert order(d, "over", "SELL", 101) == why
    d.quotes["AAPL"] = attrs.evolve(d.quotes["AAPL"], quote_age_ns=10**12)  # nobody quotes it
    assert order(d, "part", "SELL", 60, "101.00") == ""
    d.wait(5)
    assert d.live("AAPL") == ["SELL 60 LMT 101.00"]
    assert order(d, "again", "SELL", 60) == why
    assert order(d, "rest", "SELL", 40) == ""
    assert d.exchange.position("AAPL") == 60
    d.trade("AAPL", 101.01)
    assert d.exchange.position("AAPL") == 0
    assert order(d, "short", "SELL", 1) == why


def test_an_oco_that_protects_what_was_bought_directly_stays_when_entries_are_taken_back() -> None:
    d = desk()
    assert order(d, "in", "BUY", 100) == ""
    assert oco(d, "out", 100, ("SELL", "LMT", "105.00"), ("SELL", "STP", "95.00")) == ""
    assert oco(d, "new", 100, ("SELL", "LMT", "106.00"), ("SELL", "STP", "94.00")) == ""
    d.feed(HaltRequested(2, "test", "to see"))
    d.wait(5)
    assert d.live("AAPL") == ["SELL 100 LMT 105.00", "SELL 100 STP 95.00"]


def test_what_is_in_doubt_is_not_sold_directly_either() -> None:
    d = desk()
    assert order(d, "in", "BUY", 100) == ""
    d.core.state.frozen["AAPL"] = "to see"
    assert order(d, "out", "SELL", 100) == "frozen"


def test_a_limit_placed_directly_gives_away_no_more_than_the_collar() -> None:
    """One that waits on its own side of the market may be far away."""
    d = desk(collar_percent=10.0)
    assert order(d, "dear", "BUY", 1, "110.01") == "outside_collar"
    assert order(d, "cheap", "SELL", 1, "89.99") == "outside_collar"
    assert order(d, "waits", "BUY", 1, "50.00") == ""
    assert order(d, "waits too", "SELL", 1, "150.00") == ""
    assert order(d, "just", "BUY", 1, "110.00") == ""
    assert oco(d, "one", 1, ("BUY", "LMT", "111.00"), ("SELL", "STP", "90.00")) == "outside_collar"
    assert oco(d, "two", 1, ("BUY", "STP", "120.00"), ("SELL", "STP", "80.00")) == ""

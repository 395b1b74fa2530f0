"""What a view tells of a trade with several brackets, long and short."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from engine.config import from_mapping
from engine.holdings import Holding, Holdings, holdings
from engine.inputs import BracketRequested, MarketView, OcoLeg, OcoRequested, OrderRequested
from engine.view import SymbolView, group_view, symbol_view
from statecharts.vocabulary import BracketState
from tests.core.desk import Desk

D = Decimal


def desk(**strategy: Any) -> Desk:
    settings = {"symbols": ["AAPL"], "sizing": {"shares": 100}, "stop": {"percent": 6}, **strategy}
    return Desk(from_mapping({"strategy": settings}))


def seen(desk: Desk, bid: float = 100, ask: float = 100) -> SymbolView:
    found = holdings(desk.core.state).get("AAPL", Holdings())
    return symbol_view(desk.core.state, "AAPL", found, MarketView("AAPL", bid, ask), "")


def levels(view: SymbolView) -> dict[str, list[tuple[Decimal | None, Decimal]]]:
    return {
        name: [(one.price, one.quantity) for one in getattr(view, name)]
        for name in ("stops", "targets", "adds")
    }


TWO = [{"percent": 4, "portion": 50}, {"percent": 8, "portion": 50}]


def test_a_long_trade_tells_every_exit_and_the_add_that_rests() -> None:
    one = desk(target=TWO, double_down={"levels": [0.5]})
    one.quote("AAPL", 100, 100)
    one.signal("AAPL", "BUY")
    one.wait(1)
    view = seen(one)

    # The exits that wait for the add at the broker protect nothing yet, and are not told.
    assert levels(view) == {
        "stops": [(D("94.00"), 50), (D("94.00"), 50)],
        "targets": [(D("104.00"), 50), (D("108.00"), 50)],
        "adds": [(D("97.00"), 50), (D("97.00"), 50)],
    }
    assert (view.stop, view.target, view.rule) == (94, 104, "pattern.buy")
    assert view.brackets == ("open", "open", "entry_live", "entry_live")


def test_a_short_trade_mirrors_it() -> None:
    one = desk(target=TWO, double_down={"levels": [0.5]})
    one.quote("AAPL", 100, 100)
    one.signal("AAPL", "SHORT")
    one.wait(1)

    assert levels(seen(one)) == {
        "stops": [(D("106.00"), 50), (D("106.00"), 50)],
        "targets": [(D("96.00"), 50), (D("92.00"), 50)],
        "adds": [(D("103.00"), 50), (D("103.00"), 50)],
    }


def test_the_exits_of_an_add_are_told_once_it_has_filled() -> None:
    one = desk(target={"percent": 8}, double_down={"levels": [0.5]})
    one.quote("AAPL", 100, 100)
    one.signal("AAPL", "BUY")
    one.wait(1)
    one.quote("AAPL", 96.9, 96.9)
    one.wait(1)
    view = seen(one)

    assert (view.quantity, view.adds) == (200, ())
    assert levels(view)["stops"] == [(D("94.00"), 100), (D("94.00"), 100)]
    assert sum(one.quantity for one in view.targets) == 200


def test_a_trailing_stop_tells_where_it_is_and_not_by_how_much_it_trails() -> None:
    one = desk(target=[], trailing={"amount": 3})
    one.quote("AAPL", 100, 100)
    one.signal("AAPL", "BUY")
    one.wait(1)
    (stop,) = seen(one).stops
    assert (stop.price, stop.trailing) == (94, True)  # it begins where the planned stop is
    context = one.core.state.current["AAPL"]
    context.trail_level = D("98.50")
    assert seen(one).stop == D("98.50")
    context.trail_level = D("90")
    assert seen(one).stop == 94  # never looser


def test_a_bracket_is_over_when_all_of_its_brackets_are() -> None:
    one = desk(double_down=None)
    one.quote("AAPL", 100, 100)
    market = one.quotes["AAPL"]
    one.feed(BracketRequested("b", "AAPL", "BUY", D(10), D(90), D(120), market=market))
    context = one.core.state.current["AAPL"]
    context.open_tranche("later", 0, None)

    def told(*states: BracketState) -> str:
        for tranche, state in zip(context.tranches, states, strict=True):
            tranche.bracket = state
        view = group_view(one.core.state, "b")
        assert view is not None
        assert view.kind == "bracket"
        return view.state

    assert told(BracketState.OPEN, BracketState.SENDING) == "open"
    assert told(BracketState.DONE, BracketState.OPEN) == "open"
    assert told(BracketState.EXITING, BracketState.FAILED) == "exiting"
    assert told(BracketState.DONE, BracketState.FAILED) == "done"
    assert told(BracketState.FAILED, BracketState.FAILED) == "failed"


def test_what_was_placed_directly_is_told_as_what_it_is() -> None:
    one = desk()
    one.quote("AAPL", 100, 100)
    market = one.quotes["AAPL"]
    legs = (OcoLeg("BUY", "LMT", D(90)), OcoLeg("BUY", "STP", D(110)))
    one.feed(OcoRequested("pair", "AAPL", D(10), legs, market))
    one.feed(OrderRequested("low", "AAPL", "BUY", D(10), "LMT", D(90), market=market))
    one.feed(OrderRequested("now", "AAPL", "BUY", D(10), "MKT", market=market))
    state = one.core.state

    def told(reference: str) -> tuple[str, str]:
        view = group_view(state, reference)
        assert view is not None
        return view.kind, view.state

    assert told("pair") == ("oco", "live")
    assert told("low") == ("order", "working")
    assert told("now") == ("order", "filled")
    assert group_view(state, "nothing") is None
    one.wait(10)  # its grace is over: what it came to is still told
    assert told("now") == ("order", "filled")


@pytest.mark.parametrize(
    ("parts", "whole"),
    [
        (((100, 10), (50, 16)), (150, 12)),
        (((100, 10), (0, 0)), (100, 10)),
        (((0, 0), (-40, 12)), (-40, 12)),
        (((100, 10), (-50, 12)), (50, 8)),  # 50 at 8 stand as much below 10 as 50 short at 12
        (((100, 10), (-100, 12)), (0, 0)),
    ],
)
def test_holdings_add_up(parts: tuple[tuple[int, int], ...], whole: tuple[int, int]) -> None:
    first, second = (Holding(D(quantity), D(price)) for quantity, price in parts)
    both = first + second

    assert (both.quantity, both.average_price) == whole
    if both.quantity:
        assert both.unrealised(9.0) == first.unrealised(9.0) + second.unrealised(9.0)

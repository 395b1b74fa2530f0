"""The broker takes only so many orders of one side of a contract (B11), and others have them."""

from __future__ import annotations

from decimal import Decimal

import pytest

from engine.events import RefusalEvent
from engine.inputs import CloseRequested, OrderRequested
from tests.core.by_hand import by_hand, desk, enter, fill_by_hand, words
from tests.core.desk import Desk


def crowd(d: Desk, side: int, count: int) -> None:
    """Others have orders that rest far away, where what closes our trade would be."""
    for _ in range(count):
        by_hand(d, "SELL" if side > 0 else "BUY", 1, 150 if side > 0 else 50)


def test_a_close_gets_the_place_of_its_stop_where_there_is_no_other(side: int) -> None:
    """It was refused again and again, and what is held could not be left any more."""
    d = desk("ignore", target=[])
    enter(d, side)
    crowd(d, side, 19)
    assert d.live("AAPL") == words(side, "SELL 100 STP 95.00")
    d.feed(CloseRequested("AAPL", "operator"))
    d.wait(10)

    assert d.exchange.position("AAPL") == d.core.state.held("AAPL") == 0
    assert d.live("AAPL") == []


def test_a_close_that_is_refused_all_the_same_leaves_the_place_to_a_stop(side: int) -> None:
    """Whether there is no room, or another reason, nobody can tell: no try is longer than one
    answer without a stop."""
    d = desk("ignore", target=[])
    enter(d, side)
    crowd(d, side, 19)
    d.refusals["MKT"] = 4
    d.feed(CloseRequested("AAPL", "operator"))
    for _ in range(30):
        d.wait(0.1)
        assert d.live("AAPL") == words(side, "SELL 100 STP 95.00")
    d.wait(60)

    assert not d.refusals["MKT"]
    assert d.exchange.position("AAPL") == d.core.state.held("AAPL") == 0
    assert d.live("AAPL") == []


def test_a_close_with_room_for_both_leaves_its_stop_alone(side: int) -> None:
    d = desk("ignore", target=[])
    enter(d, side)
    d.refusals["MKT"] = 2
    d.feed(CloseRequested("AAPL", "operator"))
    stop = d.oldest("AAPL", "STP").order_id
    d.wait(1)
    assert d.oldest("AAPL", "STP").order_id == stop
    d.wait(10)
    assert d.exchange.position("AAPL") == 0


@pytest.mark.parametrize(("others", "adopted"), [(16, True), (17, False)])
def test_what_comes_where_its_exits_have_no_room_is_a_person_s(
    others: int, adopted: bool, side: int
) -> None:
    """Adopted, its stop was refused, and then every close of the whole trade."""
    d = desk("adopt", target=[])
    enter(d, side)
    crowd(d, side, others)
    more, away = ("BUY", 50) if side > 0 else ("SELL", 150)
    fill_by_hand(d, by_hand(d, more, 30, away), 30)
    d.wait(60)

    assert d.core.state.held("AAPL") == (130 if adopted else 100) * side
    assert bool(d.core.state.frozen) != adopted
    covered = words(side, "SELL 100 STP 95.00", *["SELL 30 STP 95.00"] * adopted)
    assert d.live("AAPL") == covered


@pytest.mark.parametrize(("others", "fits"), [(18, True), (19, False)])
def test_no_entry_whose_exits_have_no_room(others: int, fits: bool, side: int) -> None:
    d = desk("ignore")
    crowd(d, side, others)
    d.signal("AAPL", "BUY" if side > 0 else "SHORT")

    assert d.core.state.held("AAPL") == (100 * side if fits else 0)
    assert [event.reason for event in d.said(RefusalEvent)] == ["no_room"] * (not fits)


@pytest.mark.parametrize(("others", "fits"), [(16, True), (17, False)])
def test_no_add_whose_exits_have_no_room(others: int, fits: bool, side: int) -> None:
    scale = {"trigger_percent": 1.0, "shares": 50}
    d = desk("ignore", scale_in=scale)
    enter(d, side)
    crowd(d, side, others)
    d.quote("AAPL", 100.0 + 2 * side, 100.0 + 2 * side)

    assert d.core.state.held("AAPL") == (150 if fits else 100) * side
    assert ("no_room" in [event.reason for event in d.said(RefusalEvent)]) != fits


def test_what_was_placed_directly_takes_room_too(side: int) -> None:
    d = desk("ignore")
    crowd(d, side, 18)
    word = "SELL" if side > 0 else "BUY"
    limit = Decimal(105) if side > 0 else Decimal(95)
    d.feed(OrderRequested("own", "AAPL", word, Decimal(1), "LMT", limit, "DAY", d.quotes["AAPL"]))
    d.signal("AAPL", "BUY" if side > 0 else "SHORT")

    assert d.core.state.held("AAPL") == 0
    assert [event.reason for event in d.said(RefusalEvent)] == ["no_room"]

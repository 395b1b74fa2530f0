"""Somebody else trades our symbol: the three policies, on orders and on shares."""

from __future__ import annotations

from decimal import Decimal

import attrs
import pytest

from engine.events import AlertEvent, RefusalEvent
from engine.inputs import (
    CloseRequested,
    Input,
    OrderOpened,
)
from engine.recent import Recent
from tests.core.by_hand import BY_HAND, by_hand, changed, desk, enter, fill_by_hand, words


def test_ignored_shares_are_counted_apart(side: int) -> None:
    d = desk("ignore")
    enter(d, side)
    by_hand(d, "BUY" if side < 0 else "SELL", 40)
    d.wait(90)

    assert d.core.state.held("AAPL") == 100 * side
    assert not d.core.state.frozen
    assert d.live("AAPL") == words(side, "SELL 100 STP 95.00", "SELL 100 LMT 110.00")


@pytest.mark.parametrize("policy", ["ignore", "freeze"])
@pytest.mark.parametrize("shares", [0, 15, 60])
def test_a_corrected_execution_of_somebody_else_is_counted_anew(policy: str, shares: int) -> None:
    d = desk(policy)
    enter(d, 1)
    by_hand(d, "SELL", 40)
    d.wait(30)
    (old,) = d.exchange.executions(BY_HAND)
    corrected = d.exchange._floor.ledger.correct(old, Decimal(shares), old.price, None)
    d.deliver([corrected, d.exchange._floor.account.notice("AAPL")])
    d.deliver([corrected])
    d.wait(60)

    assert d.core.state.held("AAPL") == 100
    assert d.core.state.foreign[old.instrument.con_id] == -shares
    assert bool(d.core.state.frozen) == (policy == "freeze" and shares > 0)
    assert d.exchange.position("AAPL") == 100 - shares


def test_an_order_by_hand_freezes_until_it_is_gone(side: int) -> None:
    d = desk("freeze")
    enter(d, side)
    number = by_hand(d, "SELL", 10, 150)
    assert d.context_state("AAPL") == "frozen"
    before = d.live("AAPL")
    d.feed(CloseRequested("AAPL", "operator"))
    assert d.said(RefusalEvent)[-1].reason == "frozen"
    d.wait(60)
    assert d.context_state("AAPL") == "frozen"
    assert d.live("AAPL") == before

    d.deliver(d.exchange.cancel(BY_HAND, number))
    d.wait(30)
    assert d.context_state("AAPL") == "protected"


def test_an_order_of_another_account_is_nothing_to_us() -> None:
    """Who manages several sees the orders of all of them."""
    d = desk("freeze")

    def elsewhere(one: Input) -> Input:
        return attrs.evolve(one, account="U9") if isinstance(one, OrderOpened) else one

    with changed(d, elsewhere):
        by_hand(d, "BUY", 10, limit=90)
    d.signal("AAPL", "BUY")
    assert d.context_state("AAPL") == "protected"
    assert not d.said(AlertEvent)


def test_shares_by_hand_freeze_until_they_are_gone() -> None:
    d = desk("freeze")
    by_hand(d, "BUY", 10)
    d.wait(60)
    d.signal("AAPL", "BUY")
    assert d.said(RefusalEvent)[-1].reason == "frozen"

    by_hand(d, "SELL", 10)
    d.wait(30)
    d.signal("AAPL", "BUY")
    assert d.context_state("AAPL") == "protected"


def test_adopted_shares_are_protected(side: int) -> None:
    d = desk("adopt")
    by_hand(d, "BUY" if side > 0 else "SELL", 30)
    d.wait(5)

    assert d.core.state.held("AAPL") == 30 * side
    assert d.context_state("AAPL") == "protected"
    assert d.live("AAPL") == words(side, "SELL 30 STP 95.00", "SELL 30 LMT 110.00")


def test_a_number_below_zero_never_means_what_stands_in_for_adopted_shares() -> None:
    """TWS numbers a person's orders below zero, and lists them for client 0 as its own."""
    d = desk("adopt")
    by_hand(d, "BUY", 30)
    d.wait(5)
    state = d.core.state
    state.client_id = BY_HAND
    (stand_in,) = [number for number in state.orders if number < 0]
    state.told = Recent()
    d.feed(
        OrderOpened(
            *(stand_in, 4711, BY_HAND, 0, "", state.account, state.instruments["AAPL"].con_id),
            *("AAPL", "SELL", Decimal(7), "LMT", Decimal(150), None, "DAY", "", 0, "Submitted"),
        )
    )
    assert state.orders[stand_in].confirmed_quantity == 30
    assert state.foreign_orders[4711] == ("AAPL", "SELL")
    assert any("an order that is not ours: SELL 7 LMT" in one.text for one in d.said(AlertEvent))


def test_adopted_shares_join_the_trade_and_leave_it(side: int) -> None:
    d = desk("adopt")
    enter(d, side)
    by_hand(d, "BUY" if side > 0 else "SELL", 30)
    d.wait(5)
    assert d.core.state.held("AAPL") == 130 * side
    assert d.live("AAPL") == words(
        side,
        *("SELL 100 STP 95.00", "SELL 100 LMT 110.00"),
        *("SELL 30 STP 95.00", "SELL 30 LMT 110.00"),
    )

    by_hand(d, "BUY" if side < 0 else "SELL", 60)
    d.wait(5)
    assert d.core.state.held("AAPL") == 70 * side
    assert d.live("AAPL") == words(
        side,
        *("SELL 40 STP 95.00", "SELL 40 LMT 110.00"),
        *("SELL 30 STP 95.00", "SELL 30 LMT 110.00"),
    )
    by_hand(d, "BUY" if side < 0 else "SELL", 70)
    d.wait(5)
    assert (d.context_state("AAPL"), d.live("AAPL")) == ("flat", [])


def test_what_would_turn_the_trade_over_is_not_adopted(side: int) -> None:
    d = desk("adopt")
    enter(d, side)
    by_hand(d, "BUY" if side < 0 else "SELL", 150)
    d.wait(5)
    assert d.core.state.held("AAPL") == 100 * side
    assert d.context_state("AAPL") == "frozen"


def test_shares_that_cannot_be_protected_are_not_adopted() -> None:
    d = desk("adopt", stop={"atr": 6})  # and no market is known to a fill by hand
    by_hand(d, "BUY", 30)
    d.wait(5)
    assert d.core.state.held("AAPL") == 0
    assert d.core.state.frozen


def test_adoption_survives_a_restart() -> None:
    d = desk("adopt")
    by_hand(d, "BUY", 30)
    d.wait(5)
    d.restart()
    d.wait(60)
    assert d.core.state.held("AAPL") == 30
    assert d.live("AAPL") == ["SELL 30 LMT 110.00", "SELL 30 STP 95.00"]


def test_what_joins_a_trade_that_is_closing_leaves_with_it(side: int) -> None:
    """Frozen, the pair of a stranger's sale and purchase could never be told from a doubt."""
    d = desk("adopt")
    enter(d, side)
    d.quote("AAPL", 100.0, 100.0, size=1)  # so that the close takes its time
    d.feed(CloseRequested("AAPL", "operator"))
    assert d.context_state("AAPL") == "closing"
    for action, away in (("SELL", 150), ("BUY", 50)):
        fill_by_hand(d, by_hand(d, action, 5, away), 5)
    assert d.context_state("AAPL") == "closing"
    d.quote("AAPL", 100.0, 100.0)
    d.wait(30)

    assert not d.core.state.frozen
    assert (d.context_state("AAPL"), d.live("AAPL")) == ("flat", [])
    assert d.core.state.held("AAPL") == d.exchange.position("AAPL") == 0

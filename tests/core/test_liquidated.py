"""The broker closes by force what is ours, what is others', and both at once."""

from __future__ import annotations

from decimal import Decimal

import pytest

from engine.inputs import (
    CloseRequested,
)
from engine.sim.matching import Deal
from engine.sim.records import SimExecution
from tests.core.by_hand import BY_HAND, by_hand, desk, directly, enter, words
from tests.core.desk import Desk


def liquidate(d: Desk, side: int, *parts: int, told: bool = True) -> SimExecution:
    """The broker closes shares of the account by force, with one order; its last execution. Not
    ``told``: nobody hears of it before they ask."""
    d.courier.used = True
    number = by_hand(d, "SELL" if side > 0 else "BUY", sum(parts), 150 if side > 0 else 50)
    floor = d.exchange._floor
    live = d.exchange._registry.find(BY_HAND, number)
    assert live is not None
    for part in parts:
        deal = Deal(Decimal(part), Decimal(90), True)
        notice, charged = floor.ledger.fill(live, deal, d.now_ns, True)
        if told:
            d.deliver([notice, charged, floor.account.notice("AAPL")])
    live.ended_ns = d.now_ns
    d.exchange._registry.end(live)
    return notice.execution


@pytest.mark.parametrize("policy", ["ignore", "freeze", "adopt"])
def test_what_the_broker_liquidates_leaves_our_trade_and_halts(policy: str, side: int) -> None:
    """Under whatever policy: a stop for shares that are gone would open them the other way."""
    d = desk(policy)
    enter(d, side)
    liquidate(d, side, 100)
    d.wait(60)

    assert d.core.state.held("AAPL") == d.exchange.position("AAPL") == 0
    assert d.live("AAPL") == []
    assert d.core.state.halt is not None
    assert d.core.state.halt.level == 1


@pytest.mark.parametrize("parts", [(150,), (80, 70), (30, 70, 50)])
@pytest.mark.parametrize("policy", ["ignore", "freeze"])
def test_liquidated_together_with_shares_of_others_ours_are_gone_all_the_same(
    policy: str, side: int, parts: tuple[int, ...]
) -> None:
    """A close of what is gone would open it the other way."""
    d = desk(policy)
    enter(d, side)
    by_hand(d, "BUY" if side > 0 else "SELL", 50)
    told = liquidate(d, side, *parts)
    d.wait(60)

    assert d.core.state.held("AAPL") == d.exchange.position("AAPL") == 0
    assert set(d.core.state.foreign.values()) == {0}
    assert d.live("AAPL") == []

    # Corrected to ten shares fewer: those were the others'.
    floor = d.exchange._floor
    corrected = floor.ledger.correct(told, told.quantity - 10, told.price, None)
    d.deliver([corrected, floor.account.notice("AAPL")])
    d.wait(120)
    assert d.exchange.position("AAPL") == 10 * side
    assert d.core.state.held("AAPL") == 0
    assert set(d.core.state.foreign.values()) == {10 * side}
    assert d.live("AAPL") == []


@pytest.mark.parametrize("policy", ["ignore", "freeze", "adopt"])
def test_what_the_broker_liquidates_of_direct_orders_is_no_trade_to_adopt(
    policy: str, side: int
) -> None:
    """It closes them; protected like an entry and closed again, it would open them once more."""
    d = desk(policy)
    directly(d, side)
    liquidate(d, side, 40)
    d.wait(60)

    assert d.exchange.position("AAPL") == 0
    assert not d.core.state.current
    assert d.live("AAPL") == []
    assert bool(d.core.state.frozen) == (policy != "ignore")


@pytest.mark.parametrize("parts", [(150,), (80, 70)])
@pytest.mark.parametrize("left", [0, 60])
def test_a_fill_that_is_taken_back_after_the_liquidation_and_told_before_it(
    side: int, left: int, parts: tuple[int, ...]
) -> None:
    """More was liquidated than anybody held, as far as we know: nobody else would look after what
    is now on the other side."""
    d = desk("ignore")
    enter(d, side)
    by_hand(d, "BUY" if side > 0 else "SELL", 50)
    (entry,) = [one for one in d.exchange.executions() if one.client_id != BY_HAND]
    floor = d.exchange._floor
    taken_back = floor.ledger.correct(entry, Decimal(left), entry.price, None)
    d.deliver([taken_back])
    d.wait(1)
    assert d.core.state.held("AAPL") == left * side
    liquidate(d, side, *parts)
    d.wait(60)

    assert d.core.state.held("AAPL") == d.exchange.position("AAPL") == 0
    assert set(d.core.state.foreign.values()) == {0}
    assert not d.core.state.frozen
    assert d.live("AAPL") == []


@pytest.mark.parametrize("parts", [(100,), (30, 70), (150,), (80, 70)])
def test_what_was_liquidated_before_our_close_and_told_after_it_turns_the_trade_over(
    side: int, parts: tuple[int, ...]
) -> None:
    """The close sold shares that were gone, and nobody else would look after what it opened."""
    d = desk("ignore")
    enter(d, side)
    if others := sum(parts) - 100:
        by_hand(d, "BUY" if side > 0 else "SELL", others)
    liquidate(d, side, *parts, told=False)
    d.feed(CloseRequested("AAPL", "operator"))
    assert d.exchange.position("AAPL") == -100 * side
    assert not d.core.state.current
    d.wait(90)

    assert d.exchange.position("AAPL") == d.core.state.held("AAPL") == 0
    assert set(d.core.state.foreign.values()) == {0}
    assert not d.core.state.frozen
    assert d.live("AAPL") == []


@pytest.mark.parametrize("role", ["E", "C"])
def test_a_fill_that_is_taken_back_beside_it_makes_it_no_less_the_trade_s(
    role: str, side: int
) -> None:
    """Ten shares less were bought or sold than was told: all that is beyond is still ours."""
    d = desk("ignore")
    enter(d, side)
    liquidate(d, side, 100, told=False)
    d.feed(CloseRequested("AAPL", "operator"))
    (fill,) = [one for one in d.exchange.executions() if f"-{role}" in one.order_ref]
    floor = d.exchange._floor
    d.deliver([floor.ledger.correct(fill, Decimal(90), fill.price, None)])
    d.wait(90)

    assert d.exchange.position("AAPL") == d.core.state.held("AAPL") == 0
    assert set(d.core.state.foreign.values()) == {0}
    assert d.live("AAPL") == []


def test_a_trade_of_the_other_side_is_not_what_its_forerunner_oversold(side: int) -> None:
    """Two closes in one: the reversal entered on top of what the broker had opened."""
    d = desk("ignore", on_opposite="reverse")
    enter(d, side)
    liquidate(d, side, 100, told=False)
    d.signal("AAPL", "SHORT" if side > 0 else "BUY")
    assert d.exchange.position("AAPL") == -200 * side
    d.wait(90)

    assert d.exchange.position("AAPL") == d.core.state.held("AAPL") == -100 * side
    assert set(d.core.state.foreign.values()) == {0}
    assert d.live("AAPL") == words(-side, "SELL 100 LMT 110.00", "SELL 100 STP 95.00")


def test_what_was_liquidated_of_direct_orders_is_not_the_trade_s_that_ended_before(
    side: int,
) -> None:
    d = desk("ignore")
    enter(d, side)
    d.feed(CloseRequested("AAPL", "operator"))
    directly(d, side)
    liquidate(d, side, 40)
    d.wait(60)

    assert d.exchange.position("AAPL") == 0
    assert not d.core.state.current
    assert d.live("AAPL") == []


def test_what_was_liquidated_before_a_trade_and_told_after_its_entry_took_nothing_of_it(
    side: int,
) -> None:
    """All of its shares are there, and nobody else would look after them: the times tell."""
    d = desk("ignore")
    directly(d, side)
    liquidate(d, side, 40, told=False)
    d.wait(1)
    d.signal("AAPL", "BUY" if side > 0 else "SHORT")
    d.wait(90)

    assert d.exchange.position("AAPL") == 100 * side
    (context,) = d.core.state.current.values()
    assert context.held == 100 * side
    assert d.live("AAPL") == words(side, "SELL 100 LMT 110.00", "SELL 100 STP 95.00")

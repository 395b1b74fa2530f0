"""Somebody else trades our symbol: the three policies, on orders and on shares."""

from __future__ import annotations

from decimal import Decimal

import attrs
import pytest

from engine.config import from_mapping
from engine.events import PositionCloseEvent, RefusalEvent
from engine.executions import known
from engine.inputs import (
    CloseRequested,
    ExecutionReported,
    Input,
    OrderRequested,
    SnapshotEnded,
    SnapshotKind,
)
from engine.sim.matching import Deal
from engine.sim.records import SimExecution, SimOrder
from engine.sim.wireless import truth
from tests.core.desk import ACCOUNT, Desk
from tests.core.test_scenarios import MIRROR_WORD

BY_HAND = 0  # the client of orders that a person makes in TWS


def desk(policy: str, connect: bool = True, **settings: object) -> Desk:
    strategy = {
        "symbols": ["AAPL"],
        "sizing": {"shares": 100},
        "stop": {"percent": 5},
        "target": {"percent": 10},
        "foreign_orders": policy,
        **settings,
    }
    made = Desk(from_mapping({"strategy": strategy}), connect=connect)
    made.quote("AAPL", 100.0, 100.0)
    return made


def by_hand(d: Desk, action: str, quantity: int, limit: int | None = None) -> int:
    """A person orders in TWS; the number of the order."""
    d.courier.used = True  # the broker holds more than we do from here on
    number = d.exchange.next_order_id(BY_HAND)
    order = SimOrder(
        order_id=number,
        client_id=BY_HAND,
        perm_id=0,
        instrument=d.instruments["AAPL"],
        account=ACCOUNT,
        action=action,
        quantity=Decimal(quantity),
        order_type="MKT" if limit is None else "LMT",
        limit_price=None if limit is None else Decimal(limit),
    )
    d.deliver(d.exchange.place(BY_HAND, order))
    return number


def fill_by_hand(d: Desk, number: int, quantity: int) -> None:
    """An execution of a person's order, whatever the market shows."""
    floor = d.exchange._floor
    live = d.exchange._registry.find(BY_HAND, number)
    assert live is not None
    floor._fill(live, Deal(Decimal(quantity), Decimal(100), True))
    floor.finish()
    d.deliver(floor.drain())


@pytest.fixture(params=[1, -1], ids=["long", "short"])
def side(request: pytest.FixtureRequest) -> int:
    return int(request.param)


def enter(d: Desk, side: int) -> None:
    d.signal("AAPL", "BUY" if side > 0 else "SHORT")
    assert d.core.state.held("AAPL") == 100 * side


def directly(d: Desk, side: int) -> None:
    """Forty shares of the caller's own."""
    word = "BUY" if side > 0 else "SELL"
    d.feed(OrderRequested("own", "AAPL", word, Decimal(40), "MKT", None, "DAY", d.quotes["AAPL"]))


def words(side: int, *long: str) -> list[str]:
    """Orders of a long position, or their mirror at 100."""
    if side > 0:
        return sorted(long)
    mirrored = []
    for line in long:
        action, quantity, kind, price = line.split()
        mirrored.append(f"{MIRROR_WORD[action]} {quantity} {kind} {200 - Decimal(price)}")
    return sorted(mirrored)


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


def start_told(d: Desk, kind: SnapshotKind, told: list[Input]) -> None:
    """The engine starts, and is told this when it asks."""
    answer = d.answer
    d.answer = lambda asked: told if asked.kind == kind else answer(asked)  # type: ignore[method-assign]
    d.start()
    d.answer = answer  # type: ignore[method-assign]


def started_late(d: Desk, trades: int) -> None:
    """The engine starts when a person has sold 50 shares so many times; the position that it is
    told is that before the last two of them."""
    for number in range(trades):
        by_hand(d, "SELL", 50)
        if number == trades - 3:
            old = truth(d.exchange, "positions", 1)
    start_told(d, "positions", old)
    assert list(d.core.state.foreign.values()) == [-50 * (trades - 2)]


@pytest.mark.parametrize("policy", ["ignore", "freeze", "adopt"])
def test_a_first_position_that_is_older_than_what_is_told_with_it(policy: str) -> None:
    """Executions that are told before it explain what it lacks: they are of before us as well."""
    d = desk(policy, connect=False)
    started_late(d, 5)
    d.wait(1)
    enter(d, 1)
    d.wait(120)
    assert not d.core.state.frozen
    assert list(d.core.state.foreign.values()) == [-250]
    assert d.live("AAPL") == ["SELL 100 LMT 110.00", "SELL 100 STP 95.00"]


@pytest.mark.parametrize("policy", ["ignore", "freeze"])
def test_a_first_position_that_contains_what_is_told_later(policy: str) -> None:
    """What a person had traded before us is told by a later round only: it was there already."""
    d = desk(policy, connect=False)
    for _ in range(2):
        by_hand(d, "SELL", 50)
    start_told(d, "executions", [SnapshotEnded("executions", 1)])
    assert list(d.core.state.foreign.values()) == [-100]
    d.wait(1)
    enter(d, 1)
    d.wait(120)
    assert not d.core.state.frozen
    assert list(d.core.state.foreign.values()) == [-100]
    assert d.live("AAPL") == ["SELL 100 LMT 110.00", "SELL 100 STP 95.00"]


@pytest.mark.parametrize("account", [ACCOUNT, "U9"])
@pytest.mark.parametrize("policy", ["ignore", "freeze", "adopt"])
def test_an_execution_of_ours_that_came_without_its_name_at_first(
    policy: str, account: str
) -> None:
    """Its number was sound, so it is known by that; told again as it is, it is ours. Adopted, it
    counts already."""
    d = desk(policy)
    enter(d, 1)
    d.wait(120)  # so that nothing is explained by the first look any more
    carry, told = d.courier.carry, []

    def garbled(inputs: list[Input], now_ns: int) -> list[Input]:
        told.extend(inputs)
        return [nameless(one, account) for one in carry(inputs, now_ns)]

    d.courier.used = True
    d.courier.carry = garbled  # type: ignore[method-assign]
    d.trade("AAPL", 95.0)
    d.courier.carry = carry  # type: ignore[method-assign]
    adopted = policy == "adopt" and account == ACCOUNT
    fill = next(one for one in told if isinstance(one, ExecutionReported))
    assert known(d.core.state, fill) == adopted
    d.wait(120)
    assert not d.core.state.frozen
    assert not d.core.state.foreign[d.instruments["AAPL"].con_id]
    assert not d.core.state.current
    assert d.said(PositionCloseEvent)[-1].reason == ("" if adopted else "stop")
    assert not d.live("AAPL")


def nameless(item: Input, account: str) -> Input:
    if not isinstance(item, ExecutionReported):
        return item
    return attrs.evolve(item, order_id=0, client_id=0, perm_id=0, order_ref="", account=account)


@pytest.mark.parametrize("shares", [-30, -50, 50])
def test_what_no_execution_explains_freezes_all_the_same(shares: int) -> None:
    """Neither shares that are no sum of the latest executions, nor any once a later answer has
    agreed with the first."""
    d = desk("ignore", connect=False)
    for _ in range(5):
        by_hand(d, "SELL", 50)
    d.start()
    d.wait(1 if shares == -30 else 60)
    account = d.exchange._floor.account
    account.apply(d.instruments["AAPL"], "BUY", Decimal(shares), Decimal(100), Decimal(0))
    enter(d, 1)
    d.wait(120)
    assert list(d.core.state.frozen) == ["AAPL"]
    assert list(d.core.state.foreign.values()) == [-250]


def test_adopted_shares_are_protected(side: int) -> None:
    d = desk("adopt")
    by_hand(d, "BUY" if side > 0 else "SELL", 30)
    d.wait(5)

    assert d.core.state.held("AAPL") == 30 * side
    assert d.context_state("AAPL") == "protected"
    assert d.live("AAPL") == words(side, "SELL 30 STP 95.00", "SELL 30 LMT 110.00")


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

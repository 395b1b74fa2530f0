"""What others hold when we first look, and what is told of it too early, too late or in part."""

from __future__ import annotations

from decimal import Decimal

import attrs
import pytest

from engine.commands import Snapshot
from engine.events import FillEvent, PositionCloseEvent
from engine.executions import known
from engine.inputs import (
    ExecutionReported,
    Input,
    InstrumentDefined,
    SnapshotEnded,
    SnapshotKind,
    SnapshotStarted,
)
from engine.sim.wireless import truth
from tests.core.by_hand import answered, by_hand, changed, desk, enter
from tests.core.desk import ACCOUNT, SECOND, Desk


def start_told(d: Desk, kind: SnapshotKind, told: list[Input]) -> None:
    """The engine starts, and is told this when it asks."""
    with answered(d, lambda asked, answer: told if asked.kind == kind else answer):
        d.start()


def started_late(d: Desk, trades: int) -> None:
    """The engine starts when a person has sold 50 shares so many times; the position that it is
    told is that before the last two of them."""
    for number in range(trades):
        by_hand(d, "SELL", 50)
        if number == trades - 3:
            old = truth(d.exchange, "positions", 1)
    start_told(d, "positions", old)
    assert list(d.core.state.foreign.values()) == [-50 * (trades - 2)]


def trades_beside(d: Desk, shares: int) -> None:
    """An entry is protected, and so many shares are found to be of others."""
    d.wait(1)
    enter(d, 1)
    d.wait(120)
    assert not d.core.state.frozen
    assert list(d.core.state.foreign.values()) == [shares]
    assert d.live("AAPL") == ["SELL 100 LMT 110.00", "SELL 100 STP 95.00"]


@pytest.mark.parametrize("policy", ["ignore", "freeze", "adopt"])
def test_a_first_position_that_is_older_than_what_is_told_with_it(policy: str) -> None:
    """Executions that are told before it explain what it lacks: they are of before us as well."""
    d = desk(policy, connect=False)
    started_late(d, 5)
    trades_beside(d, -250)


@pytest.mark.parametrize("policy", ["ignore", "freeze"])
def test_a_first_position_that_contains_what_is_told_later(policy: str) -> None:
    """What a person had traded before us is told by a later round only: it was there already."""
    d = desk(policy, connect=False)
    for _ in range(2):
        by_hand(d, "SELL", 50)
    start_told(d, "executions", [SnapshotEnded("executions", 1)])
    assert list(d.core.state.foreign.values()) == [-100]
    trades_beside(d, -100)


@pytest.mark.parametrize("symbol", ["AAPL", "ZZZ"])
@pytest.mark.parametrize("policy", ["ignore", "freeze", "adopt"])
def test_what_is_told_before_its_contract_is_known_counts_once(policy: str, symbol: str) -> None:
    """Each round tells it again (seed 161 of liveness, while this was forgotten). Also of what was
    no symbol of the strategy when it was told first."""
    d = desk(policy, connect=False)
    by_hand(d, "SELL", 50)
    feed, told = d.feed, truth(d.exchange, "executions", 1)[:-1]

    def feeds(*inputs: Input) -> None:
        if any(isinstance(one, InstrumentDefined) for one in inputs):
            assert not d.core.state.symbols
            first = ExecutionReported
            feed(*[attrs.evolve(o, symbol=symbol) if isinstance(o, first) else o for o in told])
        feed(*inputs)

    d.feed = feeds  # type: ignore[method-assign]
    start_told(d, "executions", [SnapshotEnded("executions", 1)])
    feed(*told)
    trades_beside(d, -50)


def test_what_is_corrected_before_we_look_at_an_old_position_counts_as_it_is_then() -> None:
    d = desk("ignore", connect=False)
    by_hand(d, "SELL", 50)
    told = truth(d.exchange, "executions", 1)
    ledger = d.exchange._floor.ledger
    (old,) = ledger.executions
    ledger.correct(old, Decimal(40), old.price, None)
    again = truth(d.exchange, "executions", 1)[:-1]
    none = [SnapshotStarted("positions", 1), SnapshotEnded("positions", 1)]
    replies = {"executions": [*told[:-1], *again, told[-1]], "positions": none}
    with answered(d, lambda asked, answer: replies.get(asked.kind, answer)):
        d.start()
    assert list(d.core.state.foreign.values()) == [0]
    trades_beside(d, -40)


@pytest.mark.parametrize("seconds", [20, 100])
@pytest.mark.parametrize("trades", [1, 3])
@pytest.mark.parametrize("policy", ["ignore", "freeze"])
def test_old_positions_are_not_taken_for_a_first_look_for_ever(
    policy: str, trades: int, seconds: float
) -> None:
    """What others trade is told at once, positions are answered as they were for a while: for that
    while it seems that the first look had contained it (seeds 820 and 930 of liveness)."""
    d = desk(policy)
    (con_id,) = d.core.state.foreign
    old = truth(d.exchange, "positions", 1)
    with answered(d, lambda asked, answer: old if asked.kind == "positions" else answer):
        d.core.state.doubts = True  # something else is asked about
        for _ in range(trades):
            by_hand(d, "SELL", 50)
        d.wait(seconds)
        assert not d.core.state.foreign[con_id], "it seems so"
    d.feed(*truth(d.exchange, "positions", 1)[1:-1])
    d.wait(120)
    assert d.core.state.foreign[con_id] == -50 * trades
    assert not d.core.state.foreign_found[con_id]
    assert list(d.core.state.frozen) == ([] if policy == "ignore" else ["AAPL"])
    if policy == "freeze":
        by_hand(d, "BUY", 50 * trades)
        d.wait(60)
    assert not d.core.state.frozen
    trades_beside(d, 0 if policy == "freeze" else -50 * trades)


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
    with changed(d, lambda one: nameless(one, account)) as told:
        d.trade("AAPL", 95.0)
    adopted = policy == "adopt" and account == ACCOUNT
    fill = next(one for one in told if isinstance(one, ExecutionReported))
    assert known(d.core.state, fill) == adopted
    d.wait(120)
    assert not d.core.state.frozen
    assert not d.core.state.foreign[d.instruments["AAPL"].con_id]
    assert not d.core.state.current
    assert d.said(PositionCloseEvent)[-1].reason == ("" if adopted else "stop")
    assert not d.live("AAPL")


def unlooked() -> Desk:
    """Of a symbol that the settings have named since, and nobody has asked what it holds."""
    d = desk("ignore")
    state = d.core.state
    for seen in (state.foreign, state.foreign_found, state.foreign_early):
        seen.clear()
    return d


def test_an_execution_of_ours_without_its_name_before_we_have_looked() -> None:
    d = unlooked()
    with changed(d, lambda one: nameless(one, ACCOUNT)):
        d.signal("AAPL", "BUY")
    d.wait(120)
    assert not d.core.state.frozen
    assert not any(d.core.state.foreign.values())
    assert d.live("AAPL") == ["SELL 100 LMT 110.00", "SELL 100 STP 95.00"]
    assert d.context_state("AAPL") == "protected"


def test_what_differs_where_nobody_has_looked_freezes() -> None:
    """We held something before we could look at what others hold."""
    d = unlooked()
    enter(d, 1)
    d.courier.used = True
    account = d.exchange._floor.account
    account.apply(d.instruments["AAPL"], "BUY", Decimal(30), Decimal(100), Decimal(0))
    d.wait(120)
    assert list(d.core.state.frozen) == ["AAPL"]


def nameless(item: Input, account: str) -> Input:
    if not isinstance(item, ExecutionReported):
        return item
    return attrs.evolve(item, order_id=0, client_id=0, perm_id=0, order_ref="", account=account)


def test_an_execution_of_ours_on_its_way_is_nothing_that_others_had_before_us() -> None:
    """Although a person has traded as many since we looked, and every round misses it."""
    d = desk("ignore", sizing={"shares": 50})
    by_hand(d, "SELL", 50)
    d.courier.execution_delay_ns = 3 * SECOND

    def without(_: Snapshot, answer: list[Input]) -> list[Input]:
        return [one for one in answer if not isinstance(one, ExecutionReported)]

    with answered(d, without):
        d.signal("AAPL", "BUY")
        d.wait(3)
    d.wait(120)
    assert d.said(FillEvent), "it has come"
    assert not d.core.state.frozen
    assert list(d.core.state.foreign.values()) == [-50]
    assert d.live("AAPL") == ["SELL 50 LMT 110.00", "SELL 50 STP 95.00"]


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

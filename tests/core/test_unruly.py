"""The core among people who say anything, and the rare orders of events that lead through rows
which nothing else reaches."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import attrs
import pytest

from engine.inputs import (
    CloseRequested,
    ErrorReported,
    ExecutionReported,
    OcoLeg,
    OcoRequested,
    TimerElapsed,
)
from engine.orders import Order, Role
from engine.positions import revision
from statecharts.vocabulary import (
    BracketState,
    ContextState,
    OcoState,
    OrderAsk,
    OrderReport,
)
from tests.core.desk import SECOND
from tests.core.tale import Tale
from tests.core.unruly import LIVELY, Unruly

WALKS, STEPS = 120, 1000

pytestmark = pytest.mark.rows


@pytest.mark.parametrize("seed", range(WALKS))
def test_it_believes_what_it_must_and_comes_to_rest(seed: int) -> None:
    """What is held is the fold of all executions, after every word. Again:
    ``pytest tests/core/test_unruly.py -k "[SEED]"``."""
    unruly = Unruly(seed, **LIVELY)
    unruly.run(STEPS)

    assert unruly.strange == []


# -- by hand -----------------------------------------------------------------------------------


def second(fill: ExecutionReported) -> str:
    """The id of its correction."""
    return f"{revision(fill.execution_id)[0]}.02"


def test_an_entry_that_was_absent_fills_beside_a_held_trade() -> None:
    tale = Tale(double_down=None, scale_in=None)
    entry = tale.enter(10)
    tale.vanish(entry)
    assert tale.state == ContextState.PROTECTED

    tale.tell(tale.filled(entry, Decimal(5)))

    assert (tale.state, entry.reported) == (ContextState.PROTECTED, OrderReport.UNKNOWN)


@pytest.mark.parametrize("shares", [5, 20])
def test_an_entry_that_was_absent_fills_beside_an_add(shares: int) -> None:
    tale = Tale(scale_in=None)
    entry = tale.enter(10)
    tale.vanish(entry)
    tale.settle()
    assert tale.state == ContextState.ADDING

    tale.tell(tale.filled(entry, Decimal(shares)))

    assert tale.state == ContextState.ADDING
    assert tale.core.state.held("AAPL") == 10 + shares


def adding() -> tuple[Tale, Order]:
    tale = Tale(scale_in=None)
    tale.enter(30)
    tale.settle()
    (add,) = tale.orders(Role.ADD)
    assert tale.state == ContextState.ADDING
    return tale, add


@pytest.mark.parametrize("shares", [10, 30])
def test_an_add_fills_after_it_was_absent(shares: int) -> None:
    tale, add = adding()
    tale.vanish(add)
    assert tale.state == ContextState.PROTECTED

    tale.tell(tale.filled(add, Decimal(shares)))

    assert tale.state == ContextState.PROTECTED
    assert tale.core.state.held("AAPL") == 30 + shares
    tale.settle()
    stops = [one for one in tale.orders(Role.STOP) if one.active]
    assert sum(one.spec.quantity for one in stops) == 30 + shares


@pytest.mark.parametrize("shares", [10, 30])
@pytest.mark.parametrize(
    ("leave", "state"),
    [
        (lambda tale: tale.signal_of("SHORT"), ContextState.REVERSING),
        (lambda tale: tale.tell(CloseRequested("AAPL", "operator")), ContextState.CLOSING),
    ],
)
def test_an_add_fills_before_its_cancel_is_answered(
    leave: Callable[[Tale], None], state: ContextState, shares: int
) -> None:
    tale, add = adding()
    leave(tale)
    assert (tale.state, add.asked) == (state, OrderAsk.CANCELLING)

    tale.tell(tale.filled(add, Decimal(shares)))

    assert (tale.state, tale.core.state.held("AAPL")) == (state, 30 + shares)
    tale.settle()
    closing = [one for one in tale.orders(Role.CLOSE) if not one.dead]
    assert sum(one.spec.quantity for one in closing) == 30 + shares


def freeze(tale: Tale) -> None:
    """The broker holds one share more than the executions make, twice in a row."""
    for _ in range(3):
        tale.tell(tale._position("AAPL", tale.executed("AAPL") + 1))
        tale.now_ns += 2 * SECOND
        tale.tell(TimerElapsed())
        tale.wrong = {"AAPL": 1}
        tale.settle()
    assert tale.state == ContextState.FROZEN
    tale.wrong = {}


@pytest.mark.parametrize("shares", [10, 30])
@pytest.mark.parametrize("reversing", [False, True])
def test_truth_is_lost_while_an_add_rests_and_it_fills(reversing: bool, shares: int) -> None:
    tale, add = adding()
    if reversing:
        tale.hidden.add(add.order_id)  # its cancel is not answered
        tale.signal_of("SHORT")
        assert tale.state == ContextState.REVERSING
    freeze(tale)

    tale.tell(tale.filled(add, Decimal(shares)))

    assert (tale.state, tale.core.state.held("AAPL")) == (ContextState.FROZEN, 30 + shares)


def test_truth_is_lost_while_an_entry_fills() -> None:
    tale = Tale()
    entry = tale.enter(10)
    freeze(tale)

    tale.tell(tale.filled(entry, Decimal(10)))

    assert (tale.state, tale.core.state.held("AAPL")) == (ContextState.FROZEN, 20)


def test_both_exits_fill_while_an_add_rests() -> None:
    tale, _ = adding()
    (stop,), (target,) = tale.orders(Role.STOP)[:1], tale.orders(Role.TARGET)[:1]

    tale.tell(tale.filled(stop, Decimal(20)), tale.filled(target, Decimal(20)))

    assert (tale.state, tale.core.state.held("AAPL")) == (ContextState.CLOSING, -10)


@pytest.mark.parametrize(
    ("shares", "state"), [(0, BracketState.ENTRY_LIVE), (10, BracketState.PART_OPEN)]
)
def test_a_bracket_lives_whose_entry_was_rejected(shares: int, state: BracketState) -> None:
    tale = Tale()
    entry = tale.enter(0)
    tale.tell(ErrorReported(entry.order_id, 201, "Order rejected - reason:no"))
    assert tale.tranche.bracket == BracketState.FAILED

    if shares:
        tale.tell(tale.filled(entry, Decimal(shares)))
    else:
        tale.tell(tale.said(entry, "Submitted"))
        tale.now_ns += SECOND
        tale.tell(TimerElapsed())
        while tale.asked:
            tale.tell(*tale.snapshot())  # which lists it
        tale.tell(tale.said(entry, "Submitted"))

    assert tale.tranche.bracket == state


def pair(tale: Tale) -> list[Order]:
    legs = OcoLeg("SELL", "LMT", Decimal(110)), OcoLeg("SELL", "STP", Decimal(90))
    tale.tell(OcoRequested("pair", "MSFT", Decimal(10), legs, tale.view("MSFT")))
    tale.settle()
    return tale.orders(Role.LEG)


def oco_state(tale: Tale) -> OcoState:
    (group,) = tale.core.state.groups.values()
    return OcoState(group.state)


@pytest.mark.parametrize(("first", "second"), [(10, 4), (6, 6)])
def test_parts_of_both_legs_are_too_much_together(first: int, second: int) -> None:
    tale = Tale()
    one, other = pair(tale)

    tale.tell(tale.filled(one, Decimal(first)), tale.filled(other, Decimal(second)))

    assert oco_state(tale) == OcoState.OVERFILLED
    assert all(leg.dead or leg.asked == OrderAsk.CANCELLING for leg in (one, other))


def test_dead_legs_fill_too_much_together() -> None:
    tale = Tale()
    one, other = pair(tale)
    tale.tell(tale.said(one, "Cancelled"), tale.said(other, "Cancelled"))
    assert oco_state(tale) == OcoState.FAILED

    tale.tell(tale.filled(one, Decimal(6)), tale.filled(other, Decimal(6)))

    assert oco_state(tale) == OcoState.OVERFILLED


def test_a_leg_that_was_called_dead_has_filled() -> None:
    tale = Tale()
    one, other = pair(tale)
    tale.tell(tale.said(one, "Cancelled"), tale.said(other, "Cancelled"))

    tale.tell(tale.filled(one, Decimal(10)))

    assert oco_state(tale) == OcoState.ONE_FILLED


def test_a_leg_that_was_called_dead_is_taken_back() -> None:
    tale = Tale()
    one, other = pair(tale)
    tale.tell(tale.said(one, "Cancelled"))
    tale.vanish(other)
    assert oco_state(tale) == OcoState.FAILED

    tale.tell(tale.said(other, "Submitted"))

    assert other.revived
    assert other.deadline_ns


WORDS = [
    "PendingSubmit",
    "PreSubmitted",
    "Submitted",
    "PendingCancel",
    "Inactive",
    "Cancelled",
    "Odd",
]
BELIEVED = {
    OrderReport.ABSENT: "PENDING HELD WORKING CANCEL_PENDING INACTIVE CANCELLED ABSENT",
    OrderReport.REJECTED: "REJECTED UNKNOWN UNKNOWN REJECTED REJECTED REJECTED REJECTED",
    OrderReport.CANCELLED: " ".join(["CANCELLED"] * len(WORDS)),
    OrderReport.FILLED: " ".join(["FILLED"] * len(WORDS)),
}


@pytest.mark.parametrize(
    ("death", "word", "report"),
    [
        (death, word, OrderReport[believed])
        for death, row in BELIEVED.items()
        for word, believed in zip(WORDS, row.split(), strict=True)
    ],
)
def test_a_word_after_a_death(death: OrderReport, word: str, report: OrderReport) -> None:
    tale = Tale()
    entry = tale.enter(0)
    if death == OrderReport.ABSENT:
        tale.vanish(entry)
    elif death == OrderReport.REJECTED:
        tale.tell(ErrorReported(entry.order_id, 201, "Order rejected - reason:no"))
    elif death == OrderReport.CANCELLED:
        tale.tell(tale.said(entry, "Cancelled"))
    else:
        tale.tell(tale.filled(entry, Decimal(30)))
    assert entry.reported == death

    tale.tell(tale.said(entry, word))

    assert entry.reported == report


def test_what_is_being_cancelled_was_refused() -> None:
    tale = Tale()
    entry = tale.enter(0)
    tale.tell(tale.said(entry, "PendingCancel"))

    tale.tell(ErrorReported(entry.order_id, 201, "Order rejected - reason:no"))

    assert entry.reported == OrderReport.REJECTED


def test_what_was_not_listed_was_refused() -> None:
    tale = Tale()
    entry = tale.enter(0)
    tale.vanish(entry)
    assert entry.reported == OrderReport.ABSENT

    tale.tell(ErrorReported(entry.order_id, 201, "Order rejected - reason:no"))

    assert entry.reported == OrderReport.REJECTED


@pytest.mark.parametrize("code", [10147, 10148])
def test_a_cancel_that_is_refused_while_an_amendment_is_open_leaves_that_open(code: int) -> None:
    tale = Tale(double_down=None, scale_in=None)
    tale.enter(30)
    (target,) = [one for one in tale.orders(Role.TARGET) if not one.dead]
    (fill,) = tale.executions.values()
    more = attrs.evolve(fill, execution_id=second(fill), price=fill.price + 1)
    tale.tell(tale._executed(more))  # another price: both exits move
    assert target.asked == OrderAsk.AMENDING

    tale.tell(ErrorReported(target.order_id, code, "cannot be cancelled"))

    assert target.asked == OrderAsk.AMENDING


@pytest.mark.parametrize(
    ("word", "report"),
    [
        ("PendingSubmit", OrderReport.PENDING),
        ("PreSubmitted", OrderReport.HELD),
        ("PendingCancel", OrderReport.CANCEL_PENDING),
        ("Inactive", OrderReport.INACTIVE),
    ],
)
def test_an_order_that_hardly_lives_and_is_not_listed_twice_is_absent(
    word: str, report: OrderReport
) -> None:
    tale = Tale()
    entry = tale.enter(0)
    tale.hidden.add(entry.order_id)
    tale.tell(tale.said(entry, "Odd"))
    for _ in range(10):
        if entry.absences:
            break
        tale.now_ns += SECOND
        tale.tell(TimerElapsed(), *tale.snapshot())
    tale.tell(tale.said(entry, word))
    assert entry.reported == report
    for _ in range(5):
        tale.now_ns += SECOND
        tale.tell(TimerElapsed())
        tale.settle()
    assert entry.reported in (OrderReport.ABSENT, OrderReport.CLOSED)


def test_an_entry_fills_in_part_and_is_cancelled_in_one_batch() -> None:
    tale = Tale()
    entry = tale.enter(0)
    tale.tell(tale.filled(entry, Decimal(10)), tale.said(entry, "Cancelled"))
    assert tale.tranche.bracket == BracketState.OPEN
    assert tale.state == ContextState.PROTECTED


def test_a_bracket_ends_whose_only_execution_was_taken_back() -> None:
    """The exchange busts it, and the rest of the entry is cancelled: nothing was ever held."""
    tale = Tale()
    entry = tale.enter(10)
    (fill,) = tale.executions.values()
    tale.tell(tale._executed(attrs.evolve(fill, execution_id=second(fill), quantity=Decimal(0))))
    assert (tale.state, tale.tranche.bracket) == (ContextState.CONCLUDING, BracketState.EXITING)
    tale.settle()
    assert entry.dead
    assert tale.state == ContextState.FLAT


def test_a_frozen_trade_whose_only_execution_was_taken_back_ends_when_the_truth_is_known() -> None:
    tale = Tale()
    tale.enter(10)
    (fill,) = tale.executions.values()
    freeze(tale)
    tale.tell(tale._executed(attrs.evolve(fill, execution_id=second(fill), quantity=Decimal(0))))
    for order in [*tale.core.state.orders.values()]:
        tale.tell(tale.said(order, "Cancelled"))
    assert (tale.state, tale.tranche.bracket) == (ContextState.FROZEN, BracketState.PART_OPEN)

    for _ in range(5):
        tale.now_ns += 10 * SECOND
        tale.tell(TimerElapsed())
        tale.settle()

    assert (tale.state, tale.tranche.bracket) == (ContextState.FLAT, BracketState.DONE)


def test_a_share_of_a_cancelled_entry_arrives_beside_those_that_are_protected() -> None:
    tale = Tale(double_down=None, scale_in=None)
    entry = tale.enter(10)
    tale.tell(tale.said(entry, "Cancelled"))
    assert tale.state == ContextState.PROTECTED

    tale.tell(tale.filled(entry, Decimal(5)))

    assert (tale.state, tale.core.state.held("AAPL")) == (ContextState.PROTECTED, 15)
    tale.settle()
    assert sum(one.spec.quantity for one in tale.orders(Role.STOP) if one.active) == 15

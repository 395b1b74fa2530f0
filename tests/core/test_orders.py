"""One order: its two regions, what may still fill, and what protects."""

from __future__ import annotations

from decimal import Decimal

import pytest

from engine.commands import OrderSpec
from engine.orders import STATUS_EVENTS, Order, Role
from statecharts.vocabulary import Milestone, OrderAsk, OrderEvent, OrderReport

E = OrderEvent


def order(role: Role = Role.STOP, quantity: int = 300, attached: bool = False) -> Order:
    stop = role is Role.STOP
    spec = OrderSpec(
        "SELL", Decimal(quantity), "STP" if stop else "LMT", None if stop else Decimal(104),
        Decimal(94) if stop else None, "GTC", False, "DU1", "sx1-1-S2", "sx1-1", 2,
    )  # fmt: skip
    made = Order(2, "AAPL", role, 1, spec)
    made.attached = attached
    return made


def placed(*events: OrderEvent, attached: bool = False) -> Order:
    made = order(attached=attached)
    for event in (E.PLACE, *events):
        assert made.step(event), event
    return made


@pytest.mark.parametrize(
    ("events", "asked", "reported"),
    [
        ((), OrderAsk.PLACED, OrderReport.SILENT),
        ((E.PENDED, E.HELD_BACK), OrderAsk.PLACED, OrderReport.HELD),
        ((E.WENT_WORKING, E.PENDED), OrderAsk.PLACED, OrderReport.WORKING),
        ((E.FILLED_PART, E.WENT_WORKING), OrderAsk.PLACED, OrderReport.PART_FILLED),
        ((E.FILLED_FULL,), OrderAsk.RESTED, OrderReport.FILLED),
        ((E.WENT_WORKING, E.CANCEL, E.CANCEL_PENDED), OrderAsk.CANCELLING,
         OrderReport.CANCEL_PENDING),
        ((E.WENT_WORKING, E.CANCEL, E.FILLED_FULL), OrderAsk.RESTED, OrderReport.FILLED),
        ((E.WENT_WORKING, E.AMEND, E.AMEND_REFUSED), OrderAsk.PLACED, OrderReport.WORKING),
        ((E.WENT_WORKING, E.CANCEL, E.CANCEL_REFUSED), OrderAsk.PLACED, OrderReport.WORKING),
        ((E.ANSWER_OVERDUE, E.PROVEN_ABSENT), OrderAsk.RESTED, OrderReport.ABSENT),
        ((E.LINK_LOST, E.WENT_WORKING), OrderAsk.PLACED, OrderReport.WORKING),
        ((E.CANCELLED, E.FILLED_FULL), OrderAsk.RESTED, OrderReport.FILLED),
        ((E.REJECTED, E.INACTIVATED), OrderAsk.RESTED, OrderReport.REJECTED),
    ],
)  # fmt: skip
def test_asked_and_reported(
    events: tuple[OrderEvent, ...], asked: OrderAsk, reported: OrderReport
) -> None:
    one = placed(*events)
    assert (one.asked, one.reported) == (asked, reported)


def test_failure_21_any_to_any_status_changes() -> None:
    """The dead stay dead whatever a late status says, and a closed order knows no event."""
    late = [E.PENDED, E.CANCEL_PENDED, E.INACTIVATED, E.ANSWER_OVERDUE]
    for death in (E.FILLED_FULL, E.CANCELLED, E.REJECTED):
        one = placed(death)
        state = one.reported
        for event in [*late, *([] if death == E.REJECTED else [E.WENT_WORKING, E.HELD_BACK])]:
            assert one.step(event), event
            assert one.reported == state
        for event in (E.LINK_LOST, E.PROVEN_ABSENT):
            assert not one.step(event), event  # of the dead nobody asks
        assert one.step(E.GRACE_ENDED)
        for event in late:
            assert not one.step(event)
            assert one.reported == OrderReport.CLOSED


def test_filled_is_no_status_event() -> None:
    """Only executions fill an order."""
    assert "Filled" not in STATUS_EVENTS


def test_an_unplaced_order_takes_no_cancel() -> None:
    one = order()
    assert not one.step(E.CANCEL)
    assert one.milestone == Milestone.PREPARED


def test_what_is_on_watch_until_the_grace_is_over() -> None:
    one = placed(E.CANCELLED)
    assert one.dead
    assert one.may_fill
    assert one.step(E.GRACE_ENDED)
    assert not one.may_fill


def test_remaining_counts_the_worst_of_asked_and_confirmed() -> None:
    one = placed(E.HELD_BACK)
    assert one.remaining == 300
    one.confirmed_quantity, one.filled = Decimal(300), Decimal(50)
    assert one.remaining == 250
    one.confirmed_quantity = Decimal(200)  # the OCA group has reduced it
    assert one.remaining == 150
    one.step(E.AMEND)
    assert one.remaining == 250  # 300 asked, 200 works: the larger
    one.step(E.CANCELLED)
    assert one.remaining == 0


def test_a_held_child_does_not_protect() -> None:
    child = placed(attached=True)
    assert child.held_by_parent
    child.why_held = "child,trigger"
    child.step(E.HELD_BACK)
    assert not child.active
    child.why_held = "trigger"
    assert child.active
    child.step(E.INACTIVATED)
    assert not child.active


def test_back_from_the_dead() -> None:
    one = placed(E.ANSWER_OVERDUE, E.PROVEN_ABSENT)
    assert not one.revived
    one.step(E.WENT_WORKING)
    assert one.revived
    assert not one.resting


def test_a_refused_amendment_leaves_the_terms_that_were_echoed() -> None:
    one = placed(E.HELD_BACK)
    one.confirmed_quantity, one.confirmed_price = Decimal(300), Decimal(94)
    wanted = one.spec_with(Decimal(160), Decimal(95))
    one.step(E.AMEND)
    one.spec = wanted
    one.amendment_refused()
    assert one.refused == wanted
    assert (one.spec.quantity, one.price) == (300, 94)


@pytest.mark.parametrize("status", sorted(STATUS_EVENTS))
def test_every_status_has_a_row_from_every_living_report(status: str) -> None:
    first = [E.PENDED, E.HELD_BACK, E.WENT_WORKING, E.FILLED_PART, E.INACTIVATED, E.ANSWER_OVERDUE]
    for event in first:
        assert placed(event).step(STATUS_EVENTS[status]), (event, status)

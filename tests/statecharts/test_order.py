"""The rows of an order that the messy market asks for, each stated by hand."""

from __future__ import annotations

import pytest

from statecharts.lower import NO_ROW, table
from statecharts.order import MAY_FILL, MILESTONE, OrderChart
from statecharts.vocabulary import Milestone, OrderAsk, OrderEvent, OrderReport

ALIVE = [
    "silent",
    "pending",
    "held",
    "working",
    "part_filled",
    "cancel_pending",
    "inactive",
    "unknown",
]  # nothing proves them dead
DEAD = ["filled", "cancelled", "rejected", "absent"]

REPORTED = [
    # the quiet life
    ("silent", "pended", "pending"),
    ("pending", "held_back", "held"),
    ("held", "went_working", "working"),
    ("working", "filled_part", "part_filled"),
    ("part_filled", "filled_part", "part_filled"),
    ("part_filled", "filled_full", "filled"),
    ("filled", "grace_ended", "closed"),
    # an execution precedes every acknowledgement
    ("silent", "filled_part", "part_filled"),
    ("silent", "filled_full", "filled"),
    ("pending", "filled_full", "filled"),
    ("held", "filled_part", "part_filled"),
    # fills after a death
    ("cancelled", "filled_part", "cancelled"),
    ("cancelled", "filled_full", "filled"),
    ("rejected", "filled_part", "unknown"),
    ("rejected", "filled_full", "filled"),
    ("absent", "filled_part", "unknown"),
    ("absent", "filled_full", "filled"),
    # rejected after it was acknowledged, and after it had filled in part
    ("pending", "rejected", "rejected"),
    ("held", "rejected", "rejected"),
    ("working", "rejected", "rejected"),
    ("part_filled", "rejected", "rejected"),
    # cancelled without being asked: expiry, OCA, the close
    ("working", "cancelled", "cancelled"),
    ("held", "cancelled", "cancelled"),
    ("part_filled", "cancelled", "cancelled"),
    ("silent", "cancelled", "cancelled"),
    # stale statuses
    ("part_filled", "went_working", "part_filled"),
    ("part_filled", "held_back", "part_filled"),
    ("part_filled", "pended", "part_filled"),
    ("working", "pended", "working"),
    ("held", "pended", "held"),
    ("cancelled", "went_working", "cancelled"),
    ("cancelled", "cancel_pended", "cancelled"),
    ("cancelled", "pended", "cancelled"),
    # a modification after hours is held until the open
    ("working", "held_back", "held"),
    # a pending cancel is not a cancel
    ("working", "cancel_pended", "cancel_pending"),
    ("cancel_pending", "filled_part", "cancel_pending"),
    ("cancel_pending", "filled_full", "filled"),
    ("cancel_pending", "cancelled", "cancelled"),
    ("cancel_pending", "went_working", "working"),
    ("cancel_pending", "held_back", "held"),
    # inactive comes back, fills, or goes; what it had filled before does not bring it back
    ("working", "inactivated", "inactive"),
    ("part_filled", "inactivated", "inactive"),
    ("inactive", "went_working", "working"),
    ("inactive", "held_back", "held"),
    ("inactive", "filled_part", "inactive"),
    ("inactive", "filled_full", "filled"),
    ("inactive", "cancelled", "cancelled"),
    ("inactive", "rejected", "rejected"),
    ("inactive", "pended", "inactive"),
    # unknown is recovered by every report
    ("unknown", "pended", "pending"),
    ("unknown", "held_back", "held"),
    ("unknown", "went_working", "working"),
    ("unknown", "filled_part", "part_filled"),
    ("unknown", "filled_full", "filled"),
    ("unknown", "cancel_pended", "cancel_pending"),
    ("unknown", "inactivated", "inactive"),
    ("unknown", "cancelled", "cancelled"),
    ("unknown", "rejected", "rejected"),
    ("unknown", "proven_absent", "absent"),
    # a death is named twice: the first word stands
    ("rejected", "cancelled", "rejected"),
    ("rejected", "inactivated", "rejected"),
    ("rejected", "pended", "rejected"),
    ("cancelled", "rejected", "cancelled"),
    # the dead are not looked for
    ("cancelled", "proven_absent", None),
    # a refusal that was not of this order, or was taken back
    ("rejected", "went_working", "unknown"),
    ("rejected", "held_back", "unknown"),
    # the proof of absence was wrong
    ("absent", "pended", "pending"),
    ("absent", "held_back", "held"),
    ("absent", "went_working", "working"),
    ("absent", "cancelled", "cancelled"),
    ("absent", "rejected", "rejected"),
    ("absent", "inactivated", "inactive"),
    # an answer to an ask says nothing about the order's own state
    ("working", "amend_refused", None),
    ("working", "amend_confirmed", None),
    ("working", "cancel_refused", None),
    # asks are not reports
    ("silent", "place", None),
    ("working", "cancel", None),
]

ASKED = [
    ("draft", "place", "placed"),
    ("placed", "amend", "amending"),
    ("amending", "amend_confirmed", "placed"),
    ("amending", "amend_refused", "placed"),
    ("placed", "cancel", "cancelling"),
    ("amending", "cancel", "cancelling"),
    ("cancelling", "cancel_refused", "placed"),
    # answers that come late
    ("amending", "cancel_refused", "amending"),
    ("placed", "cancel_refused", "placed"),
    ("rested", "cancel_refused", "rested"),
    # an order that came back from the dead can be cancelled, nothing else
    ("rested", "cancel", "rested"),
    ("rested", "amend", None),
    ("rested", "place", None),
    # never twice
    ("placed", "place", None),
    ("cancelling", "place", None),
    ("cancelling", "amend", None),
    # one amendment and one cancel at a time
    ("amending", "amend", None),
    ("cancelling", "cancel", None),
    # a draft is only placed
    ("draft", "amend", None),
    ("draft", "cancel", None),
    ("draft", "proven_absent", "rested"),
    # an answer counts while it is awaited
    ("placed", "amend_refused", None),
    ("cancelling", "amend_confirmed", None),
    # a part fill leaves every ask as it is
    ("placed", "filled_part", None),
    ("cancelling", "filled_part", None),
    # the end of grace is the broker's side of the story
    ("placed", "grace_ended", None),
    ("rested", "grace_ended", None),
]


@pytest.mark.parametrize(("state", "event", "expected"), REPORTED)
def test_what_the_broker_says(step_in, state: str, event: str, expected: str | None) -> None:
    assert step_in(OrderChart, "reported")(state, event) == expected


@pytest.mark.parametrize(("state", "event", "expected"), ASKED)
def test_what_we_asked(step_in, state: str, event: str, expected: str | None) -> None:
    assert step_in(OrderChart, "asked")(state, event) == expected


@pytest.mark.parametrize("event", ["answer_overdue", "link_lost"])
@pytest.mark.parametrize("state", ALIVE)
def test_silence_makes_unknown_and_never_dead(step_in, state: str, event: str) -> None:
    assert step_in(OrderChart, "reported")(state, event) == "unknown"


@pytest.mark.parametrize("event", [event.name.lower() for event in OrderEvent])
def test_filled_stays_filled_until_its_grace_is_over(step_in, event: str) -> None:
    assert step_in(OrderChart, "reported")("filled", event) in (
        {"closed"} if event == "grace_ended" else {"filled", None}
    )


@pytest.mark.parametrize("state", ALIVE)
def test_the_living_are_not_closed_by_a_timer(step_in, state: str) -> None:
    assert step_in(OrderChart, "reported")(state, "grace_ended") is None


@pytest.mark.parametrize("state", DEAD)
def test_the_dead_are_closed_when_their_grace_is_over(step_in, state: str) -> None:
    assert step_in(OrderChart, "reported")(state, "grace_ended") == "closed"


@pytest.mark.parametrize("state", [*ALIVE, *DEAD])
def test_a_full_fill_is_always_believed(step_in, state: str) -> None:
    assert step_in(OrderChart, "reported")(state, "filled_full") == "filled"


@pytest.mark.parametrize("state", [*ALIVE, *DEAD])
def test_every_report_has_a_row_until_the_order_is_closed(step_in, state: str) -> None:
    reports = (
        "pended held_back went_working filled_part filled_full cancel_pended inactivated "
        "cancelled rejected answer_overdue"
    )
    step = step_in(OrderChart, "reported")
    assert [event for event in reports.split() if step(state, event) is None] == []


def test_a_living_order_dies_by_evidence_only(step_in) -> None:
    step = step_in(OrderChart, "reported")
    killers = {
        event.name.lower()
        for event in OrderEvent
        for state in ALIVE
        if step(state, event.name.lower()) in (*DEAD, "closed")
    }
    assert killers == {"cancelled", "rejected", "proven_absent", "filled_full"}


def test_a_fill_after_closed_has_no_row_in_any_configuration() -> None:
    lowered = table(OrderChart)
    closed = [s for s in lowered.reachable() if s[1] == OrderReport.CLOSED]
    assert closed == [(OrderAsk.RESTED, OrderReport.CLOSED)]
    accepted = {event for event in OrderEvent if lowered.step(closed[0], event) is not None}
    assert accepted == {
        OrderEvent.CANCEL,
        OrderEvent.CANCEL_REFUSED,
    }
    assert {lowered.step(closed[0], event) for event in accepted} == {closed[0]}


def test_a_refused_modification_leaves_a_working_order_working() -> None:
    before = (OrderAsk.AMENDING, OrderReport.WORKING)
    after = table(OrderChart).step(before, OrderEvent.AMEND_REFUSED)
    assert after == (OrderAsk.PLACED, OrderReport.WORKING)


def test_a_late_part_fill_reaches_one_region_and_keeps_the_other() -> None:
    before = (OrderAsk.CANCELLING, OrderReport.CANCEL_PENDING)
    assert table(OrderChart).step(before, OrderEvent.FILLED_PART) == before


def test_every_configuration_has_a_way_to_closed() -> None:
    lowered = table(OrderChart)
    leads_to = {
        states: {
            reached for event in OrderEvent if (reached := lowered.step(states, event)) is not None
        }
        for states in lowered.reachable()
    }
    good = {states for states in leads_to if states[1] == OrderReport.CLOSED}
    while grown := {s for s, reached in leads_to.items() if s not in good and reached & good}:
        good |= grown
    assert good == set(leads_to)


def test_every_death_puts_the_asking_to_rest() -> None:
    placed = {s for s in table(OrderChart).reachable() if s[0] != OrderAsk.RESTED}
    dead = {OrderReport[name.upper()] for name in [*DEAD, "closed"]}
    assert not {states for states in placed if states[1] in dead}


def test_milestones_say_dead_only_of_the_dead() -> None:
    dead = {report for report in OrderReport if MILESTONE[report] is Milestone.DEAD}
    assert dead == {
        OrderReport.CANCELLED,
        OrderReport.REJECTED,
        OrderReport.ABSENT,
        OrderReport.CLOSED,
    }
    assert MILESTONE[OrderReport.INACTIVE] is Milestone.UNKNOWN
    assert MILESTONE[OrderReport.UNKNOWN] is Milestone.UNKNOWN
    assert MILESTONE[OrderReport.HELD] is Milestone.WORKING
    assert MILESTONE[OrderReport.SILENT] is Milestone.ASKED
    assert len(MILESTONE) == len(OrderReport)


@pytest.mark.parametrize("report", list(OrderReport))
def test_may_fill_agrees_with_the_rows(report: OrderReport) -> None:
    """What may not fill is not changed by a fill, and what may fill has a row for one."""
    region = table(OrderChart).regions[1]
    row = region.next[report * len(OrderEvent) + OrderEvent.FILLED_FULL]
    assert MAY_FILL[report] == (row not in (NO_ROW, report))

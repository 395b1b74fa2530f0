"""One order: what we have asked of the broker, and what the broker says about it.

The law. The two are kept apart, because the broker answers late, twice, out of order or never.
An execution is always believed. A status is believed while nothing better contradicts it. Death
needs evidence (cancelled, rejected, proven absent, filled): silence and a broken link only lead
to ``unknown``. What is dead stays on watch until its grace is over, because fills arrive late;
only then it is ``closed``, and a report after that has no row.

One event may have rows in both regions or in one. The region without a row keeps its state; the
pair (configuration, event) has no row only when neither region has one. ``reported`` alone says
when an order is over: ``closed`` is reached from the dead only, and there every death has put
``asked`` to rest, so that after ``closed`` a late answer to an ask is idle and all else a fault.

How the events are named. A draft is placed in the step that makes it, so nobody speaks of one.
An answer to an amendment is named while that amendment is open. ``link_lost`` and
``proven_absent`` are named for the living: what is dead is not asked for. Whatever leads to
``unknown`` calls for a question to the broker, also a contradiction such as a part fill after a
rejection.
"""

from typing import ClassVar

from statemachine import Event, State, StateChart
from statemachine.model import Model

from statecharts.vocabulary import Milestone, OrderAsk, OrderEvent, OrderReport


class OrderChart(StateChart[Model]):
    """The life of one order in two regions: ``asked`` by us, ``reported`` by the broker."""

    REGIONS: ClassVar = (OrderAsk, OrderReport)
    EVENTS: ClassVar = OrderEvent
    catch_errors_as_events = False
    allow_event_without_transition = False

    class order(State.Parallel):  # noqa: N801  # states are lower case, as in the vocabulary
        class asked(State.Compound):  # noqa: N801
            draft = State(initial=True)
            placed = State()
            amending = State()
            cancelling = State()
            rested = State()

            # Nothing is placed twice: what may not have arrived is unknown until it is proven
            # absent, and then a new order takes its place.
            place = draft.to(placed)
            # One at a time: with rapid partial fills changes would overtake each other.
            amend = placed.to(amending)
            # A cancel that went unanswered is asked again once a round of questions has put it
            # back to ``placed``. An order that came back from the dead (see ``reported``) can be
            # cancelled, nothing else: hence the row of ``rested``.
            cancel = cancelling.from_(placed, amending) | rested.from_(rested)

            amend_confirmed = amending.to(placed)
            # A refused modification is not a dead order: ``reported`` has no row for it.
            amend_refused = amending.to(placed)
            # 10147 and 10148 come after a successful cancel as well, and after a fill.
            cancel_refused = (
                placed.from_(placed, cancelling) | amending.from_(amending) | rested.from_(rested)
            )

            # Evidence of death. From ``draft`` so that the law holds of the chart by itself.
            filled_full = rested.from_(draft, placed, amending, cancelling)
            cancelled = rested.from_(draft, placed, amending, cancelling)
            rejected = rested.from_(draft, placed, amending, cancelling)
            proven_absent = rested.from_(draft, placed, amending, cancelling)

        class reported(State.Compound):  # noqa: N801
            silent = State(initial=True)
            pending = State()
            held = State()
            working = State()
            part_filled = State()
            cancel_pending = State()
            inactive = State()
            unknown = State()
            filled = State()
            cancelled = State()
            rejected = State()
            absent = State()
            closed = State(final=True)

            # Statuses. They regress and repeat: "Submitted" after a partial fill and
            # "PendingSubmit" after "Submitted" are stale and change nothing.
            pended = (
                pending.from_(silent, pending, unknown)
                | held.from_(held)
                | working.from_(working)
                | part_filled.from_(part_filled)
                | cancel_pending.from_(cancel_pending)
                | inactive.from_(inactive)
                | pending.from_(absent)  # the proof was wrong: it is there
                | filled.from_(filled)
                | cancelled.from_(cancelled)
                | rejected.from_(rejected)
            )
            # PreSubmitted. After "Submitted" it is real: a modification after hours is held
            # until the open. After a pending cancel it says that the cancel failed.
            held_back = (
                held.from_(silent, pending, held, working, cancel_pending, inactive, unknown)
                | part_filled.from_(part_filled)
                | held.from_(absent)
                | unknown.from_(rejected)
                | filled.from_(filled)
                | cancelled.from_(cancelled)
            )
            # After "rejected": the refusal was of another request, or was taken back when the
            # operator released the order; or the status is stale. Only the broker can tell.
            went_working = (
                working.from_(silent, pending, held, working, cancel_pending, inactive, unknown)
                | part_filled.from_(part_filled)
                | working.from_(absent)
                | unknown.from_(rejected)
                | filled.from_(filled)
                | cancelled.from_(cancelled)
            )
            # PendingCancel is not cancelled: it may still receive an execution.
            cancel_pended = (
                cancel_pending.from_(silent, pending, held, working, part_filled)
                | cancel_pending.from_(cancel_pending, inactive, unknown)
                | cancel_pending.from_(absent)
                | filled.from_(filled)
                | cancelled.from_(cancelled)
                | rejected.from_(rejected)
            )
            # A risk refusal, a locate hold, a closed exchange, a precaution; it may come back
            # and fill. After a rejection it is the usual companion of error 201.
            inactivated = (
                inactive.from_(silent, pending, held, working, part_filled)
                | inactive.from_(cancel_pending, inactive, unknown)
                | inactive.from_(absent)
                | filled.from_(filled)
                | cancelled.from_(cancelled)
                | rejected.from_(rejected)
            )

            # Executions. One may precede every acknowledgement, and fills after "Cancelled" and
            # after a rejection have been seen. A part fill leaves a cancelled order cancelled:
            # it was on its way when the cancel won. So it does with an inactive one, of which a
            # round lists the order first and then what it had filled; if it is at work again, a
            # status says so. It contradicts a rejection and a proof of absence, so the rest may
            # be alive.
            filled_part = (
                part_filled.from_(silent, pending, held, working, part_filled, unknown)
                | cancel_pending.from_(cancel_pending)
                | inactive.from_(inactive)
                | cancelled.from_(cancelled)
                | unknown.from_(rejected, absent)
                | filled.from_(filled)
            )
            filled_full = filled.from_(
                silent, pending, held, working, part_filled, cancel_pending
            ) | filled.from_(inactive, unknown, cancelled, rejected, absent, filled)

            # Evidence of death. Unsolicited cancels are ordinary (expiry, OCA, the close), a
            # rejection may follow an acknowledgement, and 201 is often followed by "Cancelled":
            # the first word on a death stands. (Two states have taken the names in this class
            # body: the events carry them as their ids.)
            was_cancelled = Event(
                cancelled.from_(silent, pending, held, working, part_filled, cancel_pending)
                | cancelled.from_(inactive, unknown, absent, cancelled)
                | rejected.from_(rejected)
                | filled.from_(filled),
                id="cancelled",
            )
            was_rejected = Event(
                rejected.from_(silent, pending, held, working, part_filled, cancel_pending)
                | rejected.from_(inactive, unknown, absent, rejected)
                | cancelled.from_(cancelled)
                | filled.from_(filled),
                id="rejected",
            )
            # TWS drops orders without a word (dialogs, presets, the GUI), also some that it had
            # acknowledged; cancelling an inactive order may yield no status at all.
            proven_absent = absent.from_(
                pending, held, working, part_filled, cancel_pending, inactive, unknown
            )

            # No answer is not a rejection, and the dead stay dead.
            answer_overdue = (
                unknown.from_(silent, pending, held, working, part_filled, cancel_pending)
                | unknown.from_(inactive, unknown)
                | filled.from_(filled)
                | cancelled.from_(cancelled)
                | rejected.from_(rejected)
                | absent.from_(absent)
            )
            link_lost = unknown.from_(
                silent, pending, held, working, part_filled, cancel_pending, inactive, unknown
            )

            grace_ended = closed.from_(filled, cancelled, rejected, absent)


_MILESTONES = {
    OrderReport.SILENT: Milestone.ASKED,  # PREPARED while the ask is a draft: the caller knows
    OrderReport.PENDING: Milestone.WORKING,
    OrderReport.HELD: Milestone.WORKING,  # a stop that is not elected is held, and protects
    OrderReport.WORKING: Milestone.WORKING,
    OrderReport.PART_FILLED: Milestone.PART_FILLED,
    OrderReport.CANCEL_PENDING: Milestone.WORKING,  # the broker still has it, and it may fill
    # An inactive stop protects nothing and an inactive entry may still fill: neither working
    # nor dead, which is what UNKNOWN means to a sibling.
    OrderReport.INACTIVE: Milestone.UNKNOWN,
    OrderReport.UNKNOWN: Milestone.UNKNOWN,
    OrderReport.FILLED: Milestone.FILLED,
    OrderReport.CANCELLED: Milestone.DEAD,
    OrderReport.REJECTED: Milestone.DEAD,
    OrderReport.ABSENT: Milestone.DEAD,
    OrderReport.CLOSED: Milestone.DEAD,
}

MILESTONE: tuple[Milestone, ...] = tuple(_MILESTONES[report] for report in OrderReport)
"""What siblings and the context need to know, indexed by ``OrderReport``."""

MAY_FILL: tuple[bool, ...] = tuple(
    report not in (OrderReport.FILLED, OrderReport.CLOSED) for report in OrderReport
)
"""Whether an execution may still arrive, indexed by ``OrderReport``: the dead count until their
grace is over."""

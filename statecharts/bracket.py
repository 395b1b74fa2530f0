"""One bracket: an entry with its exits, as one thing to an embedding program.

The law. An entry whose exits are refused does not go on. What is held through the bracket is
what filled, not what was ordered. The bracket is done only when nothing is held through it and
no leg may fill; until then even a failed one is on watch, because fills arrive late.

``exit_filled`` is named when the exits together have closed what was held, be it one leg or two.
"""

# ruff: noqa: A003  # a state is named after its member of the vocabulary, also "open"

from typing import ClassVar

from statemachine import State, StateChart
from statemachine.model import Model

from statecharts.vocabulary import BracketEvent, BracketState


class BracketChart(StateChart[Model]):
    """An entry, its target and its stop."""

    REGIONS: ClassVar = (BracketState,)
    EVENTS: ClassVar = BracketEvent
    catch_errors_as_events = False
    allow_event_without_transition = False

    draft = State(initial=True)
    sending = State()
    entry_live = State()
    part_open = State()
    open = State()
    exiting = State()
    done = State(final=True)
    failed = State()

    send = draft.to(sending)  # takes the name of the library's method: StateChart.send(chart, …)

    # The parent. A stale "working" after a fill changes nothing; an execution may precede every
    # acknowledgement, and a parent that died may still report fills.
    parent_working = (
        entry_live.from_(sending, entry_live)
        | part_open.from_(part_open)
        | open.from_(open)
        | exiting.from_(exiting)
        | failed.from_(failed)
    )
    parent_part_filled = (
        part_open.from_(sending, entry_live, part_open)
        | open.from_(open, failed)
        | exiting.from_(exiting)
    )
    parent_filled = open.from_(sending, entry_live, part_open, open, failed) | exiting.from_(
        exiting
    )
    parent_died = failed.from_(sending, entry_live, failed) | exiting.from_(exiting)
    # The broker may take the children with it: what filled needs protection of its own.
    parent_died_part_filled = open.from_(
        sending, entry_live, part_open, open, failed
    ) | exiting.from_(exiting)

    # The exits. Their executions can be told before the parent's; a stop can fill while the
    # entry is partial, and then the rest of the entry is cancelled.
    exit_part_filled = (
        part_open.from_(sending, entry_live, part_open)
        | open.from_(open, failed)
        | exiting.from_(exiting)
    )
    exit_filled = exiting.from_(sending, entry_live, part_open, open, exiting, failed)
    # Before the entry filled: cancel it. Afterwards cover makes a new exit.
    exit_died = (
        exiting.from_(sending, entry_live, exiting)
        | part_open.from_(part_open)
        | open.from_(open)
        | failed.from_(failed)  # the children die with their parent
    )

    cancel = (
        done.from_(draft)
        | exiting.from_(sending, entry_live, part_open, open, exiting)
        | failed.from_(failed)
    )
    # From ``open``: somebody else closed the position, and the legs were cancelled.
    settled = done.from_(part_open, open, exiting, failed)

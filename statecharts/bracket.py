"""One bracket: an entry with its exits, as one thing to an embedding program.

The law. What is held through the bracket is what filled, not what was ordered. The bracket is
done only when nothing is held through it and no leg may fill; until then even a failed one is on
watch, because fills arrive late.

``exit_filled`` is named when the exits together have closed what was held, be it one leg or two.
An event is named once, when it changes something: a stale or repeated report names none.
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

    # The parent. An execution may precede every acknowledgement. From ``failed``: it was called
    # dead too soon, or fills arrive late.
    parent_working = entry_live.from_(sending, failed)
    parent_part_filled = part_open.from_(sending, entry_live, failed)
    parent_filled = open.from_(sending, entry_live, part_open, failed)
    parent_died = failed.from_(sending, entry_live)
    # The broker may take the children with it: what filled needs protection of its own.
    parent_died_part_filled = open.from_(sending, entry_live, part_open, failed)

    # The exits. A stop can fill while the entry is partial, and their executions can be told
    # together with the parent's.
    exit_filled = exiting.from_(sending, entry_live, part_open, open)

    # Its trade is being closed, reversed or is at its end.
    cancel = exiting.from_(sending, entry_live, part_open, open)
    # Before any exit traded: somebody else closed the position, and the legs were cancelled.
    settled = done.from_(part_open, open, exiting, failed)

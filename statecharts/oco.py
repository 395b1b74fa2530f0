"""One OCO group: legs of which one should fill.

The law. "One cancels other" is a wish: the broker cannot promise that the cancel reaches the
exchange before the fill, so an overfill is a state and not an error. The group is done only when
no leg may fill.

``other_leg_filled`` is named when the legs together have passed the quantity of the group. An
event is named once, when it changes something. Asking to cancel is the legs' affair: their own
deaths change the group.
"""

from typing import ClassVar

from statemachine import State, StateChart
from statemachine.model import Model

from statecharts.vocabulary import OcoEvent, OcoState


class OcoChart(StateChart[Model]):
    """Legs that should exclude each other, and sometimes do not."""

    REGIONS: ClassVar = (OcoState,)
    EVENTS: ClassVar = OcoEvent
    catch_errors_as_events = False
    allow_event_without_transition = False

    draft = State(initial=True)
    sending = State()
    live = State()
    part_filled = State()
    one_filled = State()
    done = State(final=True)
    overfilled = State()
    failed = State()

    send = draft.to(sending)  # takes the name of the library's method: StateChart.send(chart, …)

    legs_working = sending.to(live)
    # A part may precede every acknowledgement. From ``failed``: what was dead has filled.
    leg_part_filled = part_filled.from_(sending, live)
    leg_filled = one_filled.from_(sending, live, part_filled, failed)
    # From ``part_filled`` and ``failed``: parts of both that are too much together.
    other_leg_filled = overfilled.from_(part_filled, one_filled, failed)
    # From ``part_filled``: the broker cancelled every sibling on a partial fill.
    all_died = failed.from_(sending, live, part_filled)
    settled = done.from_(one_filled, overfilled, failed)

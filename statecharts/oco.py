"""One OCO group: legs of which one should fill.

The law. "One cancels other" is a wish: the broker cannot promise that the cancel reaches the
exchange before the fill, so an overfill is a state and not an error. The group is done only when
no leg may fill.

``other_leg_filled`` is named when the legs together have passed the quantity of the group.
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

    # From ``failed``: a leg that was inactive or refused came back.
    legs_working = (
        live.from_(sending, live, failed)
        | part_filled.from_(part_filled)
        | one_filled.from_(one_filled)
        | overfilled.from_(overfilled)
    )
    # After one leg is full, any fill of another is excess. The dead may still part-fill.
    leg_part_filled = (
        part_filled.from_(sending, live, part_filled)
        | overfilled.from_(one_filled, overfilled)
        | failed.from_(failed)
    )
    leg_filled = one_filled.from_(sending, live, part_filled, failed)
    # From ``part_filled`` and ``failed``: part of one leg and all of the other.
    other_leg_filled = overfilled.from_(part_filled, one_filled, failed, overfilled)

    leg_died = (
        sending.from_(sending)
        | live.from_(live)
        | part_filled.from_(part_filled)
        | one_filled.from_(one_filled)  # as it should: the sibling was cancelled
        | overfilled.from_(overfilled)
        | failed.from_(failed)
    )
    # From ``part_filled``: the broker cancelled every sibling on a partial fill.
    all_died = (
        failed.from_(sending, live, part_filled, failed)
        | one_filled.from_(one_filled)
        | overfilled.from_(overfilled)
    )

    # Asking to cancel changes nothing by itself: the legs' own deaths do.
    cancel = (
        done.from_(draft)
        | sending.from_(sending)
        | live.from_(live)
        | part_filled.from_(part_filled)
        | one_filled.from_(one_filled)
        | overfilled.from_(overfilled)
        | failed.from_(failed)
    )
    settled = done.from_(one_filled, overfilled, failed)

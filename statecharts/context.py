"""One linked context: everything that belongs to one trade of one symbol, on one side.

The law. What the context is follows from executions; requests only say where it should go. It
concludes when executions say flat, and it is flat again only when nothing may fill any more.
Shares that arrive late are held like any others until they are gone. When the truth is lost it
is frozen: fills are taken in, nothing new begins. A request without a row is refused.

How the events are named. ``entry_filled`` (``add_filled``): shares are held and no entry (add)
may fill any more, be it complete or cut short. ``entry_died`` (``add_died``): the same with
nothing filled; it is named where it changes something. A fill that says zero is ``went_flat``,
one that goes beyond it ``side_flipped``, and one after the end ``late_filled``, whatever order
it belongs to; a corrected price names nothing.
``late_filled`` is policy-free: it leads to ``protected``, and a policy of flattening follows it
with ``close_requested``.
"""

from typing import ClassVar

from statemachine import State, StateChart
from statemachine.model import Model

from statecharts.vocabulary import ContextEvent, ContextState


class ContextChart(StateChart[Model]):
    """The life of a symbol's trade, from flat over protected to flat again."""

    REGIONS: ClassVar = (ContextState,)
    EVENTS: ClassVar = ContextEvent
    catch_errors_as_events = False
    allow_event_without_transition = False

    flat = State(initial=True)
    entering = State()
    protected = State()
    adding = State()
    reversing = State()
    closing = State()
    concluding = State()
    frozen = State()

    # Requests. Closing outranks reversing; a second reversal, and a reversal of what is being
    # closed, are refused, so that a repeated signal does not flatten twice.
    entry_requested = flat.to(entering)
    add_requested = adding.from_(protected, adding)
    close_requested = closing.from_(entering, protected, adding, reversing)
    reverse_requested = reversing.from_(entering, protected, adding)

    # Entries. The cancel of an entry races with its fills, so they arrive in every state that
    # follows; after an absence that was wrongly proven, beside an add as well.
    entry_part_filled = (
        entering.from_(entering)
        | protected.from_(protected)
        | adding.from_(adding)
        | reversing.from_(reversing)
        | closing.from_(closing)
        | frozen.from_(frozen)
    )
    entry_filled = (
        protected.from_(entering, protected)
        | adding.from_(adding)
        | reversing.from_(reversing)
        | closing.from_(closing)
        | frozen.from_(frozen)
    )
    entry_died = entering.to(flat)

    # Adds. A fill after the add was thought dead finds ``protected``, and stays there.
    add_part_filled = (
        adding.from_(adding)
        | protected.from_(protected)
        | reversing.from_(reversing)
        | closing.from_(closing)
        | frozen.from_(frozen)
    )
    add_filled = (
        protected.from_(adding, protected)
        | reversing.from_(reversing)
        | closing.from_(closing)
        | frozen.from_(frozen)
    )
    add_died = adding.to(protected)

    # Exits. A stop can fill while the entry is partial. Reversing waits for rest even when
    # flat: the new entry must not meet a late fill of the old side.
    exit_part_filled = (
        entering.from_(entering)
        | protected.from_(protected)
        | adding.from_(adding)
        | reversing.from_(reversing)
        | closing.from_(closing)
        | frozen.from_(frozen)
    )
    went_flat = (
        concluding.from_(entering, protected, adding, closing)
        | reversing.from_(reversing)
        | frozen.from_(frozen)
    )
    # From ``closing``: the entry was cancelled before anything filled, so it never went flat.
    came_to_rest = flat.from_(reversing, closing, concluding)

    # Both exits filled, or a late fill of one: the excess goes at once. A reversal is given up:
    # after such a race the other side is entered by a fresh signal only.
    side_flipped = closing.from_(
        flat, entering, protected, adding, reversing, closing, concluding
    ) | frozen.from_(frozen)
    late_filled = protected.from_(flat, concluding)

    # Truth. It is regained with shares or without; a close that was under way, or of what is not
    # there any more, is asked for anew.
    truth_lost = frozen.from_(entering, protected, adding, reversing, closing, concluding)
    truth_regained = frozen.to(protected)

"""The rows of a linked context, each stated by hand."""

from __future__ import annotations

import pytest

from statecharts.context import ContextChart
from statecharts.lower import table
from statecharts.vocabulary import ContextEvent, ContextState

HOLDING = ["entering", "protected", "adding", "reversing", "closing"]

ROWS = [
    # the quiet life
    ("flat", "entry_requested", "entering"),
    ("entering", "entry_part_filled", "entering"),
    ("entering", "entry_filled", "protected"),
    ("protected", "exit_part_filled", "protected"),
    ("protected", "went_flat", "concluding"),
    ("concluding", "came_to_rest", "flat"),
    # a rejected, cancelled or expired entry leaves nothing behind
    ("entering", "entry_died", "flat"),
    # the stop hits a partial entry
    ("entering", "exit_part_filled", "entering"),
    ("entering", "went_flat", "concluding"),
    # adds
    ("protected", "add_requested", "adding"),
    ("adding", "add_requested", "adding"),
    ("adding", "add_part_filled", "adding"),
    ("adding", "add_filled", "protected"),
    ("adding", "add_died", "protected"),
    ("adding", "exit_part_filled", "adding"),
    ("adding", "went_flat", "concluding"),
    ("protected", "add_part_filled", "protected"),
    ("protected", "add_filled", "protected"),
    ("entering", "add_requested", None),
    ("flat", "add_requested", None),
    # closing
    ("entering", "close_requested", "closing"),
    ("protected", "close_requested", "closing"),
    ("adding", "close_requested", "closing"),
    ("reversing", "close_requested", "closing"),
    ("closing", "close_requested", None),
    ("concluding", "close_requested", None),
    ("closing", "exit_part_filled", "closing"),
    ("closing", "went_flat", "concluding"),
    ("closing", "came_to_rest", "flat"),
    ("flat", "close_requested", None),
    # reversing waits for rest, and is not begun twice
    ("entering", "reverse_requested", "reversing"),
    ("protected", "reverse_requested", "reversing"),
    ("adding", "reverse_requested", "reversing"),
    ("reversing", "went_flat", "reversing"),
    ("reversing", "came_to_rest", "flat"),
    ("reversing", "reverse_requested", None),
    ("closing", "reverse_requested", None),
    ("concluding", "reverse_requested", None),
    # the cancel of an entry or an add raced with its fills
    ("closing", "entry_part_filled", "closing"),
    ("closing", "entry_filled", "closing"),
    ("closing", "add_filled", "closing"),
    ("reversing", "entry_part_filled", "reversing"),
    ("reversing", "entry_filled", "reversing"),
    ("reversing", "add_part_filled", "reversing"),
    # shares after the end
    ("flat", "late_filled", "protected"),
    ("concluding", "late_filled", "protected"),
    # both exits filled
    ("protected", "side_flipped", "closing"),
    ("adding", "side_flipped", "closing"),
    ("entering", "side_flipped", "closing"),
    ("reversing", "side_flipped", "closing"),
    ("closing", "side_flipped", "closing"),
    ("concluding", "side_flipped", "closing"),
    ("flat", "side_flipped", "closing"),
    # truth
    ("frozen", "truth_regained", "protected"),
    ("frozen", "entry_requested", None),
    ("frozen", "close_requested", None),
    ("protected", "truth_regained", None),
    # rest is named from a state that is ending
    ("protected", "came_to_rest", None),
    ("protected", "entry_requested", None),
    ("concluding", "entry_requested", None),
    ("reversing", "entry_requested", None),
]


@pytest.mark.parametrize(("state", "event", "expected"), ROWS)
def test_row(step_in, state: str, event: str, expected: str | None) -> None:
    assert step_in(ContextChart, "context")(state, event) == expected


@pytest.mark.parametrize("state", [*HOLDING, "concluding"])
def test_truth_can_be_lost_in_any_trade(step_in, state: str) -> None:
    assert step_in(ContextChart, "context")(state, "truth_lost") == "frozen"


def test_a_frozen_context_takes_every_fill_and_stays_frozen(step_in) -> None:
    fills = (
        "entry_part_filled entry_filled add_part_filled add_filled exit_part_filled went_flat "
        "side_flipped"
    )
    step = step_in(ContextChart, "context")
    assert {step("frozen", event) for event in fills.split()} == {"frozen"}


def test_flat_accepts_no_nonsense() -> None:
    lowered = table(ContextChart)
    accepted = {
        event for event in ContextEvent if lowered.step((ContextState.FLAT,), event) is not None
    }
    assert accepted == {
        ContextEvent.ENTRY_REQUESTED,
        ContextEvent.LATE_FILLED,
        ContextEvent.SIDE_FLIPPED,
    }


@pytest.mark.parametrize("state", HOLDING)
def test_whatever_is_held_can_fill_lose_and_go_flat(step_in, state: str) -> None:
    step = step_in(ContextChart, "context")
    for event in ("entry_part_filled", "exit_part_filled", "side_flipped", "went_flat"):
        assert step(state, event) is not None


def test_a_new_entry_begins_only_when_flat() -> None:
    lowered = table(ContextChart)
    begins = [
        state
        for state in ContextState
        if lowered.step((state,), ContextEvent.ENTRY_REQUESTED) is not None
    ]
    assert begins == [ContextState.FLAT]


def test_only_rest_or_a_dead_entry_leads_back_to_flat() -> None:
    lowered = table(ContextChart)
    ways = {
        event
        for state in ContextState
        for event in ContextEvent
        if lowered.step((state,), event) == (ContextState.FLAT,)
    }
    assert ways == {
        ContextEvent.CAME_TO_REST,
        ContextEvent.ENTRY_DIED,
    }

"""The rows of a bracket, each stated by hand."""

from __future__ import annotations

import pytest

from statecharts.bracket import BracketChart
from statecharts.lower import table
from statecharts.vocabulary import BracketEvent, BracketState

ROWS = [
    ("draft", "send", "sending"),
    ("sending", "parent_working", "entry_live"),
    ("entry_live", "parent_part_filled", "part_open"),
    ("part_open", "parent_filled", "open"),
    ("open", "exit_part_filled", "open"),
    ("open", "exit_filled", "exiting"),
    ("exiting", "settled", "done"),
    # executions before acknowledgements
    ("sending", "parent_part_filled", "part_open"),
    ("sending", "parent_filled", "open"),
    ("sending", "exit_filled", "exiting"),
    ("entry_live", "exit_part_filled", "part_open"),
    # stale statuses
    ("part_open", "parent_working", "part_open"),
    ("open", "parent_working", "open"),
    # the entry dies with nothing filled, and may still fill late
    ("sending", "parent_died", "failed"),
    ("entry_live", "parent_died", "failed"),
    ("failed", "parent_part_filled", "open"),
    ("failed", "parent_filled", "open"),
    ("failed", "exit_died", "failed"),
    ("failed", "settled", "done"),
    # the rest of a partial entry is cancelled: what filled is held
    ("part_open", "parent_died_part_filled", "open"),
    ("sending", "parent_died_part_filled", "open"),
    # an exit is refused before the entry filled: the entry does not go on
    ("sending", "exit_died", "exiting"),
    ("entry_live", "exit_died", "exiting"),
    ("open", "exit_died", "open"),
    # the stop hits a partial entry
    ("part_open", "exit_filled", "exiting"),
    ("exiting", "parent_part_filled", "exiting"),
    ("exiting", "parent_died", "exiting"),
    # cancelling
    ("draft", "cancel", "done"),
    ("entry_live", "cancel", "exiting"),
    ("open", "cancel", "exiting"),
    ("exiting", "cancel", "exiting"),
    # closed by somebody else
    ("open", "settled", "done"),
    # never
    ("sending", "send", None),
    ("draft", "parent_filled", None),
    ("entry_live", "settled", None),
    ("part_open", "parent_died", None),
    ("done", "parent_filled", None),
    ("done", "cancel", None),
]


@pytest.mark.parametrize(("state", "event", "expected"), ROWS)
def test_row(step_in, state: str, event: str, expected: str | None) -> None:
    assert step_in(BracketChart, "bracket")(state, event) == expected


def test_done_needs_that_nothing_is_left() -> None:
    lowered = table(BracketChart)
    ways = {
        (state, event)
        for state in BracketState
        for event in BracketEvent
        if lowered.step((state,), event) == (BracketState.DONE,)
    }
    assert (BracketState.DRAFT, BracketEvent.CANCEL) in ways
    assert {event for state, event in ways if state != BracketState.DRAFT} == {BracketEvent.SETTLED}


@pytest.mark.parametrize(
    "event",
    [BracketEvent.PARENT_PART_FILLED, BracketEvent.PARENT_FILLED, BracketEvent.EXIT_FILLED],
)
def test_a_fill_has_a_row_from_sending_until_done(event: BracketEvent) -> None:
    lowered = table(BracketChart)
    without = {state for state in BracketState if lowered.step((state,), event) is None}
    assert without == {BracketState.DRAFT, BracketState.DONE}

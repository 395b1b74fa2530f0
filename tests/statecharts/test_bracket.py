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
    ("open", "exit_filled", "exiting"),
    ("exiting", "settled", "done"),
    # executions before acknowledgements
    ("sending", "parent_part_filled", "part_open"),
    ("sending", "parent_filled", "open"),
    ("sending", "exit_filled", "exiting"),
    # the entry dies with nothing filled, and may still live or fill late
    ("sending", "parent_died", "failed"),
    ("entry_live", "parent_died", "failed"),
    ("failed", "parent_working", "entry_live"),
    ("failed", "parent_part_filled", "part_open"),
    ("failed", "parent_filled", "open"),
    ("failed", "settled", "done"),
    # the rest of a partial entry is cancelled: what filled is held
    ("part_open", "parent_died_part_filled", "open"),
    ("sending", "parent_died_part_filled", "open"),
    # the stop hits a partial entry
    ("part_open", "exit_filled", "exiting"),
    # its trade is being left
    ("entry_live", "cancel", "exiting"),
    ("open", "cancel", "exiting"),
    # nothing is named twice
    ("exiting", "cancel", None),
    ("open", "parent_filled", None),
    ("part_open", "parent_part_filled", None),
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
    assert {event for _, event in ways} == {BracketEvent.SETTLED}
    assert not {state for state, _ in ways} & {BracketState.SENDING, BracketState.ENTRY_LIVE}

"""The rows of an OCO group, each stated by hand."""

from __future__ import annotations

import pytest

from statecharts.lower import table
from statecharts.oco import OcoChart
from statecharts.vocabulary import OcoEvent, OcoState

ROWS = [
    ("draft", "send", "sending"),
    ("sending", "legs_working", "live"),
    ("live", "leg_filled", "one_filled"),
    ("one_filled", "settled", "done"),
    # a part fill, then the rest
    ("live", "leg_part_filled", "part_filled"),
    ("part_filled", "leg_filled", "one_filled"),
    # executions before acknowledgements
    ("sending", "leg_part_filled", "part_filled"),
    ("sending", "leg_filled", "one_filled"),
    # both legs fill
    ("one_filled", "other_leg_filled", "overfilled"),
    ("part_filled", "other_leg_filled", "overfilled"),
    ("overfilled", "settled", "done"),
    # all die: the broker cancels siblings on a partial fill
    ("sending", "all_died", "failed"),
    ("live", "all_died", "failed"),
    ("part_filled", "all_died", "failed"),
    # the dead fill
    ("failed", "leg_filled", "one_filled"),
    ("failed", "other_leg_filled", "overfilled"),
    ("failed", "settled", "done"),
    # never
    ("live", "settled", None),
    ("live", "other_leg_filled", None),
    ("draft", "leg_filled", None),
    ("done", "leg_filled", None),
]


@pytest.mark.parametrize(("state", "event", "expected"), ROWS)
def test_row(step_in, state: str, event: str, expected: str | None) -> None:
    assert step_in(OcoChart, "oco")(state, event) == expected


def test_an_overfill_is_never_forgotten_before_it_is_settled() -> None:
    lowered = table(OcoChart)
    reached = {lowered.step((OcoState.OVERFILLED,), event) for event in OcoEvent} - {None}
    assert reached == {(OcoState.DONE,)}

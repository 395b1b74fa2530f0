"""Every row of the charts is taken by an exploration or a scenario, or has a reason why not."""

from __future__ import annotations

from typing import Any

import pytest

from engine.charts import LIFECYCLES
from engine.errors import UserError
from engine.verify import rows
from engine.verify.rows import Counting, Counts


def test_a_row_is_named_by_its_chart_state_and_event() -> None:
    every = rows.every()
    assert len(every) == len(set(every)) == sum(len(one.rows()) for one in LIFECYCLES)
    assert ("order reported", "cancelled", "filled_part") in every
    assert ("session", "lost", "retry") in every
    assert ("context", "flat", "close_requested") not in every


def test_what_is_stepped_is_counted_by_name() -> None:
    (session,) = [one for one in LIFECYCLES if one.name == "session"]
    counting = Counting()
    session.stepper.step(0, 0)
    session.stepper.step(0, 0)
    session.stepper.step(0, 5)  # no row
    assert counting.end() == {("session", "idle", "start"): 2}


def test_one_may_count_while_another_does() -> None:
    (session,) = [one for one in LIFECYCLES if one.name == "session"]
    outer = Counting()
    session.stepper.step(0, 0)
    inner = Counting()
    session.stepper.step(0, 0)
    assert inner.end() == {("session", "idle", "start"): 1}
    session.stepper.step(0, 0)
    assert outer.end() == {("session", "idle", "start"): 3}


def test_counts_are_added_and_read_back() -> None:
    counts = {("session", "idle", "start"): 2}
    rows.add(counts, {("session", "idle", "start"): 1, ("oco", "draft", "send"): 4})
    assert counts == {("session", "idle", "start"): 3, ("oco", "draft", "send"): 4}
    assert rows.read(rows.tree(counts), "here") == counts


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ([], "here: the whole is no count of rows"),
        ({"session": 3}, "here: session is no count"),
        ({"session": {"idle": {"start": 0}}}, "here: session idle start is no count"),
        ({"session": {"idle": {"start": "3"}}}, "session idle start is no count"),
        ({"session": {"idle": {"dance": 3}}}, "no chart has a row session idle dance"),
    ],
)
def test_what_is_no_count_is_refused(data: Any, said: str) -> None:
    with pytest.raises(UserError, match=said):
        rows.read(data, "here")


def test_a_table_says_how_often_or_why_never() -> None:
    taken = {("session", "idle", "start"): 1234}
    lines = list(rows.lines(taken))
    assert "session: 1 of 36 rows taken" in lines
    assert any("idle" in line and "start" in line and "1,234" in line for line in lines)
    assert sum("never: " in line for line in lines) == len(rows.every()) - 1


def test_a_reason_needs_a_row_that_is_never_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    row = ("session", "idle", "start")
    monkeypatch.setattr(rows, "REASONS", {row: "because", ("oco", "no", "row"): "because"})
    assert rows.stale({}) == [("oco", "no", "row")]
    assert rows.stale({row: 1}) == [row, ("oco", "no", "row")]
    assert row not in rows.unexplained({})
    assert ("oco", "draft", "send") in rows.unexplained({})


def test_every_row_is_taken_or_it_is_said_why_not(taken: Counts) -> None:
    """Rows that nothing takes are dead, or nobody has looked at what they do. The table:
    ``pytest tests/core tests/verify --rows FILE``, ``engine verify --rows --with FILE``."""
    assert rows.unexplained(taken) == []
    assert rows.stale(taken) == []

"""Paths that once broke a law, played again; and the text they are written in."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.errors import UserError
from engine.verify.drawn import drawn
from engine.verify.explore import Violation
from engine.verify.scenario import parse, render, replay
from engine.verify.situations import find

KEPT = sorted((Path(__file__).parent / "scenarios").glob("*.txt"))


@pytest.mark.parametrize("path", KEPT, ids=lambda path: path.stem)
def test_what_was_found_stays_mended(path: Path) -> None:
    scenario = parse(path.read_text("utf-8"), path.name)

    played = list(replay(scenario, path.name))

    assert len(played) >= len(scenario.steps)
    assert [one.problem for one in played if one.problem] == []


def test_a_violation_is_read_back_as_it_was_written() -> None:
    (situation,) = find("close-short")
    violation = Violation(situation, "6", "6: uncovered", (("prompt",), ("fill", 2, 1)))

    scenario = parse(render(violation), "here")

    assert (scenario.situation, scenario.steps) == (situation, violation.steps)


@pytest.mark.parametrize("seed", range(1, 40))
def test_a_situation_by_chance_is_written_out(seed: int) -> None:
    """What is drawn from a seed may change; what was found with it stays what it was."""
    text = render(Violation(drawn(seed), "6", "6: uncovered", (("prompt",),)))
    assert f"drawn-{seed}-" not in text

    assert parse(text, "here").situation == drawn(seed)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "names no situation"),
        ("take", "the first line is: situation NAME"),
        ("situation", "the first line is: situation NAME"),
        ("situation clos-long", "is it close-long?"),
        ("situation close", "there is no situation close"),
        ("situation close-long luck=3", "only faults=N and patience=N"),
        ('situation {"name": "x"}', "here:1: is no situation"),
        ('situation {"name": "x"', "here:1: is no situation"),
        ("situation close-long faults=x", "only faults=N and patience=N"),
    ],
)
def test_what_cannot_be_read_is_told_in_one_line(text: str, said: str) -> None:
    with pytest.raises(UserError, match="here") as told:
        parse(text, "here")
    assert said in str(told.value)
    assert "\n" not in str(told.value)


def test_a_step_that_cannot_happen_is_told() -> None:
    scenario = parse("situation close-long\nprompt\nfill 9 1", "here")

    with pytest.raises(UserError, match=r"here: step 2, fill 9 1, cannot happen; possible: .*take"):
        list(replay(scenario, "here"))

"""Walks by chance: always the same ones, deep, and what they find is short."""

from __future__ import annotations

import attrs
import pytest

from engine import exits
from engine.verify.drawn import drawn
from engine.verify.scenario import parse, render, replay
from engine.verify.situations import find
from engine.verify.walks import wander


def test_the_same_walks_are_made_again() -> None:
    (situation,) = find("close-short")
    first, second = (wander(situation, 400) for _ in range(2))

    assert first == second
    assert first.states >= 400
    assert first.depth > 20  # breadth first this many states are five steps deep


def test_walks_end_where_there_is_nothing_new() -> None:
    (situation,) = find("small-long")
    tally = wander(attrs.evolve(situation, faults=0), 1_000_000)

    assert tally.violations == []
    assert tally.states < 1_000


def test_walks_end_when_they_are_told_to() -> None:
    (situation,) = find("close-long")
    assert wander(situation, 1_000_000, lambda seen: seen.states < 50).states < 500


def test_what_breaks_a_law_is_made_short_and_can_be_played(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    total = exits._total
    monkeypatch.setattr(exits, "_total", lambda part, order: total(part, order) + 1)
    (situation,) = find("bracket-long")
    tally = wander(situation, 100_000, lambda seen: not seen.violations)

    (violation,) = tally.violations
    assert len(violation.steps) < 12
    played = list(replay(parse(render(violation), "here"), "here"))
    assert played[-1].problem is not None
    assert played[-1].problem.partition(":")[0] == violation.law


@pytest.mark.slow
def test_no_law_is_broken_on_walks_through_situations_by_chance() -> None:
    tallies = [wander(drawn(seed), 400) for seed in range(1, 41)]
    assert [one.text for tally in tallies for one in tally.violations] == []

"""Situations by chance: of a seed always the same one, and the core holds in them."""

from __future__ import annotations

import pytest

from engine.verify.drawn import drawn
from engine.verify.explore import explore
from engine.verify.situations import find


def test_a_seed_makes_the_same_situation_and_another_one_another() -> None:
    made = [drawn(seed) for seed in range(60)]
    assert made == [drawn(seed) for seed in range(60)]
    assert len({one.full_name for one in made}) == 60
    assert len({(one.settings, one.rules, one.prompts) for one in made}) > 40


def test_one_is_found_by_its_name() -> None:
    one = drawn(17)
    assert find("drawn-17") == find(one.full_name) == (one,)
    other = "short" if one.side == "long" else "long"
    assert find(f"drawn-17-{other}") == find("drawn-x") == ()


@pytest.mark.slow
def test_no_law_is_broken_in_situations_by_chance() -> None:
    tallies = [explore(drawn(seed), 150) for seed in range(1, 31)]
    assert [one.text for tally in tallies for one in tally.violations] == []
    assert all(tally.complete or tally.states >= 150 for tally in tallies)

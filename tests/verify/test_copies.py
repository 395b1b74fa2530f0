"""A copy of the core's state behaves like the original and is never touched by it."""

from __future__ import annotations

import pytest

from engine.verify.copies import fingerprint
from engine.verify.situations import SITUATIONS, Situation
from engine.verify.world import World

STEPS = 40


def advanced(situation: Situation, steps: int) -> World:
    """Some way into a situation: prompts and fair steps in turn."""
    world = World(situation)
    for number in range(steps):
        prompt = ("prompt",)
        fair = world.fair()
        ready = number % 9 == 0 and prompt in world.actions()
        if (step := prompt if ready else fair) is None:
            break
        world.act(step)
    return world


@pytest.mark.parametrize("situation", SITUATIONS, ids=lambda one: one.full_name)
def test_a_copy_is_equal_and_independent(situation: Situation) -> None:
    for steps in range(0, STEPS, 3):
        world = advanced(situation, steps)
        before = world.core.state.digest(), world.fingerprint()
        copy = world.copy()
        assert (copy.core.state.digest(), copy.fingerprint()) == before
        for step in world.actions():
            world.copy().act(step)
            assert (world.core.state.digest(), world.fingerprint()) == before, step


def test_a_copy_goes_on_as_the_original_would() -> None:
    world = advanced(SITUATIONS[0], 12)
    copy = world.copy()
    for _ in range(30):
        step = world.fair()
        assert copy.fair() == step
        if step is None:
            break
        world.act(step)
        copy.act(step)
        assert copy.core.state.digest() == world.core.state.digest()


def test_the_same_state_later_has_the_same_fingerprint() -> None:
    world = World(SITUATIONS[0])
    state = world.core.state
    held = fingerprint(state, world.now_ns)
    assert fingerprint(state, world.now_ns + 10**9) != held or not state.deadlines
    state.sequence += 1
    state.told.add("something")
    assert fingerprint(state, world.now_ns) == held

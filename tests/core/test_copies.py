"""A copy of the core's state behaves like the original and is never touched by it."""

from __future__ import annotations

import pytest

from engine.copies import copy_state
from engine.core import Core
from engine.verify.prints import fingerprint
from engine.verify.situation import Situation
from engine.verify.situations import SITUATIONS, find
from engine.verify.steps import Moment, Steps
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
    for steps in (0, STEPS // 4, STEPS // 2):
        world = advanced(situation, steps)
        before = world.core.state.digest(), world.fingerprint()
        copy = world.copy()
        assert copy.fingerprint() == before[1]
        for step in world.actions():
            world.copy().act(step)
        assert (world.core.state.digest(), world.fingerprint()) == before


def test_a_state_is_copied_whole() -> None:
    """A core with its own copy of the state goes on as the original does."""
    (situation,) = find("double-down-close-long")
    world = advanced(situation, 12)
    copy = world.copy()
    copy.steps = Steps()
    core = Core(world.config)
    core.state = copy_state(world.core.state)
    copy.moment = Moment(core, world.now_ns)
    assert core.state.digest() == world.core.state.digest()
    for _ in range(30):
        step = world.fair()
        assert copy.fair() == step
        if step is None:
            break
        world.act(step)
        copy.act(step)
        assert copy.core is not world.core
        assert copy.core.state.digest() == world.core.state.digest()


def test_a_step_that_is_known_is_not_made_again() -> None:
    world = advanced(SITUATIONS[0], 6)
    step = world.fair()
    assert step is not None
    first, second = world.copy(), world.copy()
    first.act(step)
    second.act(step)
    assert first.moment is second.moment


def test_the_same_state_later_has_the_same_fingerprint() -> None:
    world = World(SITUATIONS[0])
    state = world.core.state
    held = fingerprint(state, world.now_ns)
    assert fingerprint(state, world.now_ns + 10**9) != held or not state.deadlines
    state.sequence += 1
    state.first_told("something", world.now_ns)
    assert fingerprint(state, world.now_ns) == held

"""What the small broker may do next, and what it does no more."""

from __future__ import annotations

import attrs

from engine.verify.situations import find
from engine.verify.world import World


def test_an_order_that_is_forgotten_fills_no_more() -> None:
    """Fills ten minutes after a cancel have been seen, and none has been seen later than that."""
    (situation,) = find("small-long")
    world = World(attrs.evolve(situation, prompts=("signal",), patience=0))
    for step in (("prompt",), ("take",), ("take",), ("drop", 1)):
        assert step in world.actions()
        world.act(step)
    world.faults = 1
    assert ("late", 1) in world.actions()
    while (step := world.fair()) is not None:
        world.act(step)

    assert not world.core.state.orders
    assert ("late", 1) not in world.actions()

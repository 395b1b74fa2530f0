"""Breadth first through everything that may happen, each state once.

The first path that leads to a state is a shortest one, so what is reported of a violation is a
shortest sequence too. Liveness needs no second search: of every state it is known which one
fairness would make of it, and following these from anywhere has to lead to a settled state.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

import attrs

from engine.verify.laws import broken, repeated, settled
from engine.verify.situations import Situation
from engine.verify.world import Step, World

REPEAT_EVERY: Final = 8  # of so many deliveries, one is made twice to see that nothing changes
TELL_EVERY: Final = 256  # states between two calls of ``go_on``
_WALK_MAX: Final = 500  # steps to a settled state; more is a livelock


@attrs.frozen
class Violation:
    """``law`` is the invariant's number; ``steps`` lead to it from the situation's start."""

    situation: Situation
    law: str
    text: str
    steps: tuple[Step, ...]


@attrs.define
class Tally:
    """What has been seen so far of one situation."""

    situation: Situation
    states: int = 0
    transitions: int = 0
    depth: int = 0
    complete: bool = False
    violations: list[Violation] = attrs.field(factory=list)


GoOn = Callable[[Tally], bool]


def explore(situation: Situation, max_states: int, go_on: GoOn = lambda _: True) -> Tally:
    """Visit up to ``max_states`` states; ``go_on`` is asked now and then and may end it."""
    return _Search(situation, max_states, go_on).run()


class _Search:
    def __init__(self, situation: Situation, max_states: int, go_on: GoOn) -> None:
        self.tally = Tally(situation)
        self.max_states = max_states
        self.go_on = go_on
        self.came_by: dict[int, tuple[int, Step] | None] = {}
        self.fairly: dict[int, int] = {}  # what fairness makes of a state; itself: settled
        self.queue: deque[tuple[int, int, World]] = deque()

    def run(self) -> Tally:
        world = World(self.tally.situation)
        key = world.fingerprint()
        self.came_by[key] = None
        self.queue.append((key, 0, world))
        stopped = False
        while self.queue and not stopped and len(self.came_by) < self.max_states:
            key, depth, world = self.queue.popleft()
            self._expand(key, depth, world)
            if len(self.came_by) // TELL_EVERY != self.tally.states // TELL_EVERY:
                self.tally.states = len(self.came_by)
                stopped = not self.go_on(self.tally)
        self.tally.states = len(self.came_by)
        self.tally.complete = not self.queue
        self._liveness()
        return self.tally

    def _expand(self, key: int, depth: int, world: World) -> None:
        self.tally.depth = max(self.tally.depth, depth)
        fair = None if settled(world) else world.fair()
        if fair is None:
            self.fairly[key] = key
            if not settled(world):
                self._found(key, (), "27: nothing is left to happen, and it is not settled")
        for step in world.actions():
            after = self._try(key, step, world)
            if after is None:
                continue
            found = after.fingerprint()
            if step == fair:
                self.fairly[key] = found
            if found not in self.came_by:
                self.came_by[found] = (key, step)
                self.queue.append((found, depth + 1, after))

    def _try(self, key: int, step: Step, world: World) -> World | None:
        """The world after ``step``; None when a law is broken, and nothing follows from that."""
        self.tally.transitions += 1
        after = world.copy()
        problem = attempt(world, step, after)
        if problem is None and step == ("deliver",) and self.tally.transitions % REPEAT_EVERY == 0:
            problem = hear_again(world, after)
        if problem is None:
            return after
        self._found(key, (step,), problem)
        return None

    def _found(self, key: int, steps: tuple[Step, ...], problem: str) -> None:
        law = problem.partition(":")[0]
        if all(one.law != law for one in self.tally.violations):
            path = (*self._path(key), *steps)
            self.tally.violations.append(Violation(self.tally.situation, law, problem, path))

    def _path(self, key: int) -> tuple[Step, ...]:
        steps: list[Step] = []
        while (link := self.came_by[key]) is not None:
            key, step = link
            steps.append(step)
        return tuple(reversed(steps))

    # -- liveness ----------------------------------------------------------------------------

    def _liveness(self) -> None:
        """Every state leads fairly to a settled one. Those that were seen but not gone on from
        are walked on from here, unless there is something to mend already."""
        good = {key for key, after in self.fairly.items() if key == after}
        while self.queue and not self.tally.violations:
            key, _, world = self.queue.popleft()
            self._walk(key, world, good)
        self.queue.clear()
        for key in self.came_by:
            trail: dict[int, None] = {}
            at = key
            while at not in good and at in self.fairly:
                trail[at] = None
                at = self.fairly[at]
                if at in trail:
                    self._found(key, (), "27: fair steps lead in a circle")
                    break
            good.update(trail)  # known: settled, or told

    def _walk(self, key: int, world: World, good: set[int]) -> None:
        """Make fair steps until it is known where they lead."""
        trail: dict[int, None] = {}
        steps: list[Step] = []
        at, world = key, world.copy()
        while at not in good and at not in self.fairly:
            trail[at] = None
            step = None if settled(world) else world.fair()
            if step is None:
                if not settled(world):
                    self._found(key, tuple(steps), "27: nothing is left to happen, not settled")
                break
            before = world.copy()
            steps.append(step)
            self.tally.transitions += 1
            problem = attempt(before, step, world)
            at = world.fingerprint()
            if problem is None and (at in trail or len(steps) > _WALK_MAX):
                problem = "27: fair steps lead in a circle"
            if problem is not None:
                self._found(key, tuple(steps), problem)
                break
        good.update(trail)


def attempt(before: World, step: Step, after: World) -> str | None:
    """Make ``step`` in ``after``, a copy of ``before``; the first law that breaks, if any.

    A core that fails an assertion of its own, or raises anything else, breaks law 0.
    """
    try:
        after.act(step)
    except Exception as problem:  # whatever it is: the report carries it
        return f"0: {type(problem).__name__}: {problem}"
    return next(broken(before, step, after), None)


def hear_again(before: World, after: World) -> str | None:
    """What goes wrong when the message that led to ``after`` is delivered at once again."""
    again = after.copy()
    again.broker.messages = (before.broker.messages[0], *again.broker.messages)
    try:
        again.act(("deliver",))
    except Exception as problem:
        return f"0: {type(problem).__name__}: {problem}"
    return next(repeated(after, again), None)

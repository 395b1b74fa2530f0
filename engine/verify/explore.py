"""Breadth first through everything that may happen, each state once.

The first path that leads to a state is a shortest one, so what is reported of a violation is a
shortest sequence too. Liveness needs no second search: of every state it is known which one
fairness would make of it, and following these from anywhere has to lead to a settled state.
"""

from __future__ import annotations

import gc
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import attrs

from engine.commands import Amend
from engine.verify.choices import Step
from engine.verify.laws import broken, remember, repeated, settled
from engine.verify.situation import Situation
from engine.verify.world import World

REPEAT_EVERY: Final = 8  # of so many deliveries, one is made twice to see that nothing changes
TELL_EVERY: Final = 256  # transitions between two calls of ``go_on``
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
    """What has been seen so far of one situation.

    ``states`` are those that were reached breadth first, up to ``depth``; ``complete``: they are
    all that there are. ``followed`` are further ones on fair paths from them, and ``open`` states
    of which it is not known yet that fairness leads to a settled one.
    """

    situation: Situation
    states: int = 0
    transitions: int = 0
    depth: int = 0
    followed: int = 0
    open: int = 0
    exploring: bool = True  # else: following
    complete: bool = False
    violations: list[Violation] = attrs.field(factory=list)


GoOn = Callable[[Tally], bool]


def explore(situation: Situation, max_states: int, go_on: GoOn = lambda _: True) -> Tally:
    """Visit up to ``max_states`` states and see where fairness leads from each. ``go_on`` is
    asked now and then, and may end the one and the other."""
    with uncollected():
        return _Search(situation, max_states, go_on).run()


@contextmanager
def uncollected() -> Iterator[None]:
    """States are trees: nothing is ever unreachable and alive, and looking for such a thing among
    all that is kept would take a third of the time."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


class _Search:
    def __init__(self, situation: Situation, max_states: int, go_on: GoOn) -> None:
        self.tally = Tally(situation)
        self.max_states = max_states
        self.go_on = go_on
        self.came_by: dict[int, tuple[int, Step] | None] = {}
        # What fairness makes of a state, and a way to it. By what matters to fairness: what may
        # still go wrong, and what may still be asked, do not. Itself: it is settled.
        self.fairly: dict[int, tuple[int, int]] = {}
        self.queue: deque[tuple[int, int, World]] = deque()
        self.stopped = False

    def run(self) -> Tally:
        world = World(self.tally.situation)
        key = world.fingerprint()
        self.came_by[key] = None
        self.queue.append((key, 0, world))
        while self.queue and not self.stopped and len(self.came_by) < self.max_states:
            key, depth, world = self.queue.popleft()
            self._expand(key, depth, world)
        self.tally.complete = not self.queue
        self.tally.exploring = self.stopped = False
        self._liveness()
        return self.tally

    def _expand(self, key: int, depth: int, world: World) -> None:
        self.tally.depth = max(self.tally.depth, depth)
        fairly = world.fair_fingerprint()
        fair = None if settled(world) else world.fair()
        if fair is None:
            self.fairly[fairly] = fairly, key
            if not settled(world):
                self._found(key, (), "27: nothing is left to happen, and it is not settled")
        for step in world.actions():
            after = self._try(key, step, world)
            if after is None:
                continue
            found = after.fingerprint()
            if step == fair:
                self.fairly[fairly] = after.fair_fingerprint(), key
            if found not in self.came_by:
                self.came_by[found] = (key, step)
                self.queue.append((found, depth + 1, after))
        self.tally.states = len(self.came_by)

    def _try(self, key: int, step: Step, world: World) -> World | None:
        """The world after ``step``; None when a law is broken, and nothing follows from that."""
        self._count()
        after = world.copy()
        problem = attempt(step, after)
        if problem is None and step == ("deliver",) and self.tally.transitions % REPEAT_EVERY == 0:
            problem = hear_again(world, after)
        if problem is None:
            return after
        self._found(key, (step,), problem)
        return None

    def _count(self) -> None:
        self.tally.transitions += 1
        if self.tally.transitions % TELL_EVERY == 0 and not self.stopped:
            self.stopped = not self.go_on(self.tally)

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
        good = {key for key, (after, _) in self.fairly.items() if key == after}
        self.tally.open = len(self.queue)
        while self.queue and not self.stopped and not self.tally.violations:
            key, _, world = self.queue.popleft()
            self._walk(key, world, good)
            self.tally.open = len(self.queue)
        self.queue.clear()
        for at, (_, key) in self.fairly.items():
            trail: dict[int, None] = {}
            while at not in good and at in self.fairly:
                trail[at] = None
                at = self.fairly[at][0]  # noqa: PLW2901
                if at in trail:
                    self._found(key, (), "27: fair steps lead in a circle")
                    break
            good.update(trail)  # known: settled, or told

    def _walk(self, key: int, world: World, good: set[int]) -> None:
        """Make fair steps until it is known where they lead."""
        trail: dict[int, None] = {}
        steps: list[Step] = []
        at = world.fair_fingerprint()
        while at not in good and at not in self.fairly:
            trail[at] = None
            step = None if settled(world) else world.fair()
            if step is None:
                if not settled(world):
                    self._found(key, tuple(steps), "27: nothing is left to happen, not settled")
                break
            steps.append(step)
            self._count()
            problem = attempt(step, world)
            at = world.fair_fingerprint()
            if problem is None and (at in trail or len(steps) > _WALK_MAX):
                problem = "27: fair steps lead in a circle"
            if problem is not None:
                self._found(key, tuple(steps), problem)
                break
        self.tally.followed += max(len(trail) - 1, 0)
        good.update(trail)


def attempt(step: Step, world: World) -> str | None:
    """Make ``step`` in ``world``; the first law that breaks, if any.

    A core that fails an assertion of its own, or raises anything else, breaks law 0.
    """
    before = remember(world, step)
    try:
        world.act(step)
    except Exception as problem:  # whatever it is: the report carries it
        return _failed(problem)
    return next(broken(before, step, world), None)


def hear_again(before: World, after: World) -> str | None:
    """What goes wrong when the message that led to ``after`` is delivered at once again. An error
    names its order and not what was asked of it: again, it may answer the next amendment."""
    message = before.broker.messages[0]
    amended = {one.order_id for one in after.sent if isinstance(one, Amend)}
    if message[0] == "error" and message[1] in amended:
        return None
    again = after.copy()
    again.broker.messages = (message, *again.broker.messages)
    try:
        again.act(("deliver",))
    except Exception as problem:
        return _failed(problem)
    return next(repeated(after, again), None)


def _failed(problem: Exception) -> str:
    return f"0: {type(problem).__name__}: {' '.join(str(problem).split())}"

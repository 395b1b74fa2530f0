"""Walks by chance: fewer states than breadth first, and far deeper ones.

Breadth first a day of many events is never reached: each step has a dozen others beside it. A walk
takes one of them each time, mostly what is fair, and follows what is fair to a settled state at its
end. Of a situation the same walks are made each time; what they find is made shorter.
"""

from __future__ import annotations

import random
from typing import Final

from engine.verify.choices import Step
from engine.verify.explore import (
    GoOn,
    Tally,
    Violation,
    attempt,
    hear_again,
    uncollected,
)
from engine.verify.laws import settled
from engine.verify.situation import Situation
from engine.verify.world import World

_LENGTHS: Final = 30, 60, 90  # steps, before it is followed fairly
_FAIRNESS: Final = 0.2, 0.4, 0.6, 0.8  # how often the fair step is taken
_KNOWN_MAX: Final = 30  # walks in a row that find nothing new: there is no more
_FAIR_MAX: Final = 500  # steps to a settled state; more is a livelock
_CUTS: Final = 16, 8, 4, 2, 1  # steps that are left out at a time where a path is made shorter
_PLAYED_MAX: Final = 2_000  # times that it is played for that


def wander(situation: Situation, max_states: int, go_on: GoOn = lambda _: True) -> Tally:
    """Walk until so many states have been seen. ``go_on`` is asked after each walk."""
    with uncollected():
        return _Walker(situation, max_states, go_on).run()


class _Walker:
    def __init__(self, situation: Situation, max_states: int, go_on: GoOn) -> None:
        self.tally = Tally(situation)
        self.max_states = max_states
        self.go_on = go_on
        self.chance = random.Random(f"walks {situation.full_name}")
        self.seen: set[int] = set()

    def run(self) -> Tally:
        known = 0
        while len(self.seen) < self.max_states and known < _KNOWN_MAX and self.go_on(self.tally):
            before = len(self.seen)
            steps: list[Step] = []
            problem = self._walk(steps)
            if problem is not None:
                self._found(problem, steps)
            known = 0 if len(self.seen) > before else known + 1
            self.tally.states = len(self.seen)
            self.tally.depth = max(self.tally.depth, len(steps))
        self.tally.exploring = False
        return self.tally

    def _walk(self, steps: list[Step]) -> str | None:
        world = World(self.tally.situation)
        fairness = self.chance.choice(_FAIRNESS)
        for _ in range(self.chance.choice(_LENGTHS)):
            self.seen.add(world.fingerprint())
            possible = world.actions()
            if not possible:
                break
            step = self._chosen(world, possible, fairness)
            steps.append(step)
            self.tally.transitions += 1
            problem = made(step, world)
            if problem is not None:
                return problem
        return followed(world, self.tally)

    def _chosen(self, world: World, possible: list[Step], fairness: float) -> Step:
        """The fair step, or one of a kind by chance: of some kinds there are very many."""
        fair = world.fair()
        if fair in possible and self.chance.random() < fairness:
            return fair
        kind = self.chance.choice(sorted({str(step[0]) for step in possible}))
        return self.chance.choice([step for step in possible if step[0] == kind])

    def _found(self, problem: str, steps: list[Step]) -> None:
        law = problem.partition(":")[0]
        if all(one.law != law for one in self.tally.violations):
            text, path = shorter(self.tally.situation, problem, tuple(steps))
            self.tally.violations.append(Violation(self.tally.situation, law, text, path))


def made(step: Step, world: World) -> str | None:
    """Make a step; the first law that breaks. Every message is heard once more besides."""
    before = world.copy()
    problem = attempt(step, world)
    if problem is None and step == ("deliver",):
        problem = hear_again(before, world)
    return problem


def followed(world: World, tally: Tally) -> str | None:
    """Make fair steps until all is settled; the law that breaks on the way."""
    trail: set[int] = set()
    while not settled(world):
        step, key = world.fair(), world.fair_fingerprint()
        if step is None:
            return "27: nothing is left to happen, and it is not settled"
        if key in trail or len(trail) > _FAIR_MAX:
            return "27: fair steps lead in a circle"
        trail.add(key)
        tally.followed += 1
        problem = attempt(step, world)
        if problem is not None:
            return problem
    return None


def shorter(
    situation: Situation, problem: str, steps: tuple[Step, ...]
) -> tuple[str, tuple[Step, ...]]:
    """Fewer steps that break the same law, and how they do."""
    law, played, before = problem.partition(":")[0], 0, -1
    while len(steps) != before and played < _PLAYED_MAX:
        before = len(steps)
        for cut in _CUTS:
            at = len(steps)
            while at > 0 and played < _PLAYED_MAX:
                played += 1
                text, path = _played(situation, (*steps[: max(at - cut, 0)], *steps[at:]))
                if text is not None and text.partition(":")[0] == law and len(path) < len(steps):
                    problem, steps = text, path
                    at = min(at, len(steps))
                else:
                    at -= cut
    return problem, steps


def _played(situation: Situation, steps: tuple[Step, ...]) -> tuple[str | None, tuple[Step, ...]]:
    """What breaks when those of the steps are made that can be, and those that were."""
    world, path = World(situation), list[Step]()
    for step in steps:
        if step in world.actions():
            path.append(step)
            problem = made(step, world)
            if problem is not None:
                return problem, tuple(path)
    return followed(world, Tally(situation)), tuple(path)

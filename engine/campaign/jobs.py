"""Seeds side by side, each in a process that knows nothing of the others.

What comes out of a seed depends on the seed alone, so any number of processes finds the same.
"""

from __future__ import annotations

import gc
import signal
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from typing import Any, Final

import attrs

from engine.campaign.draw import drawn
from engine.campaign.scenario import MODES, Mode
from engine.campaign.tally import Tally
from engine.campaign.trial import Outcome, Violation, play
from engine.engine import Engine
from engine.errors import UserError
from engine.verify import rows

AHEAD: Final = 2  # tasks for each process that are handed out before their time
Show = Callable[[Tally, float], None]  # what there is, and the part of the seed under way
Part = Callable[[float], None]
SHOWN_S: Final = 600.0  # of the exchange, between two looks at a seed under way


@attrs.frozen
class Plan:
    """``mode`` None: each seed in its turn has one or the other."""

    seeds: Sequence[int]
    hours: float
    mode: Mode | None = None
    jobs: int = 1

    def mode_of(self, seed: int) -> Mode:
        return self.mode or MODES[seed % len(MODES)]


def run(plan: Plan, show: Show) -> tuple[Tally, bool]:
    """Play all seeds; whether it was interrupted before they were done.

    Raises:
        UserError: a worker was killed.
    """
    tally = Tally()
    tasks = ((seed, plan.mode_of(seed), plan.hours) for seed in plan.seeds)
    try:
        alone = plan.jobs == 1
        for said in (
            _alone(tasks, lambda part: show(tally, part)) if alone else _together(tasks, plan.jobs)
        ):
            _heard(tally, said)
            show(tally, 0.0)
    except KeyboardInterrupt:
        return tally, True
    return tally, False


def _alone(tasks: Iterator[tuple[int, Mode, float]], show: Part) -> Iterator[dict[str, Any]]:
    for task in tasks:
        yield work(*task, show)


def _together(tasks: Iterator[tuple[int, Mode, float]], jobs: int) -> Iterator[dict[str, Any]]:
    context = get_context("spawn")
    pool = ProcessPoolExecutor(jobs, mp_context=context, initializer=_begin)
    waiting: set[Future[dict[str, Any]]] = set()
    try:
        for task in tasks:
            waiting.add(pool.submit(work, *task))
            if len(waiting) >= jobs * AHEAD:
                done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                yield from (one.result() for one in done)
        while waiting:
            done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            yield from (one.result() for one in done)
    except BrokenProcessPool:
        raise UserError("a process was ended from outside; fewer --jobs need less memory") from None
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _begin() -> None:
    """An interrupt from the keyboard reaches all; the parent alone says what follows. And what is
    loaded stays: the collector of garbage need not look through it again and again."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.freeze()


def work(seed: int, mode: Mode, hours: float, show: Part | None = None) -> dict[str, Any]:
    """One seed, as plain data."""
    shown_s = 0.0

    def look(_: Engine, now_s: float) -> None:
        nonlocal shown_s
        if show is not None and now_s - shown_s >= SHOWN_S:
            shown_s = now_s
            show(now_s / (hours * 3600))

    counting = rows.Counting()
    try:
        outcome = play(drawn(seed, mode, hours), look)
    finally:
        counts = counting.end()
    said = {name: getattr(outcome, name) for name in _FIGURES}
    violation = None if outcome.violation is None else attrs.astuple(outcome.violation)
    return {
        **said,
        "seed": seed,
        "mode": mode,
        "hours": hours,
        "counts": dict(outcome.counts),
        "violation": violation,
        "rows": rows.tree(counts),
    }


def _heard(tally: Tally, said: dict[str, Any]) -> None:
    outcome = Outcome(
        violation=None if said["violation"] is None else Violation(*said["violation"]),
        counts=Counter(said["counts"]),
        **{name: said[name] for name in _FIGURES},
    )
    counted = rows.read(said["rows"], "a worker")
    tally.take(said["seed"], said["mode"], said["hours"], outcome, counted)


_FIGURES: Final = ("seconds", "records", "executions", "orders")

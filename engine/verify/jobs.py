"""Situations explored side by side, each in a process of its own, with one bound for all.

States are shared out evenly; what a small situation does not need goes to those that begin
later. A share depends on what is known of the situations at least ``BEHIND`` places earlier, and
on nothing that the number of processes or their speed could change: the same bounds find the
same states. Time is shared out by the clock, so a bound on time finds what it finds.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing import get_context, resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from types import FrameType
from typing import Any, Final

import attrs
import orjson

from engine.errors import UserError
from engine.verify import rows
from engine.verify.explore import GoOn, Tally, Violation, explore
from engine.verify.rows import Counts
from engine.verify.situation import Situation
from engine.verify.situations import find
from engine.verify.walks import wander

BEHIND: Final = 16  # also the most processes that can be busy at once
EXPLORING: Final = 0.4  # of the time of a situation; the rest is for following fair paths
_TELL_S: Final = 0.2  # between two words of a worker on how far it is

Show = Callable[[dict[str, Tally]], None]


@attrs.frozen
class Bounds:
    """``seconds``: of all situations together; None: as long as it takes. ``walks``: by chance,
    instead of breadth first."""

    max_states: int
    seconds: float | None = None
    jobs: int = 1
    walks: bool = False


@attrs.define
class Outcome:
    tallies: list[Tally] = attrs.field(factory=list)
    counts: Counts = attrs.field(factory=dict)  # of the rows, if they were counted
    interrupted: bool = False


def processors() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def explore_all(
    situations: Sequence[Situation], bounds: Bounds, show: Show, count_rows: bool = False
) -> Outcome:
    """Explore each situation within its share; an interrupt ends all with what was found.

    Raises:
        UserError: a worker was killed.
    """
    shares = _Shares(situations, bounds)
    jobs = min(bounds.jobs, BEHIND, len(situations))
    with _interruptible() as interrupted:
        if jobs == 1:
            return _alone(shares, show, interrupted, count_rows)
        return _Crew(shares, jobs, show, interrupted, count_rows).run()


# -- shares ----------------------------------------------------------------------------------


@attrs.frozen
class Task:
    number: int
    situation: Situation
    max_states: int
    seconds: float | None
    walks: bool

    def run(self, go_on: GoOn) -> Tally:
        search = wander if self.walks else explore
        return search(self.situation, self.max_states, go_on)


class _Shares:
    """Who is next, and how much of what is left it gets."""

    def __init__(self, situations: Sequence[Situation], bounds: Bounds) -> None:
        self.situations = situations
        self.bounds = bounds
        self.ends = None if bounds.seconds is None else time.monotonic() + bounds.seconds
        self.given: list[int] = []
        self.tallies: dict[int, Tally] = {}

    @property
    def ready(self) -> bool:
        """Whether the next one can begin: its share needs what came out BEHIND places before."""
        number = len(self.given)
        known = number < BEHIND or number - BEHIND in self.tallies
        return number < len(self.situations) and known

    def next(self) -> Task:
        number = len(self.given)
        waiting = len(self.situations) - number
        used = (
            self.tallies[n].states if n <= number - BEHIND else share
            for n, share in enumerate(self.given)
        )
        share = max((self.bounds.max_states - sum(used)) // waiting, 1)
        self.given.append(share)
        seconds = None
        if self.ends is not None:
            rounds = max(waiting / self.bounds.jobs, 1.0)  # of work, for each process
            seconds = max(self.ends - time.monotonic(), 0.0) / rounds
        return Task(number, self.situations[number], share, seconds, self.bounds.walks)

    def in_order(self) -> list[Tally]:
        return [tally for _, tally in sorted(self.tallies.items())]


def _in_time(seconds: float | None) -> GoOn:
    if seconds is None:
        return lambda _: True
    began = time.monotonic()
    return lambda tally: (
        time.monotonic() - began < seconds * (EXPLORING if tally.exploring else 1.0)
    )


# -- in this process -------------------------------------------------------------------------


def _alone(
    shares: _Shares, show: Show, interrupted: Callable[[], bool], count_rows: bool
) -> Outcome:
    counting = rows.Counting() if count_rows else None
    while shares.ready and not interrupted():
        task = shares.next()
        in_time = _in_time(task.seconds)

        def go_on(tally: Tally, task: Task = task, in_time: GoOn = in_time) -> bool:
            show({**_named(shares.tallies.values()), tally.situation.full_name: tally})
            return in_time(tally) and not interrupted()

        shares.tallies[task.number] = task.run(go_on)
    return Outcome(shares.in_order(), counting.end() if counting else {}, interrupted())


def _named(tallies: Iterable[Tally]) -> dict[str, Tally]:
    return {tally.situation.full_name: tally for tally in tallies}


@contextmanager
def _interruptible() -> Iterator[Callable[[], bool]]:
    """The first interrupt is noted, for whoever asks; a second one interrupts."""
    noted: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        if noted:
            raise KeyboardInterrupt
        noted.append(number)

    before = signal.signal(signal.SIGINT, note)
    try:
        yield lambda: bool(noted)
    finally:
        signal.signal(signal.SIGINT, before)


# -- in others -------------------------------------------------------------------------------


class _Crew:
    """Worker processes, one task at a time each. They talk in JSON: what a worker says is data."""

    def __init__(
        self,
        shares: _Shares,
        jobs: int,
        show: Show,
        interrupted: Callable[[], bool],
        count_rows: bool,
    ) -> None:
        self.shares = shares
        self.show = show
        self.interrupted = interrupted
        self.count_rows = count_rows
        self.outcome = Outcome()
        self.idle: list[Connection] = []
        self.busy: dict[Connection, Task] = {}
        self.under_way: dict[str, Tally] = {}
        self.workers: dict[Connection, BaseProcess] = {}
        # What is blocked here while they start is blocked in them: an interrupt from the keyboard
        # reaches all, and this process tells them when to stop. The tracker, when it is started,
        # takes away what is blocked, so it has to be there.
        resource_tracker.ensure_running()
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            for _ in range(jobs):
                self._hire()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def _hire(self) -> None:
        context = get_context("spawn")
        ours, theirs = context.Pipe()
        worker = context.Process(target=work, args=(theirs,), daemon=True)
        worker.start()
        theirs.close()
        self.workers[ours] = worker
        self.idle.append(ours)

    def run(self) -> Outcome:
        told = False
        try:
            while self._hand_out() or self.busy:
                if self.interrupted() and not told:
                    told = True
                    for link in self.busy:
                        _send(link, {"stop": True})
                ready = wait(list(self.busy), _TELL_S)
                for link in [one for one in self.busy if one in ready]:
                    self._hear(link)
        finally:
            for link, worker in self.workers.items():
                link.close()  # a worker that hears nothing more ends
                worker.join(1.0)
                if worker.is_alive():
                    worker.terminate()
        self.outcome.tallies = self.shares.in_order()
        self.outcome.interrupted = self.interrupted()
        return self.outcome

    def _hand_out(self) -> bool:
        handed = False
        while self.idle and self.shares.ready and not self.interrupted():
            link, task = self.idle.pop(), self.shares.next()
            self.busy[link] = task
            _send(link, {**_task_said(task), "rows": self.count_rows})
            handed = True
        return handed

    def _hear(self, link: Connection) -> None:
        task = self.busy[link]
        try:
            said = _receive(link)
        except (EOFError, OSError):
            code = self.workers[link].exitcode
            name = task.situation.full_name
            mend = "fewer --jobs or --max-states need less memory"
            raise UserError(f"the worker on {name} was ended (code {code}); {mend}") from None
        tally = _tally_heard(task.situation, said)
        if not said["done"]:
            self.under_way[tally.situation.full_name] = tally
        else:
            self.under_way.pop(tally.situation.full_name, None)
            self.shares.tallies[task.number] = tally
            rows.add(self.outcome.counts, rows.read(said["rows"], "a worker"))
            self.idle.append(link)
            del self.busy[link]
        self.show({**_named(self.shares.tallies.values()), **self.under_way})


def work(link: Connection) -> None:
    """The life of a worker: tasks until its parent is gone."""
    try:
        while True:
            said = _receive(link)
            if "stop" in said:
                continue  # it came when the task was done already
            _send(link, _worked(link, said))
    except (EOFError, OSError):
        return


def _worked(link: Connection, said: dict[str, Any]) -> dict[str, Any]:
    (situation,) = find(said["situation"])
    situation = attrs.evolve(situation, faults=said["faults"])
    task = Task(0, situation, said["max_states"], said["seconds"], said["walks"])
    in_time = _in_time(task.seconds)
    told = time.monotonic()
    stopped = False

    def go_on(tally: Tally) -> bool:
        nonlocal told, stopped
        if time.monotonic() - told > _TELL_S:
            told = time.monotonic()
            _send(link, {**_tally_said(tally), "done": False})
        stopped = stopped or (link.poll() and "stop" in _receive(link))
        return in_time(tally) and not stopped

    counting = rows.Counting() if said["rows"] else None
    tally = task.run(go_on)
    counts = counting.end() if counting else {}
    return {**_tally_said(tally), "done": True, "rows": rows.tree(counts)}


# -- what is said ----------------------------------------------------------------------------


def _send(link: Connection, said: dict[str, Any]) -> None:
    link.send_bytes(orjson.dumps(said))


def _receive(link: Connection) -> dict[str, Any]:
    said: dict[str, Any] = orjson.loads(link.recv_bytes())
    return said


def _task_said(task: Task) -> dict[str, Any]:
    return {
        "situation": task.situation.full_name,
        "faults": task.situation.faults,
        "max_states": task.max_states,
        "seconds": task.seconds,
        "walks": task.walks,
    }


def _tally_said(tally: Tally) -> dict[str, Any]:
    said = {name: getattr(tally, name) for name in _FIGURES}
    violations = [[one.law, one.text, one.steps] for one in tally.violations]
    return {**said, "violations": violations}


def _tally_heard(situation: Situation, said: dict[str, Any]) -> Tally:
    tally = Tally(situation, **{name: said[name] for name in _FIGURES})
    for law, text, steps in said["violations"]:
        path = tuple(tuple(step) for step in steps)
        tally.violations.append(Violation(situation, law, text, path))
    return tally


_FIGURES: Final = tuple(
    field.name for field in attrs.fields(Tally) if field.name not in ("situation", "violations")
)

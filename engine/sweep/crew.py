"""Cells side by side, each process with one at a time.

What comes out of a cell depends on the cell alone, so any number of processes finds the same. A
process that is killed costs the cell it had, which another one tries once more.
"""

from __future__ import annotations

import signal
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from multiprocessing import get_context, resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, Final

import attrs
import orjson

TRIES: Final = 2
TELL_S: Final = 0.2  # between two words of a worker on how far it is
PATIENCE_S: Final = 2.0  # for a worker that is told to end

Said = dict[str, Any]
Tell = Callable[[float], bool]
Work = Callable[[Said, Tell], Said]
Show = Callable[[float], None]  # the parts of the tasks under way, as a sum


@attrs.frozen
class Task:
    """``key`` names it; equal keys are the same task."""

    key: str
    said: Said


@attrs.define
class _Worker:
    process: BaseProcess
    task: Task | None = None
    part: float = 0.0


class Crew:
    """``work`` is a function of a module: it is called in the processes."""

    def __init__(self, jobs: int, work: Work) -> None:
        self._jobs = jobs
        self._work = work
        self._workers: dict[Connection, _Worker] = {}
        self._waiting: deque[Task] = deque()
        self._lost: dict[str, int] = {}

    def run(
        self, tasks: Iterable[Task], stopping: Callable[[], bool], show: Show
    ) -> Iterator[tuple[Task, Said]]:
        """What was made of each, as they are done. ``lost`` is told of one whose process ended
        twice. When it is ``stopping``, what is under way is given up."""
        self._waiting = deque(tasks)
        try:
            while not stopping() and (self._hand_out() or self._busy()):
                for link in wait(list(self._busy()), TELL_S):
                    assert isinstance(link, Connection)
                    heard = self._hear(link)
                    if heard is not None:
                        yield heard
                show(sum(one.part for one in self._busy().values()))
        finally:
            self._end()

    def _busy(self) -> dict[Connection, _Worker]:
        return {link: one for link, one in self._workers.items() if one.task is not None}

    def _hand_out(self) -> bool:
        handed = False
        while self._waiting and len(self._busy()) < self._jobs:
            idle = [link for link, one in self._workers.items() if one.task is None]
            link = idle[0] if idle else self._hire()
            worker = self._workers[link]
            worker.task = self._waiting.popleft()
            worker.part = 0.0
            with suppress(OSError):  # if it has ended, that is heard
                link.send_bytes(orjson.dumps(worker.task.said))
            handed = True
        return handed

    def _hire(self) -> Connection:
        context = get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_life, args=(theirs, self._work), daemon=True)
        # What is blocked here while it starts is blocked in it: an interrupt from the keyboard
        # reaches all, and this process alone says what follows. The tracker, when it is started,
        # takes away what is blocked, so it has to be there.
        resource_tracker.ensure_running()
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        theirs.close()
        self._workers[ours] = _Worker(process)
        return ours

    def _hear(self, link: Connection) -> tuple[Task, Said] | None:
        worker = self._workers[link]
        task = worker.task
        assert task is not None
        try:
            said: Said = orjson.loads(link.recv_bytes())
        except (EOFError, OSError):
            return self._mourn(link, worker.process, task)
        if "part" in said:
            worker.part = said["part"]
            return None
        worker.task = None
        return task, said["made"]

    def _mourn(
        self, link: Connection, process: BaseProcess, task: Task
    ) -> tuple[Task, Said] | None:
        del self._workers[link]
        link.close()
        process.join(PATIENCE_S)
        self._lost[task.key] = self._lost.get(task.key, 0) + 1
        if self._lost[task.key] < TRIES:
            self._waiting.append(task)
            return None
        mend = "fewer --jobs need less memory"
        said = f"its process was ended {TRIES} times (code {process.exitcode}); {mend}"
        return task, {"failed": said, "lost": True}

    def _end(self) -> None:
        for link, worker in self._workers.items():
            link.close()  # a worker that hears nothing more ends
            if worker.task is not None:
                worker.process.terminate()
        for worker in self._workers.values():
            worker.process.join(PATIENCE_S)
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join()
        self._workers.clear()


def _life(link: Connection, work: Work) -> None:
    """Of a worker: tasks until its parent is gone."""
    told_s = time.monotonic()

    def tell(part: float) -> bool:
        nonlocal told_s
        if time.monotonic() - told_s < TELL_S:
            return True
        told_s = time.monotonic()
        try:
            link.send_bytes(orjson.dumps({"part": part}))
        except OSError:
            return False
        return True

    try:
        while True:
            said = orjson.loads(link.recv_bytes())
            link.send_bytes(orjson.dumps({"made": work(said, tell)}))
    except (EOFError, OSError):
        return

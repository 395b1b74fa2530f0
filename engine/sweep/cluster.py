"""Cells on the workers of a Dask cluster, where one machine is too small.

A worker reads the ticks at the paths that they have here, and must have the same engine. A cell
whose worker is killed is given to another one by the scheduler, as often as it allows.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError
from contextlib import suppress
from functools import cache
from typing import Any, Final

from engine.errors import UserError
from engine.sweep.crew import TELL_S, Said, Show, Task, Work
from engine.sweep.inputs import code

CONNECT_S: Final = 10
AHEAD: Final = 2  # cells for each thread of the cluster that are handed out before their time


class Cluster:
    """Raises UserError: the library is not there, or no scheduler answers."""

    def __init__(self, scheduler: str, work: Work) -> None:
        try:
            import distributed
        except ImportError:
            mend = 'pip install "statechart-order-engine[dask]"'
            raise UserError(f"--scheduler needs dask.distributed: {mend}") from None
        self._dask: Any = distributed
        self._work = work
        self._code = code()
        self._scheduler = scheduler
        try:
            self._client: Any = distributed.Client(scheduler, timeout=CONNECT_S)
        except (OSError, ValueError) as problem:
            said = str(problem).splitlines()[0]
            raise UserError(f"--scheduler {scheduler}: no scheduler answers: {said}") from None

    def run(
        self, tasks: Iterable[Task], stopping: Callable[[], bool], show: Show
    ) -> Iterator[tuple[Task, Said]]:
        """As ``Crew.run``."""
        waiting, flying = deque(tasks), dict[Any, Task]()
        try:
            while (waiting or flying) and not stopping():
                while waiting and len(flying) < self._room():
                    task = waiting.popleft()
                    future = self._client.submit(
                        remote, self._work, task.said, self._code, key=f"cell-{task.key}"
                    )
                    flying[future] = task
                for future in self._ended(flying):
                    yield flying.pop(future), self._made(future)
                show(0.0)
        finally:
            with suppress(Exception):  # of a scheduler that is gone; what it was is told already
                self._client.cancel(list(flying))

    def close(self) -> None:
        self._client.close()

    def _room(self) -> int:
        threads: dict[str, int] = self._client.nthreads()
        return AHEAD * max(sum(threads.values()), 1)

    def _ended(self, flying: Iterable[Any]) -> list[Any]:
        try:
            ended = self._dask.wait(list(flying), timeout=TELL_S, return_when="FIRST_COMPLETED")
        except TimeoutError:
            return []
        except CancelledError:
            raise self._gone() from None
        return list(ended.done)

    def _gone(self) -> UserError:
        return UserError(f"--scheduler {self._scheduler}: the scheduler is gone")

    def _made(self, future: Any) -> Said:
        try:
            made: Said = future.result()
        except self._dask.scheduler.KilledWorker:
            return {"failed": "its worker was ended, each time it was tried", "lost": True}
        except CancelledError:
            raise self._gone() from None
        except Exception as problem:  # of the cluster: a cell's own failures are results
            return {"failed": f"{type(problem).__name__}: {problem}"[:500], "lost": True}
        return made


def remote(work: Work, said: Said, wanted: str) -> Said:
    """On a worker."""
    there = _code()
    if there != wanted:
        return {"failed": f"its worker has another engine ({there}, not {wanted})", "lost": True}
    return work(said, lambda part: True)


_code: Final = cache(code)

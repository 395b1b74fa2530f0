"""What is to happen later, in the order of its moments and, within one, of its planning."""

from __future__ import annotations

import heapq
from collections.abc import Callable


class Timers:
    """Moments are nanoseconds of whatever clock their owner keeps."""

    __slots__ = ("_count", "_heap", "next_ns")

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, Callable[[], object]]] = []
        self._count = 0
        self.next_ns: int | None = None  # of what is next; asked far more often than it changes

    def at(self, time_ns: int, what: Callable[[], object]) -> None:
        self._count += 1
        heapq.heappush(self._heap, (time_ns, self._count, what))
        self.next_ns = self._heap[0][0]

    def pop(self, until_ns: int) -> tuple[int, Callable[[], object]] | None:
        """The next that is due by ``until_ns``, with its moment."""
        if self.next_ns is None or self.next_ns > until_ns:
            return None
        due_ns, _, what = heapq.heappop(self._heap)
        self.next_ns = self._heap[0][0] if self._heap else None
        return due_ns, what

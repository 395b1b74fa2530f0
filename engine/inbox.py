"""The one way in for every other thread: a bounded queue with a wake-up the writer polls.

What is put here is answered through a future: a signal once it is durable, a question once the
writer has looked. A full inbox refuses at once; it never blocks the one who asks and never
grows.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any, Final

import attrs

from engine.errors import LimitError

ITEMS_MAX: Final = 10_000
TURN_MAX: Final = 256  # taken per turn of the writer, so that a flood cannot starve the broker


@attrs.frozen
class Letter:
    """Something to do, and the future that tells when it is done."""

    content: Any
    answer: Future[Any]


class Inbox:
    def __init__(self, items_max: int = ITEMS_MAX) -> None:
        self._letters: deque[Letter] = deque()
        self._lock = threading.RLock()  # put_all puts
        self._items_max = items_max
        self._closed = False
        self.wake_fd: Final = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self.refused = 0

    def put(self, content: Any) -> Future[Any]:
        """Hand ``content`` to the writer.

        Raises:
            LimitError: the inbox is full, or the engine has stopped.
        """
        letter = Letter(content, Future())
        with self._lock:
            if self._closed:
                raise LimitError("the engine has stopped")
            if len(self._letters) >= self._items_max:
                self.refused += 1
                raise LimitError(f"the inbox is full ({self._items_max} items)")
            self._letters.append(letter)
            os.eventfd_write(self.wake_fd, 1)
        return letter.answer

    def put_all(self, contents: Sequence[Any]) -> list[Future[Any]]:
        """Hand several to the writer, in their order with nothing between them, or none.

        Raises:
            LimitError: there is no room for all of them, or the engine has stopped.
        """
        with self._lock:
            if not self._closed and len(self._letters) + len(contents) > self._items_max:
                self.refused += 1
                raise LimitError(
                    f"the inbox has no room for {len(contents)} items ({self._items_max} in all)"
                )
            return [self.put(content) for content in contents]

    def take(self) -> list[Letter]:
        """At most TURN_MAX letters, in order; wakes the writer again if more are waiting."""
        taken: list[Letter] = []
        with self._lock:
            while self._letters and len(taken) < TURN_MAX:
                taken.append(self._letters.popleft())
            if self._letters and not self._closed:
                os.eventfd_write(self.wake_fd, 1)
        return taken

    def wake(self) -> None:
        with self._lock:
            if not self._closed:
                os.eventfd_write(self.wake_fd, 1)

    def close(self) -> None:
        """Refuse what is waiting and whatever comes later."""
        with self._lock:
            self._closed = True
            waiting, self._letters = list(self._letters), deque()
            os.close(self.wake_fd)
        for letter in waiting:
            letter.answer.set_exception(LimitError("the engine has stopped"))

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

from engine.errors import LimitError, UserError

ITEMS_MAX: Final = 10_000
TURN_MAX: Final = 64  # taken per turn of the writer, so that a flood cannot starve the broker


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
        self._reader = 0  # the thread that takes
        self.wake_fd: Final = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self.refused = 0

    def put(self, content: Any) -> Future[Any]:
        """Hand ``content`` to the writer.

        Raises:
            LimitError: the inbox is full, or the engine has stopped.
        """
        letter = Letter(content, _promise())
        with self._lock:
            if self._closed:
                raise LimitError("the engine has stopped")
            if len(self._letters) >= self._items_max:
                self.refused += 1
                raise LimitError(f"the inbox is full ({self._items_max} items)")
            # Whoever takes, takes all or wakes itself again: one wake-up is for many letters. Each
            # costs a system call, and with it the interpreter goes to another thread.
            if not self._letters:
                os.eventfd_write(self.wake_fd, 1)
            self._letters.append(letter)
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

    def ask(self, content: Any, timeout_s: float | None = None) -> Any:
        """Hand ``content`` to the writer and wait for its answer.

        Raises:
            LimitError: the inbox is full, or the engine has stopped.
            TimeoutError: no answer came in ``timeout_s``.
            UserError: the writer itself asks, and would wait for itself for ever.
        """
        self._refuse_writer()
        return self.put(content).result(timeout_s)

    def ask_all(self, contents: Sequence[Any]) -> list[Any]:
        """The same for several, as ``put_all`` hands them in."""
        self._refuse_writer()
        return [answer.result() for answer in self.put_all(contents)]

    def _refuse_writer(self) -> None:
        if not self._closed and self._reader == threading.get_ident():
            raise UserError(
                "the engine's own thread cannot wait for the engine: a callback of a future, or a "
                "signal handler of a program that runs it in the foreground, hands such a call to "
                "another thread"
            )

    def take(self) -> list[Letter]:
        """At most TURN_MAX letters, in order; wakes the writer again if more are waiting."""
        self._reader = threading.get_ident()
        taken: list[Letter] = []
        with self._lock:
            while self._letters and len(taken) < TURN_MAX:
                taken.append(self._letters.popleft())
            if self._letters and not self._closed:
                os.eventfd_write(self.wake_fd, 1)
        return taken

    @property
    def waiting(self) -> int:
        """Letters that the writer has not taken."""
        return len(self._letters)

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


def _promise() -> Future[Any]:
    """A future that nobody can cancel. Whoever stops waiting (``asyncio.wait_for`` cancels what it
    waited for) takes nothing back, and the writer must be able to answer all the same."""
    promise: Future[Any] = Future()
    promise.set_running_or_notify_cancel()
    return promise

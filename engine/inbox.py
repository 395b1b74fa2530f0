"""The one way in for every other thread: bounded queues with a wake-up the writer polls.

What is put here is answered through a future: a signal once it is durable, a question once the
writer has looked. A full inbox refuses at once; it never blocks the one who asks and never
grows.

Signals from outside (polled, posted, tailed) have a lane of their own. Between them and what a
host or an operator asks, any order is as good as another, so they wait for both and for the
broker, and few of them are taken at a time: what protects a position never waits for many.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, Final

import attrs

from engine.codec import check
from engine.errors import LimitError, UserError
from engine.inputs import HaltRequested, Input, Noticed, Signal, SignalRefused
from engine.loggers import logger

ITEMS_MAX: Final = 10_000
TURN_MAX: Final = 64  # taken per turn of the writer, so that a flood cannot starve the broker
SIGNALS_MAX: Final = 8  # of the lane
_LOG: Final = logger("engine.inbox")


@attrs.frozen
class Letter:
    """Something to do, and the future that tells when it is done; those that came together have
    one, with the last of them. ``patient``: its answer may wait for what else becomes durable."""

    content: Any
    answer: Future[Any] | None
    patient: bool = False


class Inbox:
    def __init__(self, items_max: int = ITEMS_MAX) -> None:
        self._letters: deque[Letter] = deque()
        self._signals: deque[Letter] = deque()
        # Nobody holds it for long; who does may be interrupted by a signal's handler that puts.
        self._lock = threading.RLock()
        self._items_max = items_max
        self._closed = False
        self._reader = 0  # the thread that takes
        self.wake_fd: Final = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self.refused = 0

    def put(self, content: Any) -> Future[Any]:
        """Hand ``content`` to the writer.

        Raises:
            LimitError: the inbox is full, or the engine has stopped.
            UserError: a value in it has no place in the journal.
        """
        return self.put_all((content,))[0]

    def put_all(self, contents: Sequence[Any]) -> list[Future[Any]]:
        """Hand several to the writer, in their order with nothing between them, or none. For the
        kill switch there is always room: who fills the inbox may be who is to be stopped.

        Raises:
            LimitError: there is no room for all of them, or the engine has stopped.
            UserError: a value in them has no place in the journal.
        """
        for content in contents:
            if isinstance(content, Input):
                check(content)
        answers = [_promise() for _ in contents]
        stops = any(isinstance(content, HaltRequested) for content in contents)
        with self._lock:
            self._make_room(self._letters, 0 if stops else len(contents))
            self._letters += map(Letter, contents, answers)
        return answers

    def put_signals(self, contents: Sequence[Any]) -> Future[Any]:
        """Hand signals of the lane to the writer, in their order; done when all are durable.

        Raises:
            LimitError: there is no room for all of them, or the engine has stopped.
        """
        assert contents
        answer = _promise()
        letters = [Letter(content, None, patient=True) for content in contents[:-1]]
        letters.append(Letter(contents[-1], answer, patient=True))
        with self._lock:
            self._make_room(self._signals, len(letters))
            self._signals += letters
        return answer

    def _make_room(self, queue: deque[Letter], count: int) -> None:
        if self._closed:
            raise LimitError("the engine has stopped")
        if count and len(queue) + count > self._items_max:
            self.refused += 1
            if count == 1:
                raise LimitError(f"the inbox is full ({self._items_max} items)")
            raise LimitError(f"the inbox has no room for {count} items ({self._items_max} in all)")
        # Whoever takes, takes all or wakes itself again: one wake-up is for many letters. Each
        # costs a system call, and with it the interpreter goes to another thread.
        if not (self._letters or self._signals):
            os.eventfd_write(self.wake_fd, 1)

    def ask(self, content: Any, timeout_s: float | None = None) -> Any:
        """Hand ``content`` to the writer and wait for its answer.

        Raises:
            LimitError: the inbox is full, or the engine has stopped.
            TimeoutError: no answer came in ``timeout_s``.
            UserError: the writer itself asks, and would wait for itself for ever; or as ``put``.
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

    def take(self, signals: bool = True) -> list[Letter]:
        """At most TURN_MAX letters, in order, and SIGNALS_MAX of the lane, if ``signals`` are
        wanted now; wakes the writer again if more are waiting."""
        self._reader = threading.get_ident()
        taken: list[Letter] = []
        with self._lock:
            while self._letters and len(taken) < TURN_MAX:
                taken.append(self._letters.popleft())
            few = min(len(self._signals), SIGNALS_MAX) if signals else 0
            taken += [self._signals.popleft() for _ in range(few)]
            if (self._letters or self._signals) and not self._closed:
                os.eventfd_write(self.wake_fd, 1)
        return taken

    @property
    def waiting(self) -> int:
        """Letters that the writer has not taken."""
        return len(self._letters) + len(self._signals)

    def wake(self) -> None:
        with self._lock:
            if not self._closed:
                os.eventfd_write(self.wake_fd, 1)

    def close(self) -> None:
        """Refuse what is waiting and whatever comes later."""
        with self._lock:
            self._closed = True
            waiting = [*self._letters, *self._signals]
            self._letters.clear()
            self._signals.clear()
            os.close(self.wake_fd)
        for letter in waiting:
            if letter.answer is not None:
                letter.answer.set_exception(LimitError("the engine has stopped"))


class SignalLane:
    """The inbox as the ways in see it: ``engine.signals.intake.Lane``."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox

    def __call__(self, content: Signal | SignalRefused) -> Future[Any]:
        return self._inbox.put_signals((content,))

    def together(self, contents: Sequence[Signal]) -> list[Future[Any]]:
        return [self._inbox.put_signals(contents)] * len(contents)

    def warn(self, text: str) -> None:
        self._inbox.put(Noticed("warning", text))


class _Promise(Future[Any]):
    def add_done_callback(self, fn: Callable[[Future[Any]], object]) -> None:
        """``fn`` is called on the writer's thread: what it raises, also to end its program or its
        task, must not end the writer."""

        def called(done: Future[Any]) -> None:
            try:
                fn(done)
            except KeyboardInterrupt:
                raise
            except BaseException:
                _LOG.exception("%r failed on an answer", fn)

        super().add_done_callback(called)


def _promise() -> Future[Any]:
    """A future that nobody can cancel. Whoever stops waiting (``asyncio.wait_for`` cancels what it
    waited for) takes nothing back, and the writer must be able to answer all the same."""
    promise = _Promise()
    promise.set_running_or_notify_cancel()
    return promise

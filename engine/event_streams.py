"""Events to be fetched instead of handled: for a program with its own loop or thread.

A stream is a bounded buffer between the bus's delivery thread, which puts, and one consumer. A
consumer that falls behind loses events by the stream's own policy, counted in ``dropped``; it
never holds up the bus.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Generic, Literal, Self, TypeVar

from engine.events import BaseEvent

Overflow = Literal["drop_oldest", "drop_newest"]
E = TypeVar("E", bound=BaseEvent)


class _Buffer(Generic[E]):
    """What both kinds of stream share. ``_changed`` guards everything below it."""

    def __init__(self, events_max: int, overflow: Overflow) -> None:
        assert events_max >= 1, events_max
        assert overflow in ("drop_oldest", "drop_newest"), overflow
        self.events_max = events_max
        self.overflow = overflow
        self.dropped = 0
        self.on_close: Callable[[], None] | None = None
        self._changed = threading.Condition()
        self._events: deque[E] = deque()
        self._finished = False

    def put(self, event: E) -> None:
        """The delivery thread's side."""
        with self._changed:
            if self._finished:
                return
            if len(self._events) >= self.events_max:
                self.dropped += 1
                if self.overflow == "drop_newest":
                    return
                self._events.popleft()
            self._events.append(event)
            self._wake()

    def finish(self) -> None:
        """No more will come; what is buffered can still be taken."""
        with self._changed:
            self._finished = True
            self._wake()

    def close(self) -> None:
        """Unsubscribe and forget what is buffered. Idempotent."""
        with self._changed:
            self._finished = True
            self._events.clear()
            self._wake()
            detach, self.on_close = self.on_close, None
        if detach is not None:
            detach()

    def _wake(self) -> None:
        raise NotImplementedError


class EventStream(_Buffer[E]):
    """An iterator for a plain thread; ``with`` closes it."""

    def __init__(self, events_max: int, overflow: Overflow, timeout_s: float | None) -> None:
        super().__init__(events_max, overflow)
        self.timeout_s = timeout_s

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> E:
        with self._changed:
            self._changed.wait_for(lambda: self._events or self._finished, self.timeout_s)
            if not self._events:
                raise StopIteration
            return self._events.popleft()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _wake(self) -> None:
        self._changed.notify_all()


class AsyncEventStream(_Buffer[E]):
    """An asynchronous iterator for the loop that was running when it was made; ``async with``
    closes it."""

    def __init__(self, events_max: int, overflow: Overflow) -> None:
        super().__init__(events_max, overflow)
        self._loop = asyncio.get_running_loop()
        self._ready = asyncio.Event()
        # At most one call is under way to the loop, however long the loop is held up.
        self._called = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> E:
        while True:
            with self._changed:
                if self._events:
                    return self._events.popleft()
                if self._finished:
                    raise StopAsyncIteration
                self._ready.clear()
                self._called = False
            await self._ready.wait()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _wake(self) -> None:
        if self._called:
            return
        self._called = True
        try:
            self._loop.call_soon_threadsafe(self._ready.set)
        except RuntimeError:  # the consumer's loop was closed: nobody will take any more
            self._finished = True
            self._events.clear()

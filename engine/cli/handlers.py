"""Handlers of the system's signals, in place while somebody wants them."""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping
from types import FrameType, TracebackType
from typing import Any, Final, Self

INTERRUPTED: Final = 130  # the exit code of what SIGINT ended, as a shell has it
Handler = Callable[[int, FrameType | None], object]


class Handlers:
    """While it is entered, on the main thread, these handle their signals; then those before."""

    def __init__(self, handlers: Mapping[signal.Signals, Handler]) -> None:
        self._handlers = handlers
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        for number, handler in self._handlers.items():
            self._before[number] = signal.signal(number, handler)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

"""The log: everything that was decided, refused, told and remarked, a line each.

It stands at the end of a bounded queue with a thread of its own, so that a slow disk holds up
neither the writer nor another observer. What does not fit, and what the disk refuses, is counted;
the log says it in the place where it is missing, and a person is told once. Prices are not in it:
they are many, and whatever came of one has its line.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Any, Final, Protocol, Self

import attrs

from engine.bus import Subscription
from engine.errors import LimitError
from engine.events import (
    BaseEvent,
    OptionsFlowEvent,
    ReconciledEvent,
    RefusalEvent,
    SessionChangedEvent,
    TradeBound,
    TradingHaltedEvent,
    TradingResumedEvent,
)
from engine.monitor.log_file import LogFile
from engine.monitor.log_lines import LEVELS, RENDER, Fields, fields_of, level_of
from engine.monitor.log_settings import MIB, Form, LogSettings
from engine.monitor.remarks import LOGGER, Remark, Remarks
from engine.redaction import Redaction
from engine.version import VERSION

ITEMS_MAX: Final = 16_384  # that wait
BATCH_MAX: Final = 512  # lines that are written as one
STOP_TIMEOUT_S: Final = 5.0
# All events but those of the market, for whose sake it would have to be sampled.
LOGGED: Final[tuple[type[BaseEvent], ...]] = (
    TradeBound,
    OptionsFlowEvent,
    RefusalEvent,
    SessionChangedEvent,
    ReconciledEvent,
    TradingHaltedEvent,
    TradingResumedEvent,
)
Item = BaseEvent | Remark


class Loggable(Protocol):
    """What is needed of an engine."""

    @property
    def bus(self) -> Any: ...
    def notice(self, level: Any, text: str) -> None: ...
    def now_ns(self) -> int: ...


class Sink(Protocol):
    """Where lines go."""

    def write(self, lines: bytes) -> None: ...
    def close(self) -> None: ...


class _StandardError:
    def write(self, lines: bytes) -> None:
        sys.stderr.write(lines.decode())
        sys.stderr.flush()

    def close(self) -> None:
        """It is the process's."""


@attrs.define
class _Place:
    """A sink, and what of the log is not in it."""

    name: str
    sink: Sink
    form: Form
    missing: int = 0
    gap: int = 0  # of those, since it was last written
    failed: str = ""  # why the latest attempt failed


class Log:
    """``with Log(settings, engine):`` around the engine's run. ``accounts`` are masked by name.

    Raises:
        UserError: the file cannot be written.
    """

    def __init__(
        self, settings: LogSettings, engine: Loggable, accounts: Iterable[str] = ()
    ) -> None:
        self.redaction: Final = Redaction(accounts)
        self.lost = 0  # lines that did not fit into the queue
        self._engine = engine
        self._level = LEVELS[settings.level]
        self._places = list(_places(settings))
        self._queue: SimpleQueue[Item | None] = SimpleQueue()
        self._told = 0  # of what was lost
        self._losing = threading.Lock()  # of the two counts; taken only where something is lost
        self._remarks = Remarks(self._level, self.put)
        self._logger_level = LOGGER.level
        self._subscriptions: list[Subscription] = []
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)

    @property
    def missing(self) -> dict[str, int]:
        """How many lines each place lacks."""
        return {one.name: self.lost + one.missing for one in self._places}

    def start(self) -> Self:
        if not LOGGER.isEnabledFor(self._level):
            LOGGER.setLevel(self._level)
        self._remarks.__enter__()
        self._subscriptions = [self._engine.bus.subscribe(one, self.put) for one in LOGGED]
        self.put(self._remark("info", f"the log begins: engine {VERSION}, process {os.getpid()}"))
        self._thread.start()
        return self

    def stop(self) -> None:
        """Write what waits. A disk that hangs is given up after STOP_TIMEOUT_S."""
        for one in self._subscriptions:
            one.unsubscribe()
        self._remarks.__exit__(None, None, None)
        LOGGER.setLevel(self._logger_level)
        self._tell_losses()
        self._queue.put(self._remark("info", "the log ends"))
        self._queue.put(None)
        self._thread.join(STOP_TIMEOUT_S)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    # -- any thread, also the writer's -----------------------------------------------------------

    def put(self, item: Item) -> None:
        """Never waits."""
        if LEVELS.get(level_of(item), logging.CRITICAL) < self._level:
            return
        if self._queue.qsize() >= ITEMS_MAX:
            with self._losing:
                self.lost += 1
            return
        if self.lost != self._told:
            self._tell_losses()
        self._queue.put(item)

    def _tell_losses(self) -> None:
        with self._losing:
            lost, self._told = self.lost - self._told, self.lost
        if lost:
            text = f"{lost} lines are missing here: more was said than could be written"
            self._queue.put(self._remark("warning", text))

    def _remark(self, level: str, text: str) -> Remark:
        return Remark(self._engine.now_ns(), level, text, __name__)

    # -- its own thread --------------------------------------------------------------------------

    def _run(self) -> None:
        ended = False
        while not ended:
            batch = self._batch()
            ended = batch[-1] is None
            said = [self._fields(one) for one in batch if one is not None]
            for place in self._places:
                self._write(place, said)
        for place in self._places:
            place.sink.close()

    def _batch(self) -> list[Item | None]:
        batch = [self._queue.get()]
        try:
            while batch[-1] is not None and len(batch) < BATCH_MAX:
                batch.append(self._queue.get_nowait())
        except Empty:
            pass
        return batch

    def _fields(self, item: Item) -> Fields:
        try:
            return fields_of(item, self.redaction)
        except Exception as problem:  # one line that cannot be made must not end the log
            text = f"a line of {type(item).__name__} could not be made: {problem!r}"
            return fields_of(self._remark("error", text), self.redaction)

    def _write(self, place: _Place, said: Sequence[Fields]) -> None:
        render = RENDER[place.form]
        gap = []
        if place.failed:
            text = f"{place.gap} lines are missing here: {place.failed}"
            gap = [fields_of(self._remark("warning", text), self.redaction)]
        lines = "".join(f"{render(one)}\n" for one in (*gap, *said))
        try:
            place.sink.write(lines.encode())
        except (OSError, ValueError) as problem:  # ValueError: standard error was closed
            place.missing += len(said)
            place.gap += len(said)
            why = getattr(problem, "strerror", None) or str(problem)
            if not place.failed:
                self._notice(f"the log cannot be written to {place.name}: {why}")
            place.failed = why
        else:
            if place.failed:
                count = place.gap
                self._notice(f"the log is written again to {place.name}; it lacks {count} lines")
            place.failed, place.gap = "", 0

    def _notice(self, text: str) -> None:
        try:
            self._engine.notice("warning", text)
        except LimitError:
            return  # the engine has stopped, or is so busy that this is the least


def check_places(settings: LogSettings) -> None:
    """Raises UserError, in one line, if the log cannot be written."""
    for place in _places(settings):
        place.sink.close()


def _places(settings: LogSettings) -> Iterator[_Place]:
    chosen = settings.form
    if settings.file:
        file = LogFile(Path(settings.file), settings.file_mib_max * MIB, settings.files_max)
        file.check()
        yield _Place(settings.file, file, "json" if chosen == "auto" else chosen)
    if settings.stderr:
        form: Form = "console" if chosen == "auto" else chosen
        yield _Place("standard error", _StandardError(), form)

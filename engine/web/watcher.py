"""Looks at the engine for all viewers together, on a thread of its own.

Four times a second while somebody watches, once a second else (so that a page that is opened finds
a price path). It asks the writer one question at a time and waits for its answer as long as that
takes; the writer never waits for it, and events reach it by a bounded queue.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from functools import partial
from typing import Any, Final, Protocol, TypeVar

import orjson

from engine.bus import Subscription
from engine.errors import LimitError
from engine.events import BaseEvent, MarketEvent
from engine.loggers import logger
from engine.monitor.remarks import Remark, Remarks
from engine.monitor.tick_rate import TickRate
from engine.view import Question
from engine.web.feed import ENTRIES_MAX, Feed
from engine.web.look import Look, look
from engine.web.metrics import Metrics
from engine.web.plain import MS_NS
from engine.web.sections import entry, note, sections

WATCHED_S: Final = 0.25
ALONE_S: Final = 1.0
PATIENCE_S: Final = 0.5  # then it is told that the writer does not answer
POINTS_MAX: Final = 1_200  # of a price path
REMARKS_MAX: Final = 500  # of the program's own
LOG: Final = logger("engine")
T = TypeVar("T")


class Watchable(Protocol):
    """What is needed of an engine."""

    @property
    def bus(self) -> Any: ...
    @property
    def ways(self) -> Any: ...
    @property
    def waiting(self) -> int: ...
    def submit(self, request: Any) -> Future[Any]: ...


class Watcher:
    """``watched`` says whether there are viewers, ``told`` wakes them."""

    def __init__(
        self,
        engine: Watchable,
        feed: Feed,
        watched: Callable[[], bool],
        told: Callable[[], object],
    ) -> None:
        self.feed: Final = feed
        self.metrics: Final = Metrics()
        self._engine = engine
        self._watched = watched
        self._told = told
        self._events: deque[BaseEvent] = deque(maxlen=ENTRIES_MAX)
        self._paths: dict[str, deque[tuple[float, float | None, float | None, float | None]]] = {}
        self._remarks: deque[Remark] = deque(maxlen=REMARKS_MAX)
        self._listening = Remarks(logging.WARNING, self._remarks.append)
        self._asked: Future[Look] | None = None
        self._asked_s = 0.0
        self._answer_s = 0.0  # of the latest question, as far as it is known
        self._rate, self._ticks_per_s = TickRate(), 0.0
        self._said = False  # that it could not look
        self._end = threading.Event()
        self._subscription: Subscription | None = None
        self._thread = threading.Thread(target=self._run, name="dashboard", daemon=True)

    def start(self) -> None:
        self._subscription = self._engine.bus.subscribe(BaseEvent, self._take)
        self._listening.__enter__()
        self._thread.start()

    def stop(self) -> None:
        self._end.set()
        self._listening.__exit__(None, None, None)
        if self._subscription is not None:
            self._subscription.unsubscribe()
        if self._thread.is_alive():
            self._thread.join(2 * PATIENCE_S)

    def paths(self) -> bytes:
        """The price path of every symbol: time in ms, bid, ask, last."""
        return orjson.dumps({name: list(points) for name, points in list(self._paths.items())})

    # -- on its thread ---------------------------------------------------------------------------

    def _take(self, event: BaseEvent) -> None:
        """On the bus's thread."""
        if not isinstance(event, MarketEvent):
            self._events.append(event)
            self.metrics.add(event)

    def _run(self) -> None:
        while not self._end.wait(WATCHED_S if self._watched() else ALONE_S):
            try:
                self.turn()
            except Exception:  # its viewers are told, and the next turn may do better
                self._failed()

    def _failed(self) -> None:
        self._asked = None
        if not self._said:
            self._said = True
            LOG.exception("the dashboard could not look at the engine")
        self.feed.put([self._health(False)])
        self._told()

    def turn(self) -> None:
        found = self._look()
        self.metrics.seen(found, self._answer_s)
        if found is not None:
            self._ticks_per_s = self._rate.add(time.monotonic(), found.ticks)
            self._extend_paths(found)
            self.feed.put([*sections(found), self._health(True)], self._entries(), found.account)
        else:
            self.feed.put([self._health(False)], self._entries())
        self._told()

    def _look(self) -> Look | None:
        """None while the writer is busy with something else: connecting, or ending."""
        try:
            if self._asked is None:
                self._asked, self._asked_s = self._engine.submit(Question(look)), time.monotonic()
            found = self._asked.result(PATIENCE_S)
        except TimeoutError:
            self._answer_s = time.monotonic() - self._asked_s
            return None
        except LimitError:
            self._asked = None
            return None
        self._asked = None
        self._answer_s = time.monotonic() - self._asked_s
        return found

    def _extend_paths(self, found: Look) -> None:
        for one in found.symbols:
            market = one.view.market
            if market.bid is None and market.ask is None and market.last is None:
                continue
            path = self._paths.setdefault(one.view.symbol, deque(maxlen=POINTS_MAX))
            path.append((found.now_ns / MS_NS, market.bid, market.ask, market.last))

    def _entries(self) -> Iterator[Callable[[int], bytes]]:
        for event in _taken(self._events):
            yield partial(entry, event=event)
        for one in _taken(self._remarks):
            yield partial(note, at_ns=one.at_ns, level=one.level, text=one.text)

    def _health(self, answered: bool) -> tuple[str, bytes]:
        bus = self._engine.bus
        told = {
            "answered": answered,
            "waited_s": 0.0 if answered else round(self._answer_s, 1),
            "answer_ms": round(self._answer_s * 1000, 1),
            "ticks_per_s": round(self._ticks_per_s),
            "dropped": bus.dropped,
            "handler_failures": bus.failures,
            "ways": self._engine.ways.counts(),
        }
        return "health", orjson.dumps(told, option=orjson.OPT_NON_STR_KEYS)


def _taken(waiting: deque[T]) -> Iterator[T]:
    while waiting:
        yield waiting.popleft()

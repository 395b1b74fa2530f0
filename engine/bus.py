"""The way out: events go from the writer thread to observers, and never hold it up.

``publish`` appends to a bounded queue and returns; one delivery thread takes from it and calls
the handlers. What does not fit is dropped by the named policy, counted, and reported to the
observers of ``AlertEvent`` in the place of what they missed. A handler that raises loses that
event only; one that hangs holds up the other observers, but not the engine. In virtual time,
where nothing may depend on a thread, ``publish`` calls the handlers itself (``threaded``).

The queue is ``SimpleQueue``, whose ``put`` takes no lock that a Python thread could hold: with
an ordinary lock, a delivery thread that is switched out while holding it would stop the writer
for a switch interval.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from queue import Empty, SimpleQueue
from typing import Any, Final, TypeVar

from engine.event_streams import AsyncEventStream, EventStream, Overflow
from engine.events import AlertEvent, BaseEvent
from engine.loggers import logger

EVENTS_MAX: Final = 65_536
STREAM_EVENTS_MAX: Final = 8_192
STOP_TIMEOUT_S: Final = 5.0

E = TypeVar("E", bound=BaseEvent)
_LOG: Final = logger(__name__)
_END: Final = object()  # closes the queue


class Subscription:
    """A handler's place on the bus."""

    def __init__(
        self, bus: EventBus, event_class: type[BaseEvent], handler: Callable[[Any], object]
    ) -> None:
        self.event_class: Final = event_class
        self.handler: Final = handler
        self.active = True
        self.failures = 0
        self._bus = bus

    def unsubscribe(self) -> None:
        """No event is delivered after this, except one whose handler is already running."""
        self._bus._remove(self)


class EventBus:
    """Delivers events by class, in the order of publishing, on a thread of its own.

    ``dropped`` counts the events lost to overflow, ``failures`` the handler calls that raised,
    ``delivered`` the events taken from the queue.
    """

    def __init__(
        self,
        events_max: int = EVENTS_MAX,
        overflow: Overflow = "drop_oldest",
        threaded: bool = True,
    ) -> None:
        assert events_max >= 1, events_max
        assert overflow in ("drop_oldest", "drop_newest"), overflow
        self.events_max: Final = events_max
        self.overflow: Final = overflow
        self.threaded: Final = threaded
        self.failures = 0
        self.delivered = 0
        self._queue: SimpleQueue[Any] = SimpleQueue()
        # Replaced as one by publish, so that the delivery thread sees a count and its event.
        self._lost: tuple[int, BaseEvent | None] = (0, None)
        self._reported = 0
        self._subscriptions: tuple[Subscription, ...] = ()
        self._routes: dict[type[BaseEvent], tuple[Subscription, ...]] = {}
        self._wanted: dict[type[BaseEvent], bool] = {}
        self._streams: set[EventStream[Any] | AsyncEventStream[Any]] = set()
        self._changing = threading.Lock()  # subscriptions and life; publish never takes it
        self._thread: threading.Thread | None = None
        self._closed = False
        self._abandoned = False
        self._ended = False

    @property
    def dropped(self) -> int:
        return self._lost[0]

    @property
    def waiting(self) -> int:
        """Events that are not delivered yet."""
        return self._queue.qsize()

    # -- life ----------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to deliver, first of all what was published before."""
        with self._changing:
            assert self._thread is None, "an event bus starts once"
            assert not self._closed, "the event bus was stopped"
            if not self.threaded:
                return
            self._thread = threading.Thread(target=self._deliver_all, name="events", daemon=True)
            self._thread.start()

    def stop(self, timeout_s: float = STOP_TIMEOUT_S) -> bool:
        """Deliver what is queued, then end; idempotent. Callable from a handler, too.

        Returns False if some events were still undelivered after ``timeout_s``; they are given
        up, and the thread ends as soon as the handler that holds it up returns.
        """
        with self._changing:
            if not self._closed:
                self._closed = True
                self._queue.put(_END)
            thread = self._thread
        if thread is None:
            self._end()
            return self._queue.qsize() <= 1
        if thread is threading.current_thread():
            return False
        thread.join(timeout_s)
        self._abandoned = thread.is_alive()
        return not self._abandoned

    def wanted(self, event_class: type[BaseEvent]) -> bool:
        """Whether anybody would receive some event of ``event_class`` or its subclasses."""
        known = self._wanted  # read before the subscriptions, as in ``_route``
        wanted = known.get(event_class)
        if wanted is None:
            wanted = known[event_class] = any(
                issubclass(event_class, s.event_class) or issubclass(s.event_class, event_class)
                for s in self._subscriptions
            )
        return wanted

    # -- the writer's side ---------------------------------------------------------------------

    def publish(self, events: Iterable[BaseEvent]) -> None:
        """Queue events, in order of their sequence. Never blocks; one thread publishes."""
        queue, room = self._queue, self.events_max
        if not self._subscriptions:
            return
        for event in events:
            if not self.threaded:
                self._deliver(event)
            elif self._closed:
                self._lose(event)
            elif queue.qsize() < room:
                queue.put(event)
            elif self.overflow == "drop_newest":
                self._lose(event)
            else:
                self._replace_oldest(event)

    def _replace_oldest(self, event: BaseEvent) -> None:
        try:
            oldest = self._queue.get_nowait()
        except Empty:
            pass  # the delivery thread has just made room itself
        else:
            if oldest is _END:  # stopped meanwhile
                self._queue.put(_END)
                self._lose(event)
                return
            self._lose(oldest)
        self._queue.put(event)

    def _lose(self, event: BaseEvent) -> None:
        self._lost = (self._lost[0] + 1, event)

    # -- the observers' side -------------------------------------------------------------------

    def subscribe(self, event_class: type[E], handler: Callable[[E], object]) -> Subscription:
        """Call ``handler`` on the delivery thread with each event of the class or a subclass.

        May be called from any thread, also from a handler; counts from the next event.
        """
        subscription = Subscription(self, event_class, handler)
        with self._changing:
            self._subscriptions = (*self._subscriptions, subscription)
            self._routes, self._wanted = {}, {}
        return subscription

    def stream(
        self,
        event_class: type[E],
        events_max: int = STREAM_EVENTS_MAX,
        overflow: Overflow = "drop_oldest",
    ) -> AsyncEventStream[E]:
        """Events for an asyncio program: ``async for event in bus.stream(FillEvent)``.

        Call it where the loop runs. It buffers from this call on, and ends with the bus.
        """
        stream = AsyncEventStream[E](events_max, overflow)
        self._attach(stream, event_class)
        return stream

    def iterate(
        self,
        event_class: type[E],
        events_max: int = STREAM_EVENTS_MAX,
        overflow: Overflow = "drop_oldest",
        timeout_s: float | None = None,
    ) -> EventStream[E]:
        """Events for a plain thread: ``for event in bus.iterate(FillEvent)``.

        It buffers from this call on, and ends with the bus or when nothing came for
        ``timeout_s``.
        """
        stream = EventStream[E](events_max, overflow, timeout_s)
        self._attach(stream, event_class)
        return stream

    def _attach(self, stream: EventStream[E] | AsyncEventStream[E], event_class: type[E]) -> None:
        subscription = self.subscribe(event_class, stream.put)

        def detach() -> None:
            subscription.unsubscribe()
            with self._changing:
                self._streams.discard(stream)

        stream.on_close = detach
        with self._changing:
            self._streams.add(stream)
            ended = self._ended
        if ended:
            stream.finish()

    def _remove(self, subscription: Subscription) -> None:
        subscription.active = False
        with self._changing:
            self._subscriptions = tuple(s for s in self._subscriptions if s is not subscription)
            self._routes, self._wanted = {}, {}

    # -- the delivery thread -------------------------------------------------------------------

    def _deliver_all(self) -> None:
        try:
            while not self._abandoned:
                event = self._queue.get()
                if event is not _END:
                    self._deliver_in_order(event)
                elif self._queue.empty():
                    self._report_losses(None)
                    return
                else:  # published while stop() was called: still delivered, before the end
                    self._queue.put(_END)
        finally:
            self._end()

    def _deliver_in_order(self, event: BaseEvent) -> None:
        self._report_losses(event)
        self._deliver(event)
        self.delivered += 1
        if self._queue.empty():
            self._report_losses(None)

    def _report_losses(self, before: BaseEvent | None) -> None:
        """Tell of dropped events once there is room again, in the place of the last of them."""
        count, last = self._lost
        if last is None or count == self._reported:
            return
        if before is not None and before.sequence <= last.sequence:
            return  # what is queued is older than what was dropped
        lost, self._reported = count - self._reported, count
        text = f"{lost} events did not reach their observers: a handler is too slow"
        self._deliver(AlertEvent(last.time_ns, last.sequence, "warning", text))

    def _deliver(self, event: BaseEvent) -> None:
        for subscription in self._route(type(event)):
            if not subscription.active:
                continue
            try:
                subscription.handler(event)
            except BaseException:  # a handler that calls sys.exit() must not end delivery either
                self.failures += 1
                subscription.failures += 1
                if subscription.failures == 1:
                    _LOG.exception(
                        "the handler %r failed on %s; it stays subscribed, further failures are "
                        "only counted",
                        subscription.handler,
                        type(event).__name__,
                    )

    def _route(self, event_class: type[BaseEvent]) -> tuple[Subscription, ...]:
        # Read in this order: whoever changes the subscriptions replaces the routes after them,
        # so that a route made from old subscriptions can only land in the old dictionary.
        routes = self._routes
        route = routes.get(event_class)
        if route is None:
            route = routes[event_class] = tuple(
                s for s in self._subscriptions if issubclass(event_class, s.event_class)
            )
        return route

    def _end(self) -> None:
        with self._changing:
            self._ended = True
            streams = tuple(self._streams)
        for stream in streams:
            stream.finish()

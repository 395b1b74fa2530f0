"""Predictions that are sent to us: signed, each taken once, answered when they are durable.

    POST /signals/{source}     webhook-id, webhook-timestamp, webhook-signature

    200  durable, or was already        401  not signed by the sender, or not lately
    422  refused, on record             429  faster than agreed: Retry-After
    413  too large                      503  the engine cannot take it now: Retry-After

Whoever gets neither 200 nor 422 may send the same message again; whoever gets no answer should.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import math
import time
from collections import Counter, deque
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import CancelledError, Future
from types import TracebackType
from typing import Any, Final, Self

import attrs
import orjson
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from engine.errors import ConfigError, LimitError
from engine.redaction import Secret
from engine.signals.http_server import LOOPBACK_NAMES, HttpServer, name_of
from engine.signals.intake import Freshness, Intake, Offer, Sink
from engine.signals.keys import webhook_keys
from engine.signals.rates import TokenBucket
from engine.signals.schema import (
    SIGNAL_BYTES_MAX,
    RefusalReason,
    SignalRefusedError,
    refuse,
)
from engine.signals.signature import Deliveries, check
from engine.sources import Webhook

LOG: Final = logging.getLogger("engine.signals.webhook")

PREFIX: Final = "/signals/"
BODY_TIMEOUT_S: Final = 5.0
DURABLE_TIMEOUT_S: Final = 5.0
RETRY_S: Final = 1.0
# Read and thrown away before an answer: one that is given earlier is lost with the connection.
DRAIN_BYTES_MAX: Final = 1_048_576


@attrs.frozen
class Outcome:
    """An answer. 200 and 422 are final: the same message gets the same answer again."""

    status: int
    words: dict[str, Any]
    retry_s: float | None = None

    @property
    def final(self) -> bool:
        return self.status in (200, 422)

    def response(self) -> Response:
        headers = {}
        if self.retry_s is not None:
            headers["Retry-After"] = str(max(math.ceil(self.retry_s), 1))
        if self.status == 405:
            headers["Allow"] = "POST"
        if self.status in (408, 413):
            headers["Connection"] = "close"  # the rest of the body is not wanted
        body = orjson.dumps(self.words)
        return Response(body, self.status, headers, media_type="application/json")


@attrs.define
class _Sender:
    source: str
    keys: tuple[Secret, ...]
    bucket: TokenBucket
    answers: Counter[int] = attrs.field(factory=Counter)  # by HTTP status
    repeats: int = 0  # messages that had come before


class Bridge:
    """From the writer's futures to the event loop, with one wake-up for all that became durable
    together: each costs the writer a system call, and a turn of the interpreter.

    What is waited for is never cancelled, only the wait.
    """

    def __init__(self) -> None:
        self._done: deque[asyncio.Future[None]] = deque()
        self._waking = False

    async def wait(self, answer: Future[Any]) -> None:
        """Until ``answer`` is there.

        Raises:
            LimitError: there will be none.
        """
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[None] = loop.create_future()

        def done(_: Future[Any]) -> None:  # on the writer's thread
            self._done.append(waiter)
            if not self._waking:
                self._waking = True
                with contextlib.suppress(RuntimeError):  # the server has ended
                    loop.call_soon_threadsafe(self._pass_on)

        if not answer.done():
            answer.add_done_callback(done)
            await waiter
        try:
            answer.result()
        except (Exception, CancelledError) as problem:
            raise LimitError(f"not taken: {problem}") from None

    def _pass_on(self) -> None:
        self._waking = False  # before looking: what comes from now on wakes again
        while self._done:
            waiter = self._done.popleft()
            if not waiter.done():  # somebody still waits
                waiter.set_result(None)


class SignalWebhook:
    """A server that takes signed predictions.

    Args:
        settings: where it listens, for whom, how much of each.
        sink: gets every Signal and SignalRefused; what it returns tells when they are durable.
        symbols: the tickers that are traded.
        freshness: shared with the other ways in.
        ready: while it says no, senders are told to come again.
        environment: in place of the process's own.
        now_s: seconds since 1970, for the timestamps of messages.

    Raises:
        ConfigError: a sender has no key, one that cannot be used, or another sender's.
    """

    def __init__(
        self,
        settings: Webhook,
        sink: Sink,
        symbols: Collection[str],
        *,
        freshness: Freshness | None = None,
        ready: Callable[[], bool] = lambda: True,
        environment: Mapping[str, str] | None = None,
        now_s: Callable[[], float] = time.time,
    ) -> None:
        self.settings: Final = settings
        self.intake: Final = Intake(sink, symbols, freshness)
        self._ready = ready
        self._now_s = now_s
        self._hosts = frozenset((*LOOPBACK_NAMES, settings.host, *settings.hosts))
        self._senders = {
            one.source: _Sender(
                one.source,
                webhook_keys(one, environment),
                TokenBucket(settings.signals_per_s, settings.burst),
            )
            for one in settings.senders
        }
        _check_keys(list(self._senders.values()))
        self._bridge = Bridge()
        self._deliveries: Deliveries[Outcome | asyncio.Future[Outcome]] = Deliveries()
        self._server = HttpServer(
            self._application,
            settings.host,
            settings.port,
            "signals-webhook",
            settings.connections_max,
        )

    def counts(self) -> dict[str, dict[str, int]]:
        """By sender: answers by HTTP status, and ``repeats``."""
        return {
            one.source: {**{str(s): n for s, n in one.answers.items()}, "repeats": one.repeats}
            for one in self._senders.values()
        }

    # -- life ----------------------------------------------------------------------------------

    @property
    def port(self) -> int:
        return self._server.port

    def listen(self) -> None:
        """Raises UserError if the port is in use."""
        self._server.listen()

    def start(self) -> Self:
        self._server.start()
        return self

    def stop(self) -> None:
        self._server.stop()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self.stop()

    # -- one request ---------------------------------------------------------------------------

    async def _application(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One path and one method need no router; without one, half as many again are served."""
        if scope["type"] != "http":
            return
        outcome = await self._outcome(Request(scope, receive))
        await outcome.response()(scope, receive, send)

    async def _outcome(self, request: Request) -> Outcome:
        if name_of(request.headers.get("host", "")) not in self._hosts:
            # A page in a browser of this machine must not reach us under a name of its own.
            return Outcome(421, {"error": "not a name of this server"})
        path = request.scope["path"]
        sender = self._senders.get(path.removeprefix(PREFIX)) if path.startswith(PREFIX) else None
        if sender is None:
            return Outcome(404, {"error": "no such sender"})
        if request.method != "POST":
            return Outcome(405, {"error": "POST it"})
        try:
            outcome = await self._answer(request, sender)
        except ClientDisconnect:
            outcome = Outcome(400, {"error": "the body did not come to its end"})
        sender.answers[outcome.status] += 1
        return outcome

    async def _answer(self, request: Request, sender: _Sender) -> Outcome:
        try:
            async with asyncio.timeout(BODY_TIMEOUT_S):
                body = await _body(request)
            message = check(sender.keys, request.headers, body, self._now_s())
        except TimeoutError:
            return Outcome(408, {"error": f"no whole body in {BODY_TIMEOUT_S:g} s"})
        except SignalRefusedError as refusal:
            self.intake.refuse(refusal, sender.source)
            status = 413 if refusal.reason is RefusalReason.TOO_LARGE else 401
            return Outcome(status, _words(refusal))
        now_s = time.monotonic()
        if not sender.bucket.take(now_s):
            return Outcome(429, {"error": "too many signals"}, sender.bucket.wait_s)
        try:
            known = self._deliveries.find(sender.source, message.message_id, body)
            if known is not None:
                sender.repeats += 1
                return known if isinstance(known, Outcome) else await asyncio.shield(known)
            if not self._ready():
                return Outcome(503, {"error": "the engine takes no signals now"}, RETRY_S)
            return await self._deliver(sender.source, message.message_id, body, now_s)
        except LimitError as problem:
            return Outcome(503, {"error": str(problem)}, RETRY_S)
        except SignalRefusedError as refusal:
            return Outcome(409, _words(refusal))

    async def _deliver(self, source: str, message_id: str, body: bytes, now_s: float) -> Outcome:
        """Hand it in; whoever sends the same meanwhile waits for the same answer."""
        answered: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._deliveries.keep(source, message_id, body, answered, now_s)
        outcome = Outcome(503, {"error": "not taken; come again"}, RETRY_S)
        try:
            outcome = await self._hand_in(self.intake.offer(body, source))
        finally:
            if outcome.final:
                self._deliveries.keep(source, message_id, body, outcome, now_s)
            else:
                self._deliveries.forget(source, message_id)
            answered.set_result(outcome)
        return outcome

    async def _hand_in(self, offer: Offer) -> Outcome:
        if offer.refusal is not None:
            return Outcome(422, _words(offer.refusal))
        assert offer.signal is not None
        if offer.answer is not None:
            try:
                async with asyncio.timeout(DURABLE_TIMEOUT_S):
                    await self._bridge.wait(offer.answer)
            except TimeoutError:
                words = f"not durable after {DURABLE_TIMEOUT_S:g} s; come again"
                return Outcome(503, {"error": words}, RETRY_S)
        return Outcome(200, {"identity": offer.signal.identity, "repeat": offer.repeat})


async def _body(request: Request) -> bytes:
    """Raises SignalError for more than SIGNAL_BYTES_MAX; no more than that is kept."""
    told = request.headers.get("content-length", "")
    if told.isdecimal() and int(told) > DRAIN_BYTES_MAX:
        raise _too_large()
    body = bytearray()
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size <= SIGNAL_BYTES_MAX:
            body += chunk
        elif size > DRAIN_BYTES_MAX:
            break
    if size > SIGNAL_BYTES_MAX:
        raise _too_large()
    return bytes(body)


def _too_large() -> SignalRefusedError:
    return refuse(RefusalReason.TOO_LARGE, f"more than {SIGNAL_BYTES_MAX} bytes")


def _words(refusal: SignalRefusedError) -> dict[str, Any]:
    return {"error": refusal.reason.value, "detail": refusal.detail}


def _check_keys(senders: list[_Sender]) -> None:
    for one, other in itertools.combinations(senders, 2):
        if {key.reveal() for key in one.keys} & {key.reveal() for key in other.keys}:
            raise ConfigError(
                f"signals.webhook: {one.source} and {other.source} have the same key, so each "
                "could send for the other; give each its own"
            )

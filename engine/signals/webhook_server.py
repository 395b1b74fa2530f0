"""The webhook as its senders see it; in a process of its own.

    POST /signals/{source}     webhook-id, webhook-timestamp, webhook-signature

    200  durable, or was already        401  not signed by the sender, or not lately
    422  refused, on record             429  faster than agreed: Retry-After
    413  too large                      503  the engine cannot take it now: Retry-After

Whoever gets neither 200 nor 422 may send the same message again; whoever gets no answer should.
What is signed, lately, new and not too fast is handed to the engine, and its word is the answer.
"""

from __future__ import annotations

import asyncio
import base64
import math
import time
from collections import Counter
from typing import Any, Final, Protocol

import attrs
import orjson
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from engine.errors import LimitError
from engine.redaction import Secret
from engine.signals.http_server import LOOPBACK_NAMES, name_of
from engine.signals.intake import Checked, checked
from engine.signals.rates import TokenBucket
from engine.signals.schema import (
    SIGNAL_BYTES_MAX,
    RefusalReason,
    SignalRefusedError,
    refuse,
)
from engine.signals.signature import Deliveries, check
from engine.signals.webhook_stream import Counts, Opening, Verdict

PREFIX: Final = "/signals/"
RETRY_S: Final = 1.0
# Read and thrown away before an answer: one that is given earlier is lost with the connection.
DRAIN_BYTES_MAX: Final = 1_048_576


class Upstream(Protocol):
    """The engine."""

    async def hand_in(self, one: Checked) -> Verdict:
        """Its word. Raises LimitError if too many wait for it, or there is none."""
        ...

    def note(self, refusal: SignalRefusedError, source: str) -> None:
        """Somebody who has signed nothing was refused."""
        ...


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


class WebhookServer:
    """An ASGI application."""

    def __init__(self, opening: Opening, upstream: Upstream) -> None:
        self._upstream = upstream
        self._symbols = frozenset(opening.symbols)
        self._patience = opening.patience
        self._hosts = frozenset((*LOOPBACK_NAMES, *filter(None, map(name_of, opening.hosts))))
        self._senders = {
            source: _Sender(
                source,
                tuple(Secret(base64.b64decode(word)) for word in words),
                TokenBucket(opening.signals_per_s, opening.burst),
            )
            for source, words in opening.keys.items()
        }
        self._deliveries: Deliveries[Outcome | asyncio.Future[Outcome]] = Deliveries()

    def counts(self) -> Counts:
        return {
            one.source: {**{str(s): n for s, n in one.answers.items()}, "repeats": one.repeats}
            for one in self._senders.values()
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
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
            async with asyncio.timeout(self._patience.body_s):
                body = await _body(request)
            message = check(sender.keys, request.headers, body, time.time())
        except TimeoutError:
            return Outcome(408, {"error": f"no whole body in {self._patience.body_s:g} s"})
        except SignalRefusedError as refusal:
            self._upstream.note(refusal, sender.source)
            status = 413 if refusal.reason is RefusalReason.TOO_LARGE else 401
            return Outcome(status, refusal.words())
        now_s = time.monotonic()
        if not sender.bucket.take(now_s):
            return Outcome(429, {"error": "too many signals"}, sender.bucket.wait_s)
        try:
            known = self._deliveries.find(sender.source, message.message_id, body)
            if known is not None:
                sender.repeats += 1
                return known if isinstance(known, Outcome) else await asyncio.shield(known)
            return await self._deliver(sender.source, message.message_id, body, now_s)
        except LimitError as problem:
            return Outcome(503, {"error": str(problem)}, RETRY_S)
        except SignalRefusedError as refusal:
            return Outcome(409, refusal.words())

    async def _deliver(self, source: str, message_id: str, body: bytes, now_s: float) -> Outcome:
        """Hand it in; whoever sends the same meanwhile waits for the same answer."""
        answered: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._deliveries.keep(source, message_id, body, answered, now_s)
        outcome = Outcome(503, {"error": "not taken; come again"}, RETRY_S)
        try:
            outcome = await self._hand_in(checked(body, source, self._symbols))
        finally:
            if outcome.final:
                self._deliveries.keep(source, message_id, body, outcome, now_s)
            else:
                self._deliveries.forget(source, message_id)
            answered.set_result(outcome)
        return outcome

    async def _hand_in(self, one: Checked) -> Outcome:
        try:
            async with asyncio.timeout(self._patience.durable_s):
                verdict = await self._upstream.hand_in(one)
        except TimeoutError:
            words = f"not durable after {self._patience.durable_s:g} s; come again"
            return Outcome(503, {"error": words}, RETRY_S)
        except LimitError as problem:
            return Outcome(503, {"error": str(problem)}, RETRY_S)
        return Outcome(verdict.status, verdict.words, RETRY_S if verdict.status == 503 else None)


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

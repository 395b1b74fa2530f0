"""The dashboard: a page, what it is told while it is open, and the few things it may ask for.

    GET  /                  the page and its files: nothing in them is anybody's secret
    GET  /api/stream        server-sent events: what has changed, four times a second
    GET  /api/charts        the lifecycles as drawings
    GET  /api/paths         prices of the last minutes
    GET  /metrics           figures for Prometheus
    GET  /api/history       trades of the journal; with /NUMBER one of them, step by step
    POST /api/control       halt and resume, as the control socket has them

Everything but the page and its files wants the key. Whatever is wrong is refused before anything
else is read.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import orjson
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from engine.charts import LIFECYCLES
from engine.control import Operation, perform
from engine.errors import UserError
from engine.signals.http_server import HttpServer
from engine.web.access import HEADERS, Access, key_for
from engine.web.feed import Feed, Seen
from engine.web.history import History
from engine.web.settings import Web
from engine.web.static_files import static_files
from engine.web.watcher import Watchable, Watcher
from statecharts.layout import draw

HOST: Final = "127.0.0.1"
BODY_BYTES_MAX: Final = 4_096
BODY_TIMEOUT_S: Final = 5.0
CONNECTIONS_MAX: Final = 64  # besides those of viewers
QUIET_S: Final = 15.0  # a comment after so long without news, so that no proxy ends it
READING: Final = ("GET", "HEAD")
MAY: Final = ("halt", "resume")


class Dashboard:
    """The server, from ``start`` (or ``with``) until ``stop``.

    Args:
        engine: what is shown.
        settings: where it listens and for whom.
        operations: what may be asked; of these only halt and resume can be.
        journal: the file whose history is shown; None if it is in memory.

    Raises:
        ConfigError: the key cannot be used.
    """

    def __init__(
        self,
        engine: Watchable,
        settings: Web,
        operations: Mapping[str, Operation],
        journal: Path | None = None,
    ) -> None:
        self._engine = engine
        self._settings = settings
        self._operations = {name: operations[name] for name in MAY if name in operations}
        self._key = key_for(settings.key_file)
        self._access = Access(self._key, settings.hosts)
        self._feed = Feed()
        self._viewers: set[asyncio.Event] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ended = False
        self._watcher = Watcher(engine, self._feed, lambda: bool(self._viewers), self._wake)
        self._history = History(journal)
        self._reading = asyncio.Lock()  # one thread at most: the others are for the kill switch
        self._server = HttpServer(
            self._application,
            HOST,
            settings.port,
            "dashboard-http",
            CONNECTIONS_MAX + settings.viewers_max,
        )

    # -- life ----------------------------------------------------------------------------------

    @property
    def address(self) -> str:
        return f"http://{HOST}:{self._server.port}/"

    @property
    def link(self) -> str:
        """The address, with the key where it was drawn: whoever has it may look and halt."""
        if self._settings.key_file:
            return self.address
        return f"{self.address}#key={self._key.reveal().decode()}"

    def start(self) -> Self:
        """Raises UserError if the port is in use."""
        self._server.listen()
        self._watcher.start()
        self._server.start()
        return self

    def stop(self) -> None:
        """Idempotent."""
        self._ended = True
        self._watcher.stop()
        self._wake()
        self._history.stop()  # first: somebody may wait for its answer
        self._server.stop()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self.stop()

    def _wake(self) -> None:
        """From any thread: there is something new for everybody."""
        loop = self._loop
        if loop is not None and self._viewers:
            with contextlib.suppress(RuntimeError):  # the server has ended
                loop.call_soon_threadsafe(self._wake_viewers)

    def _wake_viewers(self) -> None:
        for viewer in self._viewers:
            viewer.set()

    # -- one request ---------------------------------------------------------------------------

    async def _application(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        with contextlib.suppress(ClientDisconnect):
            response = await self._answer(request)
            for name, value in HEADERS.items():
                response.headers.setdefault(name, value)
            await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        if (stranger := self._access.stranger(request.headers)) is not None:
            return _refusal(*stranger)
        path = request.scope["path"]
        if (file := static_files().get(path)) is not None:
            if request.method not in READING:
                return _refusal(405, "GET it", {"Allow": "GET, HEAD"})
            return Response(file.data, media_type=file.media_type)
        if not self._access.knows(request.headers):
            return _refusal(401, "the key is missing or wrong", {"WWW-Authenticate": "Bearer"})
        if path == "/api/control":
            return await self._control(request)
        if request.method not in READING:
            return _refusal(405, "GET it", {"Allow": "GET, HEAD"})
        if path == "/api/stream":
            if request.method != "GET":  # it would sit in a viewer's place and see nothing
                return _refusal(405, "GET it", {"Allow": "GET"})
            return self._stream()
        if path == "/metrics":
            return self._metrics()
        return await self._data(path)

    async def _data(self, path: str) -> Response:
        if path == "/api/charts":
            told = {"charts": _drawings(), "control": self._settings.control}
            return _json(orjson.dumps(told))
        if path == "/api/paths":
            return _json(self._watcher.paths())
        name, _, number = path.removeprefix("/api/").partition("/")
        if name != "history" or not (number == "" or (number.isdecimal() and len(number) <= 9)):
            return _refusal(404, "there is no such thing here")
        asked = {"trade": int(number)} if number else {}
        try:
            async with self._reading:
                found = await asyncio.to_thread(self._history.ask, asked)
        except UserError as problem:
            return _refusal(409, str(problem))
        return _json(self._feed.masked(found))

    def _metrics(self) -> Response:
        bus = self._engine.bus
        text = self._watcher.metrics.text(
            {
                "queues": {"inbox": self._engine.waiting, "events": bus.waiting},
                "dropped": bus.dropped,
                "viewers": len(self._viewers),
                "wrong_keys": self._access.refused,
            }
        )
        return Response(text, media_type="text/plain; version=0.0.4")

    # -- what it asks for ------------------------------------------------------------------------

    async def _control(self, request: Request) -> Response:
        if request.method != "POST":
            return _refusal(405, "POST it", {"Allow": "POST"})
        if not self._settings.control:
            return _refusal(403, "this dashboard only shows: web.control is false")
        if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
            return _refusal(415, "application/json is wanted")
        try:
            async with asyncio.timeout(BODY_TIMEOUT_S):
                body = await _body(request)
        except TimeoutError:
            return _refusal(408, "the body did not come to its end", {"Connection": "close"})
        if body is None:
            words = f"more than {BODY_BYTES_MAX} bytes"
            return _refusal(413, words, {"Connection": "close"})
        try:
            asked = orjson.loads(body)
        except ValueError:
            return _refusal(400, "not JSON")
        told = await asyncio.to_thread(perform, self._operations, asked)
        return _json(orjson.dumps(told), 409 if "error" in told else 200)

    # -- viewers ---------------------------------------------------------------------------------

    def _stream(self) -> Response:
        if len(self._viewers) >= self._settings.viewers_max:
            return _refusal(503, f"{self._settings.viewers_max} look already", {"Retry-After": "5"})
        self._loop = asyncio.get_running_loop()
        news = asyncio.Event()
        news.set()
        self._viewers.add(news)  # before anybody else is asked in
        return _Stream(self._messages(news), lambda: self._viewers.discard(news))

    async def _messages(self, news: asyncio.Event) -> AsyncIterator[bytes]:
        seen = Seen()
        while not self._ended:
            try:
                async with asyncio.timeout(QUIET_S):
                    await news.wait()
            except TimeoutError:
                yield b":\n\n"
                continue
            news.clear()
            seen, data = self._feed.since(seen)
            yield b"data:" + data + b"\n\n"


class _Stream(StreamingResponse):
    """``left`` is called when the viewer has gone, however that came."""

    def __init__(self, messages: AsyncIterator[bytes], left: Callable[[], object]) -> None:
        super().__init__(messages, media_type="text/event-stream")
        self._left = left

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._left()


@cache
def _drawings() -> list[dict[str, Any]]:
    """Every lifecycle, as the page draws it."""
    made = [draw(one.name, one.region, one.events) for one in LIFECYCLES]
    return [
        {
            **vars(drawing),
            "edges": [
                {"source": e.source, "target": e.target, "events": e.events, "path": e.path}
                for e in drawing.edges
            ],
        }
        for drawing in made
    ]


async def _body(request: Request) -> bytes | None:
    """None for more than BODY_BYTES_MAX, of which no more is read."""
    told = request.headers.get("content-length", "")
    if told.isdecimal() and int(told) > BODY_BYTES_MAX:
        return None
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_BYTES_MAX:
            return None
    return bytes(body)


def _json(data: bytes, status: int = 200) -> Response:
    return Response(data, status, media_type="application/json")


def _refusal(status: int, words: str, headers: Mapping[str, str] | None = None) -> Response:
    return Response(
        orjson.dumps({"error": words}), status, dict(headers or {}), media_type="application/json"
    )

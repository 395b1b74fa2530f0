"""An HTTP server for a small application, on a thread and an event loop of its own or on another's.

It listens where it is told and nowhere else, and a peer cannot hold it up: connections, headers,
the time they may take and the time in which an answer is taken are bounded. Bodies are the
application's to bound.
"""

from __future__ import annotations

import asyncio
import logging
import re
import socket
import threading
from functools import partial
from typing import Any, Final

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from engine.signals.listening import listening

LOG: Final = logging.getLogger("engine.signals.http")
PEERS: Final = logging.getLogger("engine.signals.http.peers")
PEERS.setLevel(logging.ERROR)  # what a stranger sends is no warning of ours

LOOPBACK_NAMES: Final = ("127.0.0.1", "localhost", "[::1]")
_HOST: Final = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9.-]+)(?::[0-9]{1,5})?", re.ASCII)
HEADER_BYTES_MAX: Final = 16_384
HEADER_TIMEOUT_S: Final = 10.0
IDLE_TIMEOUT_S: Final = 30
STALL_TIMEOUT_S: Final = 20.0
END_TIMEOUT_S: Final = 5.0
GRACE_S: Final = 1


class OneWrite:
    """A transport that sends together what is written together: the head of an answer and its
    body would be two system calls, and each lets another thread have the interpreter."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._parts: list[bytes] = []

    def write(self, data: bytes) -> None:
        if not self._parts:
            self._loop.call_soon(self.flush)
        self._parts.append(data)

    def flush(self) -> None:
        if self._parts:
            self._transport.write(b"".join(self._parts))
            self._parts.clear()

    def close(self) -> None:
        self.flush()
        self._transport.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class PatientProtocol(H11Protocol):
    """Closes connections that do not come to the end of their headers, or whose peer takes
    nothing of what is written to it."""

    _deadline: asyncio.TimerHandle | None = None
    _stall: asyncio.TimerHandle | None = None
    _out: OneWrite

    def __init__(self, *given: Any, header_timeout_s: float, **more: Any) -> None:
        super().__init__(*given, **more)
        self._header_timeout_s = header_timeout_s

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._out = OneWrite(transport, self.loop)
        super().connection_made(self._out)  # type: ignore[arg-type]
        self.logger = PEERS
        self._deadline = self.loop.call_later(self._header_timeout_s, self._late)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE:
            self._calm()
        elif self._deadline is None:
            self._deadline = self.loop.call_later(self._header_timeout_s, self._late)

    def eof_received(self) -> bool:  # type: ignore[override]  # of asyncio's protocols it may be
        """A peer that has said all it wants to say (``nc -N`` does so) still wants its answer;
        the connection ends with it."""
        self._out.flush()
        cycle = self.cycle
        if cycle is None or cycle.more_body or cycle.response_complete:
            return False
        cycle.keep_alive = False
        return True

    def pause_writing(self) -> None:
        """The peer has not taken a good deal of what was written to it."""
        super().pause_writing()
        self._stall = self.loop.call_later(STALL_TIMEOUT_S, self._out.abort)

    def resume_writing(self) -> None:
        self._resumed()
        super().resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        self._calm()
        self._resumed()
        super().connection_lost(exc)

    def _calm(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _resumed(self) -> None:
        if self._stall is not None:
            self._stall.cancel()
            self._stall = None

    def _late(self) -> None:
        self._deadline = None
        if self.conn.their_state is h11.IDLE and not self.transport.is_closing():
            self.transport.close()


def server(
    application: Any, connections_max: int, header_timeout_s: float = HEADER_TIMEOUT_S
) -> uvicorn.Server:
    """A server for a loop that is there already: ``await server(…).serve([listening(…)])``, until
    its ``should_exit`` is set. ``connections_max``: further ones are answered 503."""
    return uvicorn.Server(
        uvicorn.Config(
            application,
            # It may be anything that makes a protocol, whatever its annotation says.
            http=partial(PatientProtocol, header_timeout_s=header_timeout_s),  # type: ignore[arg-type]
            loop="asyncio",
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,  # logging is the host program's affair
            access_log=False,
            proxy_headers=False,
            server_header=False,
            date_header=False,
            limit_concurrency=connections_max + 1,  # it refuses when it reaches the limit
            timeout_keep_alive=IDLE_TIMEOUT_S,
            timeout_graceful_shutdown=GRACE_S,
            h11_max_incomplete_event_size=HEADER_BYTES_MAX,
        )
    )


class HttpServer:
    """``listen`` takes the port, ``start`` serves, ``stop`` ends.

    Args:
        application: what answers (ASGI).
        host: where to listen.
        port: 0 takes a free one.
        name: of the thread.
        connections_max: further ones are answered 503.
    """

    def __init__(
        self, application: Any, host: str, port: int, name: str, connections_max: int
    ) -> None:
        self._host = host
        self._wanted = port
        self._name = name
        self._socket: socket.socket | None = None
        self._thread: threading.Thread | None = None
        self._server = server(application, connections_max)

    @property
    def port(self) -> int:
        assert self._socket is not None, "it does not listen yet"
        number: int = self._socket.getsockname()[1]
        return number

    def listen(self) -> None:
        """Raises UserError if the port is taken, or cannot be had."""
        self._socket = listening(self._host, self._wanted)

    def start(self) -> None:
        if self._socket is None:
            self.listen()
        assert self._thread is None, "a server starts once; build another"
        sockets = [self._socket]
        self._thread = threading.Thread(
            target=lambda: self._server.run(sockets),  # type: ignore[arg-type]
            name=self._name,
            daemon=True,
        )
        self._thread.start()

    def stop(self) -> None:
        self._server.should_exit = True
        if self._thread is not None:
            self._thread.join(END_TIMEOUT_S)
        if self._socket is not None:
            self._socket.close()


def name_of(host: str) -> str:
    """A Host header without its port, in small letters; nothing of one that is no name."""
    found = _HOST.fullmatch(host.lower())
    return found[1] if found else ""

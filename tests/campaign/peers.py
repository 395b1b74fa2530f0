"""What predictions are handed to in tests, and a peer that answers whatever it is told."""

from __future__ import annotations

import socket
import threading
from concurrent.futures import Future
from typing import Any, Final

from engine.errors import LimitError
from engine.inputs import Signal, SignalRefused

PATIENCE_S: Final = 20.0


class Box:
    """A sink that keeps what it gets. ``full``: it refuses; ``held``: nothing becomes durable."""

    def __init__(self) -> None:
        self.got: list[Signal | SignalRefused] = []
        self.answers: list[Future[Any]] = []
        self.full = False
        self.held = False

    def __call__(self, content: Signal | SignalRefused) -> Future[Any]:
        if self.full:
            raise LimitError("the inbox is full (0 items)")
        answer: Future[Any] = Future()
        self.got.append(content)
        self.answers.append(answer)
        if not self.held:
            answer.set_result(None)
        return answer

    @property
    def signals(self) -> list[Signal]:
        return [one for one in self.got if isinstance(one, Signal)]

    @property
    def refusals(self) -> list[SignalRefused]:
        return [one for one in self.got if isinstance(one, SignalRefused)]

    @property
    def reasons(self) -> list[str]:
        return [one.reason for one in self.refusals]


class Peer:
    """Listens on loopback, reads one request a connection, writes ``answer`` and closes."""

    def __init__(self) -> None:
        self.answer = b""
        self.requests: list[bytes] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(PATIENCE_S)
                request = b""
                while b"\r\n\r\n" not in request:
                    got = connection.recv(65_536)
                    if not got:
                        break
                    request += got
                self.requests.append(request)
                try:
                    connection.sendall(self.answer)
                except OSError:
                    continue  # who asked does not want all of it

    def stop(self) -> None:
        if self._listener.fileno() >= 0:
            self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
        self._thread.join(PATIENCE_S)

"""A line between an engine and its broker that does what lines do: it is cut in the middle of a
message, stalls with both ends open, delivers late.

What was taken from one end before a stall is delivered to the other after it, also when the
sender has given up meanwhile: so an order can arrive after the engine counted it as unknown.
"""

from __future__ import annotations

import contextlib
import random
import socket
import struct
import threading
import time
from collections.abc import Iterator
from types import TracebackType
from typing import Final, Literal, Self

import attrs

HOST: Final = "127.0.0.1"
CHUNK: Final = 4096
RESET: Final = struct.pack("ii", 1, 0)  # SO_LINGER: close with a reset instead of an end

Kind = Literal["cut", "reset", "stall", "delay"]


@attrs.frozen
class Trouble:
    """What happens to one connection once it has carried ``after`` bytes in ``direction``."""

    kind: Kind
    direction: Literal["up", "down"]  # up: to the broker
    after: int
    seconds: float

    @classmethod
    def draw(cls, stream: random.Random) -> Trouble:
        direction: Literal["up", "down"] = stream.choice(("up", "down"))
        # Small numbers hit the handshake and the sync, large ones trading. The way up is thin.
        reach = stream.choice((60, 600, 3_000, 6_000))
        if direction == "down":
            reach *= stream.choice((1, 5, 20))
        kinds: tuple[Kind, ...] = ("cut", "cut", "reset", "stall", "stall", "delay")
        return cls(
            stream.choice(kinds), direction, stream.randint(0, reach), stream.uniform(0.1, 4.0)
        )


class Proxy:
    """Listens on ``port``; each connection to it gets the next trouble, and none once they are
    used up. ``log`` says what happened."""

    def __init__(self, upstream_port: int, troubles: Iterator[Trouble]) -> None:
        self.upstream_port = upstream_port
        self.log: list[str] = []
        self._troubles = troubles
        self._listener = socket.create_server((HOST, 0))
        self.port: int = self._listener.getsockname()[1]
        self._open: set[socket.socket] = set()
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return  # closed
            try:
                broker = socket.create_connection((HOST, self.upstream_port), 5.0)
            except OSError:
                client.close()
                continue
            broker.settimeout(None)
            for end in (client, broker):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._open.add(end)
            trouble = next(self._troubles, None)
            if trouble is not None:
                self.log.append(f"{trouble.kind} {trouble.direction} after {trouble.after}")
            line = _Line(client, broker, trouble)
            threading.Thread(target=line.pump, args=("up",), daemon=True).start()
            threading.Thread(target=line.pump, args=("down",), daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for end in self._open:
            end.close()
        self._thread.join(5.0)


class _Line:
    def __init__(
        self, client: socket.socket, broker: socket.socket, trouble: Trouble | None
    ) -> None:
        self._ends = {"up": (client, broker), "down": (broker, client)}
        self._trouble = trouble
        self._free = threading.Event()  # cleared while both directions stall
        self._free.set()
        self._late_until = 0.0

    def pump(self, direction: Literal["up", "down"]) -> None:
        source, sink = self._ends[direction]
        carried = 0
        with contextlib.suppress(OSError):
            while data := source.recv(CHUNK):
                self._free.wait()
                trouble = self._trouble
                if trouble is not None and trouble.direction == direction:
                    left = trouble.after - carried
                    if len(data) >= left:
                        self._trouble = None
                        sink.sendall(data[:left])
                        data = data[left:]
                        if not self._strike(trouble):
                            return
                if self._late_until > time.monotonic():
                    time.sleep(0.05)
                sink.sendall(data)
                carried += len(data)
        self._free.wait()  # the end of a stalled line is not seen before the stall is over
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _strike(self, trouble: Trouble) -> bool:
        """Whether the line lives on."""
        if trouble.kind in ("cut", "reset"):
            for end in self._ends["up"]:
                if trouble.kind == "reset":
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
            return False
        if trouble.kind == "delay":
            self._late_until = time.monotonic() + trouble.seconds
            return True
        self._free.clear()
        time.sleep(trouble.seconds)
        self._free.set()
        return True

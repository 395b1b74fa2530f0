"""What a session and its runtime take from outside: time, waiting, and a way to TWS.

Live these are the machine's clock and its sockets (``sockets``). A simulation gives a virtual
clock and connections in memory (``engine.sim.virtual``): everything above is the same code, and
time passes only in ``ready``, ``sleep`` and the ``wait`` of the reader.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from _fast.market import Market
from _fast.reader import Reader
from engine.calm import Calm
from engine.config import Broker
from engine.stillness import Still

ShouldStop = Callable[[], bool]
AskCalm = Callable[[], Calm | None]


class Stopped(Exception):  # noqa: N818  (nobody's fault)
    """``should_stop`` said so while a connection was being opened."""


class Stream(Protocol):
    """A connected stream of bytes, as a socket that does not block."""

    def fileno(self) -> int: ...

    def send(self, data: memoryview, /) -> int:
        """How many bytes were taken; BlockingIOError: none now; OSError: the stream is gone."""

    def recv(self, size: int, /) -> bytes:
        """What is there; b"": the end. OSError: the stream is gone."""

    def close(self) -> None: ...


class Transport(Protocol):
    """``virtual``: time passes only while somebody waits, so nothing may be left to a thread.
    ``idle_ns``: how often to look around although nothing has come."""

    @property
    def virtual(self) -> bool: ...

    @property
    def idle_ns(self) -> int: ...

    def monotonic_ns(self) -> int:
        """Never runs backwards; begins anywhere."""

    def time_ns(self) -> int:
        """UTC, as this machine believes."""

    def asleep_ns(self) -> int:
        """How long the machine has been suspended altogether. Monotonic time stood still."""

    def connect(self, broker: Broker, should_stop: ShouldStop) -> Stream:
        """An open stream to where ``broker`` says, before any byte.

        Raises:
            ConnectError: nobody answers there.
            Stopped: ``should_stop`` became true.
        """

    def ready(self, stream: Stream, event: int, seconds: float) -> bool:
        """Wait at most so long until ``event`` (select.POLLIN or POLLOUT) holds."""

    def reader(
        self, stream: Stream, wake_fd: int, market: Market, server_version: int, leftover: bytes
    ) -> Reader:
        """Reads the stream from now on."""

    def wait(self, reader: Reader, timeout_ns: int, calm: AskCalm, still: Still | None) -> int:
        """As the reader's own. Where time is virtual, looks around that find nothing may be taken
        meanwhile, which begins by asking for them, and ``still`` ones be left out."""

    def sleep(self, timeout_ns: int, wake_fd: int = -1) -> None:
        """Wait so long, or until ``wake_fd`` is written to, which takes what was written."""

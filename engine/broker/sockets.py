"""The machine's own clock, and TCP to TWS."""

from __future__ import annotations

import errno
import os
import select
import socket
import time
from collections.abc import Iterator
from typing import Final

from _fast.market import Market
from _fast.reader import Reader
from engine.broker.transport import AskCalm, ShouldStop, Stopped, Stream
from engine.config import Broker
from engine.errors import ConnectError
from engine.stillness import Still

POLL_S: Final = 0.1  # how long a request to stop may wait
KEEPALIVE_IDLE_S: Final = 10
KEEPALIVE_EVERY_S: Final = 5
KEEPALIVE_PROBES: Final = 3
_BOOTTIME: Final = getattr(time, "CLOCK_BOOTTIME", None)  # not on every system
UNACKNOWLEDGED_MS: Final = 15_000  # TCP_USER_TIMEOUT: sent bytes without an acknowledgement


class Sockets:
    """The Transport of a live engine; it holds nothing."""

    virtual: Final = False
    idle_ns: Final = 500_000_000

    def monotonic_ns(self) -> int:
        return time.monotonic_ns()

    def time_ns(self) -> int:
        return time.time_ns()

    def asleep_ns(self) -> int:
        if _BOOTTIME is None:
            return 0
        return time.clock_gettime_ns(_BOOTTIME) - time.monotonic_ns()

    def connect(self, broker: Broker, should_stop: ShouldStop) -> Stream:
        return _connected(broker, should_stop)

    def ready(self, stream: Stream, event: int, seconds: float) -> bool:
        poller = select.poll()
        poller.register(stream.fileno(), event)
        return bool(poller.poll(max(0.0, seconds) * 1000))

    def reader(
        self, stream: Stream, wake_fd: int, market: Market, server_version: int, leftover: bytes
    ) -> Reader:
        return Reader(stream.fileno(), wake_fd, market, server_version, leftover)

    def wait(self, reader: Reader, timeout_ns: int, calm: AskCalm, still: Still | None) -> int:
        return reader.wait(timeout_ns)

    def sleep(self, timeout_ns: int, wake_fd: int = -1) -> None:
        poller = select.poll()
        if wake_fd >= 0:
            poller.register(wake_fd, select.POLLIN)
        if poller.poll(timeout_ns / 1e6):
            os.eventfd_read(wake_fd)


SOCKETS: Final = Sockets()


def _connected(broker: Broker, should_stop: ShouldStop) -> socket.socket:
    place = f"{broker.host}:{broker.port}"
    deadline = time.monotonic() + broker.connect_timeout_s
    reason = "no address"
    for family, address in _addresses(broker, place):
        try:
            return _opened(family, address, broker.connect_timeout_s, deadline, should_stop)
        except OSError as problem:
            reason = problem.strerror or str(problem)
    raise ConnectError(
        f"nothing answers at {place} ({reason}): start TWS or the gateway, enable its API "
        "(Configuration, API, Settings: Enable ActiveX and Socket Clients), and check broker.port"
    )


def _opened(
    family: int,
    address: tuple[object, ...],
    timeout_s: float,
    deadline: float,
    should_stop: ShouldStop,
) -> socket.socket:
    """Raises OSError, also where the system has no socket to give: the limit of open files is
    reached, or the host's name has an address of a family that this machine does not speak."""
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        error = sock.connect_ex(address)
        if error not in (0, errno.EINPROGRESS):
            raise OSError(error, _text(error))
        if not _writable(sock, deadline, should_stop):
            raise TimeoutError(errno.ETIMEDOUT, f"no answer in {timeout_s:g} s")
        error = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if error:
            raise OSError(error, _text(error))
        _tune(sock)
    except BaseException:
        sock.close()
        raise
    return sock


def _writable(sock: socket.socket, deadline: float, should_stop: ShouldStop) -> bool:
    """Until it is connected or has failed, True; until ``deadline``, False."""
    while True:
        if should_stop():
            raise Stopped
        left = deadline - time.monotonic()
        if SOCKETS.ready(sock, select.POLLOUT, min(left, POLL_S)):
            return True
        if left <= 0:
            return False


def _addresses(broker: Broker, place: str) -> Iterator[tuple[int, tuple[object, ...]]]:
    try:
        found = socket.getaddrinfo(broker.host, broker.port, type=socket.SOCK_STREAM)
    except OSError as problem:
        raise ConnectError(
            f"{place} cannot be resolved ({problem.strerror}): check broker.host"
        ) from None
    for family, _, _, _, address in found:
        yield family, address


def _text(error: int) -> str:
    return "connection refused" if error == errno.ECONNREFUSED else f"error {error}"


def _tune(sock: socket.socket) -> None:
    # Without NODELAY one of some hundred order pairs waits 40 ms for a delayed acknowledgement.
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (
        ("TCP_KEEPIDLE", KEEPALIVE_IDLE_S),
        ("TCP_KEEPINTVL", KEEPALIVE_EVERY_S),
        ("TCP_KEEPCNT", KEEPALIVE_PROBES),
        ("TCP_USER_TIMEOUT", UNACKNOWLEDGED_MS),
    ):
        option = getattr(socket, name, None)  # not on every system
        if option is not None:
            sock.setsockopt(socket.IPPROTO_TCP, option, value)

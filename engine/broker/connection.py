"""The socket to TWS: opened and shaken hands with inside a time limit, and sent to completely.

ibapi's own transport waits for ever where TWS is silent, throws away what arrives around the
handshake, and sends parts of messages without saying so. None of that may happen here.
"""

from __future__ import annotations

import errno
import re
import select
import socket
import struct
import time
from collections.abc import Callable, Iterator
from typing import Final

from engine.config import Broker
from engine.errors import ConfigError, ConnectError, PeerError
from engine.sources import is_loopback

POLL_MS: Final = 100  # how long a request to stop may wait
SEND_TIMEOUT_S: Final = 1.0  # a peer that takes nothing for so long is gone
HELLO_BYTES_MAX: Final = 256
RECEIVE_BYTES: Final = 65_536
KEEPALIVE_IDLE_S: Final = 10
KEEPALIVE_EVERY_S: Final = 5
KEEPALIVE_PROBES: Final = 3
UNACKNOWLEDGED_MS: Final = 15_000  # TCP_USER_TIMEOUT: sent bytes without an acknowledgement
SERVER_VERSION_MIN: Final = 176
_HELLO: Final = re.compile(rb"(\d{1,6})\0([^\0]*)\0", re.DOTALL)

ShouldStop = Callable[[], bool]


class LinkError(PeerError):
    """The connection cannot carry what was to be sent; whether TWS got any of it is unknown."""


class Stopped(Exception):  # noqa: N818  (nobody's fault)
    """``should_stop`` said so while a connection was being opened."""


class Connection:
    """A connection that has shaken hands. ``leftover`` are the bytes that came behind the
    handshake: the reader starts with them."""

    def __init__(self, sock: socket.socket, server_version: int, told: str, leftover: bytes):
        self._socket = sock
        self._broken = False
        self.server_version = server_version
        self.connection_time = told  # as TWS wrote it: "20260105 09:30:00 EST"
        self.leftover = leftover

    @classmethod
    def open(
        cls, broker: Broker, should_stop: ShouldStop, newest_version: int | None = None
    ) -> Connection:
        """Connect and agree on a version no newer than ``broker.max_server_version`` and
        ``newest_version`` (what the decoders know).

        Raises:
            ConfigError: the host is not this machine and ``remote_ok`` is not set.
            ConnectError: nobody listens, TWS stays silent, or does not talk as TWS does.
            Stopped: ``should_stop`` became true.
        """
        _check_host(broker)
        sock = _connected(broker, should_stop)
        try:
            _tune(sock)
            newest = min(broker.max_server_version, newest_version or broker.max_server_version)
            return cls(sock, *_handshake(sock, broker, newest, should_stop))
        except BaseException:
            sock.close()
            raise

    def fileno(self) -> int:
        return self._socket.fileno()

    def send(self, data: bytes) -> None:
        """All of ``data``, in order.

        Raises:
            LinkError: the peer took nothing for SEND_TIMEOUT_S, or the socket is gone. The
                stream may then end inside a message, so nothing is sent any more.
        """
        if self._broken:
            raise LinkError("the connection is already broken")
        view = memoryview(data)
        deadline = time.monotonic() + SEND_TIMEOUT_S
        try:
            while view:
                try:
                    sent = self._socket.send(view)
                except BlockingIOError:
                    sent = 0
                if sent:
                    view = view[sent:]
                    deadline = time.monotonic() + SEND_TIMEOUT_S
                elif not _ready(self._socket, select.POLLOUT, deadline - time.monotonic()):
                    raise LinkError(
                        f"TWS takes no bytes: {len(view)} of {len(data)} unsent after "
                        f"{SEND_TIMEOUT_S:g} s"
                    )
        except OSError as problem:
            self._broken = True
            raise LinkError(f"sending failed: {problem.strerror or problem}") from None
        except LinkError:
            self._broken = True
            raise

    def close(self) -> None:
        """Close the socket; what was sent and not yet delivered still is. Idempotent."""
        self._broken = True
        self._socket.close()


def _check_host(broker: Broker) -> None:
    # The TWS socket has neither encryption nor authentication: whoever can reach it can trade,
    # and whoever is on the way can change an order.
    if not broker.remote_ok and not is_loopback(broker.host):
        raise ConfigError(
            f"broker.host {broker.host!r} is not this machine, and TWS has no authentication: "
            "use a tunnel to 127.0.0.1, or set broker.remote_ok = true"
        )


def _connected(broker: Broker, should_stop: ShouldStop) -> socket.socket:
    place = f"{broker.host}:{broker.port}"
    deadline = time.monotonic() + broker.connect_timeout_s
    reason = "no address"
    for family, address in _addresses(broker, place):
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            sock.setblocking(False)
            error = sock.connect_ex(address)
            if error not in (0, errno.EINPROGRESS):
                raise OSError(error, _text(error))
            if not _wait(sock, select.POLLOUT, deadline, should_stop):
                raise TimeoutError(errno.ETIMEDOUT, f"no answer in {broker.connect_timeout_s:g} s")
            error = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if error:
                raise OSError(error, _text(error))
        except OSError as problem:
            sock.close()
            reason = problem.strerror or str(problem)
        except BaseException:
            sock.close()
            raise
        else:
            return sock
    raise ConnectError(
        f"nothing answers at {place} ({reason}): start TWS or the gateway, enable its API "
        "(Configuration, API, Settings: Enable ActiveX and Socket Clients), and check broker.port"
    )


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


def _handshake(
    sock: socket.socket, broker: Broker, newest: int, should_stop: ShouldStop
) -> tuple[int, str, bytes]:
    place = f"{broker.host}:{broker.port}"
    deadline = time.monotonic() + broker.handshake_timeout_s
    versions = f"v100..{newest}".encode()
    hello = b"API\0" + struct.pack("!I", len(versions)) + versions
    try:
        sock.sendall(hello)  # a few bytes into an empty buffer: never blocks
        received = b""
        while (frame := _hello_frame(received, place)) is None:
            if not _wait(sock, select.POLLIN, deadline, should_stop):
                raise ConnectError(
                    f"TWS at {place} accepted the connection and said nothing for "
                    f"{broker.handshake_timeout_s:g} s: look for a dialog in its window that asks "
                    "to accept the connection, and restart it if there is none"
                )
            chunk = sock.recv(RECEIVE_BYTES)
            if not chunk:
                raise ConnectError(
                    f"TWS at {place} closed the connection in the handshake: check its trusted "
                    "IPs, and that no more than 32 clients are connected"
                )
            received += chunk
    except OSError as problem:
        raise ConnectError(
            f"the connection to {place} broke in the handshake ({problem.strerror or problem}): "
            "check that TWS is still running"
        ) from None
    version, told = _hello(frame, place, newest)
    return version, told, received[4 + len(frame) :]


def _hello_frame(received: bytes, place: str) -> bytes | None:
    """The first frame without its length; None while it is incomplete."""
    if len(received) < 4:
        return None
    (size,) = struct.unpack_from("!I", received)
    if not 0 < size <= HELLO_BYTES_MAX:
        raise ConnectError(_not_tws(place, received[:16]))
    return received[4 : 4 + size] if len(received) >= 4 + size else None


def _hello(frame: bytes, place: str, newest: int) -> tuple[int, str]:
    match = _HELLO.fullmatch(frame)
    if match is None:
        raise ConnectError(_not_tws(place, frame[:32]))
    version = int(match[1])
    if version < SERVER_VERSION_MIN:
        raise ConnectError(
            f"TWS at {place} speaks server version {version}, needed is {SERVER_VERSION_MIN} "
            "(TWS 10.19) or newer: update TWS"
        )
    if version > newest:
        raise ConnectError(
            f"TWS at {place} insists on server version {version}, at most {newest} was offered: "
            "raise broker.max_server_version, or update ibapi"
        )
    return version, match[2].decode("ascii", "replace")


def _not_tws(place: str, head: bytes) -> str:
    return f"what listens at {place} is not TWS (it answered {head!r}): check broker.port"


def _wait(sock: socket.socket, event: int, deadline: float, should_stop: ShouldStop) -> bool:
    """Until ``event``, True; until ``deadline`` (time.monotonic), False."""
    while True:
        if should_stop():
            raise Stopped
        left = deadline - time.monotonic()
        if _ready(sock, event, min(left, POLL_MS / 1000)):
            return True
        if left <= 0:
            return False


def _ready(sock: socket.socket, event: int, seconds: float) -> bool:
    poller = select.poll()
    poller.register(sock, event)
    return bool(poller.poll(max(0.0, seconds) * 1000))

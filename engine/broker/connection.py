"""The socket to TWS: opened and shaken hands with inside a time limit, and sent to completely.

ibapi's own transport waits for ever where TWS is silent, throws away what arrives around the
handshake, and sends parts of messages without saying so. None of that may happen here.
"""

from __future__ import annotations

import re
import select
import struct
from typing import Final

from _fast.market import Market
from _fast.reader import Reader
from engine.broker.sockets import SOCKETS
from engine.broker.transport import ShouldStop, Stopped, Stream, Transport
from engine.config import Broker
from engine.errors import ConfigError, ConnectError, PeerError
from engine.sources import is_loopback

SECOND_NS: Final = 1_000_000_000
POLL_S: Final = 0.1  # how long a request to stop may wait
SEND_TIMEOUT_S: Final = 1.0  # a peer that takes nothing for so long is gone
HELLO_BYTES_MAX: Final = 256
RECEIVE_BYTES: Final = 65_536
SERVER_VERSION_MIN: Final = 176
_HELLO: Final = re.compile(rb"(\d{1,6})\0([^\0]*)\0", re.DOTALL)


class LinkError(PeerError):
    """The connection cannot carry what was to be sent; whether TWS got any of it is unknown."""


class Connection:
    """A connection that has shaken hands. ``leftover`` are the bytes that came behind the
    handshake: the reader starts with them."""

    def __init__(
        self, stream: Stream, transport: Transport, server_version: int, told: str, leftover: bytes
    ) -> None:
        self._stream = stream
        self._transport = transport
        self._broken = False
        self.server_version = server_version
        self.connection_time = told  # as TWS wrote it: "20260105 09:30:00 EST"
        self.leftover = leftover

    @classmethod
    def open(
        cls,
        broker: Broker,
        should_stop: ShouldStop,
        newest_version: int | None = None,
        transport: Transport = SOCKETS,
    ) -> Connection:
        """Connect and agree on a version no newer than ``broker.max_server_version`` and
        ``newest_version`` (what the decoders know).

        Raises:
            ConfigError: the host is not this machine and ``remote_ok`` is not set.
            ConnectError: nobody listens, TWS stays silent, or does not talk as TWS does.
            Stopped: ``should_stop`` became true.
        """
        _check_host(broker)
        newest = min(broker.max_server_version, newest_version or broker.max_server_version)
        stream = transport.connect(broker, should_stop)
        try:
            agreed = _handshake(transport, stream, broker, newest, should_stop)
        except BaseException:
            stream.close()
            raise
        return cls(stream, transport, *agreed)

    def fileno(self) -> int:
        return self._stream.fileno()

    def reader(self, market: Market, wake_fd: int) -> Reader:
        """Reads what comes behind the handshake into ``market``."""
        own = self.server_version, self.leftover
        return self._transport.reader(self._stream, wake_fd, market, *own)

    @property
    def writable(self) -> bool:
        """Whether the system would take bytes now."""
        return not self._broken and self._transport.ready(self._stream, select.POLLOUT, 0.0)

    def send(self, data: bytes) -> None:
        """All of ``data``, in order.

        Raises:
            LinkError: the peer took nothing for SEND_TIMEOUT_S, or the socket is gone. The
                stream may then end inside a message, so nothing is sent any more.
        """
        if self._broken:
            raise LinkError("the connection is already broken")
        view = memoryview(data)
        deadline_ns = self._deadline_ns()
        try:
            while view:
                try:
                    sent = self._stream.send(view)
                except BlockingIOError:
                    sent = 0
                left_s = (deadline_ns - self._transport.monotonic_ns()) / SECOND_NS
                if sent:
                    view = view[sent:]
                    deadline_ns = self._deadline_ns()
                elif not self._transport.ready(self._stream, select.POLLOUT, left_s):
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

    def _deadline_ns(self) -> int:
        return self._transport.monotonic_ns() + round(SEND_TIMEOUT_S * SECOND_NS)

    def close(self) -> None:
        """Close the socket; what was sent and not yet delivered still is. Idempotent."""
        self._broken = True
        self._stream.close()


def _check_host(broker: Broker) -> None:
    # The TWS socket has neither encryption nor authentication: whoever can reach it can trade,
    # and whoever is on the way can change an order.
    if not broker.remote_ok and not is_loopback(broker.host):
        raise ConfigError(
            f"broker.host {broker.host!r} is not this machine, and TWS has no authentication: "
            "use a tunnel to 127.0.0.1, or set broker.remote_ok = true"
        )


def _handshake(
    transport: Transport, stream: Stream, broker: Broker, newest: int, should_stop: ShouldStop
) -> tuple[int, str, bytes]:
    place = f"{broker.host}:{broker.port}"
    deadline_ns = transport.monotonic_ns() + round(broker.handshake_timeout_s * SECOND_NS)
    versions = f"v100..{newest}".encode()
    hello = b"API\0" + struct.pack("!I", len(versions)) + versions
    try:
        stream.send(memoryview(hello))  # a few bytes into an empty buffer: all of them are taken
        received = b""
        while (frame := _hello_frame(received, place)) is None:
            if not _readable(transport, stream, deadline_ns, should_stop):
                raise ConnectError(
                    f"TWS at {place} accepted the connection and said nothing for "
                    f"{broker.handshake_timeout_s:g} s: look for a dialog in its window that asks "
                    "to accept the connection, and restart it if there is none"
                )
            chunk = stream.recv(RECEIVE_BYTES)
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


def _readable(
    transport: Transport, stream: Stream, deadline_ns: int, should_stop: ShouldStop
) -> bool:
    """Until something came, True; until the deadline, False."""
    while True:
        if should_stop():
            raise Stopped
        left_s = (deadline_ns - transport.monotonic_ns()) / SECOND_NS
        if transport.ready(stream, select.POLLIN, min(left_s, POLL_S)):
            return True
        if left_s <= 0:
            return False

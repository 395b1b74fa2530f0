"""The connections of a server: sockets that come, are read, written, and go.

What a client is and what it may do is the gateway's; here are its bytes.
"""

from __future__ import annotations

import contextlib
import errno
import selectors
import socket
import struct
import time
from typing import Final

import attrs

from engine.errors import LimitError, UserError
from engine.loggers import logger
from engine.sim.client import Client
from engine.sim.control import ControlWire
from engine.sim.delivery import Delivery
from engine.sim.gateway import Gateway
from engine.sim.operations import Operations
from engine.sim.pace import Player

READ_BYTES_MAX: Final = 256 << 10
CLOSING_NS_MAX: Final = 2_000_000_000  # for the last frames of a client being disconnected
CONTROL_CLIENTS_MAX: Final = 8
_RESET: Final = struct.pack("ii", 1, 0)  # SO_LINGER: close with a reset instead of an end
_LOG: Final = logger("engine.sim")


@attrs.define(eq=False)
class Peer:
    """One connection: a TWS client's, or one of the control channel."""

    socket: socket.socket
    delivery: Delivery
    label: str
    client: Client | None = None
    control: ControlWire | None = None
    blocked: bool = False  # the socket takes no more for now
    shut: bool = False  # everything has been sent, and the end of it
    give_up_ns: int = 0  # when a closing connection is cut off

    @property
    def closing(self) -> bool:
        if self.client is not None:
            return bool(self.client.closing)
        return self.control is not None and self.control.closing


class Peers:
    """All connections of one server."""

    def __init__(
        self,
        selector: selectors.BaseSelector,
        gateway: Gateway,
        player: Player,
        operations: Operations,
    ) -> None:
        self._selector = selector
        self._gateway = gateway
        self._player = player
        self._operations = operations
        self._peers: dict[socket.socket, Peer] = {}

    @property
    def in_pieces(self) -> bool:
        """Whether something waits that is to be sent in pieces."""
        return any(
            peer.delivery.line.piece_bytes and len(peer.delivery) for peer in self._peers.values()
        )

    def flush_all(self) -> None:
        for peer in list(self._peers.values()):
            self.flush(peer)

    def close(self) -> None:
        """Close every socket, without a word."""
        for owned in self._peers:
            owned.close()

    def accept(self, listener: socket.socket, control: bool) -> None:
        """Take one that has come in on a port: a client's, or one of the control channel."""
        try:
            connection, address = listener.accept()
        except OSError as problem:  # it left again before we came to it
            _LOG.info("a connection was not accepted: %s", problem)
            return
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        label = f"{address[0]}:{address[1]}"
        if control:
            controls = sum(1 for peer in self._peers.values() if peer.control is not None)
            wire = ControlWire(self._operations.table())
            wire.closing = controls >= CONTROL_CLIENTS_MAX
            delivery = Delivery(self._gateway.backlog_bytes_max)
            peer = Peer(connection, delivery, label, control=wire)
        else:
            client = self._gateway.open(label)
            peer = Peer(connection, client.wire.delivery, label, client=client)
        self._peers[connection] = peer
        self._selector.register(connection, selectors.EVENT_READ, peer)
        self.flush(peer)  # one too many is sent away at once

    def serve(self, peer: Peer, mask: int) -> None:
        """Read what has come, act on it, and send the answers at once."""
        if mask & selectors.EVENT_WRITE:
            peer.blocked = False
        if mask & selectors.EVENT_READ:
            try:
                data = peer.socket.recv(READ_BYTES_MAX)
            except BlockingIOError:
                return
            except OSError as problem:
                self._drop(peer, str(problem))
                return
            if not data:
                self._drop(peer, "it left")
                return
            self._receive(peer, data)
        self.flush(peer)

    def _receive(self, peer: Peer, data: bytes) -> None:
        if peer.closing:
            return  # what a client says after it was refused is not heard
        if peer.client is not None:
            self._player.advance()
            self._gateway.receive(peer.client, data)
        elif peer.control is not None:
            try:
                for answer in peer.control.feed(data):
                    peer.delivery.put(answer)
            except LimitError as problem:
                _LOG.warning("%s: the control channel is closed: %s", peer.label, problem)
                peer.control.closing = True

    def flush(self, peer: Peer) -> None:
        """Send what the socket takes now; end the connection once it is closing and empty."""
        if peer.socket not in self._peers:
            return
        if peer.delivery.line.aborted:
            self._abort(peer)
            return
        while not peer.blocked and not peer.shut and (pending := peer.delivery.pending()):
            try:
                peer.delivery.sent(peer.socket.send(pending))
            except BlockingIOError:
                peer.blocked = True
            except OSError as problem:
                self._drop(peer, str(problem))
                return
            if peer.delivery.line.piece_bytes:
                break  # the next piece in the next turn, or they would arrive as one
        wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if peer.blocked else 0)
        if self._selector.get_key(peer.socket).events != wanted:
            self._selector.modify(peer.socket, wanted, peer)
        if peer.closing:
            self._finish(peer)

    def _finish(self, peer: Peer) -> None:
        """Say goodbye in order: a reset would throw away the last error on its way."""
        real_ns = time.monotonic_ns()
        if not peer.give_up_ns:
            peer.give_up_ns = real_ns + CLOSING_NS_MAX
            if peer.client is not None:
                _LOG.warning("%s: disconnected: %s", peer.label, peer.client.closing)
                self._gateway.close(peer.client)
        if real_ns >= peer.give_up_ns:
            self._drop(peer, "it was cut off")
        elif not peer.blocked and not peer.shut:
            peer.shut = True
            with contextlib.suppress(OSError):  # it has left already, which is what we want
                peer.socket.shutdown(socket.SHUT_WR)

    def _abort(self, peer: Peer) -> None:
        """End a connection by a reset: what was under way is lost."""
        with contextlib.suppress(OSError):  # it has gone by itself
            peer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self._drop(peer, peer.client.closing if peer.client is not None else "")

    def _drop(self, peer: Peer, why: str) -> None:
        if peer.client is not None:
            self._gateway.close(peer.client)
            _LOG.info("%s: connection ended: %s", peer.label, why)
        del self._peers[peer.socket]
        self._selector.unregister(peer.socket)
        peer.socket.close()


def listening(host: str, port: int) -> socket.socket:
    """A port that is open. Raises UserError naming the port that cannot be had, and the mend."""
    try:
        return socket.create_server((host, port), backlog=128)
    except OSError as problem:
        if problem.errno == errno.EADDRINUSE:
            text = f"port {port}: in use; end what listens there, or choose another port"
        else:
            text = f"port {port} on {host}: cannot listen: {problem.strerror}"
        raise UserError(text) from None

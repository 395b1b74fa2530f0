"""A port to listen on, or one line on why it cannot be had."""

from __future__ import annotations

import errno
import ipaddress
import socket
from typing import Final

from engine.errors import UserError

BACKLOG: Final = 128


def listening(host: str, port: int) -> socket.socket:
    """Raises UserError in one line if this is not possible."""
    try:
        six = ipaddress.ip_address(host).version == 6
    except ValueError:
        six = False
    family = socket.AF_INET6 if six else socket.AF_INET
    # With its protocol named: asyncio sets TCP_NODELAY only on such, and without it each answer
    # waits 40 ms for the peer's acknowledgement of its first half.
    made = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((host, port))
        made.listen(BACKLOG)
        return made
    except OSError as problem:
        made.close()
        if problem.errno == errno.EADDRINUSE:
            raise UserError(
                f"port {port}: in use; end what listens there, or choose another port"
            ) from None
        raise UserError(f"port {port} on {host}: cannot listen: {problem.strerror}") from None

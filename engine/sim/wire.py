"""The TWS protocol of one client, without sockets: bytes in, requests out, frames queued.

A connection begins with ``API\\0`` and a frame naming the versions the client speaks. The server
answers with the version both will use; from then on each frame is one message.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, Literal

from engine.errors import DecodeError, FrameError
from engine.sim.delivery import Delivery
from engine.sim.wire_encoder import Encoder
from engine.sim.wire_messages import (
    PROTOBUF_MIN,
    TEXT_MAX,
    VERSION_MAX,
    VERSION_MIN,
)
from engine.sim.wire_mixed import MixedEncoder
from engine.sim.wire_protobuf import ProtobufEncoder
from engine.sim.wire_requests import Request, parse
from engine.sim.wire_text import TextEncoder, frame

GREETING: Final = b"API\0"
PACED: Final = b"+PACEAPI"
HELLO_BYTES_MAX: Final = 256
REQUEST_BYTES_MAX: Final = 1 << 20
_HELLO: Final = re.compile(rb"v(\d{1,4})(?:\.\.(\d{1,4}))?( .*)?", re.DOTALL)
Phase = Literal["greeting", "hello", "open", "closed"]


def negotiated(server_max: int, client_min: int, client_max: int) -> int:
    """The version to announce.

    Raises:
        FrameError: there is none that both speak.
    """
    version = min(server_max, client_max, VERSION_MAX)
    if version < max(VERSION_MIN, client_min):
        raise FrameError(
            f"the client speaks versions {client_min} to {client_max}; "
            f"the simulator {VERSION_MIN} to {server_max}"
        )
    return version


def encoder_of(version: int) -> Encoder:
    if version <= TEXT_MAX:
        return TextEncoder(version)
    return MixedEncoder(version) if version < PROTOBUF_MIN else ProtobufEncoder(version)


class Encoders(dict[int, Encoder]):
    """Those of one TWS by their versions: an encoder knows again what it has rendered before."""

    def __missing__(self, version: int) -> Encoder:
        found = self[version] = encoder_of(version)
        return found


class ClientWire:
    """One connection. ``feed`` yields what the client asks; ``encoder`` renders the answers."""

    def __init__(
        self,
        server_max: int,
        delivery: Delivery | None = None,
        encoders: Encoders | None = None,
    ) -> None:
        self.phase: Phase = "greeting"
        self.version = 0
        self.paced = False  # TWS is to keep the client's messages in their pace, not to refuse them
        self.delivery = Delivery() if delivery is None else delivery
        self._server_max = server_max
        self._encoders = Encoders() if encoders is None else encoders
        self._received = bytearray()
        self.encoder: Encoder  # once a version has been negotiated

    def feed(self, data: bytes, server_time: str) -> Iterator[Request | DecodeError]:
        """Requests in the order of their frames; a frame that makes no sense comes as its error.

        Raises:
            FrameError: the stream is not one of a TWS client, or cannot be followed any further.
        """
        self._received += data
        if self.phase == "greeting":
            self._greet()
        if self.phase == "hello":
            self._hello(server_time)
        while self.phase == "open" and (payload := self._payload(REQUEST_BYTES_MAX)) is not None:
            try:
                request: Request | DecodeError = parse(payload, self.version)
            except DecodeError as problem:
                request = problem
            yield request

    def _greet(self) -> None:
        received = bytes(self._received[: len(GREETING)])
        if not GREETING.startswith(received):
            raise FrameError(f"a connection begins with {GREETING!r}, not with {received!r}")
        if len(received) == len(GREETING):
            del self._received[: len(GREETING)]
            self.phase = "hello"

    def _hello(self, server_time: str) -> None:
        payload = self._payload(HELLO_BYTES_MAX)
        if payload is None:
            return
        match = _HELLO.fullmatch(payload)
        if match is None:
            raise FrameError(f"a hello names versions, such as v100..226, not {payload[:40]!r}")
        lowest = int(match[1])
        highest = int(match[2] or match[1])
        self.paced = PACED in (match[3] or b"")
        self.version = negotiated(self._server_max, lowest, highest)
        self.encoder = self._encoders[self.version]
        self.delivery.put(frame([str(self.version), server_time]))
        self.phase = "open"

    def _payload(self, bytes_max: int) -> bytes | None:
        """The next complete frame without its length, None until it is there."""
        if len(self._received) < 4:
            return None
        size = int.from_bytes(self._received[:4], "big")
        if size > bytes_max:
            raise FrameError(f"a frame of {size} bytes; {bytes_max} is the most")
        if len(self._received) < 4 + size:
            return None
        payload = bytes(self._received[4 : 4 + size])
        del self._received[: 4 + size]
        return payload

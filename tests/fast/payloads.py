"""Payloads as TWS writes them in both formats, and what ibapi's decoder calls for one."""

import math
import struct
from typing import Any

from ibapi.wrapper import EWrapper

from tests.ibapi_decoder import Decoder

TEXT_VERSIONS = (176, 178, 187, 191, 194, 198, 200, 203, 213, 226)
PROTOBUF_VERSIONS = (203, 213, 226)
UNSET = 1.7976931348623157e308
NAN = math.nan


def text(version: int, msg_id: int, *fields: object) -> bytes:
    """As TWS writes text: the id is a field up to 200 and four bytes from 201 on."""
    body = b"".join(str(field).encode() + b"\0" for field in fields)
    if version > 200:
        return struct.pack(">I", msg_id) + body
    return f"{msg_id}\0".encode() + body


def protobuf(msg_id: int, message: Any) -> bytes:
    raw: bytes = message.SerializeToString()
    return struct.pack(">I", 200 + msg_id) + raw


class Heard(EWrapper):
    """Keeps the last call of a method, except the ones that come with every protobuf message."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[str, tuple[Any, ...]]] = []

    def __getattribute__(self, name: str) -> Any:
        known = EWrapper.__dict__.get(name)
        if known is None or name.startswith("_") or name.endswith("ProtoBuf"):
            return super().__getattribute__(name)
        return lambda *args: self.calls.append((name, args))


def ibapi_calls(version: int, payload: bytes) -> list[tuple[str, tuple[Any, ...]]]:
    heard = Heard()
    decoder = Decoder(heard, version)
    if version > 200:
        msg_id, body = struct.unpack(">I", payload[:4])[0], payload[4:]
    else:
        head, _, body = payload.partition(b"\0")
        msg_id = int(head)
    if msg_id > 200:
        decoder.processProtoBuf(body, msg_id - 200)
    else:
        decoder.interpret(tuple(body.split(b"\0")[:-1]), msg_id)
    return heard.calls

"""The messages of the market, of which there are a hundred thousand a second: by compiled code.

The tables can make each of them, and would take ten times as long. What is the same in all
messages of one subscription is made here, and once; the bytes are those of the tables, and a test
holds them to it.
"""

from __future__ import annotations

from typing import Final, Literal

from _fast.tick_frames import TickFrames
from engine.sim.wire_messages import (
    PROTOBUF_OFFSET,
    TICK_GENERIC,
    TICK_PRICE,
    TICK_SIZE,
    TICK_STRING,
)

TICK_BY_TICK: Final = 99
_MARKET: Final = (TICK_PRICE, TICK_SIZE, TICK_STRING, TICK_GENERIC)
# "numbered" is text with its id in four bytes instead of a first field.
Style = Literal["text", "numbered", "protobuf"]


def tick_frames(request_id: int, market: Style, one_by_one: Style) -> TickFrames:
    """What renders the ticks of one request."""
    heads = [
        _head(row.id, market, f"{row.text_version}\0{request_id}\0", request_id) for row in _MARKET
    ]
    heads.append(_head(TICK_BY_TICK, one_by_one, f"{request_id}\0", request_id))
    return TickFrames(tuple(heads), market == "protobuf", one_by_one == "protobuf")


def _head(message_id: int, style: Style, fields: str, request_id: int) -> bytes:
    if style == "text":
        return f"{message_id}\0{fields}".encode()
    if style == "numbered":
        return message_id.to_bytes(4, "big") + fields.encode()
    number = (message_id + PROTOBUF_OFFSET).to_bytes(4, "big")
    return number + b"\x08" + _varint(request_id) + b"\x10"


def _varint(number: int) -> bytes:
    """As protobuf writes it; a negative one takes ten bytes."""
    rest = number & (1 << 64) - 1
    found = bytearray()
    while rest > 0x7F:
        found.append(rest & 0x7F | 0x80)
        rest >>= 7
    found.append(rest)
    return bytes(found)

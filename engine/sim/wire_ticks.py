"""The messages of the market, of which there are a hundred thousand a second: made by hand.

A writer belongs to one subscription. What is the same in all its messages is made once; the
tables and the protobuf library, which can make every message, would take three times as long.
The bytes are the same, and a test holds them to it.
"""

from __future__ import annotations

import struct
from functools import lru_cache
from typing import Final, Protocol

from engine.sim.wire_messages import (
    PROTOBUF_OFFSET,
    TICK_GENERIC,
    TICK_PRICE,
    TICK_SIZE,
    TICK_STRING,
    Message,
)

TICK_BY_TICK: Final = 99
BID_ASK, MIDPOINT = 3, 4  # kinds of ticks one by one, beside 1 and 2 for trades
_LENGTH: Final = struct.Struct(">I")
_HEAD: Final = struct.Struct(">II")
_DOUBLE: Final = struct.Struct("<Bd")
_DOUBLE_TEXT: Final = struct.Struct("<BdBB")
_DOUBLES_TEXT: Final = struct.Struct("<BdBdBB")


class TickWriter(Protocol):
    """Renders the ticks of one request as frames. ``second`` is epoch time."""

    def price(self, kind: int, price: float, size: int, mask: int) -> bytes: ...

    def size(self, kind: int, size: int) -> bytes: ...

    def string(self, kind: int, value: str) -> bytes: ...

    def generic(self, kind: int, value: float) -> bytes: ...

    def last(self, kind: int, second: int, price: float, size: int, exchange: str) -> bytes: ...

    def bid_ask(
        self, second: int, bid: float, ask: float, bid_size: int, ask_size: int
    ) -> bytes: ...

    def mid(self, second: int, price: float) -> bytes: ...


class TextTicks:
    """As NUL-terminated text."""

    __slots__ = ("_heads", "_one_by_one")

    def __init__(self, request_id: int) -> None:
        rows = (TICK_PRICE, TICK_SIZE, TICK_STRING, TICK_GENERIC)
        self._heads = [f"{row.id}\0{row.text_version}\0{request_id}\0" for row in rows]
        self._one_by_one = f"{TICK_BY_TICK}\0{request_id}\0"

    def price(self, kind: int, price: float, size: int, mask: int) -> bytes:
        return _framed(f"{self._heads[0]}{kind}\0{price!r}\0{size}\0{mask}\0")

    def size(self, kind: int, size: int) -> bytes:
        return _framed(f"{self._heads[1]}{kind}\0{size}\0")

    def string(self, kind: int, value: str) -> bytes:
        return _framed(f"{self._heads[2]}{kind}\0{value}\0")

    def generic(self, kind: int, value: float) -> bytes:
        return _framed(f"{self._heads[3]}{kind}\0{value!r}\0")

    def last(self, kind: int, second: int, price: float, size: int, exchange: str) -> bytes:
        head = self._one_by_one
        return _framed(f"{head}{kind}\0{second}\0{price!r}\0{size}\x000\0{exchange}\0\0")

    def bid_ask(self, second: int, bid: float, ask: float, bid_size: int, ask_size: int) -> bytes:
        head = self._one_by_one
        return _framed(
            f"{head}{BID_ASK}\0{second}\0{bid!r}\0{ask!r}\0{bid_size}\0{ask_size}\x000\0"
        )

    def mid(self, second: int, price: float) -> bytes:
        return _framed(f"{self._one_by_one}{MIDPOINT}\0{second}\0{price!r}\0")


def _framed(text: str) -> bytes:
    body = text.encode()
    return _LENGTH.pack(len(body)) + body


def varint(number: int) -> bytes:
    """As protobuf writes it; a negative one takes ten bytes."""
    rest = number & (1 << 64) - 1
    found = bytearray()
    while rest > 0x7F:
        found.append(rest & 0x7F | 0x80)
        rest >>= 7
    found.append(rest)
    return bytes(found)


@lru_cache(maxsize=64)
def _time(second: int) -> bytes:
    """Field 1 of a tick one by one."""
    return b"\x08" + varint(second)


class ProtobufTicks:
    """As protobuf: the fields of each message by their numbers."""

    __slots__ = ("_heads", "_request")

    def __init__(self, request_id: int) -> None:
        self._request = b"\x08" + varint(request_id)
        self._heads: dict[tuple[int, int], bytes] = {}

    def _head(self, message_id: int, kind: int) -> bytes:
        """reqId and tickType."""
        head = self._heads.get((message_id, kind))
        if head is None:
            head = self._request + b"\x10" + varint(kind)
            self._heads[message_id, kind] = head
        return head

    def price(self, kind: int, price: float, size: int, mask: int) -> bytes:
        head, shares = self._head(1, kind), b"%d" % size
        numbers = _DOUBLE_TEXT.pack(0x19, price, 0x22, len(shares))
        tail = b"\x28\x01" if mask == 1 else b"\x28" + varint(mask)
        return _packed(TICK_PRICE, head + numbers + shares + tail)

    def size(self, kind: int, size: int) -> bytes:
        shares = b"%d" % size
        return _packed(TICK_SIZE, b"%b\x1a%c%b" % (self._head(2, kind), len(shares), shares))

    def string(self, kind: int, value: str) -> bytes:
        body = value.encode()
        return _packed(TICK_STRING, self._head(46, kind) + b"\x1a" + varint(len(body)) + body)

    def generic(self, kind: int, value: float) -> bytes:
        return _packed(TICK_GENERIC, self._head(45, kind) + _DOUBLE.pack(0x19, value))

    def last(self, kind: int, second: int, price: float, size: int, exchange: str) -> bytes:
        shares, venue = b"%d" % size, exchange.encode()
        inner = b"%b\x12\x02\x08\x00%b%b\x2a%c%b" % (
            _time(second),
            _DOUBLE_TEXT.pack(0x19, price, 0x22, len(shares)),
            shares,
            len(venue),
            venue,
        )
        return self._tick(kind, b"\x1a", inner)

    def bid_ask(self, second: int, bid: float, ask: float, bid_size: int, ask_size: int) -> bytes:
        bids, asks = b"%d" % bid_size, b"%d" % ask_size
        inner = b"%b\x12\x02\x08\x00%b%b\x32%c%b" % (
            _time(second),
            _DOUBLES_TEXT.pack(0x19, bid, 0x21, ask, 0x2A, len(bids)),
            bids,
            len(asks),
            asks,
        )
        return self._tick(BID_ASK, b"\x22", inner)

    def mid(self, second: int, price: float) -> bytes:
        return self._tick(MIDPOINT, b"\x2a", _time(second) + _DOUBLE.pack(0x11, price))

    def _tick(self, kind: int, field: bytes, inner: bytes) -> bytes:
        head = self._head(TICK_BY_TICK, kind)
        body = b"%b%b%c%b" % (head, field, len(inner), inner)
        return _HEAD.pack(len(body) + 4, TICK_BY_TICK + PROTOBUF_OFFSET) + body


def _packed(message: Message, body: bytes) -> bytes:
    return _HEAD.pack(len(body) + 4, message.id + PROTOBUF_OFFSET) + body

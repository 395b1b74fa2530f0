"""Messages as frames of a stream, and a reader that takes them from memory into a market."""

import struct

from _fast.market import Market
from _fast.reader import Reader

SECOND = 1_000_000_000
LONG = 20 * SECOND  # never reached unless a test fails
REQUEST = 7


def framed(payload: bytes) -> bytes:
    return struct.pack(">I", len(payload)) + payload


def text(msg_id: int, *fields: object) -> bytes:
    return framed(b"".join(str(field).encode() + b"\0" for field in (msg_id, *fields)))


def bid(price: float, size: int = 100) -> bytes:
    return text(1, 6, REQUEST, 1, price, size, 0)


def status(order_id: int, state: str = "Filled") -> bytes:
    return text(3, order_id, state, "100", "0", "1.5", order_id, 0, "1.5", 1, "", "0")


def market(*levels: float) -> Market:
    """One instrument, bound to REQUEST, and a condition `bid above level` for each level."""
    found = Market(capacity=4)
    row = found.add()
    found.bind(REQUEST, row)
    found.set_clock(1_700_000_000 * SECOND)
    for level in levels:
        found.when(row, "bid", "above", level)
    return found


def in_memory(version: int = 178, leftover: bytes = b"") -> Reader:
    return Reader(-1, -1, market(), version, leftover)

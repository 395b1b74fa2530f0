"""What faults do to messages on their way to a client: frame in, frames out, now or later.

Every message is made whole before anything happens to it, so a delayed or reordered one is still
a sound frame; bytes of one connection never change their order.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from random import Random
from typing import Final

from engine.sim.client import Client
from engine.sim.fault_plan import FaultPlan
from engine.sim.faults import Fault
from engine.sim.wire_messages import PROTOBUF_OFFSET, TEXT_MAX

# What waits while TWS has lost its server: news of orders, executions and positions, and the ends
# of the answers they are part of, for an answer that ends without them says that there are none.
ORDER_NEWS: Final = frozenset({3, 5, 7, 11, 53, 54, 55, 59, 61, 62, 101, 102})
# These come as answers only; a rule for live messages means them all the same.
_ANSWERS: Final = frozenset({10, 17, 52, 53, 54, 55, 62, 64, 72, 74, 93, 101, 102, 108})
RULES: Final = frozenset({"drop", "cut", "garble", "extend", "repeat", "delay", "reorder"})
_LENGTH_BYTES: Final = 4
UNKNOWN_ID: Final = 190
_UNKNOWN_FIELD: Final = b"\xfa\xff\x03\x03odd"  # protobuf field 8191: three bytes nobody expects


class MessageFaults:
    """The messages of all clients, with those that wait."""

    def __init__(self, plan: FaultPlan) -> None:
        self._plan = plan
        self._waiting: list[tuple[int, int, Client, bytes]] = []
        self._count = 0
        self.next_ns: int | None = None  # when the first that waits is due
        self.held_until_ns = 0  # some messages are kept back until then
        self._held: frozenset[int] = frozenset()

    def hold(self, until_ns: int, messages: frozenset[int]) -> None:
        """Keep these messages back until then, and send them in their order."""
        self.held_until_ns, self._held = max(self.held_until_ns, until_ns), messages

    def release(self, now_ns: int) -> None:
        """Send what is due."""
        while self._waiting and self._waiting[0][0] <= now_ns:
            _, _, client, frame = heapq.heappop(self._waiting)
            client.queue(frame)
        self.next_ns = self._waiting[0][0] if self._waiting else None

    def passes(self, client: Client, frame: bytes, answering: bool) -> list[bytes]:
        """What of ``frame`` is sent now; the rest is dropped, or waits."""
        plan, stream = self._plan, self._plan.random
        if plan.now_ns >= self.held_until_ns and RULES.isdisjoint(plan.rules):
            return [frame]
        number = message_id(frame, client.wire.version)

        def concerned(fault: Fault) -> bool:
            if number not in fault["messages"]:
                return False
            scope = fault["scope"]
            return scope == "any" or (scope == "answer") == answering or number in _ANSWERS

        if plan.take("drop", concerned) is not None:
            return []
        if plan.take("cut", concerned) is not None:
            client.queue(frame[: max(len(frame) // 2, 1)])
            client.closing = "a fault cut the connection in the middle of a message"
            return []
        if plan.take("garble", concerned) is not None:
            frame = garbled(frame, client.wire.version, stream)
        if plan.take("extend", concerned) is not None:
            frame = extended(frame, client.wire.version)
        again = plan.take("repeat", concerned)
        frames = [frame] * (1 + (0 if again is None else again.fault["again"] or 0))
        due_ns = self._due_ns(number, concerned)
        if due_ns is None:
            return frames
        for one in frames:
            self._count += 1
            heapq.heappush(self._waiting, (due_ns, self._count, client, one))
        self.next_ns = self._waiting[0][0]
        return []

    def _due_ns(self, number: int, concerned: Callable[[Fault], bool]) -> int | None:
        """When a message is to be sent, None for now."""
        plan = self._plan
        if number in self._held and plan.now_ns < self.held_until_ns:
            return self.held_until_ns
        late = plan.take("delay", concerned)
        if late is not None:
            return plan.now_ns + int(late.fault["by"])
        mixed = plan.take("reorder", concerned)
        if mixed is not None:
            return plan.now_ns + plan.random.randrange(int(mixed.fault["within"]) or 1)
        return None


def _parts(frame: bytes, version: int) -> tuple[int, bytes, bytes, bool]:
    """(number, what comes before the body, body, whether it is protobuf) of a whole frame."""
    if version <= TEXT_MAX:
        end = frame.index(b"\0", _LENGTH_BYTES) + 1
        return int(frame[_LENGTH_BYTES : end - 1]), frame[_LENGTH_BYTES:end], frame[end:], False
    head, body = frame[_LENGTH_BYTES : _LENGTH_BYTES + 4], frame[_LENGTH_BYTES + 4 :]
    number = int.from_bytes(head, "big")
    protobuf = number > PROTOBUF_OFFSET
    return number - PROTOBUF_OFFSET if protobuf else number, head, body, protobuf


def message_id(frame: bytes, version: int) -> int:
    """The number of the message in a whole frame, whatever its format."""
    return _parts(frame, version)[0]


def _framed(payload: bytes) -> bytes:
    return len(payload).to_bytes(_LENGTH_BYTES, "big") + payload


def garbled(frame: bytes, version: int, stream: Random) -> bytes:
    """One field that is not what it must be: words in place of a field of text, or a protobuf
    message that ends too early."""
    _, head, body, protobuf = _parts(frame, version)
    if protobuf:
        return _framed(head + (body[:-1] if len(body) > 1 else body + b"\x0a\xff"))
    fields = body.split(b"\0")[:-1]
    if fields:
        fields[stream.randrange(len(fields))] = b"not-what-it-should-be"
    return _framed(head + b"\0".join([*fields, b""]))


def extended(frame: bytes, version: int) -> bytes:
    """Fields behind the last one, as a newer TWS might send."""
    more = _UNKNOWN_FIELD if _parts(frame, version)[3] else b"odd\x007\0"
    return _framed(frame[_LENGTH_BYTES:] + more)


def unknown(version: int) -> bytes:
    """A sound frame with a number that no client knows."""
    if version > TEXT_MAX:
        return _framed((UNKNOWN_ID + PROTOBUF_OFFSET).to_bytes(4, "big") + b"\x08\x01")
    return _framed(f"{UNKNOWN_ID}\0odd\0".encode())

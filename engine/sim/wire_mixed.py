"""Versions 201 to 212: text and protobuf side by side, one family of messages after the other.

A message is protobuf from the version on in which the request that causes it became so. Text has
its id in four bytes in front, like protobuf, instead of a first field.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from _fast.tick_frames import TickFrames
from engine.inputs import Instrument
from engine.sim.records import SimExecution, SimOrder, WhatIfNotice
from engine.sim.wire_encoder import Encoder
from engine.sim.wire_lists import ListMessage, Rows
from engine.sim.wire_messages import Holding, Listing, Message, Value, WireBar
from engine.sim.wire_protobuf import ProtobufEncoder
from engine.sim.wire_text import TextEncoder
from engine.sim.wire_ticks import Style, tick_frames

_FAMILIES: Final[dict[int, tuple[int, ...]]] = {
    201: (11, 55),  # executions
    203: (3, 4, 5, 53),  # orders and errors
    204: (100, 101, 102),  # completed and bound orders
    205: (10, 18, 52),  # contracts
    206: (1, 2, 12, 13, 21, 45, 46, 57, 58, 81),  # market data
    207: (6, 7, 8, 15, 54, 61, 62, 63, 64, 71, 72, 73, 74),  # accounts and positions
    208: (17, 50, 88, 89, 90, 96, 97, 98, 99, 106, 108),  # history, bars, ticks one by one
    209: (14, 83, 84, 85, 86, 87, 104, 105),  # news
    210: (19, 20, 94, 95),  # scanner, profit
    211: (16, 59, 103),  # advisors, commissions
    212: (75, 76, 77, 78, 79, 82, 93, 107),  # definitions and rules
}
# From which version on a message is protobuf; what is not here waits for the last step, 213.
GATES: Final = {number: gate for gate, numbers in _FAMILIES.items() for number in numbers}


def renumbered(frame: bytes) -> bytes:
    """A frame of text with its id in four bytes; one of protobuf as it is."""
    if frame[4] == 0:  # the id of protobuf; text begins with a digit
        return frame
    end = frame.index(b"\0", 4)
    body = int(frame[4:end]).to_bytes(4, "big") + frame[end + 1 :]
    return len(body).to_bytes(4, "big") + body


class MixedEncoder:
    """Messages of one version between the last of text and the first of protobuf."""

    def __init__(self, version: int) -> None:
        self.version = version
        self._text = TextEncoder(version)
        self._protobuf = ProtobufEncoder(version)

    def _of(self, message_id: int) -> Encoder:
        gate = GATES.get(message_id)
        return self._text if gate is None or self.version < gate else self._protobuf

    def simple(self, message: Message, *values: Value) -> bytes:
        return renumbered(self._of(message.id).simple(message, *values))

    def each(
        self,
        message: Message,
        head: tuple[Value, ...],
        rows: Sequence[tuple[Value, ...]],
        tail: tuple[Value, ...] = (),
    ) -> list[bytes]:
        return list(map(renumbered, self._of(message.id).each(message, head, rows, tail)))

    def listed(
        self,
        message: ListMessage,
        head: tuple[Value, ...],
        rows: Rows,
        tail: tuple[Value, ...] = (),
    ) -> bytes:
        return renumbered(self._of(message.id).listed(message, head, rows, tail))

    def error(self, request_id: int, code: int, text: str, time_ms: int) -> bytes:
        return renumbered(self._of(4).error(request_id, code, text, time_ms))

    def open_order(self, order: SimOrder) -> bytes:
        return renumbered(self._of(5).open_order(order))

    def what_if(self, notice: WhatIfNotice) -> bytes:
        return renumbered(self._of(5).what_if(notice))

    def completed_order(self, order: SimOrder, completed_time: str, outcome: str) -> bytes:
        return renumbered(self._of(101).completed_order(order, completed_time, outcome))

    def execution(self, request_id: int, execution: SimExecution) -> bytes:
        return renumbered(self._of(11).execution(request_id, execution))

    def commission(
        self, execution_id: str, amount: Decimal | None, currency: str, realised: Decimal | None
    ) -> bytes:
        return renumbered(self._of(59).commission(execution_id, amount, currency, realised))

    def contract_details(self, request_id: int, listing: Listing) -> bytes:
        return renumbered(self._of(10).contract_details(request_id, listing))

    def position(
        self, account: str, instrument: Instrument, quantity: Decimal, average_cost: Decimal
    ) -> bytes:
        return renumbered(self._of(61).position(account, instrument, quantity, average_cost))

    def position_multi(
        self,
        request_id: int,
        account: str,
        instrument: Instrument,
        quantity: Decimal,
        average_cost: Decimal,
    ) -> bytes:
        row = (request_id, account, instrument, quantity, average_cost)
        return renumbered(self._of(71).position_multi(*row))

    def portfolio(self, holding: Holding) -> bytes:
        return renumbered(self._of(7).portfolio(holding))

    def ticks(self, request_id: int) -> TickFrames:
        """The market became protobuf two versions before the ticks one by one."""
        styles: list[Style] = [
            "numbered" if self.version < GATES[number] else "protobuf" for number in (1, 99)
        ]
        return tick_frames(request_id, *styles)

    def historical(self, request_id: int, bars: list[WireBar], start: str, end: str) -> list[bytes]:
        frames = self._of(17).historical(request_id, bars, start, end)
        return [renumbered(frame) for frame in frames]

    def historical_update(self, request_id: int, bar: WireBar) -> bytes:
        return renumbered(self._of(90).historical_update(request_id, bar))

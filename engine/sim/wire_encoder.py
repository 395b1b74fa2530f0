"""What renders the messages of a TWS as frames: one object for each connection's version."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Protocol

from _fast.tick_frames import TickFrames
from engine.inputs import Instrument
from engine.sim.records import SimExecution, SimOrder, WhatIfNotice
from engine.sim.wire_lists import ListMessage, Rows
from engine.sim.wire_messages import (
    Holding,
    Listing,
    Message,
    Value,
    WireBar,
)


class Encoder(Protocol):
    """Renders messages as complete frames for one negotiated version."""

    version: int

    def simple(self, message: Message, *values: Value) -> bytes:
        """A message of the table; None means "unset" (empty text, absent in protobuf)."""

    def each(
        self,
        message: Message,
        head: tuple[Value, ...],
        rows: Sequence[tuple[Value, ...]],
        tail: tuple[Value, ...] = (),
    ) -> list[bytes]:
        """``simple`` with each row of values, between those that are the same in all."""

    def listed(
        self,
        message: ListMessage,
        head: tuple[Value, ...],
        rows: Rows,
        tail: tuple[Value, ...] = (),
    ) -> bytes:
        """A message of ``wire_lists``: a value for each name of its head, of each row, its tail."""

    def error(self, request_id: int, code: int, text: str, time_ms: int) -> bytes: ...

    def open_order(self, order: SimOrder) -> bytes: ...

    def what_if(self, notice: WhatIfNotice) -> bytes: ...

    def completed_order(self, order: SimOrder, completed_time: str, outcome: str) -> bytes: ...

    def execution(self, request_id: int, execution: SimExecution) -> bytes: ...

    def commission(
        self, execution_id: str, amount: Decimal | None, currency: str, realised: Decimal | None
    ) -> bytes: ...

    def contract_details(self, request_id: int, listing: Listing) -> bytes: ...

    def position(
        self, account: str, instrument: Instrument, quantity: Decimal, average_cost: Decimal
    ) -> bytes: ...

    def position_multi(
        self,
        request_id: int,
        account: str,
        instrument: Instrument,
        quantity: Decimal,
        average_cost: Decimal,
    ) -> bytes: ...

    def portfolio(self, holding: Holding) -> bytes: ...

    def ticks(self, request_id: int) -> TickFrames:
        """What renders the market as one subscription of it is told."""

    def historical(
        self, request_id: int, bars: list[WireBar], start: str, end: str
    ) -> list[bytes]: ...

    def historical_update(self, request_id: int, bar: WireBar) -> bytes: ...

"""Server messages as NUL-terminated text, for clients of version 176 to 200."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

import attrs

from _fast.bodies import text
from _fast.tick_frames import TickFrames
from engine.inputs import Instrument
from engine.sim import wire_conditions, wire_fields
from engine.sim.records import SimExecution, SimOrder, WhatIfNotice
from engine.sim.wire_fields import UNSET_DOUBLE, Field
from engine.sim.wire_lists import ListMessage, Rows, paired
from engine.sim.wire_messages import (
    BARS_KEPT,
    Holding,
    Listing,
    Message,
    Value,
    WireBar,
)
from engine.sim.wire_ticks import tick_frames
from engine.sim.wire_values import (
    Kept,
    completed_key,
    completed_order_values,
    contract_values,
    details_values,
    execution_key,
    execution_values,
    live_order_values,
    what_if_values,
)

_LENGTH: Final = struct.Struct(">I")


def escaped(value: str) -> str:
    """Free text in seven bits; clients undo it with Python's ``unicode-escape`` (>= 153)."""
    return value.encode("unicode_escape").decode("ascii")


def frame(fields: list[str]) -> bytes:
    body = ("\0".join(fields) + "\0").encode("utf-8", "replace")
    return _LENGTH.pack(len(body)) + body


def _texts(values: tuple[Value, ...]) -> list[str]:
    return [text(value) for value in values]


@lru_cache(maxsize=BARS_KEPT)
def _bar_text(bar: WireBar) -> str:
    numbers = (bar.open, bar.high, bar.low, bar.close, bar.volume, bar.average, bar.count)
    return "\0".join([bar.date, *_texts(numbers)])


@attrs.frozen
class Layout:
    """The fields that one version of a message has, and where each of a name stands."""

    defaults: tuple[str, ...]
    places: Mapping[str, tuple[int, ...]]

    @classmethod
    def of(cls, table: tuple[Field, ...], version: int) -> Layout:
        pairs = wire_fields.layout(table, version)
        places: dict[str, tuple[int, ...]] = {}
        for at, (name, _) in enumerate(pairs):
            places[name] = (*places.get(name, ()), at)
        return cls(tuple([default for _, default in pairs]), places)

    def filled(self, values: Mapping[str, Value]) -> list[str]:
        """Each field with its value, or what it is without one."""
        fields = list(self.defaults)
        for name, value in values.items():
            for at in self.places.get(name, ()):
                fields[at] = text(value)
        return fields


class TextEncoder:
    """Text messages of one version; the lists of fields are in ``wire_fields``."""

    def __init__(self, version: int) -> None:
        self.version = version
        # What every round of questions brings again, without the number of the question.
        self._executions: Kept[tuple[Any, ...], tuple[str, str]] = Kept()  # before and behind it
        self._commissions: Kept[tuple[Any, ...], bytes] = Kept()
        self._completed: Kept[tuple[Any, ...], bytes] = Kept()
        # By the table itself: to hash its hundred and fifty fields takes longer than to use it.
        self._layouts: dict[int, Layout] = {}
        self._number_at = 1 + self._layout(wire_fields.EXECUTION).places["reqId"][0]

    def _layout(self, table: tuple[Field, ...]) -> Layout:
        found = self._layouts.get(id(table))
        if found is None:
            found = self._layouts[id(table)] = Layout.of(table, self.version)
        return found

    def simple(self, message: Message, *values: Value) -> bytes:
        assert len(values) == len(message.fields), message
        fields = [str(message.id)]
        if message.text_version is not None:
            fields.append(str(message.text_version))
        fields += map(text, values)
        return frame(fields)

    def each(
        self,
        message: Message,
        head: tuple[Value, ...],
        rows: Sequence[tuple[Value, ...]],
        tail: tuple[Value, ...] = (),
    ) -> list[bytes]:
        return [self.simple(message, *head, *row, *tail) for row in rows]

    def listed(
        self,
        message: ListMessage,
        head: tuple[Value, ...],
        rows: Rows,
        tail: tuple[Value, ...] = (),
    ) -> bytes:
        fields = [str(message.id)]
        if message.text_version is not None:
            fields.append(str(message.text_version))
        fields += _texts(head)
        members = [paired(message.row, row) for row in rows]
        fields.append(str(len(members)))
        for member in members:
            fields += (text(value) for _, value in member)
        return frame(fields + _texts(tail))

    def _tabled(
        self,
        message_id: int,
        table: tuple[Field, ...],
        values: Mapping[str, Value],
        conditions: tuple[str, ...] = ("0",),
    ) -> bytes:
        return frame(self._fields(message_id, table, values, conditions))

    def _fields(
        self,
        message_id: int,
        table: tuple[Field, ...],
        values: Mapping[str, Value],
        conditions: tuple[str, ...] = ("0",),
    ) -> list[str]:
        """``conditions`` take the place of their count, with all that follows it."""
        layout = self._layout(table)
        fields = layout.filled(values)
        for at in layout.places.get("conditions", ()):
            fields[at : at + 1] = conditions
        return [str(message_id), *fields]

    def _contract(self, instrument: Instrument) -> list[str]:
        return self._layout(wire_fields.CONTRACT).filled(contract_values(instrument))

    def error(self, request_id: int, code: int, text: str, time_ms: int) -> bytes:
        values: dict[str, Value] = {
            "id": request_id,
            "errorCode": code,
            "errorMsg": escaped(text),
            "errorTime": time_ms,
        }
        return self._tabled(4, wire_fields.ERROR, values)

    def open_order(self, order: SimOrder) -> bytes:
        return self._opened(order, {"status": order.status})

    def what_if(self, notice: WhatIfNotice) -> bytes:
        state: dict[str, Value] = {
            **what_if_values(notice),
            "whatIf": True,
            "status": "PreSubmitted",
            "commission": float(notice.commission),
            "commissionCurrency": notice.order.instrument.currency,
            "marginCurrency": notice.order.instrument.currency,
            "warningText": escaped(notice.warning),
        }
        return self._opened(notice.order, state)

    def _opened(self, order: SimOrder, state: Mapping[str, Value]) -> bytes:
        values = {**contract_values(order.instrument), **live_order_values(order), **state}
        conditions = wire_conditions.text_fields(
            order.conditions, order.conditions_ignore_rth, order.conditions_cancel
        )
        return self._tabled(5, wire_fields.OPEN_ORDER, values, conditions)

    def completed_order(self, order: SimOrder, completed_time: str, outcome: str) -> bytes:
        key = completed_key(order, completed_time, outcome)
        if key not in self._completed:
            self._completed[key] = self._ended(order, completed_time, outcome)
        return self._completed[key]

    def _ended(self, order: SimOrder, completed_time: str, outcome: str) -> bytes:
        values = {
            **contract_values(order.instrument),
            **completed_order_values(order),
            "status": order.status,
            "completedTime": completed_time,
            "completedStatus": outcome,
        }
        conditions = wire_conditions.text_fields(
            order.conditions, order.conditions_ignore_rth, order.conditions_cancel
        )
        return self._tabled(101, wire_fields.COMPLETED_ORDER, values, conditions)

    def execution(self, request_id: int, execution: SimExecution) -> bytes:
        key = execution_key(execution)
        parts = self._executions.get(key)
        if parts is None:
            values = {
                **contract_values(execution.instrument),
                **execution_values(execution, self.version),
                "execExchange": execution.exchange,
                "liquidation": int(execution.liquidation),
            }
            fields, at = self._fields(11, wire_fields.EXECUTION, values), self._number_at
            parts = self._executions[key] = "\0".join(fields[:at]), "\0".join(fields[at + 1 :])
        return frame([parts[0], str(request_id), parts[1]])

    def commission(
        self, execution_id: str, amount: Decimal | None, currency: str, realised: Decimal | None
    ) -> bytes:
        key = execution_id, amount, currency, realised
        known = self._commissions.get(key)
        if known is None:
            fee, profit = (
                UNSET_DOUBLE if money is None else text(float(money))
                for money in (amount, realised)
            )
            fields = ["59", "1", execution_id, fee, currency, profit, UNSET_DOUBLE, "0"]
            known = self._commissions[key] = frame(fields)
        return known

    def contract_details(self, request_id: int, listing: Listing) -> bytes:
        values = {
            **contract_values(listing.instrument),
            **details_values(listing),
            "reqId": request_id,
            "longName": escaped(listing.long_name),
            "primaryExch": listing.instrument.primary_exchange,
        }
        return self._tabled(10, wire_fields.CONTRACT_DETAILS, values)

    def position(
        self, account: str, instrument: Instrument, quantity: Decimal, average_cost: Decimal
    ) -> bytes:
        numbers = [text(quantity), text(float(average_cost))]
        return frame(["61", "3", account, *self._contract(instrument), *numbers])

    def position_multi(
        self,
        request_id: int,
        account: str,
        instrument: Instrument,
        quantity: Decimal,
        average_cost: Decimal,
    ) -> bytes:
        head = ["71", "1", text(request_id), account]
        numbers = [text(quantity), text(float(average_cost)), ""]
        return frame([*head, *self._contract(instrument), *numbers])

    def portfolio(self, holding: Holding) -> bytes:
        contract = self._contract(holding.instrument)
        contract[7] = holding.instrument.primary_exchange or holding.instrument.exchange
        numbers = _texts(
            (
                holding.quantity,
                holding.market_price,
                holding.market_value,
                float(holding.average_cost),
                holding.unrealised,
                holding.realised,
            )
        )
        return frame(["7", "8", *contract, *numbers, holding.account])

    def ticks(self, request_id: int) -> TickFrames:
        return tick_frames(request_id, "text", "text")

    def historical(self, request_id: int, bars: list[WireBar], start: str, end: str) -> list[bytes]:
        """One message with all bars; from 196 on, the end is a message of its own (108)."""
        fields = ["17", text(request_id)]
        if self.version < 196:
            fields += [start, end]
        fields.append(text(len(bars)))
        fields += map(_bar_text, bars)
        if self.version < 196:
            return [frame(fields)]
        return [frame(fields), frame(["108", text(request_id), start, end])]

    def historical_update(self, request_id: int, bar: WireBar) -> bytes:
        head = [text(90), text(request_id), text(bar.count), bar.date]
        prices = (bar.open, bar.close, bar.high, bar.low, bar.average, bar.volume)
        return frame([*head, *_texts(prices)])

"""Server messages as protobuf, for clients of version 213 and above.

The schema is what the installed ``ibapi.protobuf`` declares; it is imported on first use, because
that takes a quarter of a second which a text client need not wait for. A value that is unset is
left absent: clients turn an empty string in a size field into an exception.
"""

from __future__ import annotations

import importlib
import struct
from collections.abc import Mapping
from decimal import Decimal
from functools import cache, lru_cache
from typing import Any, Final

from _fast.tick_frames import TickFrames
from engine.inputs import Instrument
from engine.sim import wire_conditions
from engine.sim.records import SimExecution, SimOrder, WhatIfNotice
from engine.sim.wire_lists import LITERAL, ListMessage, Rows, paired
from engine.sim.wire_messages import (
    BARS_KEPT,
    PROTOBUF_OFFSET,
    Holding,
    Listing,
    Message,
    Value,
    WireBar,
)
from engine.sim.wire_ticks import tick_frames
from engine.sim.wire_values import (
    Values,
    completed_key,
    completed_order_values,
    contract_values,
    details_values,
    execution_key,
    execution_values,
    live_order_values,
    text,
    what_if_values,
)

_HEAD: Final = struct.Struct(">II")
_TYPE_STRING: Final = 9  # google.protobuf.FieldDescriptor.TYPE_STRING


@cache
def message_class(name: str) -> Any:
    """The class of protobuf message ``name``. Raises ImportError if ibapi has no such message."""
    module = importlib.import_module(f"ibapi.protobuf.{name}_pb2")
    return getattr(module, name)


@cache
def _string_fields(name: str) -> frozenset[str]:
    fields = message_class(name).DESCRIPTOR.fields
    return frozenset(field.name for field in fields if field.type == _TYPE_STRING)


@cache
def _leads_within(fields: tuple[str, ...]) -> bool:
    return any("." in field for field in fields)


def preload() -> bool:
    """Import what a first client would otherwise wait for; False if ibapi is too old for it."""
    try:
        for name in ("OpenOrder", "PlaceOrderRequest", "HistoricalDataEnd", "CancelContractData"):
            message_class(name)
    except ImportError:
        return False
    return True


def fill(proto: Any, name: str, values: Mapping[str, Value]) -> Any:
    """Set ``values`` on ``proto``, a message of type ``name``; None and "" stay absent. A name
    with dots leads into a message within the message."""
    strings = _string_fields(name)
    for field, value in values.items():
        if value is None or value == "":
            continue
        if "." in field:
            inner, _, rest = field.partition(".")
            within = getattr(proto, inner)
            fill(within, within.DESCRIPTOR.name, {rest: value})
        else:
            setattr(proto, field, text(value) if field in strings else value)
    return proto


def frame(message_id: int, proto: Any) -> bytes:
    return _framed(message_id, proto.SerializeToString())


def _framed(message_id: int, body: bytes) -> bytes:
    return _HEAD.pack(len(body) + 4, message_id + PROTOBUF_OFFSET) + body


class ProtobufEncoder:
    """Protobuf messages; the version matters only for how times are written."""

    def __init__(self, version: int) -> None:
        self.version = version
        # What every round of questions brings again, without the number of the question.
        self._executions: dict[tuple[Any, ...], bytes] = {}
        self._commissions: dict[tuple[Any, ...], bytes] = {}
        self._completed: dict[tuple[Any, ...], bytes] = {}

    def simple(self, message: Message, *values: Value) -> bytes:
        assert len(values) == len(message.fields), message
        pairs = dict(zip(message.fields, values, strict=True))
        if _leads_within(message.fields):
            return frame(
                message.id, fill(message_class(message.protobuf)(), message.protobuf, pairs)
            )
        return frame(message.id, _new(message.protobuf, pairs))

    def listed(
        self,
        message: ListMessage,
        head: tuple[Value, ...],
        rows: Rows,
        tail: tuple[Value, ...] = (),
    ) -> bytes:
        ends = zip((*message.head, *message.tail), (*head, *tail), strict=True)
        proto = _new(message.protobuf, dict(ends))
        members = getattr(proto, message.rows)
        for row in rows:
            member = members.add()
            pairs = paired(message.row, row)
            values = {name: value for name, value in pairs if not name.startswith(LITERAL)}
            fill(member, member.DESCRIPTOR.name, values)
        return frame(message.id, proto)

    def error(self, request_id: int, code: int, text: str, time_ms: int) -> bytes:
        values: Values = {
            "id": request_id,
            "errorTime": time_ms,
            "errorCode": code,
            "errorMsg": text,
        }
        return frame(4, _new("ErrorMessage", values))

    def open_order(self, order: SimOrder) -> bytes:
        return self._opened(order, {}, {"status": order.status})

    def what_if(self, notice: WhatIfNotice) -> bytes:
        state: Values = {
            **what_if_values(notice),
            "status": "PreSubmitted",
            "commissionAndFees": float(notice.commission),
            "commissionAndFeesCurrency": notice.order.instrument.currency,
            "marginCurrency": notice.order.instrument.currency,
            "warningText": notice.warning,
        }
        return self._opened(notice.order, {"whatIf": True}, state)

    def _opened(
        self, order: SimOrder, more: Mapping[str, Value], state: Mapping[str, Value]
    ) -> bytes:
        proto = _new("OpenOrder", {"orderId": order.order_id})
        fill(proto.contract, "Contract", contract_values(order.instrument))
        _fill_order(proto.order, order, {**live_order_values(order), **more})
        fill(proto.orderState, "OrderState", state)
        return frame(5, proto)

    def completed_order(self, order: SimOrder, completed_time: str, outcome: str) -> bytes:
        key = completed_key(order, completed_time, outcome)
        if key not in self._completed:
            self._completed[key] = self._ended(order, completed_time, outcome)
        return self._completed[key]

    def _ended(self, order: SimOrder, completed_time: str, outcome: str) -> bytes:
        proto = message_class("CompletedOrder")()
        fill(proto.contract, "Contract", contract_values(order.instrument))
        _fill_order(proto.order, order, completed_order_values(order))
        state: Values = {
            "status": order.status,
            "completedTime": completed_time,
            "completedStatus": outcome,
        }
        fill(proto.orderState, "OrderState", state)
        return frame(101, proto)

    def execution(self, request_id: int, execution: SimExecution) -> bytes:
        key = execution_key(execution)
        body = self._executions.get(key)
        if body is None:
            body = self._executions[key] = self._execution(execution)
        # The number is the first field, and fields stand one behind the other.
        return _framed(11, _execution_number(request_id) + body)

    def _execution(self, execution: SimExecution) -> bytes:
        proto = _new("ExecutionDetails", {})
        contract = {**contract_values(execution.instrument), "exchange": execution.exchange}
        fill(proto.contract, "Contract", contract)
        values = {
            **execution_values(execution, self.version),
            "isLiquidation": execution.liquidation,
        }
        fill(proto.execution, "Execution", values)
        body: bytes = proto.SerializeToString()
        return body

    def commission(
        self, execution_id: str, amount: Decimal | None, currency: str, realised: Decimal | None
    ) -> bytes:
        key = execution_id, amount, currency, realised
        known = self._commissions.get(key)
        if known is not None:
            return known
        values: Values = {
            "execId": execution_id,
            "commissionAndFees": None if amount is None else float(amount),
            "currency": currency,
            "realizedPNL": None if realised is None else float(realised),
        }
        known = self._commissions[key] = frame(59, _new("CommissionAndFeesReport", values))
        return known

    def contract_details(self, request_id: int, listing: Listing) -> bytes:
        proto = _new("ContractData", {"reqId": request_id})
        _fill_contract(proto.contract, listing.instrument)
        fill(proto.contractDetails, "ContractDetails", details_values(listing))
        return frame(10, proto)

    def position(
        self, account: str, instrument: Instrument, quantity: Decimal, average_cost: Decimal
    ) -> bytes:
        proto = _new("Position", {"account": account, "position": quantity})
        proto.avgCost = float(average_cost)
        _fill_contract(proto.contract, instrument)
        return frame(61, proto)

    def position_multi(
        self,
        request_id: int,
        account: str,
        instrument: Instrument,
        quantity: Decimal,
        average_cost: Decimal,
    ) -> bytes:
        values: Values = {
            "reqId": request_id,
            "account": account,
            "position": quantity,
            "avgCost": float(average_cost),
        }
        proto = _new("PositionMulti", values)
        _fill_contract(proto.contract, instrument)
        return frame(71, proto)

    def portfolio(self, holding: Holding) -> bytes:
        values: Values = {
            "position": holding.quantity,
            "marketPrice": holding.market_price,
            "marketValue": holding.market_value,
            "averageCost": float(holding.average_cost),
            "unrealizedPNL": holding.unrealised,
            "realizedPNL": holding.realised,
            "accountName": holding.account,
        }
        proto = _new("PortfolioValue", values)
        _fill_contract(proto.contract, holding.instrument)
        return frame(7, proto)

    def ticks(self, request_id: int) -> TickFrames:
        return tick_frames(request_id, "protobuf", "protobuf")

    def historical(self, request_id: int, bars: list[WireBar], start: str, end: str) -> list[bytes]:
        number = _new("HistoricalData", {"reqId": request_id}).SerializeToString()
        ending: Values = {
            "reqId": request_id,
            "startDateStr": start,
            "endDateStr": end,
        }
        # The number is the first field, and fields stand one behind the other.
        body = number + b"".join(map(_bar_bytes, bars))
        return [_framed(17, body), frame(108, _new("HistoricalDataEnd", ending))]

    def historical_update(self, request_id: int, bar: WireBar) -> bytes:
        proto = _new("HistoricalDataUpdate", {"reqId": request_id})
        _fill_bar(proto.historicalDataBar, bar)
        return frame(90, proto)


# TWS sends this word for every order that is not delta neutral
_ORDER_DEFAULTS: Final[Values] = {
    "deltaNeutralOrderType": "None",
    "clearingIntent": "IB",
    "transmit": True,
}


def _new(name: str, values: Mapping[str, Value]) -> Any:
    """A message of type ``name`` with ``values``, none of which is within another message."""
    strings = _string_fields(name)
    said = {
        field: text(value) if field in strings else value
        for field, value in values.items()
        if value is not None and value != ""
    }
    return message_class(name)(**said)


@lru_cache(maxsize=64)
def _execution_number(request_id: int) -> bytes:
    number: bytes = _new("ExecutionDetails", {"reqId": request_id}).SerializeToString()
    return number


def _fill_order(proto: Any, order: SimOrder, values: Mapping[str, Value]) -> None:
    fill(proto, "Order", {**values, **_ORDER_DEFAULTS})
    if order.conditions:
        wire_conditions.fill_protobuf(proto.conditions, order.conditions)
        proto.conditionsCancelOrder = order.conditions_cancel
        proto.conditionsIgnoreRth = order.conditions_ignore_rth


def _fill_contract(proto: Any, instrument: Instrument) -> None:
    values = {**contract_values(instrument), "primaryExch": instrument.primary_exchange}
    fill(proto, "Contract", values)


@lru_cache(maxsize=BARS_KEPT)
def _bar_bytes(bar: WireBar) -> bytes:
    """As one of many in HistoricalData."""
    proto = _new("HistoricalData", {})
    _fill_bar(proto.historicalDataBars.add(), bar)
    found: bytes = proto.SerializeToString()
    return found


def _fill_bar(proto: Any, bar: WireBar) -> None:
    values: Values = {
        "date": bar.date,
        "open": bar.open,
        "high": bar.high,
        "low": bar.low,
        "close": bar.close,
        "volume": bar.volume,
        "WAP": repr(bar.average),
        "barCount": bar.count,
    }
    fill(proto, "HistoricalDataBar", values)

"""Server messages as protobuf, for clients of version 213 and above.

The schema is what the installed ``ibapi.protobuf`` declares; it is imported on first use, because
that takes a quarter of a second which a text client need not wait for. A ``Body`` is made from it
once for each set of fields that occurs, and writes them several times faster than the library. A
value that is unset is left absent: clients turn an empty string in a size field into an exception.
"""

from __future__ import annotations

import importlib
import struct
from collections.abc import Mapping
from decimal import Decimal
from functools import cache, lru_cache
from typing import Any, Final

from _fast.bodies import Body
from _fast.tick_frames import TickFrames
from engine.inputs import Instrument
from engine.sim import wire_conditions
from engine.sim.records import SimExecution, SimOrder, WhatIfNotice
from engine.sim.wire_lists import LITERAL, ListMessage, Rows
from engine.sim.wire_messages import (
    BARS_KEPT,
    PROTOBUF_OFFSET,
    Holding,
    Listing,
    Message,
    Part,
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
Parts = Mapping[str, Part]  # the values of a message by their names


@cache
def message_class(name: str) -> Any:
    """The class of protobuf message ``name``. Raises ImportError if ibapi has no such message."""
    module = importlib.import_module(f"ibapi.protobuf.{name}_pb2")
    return getattr(module, name)


@cache
def layout(name: str, fields: tuple[str, ...]) -> Body:
    """What writes values for these fields of message ``name``; a name with dots leads into a
    message within the message. Raises KeyError for a field that ibapi does not declare."""
    places = {field: place for place, field in enumerate(fields)}
    return _layout(message_class(name).DESCRIPTOR, places, len(fields))


def _layout(declared: Any, places: Mapping[str, int], width: int) -> Body:
    steps: list[tuple[int, int, int | Body]] = []
    within: dict[str, dict[str, int]] = {}
    for path, place in places.items():
        name, _, rest = path.partition(".")
        field = declared.fields_by_name[name]
        if rest:
            within.setdefault(name, {})[rest] = place
        else:
            steps.append((field.number, field.type, place))
    for name, inner in within.items():
        field = declared.fields_by_name[name]
        steps.append((field.number, field.type, _layout(field.message_type, inner, width)))
    steps.sort(key=lambda step: step[0])
    return Body(tuple(steps), width, text)


def preload() -> bool:
    """Import what a first client would otherwise wait for; False if ibapi is too old for it."""
    try:
        for name in ("OpenOrder", "PlaceOrderRequest", "HistoricalDataEnd", "CancelContractData"):
            message_class(name)
    except ImportError:
        return False
    return True


def body(name: str, values: Parts) -> bytes:
    """The message ``name`` with ``values``; None and "" stay absent."""
    return layout(name, tuple(values)).of(tuple(values.values()))


def frame(message_id: int, body: bytes) -> bytes:
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
        return frame(message.id, layout(message.protobuf, message.fields).of(values))

    def listed(
        self,
        message: ListMessage,
        head: tuple[Value, ...],
        rows: Rows,
        tail: tuple[Value, ...] = (),
    ) -> bytes:
        member = message_class(message.protobuf).DESCRIPTOR.fields_by_name[message.rows]
        names = tuple(name for name in message.row if not name.startswith(LITERAL))
        written = layout(member.message_type.name, names)
        members = [written.of(row) for row in rows]
        fields = (*message.head, message.rows, *message.tail)
        return frame(message.id, layout(message.protobuf, fields).of((*head, members, *tail)))

    def error(self, request_id: int, code: int, text: str, time_ms: int) -> bytes:
        values: Values = {
            "id": request_id,
            "errorTime": time_ms,
            "errorCode": code,
            "errorMsg": text,
        }
        return frame(4, body("ErrorMessage", values))

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
        values: Parts = {
            "orderId": order.order_id,
            "contract": body("Contract", contract_values(order.instrument)),
            "order": _order(order, {**live_order_values(order), **more}),
            "orderState": body("OrderState", state),
        }
        return frame(5, body("OpenOrder", values))

    def completed_order(self, order: SimOrder, completed_time: str, outcome: str) -> bytes:
        key = completed_key(order, completed_time, outcome)
        if key not in self._completed:
            self._completed[key] = self._ended(order, completed_time, outcome)
        return self._completed[key]

    def _ended(self, order: SimOrder, completed_time: str, outcome: str) -> bytes:
        state: Values = {
            "status": order.status,
            "completedTime": completed_time,
            "completedStatus": outcome,
        }
        values: Parts = {
            "contract": body("Contract", contract_values(order.instrument)),
            "order": _order(order, completed_order_values(order)),
            "orderState": body("OrderState", state),
        }
        return frame(101, body("CompletedOrder", values))

    def execution(self, request_id: int, execution: SimExecution) -> bytes:
        key = execution_key(execution)
        rest = self._executions.get(key)
        if rest is None:
            rest = self._executions[key] = self._execution(execution)
        # The number is the first field, and fields stand one behind the other.
        return frame(11, body("ExecutionDetails", {"reqId": request_id}) + rest)

    def _execution(self, execution: SimExecution) -> bytes:
        contract = {**contract_values(execution.instrument), "exchange": execution.exchange}
        values = {
            **execution_values(execution, self.version),
            "isLiquidation": execution.liquidation,
        }
        both: Parts = {
            "contract": body("Contract", contract),
            "execution": body("Execution", values),
        }
        return body("ExecutionDetails", both)

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
        known = self._commissions[key] = frame(59, body("CommissionAndFeesReport", values))
        return known

    def contract_details(self, request_id: int, listing: Listing) -> bytes:
        values: Parts = {
            "reqId": request_id,
            "contract": _contract(listing.instrument),
            "contractDetails": body("ContractDetails", details_values(listing)),
        }
        return frame(10, body("ContractData", values))

    def position(
        self, account: str, instrument: Instrument, quantity: Decimal, average_cost: Decimal
    ) -> bytes:
        values: Parts = {
            "account": account,
            "contract": _contract(instrument),
            "position": quantity,
            "avgCost": float(average_cost),
        }
        return frame(61, body("Position", values))

    def position_multi(
        self,
        request_id: int,
        account: str,
        instrument: Instrument,
        quantity: Decimal,
        average_cost: Decimal,
    ) -> bytes:
        values: Parts = {
            "reqId": request_id,
            "account": account,
            "contract": _contract(instrument),
            "position": quantity,
            "avgCost": float(average_cost),
        }
        return frame(71, body("PositionMulti", values))

    def portfolio(self, holding: Holding) -> bytes:
        values: Parts = {
            "contract": _contract(holding.instrument),
            "position": holding.quantity,
            "marketPrice": holding.market_price,
            "marketValue": holding.market_value,
            "averageCost": float(holding.average_cost),
            "unrealizedPNL": holding.unrealised,
            "realizedPNL": holding.realised,
            "accountName": holding.account,
        }
        return frame(7, body("PortfolioValue", values))

    def ticks(self, request_id: int) -> TickFrames:
        return tick_frames(request_id, "protobuf", "protobuf")

    def historical(self, request_id: int, bars: list[WireBar], start: str, end: str) -> list[bytes]:
        # The number is the first field, and fields stand one behind the other.
        found = [body("HistoricalData", {"reqId": request_id}), *map(_bar_of_many, bars)]
        ending: Values = {
            "reqId": request_id,
            "startDateStr": start,
            "endDateStr": end,
        }
        return [frame(17, b"".join(found)), frame(108, body("HistoricalDataEnd", ending))]

    def historical_update(self, request_id: int, bar: WireBar) -> bytes:
        values: Parts = {"reqId": request_id, "historicalDataBar": _bar(bar)}
        return frame(90, body("HistoricalDataUpdate", values))


# TWS sends this word for every order that is not delta neutral
_ORDER_DEFAULTS: Final[Values] = {
    "deltaNeutralOrderType": "None",
    "clearingIntent": "IB",
    "transmit": True,
}


def _order(order: SimOrder, values: Mapping[str, Value]) -> bytes:
    said: dict[str, Part] = {**values, **_ORDER_DEFAULTS}
    if order.conditions:
        conditions = map(wire_conditions.protobuf_values, order.conditions)
        said["conditions"] = [body("OrderCondition", one) for one in conditions]
        said["conditionsCancelOrder"] = order.conditions_cancel
        said["conditionsIgnoreRth"] = order.conditions_ignore_rth
    return body("Order", said)


def _contract(instrument: Instrument) -> bytes:
    values = {**contract_values(instrument), "primaryExch": instrument.primary_exchange}
    return body("Contract", values)


@lru_cache(maxsize=BARS_KEPT)
def _bar_of_many(bar: WireBar) -> bytes:
    """As one of many in HistoricalData."""
    return body("HistoricalData", {"historicalDataBars": [_bar(bar)]})


def _bar(bar: WireBar) -> bytes:
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
    return body("HistoricalDataBar", values)

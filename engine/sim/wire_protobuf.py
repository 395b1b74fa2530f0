"""Server messages as protobuf, for clients of version 213 and above.

The schema is what the installed ``ibapi.protobuf`` declares; it is imported on first use, because
that takes a quarter of a second which a text client need not wait for. A ``Body`` is made from it
once for each set of fields that occurs, and writes them several times faster than the library. A
value that is unset is left absent: clients turn an empty string in a size field into an exception.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
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
    LIVE_ORDER_FIELDS,
    Kept,
    Values,
    completed_key,
    completed_order_values,
    contract_values,
    details_values,
    execution_key,
    execution_values,
    live_order_row,
    what_if_values,
)

# TWS sends this word for every order that is not delta neutral
_ORDER_DEFAULTS: Final[Values] = {
    "deltaNeutralOrderType": "None",
    "clearingIntent": "IB",
    "transmit": True,
}
_ALWAYS: Final = tuple(_ORDER_DEFAULTS.values())
_OPENED: Final = (
    *("orderId", "contract", "orderState.status"),
    *(f"order.{name}" for name in (*_ORDER_DEFAULTS, *LIVE_ORDER_FIELDS)),
)
# Those that hold other messages; their form as text is elsewhere.
_OPEN_ORDER: Final = Message(5, None, "OpenOrder", _OPENED)
_ERROR: Final = Message(4, None, "ErrorMessage", ("id", "errorTime", "errorCode", "errorMsg"))
_EXECUTION: Final = Message(11, None, "ExecutionDetails", ("reqId", "contract", "execution"))
_COMMISSION: Final = Message(
    *(59, None, "CommissionAndFeesReport"),
    ("execId", "commissionAndFees", "currency", "realizedPNL"),
)
_POSITION: Final = Message(61, None, "Position", ("account", "contract", "position", "avgCost"))
_POSITION_MULTI: Final = Message(
    71, None, "PositionMulti", ("reqId", "account", "contract", "position", "avgCost")
)
_PORTFOLIO: Final = Message(
    *(7, None, "PortfolioValue"),
    (
        *("contract", "position", "marketPrice", "marketValue", "averageCost", "unrealizedPNL"),
        *("realizedPNL", "accountName"),
    ),
)
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
    return Body(tuple(steps), width)


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


def frame(message_id: int, name: str, values: Parts) -> bytes:
    """The same as a frame."""
    row = tuple(values.values())
    return layout(name, tuple(values)).frame(message_id + PROTOBUF_OFFSET, row)


@cache
def _of(message: Message) -> Body:
    return layout(message.protobuf, message.fields)


def _said(message: Message, *values: Part) -> bytes:
    return _of(message).frame(message.id + PROTOBUF_OFFSET, values)


class ProtobufEncoder:
    """Protobuf messages; the version matters only for how times are written."""

    def __init__(self, version: int) -> None:
        self.version = version
        # What every round of questions brings again, without the number of the question.
        self._executions: Kept[tuple[Any, ...], tuple[bytes, bytes]] = Kept()
        self._commissions: Kept[str, tuple[tuple[Any, ...], bytes]] = Kept()
        self._completed: Kept[tuple[Any, ...], bytes] = Kept()
        self._bare = Contracts(lambda one: {})
        self._named = Contracts(lambda one: {"primaryExch": one.primary_exchange})

    def simple(self, message: Message, *values: Value) -> bytes:
        return _said(message, *values)

    def each(
        self,
        message: Message,
        head: tuple[Value, ...],
        rows: Sequence[tuple[Value, ...]],
        tail: tuple[Value, ...] = (),
    ) -> list[bytes]:
        return _of(message).frames(message.id + PROTOBUF_OFFSET, head, rows, tail)

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
        row = (*head, members, *tail)
        return layout(message.protobuf, fields).frame(message.id + PROTOBUF_OFFSET, row)

    def error(self, request_id: int, code: int, text: str, time_ms: int) -> bytes:
        return _said(_ERROR, request_id, time_ms, code, text)

    def open_order(self, order: SimOrder) -> bytes:
        return self._open_order(order, order.status, {})

    def what_if(self, notice: WhatIfNotice) -> bytes:
        state: Values = {
            **what_if_values(notice),
            "commissionAndFees": float(notice.commission),
            "commissionAndFeesCurrency": notice.order.instrument.currency,
            "marginCurrency": notice.order.instrument.currency,
            "warningText": notice.warning,
        }
        more: Values = {f"orderState.{name}": value for name, value in state.items()}
        return self._open_order(notice.order, "PreSubmitted", {"order.whatIf": True, **more})

    def _open_order(self, order: SimOrder, status: str, more: Parts) -> bytes:
        if order.conditions:
            more = {**more, **{f"order.{name}": one for name, one in _conditions(order).items()}}
        written = layout("OpenOrder", (*_OPENED, *more)) if more else _of(_OPEN_ORDER)
        contract = self._bare.of(order.instrument)
        row = (order.order_id, contract, status, *_ALWAYS, *live_order_row(order), *more.values())
        return written.frame(_OPEN_ORDER.id + PROTOBUF_OFFSET, row)

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
        said: Parts = {
            **completed_order_values(order),
            **_ORDER_DEFAULTS,
            **_conditions(order),
        }
        values: Parts = {
            "contract": self._bare.of(order.instrument),
            "order": body("Order", said),
            "orderState": body("OrderState", state),
        }
        return frame(101, "CompletedOrder", values)

    def execution(self, request_id: int, execution: SimExecution) -> bytes:
        key = execution_key(execution)
        known = self._executions.get(key)
        if known is None:
            known = self._executions[key] = self._execution(execution)
        return _said(_EXECUTION, request_id, *known)

    def _execution(self, execution: SimExecution) -> tuple[bytes, bytes]:
        contract = {**contract_values(execution.instrument), "exchange": execution.exchange}
        values = {
            **execution_values(execution, self.version),
            "isLiquidation": execution.liquidation,
        }
        return body("Contract", contract), body("Execution", values)

    def commission(
        self, execution_id: str, amount: Decimal | None, currency: str, realised: Decimal | None
    ) -> bytes:
        told = amount, currency, realised
        known = self._commissions.get(execution_id)
        if known is None or known[0] != told:
            fee = None if amount is None else float(amount)
            profit = None if realised is None else float(realised)
            known = told, _said(_COMMISSION, execution_id, fee, currency, profit)
            self._commissions[execution_id] = known
        return known[1]

    def contract_details(self, request_id: int, listing: Listing) -> bytes:
        values: Parts = {
            "reqId": request_id,
            "contract": self._named.of(listing.instrument),
            "contractDetails": body("ContractDetails", details_values(listing)),
        }
        return frame(10, "ContractData", values)

    def position(
        self, account: str, instrument: Instrument, quantity: Decimal, average_cost: Decimal
    ) -> bytes:
        contract = self._named.of(instrument)
        return _said(_POSITION, account, contract, quantity, float(average_cost))

    def position_multi(
        self,
        request_id: int,
        account: str,
        instrument: Instrument,
        quantity: Decimal,
        average_cost: Decimal,
    ) -> bytes:
        row = account, self._named.of(instrument), quantity, float(average_cost)
        return _said(_POSITION_MULTI, request_id, *row)

    def portfolio(self, holding: Holding) -> bytes:
        return _said(
            _PORTFOLIO,
            self._named.of(holding.instrument),
            holding.quantity,
            holding.market_price,
            holding.market_value,
            float(holding.average_cost),
            holding.unrealised,
            holding.realised,
            holding.account,
        )

    def ticks(self, request_id: int) -> TickFrames:
        return tick_frames(request_id, "protobuf", "protobuf")

    def historical(self, request_id: int, bars: list[WireBar], start: str, end: str) -> list[bytes]:
        many: Parts = {"reqId": request_id, "historicalDataBars": [_bar(one) for one in bars]}
        ending: Values = {
            "reqId": request_id,
            "startDateStr": start,
            "endDateStr": end,
        }
        return [frame(17, "HistoricalData", many), frame(108, "HistoricalDataEnd", ending)]

    def historical_update(self, request_id: int, bar: WireBar) -> bytes:
        values: Parts = {"reqId": request_id, "historicalDataBar": _bar(bar)}
        return frame(90, "HistoricalDataUpdate", values)


def _conditions(order: SimOrder) -> dict[str, Part]:
    if not order.conditions:
        return {}
    values = map(wire_conditions.protobuf_values, order.conditions)
    return {
        "conditions": [body("OrderCondition", one) for one in values],
        "conditionsCancelOrder": order.conditions_cancel,
        "conditionsIgnoreRth": order.conditions_ignore_rth,
    }


class Contracts:
    """Instruments as messages. Each is known by itself: to compare two takes longer than to write
    one."""

    def __init__(self, more: Callable[[Instrument], Values]) -> None:
        self._more = more
        self._known: dict[int, tuple[Instrument, bytes]] = {}

    def of(self, instrument: Instrument) -> bytes:
        known = self._known.get(id(instrument))
        if known is None:
            values = {**contract_values(instrument), **self._more(instrument)}
            known = self._known[id(instrument)] = instrument, body("Contract", values)
        return known[1]


@lru_cache(maxsize=BARS_KEPT)
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

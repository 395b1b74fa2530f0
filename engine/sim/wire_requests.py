"""What clients ask, as one table, and its parsing from text and from protobuf.

Names are those of the protobuf messages. A row gives the text form: whether a version literal
comes first, then the fields in order, each ``name:type`` with type i(nteger), s(tring), b(oolean),
``contract`` for the twelve contract fields, ``legs`` and ``dnc`` for the groups that follow only
when announced, and ``-`` for a field that is not looked at. Fields behind the last one named are
ignored, which is how a newer client may send more than its version strictly has.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import attrs

from engine.errors import DecodeError
from engine.sim.wire_messages import PROTOBUF_OFFSET
from engine.sim.wire_orders import OrderTerms, terms_from_protobuf, terms_from_text
from engine.sim.wire_text_reader import ContractQuery, TextReader

START_API: Final = 71
PLACE_ORDER: Final = 3
CANCEL_ORDER: Final = 4
CANCELS: Final = {CANCEL_ORDER: "CancelOrderRequest", 58: "GlobalCancelRequest"}
CANCEL_FIELDS_MIN: Final = 192
CANCEL_TIME: Final = "manualOrderCancelTime"
NONE: Final = -1  # the request id of what has none


@attrs.frozen
class Ask:
    """One row: how request ``id`` is written."""

    id: int
    protobuf: str
    versioned: bool = False
    fields: tuple[str, ...] = ()


def _ask(message_id: int, protobuf: str, fields: str = "", versioned: bool = False) -> Ask:
    return Ask(message_id, protobuf, versioned, tuple(fields.split()))


def _table(*rows: Ask) -> dict[int, Ask]:
    return {row.id: row for row in rows}


ASKS: Final = _table(
    _ask(
        1,
        "MarketDataRequest",
        "reqId:i contract legs dnc genericTickList:s snapshot:b regulatorySnapshot:b",
        True,
    ),
    _ask(2, "CancelMarketData", "reqId:i", True),
    _ask(5, "OpenOrdersRequest"),
    _ask(6, "AccountDataRequest", "subscribe:b acctCode:s", True),
    _ask(
        7,
        "ExecutionRequest",
        "reqId:i clientId:i acctCode:s time:s symbol:s secType:s exchange:s side:s",
        True,
    ),
    _ask(8, "IdsRequest", "numIds:i", True),
    _ask(9, "ContractDataRequest", "reqId:i contract", True),
    _ask(14, "SetServerLogLevelRequest", "logLevel:i", True),
    _ask(15, "AutoOpenOrdersRequest", "autoBind:b", True),
    _ask(16, "AllOpenOrdersRequest"),
    _ask(17, "ManagedAccountsRequest"),
    _ask(
        20,
        "HistoricalDataRequest",
        "reqId:i contract - endDateTime:s barSizeSetting:s duration:s useRTH:b whatToShow:s"
        " formatDate:i legs keepUpToDate:b",
    ),
    _ask(25, "CancelHistoricalData", "reqId:i", True),
    _ask(49, "CurrentTimeRequest"),
    _ask(50, "RealTimeBarsRequest", "reqId:i contract barSize:i whatToShow:s useRTH:b", True),
    _ask(51, "CancelRealTimeBars", "reqId:i", True),
    _ask(58, "GlobalCancelRequest"),
    _ask(59, "MarketDataTypeRequest", "marketDataType:i", True),
    _ask(61, "PositionsRequest"),
    _ask(62, "AccountSummaryRequest", "reqId:i group:s tags:s", True),
    _ask(63, "CancelAccountSummary", "reqId:i", True),
    _ask(64, "CancelPositions"),
    _ask(71, "StartApiRequest", "clientId:i", True),
    _ask(74, "PositionsMultiRequest", "reqId:i account:s modelCode:s", True),
    _ask(75, "CancelPositionsMulti", "reqId:i", True),
    _ask(76, "AccountUpdatesMultiRequest", "reqId:i account:s modelCode:s ledgerAndNLV:b", True),
    _ask(77, "CancelAccountUpdatesMulti", "reqId:i", True),
    _ask(87, "HeadTimestampRequest", "reqId:i contract - useRTH:b whatToShow:s formatDate:i"),
    _ask(90, "CancelHeadTimestamp", "reqId:i"),
    _ask(91, "MarketRuleRequest", "marketRuleId:i"),
    _ask(92, "PnLRequest", "reqId:i account:s modelCode:s"),
    _ask(93, "CancelPnL", "reqId:i"),
    _ask(94, "PnLSingleRequest", "reqId:i account:s modelCode:s conId:i"),
    _ask(95, "CancelPnLSingle", "reqId:i"),
    _ask(97, "TickByTickRequest", "reqId:i contract tickType:s numberOfTicks:i ignoreSize:b"),
    _ask(98, "CancelTickByTick", "reqId:i"),
    _ask(99, "CompletedOrdersRequest", "apiOnly:b"),
    _ask(105, "CurrentTimeInMillisRequest"),
)

# What TWS serves and the simulator does not, with where the request id stands in the text form:
# None if it has none. They are answered with an error instead of silence.
UNSERVED: Final[Mapping[int, int | None]] = {
    10: 1, 12: None, 18: None, 19: None, 21: 1, 22: 0, 24: None, 52: 1, 54: 1, 55: 1,
    65: None, 66: None, 67: 1, 68: 1, 69: 1, 72: None, 73: None, 78: 0, 79: 0, 80: None,
    81: 0, 82: None, 83: 0, 84: 0, 85: None, 86: 0, 88: 0, 96: 0, 100: 0, 102: 0, 104: 0,
    108: 0, 109: 0,
}  # fmt: skip
# Cancels of the above: there is nothing to cancel, and TWS does not answer them either.
IGNORED: Final = frozenset({11, 13, 23, 53, 56, 57, 70, 89, 101, 103, 106, 107})


@attrs.frozen
class Request:
    """One request; the accessors assert that the table names what is asked for."""

    id: int
    values: Mapping[str, int | str | bool] = attrs.field(factory=dict)
    contract: ContractQuery | None = None
    order: OrderTerms | None = None

    @property
    def request_id(self) -> int:
        return self.number("reqId") if "reqId" in self.values else NONE

    def number(self, name: str) -> int:
        value = self.values[name]
        assert isinstance(value, int), name
        return value

    def word(self, name: str) -> str:
        value = self.values[name]
        assert isinstance(value, str), name
        return value

    def flag(self, name: str) -> bool:
        return bool(self.values[name])


def parse(payload: bytes, version: int) -> Request:
    """One frame from a client of ``version``; ids that no table knows come back without values.

    Raises:
        DecodeError: the frame is too short, or a field is not what it must be.
    """
    if version < 201:
        reader = TextReader(payload)
        return _from_text(reader.integer(), reader, version)
    if len(payload) < 4:
        raise DecodeError(f"a frame of {len(payload)} bytes has no room for a message id")
    message_id, body = int.from_bytes(payload[:4], "big"), payload[4:]
    if message_id > PROTOBUF_OFFSET:
        return _from_protobuf(message_id - PROTOBUF_OFFSET, body)
    return _from_text(message_id, TextReader(body), version)


def _from_text(message_id: int, reader: TextReader, version: int) -> Request:
    if message_id == PLACE_ORDER:
        order = terms_from_text(reader, version)
        return Request(message_id, {"reqId": order.order_id}, order.contract, order)
    if message_id in CANCELS:
        return Request(message_id, _cancel_from_text(message_id, reader, version))
    position = UNSERVED.get(message_id)
    if position is not None:
        reader.skip(position)
        return Request(message_id, {"reqId": reader.integer()})
    row = ASKS.get(message_id)
    return Request(message_id) if row is None else _read(row, reader)


def _cancel_from_text(
    message_id: int, reader: TextReader, version: int
) -> dict[str, int | str | bool]:
    """The version literal went away in 192, when cancels got the fields of OrderCancel."""
    values: dict[str, int | str | bool] = {CANCEL_TIME: "", "extOperator": ""}
    if version < CANCEL_FIELDS_MIN:
        reader.skip(1)
    if message_id == CANCEL_ORDER:
        values["reqId"] = reader.integer()
        values[CANCEL_TIME] = reader.optional()
    if version >= CANCEL_FIELDS_MIN:
        values["extOperator"] = reader.optional()
    return values


def _read(row: Ask, reader: TextReader) -> Request:
    values: dict[str, int | str | bool] = {}
    contract: ContractQuery | None = None
    if row.versioned:
        reader.skip(1)
    for field in row.fields:
        name, _, kind = field.partition(":")
        if kind == "i":
            values[name] = reader.integer()
        elif kind == "s":
            values[name] = reader.text()
        elif kind == "b":
            values[name] = reader.flag()
        elif name == "contract":
            contract = reader.contract()
        elif name == "legs":
            reader.skip_legs(contract, 4)
        elif name == "dnc":
            reader.skip_announced(3)
        else:
            reader.skip(1)
    return Request(row.id, values, contract)


def _from_protobuf(message_id: int, body: bytes) -> Request:
    from engine.sim.wire_protobuf import message_class

    if message_id in UNSERVED:
        return Request(message_id, _leading_id(body) if UNSERVED[message_id] is not None else {})
    if message_id == PLACE_ORDER:
        order = terms_from_protobuf(_parsed(message_class("PlaceOrderRequest"), body))
        return Request(message_id, {"reqId": order.order_id}, order.contract, order)
    if message_id in CANCELS:
        proto = _parsed(message_class(CANCELS[message_id]), body)
        values = {name: getattr(proto.orderCancel, name) for name in ("extOperator", CANCEL_TIME)}
        if message_id == CANCEL_ORDER:
            values["reqId"] = proto.orderId
        return Request(message_id, values)
    row = ASKS.get(message_id)
    if row is None:
        return Request(message_id)
    proto = _parsed(message_class(row.protobuf), body)
    contract = ContractQuery.from_protobuf(proto.contract) if "contract" in row.fields else None
    values = {}
    for field in row.fields:
        name, _, kind = field.partition(":")
        if kind:
            # the filter of reqExecutions is a message within the message
            source = proto if name in proto.DESCRIPTOR.fields_by_name else proto.executionFilter
            values[name] = getattr(source, name)
    return Request(message_id, values, contract)


def _parsed(message: Any, body: bytes) -> Any:
    from google.protobuf.message import DecodeError as ProtobufError

    proto = message()
    try:
        proto.ParseFromString(body)
    except ProtobufError as problem:
        raise DecodeError(f"{message.DESCRIPTOR.name}: {problem}") from None
    return proto


def _leading_id(body: bytes) -> dict[str, int | str | bool]:
    """Field 1 of a message nobody parses: its request id, a varint."""
    if not body.startswith(b"\x08"):
        return {}
    number = shift = 0
    for byte in body[1:6]:
        number |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            break
    return {"reqId": number if number < 1 << 31 else -1}

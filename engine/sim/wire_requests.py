"""One request of a client, read from text or from protobuf by the table of ``wire_asks``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import attrs

from engine.errors import DecodeError
from engine.records import frozen
from engine.sim.wire_asks import ASKS, CANCEL_ORDER, GLOBAL_CANCEL, PLACE_ORDER, Ask
from engine.sim.wire_forms import Asked, parsed, read
from engine.sim.wire_messages import PROTOBUF_OFFSET
from engine.sim.wire_orders import OrderTerms, terms_from_protobuf, terms_from_text
from engine.sim.wire_text_reader import ContractQuery, TextReader

CANCELS: Final = {CANCEL_ORDER: "CancelOrderRequest", GLOBAL_CANCEL: "GlobalCancelRequest"}
CANCEL_FIELDS_MIN: Final = 192
CANCEL_TIME: Final = "manualOrderCancelTime"
_OPERATOR: Final = "extOperator"
_CANCEL: Final[Asked] = ((f"orderCancel.{_OPERATOR}", ""), (f"orderCancel.{CANCEL_TIME}", ""))
_CANCEL_ASKED: Final[Mapping[int, Asked]] = {
    CANCEL_ORDER: (*_CANCEL, ("orderId", 0)),
    GLOBAL_CANCEL: _CANCEL,
}
_CANCEL_VALUES: Final = (_OPERATOR, CANCEL_TIME, "reqId")
NONE: Final = -1  # the request id of what has none
_IDS: Final = ("reqId", "orderId")
_CONTRACTS: Final = frozenset({"contract", "contract-11", "contract-7"})
Values = dict[str, int | str | bool | float]


@frozen
class Request:
    """One request; the accessors assert that the table names what is asked for."""

    id: int
    values: Mapping[str, int | str | bool | float] = attrs.field(factory=dict)
    contract: ContractQuery | None = None
    order: OrderTerms | None = None

    @property
    def request_id(self) -> int:
        for name in _IDS:
            if name in self.values:
                return self.number(name)
        return NONE

    def number(self, name: str) -> int:
        value = self.values[name]
        assert isinstance(value, int), name
        return value

    def amount(self, name: str) -> float:
        return float(self.values[name])

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
    row = ASKS.get(message_id)
    return Request(message_id) if row is None else _read(row, reader)


def _cancel_from_text(message_id: int, reader: TextReader, version: int) -> Values:
    """The version literal went away in 192, when cancels got the fields of OrderCancel."""
    values: Values = {CANCEL_TIME: "", _OPERATOR: ""}
    if version < CANCEL_FIELDS_MIN:
        reader.skip(1)
    if message_id == CANCEL_ORDER:
        values["reqId"] = reader.integer()
        values[CANCEL_TIME] = reader.optional()
    if version >= CANCEL_FIELDS_MIN:
        values[_OPERATOR] = reader.optional()
    return values


def _read(row: Ask, reader: TextReader) -> Request:
    values: Values = {}
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
        elif kind == "d":
            values[name] = reader.number()
        elif name == "contract":
            contract = reader.contract()
        elif name == "contract-11":
            contract = reader.contract(primary=False)
        elif name == "contract-7":
            contract = reader.short_contract()
        elif name == "legs":
            reader.skip_legs(contract, 4)
        elif name == "dnc":
            reader.skip_announced(3)
        else:
            reader.skip(1)
    return Request(row.id, values, contract)


def _from_protobuf(message_id: int, body: bytes) -> Request:
    if message_id == PLACE_ORDER:
        order = terms_from_protobuf(body)
        return Request(message_id, {"reqId": order.order_id}, order.contract, order)
    if message_id in CANCELS:
        found, _ = read(CANCELS[message_id], _CANCEL_ASKED[message_id], body)
        return Request(
            message_id, dict(zip((_OPERATOR, CANCEL_TIME, "reqId"), found, strict=False))
        )
    row = ASKS.get(message_id)
    if row is None:
        return Request(message_id)
    if not row.protobuf:
        raise DecodeError(f"message {message_id} has no protobuf form")
    proto = parsed(row.protobuf, body)
    named = not _CONTRACTS.isdisjoint(row.fields)
    contract = ContractQuery.from_protobuf(proto.contract) if named else None
    values = {}
    for field in row.fields:
        name, _, kind = field.partition(":")
        if kind:
            outer = name in proto.DESCRIPTOR.fields_by_name
            values[name] = getattr(proto if outer else getattr(proto, row.inner), name)
    return Request(message_id, values, contract)

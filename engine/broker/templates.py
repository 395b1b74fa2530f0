"""Order templates, learned from the reference encoder's own bytes and verified against it.

The reference (ibapi) encodes one base order, then the same order with one value changed at a
time. Where exactly one field differs, that field is the value's slot; everything else is
constant. Two further orders, one with every value different and one with every optional value
absent, must come out byte for byte, else there is no template and the reference keeps encoding.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, Literal

import attrs

from _fast.encode import CancelTemplate, OrderTemplate

NUL: Final = b"\0"
LENGTH_BYTES: Final = 4
ID_BYTES: Final = 4


@attrs.frozen
class OrderValues:
    """The twelve values that change from order to order; the fields are the slots' names."""

    order_id: int
    action: str
    quantity: str
    limit_price: float | None
    aux_price: float | None
    oca_group: str
    oca_type: int
    order_ref: str
    parent_id: int
    transmit: bool
    trail_percent: float | None = None
    trail_stop_price: float | None = None


class TemplateError(Exception):
    """The reference's bytes cannot be taken apart; its text is the counted reason."""


# How a frame begins: the message id as a text field, or as four bytes (server version 201).
Layout = Literal["text", "raw id text", "protobuf"]
Reference = Callable[[OrderValues], bytes]
Step = tuple[bytes, str, bytes]

_BASE: Final = OrderValues(
    *(101, "BUY", "7", 11.5, 12.25, "G-1", 1, "R-1", 103, True),
    trail_percent=1.75,
    trail_stop_price=10.125,
)
_CHANGED: Final[dict[str, Any]] = {
    "order_id": 2_000_000_001,
    "action": "SELL",
    "quantity": "1234.5",
    "limit_price": 0.07,
    "aux_price": 98765.4321,
    "oca_group": "another group with a longer name",
    "oca_type": 3,
    "order_ref": "another-reference",
    "parent_id": 987_654_321,
    "transmit": False,
    "trail_percent": 33.3,
    "trail_stop_price": 1234.0625,
}
_PROOFS: Final = (
    OrderValues(
        *(2, "SELL", "250.125", 1e-05, 1234567.89, "g" * 130, 2, "r" * 40, 70_000, False),
        trail_percent=0.1,
        trail_stop_price=987.65,
    ),
    OrderValues(1_999_999_999, "BUY", "1", None, None, "", 0, "", 0, True),
)


def learn_order(reference: Reference, layout: Layout) -> OrderTemplate:
    """A verified template of the frames that ``reference`` makes.

    Raises:
        TemplateError: a value has no slot of its own, or a proof came out different.
    """
    base = reference(_BASE)
    changed = {
        name: reference(attrs.evolve(_BASE, **{name: value})) for name, value in _CHANGED.items()
    }
    if layout == "protobuf":
        outer, inner = _protobuf_steps(base, changed)
        template = OrderTemplate(outer, inner, protobuf=True)
    else:
        template = OrderTemplate(_text_steps(base, changed, layout))
    for proof in (_BASE, *_PROOFS):
        if template.splice(*attrs.astuple(proof)) != reference(proof):
            raise TemplateError(f"spliced bytes differ for {proof}")
    return template


def learn_cancel(reference: Callable[[int], bytes], layout: Layout) -> CancelTemplate:
    """A verified template of cancel frames. Raises TemplateError as ``learn_order`` does."""
    base, changed = reference(101), {"order_id": reference(2_000_000_001)}
    if layout == "protobuf":
        outer, inner = _protobuf_steps(base, changed)
        template = CancelTemplate(outer, inner, protobuf=True)
    else:
        template = CancelTemplate(_text_steps(base, changed, layout))
    for order_id in (101, 1, 300, 1_999_999_999):
        if template.splice(order_id) != reference(order_id):
            raise TemplateError(f"spliced bytes differ for order id {order_id}")
    return template


def _text_steps(base: bytes, changed: dict[str, bytes], layout: Layout) -> list[Step]:
    start = LENGTH_BYTES + (ID_BYTES if layout == "raw id text" else 0)
    fields = base[start:].split(NUL)
    slots: dict[int, str] = {}
    for name, frame in changed.items():
        slots[_one_difference(fields, frame[start:].split(NUL), name)] = name
    if len(slots) != len(changed):
        raise TemplateError("two values share one field")
    steps: list[Step] = []
    piece = base[LENGTH_BYTES:start]
    for index, field in enumerate(fields):
        separator = NUL if index else b""
        if index in slots:
            steps.append((piece + separator, slots[index], b""))
            piece = b""
        else:
            piece += separator + field
    return [*steps, (piece, "none", b"")]


def _protobuf_steps(base: bytes, changed: dict[str, bytes]) -> tuple[list[Step], list[Step]]:
    """Steps of the payload and of the one message nested in it that holds slots (or none)."""
    payload = base[LENGTH_BYTES:]
    outer = split_fields(payload[ID_BYTES:])
    slots: dict[int, str] = {}
    inside: dict[str, list[tuple[bytes, bytes]]] = {}
    nested: set[int] = set()
    for name, frame in changed.items():
        other = split_fields(frame[LENGTH_BYTES + ID_BYTES :])
        if name == "order_id":
            slots[_one_difference(outer, other, name)] = name
        else:
            index = _one_difference(outer, other, name)
            nested.add(index)
            inside[name] = split_fields(_body(other[index][1]))
    if len(nested) > 1:
        raise TemplateError("the values are spread over several nested messages")
    inner: list[Step] = []
    for index in nested:
        slots[index] = "nested"
        fields = split_fields(_body(outer[index][1]))
        found = {_changed_field(fields, other, name): name for name, other in inside.items()}
        if len(found) != len(inside):
            raise TemplateError("two values share one field")
        inner = _tagged_steps(fields, found, b"")
    return _tagged_steps(outer, slots, payload[:ID_BYTES]), inner


def _tagged_steps(
    fields: Sequence[tuple[bytes, bytes]], slots: dict[int, str], piece: bytes
) -> list[Step]:
    steps: list[Step] = []
    for index, (tag, value) in enumerate(fields):
        if index in slots:
            steps.append((piece, slots[index], tag))
            piece = b""
        else:
            piece += tag + value
    return [*steps, (piece, "none", b"")]


def _one_difference(base: Sequence[object], other: Sequence[object], name: str) -> int:
    if len(base) != len(other):
        raise TemplateError(f"{name} changes the number of fields")
    found = [index for index, (a, b) in enumerate(zip(base, other, strict=True)) if a != b]
    if len(found) != 1:
        raise TemplateError(f"{name} stands in {len(found)} fields")
    return found[0]


def _changed_field(
    base: Sequence[tuple[bytes, bytes]], other: Sequence[tuple[bytes, bytes]], name: str
) -> int:
    """As ``_one_difference``, but the value may also be absent (a boolean that is false)."""
    if len(other) == len(base) - 1:
        for index in range(len(base)):
            if [*base[:index], *base[index + 1 :]] == list(other):
                return index
        raise TemplateError(f"{name} changes several fields")
    return _one_difference(base, other, name)


def split_fields(message: bytes) -> list[tuple[bytes, bytes]]:
    """A protobuf message as (tag bytes, value bytes) in wire order; a value of length-delimited
    type keeps its length in front. Raises TemplateError for anything malformed."""
    fields: list[tuple[bytes, bytes]] = []
    at = 0
    while at < len(message):
        tag, start = _varint(message, at)
        kind = tag & 7
        if kind == 0:
            _, end = _varint(message, start)
        elif kind == 1:
            end = start + 8
        elif kind == 2:
            size, behind = _varint(message, start)
            end = behind + size
        elif kind == 5:
            end = start + 4
        else:
            raise TemplateError(f"wire type {kind}")
        if end > len(message):
            raise TemplateError("a field ends behind its message")
        fields.append((message[at:start], message[start:end]))
        at = end
    return fields


def _body(value: bytes) -> bytes:
    return value[_varint(value, 0)[1] :]


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(data):
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
    raise TemplateError("a number ends behind its message")

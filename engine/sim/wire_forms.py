"""Protobuf messages of clients as rows of values.

Nearly every message is plain: its fields are numbers and texts, and compiled code reads them. One
with anything else in it, or with damage, is read by the library, which makes the same row of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, Final

from _fast.forms import Form
from engine.errors import DecodeError
from engine.sim.wire_protobuf import message_class

Value = int | float | str | bool | None
# The fields that are asked for, and what each is where it is not there. A name with dots leads into
# a message within the message.
Asked = tuple[tuple[str, Value], ...]
_MESSAGE: Final = 11  # what the library numbers types
_PLAIN: Final = frozenset({1, 3, 5, 8, 9})  # double, int64, int32, bool, string


def read(name: str, asked: Asked, body: bytes) -> tuple[tuple[Any, ...], Any]:
    """The values that message ``name`` has for what is asked; and the message, if more than
    fields of its own numbers and texts may be in it.

    Raises:
        DecodeError: it is no such message.
    """
    row = _form(name, asked).read(body)
    if row is not None:
        return row, None
    proto = parsed(name, body)
    return tuple([_value(proto, path, absent) for path, absent in asked]), proto


def parsed(name: str, body: bytes) -> Any:
    """The message, by the library. Raises DecodeError: it is no such message."""
    from google.protobuf.message import DecodeError as ProtobufError

    proto = message_class(name)()
    try:
        proto.ParseFromString(body)
    except ProtobufError as problem:
        raise DecodeError(f"{name}: {problem}") from None
    return proto


def _value(proto: Any, path: str, absent: Value) -> Value:
    *outer, name = path.split(".")
    for one in outer:
        proto = getattr(proto, one)
    value: Value = getattr(proto, name) if proto.HasField(name) else absent
    return value


@cache
def _form(name: str, asked: Asked) -> Form:
    places = {path: place for place, (path, _) in enumerate(asked)}
    return _within(message_class(name).DESCRIPTOR, places, tuple([one for _, one in asked]))


def _within(declared: Any, places: Mapping[str, int], absent: tuple[Value, ...]) -> Form:
    fields: list[tuple[int, int, int | Form | None]] = []
    for field in declared.fields:
        if field.is_repeated:
            continue
        place: int | Form | None = places.get(field.name)
        if field.type == _MESSAGE:
            head = f"{field.name}."
            inner = {path[len(head) :]: at for path, at in places.items() if path.startswith(head)}
            place = _within(field.message_type, inner, absent) if inner else None
        elif field.type not in _PLAIN:
            continue
        fields.append((field.number, field.type, place))
    return Form(tuple(fields), absent)

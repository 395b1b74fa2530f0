"""The core's state and the book of the day as bytes, and back, exactly.

Everything that is reached from ``State`` and ``DayBook`` is written by the type that it has, so
that what is read again is equal to the last bit: whole numbers, doubles and decimals stay what
they were, dictionaries keep their order. Orders and contexts have one place; whoever else holds
one holds its number. What is read builds only classes that are named here, by their fields: no
code is in it.

The form follows from the classes. ``shape`` is a fingerprint of all of them, and an image of
another shape is for nobody to guess at: the journal has everything it says.
"""

from __future__ import annotations

import enum
import hashlib
import math
import types
import typing
from collections import deque
from collections.abc import Callable, Iterator
from decimal import Decimal
from functools import cache
from typing import Any, Final

import attrs

from engine import events
from engine.codec import INT_MAX, INT_MIN, MisfitError, dumps, loads
from engine.contexts import Context
from engine.daybook import DayBook
from engine.deadlines import Deadlines
from engine.events import BaseEvent
from engine.groups import Group
from engine.orders import Order
from engine.state import State
from statecharts.vocabulary import (
    BracketState,
    ContextState,
    OcoState,
    OrderAsk,
    OrderReport,
    SessionState,
)

Pack = Callable[[Any], Any]
# What tables step is declared as a whole number and begins as a member of one of these.
_STEPPED: Final = (BracketState, ContextState, OcoState, OrderAsk, OrderReport, SessionState)
_PLAIN: Final = (str, bool, types.NoneType)


class ImageError(Exception):
    """Bytes that are no image of this shape."""


def image(state: State, book: DayBook) -> bytes:
    """Both as bytes: equal ones for equal states.

    Raises:
        AssertionError: something in them has no form, or an order or a context is not in its
            place.
    """
    _check_places(state)
    tree = {
        "orders": [_fields(order) for order in state.orders.values()],
        "contexts": [_fields(context) for context in state.contexts.values()],
        "state": _fields(state),
        "book": _fields(book),
    }
    return dumps(tree)


def from_image(data: bytes) -> tuple[State, DayBook]:
    """What ``image`` was given.

    Raises:
        ImageError: it is no image, or one of another shape.
    """
    try:
        tree = loads(data)
        reader = _Reader()
        for packed in tree["orders"]:
            order = reader.build(Order, packed)
            reader.orders[order.order_id] = order
        for packed in tree["contexts"]:
            context = reader.build(Context, packed)
            reader.contexts[context.number] = context
        return reader.build(State, tree["state"]), reader.build(DayBook, tree["book"])
    except (MisfitError, ArithmeticError, LookupError, TypeError, ValueError) as problem:
        raise ImageError(f"cannot be read ({type(problem).__name__}: {problem})") from None


def _check_places(state: State) -> None:
    """Numbers stand for orders and contexts: each must be where its number says."""
    owners: list[Context | Group] = [*state.contexts.values(), *state.groups.values()]
    held = [one.orders for one in owners]
    held += [tranche.orders for context in state.contexts.values() for tranche in context.tranches]
    held += [{order.order_id: order for order in state.by_ref.values()}]
    held += [{order.order_id: order for order in state.by_perm.values()}]
    for orders in held:
        for number, order in orders.items():
            assert state.orders.get(number) is order, f"order {number} is not in its place"
    for number, order in state.orders.items():
        assert order.order_id == number, f"order {order.order_id} stands as {number}"
    for context in [*state.contexts.values(), *state.current.values()]:
        place = state.contexts.get(context.number)
        assert place is context, f"context {context.number} is not in its place"


# -- writing -----------------------------------------------------------------------------------


def _pack(value: Any) -> Any:
    kind = type(value)
    if kind in _PLAIN:
        return value
    return (_PACKERS.get(kind) or _packer(kind))(value)


def _pack_int(value: int) -> Any:
    return value if INT_MIN <= value <= INT_MAX else {"int": str(value)}


def _pack_float(value: float) -> Any:
    return value if math.isfinite(value) else {"float": repr(value)}


def _pack_dict(value: dict[Any, Any]) -> Any:
    parts = [part for key, one in value.items() for part in (_pack(key), _pack(one))]
    return {type(value).__name__: parts}


def _pack_set(value: set[Any] | frozenset[Any]) -> Any:
    # Sets have no order of their own, and that of text differs from process to process.
    return {type(value).__name__: [_pack(one) for one in sorted(value, key=repr)]}


_PACKERS: Final[dict[type, Pack]] = {
    int: _pack_int,
    float: _pack_float,
    Decimal: lambda value: {"Decimal": str(value)},
    tuple: lambda value: [_pack(one) for one in value],
    list: lambda value: {"list": [_pack(one) for one in value]},
    deque: lambda value: {"deque": [_pack(one) for one in value]},
    dict: _pack_dict,
    Deadlines: _pack_dict,
    set: _pack_set,
    frozenset: _pack_set,
    Order: lambda value: {"Order": value.order_id},
    Context: lambda value: {"Context": value.number},
}


def _packer(kind: type) -> Pack:
    """Of one of our own classes."""
    name = kind.__name__
    assert _classes().get(name) is kind, f"{name} has no form"
    if issubclass(kind, enum.Enum):
        return lambda value: {name: value.name}
    return lambda value: {name: _fields(value)}


def _fields(record: Any) -> list[Any]:
    kind: Any = type(record)
    return [_pack(getattr(record, name)) for name in _names(kind)]


@cache
def _names(kind: Any) -> tuple[str, ...]:
    return tuple(field.name for field in attrs.fields(kind))


# -- reading -----------------------------------------------------------------------------------


class _Reader:
    def __init__(self) -> None:
        self.orders: dict[int, Order] = {}
        self.contexts: dict[int, Context] = {}
        self._build: dict[str, Callable[[Any], Any]] = {
            "int": int,
            "float": float,
            "Decimal": Decimal,
            "list": self._values,
            "deque": lambda items: deque(self._values(items)),
            "dict": self._dict,
            "Deadlines": lambda items: Deadlines(self._dict(items)),
            "set": lambda items: set(self._values(items)),
            "frozenset": lambda items: frozenset(self._values(items)),
            "Order": self.orders.__getitem__,
            "Context": self.contexts.__getitem__,
        }

    def build(self, kind: type, packed: list[Any]) -> Any:
        values = [self._value(one) for one in packed]
        return kind(**dict(zip(_parameters(kind), values, strict=True)))

    def _value(self, packed: Any) -> Any:
        if type(packed) is list:
            return tuple([self._value(one) for one in packed])
        if type(packed) is not dict:
            return packed
        ((name, content),) = packed.items()
        builder = self._build.get(name)
        if builder is None:
            builder = self._build[name] = self._builder(_classes()[name])
        return builder(content)

    def _builder(self, kind: type) -> Callable[[Any], Any]:
        if issubclass(kind, enum.Enum):
            return lambda content: kind[content]
        return lambda content: self.build(kind, content)

    def _values(self, items: list[Any]) -> list[Any]:
        return [self._value(one) for one in items]

    def _dict(self, items: list[Any]) -> dict[Any, Any]:
        values = iter(self._values(items))
        return dict(zip(values, values, strict=True))


@cache
def _parameters(kind: type) -> tuple[str, ...]:
    """Of its constructor, in the order of its fields."""
    fields: tuple[attrs.Attribute[Any], ...] = attrs.fields(kind)
    assert all(field.init for field in fields), kind
    return tuple(field.alias or field.name for field in fields)


# -- the shape ---------------------------------------------------------------------------------


@cache
def shape() -> str:
    """Names all classes that an image may hold, with their fields and those fields' types."""
    lines = [line for name in sorted(_classes()) for line in _described(_classes()[name])]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:32]


def _described(kind: Any) -> Iterator[str]:
    if issubclass(kind, enum.Enum):
        yield f"{kind.__name__}: {[(one.name, one.value) for one in kind]}"
        return
    hints = typing.get_type_hints(kind)
    for field in attrs.fields(kind):
        yield f"{kind.__name__}.{field.name}: {hints[field.name]}"


@cache
def _classes() -> dict[str, type]:
    """Everything that is reached from the state and the book, by its name."""
    found: dict[str, type] = {}
    waiting: list[Any] = [State, DayBook, *_STEPPED]
    while waiting:
        hint = waiting.pop()
        waiting += typing.get_args(hint)
        if not isinstance(hint, type) or found.get(hint.__name__) is hint:
            continue
        if hint is BaseEvent:  # whoever holds an event may hold any
            waiting += [
                one
                for one in vars(events).values()
                if isinstance(one, type) and issubclass(one, BaseEvent) and one is not BaseEvent
            ]
        if attrs.has(hint):
            waiting += typing.get_type_hints(hint).values()
        elif not issubclass(hint, enum.Enum) or not hint.__members__:
            continue
        assert hint.__name__ not in found, f"two classes of the name {hint.__name__}"
        found[hint.__name__] = hint
    return found

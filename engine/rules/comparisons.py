"""What an event must be like: which events a rule may wait for, and comparisons of their fields.

A comparison is written as text, ``confidence >= 0.5`` or ``signal == BUY``, and kept as a record.
Text fields say what an event is about; number fields say how much. A field without a value (a
market order has no price) fits no comparison: unknown is not equal, and not different either.
"""

from __future__ import annotations

import math
import operator
import re
import types
import typing
from collections.abc import Callable, Iterable
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final, Literal, cast

import attrs

from engine import events as _events
from engine.events import BaseEvent
from engine.money import exact
from engine.rules.checks import TEXT_CHARS_MAX, is_number, near, shown, text, word

Op = Literal["==", "!=", ">=", ">", "<=", "<"]
Value = str | int | float

COMPARISONS_MAX: Final = 16  # of one condition
_COMPARE: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "==": operator.eq,
    "!=": operator.ne,
    ">=": operator.ge,
    ">": operator.gt,
    "<=": operator.le,
    "<": operator.lt,
}
_SHAPE: Final = re.compile(r"\s*(\w+)\s*(==|!=|>=|<=|>|<)\s*(.+?)\s*", re.DOTALL)
_NUMBER: Final = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)

_ALLOWED: Final = (
    _events.OrderEvent,
    _events.PositionEvent,
    _events.OptionsFlowEvent,
    _events.TradeEvent,
    _events.ContextChangedEvent,
    _events.SessionChangedEvent,
    _events.AlertEvent,
)
EVENTS: Final[dict[str, type[BaseEvent]]] = {
    name: kind
    for name, kind in vars(_events).items()
    if isinstance(kind, type) and issubclass(kind, _ALLOWED)
}
"""The events that a rule may wait for, by name; a base stands for all its subclasses."""


def event_class(name: str) -> type[BaseEvent]:
    """The class of an event's name.

    Raises:
        ValueError: no rule may wait for it; says what to do instead.
    """
    if name in EVENTS:
        return EVENTS[name]
    known = getattr(_events, name, None) if name.endswith("Event") else None
    if known is not None and issubclass(known, _events.MarketEvent):
        raise ValueError(
            f"{name} is a sample for observers, which may miss a price: use a MarketCondition"
        )
    if known is _events.RefusalEvent:
        raise ValueError("RefusalEvent cannot start a rule: a refusal would ask for the next one")
    if known is BaseEvent:
        families = ", ".join(one.__name__ for one in _ALLOWED)
        raise ValueError(f"BaseEvent is every event, name a kind: {families}")
    raise ValueError(f"there is no event {shown(name)}, {near(name, EVENTS)}")


@attrs.frozen
class _Kind:
    """What a field holds: a number, or text, which may be one of few words."""

    number: bool
    words: tuple[str, ...] = ()


@lru_cache(maxsize=64)
def fields_of(event: str) -> dict[str, _Kind]:
    """The fields that may be compared. Time and number of an event say nothing about it, and
    its symbol is the rule's."""
    hints = typing.get_type_hints(EVENTS[event])
    kinds = {
        name: kind
        for name in (one.name for one in attrs.fields(EVENTS[event]))
        if name not in {"time_ns", "sequence", "symbol"}
        if (kind := _kind(hints[name])) is not None
    }
    assert kinds, event
    return kinds


def _kind(hint: Any) -> _Kind | None:
    if typing.get_origin(hint) in (types.UnionType, typing.Union):  # or None
        (hint,) = (one for one in typing.get_args(hint) if one is not types.NoneType)
    if typing.get_origin(hint) is Literal:
        return _Kind(number=False, words=typing.get_args(hint))
    if hint in (int, float, Decimal):
        return _Kind(number=True)
    return _Kind(number=False) if hint is str else None


def _as_value(value: Any) -> Any:
    """Converter: the one form of each number, so that equal comparisons are written equally."""
    if isinstance(value, Decimal) and value.is_finite():
        value = int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, float) and is_number(value) and value.is_integer():
        return int(value)
    return value


def _check_value(_: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    if isinstance(value, str):
        text(TEXT_CHARS_MAX)(_, attribute, value)
    elif isinstance(value, int) and not isinstance(value, bool):
        if not -(2**63) <= value < 2**63:  # times in nanoseconds are above what a double keeps
            raise ValueError(f"value must have 19 digits at most, not {shown(value)}")
    elif not is_number(value):
        raise ValueError(f"value must be a number or text, not {shown(value)}")


@attrs.frozen
class Comparison:
    """A field of an event, against a value."""

    field: str = attrs.field(validator=text(64, empty=False))
    op: Op = attrs.field(validator=word(*_COMPARE))
    value: Value = attrs.field(converter=_as_value, validator=_check_value)

    @classmethod
    def parse(cls, said: str) -> Comparison:
        """Read ``confidence >= 0.5`` or ``signal == BUY``. Quotes make text of a number.

        Raises:
            ValueError: it is not a field, an operator and a value.
        """
        found = _SHAPE.fullmatch(said) if len(said) <= 2 * TEXT_CHARS_MAX else None
        if found is None:
            mend = (
                "use == to compare"
                if re.fullmatch(r"\s*\w+\s*=[^=].*", said)
                else ("write it as confidence >= 0.5 or signal == BUY")
            )
            raise ValueError(f"{shown(said)} is not a comparison, {mend}")
        field, value = found[1], found[3]
        op = cast("Op", found[2])
        if value[0] in "'\"":
            if len(value) < 2 or value[-1] != value[0]:
                raise ValueError(f"{shown(said)}: a quote is missing")
            return cls(field, op, value[1:-1])
        if _NUMBER.fullmatch(value):
            return cls(field, op, float(value) if set(value) & set(".eE") else int(value))
        return cls(field, op, value)

    def __str__(self) -> str:
        value = self.value
        if isinstance(value, str) and (not value or _NUMBER.fullmatch(value) or value[0] in "'\""):
            value = f"'{value}'" if "'" not in value else f'"{value}"'
        return f"{self.field} {self.op} {value}"

    @property
    def about(self) -> bool:
        """Whether it says what the event is about, rather than how much."""
        return isinstance(self.value, str)

    def holds(self, event: BaseEvent) -> bool:
        seen = getattr(event, self.field)
        if seen is None or (isinstance(seen, float) and math.isnan(seen)):
            return False
        value = exact(self.value) if isinstance(seen, Decimal) else self.value
        return _COMPARE[self.op](seen, value)


def as_comparisons(given: Any) -> Any:
    """Converter: texts become comparisons, and one is a list of one."""
    if isinstance(given, str | Comparison):
        given = (given,)
    if not isinstance(given, Iterable):
        return given
    return tuple(Comparison.parse(one) if isinstance(one, str) else one for one in given)


def check_comparison(event: type[BaseEvent], one: Comparison) -> None:
    """Refuse a comparison that the events of a class cannot fit.

    Raises:
        ValueError: one line with the field and what it takes.
    """
    name, kinds = event.__name__, fields_of(event.__name__)
    if one.field == "symbol":
        raise ValueError("symbol is not compared: name it in the symbols of the rule")
    if one.field not in kinds:
        raise ValueError(f"{name} has no {shown(one.field)} to compare, {near(one.field, kinds)}")
    kind = kinds[one.field]
    if kind.number and isinstance(one.value, str):
        raise ValueError(f"{one.field} of {name} is a number, not {shown(one.value)}")
    if kind.number:
        return
    if not isinstance(one.value, str):
        raise ValueError(f"{one.field} of {name} is text: {one.field} {one.op} '{one.value}'")
    if one.op not in ("==", "!="):
        raise ValueError(f"{one.field} of {name} is text: it is compared with == or != only")
    if kind.words and one.value not in kind.words:
        raise ValueError(
            f"{one.field} of {name} is never {shown(one.value)}, {near(one.value, kind.words)}"
        )

"""Conditions written as expressions, so that reading one again gives the same condition.

An ``and`` or ``or`` of a single condition has no words of its own: it is written as that one.
"""

from __future__ import annotations

from decimal import Decimal

from engine.rules.comparisons import Comparison
from engine.rules.conditions import (
    AndCondition,
    Condition,
    EventCondition,
    IndicatorCondition,
    MarketCondition,
    NotCondition,
    OrCondition,
    PositionCondition,
    SessionCondition,
    TimeCondition,
)
from engine.rules.names import BOUNDS, SESSION, SIGNAL, SIGNAL_FIELDS
from engine.rules.tokens import quoted


def to_expression(condition: Condition) -> str:
    """As short as it can be said. One of more than 4096 characters is too long to be read."""
    return _or(_plain(condition))


def _plain(condition: Condition) -> Condition:
    """Without an and, or of one."""
    while isinstance(condition, AndCondition | OrCondition) and len(condition.conditions) == 1:
        (condition,) = condition.conditions
    return condition


def _or(condition: Condition) -> str:
    if isinstance(condition, OrCondition):
        return " or ".join(_and(_plain(part)) for part in condition.conditions)
    return _and(condition)


def _and(condition: Condition) -> str:
    if not isinstance(condition, AndCondition):
        return _single(condition) if isinstance(condition, OrCondition) else _leaf(condition, True)
    parts = [_plain(part) for part in condition.conditions]
    # Two that could be said in short would be read as one.
    signals = sum(_in_short(part, EventCondition) for part in parts)
    positions = sum(_in_short(part, PositionCondition) for part in parts)
    said = []
    for part in parts:
        few = signals if isinstance(part, EventCondition) else positions
        said.append(_leaf(part, few < 2) if _is_leaf(part) else _single(part))
    return " and ".join(said)


def _single(condition: Condition) -> str:
    if isinstance(condition, NotCondition):
        return f"not {_single(_plain(condition.condition))}"
    if isinstance(condition, AndCondition | OrCondition):
        return f"({_or(condition)})"
    said = _leaf(condition, True)
    return f"({said})" if " and " in said and _in_short(condition, type(condition)) else said


def _is_leaf(condition: Condition) -> bool:
    return not isinstance(condition, AndCondition | OrCondition | NotCondition)


def _in_short(condition: Condition, kind: type) -> bool:
    if not isinstance(condition, kind):
        return False
    if isinstance(condition, EventCondition):
        fields = {one.field for one in condition.where}
        return condition.event == SIGNAL and bool(fields) and fields <= set(SIGNAL_FIELDS)
    return isinstance(condition, PositionCondition)


def _leaf(condition: Condition, short: bool) -> str:
    match condition:
        case EventCondition():
            said = [_comparison(one) for one in condition.where]
            if short and _in_short(condition, EventCondition):
                return " and ".join(said)
            return f"{condition.event}({', '.join(said)})" if said else condition.event
        case PositionCondition():
            said = _position(condition)
            return " and ".join(said) if short else f"position({', '.join(said)})"
        case TimeCondition():
            return (
                f"time({', '.join(map(quoted, (condition.start, condition.end, *condition.days)))})"
            )
        case SessionCondition():
            return f"{SESSION} <= {_number(condition.before_end_s)}"
        case MarketCondition():
            op = ">=" if condition.op == "above" else "<="
            return f"{condition.field} {op} {_number(condition.level)}"
        case IndicatorCondition():
            right = condition.right
            other = right if isinstance(right, str) else _number(right)
            return f"{condition.left} {condition.op} {other}"
        case _:
            return _single(condition)


def _comparison(one: Comparison) -> str:
    value = quoted(one.value) if isinstance(one.value, str) else _number(one.value)
    return f"{one.field} {one.op} {value}"


def _position(condition: PositionCondition) -> list[str]:
    said: list[str] = [condition.side] if condition.side != "any" else []
    for name, fields in BOUNDS.items():
        for op, field in zip((">=", "<="), fields, strict=True):
            value = getattr(condition, field) if field else None
            if value is not None:
                said.append(f"{name} {op} {_number(value)}")
    return said


def _number(value: float | Decimal) -> str:
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value)

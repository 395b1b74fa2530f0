"""Conditions as expressions: ``signal == "BUY" and confidence >= 0.6 and spread <= 0.02 and flat``.

An expression is another way to write the records of ``engine.rules.conditions`` and nothing more:
it is read into them, never evaluated. Comparisons of a signal that stand in one ``and`` are one
``EventCondition``, and what is said there about the position is one ``PositionCondition``.

    or     = and, {"or", and}
    and    = not, {"and", not}
    not    = "not", not | "(", or, ")" | what holds
    holds  = word | name, op, value | name, "crosses", ("above" | "below"), value
           | side, op, (side | value) | side, "crosses", ("above" | "below"), (side | value)
           | name, "(", arguments, ")"
    side   = word | indicator, "(", numbers, ")"
"""

from __future__ import annotations

from typing import Any, Final, Literal, cast

import attrs

from engine.rules.checks import near, shown
from engine.rules.comparisons import EVENTS, Comparison, check_comparison
from engine.rules.conditions import (
    NEVER,
    AndCondition,
    Condition,
    EventCondition,
    IndicatorCondition,
    MarketCondition,
    NotCondition,
    OrCondition,
    PositionCondition,
    PositionSide,
    SessionCondition,
    TimeCondition,
    triggers_of,
)
from engine.rules.cursor import Cursor, made, number_of
from engine.rules.indicators import KINDS, OPS, QUOTED, UNITS, WATCHED, indicator, unit_of
from engine.rules.names import (
    BOUNDS,
    CROSSINGS,
    INDICATORS,
    MARKET,
    NAMES,
    SESSION,
    SIDES,
    SIGNAL,
    SIGNAL_FIELDS,
    unknown,
)
from engine.rules.tokens import ExpressionError, Token

NESTING_MAX: Final = 32  # of brackets and nots
_SECONDS: Final = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}


def from_expression(said: str) -> Condition:
    """The condition that an expression says.

    Raises:
        ExpressionError: one line with the column, and what is allowed there.
    """
    parser = _Parser(said)
    part = parser.alternatives(0)
    rest = parser.next
    if rest.kind != "end":
        rest.refuse(f"and, or, or the end is expected, not {rest.shown}")
    parser.check_crossings(part.condition)
    return part.condition


@attrs.frozen
class _Part:
    """``joins`` names what may become one record with its like in an ``and``."""

    condition: Condition
    column: int
    joins: Literal["signal", "position", ""] = ""


class _Parser(Cursor):
    def __init__(self, said: str) -> None:
        super().__init__(said)
        self._crossings: list[tuple[MarketCondition | IndicatorCondition, Token]] = []

    # -- and, or, not --------------------------------------------------------------------------

    def alternatives(self, depth: int) -> _Part:
        column = self.next.column
        parts = [self._together(depth)]
        while self.word("or"):
            parts.append(self._together(depth))
        if len(parts) == 1:
            return parts[0]
        return _Part(made(column, OrCondition, [one.condition for one in parts]), column)

    def _together(self, depth: int) -> _Part:
        column = self.next.column
        parts = [self._single(depth)]
        while self.word("and"):
            parts.append(self._single(depth))
        parts = _joined(parts)
        if len(parts) == 1:
            return parts[0]
        return _Part(made(column, AndCondition, [one.condition for one in parts]), column)

    def _single(self, depth: int) -> _Part:
        token = self.next
        if depth > NESTING_MAX:
            token.refuse(f"nested {NESTING_MAX} deep at most")
        if self.word("not"):
            inner = self._single(depth + 1)
            return _Part(made(token.column, NotCondition, inner.condition), token.column)
        if self.mark("("):
            part = self.alternatives(depth + 1)
            self.expect(")")
            return part
        return self._holds()

    # -- what holds ----------------------------------------------------------------------------

    def _holds(self) -> _Part:
        token = self.take()
        if token.kind == "end":
            token.refuse("a condition is missing at the end")
        if token.kind != "name" or token.text in ("and", "or"):
            token.refuse(f"a condition begins with a name, not with {token.shown}")
        name = token.text
        if name in EVENTS:
            return self._event(token)
        if name in INDICATORS and (name not in MARKET or self.next.text == "("):
            return self._indicator(token)
        if self.next.kind == "mark" and self.next.text == "(":
            return self._function(token)
        if name in SIDES:
            return self._side(token)
        if name in SIGNAL_FIELDS:
            wanted = self._comparison(token, EVENTS[SIGNAL])
            return _Part(EventCondition(SIGNAL, (wanted,)), token.column, "signal")
        if name in MARKET:
            return self._market(token)
        if name in BOUNDS:
            bound = PositionCondition(**self._bound(token))
            return _Part(bound, token.column, "position")
        if name == SESSION:
            return self._session(token)
        return token.refuse(unknown(name))

    def _side(self, token: Token) -> _Part:
        if self.next.kind == "op":
            self.next.refuse(f"{token.text} stands by itself, it is not compared")
        condition = PositionCondition(side=cast("PositionSide", token.text))
        return _Part(condition, token.column, "position")

    def _comparison(self, name: Token, event: type[Any]) -> Comparison:
        op, value = self.op(name), self.take()
        if value.kind == "name":
            value.refuse(f"text stands in quotes: {name.text} {op.text} {value.text!r}")
        if value.kind not in ("number", "text"):
            value.refuse(f"a value is expected, not {value.shown}")
        if value.unit:
            value.refuse(f"{name.text} has no unit, not {shown(value.unit)}")
        plain: Any = value.text if value.kind == "text" else number_of(value)
        if name.text == "confidence" and value.kind == "number" and not 0 <= plain <= 1:
            value.refuse(f"confidence is between 0 and 1, not {value.text}")
        one: Comparison = made(value.column, Comparison, name.text, op.text, plain)
        try:
            check_comparison(event, one)
        except ValueError as problem:
            raise ExpressionError(str(problem), name.column) from None
        return one

    def _market(self, token: Token) -> _Part:
        crosses = self.word("crosses")
        if crosses:
            where = self.take()
            if where.text not in ("above", "below"):
                where.refuse(f"a price crosses above or below, not {where.shown}")
            if token.text not in WATCHED:
                token.refuse(f"{token.text} is not watched for crossings, last, bid and ask are")
            op = where.text
        elif self.next.kind == "op" and self.after.kind == "name":
            return self._compared(token, self._other(token))
        else:
            op = "above" if self.op(token, (">=", "<=")).text == ">=" else "below"
        if crosses and self.next.kind == "name":
            return self._against(token, token.text, f"crosses {op}")
        value, _ = self.number(token, {"": 1.0, "$": 1.0}, "in the currency of the price")
        found = made(value.column, MarketCondition, token.text, op, float(value.text))
        if crosses:
            self._crossings.append((found, token))
        return _Part(found, token.column)

    def _bound(self, token: Token) -> dict[str, Any]:
        """What a comparison of the position says, as a field of its record."""
        least, most = BOUNDS[token.text]
        op = self.op(token, (">=", "<=") if least else ("<=",))
        units, what = {"": 1.0}, "a number of shares" if least else "a whole number"
        if token.text == "profit_percent":
            units, what = {"": 1.0, "%": 1.0}, "in per cent"
        value, _ = self.number(token, units, what)
        field = least if op.text == ">=" else most
        plain: Any = value.text if token.text == "quantity" else number_of(value)
        made(value.column, PositionCondition, **{field: plain})
        return {field: plain}

    def _session(self, token: Token) -> _Part:
        self.op(token, ("<=",))
        value, scale = self.number(token, _SECONDS, "a time: 300, 300s, 5m or 1h")
        found = made(value.column, SessionCondition, float(value.text) * scale)
        return _Part(found, token.column)

    # -- with arguments ------------------------------------------------------------------------

    def _function(self, token: Token) -> _Part:
        if token.text == "time":
            return self._time(token)
        if token.text == "position":
            return self._position(token)
        if token.text in NAMES:
            token.refuse(f"{token.text} takes no brackets")
        if token.text in CROSSINGS:
            token.refuse("write it between its sides: ema(20) crosses above ema(50)")
        return token.refuse(unknown(token.text))

    def _time(self, token: Token) -> _Part:
        said: list[str] = []

        def argument() -> None:
            value = self.take()
            if value.kind != "text":
                value.refuse(f'a time of day or a day is in quotes, as "09:45"; not {value.shown}')
            said.append(value.text)

        self.arguments(argument)
        if len(said) < 2:
            token.refuse('time takes a start and an end, and days: time("09:45", "15:30", "mon")')
        found = made(token.column, TimeCondition, said[0], said[1], said[2:])
        return _Part(found, token.column)

    def _position(self, token: Token) -> _Part:
        fields: dict[str, Any] = {}

        def argument() -> None:
            name = self.take()
            if name.kind == "name" and name.text in SIDES:
                given: dict[str, Any] = {"side": name.text}
            elif name.kind == "name" and name.text in BOUNDS:
                given = self._bound(name)
            else:
                name.refuse(f"{name.shown} is nothing of a position, {_near(name, _OF_POSITION)}")
            _add(fields, given, name.column)

        self.arguments(argument)
        return _Part(made(token.column, PositionCondition, **fields), token.column)

    def _event(self, token: Token) -> _Part:
        where: list[Comparison] = []

        def argument() -> None:
            name = self.take()
            if name.kind != "name":
                name.refuse(f"a field of {token.text} is expected, not {name.shown}")
            where.append(self._comparison(name, EVENTS[token.text]))

        if self.next.text == "(":
            self.arguments(argument)
        found = made(token.column, EventCondition, token.text, tuple(where))
        return _Part(found, token.column)

    # -- indicators ----------------------------------------------------------------------------

    def _indicator(self, token: Token) -> _Part:
        return self._compared(token, self._asked(token))

    def _asked(self, name: Token) -> str:
        """An indicator with its parameters, whose name has been taken."""
        given: list[float] = []

        def argument() -> None:
            value = self.take()
            if value.kind != "number":
                value.refuse(f"{name.text} takes numbers, not {value.shown}")
            if value.unit:
                value.refuse(f"{name.text} counts bars, it takes no {shown(value.unit)}")
            given.append(number_of(value))

        brackets = self.next.kind == "mark" and self.next.text == "("
        if brackets:
            self.arguments(argument)
        return str(made(name.column, indicator, name.text, given, brackets=brackets))

    def _compared(self, token: Token, left: str) -> _Part:
        if self.word("crosses"):
            where = self.take()
            if where.text not in ("above", "below"):
                where.refuse(f"{left} crosses above or below, not {where.shown}")
            return self._against(token, left, f"crosses {where.text}")
        return self._against(token, left, self.op(token, OPS[:4]).text)

    def _against(self, token: Token, left: str, op: str) -> _Part:
        """The other side: an indicator, a price of the market, or a number."""
        other = self.next
        right: str | float
        if other.kind == "name":
            right = self._other(self.take())
        else:
            unit = unit_of(left)
            units = _UNITS.get(unit, {"": 1.0})
            value, _ = self.number(token, units, UNITS[unit])
            right = float(value.text)
        found = made(other.column, IndicatorCondition, left, op, right)
        if found.waits:
            self._crossings.append((found, token))
        return _Part(found, token.column)

    def _other(self, token: Token) -> str:
        if token.text in INDICATORS and (token.text not in MARKET or self.next.text == "("):
            return self._asked(token)
        if token.text in QUOTED:
            return token.text
        if token.text in MARKET:  # the ATR of the strategy, which has no period of its own here
            token.refuse(f"write {token.text} with its period: {token.text}(14)")
        allowed = (*KINDS, *QUOTED)
        return token.refuse(f"there is no indicator {token.shown}, {_near(token, allowed)}")

    # -- as a whole ----------------------------------------------------------------------------

    def check_crossings(self, whole: Condition) -> None:
        """Whoever writes ``crosses`` waits for it: beside an event, which leads, a price is only
        looked at."""
        wakes = triggers_of(whole)
        for condition, token in self._crossings:
            if wakes.rank == NEVER or condition in wakes.markets:
                continue
            if isinstance(condition, IndicatorCondition):
                op = ">" if condition.op.endswith("above") else "<"
                said = f"{condition.left} {op} {condition.right}"
            else:
                op = ">=" if condition.op == "above" else "<="
                said = f"{condition.field} {op} {condition.level:g}"
            token.refuse(
                "nothing waits for this crossing, because something else triggers: "
                f"write {said}, or make it a rule"
            )


_UNITS: Final[dict[str, dict[str, float]]] = {  # that a number may have
    "price": {"": 1.0, "$": 1.0},
    "distance": {"": 1.0, "$": 1.0},
    "percent": {"": 1.0, "%": 1.0},
    "change": {"": 1.0, "%": 1.0},
}
_OF_POSITION: Final = (*SIDES, *BOUNDS)


def _near(token: Token, allowed: tuple[str, ...]) -> str:
    return near(token.text, allowed)


def _add(fields: dict[str, Any], given: dict[str, Any], column: int) -> None:
    for name, value in given.items():
        if name in fields:
            raise ExpressionError(f"{name} is said already: {shown(fields[name])}", column)
        fields[name] = value


def _joined(parts: list[_Part]) -> list[_Part]:
    """What belongs into one record, in the place of its first part."""
    found: list[_Part] = []
    for part in parts:
        place = next(
            (n for n, one in enumerate(found) if part.joins and one.joins == part.joins), None
        )
        if place is None:
            found.append(part)
        else:
            found[place] = _one(found[place], part)
    return found


def _one(first: _Part, second: _Part) -> _Part:
    a, b = first.condition, second.condition
    if isinstance(a, EventCondition) and isinstance(b, EventCondition):
        joined = made(second.column, EventCondition, SIGNAL, (*a.where, *b.where))
        return attrs.evolve(first, condition=joined)
    assert isinstance(a, PositionCondition) and isinstance(b, PositionCondition)
    fields = _said(a)
    _add(fields, _said(b), second.column)
    return attrs.evolve(first, condition=made(second.column, PositionCondition, **fields))


def _said(condition: PositionCondition) -> dict[str, Any]:
    """The fields that were given."""
    plain = attrs.asdict(condition)
    return {name: value for name, value in plain.items() if value not in (None, "any")}

"""Conditions as expressions: ``signal == "BUY" and confidence >= 0.6 and spread <= 0.02 and flat``.

An expression is another way to write the records of ``engine.rules.conditions`` and nothing more:
it is read into them, never evaluated. Comparisons of a signal that stand in one ``and`` are one
``EventCondition``, and what is said there about the position is one ``PositionCondition``.

    or     = and, {"or", and}
    and    = not, {"and", not}
    not    = "not", not | "(", or, ")" | what holds
    holds  = word | name, op, value | name, "crosses", ("above" | "below"), value
           | name, "(", arguments, ")"
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Literal, cast

import attrs

from engine.rules.checks import near, shown
from engine.rules.comparisons import EVENTS, Comparison, check_comparison
from engine.rules.conditions import (
    NEVER,
    WATCHED,
    AndCondition,
    Condition,
    EventCondition,
    MarketCondition,
    NotCondition,
    OrCondition,
    PositionCondition,
    PositionSide,
    SessionCondition,
    TimeCondition,
    triggers_of,
)
from engine.rules.names import (
    BOUNDS,
    INDICATORS,
    MARKET,
    NAMES,
    SESSION,
    SIDES,
    SIGNAL,
    SIGNAL_FIELDS,
    unknown,
)
from engine.rules.tokens import ExpressionError, Token, tokens

NESTING_MAX: Final = 32  # of brackets and nots
_SECONDS: Final = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}
_STRICT: Final = {">": ">=", "<": "<="}


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


class _Parser:
    def __init__(self, said: str) -> None:
        self._tokens = tokens(said)
        self._at = 0
        self._crossings: list[tuple[MarketCondition, Token]] = []

    # -- words ---------------------------------------------------------------------------------

    @property
    def next(self) -> Token:
        return self._tokens[self._at]

    def _take(self) -> Token:
        token = self.next
        self._at += token.kind != "end"
        return token

    def _word(self, word: str) -> bool:
        """Whether this word comes next; then it is taken."""
        token = self.next
        if token.kind == "name" and token.text.lower() == word:
            if token.text != word:
                token.refuse(f"write {word} in small letters")
            self._at += 1
            return True
        return False

    def _mark(self, mark: str) -> bool:
        found = self.next.kind == "mark" and self.next.text == mark
        self._at += found
        return found

    def _expect(self, mark: str) -> None:
        if not self._mark(mark):
            self.next.refuse(f"{mark} is expected, not {self.next.shown}")

    # -- and, or, not --------------------------------------------------------------------------

    def alternatives(self, depth: int) -> _Part:
        column = self.next.column
        parts = [self._together(depth)]
        while self._word("or"):
            parts.append(self._together(depth))
        if len(parts) == 1:
            return parts[0]
        return _Part(_made(column, OrCondition, [one.condition for one in parts]), column)

    def _together(self, depth: int) -> _Part:
        column = self.next.column
        parts = [self._single(depth)]
        while self._word("and"):
            parts.append(self._single(depth))
        parts = _joined(parts)
        if len(parts) == 1:
            return parts[0]
        return _Part(_made(column, AndCondition, [one.condition for one in parts]), column)

    def _single(self, depth: int) -> _Part:
        token = self.next
        if depth > NESTING_MAX:
            token.refuse(f"nested {NESTING_MAX} deep at most")
        if self._word("not"):
            inner = self._single(depth + 1)
            return _Part(_made(token.column, NotCondition, inner.condition), token.column)
        if self._mark("("):
            part = self.alternatives(depth + 1)
            self._expect(")")
            return part
        return self._holds()

    # -- what holds ----------------------------------------------------------------------------

    def _holds(self) -> _Part:
        token = self._take()
        if token.kind == "end":
            token.refuse("a condition is missing at the end")
        if token.kind != "name" or token.text in ("and", "or"):
            token.refuse(f"a condition begins with a name, not with {token.shown}")
        name = token.text
        if name in EVENTS:
            return self._event(token)
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

    def _op(self, name: Token, allowed: tuple[str, ...] = ()) -> Token:
        token = self._take()
        if token.kind != "op":
            token.refuse(f"{name.text} is compared, as with >= or ==; not {token.shown}")
        if allowed and token.text not in allowed:
            mend = _STRICT.get(token.text, "")
            if mend in allowed:
                token.refuse(f"the bound itself is included: write {name.text} {mend}")
            token.refuse(f"{name.text} is compared with {' or '.join(allowed)} only")
        return token

    def _number(self, name: Token, units: dict[str, float], what: str) -> tuple[Token, float]:
        """A number, and what its unit makes of one."""
        token = self._take()
        if token.kind != "number":
            token.refuse(f"{name.text} is {what}, not {token.shown}")
        if token.unit not in units:
            token.refuse(f"{name.text} is {what}, not in {shown(token.unit)}")
        return token, units[token.unit]

    def _comparison(self, name: Token, event: type[Any]) -> Comparison:
        op, value = self._op(name), self._take()
        if value.kind == "name":
            value.refuse(f"text stands in quotes: {name.text} {op.text} {value.text!r}")
        if value.kind not in ("number", "text"):
            value.refuse(f"a value is expected, not {value.shown}")
        if value.unit:
            value.refuse(f"{name.text} has no unit, not {shown(value.unit)}")
        plain: Any = value.text if value.kind == "text" else _plain(value)
        if name.text == "confidence" and value.kind == "number" and not 0 <= plain <= 1:
            value.refuse(f"confidence is between 0 and 1, not {value.text}")
        one: Comparison = _made(value.column, Comparison, name.text, op.text, plain)
        try:
            check_comparison(event, one)
        except ValueError as problem:
            raise ExpressionError(str(problem), name.column) from None
        return one

    def _market(self, token: Token) -> _Part:
        crosses = self._word("crosses")
        if crosses:
            where = self._take()
            if where.text not in ("above", "below"):
                where.refuse(f"a price crosses above or below, not {where.shown}")
            if token.text not in WATCHED:
                token.refuse(f"{token.text} is not watched for crossings, last, bid and ask are")
            op = where.text
        else:
            op = "above" if self._op(token, (">=", "<=")).text == ">=" else "below"
        value, _ = self._number(token, {"": 1.0, "$": 1.0}, "in the currency of the price")
        found = _made(value.column, MarketCondition, token.text, op, float(value.text))
        if crosses:
            self._crossings.append((found, token))
        return _Part(found, token.column)

    def _bound(self, token: Token) -> dict[str, Any]:
        """What a comparison of the position says, as a field of its record."""
        least, most = BOUNDS[token.text]
        op = self._op(token, (">=", "<=") if least else ("<=",))
        units, what = {"": 1.0}, "a number of shares" if least else "a whole number"
        if token.text == "profit_percent":
            units, what = {"": 1.0, "%": 1.0}, "in per cent"
        value, _ = self._number(token, units, what)
        field = least if op.text == ">=" else most
        plain: Any = value.text if token.text == "quantity" else _plain(value)
        _made(value.column, PositionCondition, **{field: plain})
        return {field: plain}

    def _session(self, token: Token) -> _Part:
        self._op(token, ("<=",))
        value, scale = self._number(token, _SECONDS, "a time: 300, 300s, 5m or 1h")
        found = _made(value.column, SessionCondition, float(value.text) * scale)
        return _Part(found, token.column)

    # -- with arguments ------------------------------------------------------------------------

    def _function(self, token: Token) -> _Part:
        if token.text == "time":
            return self._time(token)
        if token.text == "position":
            return self._position(token)
        if token.text in NAMES:
            token.refuse(f"{token.text} takes no brackets")
        if token.text in INDICATORS:
            token.refuse(
                f"{token.text} cannot be asked in a condition; of the market there are "
                f"{', '.join(MARKET)}"
            )
        return token.refuse(unknown(token.text))

    def _arguments(self, argument: Callable[[], None]) -> None:
        """``( a, b )``; there may be none."""
        self._expect("(")
        while not self._mark(")"):
            argument()
            if self.next.text != ")":
                self._expect(",")

    def _time(self, token: Token) -> _Part:
        said: list[str] = []

        def argument() -> None:
            value = self._take()
            if value.kind != "text":
                value.refuse(f'a time of day or a day is in quotes, as "09:45"; not {value.shown}')
            said.append(value.text)

        self._arguments(argument)
        if len(said) < 2:
            token.refuse('time takes a start and an end, and days: time("09:45", "15:30", "mon")')
        found = _made(token.column, TimeCondition, said[0], said[1], said[2:])
        return _Part(found, token.column)

    def _position(self, token: Token) -> _Part:
        fields: dict[str, Any] = {}

        def argument() -> None:
            name = self._take()
            if name.kind == "name" and name.text in SIDES:
                given: dict[str, Any] = {"side": name.text}
            elif name.kind == "name" and name.text in BOUNDS:
                given = self._bound(name)
            else:
                name.refuse(f"{name.shown} is nothing of a position, {_near(name, _OF_POSITION)}")
            _add(fields, given, name.column)

        self._arguments(argument)
        return _Part(_made(token.column, PositionCondition, **fields), token.column)

    def _event(self, token: Token) -> _Part:
        where: list[Comparison] = []

        def argument() -> None:
            name = self._take()
            if name.kind != "name":
                name.refuse(f"a field of {token.text} is expected, not {name.shown}")
            where.append(self._comparison(name, EVENTS[token.text]))

        if self.next.text == "(":
            self._arguments(argument)
        found = _made(token.column, EventCondition, token.text, tuple(where))
        return _Part(found, token.column)

    # -- as a whole ----------------------------------------------------------------------------

    def check_crossings(self, whole: Condition) -> None:
        """Whoever writes ``crosses`` waits for it: beside an event, which leads, a price is only
        looked at."""
        wakes = triggers_of(whole)
        for condition, token in self._crossings:
            if wakes.rank != NEVER and condition not in wakes.markets:
                op = ">=" if condition.op == "above" else "<="
                token.refuse(
                    "nothing waits for this crossing, because something else triggers: "
                    f"write {condition.field} {op} {condition.level:g}, or make it a rule"
                )


_OF_POSITION: Final = (*SIDES, *BOUNDS)


def _near(token: Token, allowed: tuple[str, ...]) -> str:
    return near(token.text, allowed)


def _plain(token: Token) -> int | float:
    return float(token.text) if set(token.text) & set(".eE") else int(token.text)


def _made(column: int, kind: Callable[..., Any], *given: Any, **named: Any) -> Any:
    """A record, with its own refusal at a column."""
    try:
        return kind(*given, **named)
    except ExpressionError:
        raise
    except ValueError as problem:
        raise ExpressionError(str(problem), column) from None


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
        joined = _made(second.column, EventCondition, SIGNAL, (*a.where, *b.where))
        return attrs.evolve(first, condition=joined)
    assert isinstance(a, PositionCondition) and isinstance(b, PositionCondition)
    fields = _said(a)
    _add(fields, _said(b), second.column)
    return attrs.evolve(first, condition=_made(second.column, PositionCondition, **fields))


def _said(condition: PositionCondition) -> dict[str, Any]:
    """The fields that were given."""
    plain = attrs.asdict(condition)
    return {name: value for name, value in plain.items() if value not in (None, "any")}

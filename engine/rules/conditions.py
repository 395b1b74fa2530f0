"""When a rule acts: conditions as records, and which of them trigger.

Some conditions *trigger*: an event, the end of a session coming near, a price or a profit that
crosses a level, a time of day that begins. All of them can also *guard*: judged once, on the
scene as it is when something else has triggered. In an ``and`` the strongest trigger leads and
the rest guards it, strongest first: event, session, price, profit, time. In an ``or`` every
alternative has its own trigger, and is judged when that one came.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from functools import cached_property
from typing import Any, Final, Literal, TypeAlias

import attrs
from attrs import field

from engine.events import BaseEvent
from engine.plans import PERCENT_MAX
from engine.rules import windows
from engine.rules.checks import (
    as_decimal,
    as_float,
    as_tuple,
    instance_of,
    number,
    quantity,
    whole,
    word,
)
from engine.rules.comparisons import (
    COMPARISONS_MAX,
    EVENTS,
    Comparison,
    Value,
    as_comparisons,
    check_comparison,
    event_class,
)
from engine.rules.indicators import (
    OPS,
    QUOTED,
    WATCHED,
    CompareOp,
    Indicator,
    as_operand,
    check_sides,
    read_indicator,
)
from engine.rules.windows import DAYS

PositionSide = Literal["long", "short", "flat", "held", "any"]
MarketField = Literal["last", "bid", "ask", "spread", "mid", "atr"]
Level = Literal["above", "below"]

CONDITION_DEPTH_MAX: Final = 8
CONDITIONS_MAX: Final = 64  # in one rule, the and, or, not included


class _Combinable:
    """``a & b``, ``a | b`` and ``~a`` are the and, or, not of conditions."""

    __slots__ = ()

    def __and__(self, other: Condition) -> AndCondition:
        return AndCondition((*_parts(self, AndCondition), *_parts(other, AndCondition)))

    def __or__(self, other: Condition) -> OrCondition:
        return OrCondition((*_parts(self, OrCondition), *_parts(other, OrCondition)))

    def __invert__(self) -> NotCondition:
        return NotCondition(self)  # type: ignore[arg-type]  # all subclasses are conditions


def _parts(one: Any, kind: type[AndCondition | OrCondition]) -> tuple[Condition, ...]:
    """What ``one`` consists of if it is of this kind already: ``a & b & c`` is one and."""
    return one.conditions if isinstance(one, kind) else (one,)


# -- leaves ------------------------------------------------------------------------------------


def _as_event(event: Any) -> Any:
    return event.__name__ if isinstance(event, type) else event


@attrs.frozen
class EventCondition(_Combinable):
    """An event of this class, or of one below it, whose fields fit all of ``where``.

    Text comparisons say which events the rule is about: others do not concern it. Comparisons of
    numbers are asked of those: an event that fails one is refused, on record.
    """

    event: str = field(converter=_as_event)
    where: tuple[Comparison, ...] = field(default=(), converter=as_comparisons)

    @event.validator
    def _check_event(self, _: Any, event: Any) -> None:
        event_class(event if isinstance(event, str) else repr(event))

    @where.validator
    def _check_where(self, _: Any, where: Any) -> None:
        if not isinstance(where, tuple) or not all(isinstance(one, Comparison) for one in where):
            raise ValueError("where must be comparisons, each as confidence >= 0.5")
        if len(where) > COMPARISONS_MAX:
            raise ValueError(f"where must have {COMPARISONS_MAX} comparisons at most")
        for one in where:
            check_comparison(self.kind, one)

    @classmethod
    def of(
        cls, event: type[BaseEvent] | str, *where: Comparison | str, **equal: Value
    ) -> EventCondition:
        """``EventCondition.of(PredictionSignalEvent, "confidence >= 0.5", signal="BUY")``."""
        fixed = [Comparison(name, "==", value) for name, value in equal.items()]
        return cls(event, (*fixed, *where))

    @property
    def kind(self) -> type[BaseEvent]:
        return EVENTS[self.event]


@attrs.frozen(kw_only=True)
class PositionCondition(_Combinable):
    """What is held of the symbol. Every bound is included.

    ``long`` and ``short`` are the side of the trade under way, also while its entry waits to
    fill; ``held`` is either with shares, ``flat`` is no trade and no shares. Profit is per cent
    of the average price, up to the price at which the position could be left: the bid of a long,
    the ask of a short. ``adds_max`` is how often the trade may have been added to.
    """

    side: PositionSide = field(
        default="any", validator=word("long", "short", "flat", "held", "any")
    )
    profit_percent_min: float | None = field(
        default=None,
        converter=as_float,
        validator=attrs.validators.optional(number(-PERCENT_MAX, PERCENT_MAX)),
    )
    profit_percent_max: float | None = field(
        default=None,
        converter=as_float,
        validator=attrs.validators.optional(number(-PERCENT_MAX, PERCENT_MAX)),
    )
    quantity_min: Decimal | None = field(
        default=None, converter=as_decimal, validator=attrs.validators.optional(quantity())
    )
    quantity_max: Decimal | None = field(
        default=None, converter=as_decimal, validator=attrs.validators.optional(quantity())
    )
    adds_max: int | None = field(default=None, validator=attrs.validators.optional(whole(0, 1_000)))

    def __attrs_post_init__(self) -> None:
        bounds = {
            "profit_percent_min": self.profit_percent_min,
            "profit_percent_max": self.profit_percent_max,
            "quantity_min": self.quantity_min,
            "quantity_max": self.quantity_max,
            "adds_max": self.adds_max,
        }
        given = [name for name, bound in bounds.items() if bound is not None]
        if self.side == "any" and not given:
            raise ValueError("a position condition needs a side or a bound, or it says nothing")
        if self.side == "flat" and given:
            raise ValueError(f"a flat position has no {given[0]}")
        for name in ("profit_percent", "quantity"):
            low, high = bounds[f"{name}_min"], bounds[f"{name}_max"]
            if low is not None and high is not None and low > high:
                raise ValueError(f"{name}_min {low} is above {name}_max {high}")

    @property
    def measures_profit(self) -> bool:
        return self.profit_percent_min is not None or self.profit_percent_max is not None


def _check_clock(_: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    if not isinstance(value, str):
        raise ValueError(f"{attribute.name} must be a time of day as 09:30, in quotes")
    try:
        windows.seconds_of(value)
    except ValueError as problem:
        raise ValueError(f"{attribute.name}: {problem}") from None


@attrs.frozen
class TimeCondition(_Combinable):
    """A window of the day on the clock of the symbol's exchange: start included, end excluded.

    ``TimeCondition("22:00", "02:00")`` runs over midnight, and ``days`` are those of its start.
    """

    start: str = field(default="00:00", validator=_check_clock)
    end: str = field(default="24:00", validator=_check_clock)
    days: tuple[str, ...] = field(default=(), converter=as_tuple)

    @days.validator
    def _check_days(self, _: Any, days: Any) -> None:
        if not isinstance(days, tuple) or any(day not in DAYS for day in days):
            raise ValueError(f"days must be of {', '.join(DAYS)}")
        if list(days) != sorted(set(days), key=DAYS.index):
            raise ValueError("days must stand in the order of the week, each once")

    def __attrs_post_init__(self) -> None:
        if self.start_s == windows.DAY_S:
            raise ValueError("start cannot be 24:00, write 00:00")
        if self.start_s == self.end_s:
            raise ValueError("start and end are the same; a whole day is 00:00 to 24:00")
        if self.start_s == 0 and self.end_s == windows.DAY_S and not self.days:
            raise ValueError("a time condition needs a start, an end or days, or it says nothing")

    @property
    def start_s(self) -> int:
        return windows.seconds_of(self.start)

    @property
    def end_s(self) -> int:
        return windows.seconds_of(self.end)

    @cached_property
    def weekdays(self) -> frozenset[int]:
        return frozenset(DAYS.index(day) for day in self.days)


@attrs.frozen
class SessionCondition(_Combinable):
    """The last ``before_end_s`` seconds of the exchange's session, whenever it ends that day."""

    before_end_s: float = field(converter=as_float, validator=number(0, 86_400))


@attrs.frozen
class MarketCondition(_Combinable):
    """A price at or above, or at or below, a level; both include the level itself."""

    field: MarketField = attrs.field(validator=word("last", "bid", "ask", "spread", "mid", "atr"))
    op: Level = attrs.field(validator=word("above", "below"))
    level: float = attrs.field(converter=as_float, validator=number(0))

    def __attrs_post_init__(self) -> None:
        if self.level == 0 and self.field != "spread":
            raise ValueError(f"level of {self.field} must be above 0, not 0")


@attrs.frozen
class IndicatorCondition(_Combinable):
    """An indicator against another one, a price of the market or a number, as of the newest bar
    that is complete: ``IndicatorCondition("ema(20)", ">", "ema(50)")``.

    ``crosses above`` and ``crosses below`` hold at the bar with which it became so. What is not
    warm fits no comparison, and its opposite neither.
    """

    left: str = field(converter=as_operand)
    op: CompareOp = field(validator=word(*OPS))
    right: str | float = field(converter=as_operand)

    def __attrs_post_init__(self) -> None:
        check_sides(self.left, self.op, self.right)

    @cached_property
    def indicators(self) -> tuple[Indicator, ...]:
        names = (one for one in (self.left, self.right) if isinstance(one, str))
        return tuple(read_indicator(one) for one in names if one not in QUOTED)

    @property
    def watched(self) -> bool:
        """Whether it can trigger: as a bar completes, or with a price that is watched."""
        return all(one in WATCHED for one in (self.left, self.right) if one in QUOTED)

    @property
    def waits(self) -> bool:
        """Whether it is a crossing of a price, which must be waited for: bars do not tell it."""
        return self.op.startswith("crosses") and (self.left in QUOTED or self.right in QUOTED)


# -- combinations ------------------------------------------------------------------------------


def _check_parts(_: Any, attribute: attrs.Attribute[Any], parts: Any) -> None:
    if not isinstance(parts, tuple) or not parts:
        raise ValueError("conditions must be a list of at least one condition")
    for part in parts:
        if not isinstance(part, Condition):
            raise ValueError(f"conditions must be conditions, not {type(part).__name__}")
    _check_bounds(parts)


def _check_bounds(parts: Sequence[Condition]) -> None:
    """Every part is within the bounds already, so this recursion is bounded as well."""
    if 1 + sum(map(count, parts)) > CONDITIONS_MAX:
        raise ValueError(f"a rule may have {CONDITIONS_MAX} conditions at most")
    if 1 + max(map(depth, parts)) > CONDITION_DEPTH_MAX:
        raise ValueError(f"conditions may be nested {CONDITION_DEPTH_MAX} deep at most")


@attrs.frozen
class AndCondition(_Combinable):
    """All of them."""

    conditions: tuple[Condition, ...] = field(converter=as_tuple, validator=_check_parts)

    @cached_property
    def leading(self) -> tuple[bool, ...]:
        """For each part, whether it triggers the whole rather than guards it."""
        ranks = [triggers_of(part).rank for part in self.conditions]
        return tuple(rank == min(ranks) != NEVER for rank in ranks)

    @cached_property
    def needs_event(self) -> bool:
        """Whether the parts that lead hold at an event only: then all must be about the same."""
        return min(triggers_of(part).rank for part in self.conditions) == AT_EVENTS


@attrs.frozen
class OrCondition(_Combinable):
    """At least one of them."""

    conditions: tuple[Condition, ...] = field(converter=as_tuple, validator=_check_parts)

    @cached_property
    def leading(self) -> bool:
        """Whether it can trigger: every alternative can."""
        return triggers_of(self).rank != NEVER


@attrs.frozen
class NotCondition(_Combinable):
    """Not this one. It never triggers."""

    condition: Condition = field()

    @condition.validator
    def _check_condition(self, attribute: attrs.Attribute[Any], value: Any) -> None:
        instance_of(Condition, "a condition")(self, attribute, value)
        _check_bounds((value,))


Leaf: TypeAlias = (
    EventCondition
    | PositionCondition
    | TimeCondition
    | SessionCondition
    | MarketCondition
    | IndicatorCondition
)
Condition: TypeAlias = Leaf | AndCondition | OrCondition | NotCondition


def parts_of(condition: Condition) -> tuple[Condition, ...]:
    """What a condition is combined of; nothing for a leaf."""
    if isinstance(condition, AndCondition | OrCondition):
        return condition.conditions
    return (condition.condition,) if isinstance(condition, NotCondition) else ()


def leaves_of(condition: Condition) -> Iterator[Condition]:
    parts = parts_of(condition)
    if not parts:
        yield condition
    for part in parts:
        yield from leaves_of(part)


def depth(condition: Condition) -> int:
    return 1 + max(map(depth, parts_of(condition)), default=0)


def count(condition: Condition) -> int:
    return 1 + sum(map(count, parts_of(condition)))


# -- triggers ----------------------------------------------------------------------------------

AT_EVENTS: Final = 0  # ranks of triggers: events and nothing else is the strongest
NEVER: Final = 9


@attrs.frozen
class Triggers:
    """What makes the core look at a rule, of each kind; the kinds stand in their order of
    strength. Prices and profits become watches, the others deadlines."""

    events: tuple[type[BaseEvent], ...] = ()
    sessions: tuple[SessionCondition, ...] = ()
    markets: tuple[MarketCondition | IndicatorCondition, ...] = ()
    profits: tuple[PositionCondition, ...] = ()
    times: tuple[TimeCondition, ...] = ()

    @property
    def rank(self) -> int:
        kinds = (self.events, self.sessions, self.markets, self.profits, self.times)
        given = [place for place, kind in enumerate(kinds, start=1) if kind]
        if given == [1]:
            return AT_EVENTS
        return min(given, default=NEVER)

    def __or__(self, other: Triggers) -> Triggers:
        """Both, each once."""
        mine, theirs = attrs.astuple(self, recurse=False), attrs.astuple(other, recurse=False)
        return Triggers(*(tuple(dict.fromkeys(a + b)) for a, b in zip(mine, theirs, strict=True)))


def triggers_of(condition: Condition) -> Triggers:
    """What makes ``condition`` worth judging; empty for one that can only guard."""
    match condition:
        case EventCondition():
            return Triggers(events=(condition.kind,))
        case SessionCondition():
            return Triggers(sessions=(condition,))
        case MarketCondition():
            return Triggers(markets=(condition,) if condition.field in WATCHED else ())
        case IndicatorCondition():
            return Triggers(markets=(condition,) if condition.watched else ())
        case PositionCondition():
            return Triggers(profits=(condition,) if condition.measures_profit else ())
        case TimeCondition():
            return Triggers(times=(condition,))
        case AndCondition():
            pairs = zip(condition.conditions, condition.leading, strict=True)
            found = [triggers_of(part) for part, leads in pairs if leads]
            return _common(found) if condition.needs_event else _joined(found)
        case OrCondition():
            found = [triggers_of(part) for part in condition.conditions]
            able = all(one.rank != NEVER for one in found)
            return _joined(found) if able else Triggers()
        case NotCondition():
            return Triggers()


def _joined(found: Sequence[Triggers]) -> Triggers:
    total = Triggers()
    for one in found:
        total |= one
    return total


def _common(found: Sequence[Triggers]) -> Triggers:
    """The events that are of a class of each: the narrower of two classes, or none at all."""
    events = found[0].events
    for one in found[1:]:
        pairs = [(a, b) for a in events for b in one.events]
        narrow = [
            a if issubclass(a, b) else b for a, b in pairs if issubclass(a, b) or issubclass(b, a)
        ]
        events = tuple(dict.fromkeys(narrow))
    return Triggers(events=events)

"""A rule: when, what then, for which symbols, and how often; as a record and as JSON."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import attrs
import cattrs
import orjson
from attrs import field, validators

from engine.errors import ConfigError
from engine.events import (
    AlertEvent,
    BaseEvent,
    ContextChangedEvent,
    OrderEvent,
    PositionEvent,
    TradeEvent,
)
from engine.rules import actions as act
from engine.rules import conditions as cond
from engine.rules.actions import Action, LinkedCreateOrderAction, LogAction, opens, steps
from engine.rules.checks import (
    SECONDS_MAX,
    SYMBOL_CHARS_MAX,
    as_float,
    as_tuple,
    check_name,
    instance_of,
    name,
    number,
    shown,
    whole,
    yes_or_no,
)
from engine.rules.comparisons import Comparison
from engine.rules.conditions import Condition, Triggers, leaves_of, triggers_of
from engine.rules.expression import from_expression
from engine.rules.forms import (
    KIND,
    RULE_BYTES_MAX,
    add_record,
    add_union,
    be_strict,
    check_size,
    refuse,
)
from engine.rules.indicators import is_one_price
from engine.rules.judging import Scene, concerns
from engine.rules.mistakes import told

RULES_MAX: Final = 1_000
SYMBOLS_MAX: Final = 1_000  # of one rule; none means all
PRIORITY_MAX: Final = 1_000_000
GAP_PERCENT_MAX: Final = 5.0
EXECUTIONS_MAX: Final = 1_000_000  # of a day
SYMBOL_COOLDOWN: Final = "symbol"
"""The group of the strategy's own rules: an entry by one of them holds back all of them."""

# What an order of ours, once placed, makes happen: a rule that waits for it and orders again
# would feed itself.
_CAUSED_BY_ORDERS: Final = (OrderEvent, PositionEvent, TradeEvent, ContextChangedEvent)


@attrs.frozen
class Rule:
    """Do ``then`` when ``when`` holds.

    ``symbols`` are those it is for, without them all of the strategy's. Among rules that the
    same thing triggers the higher ``priority`` is asked first, and of equals the one that was
    registered first. After an execution of what it ordered, a rule rests for ``cooldown_s``, and
    with it every rule of the same ``cooldown_group`` and symbol. Of an ``armed`` one the orders are
    decided ahead and leave the moment its price comes, if the market is then not further than
    ``armed_gap_percent`` from what they were decided on.
    """

    id: str = field(validator=name())
    when: Condition = field(validator=instance_of(Condition, "a condition"))
    then: Action = field(validator=instance_of(Action, "an action"))
    symbols: tuple[str, ...] = field(default=(), converter=as_tuple, kw_only=True)
    priority: int = field(default=0, validator=whole(-PRIORITY_MAX, PRIORITY_MAX), kw_only=True)
    cooldown_s: float = field(
        default=0.0, converter=as_float, validator=number(0, SECONDS_MAX), kw_only=True
    )
    executions_per_day_max: int | None = field(
        default=None, validator=validators.optional(whole(1, EXECUTIONS_MAX)), kw_only=True
    )
    enabled: bool = field(default=True, validator=yes_or_no, kw_only=True)
    cooldown_group: str = field(default="", validator=name(empty=True), kw_only=True)
    armed: bool = field(default=False, validator=yes_or_no, kw_only=True)
    armed_gap_percent: float = field(
        default=0.1, converter=as_float, validator=number(0, GAP_PERCENT_MAX), kw_only=True
    )

    @symbols.validator
    def _check_symbols(self, _: Any, symbols: Any) -> None:
        if not isinstance(symbols, tuple):
            raise ValueError(f"symbols must be a list of symbols, not {shown(symbols)}")
        if len(symbols) > SYMBOLS_MAX:
            raise ValueError(f"symbols must be {SYMBOLS_MAX} at most, not {len(symbols)}")
        for symbol in symbols:
            check_name("symbols", symbol, SYMBOL_CHARS_MAX)
        if len(set(symbols)) != len(symbols):
            raise ValueError("symbols must not repeat")

    def __attrs_post_init__(self) -> None:
        found = triggers_of(self.when)
        if found == Triggers():
            raise ValueError(f"rule {self.id}: nothing triggers it: {_why_never(self.when)}")
        if any(map(_of_one_symbol, found.markets)) and len(self.symbols) != 1:
            raise ValueError(
                f"rule {self.id}: a price that triggers belongs to one symbol, name it in symbols"
            )
        for one in leaves_of(self.when):
            if isinstance(one, cond.IndicatorCondition) and one.waits and one not in found.markets:
                raise ValueError(
                    f"rule {self.id}: nothing waits for {one.left} {one.op} {one.right}, because "
                    "something else triggers"
                )
        self._check_feedback(found.events)
        if self.armed:
            self._check_armed(found)

    def _check_armed(self, found: Triggers) -> None:
        alone = found == Triggers(markets=found.markets) and len(found.markets) == 1
        if not alone or not isinstance(found.markets[0], cond.MarketCondition):
            raise ValueError(
                f"rule {self.id}: armed = true is for a rule that one price alone triggers "
                "(last, bid or ask at a level); anything else can only guard"
            )
        if not isinstance(self.then, LinkedCreateOrderAction):
            raise ValueError(
                f"rule {self.id}: armed = true is for a rule whose only action is to enter"
            )

    def _check_feedback(self, events: tuple[type[BaseEvent], ...]) -> None:
        actions = steps(self.then)
        if _any_below(events, (AlertEvent,)) and any(isinstance(a, LogAction) for a in actions):
            raise ValueError(f"rule {self.id}: an alert that tells an alert would tell itself")
        bounded = self.cooldown_s > 0 or self.executions_per_day_max is not None
        if not bounded and opens(actions) and _any_below(events, _CAUSED_BY_ORDERS):
            raise ValueError(
                f"rule {self.id}: it orders on what orders cause, and could feed itself: "
                "give it cooldown_s or executions_per_day_max"
            )


def _of_one_symbol(condition: Condition) -> bool:
    """Whether it names a price: that of another symbol is nowhere near."""
    if isinstance(condition, cond.IndicatorCondition):
        return is_one_price(condition.left, condition.right)
    return True


def _any_below(events: Iterable[type], bases: tuple[type, ...]) -> bool:
    return any(issubclass(event, bases) for event in events)


def _why_never(when: Condition) -> str:
    """What a person may have overlooked."""
    match when:
        case cond.NotCondition():
            return "a not can only guard something else"
        case cond.MarketCondition():
            return f"{when.field} is not watched, last, bid and ask are; it can guard"
        case cond.IndicatorCondition():
            return "mid and spread are not watched, last, bid and ask are; it can guard"
        case cond.PositionCondition():
            return "a position triggers by its profit only; it can guard"
        case cond.OrCondition():
            (at, part) = next(
                (at, part)
                for at, part in enumerate(when.conditions, start=1)
                if triggers_of(part) == Triggers()
            )
            return f"each alternative of an or needs a trigger, number {at}: {_why_never(part)}"
        case cond.AndCondition() if when.needs_event:
            return "no event is all of these at once"
        case _:
            return "it needs an event, a price, a profit, a time or the end of the session"


# -- what the core asks ------------------------------------------------------------------------


def triggers(rule: Rule) -> Triggers:
    """What makes the core look at the rule: events, or what it must watch or wait for."""
    return triggers_of(rule.when)


def concerned(rule: Rule, scene: Scene) -> bool:
    """Whether the rule is asked at all: enabled, for this symbol, and about what triggered."""
    if not rule.enabled or (rule.symbols and scene.symbol not in rule.symbols):
        return False
    return concerns(rule.when, scene)


def ordered(rules: Iterable[Rule]) -> tuple[Rule, ...]:
    """In the order in which they are asked: priority descending, ties as registered."""
    return tuple(sorted(rules, key=lambda rule: -rule.priority))


def check_rules(rules: Iterable[Rule]) -> None:
    """Refuse rules that cannot stand together.

    Raises:
        ValueError: too many, or two of one id.
    """
    seen: set[str] = set()
    for rule in rules:
        if rule.id in seen:
            raise ValueError(f"rule {rule.id} is there twice: every rule has its own id")
        seen.add(rule.id)
    if len(seen) > RULES_MAX:
        raise ValueError(f"{len(seen)} rules, {RULES_MAX} at most")


# -- plain data --------------------------------------------------------------------------------

CONDITION_KINDS: Final = {
    "event": cond.EventCondition,
    "position": cond.PositionCondition,
    "time": cond.TimeCondition,
    "session": cond.SessionCondition,
    "market": cond.MarketCondition,
    "indicator": cond.IndicatorCondition,
    "and": cond.AndCondition,
    "or": cond.OrCondition,
    "not": cond.NotCondition,
}
ACTION_KINDS: Final = {
    "enter": act.LinkedCreateOrderAction,
    "scale_in": act.LinkedScaleInAction,
    "double_down": act.LinkedDoubleDownAction,
    "close_all": act.LinkedCloseAllAction,
    "close": act.ClosePositionAction,
    "adjust": act.AdjustPositionAction,
    "order": act.CreateOrderAction,
    "bracket": act.CreateBracketOrderAction,
    "cancel": act.CancelOrderAction,
    "log": act.LogAction,
    "sequence": act.ActionSequence,
}


def register(converter: cattrs.Converter) -> None:
    """Teach a converter rules: conditions and actions are tables with a ``kind``, a condition may
    be an expression, a list of conditions is an and, a list of actions a sequence, a comparison
    may be text."""
    add_record(converter, Comparison)
    structured = converter.get_structure_hook(Comparison)
    converter.register_structure_hook(
        Comparison, lambda data, kind: data if isinstance(data, str) else structured(data, kind)
    )
    add_union(
        converter, (Condition, Condition | None), CONDITION_KINDS, "condition",
        lambda parts: {KIND: "and", "conditions": parts},
        from_expression,
    )  # fmt: skip
    add_union(
        converter, (Action, act.Single), ACTION_KINDS, "action",
        lambda parts: {KIND: "sequence", "actions": parts},
    )  # fmt: skip
    add_record(converter, Rule)
    build = converter.get_structure_hook(Rule)

    def measured(data: Any, kind: Any) -> Any:
        try:
            check_size(data)
        except ValueError as problem:
            refuse(str(problem), Rule)
        return build(data, kind)

    converter.register_structure_hook(Rule, measured)


def _converter() -> cattrs.Converter:
    converter = cattrs.Converter(forbid_extra_keys=True)
    be_strict(converter)
    register(converter)
    return converter


_CONVERTER: Final = _converter()


def to_json(rule: Rule) -> bytes:
    """One object with sorted keys and every setting in it, defaults too: a later version with
    other defaults reads the same rule."""
    return orjson.dumps(_CONVERTER.unstructure(rule), option=orjson.OPT_SORT_KEYS)


def from_json(data: bytes, place: str = "rule") -> Rule:
    """Read what ``to_json`` wrote, or what a person did.

    Raises:
        ConfigError: one line naming ``place``, the path and what is wrong there.
    """
    if len(data) > RULE_BYTES_MAX:
        raise ConfigError(f"{place}: {len(data)} bytes, a rule has {RULE_BYTES_MAX} at most")
    try:
        plain = orjson.loads(data)
    except orjson.JSONDecodeError as problem:
        raise ConfigError(f"{place}: not valid JSON: {problem}") from None
    return from_plain(plain, place)


def from_plain(data: Any, place: str = "rule") -> Rule:
    """A rule from tables and lists, as TOML and JSON give them. Raises as ``from_json`` does."""
    try:
        return _CONVERTER.structure(data, Rule)
    except (cattrs.BaseValidationError, ValueError, TypeError) as problem:
        raise ConfigError(f"{place}: {told(problem)}") from None

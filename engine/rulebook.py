"""The rules that govern now: in which order they are asked, what wakes them, how often they may.

Rules come with the settings of a run and can be changed while it runs; the tuple of them is
replaced as a whole, so nothing that goes through it is disturbed. What wakes a rule besides a
signal is a watch of the market, a deadline, or an event that the core itself has told; the last
is answered on the market of the moment after, like a reversal.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator
from typing import Final

import attrs

from engine.account import watch_account
from engine.commands import Watch
from engine.config import SECOND_NS, Strategy, from_record
from engine.contexts import Context
from engine.deadlines import NEVER
from engine.errors import ConfigError
from engine.events import BaseEvent, PredictionSignalEvent
from engine.inputs import Instrument, MarketView, RuleChanged, SettingsChanged
from engine.money import ZERO
from engine.outbox import Outbox
from engine.reasons import Reason
from engine.rules import (
    WATCHED,
    ClosePositionAction,
    Condition,
    IndicatorCondition,
    Leaf,
    LinkedCloseAllAction,
    MarketCondition,
    PositionCondition,
    Rule,
    Scene,
    check_rules,
    closing_from_ns,
    from_json,
    leaves_of,
    next_start_ns,
    opens,
    ordered,
    profit_watches,
    steps,
    triggers,
)
from engine.state import State
from engine.watches import Level, Op, drop_watch, follow, set_watch

_APART = "|"  # not allowed in the names of rules and symbols


# -- which rules ---------------------------------------------------------------------------------


def load(state: State, out: Outbox, strategy: Strategy) -> None:
    """The rules of a run's settings govern from here on."""
    _replace(state, out, strategy.all_rules, begins=True)


def on_rule(state: State, out: Outbox, changed: RuleChanged) -> None:
    """A rule is added, replaced, removed, enabled or disabled while the engine runs."""
    reason = _change(state, out, changed)
    if reason is not None:
        out.refuse(reason, "", "rule", changed.rule_id)


def on_settings(state: State, out: Outbox, changed: SettingsChanged) -> None:
    """The rules of the new settings take the place of those of the old ones; what programs have
    added stays, and a rule that keeps its name keeps its counters."""
    config = from_record(changed.settings)
    before = {rule.id: rule for rule in state.config.strategy.all_rules}
    own = config.strategy.all_rules
    others = [rule for rule in state.rules if rule.id not in before]
    try:
        check_rules((*own, *others))
    except ValueError:
        out.refuse(Reason.DUPLICATE_REFERENCE, "", "settings", changed.digest)
        return
    state.config = config
    watch_account(state, out)
    _replace(state, out, (*own, *others))
    for rule_id in before.keys() - {rule.id for rule in own}:
        _forget_counts(state, before[rule_id])
    out.alert("info", f"settings changed: {changed.source}, SHA-256 {changed.digest}")


def _change(state: State, out: Outbox, changed: RuleChanged) -> Reason | None:
    known = {rule.id: rule for rule in state.rules}
    if changed.change == "add":
        if changed.rule_id in known:
            return Reason.DUPLICATE_REFERENCE
    elif changed.rule_id not in known:
        return Reason.UNKNOWN_REFERENCE
    rules = list(state.rules)
    place = next((n for n, rule in enumerate(rules) if rule.id == changed.rule_id), len(rules))
    if changed.change in ("add", "replace"):
        try:
            rule = from_json(changed.rule.encode())
            rules[place : place + 1] = [rule]
            check_rules(rules)
        except (ConfigError, ValueError):
            return Reason.CONDITION  # told to the host before it got here
        if any(symbol not in state.config.strategy.symbols for symbol in rule.symbols):
            return Reason.UNKNOWN_SYMBOL
        if changed.change == "replace" and not changed.keep_counters:
            _forget_counts(state, known[changed.rule_id])
    elif changed.change == "remove":
        _forget_counts(state, rules.pop(place))
    else:
        rules[place] = attrs.evolve(rules[place], enabled=changed.change == "enable")
    _replace(state, out, rules)
    return None


def _replace(state: State, out: Outbox, rules: Iterable[Rule], begins: bool = False) -> None:
    before = {rule.id: rule for rule in state.rules}
    state.rules = ordered(rules)
    same = {rule.id for rule in state.rules if before.get(rule.id) == rule}
    found = [(rule, triggers(rule)) for rule in state.rules if rule.enabled]
    state.profit_rules = tuple(rule for rule, wakes in found if wakes.profits)
    state.event_rules = tuple(
        rule for rule, wakes in found if set(wakes.events) - {PredictionSignalEvent}
    )
    state.closing_margins = {
        symbol: _closing_margin_ns(state, symbol) for symbol in state.config.strategy.symbols
    }
    # Of a rule that stays as it is, what has woken it already does not wake it again.
    for name in [name for name in state.watches if _rule_of(name) not in {"", *same}]:
        drop_watch(state, out, name)
    _reschedule(state, out.now_ns, begins)
    for symbol in state.config.strategy.symbols:
        follow(state, out, symbol, _indicators(state, symbol))
    for rule, symbol in _enabled(state):
        for number, wanted in enumerate(triggers(rule).markets):
            name = f"rule:{_APART.join((rule.id, symbol, str(number)))}"
            set_watch(state, out, name, symbol, _level(wanted, at_once=False))
    state.dirty.update(state.contexts)  # their profits are watched anew


def _reschedule(state: State, now_ns: int, begins: bool) -> None:
    """All that the clock wakes, anew. What is due in this very step stays due; but what came
    while nobody was there (the run ``begins``) has passed for a rule that opens something: a
    close is late rather than never."""
    late = {rule.id for rule in state.rules if not (begins and opens(steps(rule.then)))}
    clock = [name for name in state.deadlines if name.startswith(("time:", "session:"))]
    due = {name for name in clock if state.deadlines[name] <= now_ns and _rule_of(name) in late}
    for name in clock:
        del state.deadlines[name]
    for instrument in state.instruments.values():
        schedule(state, instrument, now_ns, due)


def _indicators(state: State, symbol: str) -> tuple[str, ...]:
    """What the rules of a symbol ask for; also disabled ones, so that enabling them finds it
    warm."""
    asked = {
        str(one)
        for rule in state.rules
        if not rule.symbols or symbol in rule.symbols
        for leaf in leaves_of(rule.when)
        if isinstance(leaf, IndicatorCondition)
        for one in leaf.indicators
    }
    return tuple(sorted(asked))


def _enabled(state: State) -> Iterator[tuple[Rule, str]]:
    for rule in state.rules:
        if rule.enabled:
            for symbol in rule.symbols or state.config.strategy.symbols:
                yield rule, symbol


def armed_watches(state: State) -> Iterator[tuple[Rule, Watch]]:
    """The rules whose orders are to be ready, each with what it waits for at one symbol."""
    for rule, symbol in _enabled(state):
        if rule.armed:
            watch = state.watches.get(f"rule:{_APART.join((rule.id, symbol, '0'))}")
            if watch is not None:
                yield rule, watch


def needs_market(rule: Rule) -> bool:
    """Whether it can only be asked with a price before it."""
    return opens(steps(rule.then)) or any(map(_sees_market, leaves_of(rule.when)))


def _sees_market(leaf: Condition) -> bool:
    if isinstance(leaf, PositionCondition):
        return leaf.measures_profit
    return isinstance(leaf, MarketCondition | IndicatorCondition)


def find(state: State, rule_id: str) -> Rule | None:
    return next((rule for rule in state.rules if rule.id == rule_id and rule.enabled), None)


# -- what wakes them -----------------------------------------------------------------------------


def schedule(
    state: State, instrument: Instrument, now_ns: int, due: Container[str] = (), again: bool = False
) -> None:
    """Set when the rules of a symbol are woken by the clock: by a time of day, or by the end of
    the exchange's session, if its hours are known so far. What is ``due`` stays so, and so does
    what this step has still to come to. A session that is already ending wakes a rule that opens
    nothing at once, unless it has done so (``again``); what opens would do so twice."""
    for rule, symbol in _enabled(state):
        if symbol == instrument.symbol:
            late = not again and not opens(steps(rule.then))
            for name, at_ns in _wakings(rule, instrument, now_ns, late):
                if name in due:
                    state.deadlines[name] = now_ns
                elif at_ns is not None and state.deadlines.get(name, NEVER) > now_ns:
                    state.deadlines[name] = at_ns


def _wakings(
    rule: Rule, instrument: Instrument, now_ns: int, late: bool
) -> Iterator[tuple[str, int | None]]:
    """Of each time and each end of a session that wakes a rule, the name of its deadline and when
    it next comes, or has come (``late``)."""
    wakes, subject = triggers(rule), f"{rule.id}{_APART}{instrument.symbol}{_APART}"
    for number, window in enumerate(wakes.times):
        yield f"time:{subject}{number}", next_start_ns(window, now_ns, instrument.time_zone)
    for number, ending in enumerate(wakes.sessions):
        begins = [closing_from_ns(ending, c) for _, c in instrument.sessions if c > now_ns]
        left = [at_ns for at_ns in begins if late or at_ns > now_ns]
        yield f"session:{subject}{number}", min(left, default=None)


def _rule_of(name: str) -> str:
    """Whose watch or deadline it is; empty: no rule's."""
    kind, _, subject = name.partition(":")
    if kind in ("rule", "time", "session"):
        return woken(subject)[0]
    return profit_rule(subject)[1] if kind == "profit" else ""


def woken(name: str) -> tuple[str, str, int]:
    """(rule id, symbol, number of the trigger) of a watch or deadline, without its kind."""
    rule_id, symbol, number = name.split(_APART)
    return rule_id, symbol, int(number)


def watch_profits(state: State, out: Outbox, context: Context) -> None:
    """The profits that wake rules, while shares are held; anew when the average has moved."""
    prefix = f"profit:{context.number}{_APART}"
    wanted: dict[str, Level] = {}
    average = context.ledger.position.average_price
    if context.held * context.side > 0 and not context.exits_traded:
        for rule in state.profit_rules:
            if rule.symbols and context.symbol not in rule.symbols:
                continue
            for number, condition in enumerate(triggers(rule).profits):
                for side, price in enumerate(profit_watches(condition, context.held, average)):
                    name = _APART.join((prefix[:-1], rule.id, f"{number}.{side}"))
                    wanted[name] = _level(price, at_once=True)
    for name in [one for one in state.watches if one.startswith(prefix) and one not in wanted]:
        drop_watch(state, out, name)
    for name, level in wanted.items():
        set_watch(state, out, name, context.symbol, level)


def _level(condition: MarketCondition | IndicatorCondition, at_once: bool) -> Level:
    if isinstance(condition, MarketCondition):
        assert condition.field in WATCHED, condition.field
        return Level(condition.field, condition.op, condition.level, at_once)
    left, right, op = condition.left, condition.right, _OPS[condition.op]
    if isinstance(right, float):
        return Level(left, op, right, at_once)
    if right in WATCHED:  # the price is what moves, the indicator its level
        left, right, op = right, left, _MIRRORED[op]
    return Level(left, op, 0.0, at_once, right)


_OPS: Final[dict[str, Op]] = {
    ">": "over",
    ">=": "above",
    "<": "under",
    "<=": "below",
    "crosses above": "over",
    "crosses below": "under",
}
_MIRRORED: Final[dict[Op, Op]] = {
    "over": "under",
    "under": "over",
    "above": "below",
    "below": "above",
}


def profit_rule(name: str) -> tuple[int, str, int]:
    """(context, rule id, number of the condition) of a profit's watch, without its kind."""
    number, rule_id, condition = name.split(_APART)
    return int(number), rule_id, int(condition.partition(".")[0])


# -- the scene -----------------------------------------------------------------------------------


def scene(
    state: State,
    symbol: str,
    now_ns: int,
    market: MarketView | None,
    event: BaseEvent | None = None,
    fired: tuple[Leaf, ...] = (),
) -> Scene:
    """A symbol as conditions see it, with what has woken the rules."""
    context = state.current.get(symbol)
    instrument = state.instruments.get(symbol)
    sessions = instrument.sessions if instrument is not None else ()
    return Scene(
        symbol=symbol,
        now_ns=now_ns,
        time_zone=instrument.time_zone if instrument is not None else "",
        event=event,
        fired=fired,
        market=market,
        side=context.side if context is not None else 0,
        held=context.held if context is not None else ZERO,
        average_price=context.ledger.position.average_price if context is not None else ZERO,
        adds=context.adds if context is not None else 0,
        session_ends_ns=next((c for o, c in sessions if o <= now_ns < c), None),
    )


# -- how often -----------------------------------------------------------------------------------


def _counter(rule: Rule, symbol: str) -> str:
    return _APART.join((rule.cooldown_group or rule.id, symbol))


def cooldown_reason(state: State, rule: Rule, symbol: str, now_ns: int) -> Reason | None:
    """Counted from real executions only."""
    until_ns = state.cooldown_until.get(_counter(rule, symbol), 0)
    return Reason.COOLDOWN if now_ns < until_ns else None


def daily_reason(state: State, rule: Rule, symbol: str, now_ns: int) -> Reason | None:
    most = rule.executions_per_day_max
    day, known = state.executions_today.get(_counter(rule, symbol), (0, 0))
    if most is None or known < most or day != _day(state, symbol, now_ns):
        return None
    return Reason.DAILY_LIMIT


def count(state: State, rule_id: str, symbol: str, now_ns: int) -> None:
    """What a rule decided has executed: its cooldown and its day's count begin here."""
    rule = next((one for one in state.rules if one.id == rule_id), None)
    if rule is None:
        return  # nobody's: a direct request, or a rule that is gone
    name = _counter(rule, symbol)
    state.cooldown_until[name] = now_ns + int(rule.cooldown_s * SECOND_NS)
    day, known = state.executions_today.get(name, (0, 0))
    today = _day(state, symbol, now_ns)
    state.executions_today[name] = (today, known + 1 if day == today else 1)


def paces(state: State, now_ns: int) -> Iterator[tuple[str, str, int, int]]:
    """(rule or group, symbol, ns of cooldown left, executions of the day) of every counter that
    counts anything now."""
    for counter in dict.fromkeys((*state.cooldown_until, *state.executions_today)):
        name, _, symbol = counter.rpartition(_APART)
        left_ns = max(state.cooldown_until.get(counter, 0) - now_ns, 0)
        day, known = state.executions_today.get(counter, (0, 0))
        executions = known if day == _day(state, symbol, now_ns) else 0
        if left_ns or executions:
            yield name, symbol, left_ns, executions


def _day(state: State, symbol: str, now_ns: int) -> int:
    """The session that now belongs to, by its end; outside of all, the next one."""
    instrument = state.instruments.get(symbol)
    ends = [closes for _, closes in instrument.sessions if closes > now_ns] if instrument else []
    return min(ends, default=0)


def clear_cooldowns(state: State, symbol: str) -> None:
    """A stop-out clears the cooldown of the symbol's rules, of exactly this symbol."""
    for name in [one for one in state.cooldown_until if one.endswith(f"{_APART}{symbol}")]:
        del state.cooldown_until[name]


def _forget_counts(state: State, rule: Rule) -> None:
    """Those that are its own: a group's belong to the others in it as well."""
    group = rule.cooldown_group
    if group and any(one.cooldown_group == group and one.id != rule.id for one in state.rules):
        return
    prefix = f"{rule.cooldown_group or rule.id}{_APART}"
    for counts in (state.cooldown_until, state.executions_today):
        for name in [one for one in counts if one.startswith(prefix)]:
            del counts[name]


def _closing_margin_ns(state: State, symbol: str) -> int:
    """How long before the end of a session the first rule closes the symbol: nothing is opened
    in that time."""
    closes = LinkedCloseAllAction | ClosePositionAction
    found = [
        int(ending.before_end_s * SECOND_NS)
        for rule, one in _enabled(state)
        if one == symbol and any(isinstance(action, closes) for action in steps(rule.then))
        for ending in triggers(rule).sessions
    ]
    return max(found, default=0)

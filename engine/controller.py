"""Strategies: named sets of rules that start, stop and are replaced as one.

A strategy here is nothing but its rules. Before the engine runs they are put among those of its
settings, so they govern from the first step; while it runs they are changed like any rules. After
a restart the program starts its strategies again: their counters, which are kept by the rules'
names, go on.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Final, Literal

import attrs

from engine.config import Config
from engine.errors import UserError
from engine.inbox import Inbox
from engine.inputs import CancelRequested, CloseRequested
from engine.rule_engine import RuleEngine, RuleView, check_rule, check_together, rule_views
from engine.rules import Rule, StrategyBuilder
from engine.rules.checks import near
from engine.state import State
from engine.view import Question, Watched

ANSWER_S: Final = 5.0
CLOSE_REASON: Final = "strategy"
StrategyState = Literal["prepared", "running", "stopped"]
Rules = Iterable[Rule] | StrategyBuilder


@attrs.frozen
class StrategyStatus:
    """A strategy as it is now. ``held`` are the symbols whose trade its rules decided. Rules that
    somebody has removed by themselves are not in ``rules`` any more."""

    name: str
    state: StrategyState
    rules: tuple[RuleView, ...]
    held: tuple[str, ...] = ()

    @property
    def symbols(self) -> tuple[str, ...]:
        """Those that its rules name; none of a strategy that is for all."""
        return tuple(dict.fromkeys(s for view in self.rules for s in view.rule.symbols))

    @property
    def executions(self) -> int:
        """Of the day; rules that share their counters count once."""
        shared = {
            (view.rule.cooldown_group or view.id, pace.symbol): pace.executions
            for view in self.rules
            for pace in view.paces
        }
        return sum(shared.values())


@attrs.frozen
class _Strategy:
    rules: tuple[Rule, ...]  # as they were given
    stopped: bool = False

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(rule.id for rule in self.rules)

    @property
    def governing(self) -> tuple[Rule, ...]:
        """The rules as they are to stand in the core."""
        if not self.stopped:
            return self.rules
        return tuple(attrs.evolve(rule, enabled=False) for rule in self.rules)


class StrategyController:
    """``Engine.strategies``. Everything may be called from any thread, also from a handler of the
    bus, before the engine runs and while it does.

    All methods raise UserError, in one line, for what cannot be done, after which nothing has
    changed; and LimitError when the engine has stopped.
    """

    def __init__(self, rules: RuleEngine, inbox: Inbox, config: Config) -> None:
        self._rules = rules
        self._inbox = inbox
        self._config = config
        self._strategies: dict[str, _Strategy] = {}
        self._running = False
        self._lock: threading.RLock = rules.changing

    def begin(self) -> Config:
        """The engine begins to run: its settings, with the rules of what was started so far."""
        with self._lock:
            self._running = True
            self._rules.begin()
            strategy = self._config.strategy
            prepared = [rule for one in self._strategies.values() for rule in one.governing]
            rules = (*strategy.rules, *prepared)
            return attrs.evolve(self._config, strategy=attrs.evolve(strategy, rules=rules))

    def start(self, name: str, rules: Rules | None = None) -> None:
        """All of ``rules``, or what a builder builds, govern from now on. Without them, a
        strategy that was stopped goes on, with its counters."""
        with self._lock:
            if rules is None:
                self._resume(name)
                return
            if name in self._strategies:
                mend = "start it without rules" if self._strategies[name].stopped else "stop it"
                raise UserError(f"strategy {name} is there already: replace it, or {mend}")
            one = _Strategy(_rules_of(name, rules))
            if self._running:
                self._rules.change(add=one.governing)
            else:
                self._check_prepared(name, one)
            self._strategies[name] = one

    def stop(self, name: str, *, close: bool = False) -> None:
        """Its rules are not asked any more. What they hold stays, protected by its orders at the
        broker, but nothing of the strategy closes it at the end of the day; ``close`` closes the
        trades that its rules decided, and takes back what of their orders has not filled. Asks,
        and does not wait."""
        with self._lock:
            one = self._known(name)
            if self._running:
                self._rules.change(disable=self._present(one))
                self._close(one, close)
            elif close:
                raise UserError(f"strategy {name}: nothing can be closed before the engine runs")
            self._strategies[name] = attrs.evolve(one, stopped=True)

    def remove(self, name: str, *, close: bool = False) -> None:
        """Stop it and forget it, with its counters; then its name is free."""
        with self._lock:
            self.stop(name, close=close)
            if self._running:
                self._rules.change(remove=self._present(self._strategies[name]))
            del self._strategies[name]

    def replace(self, name: str, rules: Rules, *, keep_counters: bool = False) -> None:
        """Other rules in the place of its present ones; trades under way go on. A rule with the
        id of a present one takes its place and, if asked for, its counters. A stopped strategy
        stays stopped."""
        with self._lock:
            before = self._known(name)
            after = attrs.evolve(before, rules=_rules_of(name, rules))
            if self._running:
                there = self._present(before)
                self._rules.change(
                    remove=[one for one in there if one not in after.ids],
                    replace=[rule for rule in after.governing if rule.id in there],
                    add=[rule for rule in after.governing if rule.id not in there],
                    keep_counters=keep_counters,
                )
            else:
                self._check_prepared(name, after)
            self._strategies[name] = after

    def get(self, name: str) -> StrategyStatus:
        """Raises UserError if there is no such strategy."""
        with self._lock:
            self._known(name)
            return next(one for one in self.status() if one.name == name)

    def status(self) -> tuple[StrategyStatus, ...]:
        """Of all strategies, in the order in which they were started, of one instant."""
        with self._lock:
            if not self._running:
                return tuple(
                    StrategyStatus(
                        name,
                        "stopped" if one.stopped else "prepared",
                        tuple(map(RuleView, one.governing)),
                    )
                    for name, one in self._strategies.items()
                )
            found: tuple[tuple[RuleView, ...], dict[str, str]]
            found = self._inbox.ask(Question(_rules_and_trades), ANSWER_S)
            views, decided = found
            return tuple(
                StrategyStatus(
                    name,
                    "stopped" if one.stopped else "running",
                    tuple(view for view in views if view.id in one.ids),
                    tuple(symbol for symbol, rule in decided.items() if rule in one.ids),
                )
                for name, one in self._strategies.items()
            )

    # -- inside ----------------------------------------------------------------------------------

    def _known(self, name: str) -> _Strategy:
        if name not in self._strategies:
            mend = near(name, self._strategies) if self._strategies else "none was started"
            raise UserError(f"there is no strategy {name}, {mend}")
        return self._strategies[name]

    def _present(self, one: _Strategy) -> list[str]:
        """Those of its rules that nobody has removed by themselves."""
        there = {view.id for view in self._rules.list()}
        return [rule_id for rule_id in one.ids if rule_id in there]

    def _resume(self, name: str) -> None:
        one = self._known(name)
        if not one.stopped:
            raise UserError(f"strategy {name} is not stopped")
        if self._running:
            there = self._present(one)
            self._rules.change(
                enable=[rule.id for rule in one.rules if rule.enabled and rule.id in there]
            )
        self._strategies[name] = attrs.evolve(one, stopped=False)

    def _check_prepared(self, name: str, one: _Strategy) -> None:
        strategy = self._config.strategy
        for rule in one.rules:
            check_rule(rule, strategy.symbols)
        others = [
            rule
            for other, known in self._strategies.items()
            if other != name
            for rule in known.rules
        ]
        check_together([*strategy.all_rules, *others], one.rules)

    def _close(self, one: _Strategy, wanted: bool) -> None:
        if not wanted:
            return
        ids = frozenset(one.ids)
        asked: list[CloseRequested | CancelRequested]
        asked = self._inbox.ask(Question(lambda state, _: _to_end(state, ids)), ANSWER_S)
        self._inbox.ask_all(asked)


def _rules_of(name: str, rules: Rules) -> tuple[Rule, ...]:
    if not isinstance(name, str) or not name:
        raise UserError("a strategy needs a name")
    given = rules.build() if isinstance(rules, StrategyBuilder) else tuple(rules)
    if not given:
        raise UserError(f"strategy {name} has no rules")
    return given


# -- on the writer's thread --------------------------------------------------------------------


def _rules_and_trades(
    state: State, runtime: Watched
) -> tuple[tuple[RuleView, ...], dict[str, str]]:
    decided = {symbol: context.plan.rule for symbol, context in state.current.items()}
    return rule_views(state, runtime), decided


def _to_end(state: State, ids: frozenset[str]) -> list[CloseRequested | CancelRequested]:
    """What ends the trades that rules have decided, also those that a reversal is about to make,
    and what takes back their orders that stand by themselves."""
    closes = [
        CloseRequested(symbol, CLOSE_REASON)
        for symbol, context in state.current.items()
        if context.plan.rule in ids
        or (context.reverse_to is not None and context.reverse_to.rule in ids)
    ]
    resting = {
        group.number
        for group in state.groups.values()
        if group.rule in ids and any(order.resting for order in group.orders.values())
    }
    cancels = [
        CancelRequested(reference)
        for reference, number in state.references.items()
        if number in resting
    ]
    return [*closes, *cancels]

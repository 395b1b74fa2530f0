"""The rules that govern a running engine: seen, added, replaced, switched on and off.

Rules live in the core alone. Whoever changes them asks the writer, as for everything else, so a
change takes effect between two steps and stands in the journal. What a person or program got
wrong is found here first, with all of it before one's eyes, and said in one line.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable, Sequence
from typing import Final, Literal

import attrs

from engine import rulebook
from engine.errors import ConfigError, UserError
from engine.events import RefusalEvent
from engine.inbox import Inbox
from engine.inputs import RuleChanged
from engine.rules import Rule, check_rules, from_json, to_json
from engine.rules.checks import near
from engine.state import State
from engine.view import Question, Watched

ANSWER_S: Final = 5.0
Change = Literal["add", "replace", "remove", "enable", "disable"]


@attrs.frozen
class Pace:
    """How often a rule has executed at one symbol, and how long it still rests there. Rules of
    one ``cooldown_group`` share it."""

    symbol: str
    cooldown_s: float  # left
    executions: int  # of the day


@attrs.frozen
class RuleView:
    """A rule that governs, as it is now. ``paces`` are of those of its symbols where it has
    executed today or still rests. ``armed``: its orders are ready, and leave by themselves when
    its price comes."""

    rule: Rule
    paces: tuple[Pace, ...] = ()
    armed: bool = False

    @property
    def id(self) -> str:
        return self.rule.id

    @property
    def enabled(self) -> bool:
        return self.rule.enabled

    @property
    def cooldown_s(self) -> float:
        """The longest that is left at any of its symbols; 0: it rests nowhere."""
        return max((one.cooldown_s for one in self.paces), default=0.0)

    @property
    def executions(self) -> int:
        """Of the day, at all of its symbols."""
        return sum(one.executions for one in self.paces)


class RuleEngine:
    """``Engine.rules``. Everything may be called from any thread, also from a handler of the bus,
    while the engine runs; what is to hold from the start stands in the strategy's ``rules`` or
    comes by ``Engine.strategies``. A change holds until the engine ends.

    All methods raise LimitError when the engine has stopped, and UserError before it has started.
    """

    def __init__(self, inbox: Inbox, symbols: Collection[str]) -> None:
        self._inbox = inbox
        self._symbols = symbols
        self._begun = False
        # Two changes must not meet: the second is checked against what the first has left.
        self.changing: Final = threading.RLock()

    def begin(self) -> None:
        """The engine begins to run: from now on there is somebody to ask."""
        self._begun = True

    def list(self) -> tuple[RuleView, ...]:
        """All rules, in the order in which they are asked.

        Raises:
            TimeoutError: the engine is connecting.
        """
        self._must_run()
        found: tuple[RuleView, ...] = self._inbox.ask(Question(rule_views), ANSWER_S)
        return found

    def get(self, rule_id: str) -> RuleView:
        """Raises UserError if there is no such rule."""
        known = {view.id: view for view in self.list()}
        _must_know(rule_id, known)
        return known[rule_id]

    def add(self, rule: Rule) -> None:
        """From now on. Among rules of equal priority it is the last.

        Raises:
            UserError: its id is there already, or it names a symbol that the strategy does not.
        """
        self.change(add=(rule,))

    def replace(self, rule: Rule, *, keep_counters: bool = False) -> None:
        """In the place of the rule with its id; what that one rests and has executed today is
        forgotten, unless ``keep_counters``.

        Raises:
            UserError: there is no rule of its id, or it names a symbol that the strategy does not.
        """
        self.change(replace=(rule,), keep_counters=keep_counters)

    def remove(self, rule_id: str) -> None:
        """Raises UserError if there is no such rule."""
        self.change(remove=(rule_id,))

    def enable(self, rule_id: str) -> None:
        """Raises UserError if there is no such rule. One that is enabled stays so."""
        self.change(enable=(rule_id,))

    def disable(self, rule_id: str) -> None:
        """It is not asked until it is enabled again; its counters go on.

        Raises:
            UserError: there is no such rule.
        """
        self.change(disable=(rule_id,))

    def change(
        self,
        *,
        add: Sequence[Rule] = (),
        replace: Sequence[Rule] = (),
        remove: Sequence[str] = (),
        enable: Sequence[str] = (),
        disable: Sequence[str] = (),
        keep_counters: bool = False,
    ) -> None:
        """Several changes together, all or none.

        Raises:
            UserError: the first that cannot be done; nothing has changed.
        """
        with self.changing:
            known = {view.id: view.rule for view in self.list()}
            for rule in (*add, *replace):
                check_rule(rule, self._symbols)
            for name in (*(rule.id for rule in replace), *remove, *enable, *disable):
                _must_know(name, known)
            check_together([rule for key, rule in known.items() if key not in remove], add)
            steps: list[RuleChanged] = [
                *(_step("remove", name) for name in remove),
                *(_step("replace", rule.id, rule, keep_counters) for rule in replace),
                *(_step("add", rule.id, rule) for rule in add),
                *(_step("enable", name) for name in enable),
                *(_step("disable", name) for name in disable),
            ]
            refusals: list[RefusalEvent | None] = self._inbox.ask_all(steps)
            for step, refusal in zip(steps, refusals, strict=True):
                if refusal is not None:  # somebody changed it past us
                    raise UserError(
                        f"rule {step.rule_id}: {step.change} was refused: {refusal.reason}; "
                        "see list() for the rules as they are now"
                    )

    def _must_run(self) -> None:
        if not self._begun:
            raise UserError(
                "the engine has not started, so no rules govern yet: give them to "
                "engine.strategies.start, or as rules of the strategy's settings"
            )


# -- checks ------------------------------------------------------------------------------------


def check_rule(rule: Rule, symbols: Collection[str]) -> None:
    """Refuse what the core would refuse, with the reason.

    Raises:
        UserError: one line that names the rule, what is wrong with it and what is allowed.
    """
    if not isinstance(rule, Rule):
        raise UserError(f"a rule is wanted, not {type(rule).__name__}: make one with Rule(...)")
    for symbol in rule.symbols:
        if symbol not in symbols:
            raise UserError(
                f"rule {rule.id} is for {symbol}, which is not among the symbols of the "
                f"strategy, {near(symbol, symbols)}"
            )
    try:
        from_json(to_json(rule), f"rule {rule.id}")  # as the core will read it
    except ConfigError as problem:
        raise UserError(str(problem)) from None


def check_together(known: Iterable[Rule], added: Sequence[Rule]) -> None:
    """Refuse rules that cannot stand beside those that are there, or beside each other.

    Raises:
        UserError: one line that names the rule and the mend.
    """
    there = list(known)
    ids = {rule.id for rule in there}
    for rule in added:
        if rule.id in ids:
            raise UserError(f"rule {rule.id} is there already: replace it, or give another id")
    try:
        check_rules([*there, *added])
    except ValueError as problem:
        raise UserError(str(problem)) from None


def _must_know(rule_id: str, known: Collection[str]) -> None:
    if rule_id not in known:
        mend = near(rule_id, known) if known else "there are none"
        raise UserError(f"there is no rule {rule_id}, {mend}")


def _step(
    change: Change, rule_id: str, rule: Rule | None = None, keep_counters: bool = False
) -> RuleChanged:
    text = to_json(rule).decode() if rule is not None else ""
    return RuleChanged(change, rule_id, text, keep_counters)


# -- on the writer's thread --------------------------------------------------------------------


def rule_views(state: State, runtime: Watched) -> tuple[RuleView, ...]:
    """Counters are kept by rule or group, and symbol; what there is none of is not there."""
    now_ns = runtime.now_ns()
    armed = {rule_id for rule_id, _ in runtime.armory.armed}
    found: dict[str, list[Pace]] = {}
    for name, symbol, left_ns, executions in rulebook.paces(state, now_ns):
        found.setdefault(name, []).append(Pace(symbol, left_ns / 1e9, executions))
    return tuple(
        RuleView(
            rule,
            tuple(
                pace
                for pace in found.get(rule.cooldown_group or rule.id, ())
                if not rule.symbols or pace.symbol in rule.symbols
            ),
            rule.id in armed,
        )
        for rule in state.rules
    )

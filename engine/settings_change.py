"""Other settings for an engine that runs: what has changed, and what may."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any, Final

import attrs

from engine.config import Config, record_of
from engine.errors import ConfigError, UserError
from engine.events import RefusalEvent
from engine.inbox import Inbox
from engine.inputs import SettingsChanged
from engine.rule_engine import RuleEngine
from engine.view import Question

ANSWER_S: Final = 5.0
# What the session with the broker, the market's data, the guards, the ways in, the dashboard and
# the log were built with.
FIXED: Final = (
    "broker",
    "guards",
    "signals",
    "web",
    "log",
    "strategy.symbols",
    "strategy.atr_period",
    "strategy.atr_mean",
    "strategy.bar_s",
    "strategy.outside_rth",  # which hours the bars are of
    "strategy.foreign_orders",  # whose orders the broker is asked for
)


def changes(old: Any, new: Any, path: str = "") -> Iterator[str]:
    """The dotted paths of the settings that differ."""
    if type(old) is type(new) and attrs.has(type(old)):
        for one in attrs.fields(type(old)):
            inner = f"{path}.{one.name}" if path else one.name
            yield from changes(getattr(old, one.name), getattr(new, one.name), inner)
    elif isinstance(old, dict) and isinstance(new, dict):
        for key in sorted(old.keys() | new.keys()):
            if old.get(key) != new.get(key):
                yield f"{path}.{key}"
    elif old != new:
        yield path


def check_changes(changed: Collection[str]) -> None:
    """Refuse what cannot change while the engine runs.

    Raises:
        ConfigError: one line that names it.
    """
    fixed = [one for one in changed for name in FIXED if f"{one}.".startswith(f"{name}.")]
    if fixed:
        raise ConfigError(f"{', '.join(fixed)} cannot change while the engine runs: start it again")


class SettingsChanger:
    """Asks the writer for other settings. ``prepared`` are the rules that programs gave before the
    engine ran: they stand among those of its settings, and stay."""

    def __init__(self, rules: RuleEngine, inbox: Inbox, prepared: Collection[str]) -> None:
        self._rules = rules
        self._inbox = inbox
        self._prepared = prepared

    def change(self, new: Config, source: str, digest: str) -> tuple[Config, list[str]]:
        """The settings that hold then, and what of them has changed.

        Raises:
            UserError: nothing has changed, because this cannot; says why in one line.
            TimeoutError: the engine is connecting. It may take them afterwards.
        """
        with self._rules.changing:
            # The writer knows: it may have taken some for which nobody waited any more.
            old: Config = self._inbox.ask(Question(lambda state, _: state.config), ANSWER_S)
            there = {view.id: view.rule for view in self._rules.list()}
            prepared = tuple(there[one] for one in self._prepared if one in there)
            try:
                rules = (*new.strategy.rules, *prepared)
                strategy = attrs.evolve(new.strategy, rules=rules)
            except ValueError as problem:
                raise ConfigError(f"{source}: {problem}") from None
            wanted = attrs.evolve(new, strategy=strategy)
            changed = list(changes(old, wanted))
            check_changes(changed)
            if changed:
                refusal: RefusalEvent | None = self._inbox.ask(
                    SettingsChanged(record_of(wanted), source, digest), ANSWER_S
                )
                if refusal is not None:
                    raise UserError(
                        f"{source}: a rule has the name of one that was added since the start"
                    )
            return wanted, changed

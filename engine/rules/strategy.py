"""Whole patterns: what the flat table of a strategy means as rules, and a builder for them.

The table, the builder and the templates make one structure, so what is true of one is true of
all.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any, Self

import attrs
from attrs import field

from engine.money import exact
from engine.plans import (
    Between,
    Distance,
    DoubleDown,
    EntryOrder,
    OnOpposite,
    Reanchor,
    ScaleIn,
    Sizing,
    Target,
    Trade,
    fraction,
)
from engine.rules.actions import trade_of
from engine.rules.checks import SECONDS_MAX, check_settings, hints_of, near
from engine.rules.conditions import Condition
from engine.rules.expression import from_expression
from engine.rules.rule import EXECUTIONS_MAX, Rule, check_rules
from engine.rules.templates import (
    BEFORE_END_S,
    CONFIDENCE_MIN,
    COOLDOWN_S,
    PER_DAY_MAX,
    SellMeans,
    create_buy_rule,
    create_eod_close_rule,
    create_scale_in_rule,
    create_sell_rule,
    create_short_rule,
    exactly,
)
from engine.rules.windows import DAY_S

_POLICIES = (
    "late_fill",
    "entry_partial",
    "entry_partial_timeout_s",
    "stop_unfilled_after_s",
    "target_tif",
    "outside_rth",
    "resize",
)


def pattern_rules(
    name: str,
    symbols: Iterable[str],
    trade: Trade,
    confidence_min: float = CONFIDENCE_MIN,
    sell_means: SellMeans = "close",
    cooldown_s: float = COOLDOWN_S,
    per_day_max: int | None = PER_DAY_MAX,
    close_before_end_s: float | None = BEFORE_END_S,
    enter_when: Condition | None = None,
) -> tuple[Rule, ...]:
    """Enter on BUY and SHORT (if ``enter_when`` holds), close or enter on SELL, add with profit if
    the trade does, and close before the session ends (None: hold overnight)."""
    chosen = tuple(symbols)
    often: dict[str, Any] = {"cooldown_s": cooldown_s, "per_day_max": per_day_max}
    signal: dict[str, Any] = {"confidence_min": confidence_min, "name": name, **often}
    entry: dict[str, Any] = {"trade": trade, "when": enter_when}
    rules = [
        create_buy_rule(chosen, **entry, **signal),
        create_sell_rule(
            chosen, means=sell_means, **(entry if sell_means == "short" else {}), **signal
        ),
        create_short_rule(chosen, **entry, **signal),
    ]
    if trade.scale_in is not None:
        rules.append(create_scale_in_rule(chosen, scale_in=trade.scale_in, name=name))
    if close_before_end_s is not None:
        rules.append(create_eod_close_rule(chosen, before_end_s=close_before_end_s, name=name))
    return tuple(rules)


@attrs.frozen(kw_only=True)
class Pattern(Trade):
    """How trades are made, and when: all that can differ from symbol to symbol."""

    confidence_min: float = field(default=CONFIDENCE_MIN, validator=fraction)
    sell_means: SellMeans = "close"
    cooldown_s: float = field(default=COOLDOWN_S, validator=Between(0, SECONDS_MAX))
    entries_per_day_max: int = field(default=PER_DAY_MAX, validator=Between(1, EXECUTIONS_MAX))
    # None: held overnight
    close_before_end_s: float | None = field(default=BEFORE_END_S, validator=Between(0, DAY_S))
    enter_when: Condition | None = None  # must hold as well

    def made(self, name: str, symbols: Iterable[str]) -> tuple[Rule, ...]:
        """It as rules."""
        return pattern_rules(
            name,
            symbols,
            self,
            self.confidence_min,
            self.sell_means,
            self.cooldown_s,
            self.entries_per_day_max,
            self.close_before_end_s,
            self.enter_when,
        )


class StrategyBuilder:
    """A pattern in a few lines; every method returns the builder, ``build`` the rules.

    >>> rules = StrategyBuilder("calm").symbols("IBM").size(shares=100).stop(percent=2).build()

    What is not said is as in the configuration's own defaults. Every method raises ValueError
    with the one line that says what is allowed.
    """

    def __init__(self, name: str) -> None:
        if not name:
            raise ValueError("a strategy needs a name: the ids of its rules begin with it")
        self._name = name
        self._symbols: tuple[str, ...] = ()
        self._trade = Trade()
        self._targets: tuple[Target, ...] = ()
        self._confidence_min = CONFIDENCE_MIN
        self._sell_means: SellMeans = "close"
        self._cooldown_s = COOLDOWN_S
        self._per_day_max: int | None = PER_DAY_MAX
        self._before_end_s: float | None = BEFORE_END_S
        self._enter_when: Condition | None = None
        self._rules: tuple[Rule, ...] = ()

    @classmethod
    def of(
        cls, name: str, symbols: Iterable[str], pattern: Pattern, rules: Iterable[Rule] = ()
    ) -> Self:
        """A builder that has been told all of a pattern, as that of a file."""
        made = cls(name).symbols(*symbols)
        made._trade = trade_of(pattern)
        made._confidence_min, made._sell_means = pattern.confidence_min, pattern.sell_means
        made._cooldown_s, made._per_day_max = pattern.cooldown_s, pattern.entries_per_day_max
        made._before_end_s, made._enter_when = pattern.close_before_end_s, pattern.enter_when
        made._rules = tuple(rules)
        return made

    def told(self) -> tuple[tuple[str, ...], Pattern, tuple[Rule, ...]]:
        """What it has been told: the symbols, the pattern as a file's table says it, and rules.

        Raises:
            ValueError: any number of entries a day, for which a table has no word.
        """
        if self._per_day_max is None:
            raise ValueError("a table has no word for any number of entries a day: say how many")
        trade = {one.name: getattr(self._whole, one.name) for one in attrs.fields(Trade)}
        pattern = Pattern(
            **trade,
            confidence_min=self._confidence_min,
            sell_means=self._sell_means,
            cooldown_s=self._cooldown_s,
            entries_per_day_max=self._per_day_max,
            close_before_end_s=self._before_end_s,
            enter_when=self._enter_when,
        )
        return self._symbols, pattern, self._rules

    # -- what and how much

    def symbols(self, *symbols: str) -> Self:
        """For these symbols; without any, for all that the strategy has."""
        self._symbols += symbols
        return self

    def size(
        self,
        *,
        shares: Decimal | int | None = None,
        dollars: Decimal | int | None = None,
        risk_percent: Decimal | float | None = None,
        volatility_percent: Decimal | float | None = None,
        shares_max: Decimal | int | None = None,
    ) -> Self:
        """Exactly one of shares, dollars and per cent of the equity: lost at the stop, or moved
        by one ATR."""
        sizing = Sizing(
            shares=exactly(shares),
            dollars=exactly(dollars),
            risk_percent=exactly(risk_percent),
            volatility_percent=exactly(volatility_percent),
        )
        if shares_max is not None:
            sizing = attrs.evolve(sizing, shares_max=exact(shares_max))
        return self._set(sizing=sizing)

    # -- the way in

    def enter(
        self,
        *,
        confidence_min: float = CONFIDENCE_MIN,
        entry: EntryOrder | None = None,
        when: Condition | str | None = None,
    ) -> Self:
        """On signals at or above this confidence, if ``when`` (a condition or an expression)
        holds as well; ``entry`` says by which order."""
        self._confidence_min = confidence_min
        self._enter_when = from_expression(when) if isinstance(when, str) else when
        return self if entry is None else self._set(entry=entry)

    def cooldown(self, seconds: float) -> Self:
        """So long after an execution no entry of the symbol."""
        self._cooldown_s = seconds
        return self

    def per_day(self, executions: int | None) -> Self:
        """At most so many a day; None: any number."""
        self._per_day_max = executions
        return self

    def on_opposite(self, what: OnOpposite) -> Self:
        """A signal against what is held: reverse, close, or ignore."""
        return self._set(on_opposite=what)

    def sell_means(self, what: SellMeans) -> Self:
        """A SELL closes a long position, or enters short."""
        self._sell_means = what
        return self

    # -- protection

    def stop(
        self,
        *,
        atr: float | None = None,
        percent: float | None = None,
        amount: float | None = None,
    ) -> Self:
        return self._set(stop=Distance(atr=atr, percent=percent, amount=amount))

    def trailing(
        self,
        *,
        atr: float | None = None,
        percent: float | None = None,
        amount: float | None = None,
    ) -> Self:
        """The stop is a trailing one, at this distance."""
        return self._set(trailing=Distance(atr=atr, percent=percent, amount=amount))

    def target(
        self,
        *,
        atr: float | None = None,
        percent: float | None = None,
        amount: float | None = None,
        portion: float | None = None,
    ) -> Self:
        """One target; again for the next one. ``portion`` is its per cent of the shares."""
        one = Target(atr=atr, percent=percent, amount=amount, portion=portion)
        self._targets += (one,)
        return self

    def no_target(self) -> Self:
        """Only the stop ends the trade."""
        self._targets = ()
        return self._set(target=())

    # -- adds

    def double_down(
        self, *levels: float, multiplier: float = 1.0, reanchor: Reanchor = "keep"
    ) -> Self:
        """Limit orders at these parts of the way to the stop; half-way if none is given."""
        chosen = levels or (0.5,)
        adds = DoubleDown(levels=chosen, multiplier=multiplier, reanchor=reanchor)
        return self._set(double_down=adds)

    def scale_in(
        self,
        trigger_percent: float = 2.0,
        *,
        portion: float | None = None,
        shares: Decimal | int | None = None,
        times_max: int = 1,
        stop: Distance | None = None,
        target: Distance | None = None,
        reanchor: Reanchor = "average",
    ) -> Self:
        """Add at this profit: ``portion`` per cent of what is held, or so many shares."""
        adds = ScaleIn(
            trigger_percent=trigger_percent, portion=portion, shares=exactly(shares),
            times_max=times_max, stop=stop, target=target, reanchor=reanchor,
        )  # fmt: skip
        return self._set(scale_in=adds)

    # -- the way out, and the rest

    def close_before_end(self, seconds: float | None) -> Self:
        """So long before the end of the session; None: hold overnight."""
        self._before_end_s = seconds
        return self

    def policy(self, **policies: Any) -> Self:
        """What happens when it does not go as planned: ``late_fill``, ``entry_partial``, …"""
        for key in policies:
            if key not in _POLICIES:
                raise ValueError(f"there is no policy {key}, {near(key, _POLICIES)}")
        return self._set(**policies)

    def rule(self, rule: Rule) -> Self:
        """One more rule, as it is."""
        self._rules += (rule,)
        return self

    def build(self) -> tuple[Rule, ...]:
        """The rules; what was built before stays as it is."""
        pattern = pattern_rules(
            self._name,
            self._symbols,
            self._whole,
            self._confidence_min,
            self._sell_means,
            self._cooldown_s,
            self._per_day_max,
            self._before_end_s,
            self._enter_when,
        )
        rules = (*pattern, *self._rules)
        check_rules(rules)
        return rules

    @property
    def _whole(self) -> Trade:
        return self._trade if not self._targets else attrs.evolve(self._trade, target=self._targets)

    def _set(self, **settings: Any) -> Self:
        self._trade = attrs.evolve(self._trade, **settings)
        for one in settings:
            check_settings(one, getattr(self._trade, one), hints_of(Trade)[one])
        return self

"""The usual rules, each in one call."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any, Final, Literal

import attrs

from engine.events import PredictionSignalEvent
from engine.inputs import SignalKind
from engine.money import exact
from engine.plans import Distance, Reanchor, ScaleIn, Trade
from engine.rules.actions import (
    Action,
    LinkedCloseAllAction,
    LinkedCreateOrderAction,
    LinkedScaleInAction,
)
from engine.rules.checks import is_number, near, shown
from engine.rules.comparisons import Comparison
from engine.rules.conditions import (
    Condition,
    EventCondition,
    PositionCondition,
    SessionCondition,
)
from engine.rules.rule import SYMBOL_COOLDOWN, Rule

SellMeans = Literal["close", "short"]

CONFIDENCE_MIN: Final = 0.5
COOLDOWN_S: Final = 180.0
PER_DAY_MAX: Final = 100
BEFORE_END_S: Final = 60.0
# The end of the day goes before everything, and adds come last.
END_PRIORITY, ENTRY_PRIORITY, ADD_PRIORITY = 100, 50, 10


def create_buy_rule(
    symbols: str | Iterable[str] = (),
    *,
    confidence_min: float = CONFIDENCE_MIN,
    trade: Trade | None = None,
    when: Condition | None = None,
    cooldown_s: float = COOLDOWN_S,
    per_day_max: int | None = PER_DAY_MAX,
    name: str = "",
    **settings: Any,
) -> Rule:
    """A BUY signal at or above the threshold enters long.

    ``when`` must hold as well, if given. The trade is ``trade``, or made from ``settings`` (those
    of a Trade: ``stop=``, ``target=``, ``sizing=``, …), or without both the strategy's own.
    Without ``symbols`` the rule is for all of the strategy's. Its id is ``<name>.buy``, where the
    name is that of the symbols if none is given.
    """
    then = LinkedCreateOrderAction("BUY", _trade(trade, settings))
    return _entry("buy", "BUY", symbols, name, then, confidence_min, cooldown_s, per_day_max, when)


def create_short_rule(
    symbols: str | Iterable[str] = (),
    *,
    confidence_min: float = CONFIDENCE_MIN,
    trade: Trade | None = None,
    when: Condition | None = None,
    cooldown_s: float = COOLDOWN_S,
    per_day_max: int | None = PER_DAY_MAX,
    name: str = "",
    **settings: Any,
) -> Rule:
    """A SHORT signal at or above the threshold enters short. See ``create_buy_rule``."""
    then = LinkedCreateOrderAction("SELL", _trade(trade, settings))
    return _entry(
        "short", "SHORT", symbols, name, then, confidence_min, cooldown_s, per_day_max, when
    )


def create_sell_rule(
    symbols: str | Iterable[str] = (),
    *,
    means: SellMeans = "close",
    confidence_min: float = CONFIDENCE_MIN,
    trade: Trade | None = None,
    when: Condition | None = None,
    cooldown_s: float = COOLDOWN_S,
    per_day_max: int | None = PER_DAY_MAX,
    name: str = "",
    **settings: Any,
) -> Rule:
    """A SELL signal at or above the threshold closes a long position, or enters short.

    A close knows neither cooldown nor daily limit, and takes no trade.
    """
    if means == "short":
        then = LinkedCreateOrderAction("SELL", _trade(trade, settings))
        return _entry(
            "sell", "SELL", symbols, name, then, confidence_min, cooldown_s, per_day_max, when
        )
    if means != "close":
        raise ValueError(f"means must be close or short, not {means!r}")
    if trade is not None or settings or when is not None:
        raise ValueError("a SELL that closes makes no trade: give means='short' or no trade")
    close = LinkedCloseAllAction("this", reason="signal", side="long")
    return _entry("sell", "SELL", symbols, name, close, confidence_min, None, None, None)


def create_scale_in_rule(
    symbols: str | Iterable[str] = (),
    *,
    trigger_percent: float = 2.0,
    portion: float | None = None,
    shares: Decimal | int | None = None,
    times_max: int = 1,
    stop: Distance | None = None,
    target: Distance | None = None,
    reanchor: Reanchor = "average",
    scale_in: ScaleIn | None = None,
    name: str = "",
) -> Rule:
    """Add to what is held once its profit reaches ``trigger_percent``.

    Give a ready ``scale_in`` instead of its settings, if there is one.
    """
    adds = scale_in or ScaleIn(
        trigger_percent=trigger_percent, portion=portion, shares=exactly(shares),
        times_max=times_max, stop=stop, target=target, reanchor=reanchor,
    )  # fmt: skip
    chosen = _symbols(symbols)
    return Rule(
        _id(name, chosen, "scale_in"),
        # How often is the action's to say, and the core's to count.
        PositionCondition(side="held", profit_percent_min=adds.trigger_percent),
        LinkedScaleInAction(adds),
        symbols=chosen,
        priority=ADD_PRIORITY,
    )


def create_eod_close_rule(
    symbols: str | Iterable[str] = (), *, before_end_s: float = BEFORE_END_S, name: str = ""
) -> Rule:
    """Close what is held this long before the end of the exchange's session, every day."""
    chosen = _symbols(symbols)
    return Rule(
        _id(name, chosen, "end_of_day"),
        SessionCondition(before_end_s),
        LinkedCloseAllAction("this", reason="end_of_day"),
        symbols=chosen,
        priority=END_PRIORITY,
    )


def _entry(
    what: str,
    signal: SignalKind,
    symbols: str | Iterable[str],
    name: str,
    then: Action,
    confidence_min: float,
    cooldown_s: float | None,
    per_day_max: int | None,
    when: Condition | None,
) -> Rule:
    """A rule for a signal, if ``when`` holds as well. Without ``cooldown_s`` it neither has a
    cooldown nor causes one."""
    if not is_number(confidence_min) or not 0 <= confidence_min <= 1:
        raise ValueError(f"confidence_min must be between 0 and 1, not {shown(confidence_min)}")
    chosen = _symbols(symbols)
    confidence = Comparison("confidence", ">=", confidence_min)
    arrived = EventCondition.of(PredictionSignalEvent, confidence, signal=signal)
    return Rule(
        _id(name, chosen, what),
        arrived if when is None else arrived & when,
        then,
        symbols=chosen,
        priority=ENTRY_PRIORITY,
        cooldown_s=cooldown_s or 0.0,
        executions_per_day_max=per_day_max,
        cooldown_group="" if cooldown_s is None else SYMBOL_COOLDOWN,
    )


def _symbols(symbols: str | Iterable[str]) -> tuple[str, ...]:
    return (symbols,) if isinstance(symbols, str) else tuple(symbols)


def _id(name: str, symbols: tuple[str, ...], what: str) -> str:
    return f"{name or '+'.join(symbols) or 'all'}.{what}"


def _trade(trade: Trade | None, settings: dict[str, Any]) -> Trade | None:
    """The trade that was given or described, if any was."""
    if not settings:
        return trade
    if trade is not None:
        raise ValueError(f"give trade or {', '.join(sorted(settings))}, not both")
    allowed = [one.name for one in attrs.fields(Trade)]
    for key in settings:
        if key not in allowed:
            raise ValueError(f"a trade has no {key}, {near(key, allowed)}")
    return Trade(**settings)


def exactly(value: Decimal | float | None) -> Decimal | None:
    """The decimal that was meant, if anything was."""
    return None if value is None else exact(value)

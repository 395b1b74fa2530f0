"""What the market and its indicators say to a condition, from the view a decision is made on."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from decimal import Decimal
from typing import Final

from engine.inputs import MarketView, Reading
from engine.money import exact
from engine.rules.checks import is_number
from engine.rules.conditions import Condition, IndicatorCondition, parts_of
from engine.rules.indicators import QUOTED, Indicator

_COMPARE: Final[dict[str, Callable[[float, float], bool]]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
    "crosses above": operator.gt,
    "crosses below": operator.lt,
}


def quoted(field: str, market: MarketView) -> Decimal | None:
    """A price of the market, exactly; None when there is no such price now.

    A crossed quote (bid above ask) is a market in pieces and has neither spread nor middle.
    """
    if field not in ("spread", "mid"):
        return _price(getattr(market, field))
    bid, ask = _price(market.bid), _price(market.ask)
    if bid is None or ask is None or bid > ask:
        return None
    return ask - bid if field == "spread" else (bid + ask) / 2


def _price(said: float | None) -> Decimal | None:
    return exact(said) if said is not None and is_number(said) and said > 0 else None


def reading(name: str, market: MarketView | None) -> Reading | None:
    if market is None:
        return None
    return next((one for one in market.indicators if one.name == name), None)


def compared(condition: IndicatorCondition, market: MarketView | None) -> bool | None:
    """Whether it holds; None: one of its sides is not known."""
    left, right = _side(condition.left, market), _side(condition.right, market)
    if left is None or right is None:
        return None
    holds = _COMPARE[condition.op](left, right)
    if not condition.op.startswith("crosses") or not holds:
        return holds
    before = _side(condition.left, market, before=True), _side(condition.right, market, before=True)
    if before[0] is None or before[1] is None:
        return None
    return not _COMPARE[condition.op](before[0], before[1])


def _side(operand: str | float, market: MarketView | None, *, before: bool = False) -> float | None:
    if isinstance(operand, float):
        return operand
    if operand in QUOTED:
        said = quoted(operand, market) if market is not None and not before else None
        return None if said is None else float(said)
    found = reading(operand, market)
    value = None if found is None else found.before if before else found.value
    return None if value is None or not math.isfinite(value) else value


def lacking(condition: Condition, market: MarketView | None) -> str:
    """What is not warm of all that a condition asks for, and what it needs; empty: nothing."""
    if isinstance(condition, IndicatorCondition):
        crosses = condition.op.startswith("crosses")
        said = (_lack(one, market, int(crosses)) for one in condition.indicators)
    else:
        said = (lacking(part, market) for part in parts_of(condition))
    return next((one for one in said if one), "")


def _lack(indicator: Indicator, market: MarketView | None, more: int) -> str:
    """``more`` bars than for its value, to compare it with the one before."""
    found = reading(str(indicator), market)
    value = None if found is None else found.before if more else found.value
    if value is not None:
        return ""
    needs, has = indicator.needs + more, 0 if found is None else found.bars
    return f"{indicator} needs {needs} {'bar' if needs == 1 else 'bars'}, has {has or 'none'}"

"""Conditions on an order: it waits, or is cancelled, when they come true.

The numbers of the kinds are those of the protocol. Each condition says how it is joined to the
next one; they are taken from left to right.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Final

import attrs

PRICE, TIME, MARGIN, EXECUTION, VOLUME, PERCENT = 1, 3, 4, 5, 6, 7
SERVED: Final = frozenset({PRICE, TIME, EXECUTION, VOLUME, PERCENT})
OF_A_MARKET: Final = frozenset({PRICE, VOLUME, PERCENT})
LAST_TRADE: Final = frozenset({0, 2})  # methods of triggering: the default, and this one


@attrs.frozen(kw_only=True)
class Condition:
    """One condition. ``value`` is a price, a number of shares or a percentage; ``time_ns`` a
    moment. ``symbol`` names the instrument of an execution or (once ``con_id`` has been looked
    up) of a market; ``text`` is the value as the client wrote it, to be echoed."""

    kind: int
    conjunction: bool = True  # and; otherwise or
    is_more: bool = True
    value: Decimal = Decimal(0)
    text: str = ""
    time_ns: int = 0
    con_id: int = 0
    exchange: str = ""
    symbol: str = ""
    sec_type: str = ""
    trigger_method: int = 0


def met(conditions: Sequence[Condition], holds: Callable[[Condition], bool]) -> bool:
    """Whether the conditions as a whole are true; none at all are."""
    result, joined_by_and = True, True
    for one in conditions:
        this = holds(one)
        result = (result and this) if joined_by_and else (result or this)
        joined_by_and = one.conjunction
    return result


def reached(condition: Condition, value: Decimal | float | None) -> bool:
    """Whether a figure of the market is on the side that the condition asks for."""
    if value is None:
        return False
    return value >= condition.value if condition.is_more else value <= condition.value

"""The first risk gate: pure functions, last before a command leaves, with enumerated reasons.

Entries are refused for any reason below. What reduces risk is never refused by a limit meant
for entries; it is checked for one thing only, that it cannot turn the position over.
"""

from __future__ import annotations

import math
from decimal import Decimal

import attrs

from engine.config import SECOND_NS, Limits
from engine.inputs import MarketView, Side
from engine.money import ZERO
from engine.reasons import Reason


@attrs.frozen
class Exposure:
    """What the account carries now, worst case: everything that may fill, fills."""

    gross_notional: Decimal
    positions: int
    orders_last_minute: int


@attrs.frozen
class Entry:
    """An entry about to be sent, with its protection. ``quote`` is what the market showed."""

    side: int
    quantity: Decimal
    price: Decimal
    limit_price: Decimal | None
    stop_price: Decimal
    orders: int
    quote: Decimal


@attrs.frozen
class Add:
    """An add about to be sent. ``value`` and ``risk`` are of the whole trade if everything fills:
    what it cost, and what is lost when every stop is hit at its price."""

    quantity: Decimal
    price: Decimal
    value: Decimal
    risk: Decimal
    orders: int


def market_reason(market: MarketView | None, side: Side, limits: Limits) -> Reason | None:
    """Why no decision may rest on this view of the market; None when it may."""
    price = market.price(side) if market is not None else None
    if market is None or price is None or not math.isfinite(price) or price <= 0:
        return Reason.NO_PRICE  # TWS says -1, 0 or NaN when there is none
    if market.bid and market.ask and market.bid > market.ask:
        return Reason.NO_PRICE  # crossed: one of the two is wrong
    if market.halted:
        return Reason.HALTED
    if not market.live:
        return Reason.DATA_NOT_LIVE
    age_ns = market.quote_age_ns
    if age_ns is None or age_ns > limits.quote_age_max_s * SECOND_NS:
        return Reason.STALE_PRICE
    return None


def entry_reason(entry: Entry, exposure: Exposure, limits: Limits) -> Reason | None:
    """The first limit that an entry would break; None when it passes."""
    notional = entry.quantity * entry.price
    if entry.quantity <= 0:
        return Reason.NO_SIZE
    if entry.stop_price <= 0 or (entry.price - entry.stop_price) * entry.side <= 0:
        return Reason.NO_STOP
    reason = _size_reason(entry.quantity, notional, exposure, limits)
    if reason is not None:
        return reason
    if notional > limits.position_notional_max:
        return Reason.NOTIONAL_TOO_LARGE
    if entry.quantity * abs(entry.price - entry.stop_price) > limits.position_risk_max:
        return Reason.RISK_TOO_LARGE
    if exposure.positions + 1 > limits.positions_max:
        return Reason.TOO_MANY_POSITIONS
    if exposure.orders_last_minute + entry.orders > limits.orders_per_minute_max:
        return Reason.TOO_MANY_ORDERS
    if entry.limit_price is not None:
        collar = entry.quote * Decimal(str(limits.collar_percent)) / 100
        if abs(entry.limit_price - entry.quote) > collar:
            return Reason.OUTSIDE_COLLAR
    return None


def add_reason(add: Add, exposure: Exposure, limits: Limits) -> Reason | None:
    """The first limit that an add would break; None when it passes."""
    if add.quantity <= 0 or add.price <= 0:
        return Reason.NO_SIZE
    reason = _size_reason(add.quantity, add.quantity * add.price, exposure, limits)
    if reason is not None:
        return reason
    if add.value > limits.position_notional_max:
        return Reason.NOTIONAL_TOO_LARGE
    if add.risk > limits.position_risk_max:
        return Reason.RISK_TOO_LARGE
    if exposure.orders_last_minute + add.orders > limits.orders_per_minute_max:
        return Reason.TOO_MANY_ORDERS
    return None


def _size_reason(
    quantity: Decimal, notional: Decimal, exposure: Exposure, limits: Limits
) -> Reason | None:
    if quantity > limits.order_shares_max:
        return Reason.ORDER_TOO_LARGE
    if notional > limits.order_notional_max:
        return Reason.NOTIONAL_TOO_LARGE
    if exposure.gross_notional + notional > limits.gross_notional_max:
        return Reason.GROSS_TOO_LARGE
    return None


def exit_reason(held: Decimal, worst_case: Decimal) -> Reason | None:
    """Whether exits that could trade ``worst_case`` shares might turn ``held`` over."""
    return Reason.WOULD_CROSS_ZERO if worst_case > max(abs(held), ZERO) else None

"""How many shares an entry takes. Each kind of size has its own unit; none is ever guessed."""

from __future__ import annotations

import math
from collections.abc import Iterator
from decimal import ROUND_FLOOR, Decimal

from engine.config import Limits
from engine.money import FAR, ZERO, exact
from engine.plans import Sizing
from engine.records import frozen


@frozen
class Size:
    """``cap`` is the setting that has made it smaller than ``wanted``; empty: none has."""

    shares: Decimal
    wanted: Decimal
    cap: str = ""


def entry_size(
    sizing: Sizing,
    price: Decimal,
    lot: Decimal,
    stop_distance: Decimal | None = None,
    equity: Decimal | None = None,
    atr: float | None = None,
    limits: Limits | None = None,
) -> Size:
    """Shares for an entry at ``price``, a whole number of lots.

    By risk: equity x per cent / stop distance, the shares whose loss at the stop is that part
    of ``equity`` (both in the currency of the price). By volatility: the same with one ATR in
    place of the distance, so that calm and wild symbols move the account alike.

    ``shares_max`` caps each of them. What follows from the account and the market, and nobody has
    stated, is cut to what ``limits`` allow one order as well.

    Zero means that the size cannot be formed (price or distance not above 0, or less than one
    lot fits); the caller refuses the entry.
    """
    wanted = _wanted(sizing, price, stop_distance, equity, atr) if price > 0 else ZERO
    wanted = min(wanted, FAR)  # a stop that is hardly away, at a price of nearly nothing
    size = Size(whole_lots(wanted, lot), whole_lots(wanted, lot))
    for cap, most in _caps(sizing, price, limits):
        if (shares := whole_lots(most, lot)) < size.shares:
            size = Size(shares, size.wanted, cap)
    return size


def _caps(sizing: Sizing, price: Decimal, limits: Limits | None) -> Iterator[tuple[str, Decimal]]:
    yield "sizing.shares_max", sizing.shares_max
    if limits is not None and sizing.needs_equity and price > 0:
        yield "limits.order_shares_max", limits.order_shares_max
        yield "limits.order_notional_max", limits.order_notional_max / price


def _wanted(
    sizing: Sizing,
    price: Decimal,
    stop_distance: Decimal | None,
    equity: Decimal | None,
    atr: float | None,
) -> Decimal:
    if sizing.shares is not None:
        return sizing.shares
    if sizing.dollars is not None:
        return sizing.dollars / price
    percent, move = sizing.risk_percent, stop_distance
    if percent is None:
        percent = sizing.volatility_percent
        move = exact(atr) if atr is not None and math.isfinite(atr) else None
    assert percent is not None
    if equity is None or equity <= 0 or move is None or move <= 0:
        return ZERO
    return equity * percent / 100 / move


def whole_lots(shares: Decimal, lot: Decimal) -> Decimal:
    return (shares / lot).quantize(Decimal(1), ROUND_FLOOR) * lot

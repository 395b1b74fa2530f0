"""How many shares an entry takes. Each kind of size has its own unit; none is ever guessed."""

from __future__ import annotations

import math
from decimal import ROUND_FLOOR, Decimal

from engine.money import ZERO, exact
from engine.plans import Sizing


def entry_quantity(
    sizing: Sizing,
    price: Decimal,
    lot: Decimal,
    stop_distance: Decimal | None = None,
    equity: Decimal | None = None,
    atr: float | None = None,
) -> Decimal:
    """Shares for an entry at ``price``, a whole number of lots, capped at ``shares_max``.

    By risk: equity x per cent / stop distance, the shares whose loss at the stop is that part
    of ``equity`` (both in the currency of the price). By volatility: the same with one ATR in
    place of the distance, so that calm and wild symbols move the account alike.

    Zero means that the size cannot be formed (price or distance not above 0, or less than one
    lot fits); the caller refuses the entry.
    """
    if price <= 0:
        return ZERO
    if sizing.shares is not None:
        wanted = sizing.shares
    elif sizing.dollars is not None:
        wanted = sizing.dollars / price
    else:
        percent, move = sizing.risk_percent, stop_distance
        if percent is None:
            percent = sizing.volatility_percent
            move = exact(atr) if atr is not None and math.isfinite(atr) else None
        assert percent is not None
        if equity is None or equity <= 0 or move is None or move <= 0:
            return ZERO
        wanted = equity * percent / 100 / move
    return whole_lots(min(wanted, sizing.shares_max), lot)


def whole_lots(shares: Decimal, lot: Decimal) -> Decimal:
    return (shares / lot).quantize(Decimal(1), ROUND_FLOOR) * lot

"""How many shares an entry takes. Each kind of size has its own unit; none is ever guessed."""

from __future__ import annotations

from decimal import ROUND_FLOOR, Decimal

from engine.money import ZERO
from engine.plans import Sizing


def entry_quantity(
    sizing: Sizing,
    price: Decimal,
    lot: Decimal,
    stop_distance: Decimal | None = None,
    equity: Decimal | None = None,
) -> Decimal:
    """Shares for an entry at ``price``, a whole number of lots, capped at ``shares_max``.

    By risk: equity x per cent / stop distance, the shares whose loss at the stop is that part
    of ``equity`` (both in the currency of the price).

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
        assert sizing.risk_percent is not None
        if equity is None or equity <= 0 or stop_distance is None or stop_distance <= 0:
            return ZERO
        wanted = equity * sizing.risk_percent / 100 / stop_distance
    return whole_lots(min(wanted, sizing.shares_max), lot)


def whole_lots(shares: Decimal, lot: Decimal) -> Decimal:
    return (shares / lot).quantize(Decimal(1), ROUND_FLOOR) * lot

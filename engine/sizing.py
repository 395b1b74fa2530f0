"""How many shares an entry takes. Each kind of size has its own unit; none is ever guessed."""

from __future__ import annotations

from decimal import ROUND_FLOOR, Decimal

from engine.money import ZERO
from engine.plans import Sizing


def entry_quantity(sizing: Sizing, price: Decimal, lot: Decimal) -> Decimal:
    """Shares for an entry at ``price``, a whole number of lots, capped at ``shares_max``.

    Zero means that the size cannot be formed (price not above 0, or less than one lot fits);
    the caller refuses the entry.
    """
    if price <= 0:
        return ZERO
    if sizing.shares is not None:
        wanted = sizing.shares
    else:
        assert sizing.dollars is not None
        wanted = sizing.dollars / price
    capped = min(wanted, sizing.shares_max)
    return (capped / lot).quantize(Decimal(1), ROUND_FLOOR) * lot

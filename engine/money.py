"""Exact prices and quantities: the only place where a number is rounded.

Order prices and all quantities are ``Decimal``. Market data are doubles; ``exact`` crosses over
by the shortest decimal that reads back as the same double, which is what the exchange printed.
"""

from __future__ import annotations

import math
import operator
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Final, Literal

import attrs

from engine.errors import UserError

ZERO: Final = Decimal(0)
FAR: Final = Decimal(10) ** 15  # no price, size or sum of an account is: it is damaged, or "unset"
Direction = Literal["down", "up"]
_ROUNDING: Final = {"down": ROUND_FLOOR, "up": ROUND_CEILING}


def exact(value: float | str | int | Decimal) -> Decimal:
    """The decimal that was meant by ``value``.

    Raises:
        ValueError: it is not a finite number. A parse failure is never turned into zero.
    """
    try:
        # Not by its own name for itself: doubles of numpy are doubles that say their type.
        number = Decimal(float.__repr__(value) if isinstance(value, float) else value)
    except TypeError:
        # A whole number of another kind.
        number = Decimal(operator.index(value))  # type: ignore[arg-type]
    except ArithmeticError:
        raise ValueError(f"{value!r} is not a number") from None
    if not number.is_finite():
        raise ValueError(f"{value!r} is not a finite number")
    return number


@attrs.frozen
class Grid:
    """Allowed prices of an instrument: (low edge, increment) bands, ascending, first edge 0.

    IB states them as a market rule (``reqMarketRule``); ``minTick`` of the contract details is
    only the smallest increment found anywhere and does not say which prices are legal.
    """

    bands: tuple[tuple[Decimal, Decimal], ...] = ((ZERO, Decimal("0.01")),)

    def __attrs_post_init__(self) -> None:
        if not self.bands or self.bands[0][0] != 0:
            raise UserError("a price grid starts with a band at 0")
        if any(increment <= 0 for _, increment in self.bands):
            raise UserError("the increment of a price band is above 0")

    def increment(self, price: Decimal) -> Decimal:
        found = self.bands[0][1]
        for edge, increment in self.bands:
            if price < edge:
                break
            found = increment
        return found

    def on(self, price: Decimal) -> bool:
        return price % self.increment(price) == 0

    def round(self, price: Decimal, direction: Direction) -> Decimal:
        """The nearest legal price at or beyond ``price`` in ``direction``.

        Rounding up may cross into a band with a coarser increment, whose edge is itself legal.
        """
        increment = self.increment(price)
        steps = (price / increment).to_integral_value(_ROUNDING[direction])
        return (steps * increment).quantize(increment)


CENTS: Final = Grid()


def wire_price(price: Decimal) -> float:
    """The double that TWS wants on the wire; reads back as the same decimal."""
    number = float(price)
    assert math.isfinite(number), price
    assert Decimal(repr(number)) == price, f"{price} has no exact double of the same digits"
    return number

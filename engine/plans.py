"""How one trade is made: its size, entry, protection and adds, and its policies.

Plain settings with their bounds. A strategy has them as its own, and a rule's action may carry
others. Names end in their unit; ``percent`` means per cent (3 is 3 %), never a fraction.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final, Literal

import attrs
from attrs import field

SIDE_MOST: Final = 20  # live orders on one side of a contract that TWS takes of an account (B11)
SIDE_LEAST: Final = 15  # from here on it has been seen to refuse them
PLACES_EACH: Final = 2  # part of a trade: a stop, and a target or the close that comes for it
PERCENT_MAX: Final = 10_000  # of profit
PARTS_MAX: Final = 8  # of one trade

EntryType = Literal["market", "limit", "stop"]
OnOpposite = Literal["reverse", "close", "ignore"]
Reanchor = Literal["keep", "average"]
EntryPartial = Literal["keep", "flatten"]
LateFill = Literal["protect", "flatten"]
Resize = Literal["amend", "replace"]
TargetTif = Literal["GTC", "DAY"]


def positive(instance: object, attribute: attrs.Attribute[Any], value: Any) -> None:
    if value is not None and value <= 0:
        raise ValueError(f"{attribute.name} must be above 0, not {value}")


def not_negative(instance: object, attribute: attrs.Attribute[Any], value: Any) -> None:
    if value is not None and value < 0:
        raise ValueError(f"{attribute.name} must be 0 or above, not {value}")


@attrs.frozen
class Between:
    """A validator; both bounds are included, unless ``above``: then the lower one is not."""

    low: float
    high: float
    above: bool = False

    def __call__(self, instance: object, attribute: attrs.Attribute[Any], value: Any) -> None:
        if value is None:
            return
        if value < self.low or (self.above and value == self.low):
            allowed = f"above {self.low}" if self.above else f"{self.low} or above"
        elif value > self.high:
            allowed = f"{self.high} at most"
        else:
            return
        raise ValueError(f"{attribute.name} must be {allowed}, not {value}")


def fraction(instance: object, attribute: attrs.Attribute[Any], value: float) -> None:
    if not 0 <= value <= 1:
        raise ValueError(f"{attribute.name} must be between 0 and 1, not {value}")


@attrs.frozen(kw_only=True)
class Sizing:
    """How many shares an entry takes: exactly one of the four is given, each in its own unit.

    ``risk_percent`` is the part of the account's equity that is lost at the stop;
    ``volatility_percent`` the part that a move of one ATR against the trade costs.
    """

    shares: Decimal | None = field(default=None, validator=positive)
    dollars: Decimal | None = field(default=None, validator=positive)
    risk_percent: Decimal | None = field(default=None, validator=positive)
    volatility_percent: Decimal | None = field(default=None, validator=positive)
    shares_max: Decimal = field(default=Decimal(10_000), validator=positive)

    def __attrs_post_init__(self) -> None:
        given = (self.shares, self.dollars, self.risk_percent, self.volatility_percent)
        if sum(one is not None for one in given) != 1:
            raise ValueError(
                "sizing takes exactly one of shares, dollars, risk_percent, volatility_percent"
            )

    @property
    def needs_equity(self) -> bool:
        return self.shares is None and self.dollars is None


@attrs.frozen(kw_only=True)
class Distance:
    """A distance from a price: a multiple of ATR, else per cent of the price; or an amount.

    ATR wins when both are given and it is warm; per cent is the fallback.
    """

    atr: float | None = field(default=None, validator=positive)
    percent: float | None = field(default=None, validator=positive)
    amount: float | None = field(default=None, validator=positive)  # in the currency of the price

    def __attrs_post_init__(self) -> None:
        relative = self.atr is not None or self.percent is not None
        if relative == (self.amount is not None):
            raise ValueError("a distance takes atr, percent or both; or amount alone")


@attrs.frozen(kw_only=True)
class Target(Distance):
    """Where a part of the shares is sold with profit.

    ``portion`` is its per cent of the shares; without it, all targets have equal parts.
    """

    portion: float | None = field(default=None, validator=positive)


@attrs.frozen(kw_only=True)
class EntryOrder:
    """How the entry is ordered. A limit lies ``offset`` on the better side of the price, a stop
    (for break-outs) on the worse side; a market order has none."""

    type: EntryType = "market"
    offset: Distance | None = None

    def __attrs_post_init__(self) -> None:
        if (self.type == "market") != (self.offset is None):
            raise ValueError("entry takes an offset if its type is limit or stop, else none")


@attrs.frozen(kw_only=True)
class DoubleDown:
    """Adds at a loss: a limit order at each of ``levels``, parts of the way to the actual stop,
    one after the other, for ``multiplier`` times what is held then."""

    levels: tuple[float, ...] = (0.5,)
    multiplier: float = field(default=1.0, validator=positive)
    reanchor: Reanchor = "keep"

    def __attrs_post_init__(self) -> None:
        if not self.levels or any(not 0 < level < 1 for level in self.levels):
            raise ValueError("levels lie between 0 (the entry) and 1 (the stop), both excluded")
        if list(self.levels) != sorted(set(self.levels)):
            raise ValueError("levels rise: the nearest to the entry first")


@attrs.frozen(kw_only=True)
class ScaleIn:
    """Adds with profit: at or above ``trigger_percent`` on the average price, at the market.

    ``portion`` is per cent of what is held then, or ``shares`` says how many. ``stop`` and
    ``target`` are the distances from then on (those of the trade where not given).
    """

    trigger_percent: float = field(default=2.0, validator=Between(0, PERCENT_MAX, above=True))
    portion: float | None = field(default=None, validator=positive)
    shares: Decimal | None = field(default=None, validator=positive)
    times_max: int = field(default=1, validator=positive)
    stop: Distance | None = None
    target: Distance | None = None
    reanchor: Reanchor = "average"

    def __attrs_post_init__(self) -> None:
        if self.portion is not None and self.shares is not None:
            raise ValueError("scale_in takes portion or shares, not both")


@attrs.frozen(kw_only=True)
class Trade:
    """How a trade is made, and what happens when it does not go as planned."""

    sizing: Sizing = Sizing(dollars=Decimal(30_000))
    entry: EntryOrder = EntryOrder()
    stop: Distance = Distance(atr=6.0, percent=3.0)
    target: tuple[Target, ...] = (Target(atr=4.0, percent=8.0),)
    trailing: Distance | None = None  # the stop is a native trailing one, at this distance
    double_down: DoubleDown | None = None
    scale_in: ScaleIn | None = None
    # policies
    on_opposite: OnOpposite = "reverse"
    late_fill: LateFill = "flatten"
    entry_partial: EntryPartial = "keep"  # what becomes of a part when its time is over
    entry_partial_timeout_s: float | None = field(default=None, validator=positive)  # None: waits
    stop_unfilled_after_s: float | None = field(default=10.0, validator=positive)  # None: never
    target_tif: TargetTif = "GTC"
    outside_rth: bool = False
    resize: Resize = "amend"  # how an exit gets another size or price

    def __attrs_post_init__(self) -> None:
        portions = [one.portion for one in self.target]
        given = [portion for portion in portions if portion is not None]
        if given and (len(given) != len(portions) or sum(given) > 100):
            raise ValueError("target: every portion or none is given, and 100 at most together")
        if len(self.target) > TARGETS_MAX:
            raise ValueError(f"target: {TARGETS_MAX} at most")
        if self.trailing is not None and (self.trailing.percent or 0.0) >= 100:
            raise ValueError(f"trailing: percent must be below 100, not {self.trailing.percent}")


TARGETS_MAX = 4

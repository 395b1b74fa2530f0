"""A finished trade as a report knows it, and the path that it took."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

import attrs

from engine.backtest.ledger import LedgerTrade
from engine.money import ZERO

PRICES_MAX: Final = 600  # of one trade; more are thinned out


@attrs.frozen(kw_only=True)
class ReportTrade(LedgerTrade):
    """``decision`` is the price at which it was decided. Slippage is per share, above zero where
    it cost: of the entry against ``decision``, of the exit against where its orders acted, or
    the market when they were decided; None where the journal does not know. ``slippage`` is both
    in money, of what is known. ``held_s`` is from the first fill to the last."""

    rule: str
    decision: Decimal
    entry_slippage: Decimal | None
    exit_slippage: Decimal | None
    slippage: Decimal
    held_s: float


@attrs.frozen
class Fill:
    time_ns: int
    side: str
    role: str
    quantity: Decimal
    price: Decimal


@attrs.frozen
class Open:
    """What is held at the end; it is in no ledger yet."""

    symbol: str
    side: str
    quantity: Decimal
    average_price: Decimal
    rule: str
    opened_ns: int


Level = tuple[int, float | None]  # since when, and the price; None: there is none


@attrs.define
class Prices:
    """Of one symbol, as far as they were seen. Of too many every other one is dropped."""

    points: list[tuple[int, float]] = attrs.field(factory=list)
    _every: int = 1
    _seen: int = 0

    def add(self, time_ns: int, price: float) -> None:
        self._seen += 1
        if self._seen % self._every:
            return
        self.points.append((time_ns, price))
        if len(self.points) > PRICES_MAX:
            del self.points[1::2]
            self._every *= 2


@attrs.define
class Path:
    """What happened to one context: its fills by their identity, where its nearest stop and target
    stood, and prices. ``reference`` is what fills of an exit are compared with, by order;
    ``looked`` is whether there were ticks of its time."""

    fills: dict[str, Fill] = attrs.field(factory=dict)
    stops: list[Level] = attrs.field(factory=list)
    targets: list[Level] = attrs.field(factory=list)
    prices: Prices = attrs.field(factory=Prices)
    reference: dict[int, Decimal | None] = attrs.field(factory=dict)
    slipped: Decimal = ZERO  # what trades have told of it; more than one if shares came late
    looked: bool = False

    @property
    def filled_ns(self) -> tuple[int, int]:
        """Of the first and the last fill."""
        times = [one.time_ns for one in self.fills.values() if one.quantity]
        return min(times, default=0), max(times, default=0)


def note_level(levels: list[Level], time_ns: int, price: Decimal | None) -> None:
    level = None if price is None else float(price)
    if level != (levels[-1][1] if levels else None):
        levels.append((time_ns, level))


def mean(parts: list[tuple[Decimal, Decimal]]) -> Decimal | None:
    """Of (shares, value) the value of a share."""
    shares = sum((one for one, _ in parts), ZERO)
    return sum((one for _, one in parts), ZERO) / shares if shares else None


@attrs.frozen
class Told:
    """A trade with its path."""

    trade: ReportTrade
    path: Path

    def data(self) -> dict[str, Any]:
        """For JSON, beside the row of the ledger."""
        path = self.path
        return {
            "fills": [
                {**attrs.asdict(one), "quantity": float(one.quantity), "price": float(one.price)}
                for one in path.fills.values()
            ],
            "stops": path.stops,
            "targets": path.targets,
        }

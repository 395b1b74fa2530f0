"""The simulated account: cash, positions, profit and commissions, in exact decimals.

As at IB, the average cost of a stock includes the commission of the opening trades, and the
realised profit of a closing trade is net of both commissions. Where an average does not come
out even, the cost taken out is rounded to 1e-8 and the rest stays in the position, so that
nothing is ever lost: cash + cost of what is held == deposits + realised profit, exactly.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Final

import attrs

from engine.inputs import Instrument, Side
from engine.money import ZERO
from engine.sim.policies import Policies
from engine.sim.records import PositionNotice

CURRENCY: Final = "USD"
_RESOLUTION: Final = Decimal("1e-8")
_CENT: Final = Decimal("0.01")
_NOTHING: Final = "0.00"
Mark = Callable[[str], Decimal | None]


def signed(side: Side, quantity: Decimal) -> Decimal:
    return quantity if side == "BUY" else -quantity


def commission(policies: Policies, quantity: Decimal, value: Decimal) -> Decimal:
    """What an order pays in total once ``quantity`` shares for ``value`` dollars have filled.

    Fixed pricing of IB for US stocks: a rate per share with a minimum per order and a maximum
    share of the trade value; where the maximum is below the minimum the maximum holds.
    """
    charged = max(policies.commission_per_share * quantity, policies.commission_min)
    return min(charged, policies.commission_max_fraction * value)


@attrs.define
class Position:
    instrument: Instrument
    quantity: Decimal = ZERO
    cost: Decimal = ZERO  # signed like the quantity: what was paid, below 0 for a short
    realised: Decimal = ZERO

    @property
    def average_cost(self) -> Decimal:
        return self.cost / self.quantity if self.quantity else ZERO

    def apply(self, side: Side, quantity: Decimal, price: Decimal, fee: Decimal) -> Decimal | None:
        """Book one execution; the realised profit, or None when nothing was closed."""
        change = signed(side, quantity)
        closing = min(quantity, abs(self.quantity)) if self.quantity * change < 0 else ZERO
        if closing == 0:
            self.quantity += change
            self.cost += change * price + fee
            return None
        closing_fee = (
            fee if closing == quantity else (fee * closing / quantity).quantize(_RESOLUTION)
        )
        if closing == abs(self.quantity):
            released = self.cost
        else:
            released = (self.cost * closing / abs(self.quantity)).quantize(_RESOLUTION)
        # Selling brings in closing * price against the released cost; buying back pays it.
        realised = -signed(side, closing) * price - released - closing_fee
        opening = quantity - closing
        self.quantity += change
        self.cost -= released
        self.realised += realised
        if opening:
            self.cost += signed(side, opening) * price + (fee - closing_fee)
        return realised


@attrs.define
class Account:
    """One account. ``mark`` gives the price at which a symbol is valued, None when unknown."""

    name: str
    policies: Policies
    mark: Mark
    cash: Decimal = ZERO
    book: dict[str, Position] = attrs.field(factory=dict)

    def __attrs_post_init__(self) -> None:
        self.cash = self.policies.cash

    def position(self, symbol: str) -> Decimal:
        held = self.book.get(symbol)
        return held.quantity if held else ZERO

    def realised(self, symbol: str) -> Decimal:
        """What a symbol has brought in so far, corrections of its executions included."""
        held = self.book.get(symbol)
        return held.realised if held else ZERO

    def apply(
        self, instrument: Instrument, side: Side, quantity: Decimal, price: Decimal, fee: Decimal
    ) -> Decimal | None:
        """Book one execution with its commission; the realised profit, None for an opening."""
        held = self.book.get(instrument.symbol)
        if held is None:
            held = self.book[instrument.symbol] = Position(instrument)
        self.cash -= signed(side, quantity) * price + fee
        return held.apply(side, quantity, price, fee)

    def notice(self, symbol: str) -> PositionNotice:
        held = self.book[symbol]
        return PositionNotice(self.name, held.instrument, held.quantity, held.average_cost)

    def positions(self) -> list[PositionNotice]:
        """What is held now; flat symbols are left out, as reqPositions does."""
        return [self.notice(symbol) for symbol, held in self.book.items() if held.quantity]

    def value_of(self, held: Position) -> Decimal:
        """Market value, signed; at cost while the symbol has no price."""
        if not held.quantity:
            return ZERO
        price = self.mark(held.instrument.symbol)
        return held.cost if price is None else held.quantity * price

    def net_liquidation(self) -> Decimal:
        return self.cash + sum(map(self.value_of, self.book.values()), ZERO)

    def gross_value(self) -> Decimal:
        return sum((abs(self.value_of(held)) for held in self.book.values()), ZERO)

    def available(self) -> Decimal:
        return self.net_liquidation() - self.policies.margin_rate * self.gross_value()

    def buying_power(self) -> Decimal:
        return self._power(self.available())

    def _power(self, available: Decimal) -> Decimal:
        rate, left = self.policies.margin_rate, max(available, ZERO)
        return left / rate if rate else left

    def values(self) -> list[tuple[str, str, str]]:
        """(key, value, currency) as account updates state them; money to the cent."""
        held = gross = unrealised = realised = ZERO
        for one in self.book.values():
            worth = self.value_of(one)
            held += worth
            gross += abs(worth)
            unrealised += worth - one.cost
            realised += one.realised
        value = self.cash + held
        margin = self.policies.margin_rate * gross
        available = value - margin
        total, cash, free, required = map(_cents, (value, self.cash, available, margin))
        return [
            ("AccountType", "INDIVIDUAL", ""),
            ("AccountReady", "true", ""),
            ("NetLiquidation", total, CURRENCY),
            ("TotalCashValue", cash, CURRENCY),
            ("CashBalance", cash, CURRENCY),
            ("SettledCash", cash, CURRENCY),
            ("AccruedCash", _NOTHING, CURRENCY),
            ("StockMarketValue", _cents(value - self.cash), CURRENCY),
            ("GrossPositionValue", _cents(gross), CURRENCY),
            ("EquityWithLoanValue", total, CURRENCY),
            ("AvailableFunds", free, CURRENCY),
            ("ExcessLiquidity", free, CURRENCY),
            ("BuyingPower", _cents(self._power(available)), CURRENCY),
            ("InitMarginReq", required, CURRENCY),
            ("MaintMarginReq", required, CURRENCY),
            ("UnrealizedPnL", _cents(unrealised), CURRENCY),
            ("RealizedPnL", _cents(realised), CURRENCY),
        ]


def _cents(amount: Decimal) -> str:
    found = str(amount.quantize(_CENT))
    return _NOTHING if found == "-0.00" else found

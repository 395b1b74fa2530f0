"""What is held of each symbol and what it has made, read off the ledgers.

A symbol's shares belong to at most one trade under way, to trades that have ended and are not
told yet (or got a late fill), and to orders that a program placed directly. Each has its own
ledger; nothing is kept here.
"""

from __future__ import annotations

from decimal import Decimal

import attrs

from engine.contexts import Context
from engine.groups import NO_PAST, Group, Past
from engine.inputs import MarketView
from engine.money import ZERO
from engine.positions import Position
from engine.records import frozen
from engine.state import State


@frozen
class Holding:
    """Signed shares with their average cost (0 when flat) and what they have realised so far,
    after ``commission``, in the instrument's currency."""

    quantity: Decimal = ZERO
    average_price: Decimal = ZERO
    realised: Decimal = ZERO
    commission: Decimal = ZERO

    def unrealised(self, price: float | None) -> float:
        """At a price; 0 without one."""
        return float(self.quantity) * (price - float(self.average_price)) if price else 0.0

    def __add__(self, other: Holding) -> Holding:
        """Both together. Where they are on two sides, the average is the price at which the rest
        of them would end without profit."""
        if other is FLAT or self is FLAT:
            return self if other is FLAT else other
        held = self.quantity + other.quantity
        value = self.quantity * self.average_price + other.quantity * other.average_price
        if not self.quantity or not other.quantity:
            average = self.average_price + other.average_price  # one of them is 0
        else:
            average = value / held if held else ZERO
        return Holding(
            held,
            average,
            self.realised + other.realised,
            self.commission + other.commission,
        )


FLAT = Holding()


@attrs.define
class Holdings:
    """Of one symbol. ``trade`` is what has not been told as a finished trade of the present
    context, ``ended`` the same of earlier ones, ``direct`` all of orders placed directly since
    the journal began."""

    context: Context | None = None
    trade: Holding = FLAT
    ended: Holding = FLAT
    direct: Holding = FLAT

    @property
    def parts(self) -> tuple[Holding, Holding, Holding]:
        return self.trade, self.ended, self.direct

    @property
    def all(self) -> Holding:
        return self.trade + self.ended + self.direct

    def unrealised(self, market: MarketView) -> float:
        return sum(part.unrealised(closing_price(part, market)) for part in self.parts)


def closing_price(held: Holding, market: MarketView) -> float | None:
    """The bid of a long, the ask of a short; the last trade without a quote."""
    return (market.bid if held.quantity > 0 else market.ask) or market.last


def holdings(state: State) -> dict[str, Holdings]:
    """Of every symbol that has anything to tell, in one pass."""
    found: dict[str, Holdings] = {}
    for context in state.contexts.values():
        one = found.setdefault(context.symbol, Holdings())
        if state.current.get(context.symbol) is context:
            one.context, one.trade = context, _of_context(context)
        else:
            one.ended += _of_context(context)
    groups: dict[str, list[Group]] = {symbol: [] for symbol in state.direct_past}
    for group in state.groups.values():
        if group.ledger.fills:
            groups.setdefault(group.symbol, []).append(group)
    for symbol, placed in groups.items():
        found.setdefault(symbol, Holdings()).direct = directly_held(state, symbol, placed)
    return found


def _of_context(context: Context) -> Holding:
    """What its finished trades have told already is not in it."""
    position = context.ledger.position
    commission = context.ledger.commission - context.trade_commission
    return Holding(
        position.quantity,
        position.average_price,
        position.realised - context.trade_realised - commission,
        commission,
    )


def directly_held(state: State, symbol: str, groups: list[Group]) -> Holding:
    """By a symbol's orders that were placed directly, those that are forgotten and ``groups``."""
    together, realised, commission = _together(state.direct_past.get(symbol, NO_PAST), groups)
    return Holding(
        together.quantity,
        together.average_price,
        realised + together.realised - commission,
        commission,
    )


def past_with(past: Past, group: Group) -> Past:
    """What is left of a symbol's oldest group when it is forgotten."""
    together, realised, commission = _together(past, [group])
    cash = together.cash + realised
    return Past(together.quantity, together.average_price, cash, commission)


def _together(past: Past, groups: list[Group]) -> tuple[Position, Decimal, Decimal]:
    """One buys what another sells: each group counts as one deal at its own average, in the order
    in which they were placed. What they have realised by themselves, and their commissions."""
    value = past.quantity * past.average_price
    together = Position(
        past.quantity, past.average_price, realised=past.cash + value, cash=past.cash
    )
    realised, commission = ZERO, past.commission
    for group in groups:
        own = group.ledger.position
        together.apply(own.quantity, own.average_price)
        realised += own.realised
        commission += group.ledger.commission
    return together, realised, commission

"""What-if: the effect an order would have on margin and cash, without placing it."""

from __future__ import annotations

from decimal import Decimal

from engine.money import ZERO, exact
from engine.sim import account as accounts
from engine.sim.account import signed
from engine.sim.floor import Floor
from engine.sim.records import SimOrder, WhatIfNotice


def preview(floor: Floor, order: SimOrder) -> WhatIfNotice:
    """The answer to a what-if order that passed the checks. Prices a market order at what the
    symbol is worth now."""
    account, policies = floor.account, floor.policies
    book = floor.books[order.instrument.symbol]
    order.instrument, order.account = book.instrument, account.name
    mark = book.mark()
    worth = ZERO if mark is None else exact(mark)
    price = order.limit_price or order.aux_price or worth
    held = account.position(order.instrument.symbol)
    after = held + signed(order.action, order.quantity)
    gross = account.gross_value() + (abs(after) - abs(held)) * (worth or price)
    fee = accounts.commission(policies, order.quantity, order.quantity * price)
    equity = account.net_liquidation()
    margin = policies.margin_rate * account.gross_value()
    margin_after = policies.margin_rate * max(gross, ZERO)
    short: Decimal = margin_after - (equity - fee)
    return WhatIfNotice(
        order=order,
        margin_before=margin,
        margin_after=margin_after,
        equity_before=equity,
        equity_after=equity - fee,
        commission=fee,
        warning="" if short <= 0 else "The order would exceed the available funds.",
    )

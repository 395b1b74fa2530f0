"""How many orders the broker has of one side of a contract: it takes no more than about twenty.

All of an account count, ours and those of others, exits that wait for an entry among them (B11).
"""

from __future__ import annotations

from engine.contexts import Context
from engine.inputs import Side
from engine.orders import Role, living
from engine.plans import PLACES_EACH, SIDE_MOST
from engine.state import State


def crowd(state: State, symbol: str, side: Side, but: Context | None = None) -> int:
    """Orders of one side that live, as far as we know, other than those of a trade."""
    others = sum(told == (symbol, side) for told in state.foreign_orders.values())
    return others + sum(
        order.symbol == symbol and order.spec.action == side
        for order in living(state.orders)
        if but is None or order.owner != but.number
    )


def crowd_of(state: State, context: Context, now_ns: int) -> int:
    """On the side of a trade's exits, its own among them, when a close that has been refused is
    tried again: nobody else asks."""
    tranches = context.tranches
    if not any(Role.CLOSE in one.failures and one.retry_ns <= now_ns for one in tranches):
        return 0
    return crowd(state, context.symbol, "SELL" if context.side > 0 else "BUY")


def reserved(state: State, symbol: str, side: Side) -> int:
    """The same, where each part of the symbol's trade has the places that it may need."""
    context = state.current.get(symbol)
    parts = 0 if context is None else len(context.tranches)
    return crowd(state, symbol, side, context) + PLACES_EACH * parts


def roomy(state: State, symbol: str, opened: int) -> bool:
    """Whether what closes one part more, of shares on a side, would find its place."""
    return reserved(state, symbol, "SELL" if opened > 0 else "BUY") + PLACES_EACH <= SIDE_MOST

"""What the core's state must satisfy by itself, wherever it has got to: in an exploration, in a
campaign, after a crash. The sums are made anew, from executions."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from engine.contexts import Context
from engine.groups import Group
from engine.money import ZERO
from engine.positions import signed
from engine.state import State


def folds(state: State) -> Iterator[str]:
    owners: list[Context | Group] = [*state.contexts.values(), *state.groups.values()]
    for owner in owners:
        ledger = owner.ledger
        total, filled = ZERO, dict[int, Decimal]()
        for name, fill in ledger.fills.items():
            total += signed(fill)
            number = ledger.order_of[name]
            filled[number] = filled.get(number, ZERO) + fill.quantity
        if ledger.position.quantity != total:
            yield f"1: position {ledger.position.quantity} is not the fold {total}"
        told = {number: one.filled for number, one in owner.orders.items() if one.filled}
        if told != {number: shares for number, shares in filled.items() if shares}:
            yield f"1: orders have filled {filled}, not {told}"


def endings(state: State) -> Iterator[str]:
    """What has ended holds nothing, and nothing of it lives but what has come back from the dead;
    that is taken back, which law 27 sees to."""
    for context in state.contexts.values():
        if not context.settled:
            continue
        if context.held:
            yield f"16: context {context.number} has ended with {context.held} held"
        for order in context.orders.values():
            if not order.dead and not order.revived:
                yield f"16: context {context.number} has ended, order {order.order_id} has not"

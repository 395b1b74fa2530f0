"""What exits of a trade could trade beside each other: whoever is placed, or grows, waits for it.

Of a group with block the broker lets one trade at a time; everything else adds up. Together they
are for no more than is held, whatever fills first (invariant 4).
"""

from __future__ import annotations

from decimal import Decimal

from engine.contexts import Context
from engine.inputs import Side
from engine.money import ZERO
from engine.orders import DEAD, EXIT_ROLES, Order, living
from engine.tranches import Tranche


def exposed(
    context: Context,
    tranche: Tranche,
    action: Side,
    quantity: Decimal,
    group: str,
    but: Order | None = None,
) -> Decimal:
    """Shares that other exits of a trade could trade in the direction of ``action`` on top of an
    order of ``tranche`` for ``quantity`` in ``group``, which is a new one or ``but``.

    A member of the blocking group adds nothing to the group's other members, because the
    broker lets only one of them trade; everything outside the group adds up, and so does what
    a status has called filled while its executions are still on their way.
    """
    total, adds = ZERO, True
    for order in tranche.orders.values():
        if order is but or (order.reported in DEAD and order.status_filled is order.filled):
            continue  # nothing is missing of it, and nothing may come
        if order.role not in EXIT_ROLES or order.spec.action != action:
            continue
        total += max(order.status_filled - order.filled, ZERO)
        if order.dead:
            continue
        if not group or order.spec.oca_group != group:
            total += order.remaining
        elif order.remaining >= quantity:
            adds = False
    return total + _displaced(context, tranche, action) if adds else total


def _displaced(context: Context, tranche: Tranche, action: Side) -> Decimal:
    """Shares that exits of other tranches could trade beyond what these have left to protect: what
    was taken from a tranche, until its exits have made room for it."""
    total = ZERO
    for other, held in context.shares() if len(context.tranches) > 1 else ():
        if other is not tranche:
            left = max(held * context.side, ZERO) + other.entry_rest
            total += max(_reach(context, other, action) - left, ZERO)
    return total


def _reach(context: Context, tranche: Tranche, action: Side) -> Decimal:
    """The most that the exits of a tranche could trade, all of its groups together no more than it
    has, and may still get."""
    alone, groups = ZERO, dict[str, Decimal]()
    for order in living(tranche.orders):
        if order.role not in EXIT_ROLES or order.spec.action != action or order.held_by_parent:
            continue
        group = order.spec.oca_group
        if group:
            groups[group] = max(groups.get(group, ZERO), order.remaining)
        else:
            alone += order.remaining
    own = max(tranche.own * context.side, ZERO) + tranche.entry_rest
    return alone + sum((min(most, own) for most in groups.values()), ZERO)

"""Cover: which exits should exist, and the least that turns what exists into it.

Desired state, computed anew after every step from position, plan and everything that may still
fill; never a patch per event. What the broker has confirmed is compared, not what we last said.
All exits of a context share one OCA group of type 2 (reduce, with block): the broker lets one
of them trade at a time and shrinks the others, so their worst case is the largest of them and a
filled target never leaves the stop too large, even if we are gone.
"""

from __future__ import annotations

from decimal import Decimal

import attrs

from engine.commands import OrderSpec
from engine.contexts import Context
from engine.inputs import Side
from engine.money import ZERO, Grid
from engine.orders import EXIT_ROLES, Order, Role
from statecharts.vocabulary import ContextState, OrderAsk, OrderReport

OCA_REDUCE_WITH_BLOCK = 2


@attrs.frozen
class PlaceExit:
    role: Role
    action: Side
    quantity: Decimal
    price: Decimal | None  # None: market
    grouped: bool


@attrs.frozen
class AmendExit:
    order: Order
    spec: OrderSpec


@attrs.frozen
class Withdraw:
    order: Order


@attrs.frozen
class WaitUntil:
    """Nothing to send now; look again at this time."""

    at_ns: int


Want = PlaceExit | AmendExit | Withdraw | WaitUntil


@attrs.frozen
class Terms:
    """What the computation needs to know besides the context."""

    grid: Grid
    now_ns: int
    activation_ns: int  # how long an attached stop may stay held after the entry filled
    failures_max: int


_PROTECTING = frozenset({ContextState.ENTERING, ContextState.PROTECTED, ContextState.ADDING})
_ENDING = frozenset({ContextState.CLOSING, ContextState.REVERSING, ContextState.CONCLUDING})


def wants(context: Context, terms: Terms) -> list[Want]:
    """The difference between the exits that should exist and those the broker has confirmed."""
    if context.state in _PROTECTING:
        return [
            *_protect(context, Role.STOP, terms),
            *_protect(context, Role.TARGET, terms),
        ]
    if context.state in _ENDING:
        return _end(context, terms)
    return []  # frozen: what rests stays, nothing is added on doubtful truth


def _end(context: Context, terms: Terms) -> list[Want]:
    """Everything goes, the stop last: it stays until the closing fill has arrived."""
    found: list[Want] = [
        Withdraw(o) for r in (Role.ENTRY, Role.TARGET) for o in context.of(r) if _removable(o)
    ]
    if context.held * context.side > 0:
        found += _protect(context, Role.STOP, terms)
    else:
        found += [Withdraw(o) for o in context.of(Role.STOP) if _removable(o)]
    return found + _close(context, terms)


def _close(context: Context, terms: Terms) -> list[Want]:
    """At most one closing order at a time, for exactly what is held now."""
    held = context.held
    action: Side = "SELL" if held > 0 else "BUY"
    alive = [o for o in context.of(Role.CLOSE) if not o.dead]
    if held == 0:
        return [Withdraw(o) for o in alive if _removable(o)]
    found: list[Want] = []
    for order in alive:
        if order.reported == OrderReport.INACTIVE or order.spec.action != action:
            found += [Withdraw(order)] if _removable(order) else []
        elif order.remaining > abs(held) and _amendable(order):
            found += _amend(order, order.filled + abs(held), None)
    if alive:
        return found
    if terms.now_ns < context.retry_ns:
        return [WaitUntil(context.retry_ns)]
    return [PlaceExit(Role.CLOSE, action, abs(held), None, held * context.side > 0)]


def _protect(context: Context, role: Role, terms: Terms) -> list[Want]:
    held = abs(context.held)
    price = _price(context, role, terms.grid)
    found: list[Want] = []
    resting: list[Order] = []
    for order in context.of(role):
        if order.reported == OrderReport.INACTIVE and order.resting:
            # Refused by risk or held for other reasons: it does not protect now, and if it
            # comes back the group's block keeps it from doubling its successor.
            found.append(Withdraw(order))
        elif order.resting:
            resting.append(order)
    if held == 0:
        if context.entry_rest == 0:  # the entry died with nothing filled: leave nothing behind
            found += [Withdraw(order) for order in resting if _removable(order)]
        return found
    if price is None:
        return found
    if any(order.reported == OrderReport.UNKNOWN for order in resting):
        return found  # neither amended nor doubled before the first attempt is resolved
    if not resting:
        if context.failures.get(role, 0) < terms.failures_max:
            found.append(PlaceExit(role, _exit_action(context), held, price, True))
        return found
    primary, *extras = resting
    covered, changes = _amend_primary(context, primary, price)
    found += changes
    for extra in extras:
        if primary.active and primary.remaining >= held:
            found.append(Withdraw(extra))
        elif _amendable(extra) and extra.confirmed_price != price:
            found += _amend(extra, extra.spec.quantity, price)
    if role is Role.STOP:
        if primary.held_by_parent:
            covered = ZERO
        beside = sum((extra.remaining for extra in extras), ZERO)
        found += _fill_gap(context, primary, held - covered - beside, price, terms)
    return found


def _amend_primary(context: Context, primary: Order, price: Decimal) -> tuple[Decimal, list[Want]]:
    """Bring the main order of a role to its size and price; what it covers, counting an
    amendment on its way, and the amendment if one is due."""
    growing = context.entry_rest if primary.attached else ZERO
    total = primary.filled + abs(context.held) + growing
    if _amendable(primary) and (primary.confirmed_quantity, primary.confirmed_price) != (
        total,
        price,
    ):
        amended = _amend(primary, total, price)
        if amended:
            return abs(context.held), amended
    if primary.asked == OrderAsk.AMENDING:
        return primary.spec.quantity - primary.filled, []
    return primary.remaining, []


def _fill_gap(
    context: Context, primary: Order, gap: Decimal, price: Decimal, terms: Terms
) -> list[Want]:
    """An attached stop covers only once the broker has activated it. How it does that while
    the parent is part filled is not documented; so if it is still held a moment after a fill,
    a stop of its own covers the gap (B3)."""
    if gap <= 0:
        return []
    patience_ends = context.entry_filled_ns + terms.activation_ns
    if primary.held_by_parent and terms.now_ns < patience_ends:
        return [WaitUntil(patience_ends)]
    return [PlaceExit(Role.STOP, _exit_action(context), gap, price, True)]


def _price(context: Context, role: Role, grid: Grid) -> Decimal | None:
    if role is Role.STOP:
        return context.plan.stop_at(context.basis, grid)
    return context.plan.target_at(context.basis, grid)


def _exit_action(context: Context) -> Side:
    return "SELL" if context.side > 0 else "BUY"


def _removable(order: Order) -> bool:
    return order.resting and order.asked != OrderAsk.DRAFT


def _amendable(order: Order) -> bool:
    """One amendment at a time, on confirmed ground: changes coalesce to the last desired state
    instead of queueing behind each other."""
    return order.asked == OrderAsk.PLACED and order.confirmed and not order.dead


def _amend(order: Order, total: Decimal, price: Decimal | None) -> list[Want]:
    spec = attrs.evolve(order.spec, quantity=total)
    if price is not None and spec.order_type == "STP":
        spec = attrs.evolve(spec, aux_price=price)
    elif price is not None:
        spec = attrs.evolve(spec, limit_price=price)
    return [] if spec == order.refused else [AmendExit(order, spec)]


def exposed(context: Context, action: Side, grouped: bool) -> Decimal:
    """Shares that other exits could trade in the direction of ``action`` on top of a new order.

    A new member of the blocking group adds nothing to the group's other members, because the
    broker lets only one of them trade; everything outside the group adds up.
    """
    total = ZERO
    for order in context.orders.values():
        if order.role not in EXIT_ROLES or order.dead or order.spec.action != action:
            continue
        if not (grouped and order.spec.oca_group == context.oca_group):
            total += order.remaining
    return total

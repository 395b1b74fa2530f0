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
from engine.contexts import ENDING_STATES, Context
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
    entry_cancel_ns: int  # how long a close may wait for the end of the entry
    failures_max: int
    amends: bool = True  # False: the broker has refused to revise members of OCA groups


_PROTECTING = frozenset({ContextState.ENTERING, ContextState.PROTECTED, ContextState.ADDING})


def wants(context: Context, terms: Terms) -> list[Want]:
    """The difference between the exits that should exist and those the broker has confirmed."""
    if context.state in _PROTECTING:
        return [
            *_entry_given_up(context),
            *_protect(context, Role.STOP, terms),
            *_protect(context, Role.TARGET, terms),
        ]
    if context.state in ENDING_STATES:
        return _end(context, terms)
    return []  # frozen: what rests stays, nothing is added on doubtful truth


def _entry_given_up(context: Context) -> list[Want]:
    """An entry goes on only while its protection is at the broker, and not against its own
    exits: when one of those has traded, the rest of the entry would buy into the fall (B3)."""
    naked, traded = not context.held, False
    entries: list[Order] = []
    for order in context.orders.values():
        if order.role is Role.ENTRY:
            entries += [order] if _removable(order) else []
        elif order.filled:
            traded = True
        elif order.role is Role.STOP and not order.dead:
            naked = False
    return [Withdraw(order) for order in entries] if naked or traded else []


def _end(context: Context, terms: Terms) -> list[Want]:
    """Everything goes, the stop last: it stays until the closing fill has arrived, and while the
    entry may have brought shares of which no word has come."""
    found: list[Want] = [
        Withdraw(o) for r in (Role.ENTRY, Role.TARGET) for o in context.of(r) if _removable(o)
    ]
    if context.held * context.side > 0:
        found += _protect(context, Role.STOP, terms)
    elif context.held or not context.entry_rest:
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
            smaller = _amend(order, order.filled + abs(held), None) if terms.amends else []
            found += smaller or [Withdraw(order)]
    if alive:
        return found
    at_ns = max(context.retry_ns, _entry_gone_ns(context, terms))
    if terms.now_ns < at_ns:
        return [WaitUntil(at_ns)]
    return [PlaceExit(Role.CLOSE, action, abs(held), None, held * context.side > 0)]


def _entry_gone_ns(context: Context, terms: Terms) -> int:
    """Until when a close waits for the cancelled rest of an entry. Shares that the entry brings
    while a smaller close is under way would lose their stop to the close's own fill, because
    both are in one group. An answer ends the wait; one that does not come, its patience."""
    if context.held * context.side <= 0:
        return 0
    return max(
        (
            (terms.now_ns if _removable(entry) else entry.asked_ns) + terms.entry_cancel_ns
            for entry in context.of(Role.ENTRY)
            if not entry.dead
        ),
        default=0,
    )


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
        return found + _another(context, role, price, terms)
    if len(resting) == 1 and resting[0].active and _fits(context, resting[0], price):
        return found  # the ordinary case
    waiting = [order for order in resting if order.held_by_parent]
    for order in waiting:
        found += _fit(context, order, price, terms)
    standing = [order for order in resting if order not in waiting]
    if not standing:
        return found + _beside_waiting(context, role, price, terms)
    fitting = [order for order in standing if not _stuck(context, order, price, terms)]
    if not fitting:
        return found + _another(context, role, price, terms)
    main = fitting[0]
    found += _fit(context, main, price, terms)
    if main.active and main.remaining >= held:
        found += [Withdraw(order) for order in standing if order is not main]
    return found


def _fit(context: Context, order: Order, price: Decimal, terms: Terms) -> list[Want]:
    """Bring an order to its size and price."""
    if not (terms.amends and _amendable(order)) or _fits(context, order, price):
        return []
    return _amend(order, _total(context, order), price)


def _fits(context: Context, order: Order, price: Decimal) -> bool:
    """What the broker has confirmed is what should be."""
    return order.confirmed_price == price and order.confirmed_quantity == _total(context, order)


def _total(context: Context, order: Order) -> Decimal:
    """The size that the main order of a role should have: of an attached one, which the broker
    activates by what fills, with what the entry may still bring."""
    growing = context.entry_rest if order.attached else ZERO
    return order.filled + abs(context.held) + growing


def _stuck(context: Context, order: Order, price: Decimal, terms: Terms) -> bool:
    """It does not fit, and the broker has refused to change that. Such an order is replaced:
    the new one first, then the old one goes. Two beside each other would not add up, because
    the group lets one of them trade and takes the same number from the other."""
    if not _amendable(order) or _fits(context, order, price):
        return False
    if terms.amends and _amend(order, _total(context, order), price):
        return False
    held = abs(context.held)
    if order.attached and context.entry_rest:
        return order.remaining < held  # the rest can wait until the entry is over
    return True


def _beside_waiting(context: Context, role: Role, price: Decimal, terms: Terms) -> list[Want]:
    """An attached stop covers only once the broker has activated it. How it does that while
    the parent is part filled is not documented; so if it is still held a moment after a fill,
    a stop of its own stands in for it (B3)."""
    if role is not Role.STOP:
        return []
    patience_ends = context.entry_filled_ns + terms.activation_ns
    if terms.now_ns < patience_ends:
        return [WaitUntil(patience_ends)]
    return _another(context, role, price, terms)


def _another(context: Context, role: Role, price: Decimal, terms: Terms) -> list[Want]:
    if context.failures.get(role, 0) >= terms.failures_max:
        return []
    return [PlaceExit(role, _exit_action(context), abs(context.held), price, True)]


def _price(context: Context, role: Role, grid: Grid) -> Decimal | None:
    if role is Role.STOP:
        return context.plan.stop_at(context.basis, grid)
    return context.plan.target_at(context.basis, grid)


def _exit_action(context: Context) -> Side:
    return "SELL" if context.side > 0 else "BUY"


def _removable(order: Order) -> bool:
    """Not while unknown: a cancel that was refused would be asked again and again; the answer
    to the question that is under way decides."""
    return order.resting and order.asked != OrderAsk.DRAFT and order.reported != OrderReport.UNKNOWN


def _amendable(order: Order) -> bool:
    """One amendment at a time, on confirmed ground: changes coalesce to the last desired state
    instead of queueing behind each other."""
    return order.asked == OrderAsk.PLACED and order.confirmed and not order.dead


def _amend(order: Order, total: Decimal, price: Decimal | None) -> list[Want]:
    spec = order.spec_with(total, price)
    return [] if spec == order.refused else [AmendExit(order, spec)]


def exposed(context: Context, action: Side, grouped: bool) -> Decimal:
    """Shares that other exits could trade in the direction of ``action`` on top of a new order.

    A new member of the blocking group adds nothing to the group's other members, because the
    broker lets only one of them trade; everything outside the group adds up, and so does what
    a status has called filled while its executions are still on their way.
    """
    total = ZERO
    for order in context.orders.values():
        if order.role not in EXIT_ROLES or order.spec.action != action:
            continue
        total += max(order.status_filled - order.filled, ZERO)
        if order.dead:
            continue
        if not (grouped and order.spec.oca_group == context.oca_group):
            total += order.remaining
    return total

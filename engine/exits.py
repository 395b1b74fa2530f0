"""Cover: which exits should exist, and the least that turns what exists into it.

Desired state, computed anew after every step from position, plan and everything that may still
fill; never a patch per event. What the broker has confirmed is compared, not what we last said.
It is computed for each tranche by itself: all exits of a tranche share one OCA group of type 2
(reduce, with block), so the broker lets one of them trade at a time and shrinks the others. Their
worst case is the largest of them, and a filled target never leaves the stop too large, even if
we are gone. The worst case of a context is the sum over its tranches.
"""

from __future__ import annotations

from decimal import Decimal

from engine.contexts import ENDING_STATES, PROTECTING_STATES, Context
from engine.inputs import Side
from engine.money import ZERO, Grid
from engine.orders import DEAD, EXIT_ROLES, OPENING_ROLES, Order, Role, living
from engine.plans import PLACES_EACH, SIDE_LEAST
from engine.tranches import Tranche
from engine.wants import AmendExit, Part, PlaceExit, Terms, WaitUntil, Want, Withdraw
from statecharts.vocabulary import OrderAsk, OrderReport

OCA_REDUCE_WITH_BLOCK = 2
_LEAVING = frozenset({Role.TARGET, Role.TRIM})  # exits that go before a close


def wants(context: Context, terms: Terms) -> list[Want]:
    """The difference between the exits that should exist and those the broker has confirmed."""
    found: list[Want] = []
    for tranche, held in context.shares():
        if not held and tranche.all_dead:
            continue
        part = Part(context, tranche, held, terms)
        if context.state in PROTECTING_STATES:
            given_up = _opening_given_up(part)
            found += given_up
            part = Part(context, tranche, held, terms, bool(given_up))
            stops = _protect(part, Role.STOP)
            part = Part(context, tranche, held, terms, bool(given_up), any(map(_comes, stops)))
            targets = _protect(part, Role.TARGET)
            if part.stop_comes:
                # A target that leaves, or is for more than the stop that comes, goes first: in no
                # group or in one, it could trade when that stop has.
                found += [one for one in targets if _lessens(one)]
                targets = [one for one in targets if not _lessens(one)]
            found += stops + targets + _trim(part)
        elif context.state in ENDING_STATES:
            found += _end(Part(context, tranche, held, terms, leaves=True))
        # frozen: what rests stays, nothing is added on doubtful truth
    return found


def _comes(want: Want) -> bool:
    return isinstance(want, PlaceExit)


def _lessens(want: Want) -> bool:
    amended = isinstance(want, AmendExit) and want.spec.quantity < want.order.spec.quantity
    return amended or isinstance(want, Withdraw)


def _opening_given_up(part: Part) -> list[Want]:
    """An entry goes on only while its protection is at the broker, and not against its own
    exits: when one of those has traded, the rest of the entry would buy into the fall (B3). An
    add is given up as soon as any exit of the trade has traded, or the stop has passed it."""
    context = part.context
    orders = part.tranche.orders.values()
    openings = [one for one in orders if one.role in OPENING_ROLES and _removable(one)]
    if not openings:
        return []
    naked = not part.held and all(order.dead for order in part.tranche.of(Role.STOP))
    traded = any(order.filled for order in orders if order.role in EXIT_ROLES)
    stopped = any(order.filled for order in context.of(Role.STOP))
    if naked or traded or stopped:
        return [Withdraw(order) for order in openings]
    return [
        Withdraw(order)
        for order in openings
        if (
            context.entry_over
            if order.role is Role.ENTRY
            else context.exits_traded or context.adds_over or _behind_stop(part, order)
        )
        or _never_transmitted(part, order)
    ]


def _never_transmitted(part: Part, order: Order) -> bool:
    """Whether the leg that was to set an entry free never arrived, or was refused, and the entry
    has had its time: TWS keeps it to itself for ever, and nothing else would end it."""
    waits = order.reported == OrderReport.PENDING and not order.deadline_ns
    if order.spec.transmit or order.filled or not waits:
        return False
    legs = part.tranche.orders.values()
    last = [leg for leg in legs if leg.spec.parent_id == order.order_id and leg.spec.transmit]
    return bool(last) and all(leg.dead and not leg.filled for leg in last)


def _behind_stop(part: Part, order: Order) -> bool:
    """Whether an add would fill at or beyond the stop: a trailing one, or one that an add has
    moved, may have come nearer than it was when the order was placed."""
    limit = order.spec.limit_price
    if limit is None:
        return False
    return (limit - part.context.stop_level(part.terms.grid)) * part.context.side <= 0


def _end(part: Part) -> list[Want]:
    """Everything goes, the stop last: it stays until the closing fill has arrived, and while the
    entry may have brought shares of which no word has come."""
    tranche = part.tranche
    found: list[Want] = [
        Withdraw(o)
        for role in (Role.ENTRY, Role.ADD, Role.TARGET, Role.TRIM)
        for o in tranche.of(role)
        if _removable(o)
    ]
    if part.context.escalated or (part.on_side and _gives_way(part)):
        # It has triggered and does not fill. With block, what it works on keeps every other
        # member of its group from the exchange: it has to be gone before the market order.
        stops = tranche.of(Role.STOP)
        found += [Withdraw(order) for order in stops if _removable(order)]
        return found if any(not order.dead for order in stops) else found + _close(part)
    if part.on_side:
        found += _protect(part, Role.STOP)
    elif part.held or not tranche.entry_rest:
        found += [Withdraw(o) for o in tranche.of(Role.STOP) if _removable(o)]
    return found + _close(part)


def _gives_way(part: Part) -> bool:
    """Whether a stop leaves its place to the close: the broker takes only so many orders of one
    side (B11), and has refused one beside the other. For one try at a time: a close that is refused
    again brings the stop back."""
    if not part.tranche.failures.get(Role.CLOSE) or part.terms.now_ns < part.tranche.retry_ns:
        return False
    alive = living(part.tranche.orders)
    closing = any(o.role is Role.CLOSE and o.reported != OrderReport.INACTIVE for o in alive)
    if closing and any(one.role is Role.STOP and one.resting for one in alive):
        return False  # there was room for both
    own = sum(one.spec.action == part.exit_action for one in alive)
    return part.terms.crowd - own + PLACES_EACH > SIDE_LEAST


def _close(part: Part) -> list[Want]:
    """At most one closing order at a time, for exactly what is held now."""
    held = part.held
    action: Side = "SELL" if held > 0 else "BUY"
    alive = [o for o in living(part.tranche.orders) if o.role is Role.CLOSE]
    if held == 0:
        return [Withdraw(o) for o in alive if _removable(o)]
    found: list[Want] = []
    for order in alive:
        if order.reported == OrderReport.INACTIVE or order.spec.action != action:
            found += [Withdraw(order)] if _removable(order) else []
        elif order.remaining != part.size:
            found += _resized(part, order)
    if any(not _stays_inactive(part, order) for order in alive):
        return found
    if not part.on_side and _entry_told(part):
        return found
    at_ns = max(part.tranche.retry_ns, _gone_ns(part, OPENING_ROLES))
    if part.on_side:
        at_ns = max(at_ns, _gone_ns(part, _LEAVING))
    if part.terms.now_ns < at_ns:
        return [WaitUntil(at_ns)]
    return [PlaceExit(part.tranche, held, Role.CLOSE, action, part.size, None, part.on_side)]


def _resized(part: Part, order: Order) -> list[Want]:
    """Bring what leaves at the market to what is held now. The total counts what has filled (B9),
    so a fill on its way changes nothing. What is in no group can always be amended: it is the
    revision of a group that some brokers refuse."""
    if not _amendable(order):
        return []
    amends = part.terms.amends or not order.spec.oca_group
    changed = _amend(part, order, order.filled + part.size, None) if amends else []
    return changed or ([Withdraw(order)] if order.remaining > part.size else [])


def _stays_inactive(part: Part, order: Order) -> bool:
    """Whether a close is inactive and stays so, although it was asked to go: some brokers list such
    an order all day and refuse its cancel. Another one is not doubled by it, in one group."""
    asked = order.asked == OrderAsk.PLACED and order.asked_ns > order.placed_ns
    group = order.spec.oca_group
    return order.reported == OrderReport.INACTIVE and asked and group == part.tranche.oca_group


def _entry_told(part: Part) -> bool:
    """Whether a status has counted shares of an entry whose executions are still to come, as when
    those of its stop have overtaken them. It is a turn-over only as long as they are missing, and
    a close would come on top of them. A round of questions finds them, or that there are none."""
    return any(
        order.status_filled > order.filled
        for order in part.tranche.orders.values()
        if order.role in OPENING_ROLES
    )


def _gone_ns(part: Part, roles: frozenset[Role]) -> int:
    """Until when exits wait for the end of what is being cancelled of these roles. Shares that the
    entry brings while a smaller close is under way would lose their stop to the close's own fill,
    because both are in one group; beside the close of what is on the wrong side they would be too
    many. And what a target has traded before it heard of its cancel, a close that joins its group
    afterwards does not know: it would trade the same shares again. An answer ends the wait; one
    that does not come, its patience."""
    terms = part.terms
    return max(
        (
            (terms.now_ns if _removable(order) else order.asked_ns) + terms.cancel_ns
            for order in part.tranche.orders.values()
            if order.role in roles
            and not order.dead
            and (part.leaves or order.asked == OrderAsk.CANCELLING)
        ),
        default=0,
    )


def _trim(part: Part) -> list[Want]:
    """A part that was asked to leave goes at the market, in the group, so that the broker takes
    it from stop and target as it fills; what these have traded before, it does not trade again.
    Tried once: what does not fill is given up by whoever sees its end."""
    wanted = part.tranche.trim - sum((o.filled for o in part.tranche.of(Role.TRIM)), ZERO)
    alive = [order for order in living(part.tranche.orders) if order.role is Role.TRIM]
    if alive or wanted <= 0 or not part.on_side:
        found: list[Want] = []
        for order in alive:
            if order.reported == OrderReport.INACTIVE or not part.on_side:
                found += [Withdraw(order)] if _removable(order) else []
            elif order.remaining > part.size:
                found += _resized(part, order)
        return found
    quantity = min(wanted, part.size)
    return [PlaceExit(part.tranche, part.held, Role.TRIM, part.exit_action, quantity, None, True)]


# -- protection ------------------------------------------------------------------------------


def _protect(part: Part, role: Role) -> list[Want]:
    found: list[Want] = []
    resting: list[Order] = []
    for order in part.tranche.of(role):
        if order.reported == OrderReport.INACTIVE and order.resting:
            # Refused by risk or held for other reasons: it does not protect now, and if it
            # comes back the group's block keeps it from doubling its successor.
            found.append(Withdraw(order))
        elif order.resting:
            resting.append(order)
    if not part.on_side:
        if part.tranche.entry_rest == 0:  # nothing filled, or all gone: leave nothing behind
            found += [Withdraw(order) for order in resting if _removable(order)]
        return found
    price = exit_price(part.context, part.tranche, role, part.terms.grid)
    if price is None:  # there is none, or none any more
        return found + [Withdraw(order) for order in resting if _removable(order)]
    if any(order.reported == OrderReport.UNKNOWN for order in resting):
        return found  # neither amended nor doubled before the first attempt is resolved
    if not resting:
        return found + _another(part, role, price)
    if len(resting) == 1 and resting[0].active and _fits(part, resting[0], price):
        return found  # the ordinary case
    waiting = [order for order in resting if order.held_by_parent]
    for order in waiting:
        found += _fit(part, order, price)
    standing = [order for order in resting if order not in waiting]
    if not standing:
        return found + _beside_waiting(part, role, price)
    fitting = [order for order in standing if not _stuck(part, order, price)]
    if not fitting:
        if role is Role.TARGET and any(one.remaining > part.size for one in standing):
            # It protects nothing, and could sell more than there is: it goes first.
            return found + [Withdraw(order) for order in standing if _removable(order)]
        return found + _another(part, role, price)
    main = fitting[0]
    found += _fit(part, main, price)
    if main.active and main.certain >= part.size:
        found += [Withdraw(order) for order in standing if order is not main]
    return found


def exit_price(context: Context, tranche: Tranche, role: Role, grid: Grid) -> Decimal | None:
    """Of a stop its trigger, or the amount (percentage) by which it trails; of a target its
    limit. None: there is no such exit."""
    plan = context.plan
    if role is Role.TARGET:
        return plan.target_at(tranche.aim, context.basis, grid)
    if plan.trail is not None:
        return plan.trail.percent if plan.trail.amount is None else plan.trail.amount
    return context.planned_stop(grid)


def _fit(part: Part, order: Order, price: Decimal) -> list[Want]:
    """Bring an order to its size and price. An attached one that is also for what the entry may
    still bring waits while that is being cancelled: with its parent it becomes as small as what
    has filled, and a change that names the whole size behind that would make it as large again."""
    if not (part.terms.amends and _amendable(order)) or _fits(part, order, price):
        return []
    if _growing(part, order) and part.terms.now_ns < (until_ns := _gone_ns(part, OPENING_ROLES)):
        return [WaitUntil(until_ns)]
    return _amend(part, order, _total(part, order), price)


def _fits(part: Part, order: Order, price: Decimal) -> bool:
    """What the broker has confirmed is what should be."""
    return order.confirmed_price == price and order.confirmed_quantity == _total(part, order)


def _total(part: Part, order: Order) -> Decimal:
    """The size that the main order of a role should have."""
    return order.filled + part.size + _growing(part, order)


def _growing(part: Part, order: Order) -> Decimal:
    """What the entry may still bring is in the size of an attached order, which the broker
    activates by what fills. In that of a target only while its stop is attached as well: the
    group takes from one what the other trades, so both have to be of one size. A stop that stands
    in for an attached one is only for what is held, and so is a target that could trade then."""
    if order.role is Role.TARGET:
        attached = _stops_attached(part)
        if not any(attached):
            return ZERO
        stood_in = part.stop_comes or not all(attached)
        if stood_in and not order.held_by_parent:
            return ZERO
    return part.tranche.entry_rest if order.attached else ZERO


def _stops_attached(part: Part) -> list[bool]:
    return [order.attached for order in part.tranche.of(Role.STOP) if not order.dead]


def _stuck(part: Part, order: Order, price: Decimal) -> bool:
    """It does not fit, and the broker has refused to change that. Such an order is replaced:
    the new one first, then the old one goes. Two beside each other would not add up, because
    the group lets one of them trade and takes the same number from the other."""
    if not _amendable(order) or _fits(part, order, price):
        return False
    total = _total(part, order)
    if part.terms.amends and (order.refused is None or _amend(part, order, total, price)):
        return False
    if _growing(part, order):
        return order.remaining < part.size  # the rest can wait until the entry is over
    return True


def _beside_waiting(part: Part, role: Role, price: Decimal) -> list[Want]:
    """An attached stop covers only once the broker has activated it. How it does that while
    the parent is part filled is not documented; so if it is still held a moment after a fill,
    a stop of its own stands in for it (B3)."""
    if role is not Role.STOP:
        return []
    patience_ends = part.tranche.entry_filled_ns + part.terms.activation_ns
    if part.terms.now_ns < patience_ends:
        return [WaitUntil(patience_ends)]
    return _another(part, role, price)


def _another(part: Part, role: Role, price: Decimal) -> list[Want]:
    if part.tranche.failures.get(role, 0) >= part.terms.failures_max and not _keeps(part, role):
        return []
    if role is Role.TARGET and part.tranche.entry_rest and any(_stops_attached(part)):
        # An attached stop is for what the entry may still bring as well. A target beside it that
        # fills first would leave a stop larger than what is held; the target can wait.
        return []
    tranche, action = part.tranche, part.exit_action
    if role is Role.TARGET and any(not (one.dead or one.resting) for one in tranche.of(role)):
        return []  # the one before it is on its way out
    return [PlaceExit(tranche, part.held, role, action, part.size, price, True)]


def _keeps(part: Part, role: Role) -> bool:
    """Whether these shares go on without an end in sight, and the role is what protects them: with
    the last attempt that failed they should have begun to leave. They have not, if it failed while
    the symbol was frozen, or before they came; so there is one more, and if it fails they go."""
    return role is Role.STOP and part.context.state in PROTECTING_STATES


def _removable(order: Order) -> bool:
    """Not while unknown: a cancel that was refused would be asked again and again; the answer
    to the question that is under way decides."""
    return order.resting and order.reported != OrderReport.UNKNOWN


def _amendable(order: Order) -> bool:
    """One amendment at a time, on confirmed ground: changes coalesce to the last desired state
    instead of queueing behind each other."""
    certain = order.confirmed_quantity is not None and order.reported != OrderReport.UNKNOWN
    return certain and order.asked == OrderAsk.PLACED and order.reported not in DEAD


def _amend(part: Part, order: Order, total: Decimal, price: Decimal | None) -> list[Want]:
    spec = order.spec_with(total, price, part.context.stop_level(part.terms.grid))
    return [] if spec == order.refused else [AmendExit(order, spec)]

"""What must hold in every state, and what when everything has come to rest.

Numbered as the invariants of the broker's catalogue: 1 positions are folds, 2 idempotence,
4 exits never turn a position over, 6 cover, 8 one intent one order, 10 order ids, 12 unknown is
not dead, 16 nothing lives after the end, 17 no resurrection, 18 adds follow each other, 19 no
reversal before flat, 26 agreement with the broker, 27 liveness, 34 a halt is obeyed, 35 limits
hold; and 0: the core itself raises. The sums are made here anew, from orders and executions: what
the core concludes about itself is not asked.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from typing import Final

import attrs

from engine.commands import Amend, Cancel, Place
from engine.contexts import Context
from engine.copies import copy_state
from engine.orders import EXIT_ROLES, OPENING_ROLES, Order, Role
from engine.tranches import Tranche
from engine.verify.choices import Step
from engine.verify.prints import fingerprint
from engine.verify.situation import CHEAPEST
from engine.verify.state_laws import endings, folds
from engine.verify.tickets import INACTIVE, STOPS, SYMBOL, TRADING, Ticket
from engine.verify.world import World
from statecharts.vocabulary import ContextState, OrderAsk, OrderReport

ZERO: Final = Decimal(0)
_ANSWERED: Final = frozenset({OrderReport.HELD, OrderReport.WORKING, OrderReport.PART_FILLED})
# While one of these is due, the core has said itself that it is not done.
_BUSY: Final = ("settle:", "fills:", "answer:", "echo:", "round:")


@attrs.frozen
class Before:
    """What the laws have to remember of the state that a step is made from."""

    last_sent: int
    next_number: int  # of contexts
    alive: frozenset[int]  # order ids
    tickets: dict[int, Ticket]


def remember(world: World, step: Step) -> Before:
    state = world.core.state
    alive: frozenset[int] = frozenset()
    if step[0] == "wait":
        alive = frozenset(number for number, order in state.orders.items() if not order.dead)
    broker = world.broker
    return Before(broker.last_sent, state.next_number, alive, broker.tickets)


def broken(before: Before, step: Step, after: World) -> Iterator[str]:
    """Every law that ``after`` does not keep, which ``step`` made of what ``before`` remembers.
    What the step did not touch kept its laws before, and is not judged again."""
    if not after.moment.sound:
        yield from folds(after.core.state)
        yield from endings(after.core.state)
        yield from _undone(after)
        after.moment.sound = True
    if after.sent:
        yield from _sendings(before, after)
    if after.broker.tickets is not before.tickets:
        yield from _truth(after)
    if step[0] == "wait":
        yield from _silence(before, after)
    if quiet(after):
        yield from _rest(after)


# -- in every state ----------------------------------------------------------------------------


def _undone(after: World) -> Iterator[str]:
    """A step leaves nothing to be done: looked at once more, at the same time and without news,
    nothing of it wants to be sent, but what has its time already. What is left waits for whatever
    touches it next, and nobody knows when that is."""
    again = after.core.fork()
    again.state.touch_all()
    for command in again.step((), after.now_ns).commands:
        if isinstance(command, Place | Amend | Cancel):
            owner = again.state.orders[command.order_id].owner
            if f"settle:{owner}" not in after.core.state.deadlines:
                said = f"{type(command).__name__} of {command.order_id}"
                yield f"27: a step with no news sends what the one before has left undone: {said}"


def _sendings(before: Before, after: World) -> Iterator[str]:
    state = after.core.state
    last = before.last_sent
    for command in after.sent:
        if isinstance(command, Place):
            if command.order_id <= last:
                yield f"10: order id {command.order_id} is not above {last}"
            last = command.order_id
            order = state.orders[command.order_id]
            if (context := state.contexts.get(order.owner)) is not None:
                yield from _placed(before, after, context, order)
        elif isinstance(command, Amend | Cancel):
            order = state.orders[command.order_id]
            context = state.contexts.get(order.owner)
            if context is not None and order.role in EXIT_ROLES:
                if isinstance(command, Cancel):
                    yield from _uncovered(context, order)
                elif not _lessens(command, order):
                    yield from _crosses(context, order)


def _lessens(amend: Amend, order: Order) -> bool:
    """What makes an order smaller is right even where it does not go far enough."""
    return order.confirmed_quantity is not None and amend.spec.quantity < order.confirmed_quantity


def _placed(before: Before, after: World, context: Context, order: Order) -> Iterator[str]:
    state = after.core.state
    if order.role in OPENING_ROLES:
        if state.halt is not None:
            yield f"34: {order.role} {order.order_id} is sent although trading is halted"
        yield from _beyond(after, order)
    if order.role is Role.ENTRY:
        if context.number < before.next_number:
            yield f"17: entry {order.order_id} is sent for a context that had its entry"
        for other in state.contexts.values():
            if other.held:
                yield f"19: entry {order.order_id} is sent while {other.held} held"
            if other is not context and not other.all_dead:
                yield f"19: entry {order.order_id} is sent while context {other.number} may fill"
    elif order.role is Role.ADD:
        yield from _added(context, order)
    elif not order.attached:
        yield from _crosses(context, order)
    if order.role in EXIT_ROLES and not order.attached and order.sign * context.held > 0:
        yield f"4: exit {order.order_id} adds to the {context.held} held"
    closes = context.tranche_of(order).of(Role.CLOSE)
    if (
        order.role is Role.CLOSE
        and sum(not (one.dead or _stays_inactive(one)) for one in closes) > 1
    ):
        yield f"8: close {order.order_id} is sent beside another one"


def _stays_inactive(close: Order) -> bool:
    """It is inactive, was asked to go and would not; the group keeps it from filling as well."""
    inactive = close.reported == OrderReport.INACTIVE and bool(close.spec.oca_group)
    return inactive and close.asked_ns > close.placed_ns


def _beyond(after: World, order: Order) -> Iterator[str]:
    """Everything that may open, opens, as cheap as it can be: the limits hold even then."""
    most = after.situation.gross_max
    if most is None:
        return
    orders = after.core.state.orders.values()
    opening = sum((one.remaining for one in orders if one.role in OPENING_ROLES), ZERO)
    shares = abs(after.core.state.held(SYMBOL)) + opening
    if shares * CHEAPEST > most:
        yield f"35: with {order.role} {order.order_id}, {shares} shares where {most} is the limit"


def _added(context: Context, order: Order) -> Iterator[str]:
    """An add goes to shares that are protected, on their side, and never beside another one;
    only what is added at the market may leave a double-down resting."""
    if context.held * context.side <= 0:
        yield f"18: add {order.order_id} is sent with {context.held} held"
    own = context.intent_of(order)
    for other in context.of(Role.ADD):
        before = context.intent_of(other)
        resting = before.kind == "double_down" != own.kind and not other.filled
        if before is not own and other.may_fill and not resting:
            yield f"18: add {order.order_id} is sent while {other.order_id} may fill"


def _crosses(context: Context, order: Order) -> Iterator[str]:
    """With this order more may go than is held, and more than without it. What the broker has
    traded beyond its promises may leave exits too large that were right, until they are gone."""
    stood = ZERO if order.confirmed_quantity is None else order.confirmed_quantity - order.filled
    worst, held = _worst(context, order, order.spec.quantity - order.filled)
    if worst > held and worst > _worst(context, order, stood)[0]:
        yield f"4: with order {order.order_id}, {worst} shares may go of {held}"


def _worst(context: Context, order: Order, most: Decimal) -> tuple[Decimal, Decimal]:
    """All that may fill beside an order of which as many may, fills: one of each blocking group,
    and everything else; and what there is for it. What an entry or add may still bring counts where
    its own attached exits do."""
    worst, held = ZERO, abs(context.held)
    for tranche in context.tranches:
        groups: defaultdict[str, tuple[Decimal, bool]] = defaultdict(lambda: (ZERO, False))
        for one in tranche.orders.values():
            if one.role not in EXIT_ROLES or one.spec.action != order.spec.action:
                continue
            if one is not order and (one.dead or one.held_by_parent):
                continue
            rest = most if one is order else one.remaining
            if not one.spec.oca_group:
                worst += rest
            else:
                largest, attached = groups[one.spec.oca_group]
                groups[one.spec.oca_group] = max(largest, rest), attached or one.attached
        # A group with block trades no more in all than its tranche has, and may still get.
        own = sum((one.sign * one.filled for one in tranche.orders.values()), ZERO)
        most_of_all = max(own * context.side, ZERO) + tranche.entry_rest
        for name, (rest, _) in groups.items():
            worst += rest if name == order.spec.oca_group else min(rest, most_of_all)
        if any(attached for _, attached in groups.values()):
            held += tranche.entry_rest
    return worst, held


def _uncovered(context: Context, order: Order) -> Iterator[str]:
    """A stop goes only when nothing is held, or when another one stands."""
    if order.role is not Role.STOP or not order.active or context.held * context.side <= 0:
        return
    if context.escalated:
        return  # it has triggered and does not fill: it makes way for a market order
    tranche = context.tranche_of(order)
    own = sum((one.sign * one.filled for one in tranche.orders.values()), ZERO)
    if _stops(tranche, order) >= min(abs(context.held), own * context.side):
        return
    # Where one tranche has turned over, the others have less to protect than is their own.
    if sum((_stops(one, order) for one in context.tranches), ZERO) < abs(context.held):
        yield f"6: stop {order.order_id} is cancelled while {context.held} held"


def _stops(tranche: Tranche, but: Order) -> Decimal:
    """Shares that the stops of a tranche protect without this one."""
    others = [one.remaining for one in tranche.of(Role.STOP) if one is not but and one.active]
    return max(others, default=ZERO)


def _truth(world: World) -> Iterator[str]:
    """At the broker no exit has sold what was not bought, unless the broker itself let both of
    a group trade, traded what it had cancelled, or traded while exits were on their way that
    were right when they were sent. Then law 27 sees to it that the excess goes."""
    if world.excused:
        return
    held: defaultdict[str, int] = defaultdict(int)
    side: dict[str, int] = {}
    for ticket in world.broker.tickets.values():
        held[_owner(ticket)] += ticket.sign * ticket.filled
        if _letter(ticket) == "E":
            side[_owner(ticket)] = ticket.sign
    for owner, sign in side.items():
        if held[owner] * sign < 0:
            yield f"4: the position of context {owner} has turned over to {held[owner]}"


def _silence(before: Before, after: World) -> Iterator[str]:
    for order_id, order in after.core.state.orders.items():
        if order.dead and order_id in before.alive:
            yield f"12: order {order_id} is believed dead because time has passed"


def repeated(after: World, again: World) -> Iterator[str]:
    """``again`` has heard the last message twice; that must make no difference, except that the
    core may doubt anew and ask the broker once more than it had to, may ask for the very amendment
    again that the message had caused, which changes nothing at the broker, and may take an order
    for one that is listed: the questions that the message has caused are answered alike."""
    heard = copy_state(again.core.state)
    heard.doubts = after.core.state.doubts
    heard.round.seen = after.core.state.round.seen
    for name in heard.deadlines.keys() - after.core.state.deadlines.keys():
        if name.startswith("echo:"):
            del heard.deadlines[name]
    news = [one for one in again.sent if not (isinstance(one, Amend) and one in after.sent)]
    if news:
        yield f"2: the same message again made the core send {type(news[0]).__name__}"
    elif again.sent:
        return
    elif hash(fingerprint(heard, again.now_ns)) != after.moment.fingerprint:
        yield "2: the same message again changed the state"


# -- at rest -----------------------------------------------------------------------------------


def quiet(world: World) -> bool:
    """Nothing is on its way, every question is answered, and the core waits for nothing."""
    state = world.core.state
    if not (world.broker.idle and state.live) or world.broker.aside:
        return False
    if state.round.running or state.doubts:
        return False
    if state.deadlines.get("ask", state.ask_from_ns + 1) <= state.ask_from_ns:
        return False  # a doubt waits for its turn
    if any(name.startswith(_BUSY) for name in state.deadlines):
        return False
    return all(
        order.dead or (order.asked == OrderAsk.PLACED and order.reported in _ANSWERED)
        for order in state.orders.values()
    )


def settled(world: World) -> bool:
    """Nothing is left to do: protected or flat, and agreed with the broker about it."""
    state = world.core.state
    if not quiet(world) or state.frozen or not world.agreed or _unheard(world):
        return False
    if any(context.state != ContextState.PROTECTED for context in state.current.values()):
        return False
    return not any(_rest(world))


def _unheard(world: World) -> bool:
    """Whether an order is inactive, or of another size, and the only word on that has got lost."""
    for ticket in world.broker.live():
        order = world.core.state.orders.get(ticket.order_id)
        if order is not None and order.active:
            size = order.confirmed_quantity
            if ticket.phase == INACTIVE or (size is not None and size != ticket.quantity):
                return True
    return False


def _rest(world: World) -> Iterator[str]:
    state = world.core.state
    if state.frozen or not world.agreed or _unheard(world):
        return  # what is not known yet is found by asking: law 27 sees to that
    cover, worst = _shares_out(world)
    for number, context in state.contexts.items():
        owner, held = str(number), int(abs(context.held))
        if cover[owner] < held and context.state != ContextState.FROZEN:
            yield f"6: {held} held by context {number}, {cover[owner]} covered"
        if worst[owner] > held + context.opening_rest:
            yield f"4: {held} held by context {number}, exits for {worst[owner]}"
        if context.settled and any(_owner(t) == owner for t in world.broker.sent()):
            yield f"16: context {number} has ended and an order of it lives"
    for ticket in world.broker.sent():
        known = state.orders.get(ticket.order_id)
        if known is None or known.dead:
            yield f"26: order {ticket.order_id} lives at the broker and is dead here"
    for order in state.orders.values():
        if not order.dead and not world.broker.lives(order.order_id):
            yield f"26: order {order.order_id} is dead at the broker and lives here"
    for group in state.groups.values():
        alive = [order for order in group.orders.values() if not order.dead]
        traded = any(order.filled for order in group.orders.values())
        if traded and any(not order.filled for order in alive):
            yield f"8: a leg of OCO {group.number} may fill although another has"


def _shares_out(world: World) -> tuple[dict[str, int], dict[str, int]]:
    """By context: shares that some exit protects whatever the price does, and the most that all
    exits together may trade. Of a group with block only one trades."""
    broker = world.broker
    cover: defaultdict[str, int] = defaultdict(int)
    worst: defaultdict[str, int] = defaultdict(int)
    grouped: defaultdict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
    for ticket in broker.live():
        if _letter(ticket) not in "STRC":
            continue
        owner, most = _owner(ticket), broker.fillable(ticket)
        safe = most if ticket.phase in TRADING and ticket.kind in (*STOPS, "MKT") else 0
        if ticket.group:
            both = grouped[owner, ticket.group]
            both[:] = max(both[0], safe), max(both[1], most)
        else:
            cover[owner] += safe
            worst[owner] += most
    for (owner, _), (safe, most) in grouped.items():
        cover[owner] += safe
        worst[owner] += most
    return cover, worst


def _owner(ticket: Ticket) -> str:
    return ticket.ref.split("-")[1]


def _letter(ticket: Ticket) -> str:
    return ticket.ref.split("-")[2][0]

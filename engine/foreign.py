"""Orders and shares that are not ours: somebody trades our symbol in TWS, or another client does.

They are told once and never touched (invariant 29); what they mean is the strategy's policy:

ignore   our own shares go on as they are, the others are counted apart.
freeze   nothing new is begun on the symbol while such an order lives, or while the others hold
         more or less than they did when we first looked.
adopt    their executions become part of our trade: shares that come are protected, shares that
         go are taken from it. What cannot be protected, or would turn the trade over, freezes.

What the broker liquidates is taken from our trade under each of them, and halts. It closes, and
brings nothing: what it takes of others, or of direct orders, is no trade to adopt.
"""

from __future__ import annotations

import re
from decimal import Decimal
from itertools import accumulate

import attrs

from engine.commands import OrderSpec
from engine.contexts import Context, Wish
from engine.crowd import roomy
from engine.entries import make_plan, register
from engine.inputs import ExecutionReported, MarketView, OrderOpened
from engine.money import ZERO
from engine.orders import EXIT_ROLES, Order, Role
from engine.outbox import Outbox
from engine.positions import revision, signed
from engine.reasons import Reason
from engine.records import frozen
from engine.state import EXECUTIONS_KEPT_NS, NOBODY, Early, State
from engine.tranches import Intent
from statecharts.vocabulary import ContextEvent, ContextState, OrderEvent

_DIGIT = re.compile(r"\d")
_ALIVE = frozenset({"ApiPending", "PendingSubmit", "PreSubmitted", "Submitted"})


@frozen
class Taken:
    """The order of ours that stands for somebody else's, and what it has executed for us."""

    order: Order
    fill: ExecutionReported


def of_account(state: State, account: str) -> None:
    """What others hold is counted of this account from here on. A journal that is flat may go on
    in another one, in which nobody has looked yet."""
    if account and account != state.foreign_of:
        for counted in (state.foreign, state.foreign_found, state.foreign_early):
            counted.clear()
        state.foreign_orders.clear()
        state.suspects.clear()
        state.foreign_of = account


def order_seen(state: State, out: Outbox, seen: OrderOpened) -> None:
    """Somebody else's order on our symbol. What another account does there is nothing to us."""
    key = seen.perm_id or seen.order_id
    if seen.client_id == state.client_id:
        state.pass_order_id(seen.order_id)
    symbol = state.symbols.get(seen.con_id)
    if symbol is None or seen.account not in (state.account, ""):
        return
    if seen.status in _ALIVE or not seen.status:
        state.foreign_orders[key] = symbol, seen.action
    else:
        state.foreign_orders.pop(key, None)
    if state.first_told(f"foreign order {key}", out.now_ns):
        out.alert(
            "warning",
            f"an order that is not ours: {seen.action} {seen.quantity} {seen.order_type} "
            f"(client {seen.client_id}, permanent id {seen.perm_id})",
            seen.symbol,
        )
    if state.config.strategy.foreign_orders == "freeze" and key in state.foreign_orders:
        freeze(state, out, symbol, "an order that is not ours is open")


def execution_seen(
    state: State, out: Outbox, fill: ExecutionReported, identity: str
) -> Taken | None:
    """An execution of somebody else's order; what of it our trade takes, if anything."""
    state.execution_owner.keep(identity, NOBODY, out.now_ns, EXECUTIONS_KEPT_NS)
    if fill.account != state.account:
        return None
    # What was traded before we first looked is part of what we found.
    early, symbol = fill.con_id not in state.foreign, state.symbols.get(fill.con_id)
    if early and fill.symbol in state.config.strategy.symbols:
        before = state.foreign_early.get(fill.con_id, Early())
        after = attrs.evolve(before, shares=(*before.shares, signed(fill)))
        state.foreign_early[fill.con_id] = after
    if symbol is None:
        if fill.symbol not in state.instruments:  # its contract may only not be known yet
            _count(state, out, fill, identity)
        return None
    _count(state, out, fill, identity)
    out.alert(
        "warning",
        f"an execution that is not ours: {fill.side} {fill.quantity} @ {fill.price}",
        symbol,
    )
    if early:
        return None
    policy, taken = state.config.strategy.foreign_orders, None
    if fill.liquidation:
        taken = _liquidated(state, symbol, fill)
    elif policy == "adopt":
        taken = _adopted(state, out, symbol, fill)
    if taken is not None:
        return taken
    state.foreign[fill.con_id] += signed(fill)
    if (looked := state.foreign_early.get(fill.con_id)) is not None:
        later = (*looked.later, signed(fill))
        state.foreign_early[fill.con_id] = attrs.evolve(looked, later=later)
    if policy != "ignore":
        freeze(state, out, symbol, "shares were traded that are not ours")
    return None


def uncounted(state: State, fill: ExecutionReported, identity: str) -> bool:
    """Whether it is one of somebody else that seemed to be of another account or contract when it
    was told before, and counts nowhere: that message was damaged."""
    if state.execution_owner.get(identity) != NOBODY or identity in state.foreign_fills:
        return False
    return fill.account == state.account and fill.con_id in state.symbols


def _count(state: State, out: Outbox, fill: ExecutionReported, identity: str) -> None:
    counted = revision(fill.execution_id)[1], signed(fill)
    state.foreign_fills.keep(identity, counted, out.now_ns, EXECUTIONS_KEPT_NS)


def execution_corrected(state: State, out: Outbox, fill: ExecutionReported, identity: str) -> None:
    """A known execution of somebody else's has another revision: the difference counts."""
    number, counted = revision(fill.execution_id)[1], state.foreign_fills.get(identity)
    if counted is None or number <= counted[0]:
        return
    _count(state, out, fill, identity)
    change = signed(fill) - counted[1]
    early = state.foreign_early.get(fill.con_id)
    if early is not None and fill.con_id not in state.foreign and counted[1] in early.shares:
        at = early.shares.index(counted[1])  # nobody has looked yet: it is as it is now
        shares = (*early.shares[:at], signed(fill), *early.shares[at + 1 :])
        state.foreign_early[fill.con_id] = attrs.evolve(early, shares=shares)
    if not change or fill.con_id not in state.foreign:
        return
    state.foreign[fill.con_id] += change
    out.alert(
        "warning",
        f"an execution that is not ours was corrected: {fill.side} {fill.quantity} @ {fill.price}",
        fill.symbol,
    )
    if state.config.strategy.foreign_orders != "ignore":
        freeze(state, out, state.symbols[fill.con_id], "shares were traded that are not ours")
    state.doubts = True  # only the broker can tell whether all agrees again


def was_ours(state: State, out: Outbox, fill: ExecutionReported, identity: str) -> None:
    """What came without a name of ours, as of somebody else, has come again with it."""
    if (counted := state.foreign_fills.get(identity)) is not None:
        if fill.con_id in state.foreign:  # else nobody has looked yet
            state.foreign[fill.con_id] -= counted[1]
        state.foreign_early.pop(fill.con_id, None)  # its shares are among them
        state.foreign_fills.keep(identity, (counted[0], ZERO), out.now_ns, EXECUTIONS_KEPT_NS)
    out.alert(
        "warning",
        f"an execution was ours after all: {fill.side} {fill.quantity} @ {fill.price}",
        fill.symbol,
    )


def taken_corrected(
    state: State, out: Outbox, fill: ExecutionReported, identity: str, context: Context
) -> Taken:
    """What our trade has taken has another revision. Of what was liquidated together with shares
    of others, ours stays as it is as long as there is enough."""
    order = context.orders[context.ledger.order_of[identity]]
    ours, counted = context.ledger.fills[identity], state.foreign_fills.get(identity)
    if counted is None:
        return Taken(order, fill)
    others = counted[1] - signed(ours)
    part = attrs.evolve(fill, quantity=min(fill.quantity, ours.quantity)) if others else fill
    if revision(fill.execution_id)[1] > counted[0]:
        state.foreign[fill.con_id] += signed(fill) - signed(part) - others
        _count(state, out, fill, identity)
    return Taken(order, part)


def look(state: State, out: Outbox, symbol: str, con_id: int, shares: Decimal) -> None:
    """The first look at what others hold of a symbol."""
    state.foreign[con_id] = state.foreign_found[con_id] = shares
    if shares:
        out.alert("warning", f"holds {shares} shares that are not ours", symbol)
    early = state.foreign_early.get(con_id, Early())
    state.foreign_early[con_id] = attrs.evolve(early, looked_ns=out.now_ns)


def overlooked(state: State, out: Outbox, symbol: str, con_id: int, shares: Decimal) -> bool:
    """Whether the first look explains ``shares`` that the broker holds beyond what is known. It was
    at a position of before the latest executions that had been told by then, if they make as
    many: these were there as well. Or it was at one of after the first executions that were told
    later, which count twice. Unless the positions of the moment in which this seemed so were old
    ones: then these count after all."""
    early = state.foreign_early.get(con_id)
    if early is None:
        return False
    found = state.foreign_found[con_id]
    if shares in accumulate(reversed(early.shares)):
        found = state.foreign_found[con_id] = found + shares
        told = f"held {found} shares that are not ours: the first answer was an old one"
        del state.foreign_early[con_id]
    elif -shares in (sums := [*accumulate(early.later)]):
        told = f"held {found} shares that are not ours: trades that were told later made them"
        count = sums.index(-shares) + 1
        contained, later = (*early.contained, *early.later[:count]), early.later[count:]
        state.foreign_early[con_id] = Early(early.shares, later, contained, out.now_ns)
    elif shares in accumulate(reversed(early.contained)):
        told = f"held {found} shares that are not ours: trades that were told later came on top"
        del state.foreign_early[con_id]
        if state.config.strategy.foreign_orders != "ignore":
            freeze(state, out, symbol, "shares were traded that are not ours")
    else:
        return False
    state.foreign[con_id] += shares
    out.alert("warning", told, symbol)
    return True


def unresolved(state: State, symbol: str, con_id: int) -> bool:
    """Whether the policy still keeps a symbol frozen for what others have done."""
    policy = state.config.strategy.foreign_orders
    if policy == "ignore":
        return False
    if policy == "freeze" and any(one == symbol for one, _ in state.foreign_orders.values()):
        return True
    return state.foreign.get(con_id, ZERO) != state.foreign_found.get(con_id, ZERO)


def freeze(state: State, out: Outbox, symbol: str, why: str) -> None:
    if symbol in state.frozen:
        return
    out.alert("critical", f"{why}; the symbol is frozen", symbol)
    state.frozen[symbol] = why
    state.doubts = True  # only the broker can tell when it is over
    context = state.current.get(symbol)
    if context is not None:
        out.advance(context, ContextEvent.TRUTH_LOST)


# -- adoption --------------------------------------------------------------------------------


def _adopted(state: State, out: Outbox, symbol: str, fill: ExecutionReported) -> Taken | None:
    """What somebody else has executed becomes part of our trade; None if it cannot."""
    context, side = state.current.get(symbol), 1 if fill.side == "BUY" else -1
    if symbol in state.frozen:
        return None
    if context is None:
        if not roomy(state, symbol, side):
            return None
        context = _trade(state, out, symbol, fill, side)
        if context is None:
            return None
        return Taken(_stand_in(state, context, fill, Role.ENTRY, 1), fill)
    if side == context.side:
        joins = context.state in (ContextState.PROTECTED, ContextState.ADDING)
        if not joins and context.state not in (ContextState.CLOSING, ContextState.REVERSING):
            return None
        if joins and not roomy(state, symbol, side):
            return None
        aim = 0 if context.plan.aims else None
        context.intents.append(Intent("adjust"))
        number = len(context.intents) - 1
        tranche = context.open_tranche(f"{state.tag}-{context.number}", number, aim)
        if joins:  # else it leaves with the rest of what is being closed
            out.advance(context, ContextEvent.ADD_REQUESTED)
        return Taken(_stand_in(state, context, fill, Role.ADD, tranche.number), fill)
    if fill.quantity > abs(context.held):
        return None
    return Taken(_given(state, context, fill), fill)


def _liquidated(state: State, symbol: str, fill: ExecutionReported) -> Taken | None:
    """What the broker takes from our trade by force is gone, whatever the policy: a stop for it
    would open it the other way. Also from one that has turned over and is being closed. It takes
    all of the account at once: what is more than ours was the others'. And it takes no more than
    there is: what is beyond all was ours before. Those shares are on the other side now, and go.
    It may be told late, when another trade has begun: of that it took nothing."""
    side = 1 if fill.side == "BUY" else -1
    trades = [one for one in state.contexts.values() if one.symbol == symbol]
    direct = state.held(symbol) - sum((one.held for one in trades), ZERO)
    others = max(-side * (state.foreign[fill.con_id] + direct), ZERO)
    for context in sorted(trades, key=lambda one: (one.settled, -one.number)):
        if _before(fill, context):
            continue
        ours = min(max(-side * context.held, ZERO), fill.quantity)
        beyond = fill.quantity - ours - others
        ours += max(min(beyond, _held_before(context, side)), ZERO)
        if ours:
            part = attrs.evolve(fill, quantity=ours)
            order = _given(state, context, part)
            state.foreign[fill.con_id] += signed(fill) - signed(part)
            return Taken(order, part)
    return None


def _before(fill: ExecutionReported, context: Context) -> bool:
    """Whether the broker's times say that it was executed before a trade had its first share. Only
    those of one form, with the same zone behind them, can be compared."""
    form = _DIGIT.sub("0", fill.time_text)
    return all(
        _DIGIT.sub("0", own.time_text) == form and fill.time_text < own.time_text
        for own in context.ledger.fills.values()
    )


def _held_before(context: Context, side: int) -> Decimal:
    """Shares of a trade that what is executed towards ``side`` may have taken although they are
    not there any more, and that nothing has taken yet: a fill was taken back, or an exit of ours
    has traded, which the broker did after this and told before it."""
    sold = (
        one.filled
        for one in context.orders.values()
        if one.role in EXIT_ROLES and one.sign == side and not one.stands_in
    )
    taken_back = context.ledger.retracted.get("SELL" if side > 0 else "BUY", ZERO)
    return sum(sold, taken_back) - max(side * context.held, ZERO)


def _given(state: State, context: Context, fill: ExecutionReported) -> Order:
    # The tranche with the most gives; if that is not enough, the allocation takes from others.
    tranche, _ = max(context.shares(), key=lambda each: abs(each[1]))
    return _stand_in(state, context, fill, Role.CLOSE, tranche.number)


def _trade(
    state: State, out: Outbox, symbol: str, fill: ExecutionReported, side: int
) -> Context | None:
    """A context for shares that somebody else has brought, protected like an entry of ours."""
    instrument = state.instruments[symbol]
    wish = Wish(symbol, side, state.config.strategy.of(symbol), "foreign", fill.execution_id)
    plan = make_plan(state, wish, MarketView(symbol), fill.price, instrument)
    if isinstance(plan, Reason):
        return None  # no stop can be computed without a market: then it is a person's
    number = state.take_number()
    context = Context(number, symbol, plan, out.now_ns)
    context.intents.append(Intent("entry"))
    context.open_tranche(f"{state.tag}-{number}", 0, 0 if plan.aims else None)
    state.contexts[number] = state.current[symbol] = context
    out.advance(context, ContextEvent.ENTRY_REQUESTED)
    return context


def _stand_in(
    state: State, context: Context, fill: ExecutionReported, role: Role, tranche: int
) -> Order:
    number = -state.take_number()  # never on the wire
    spec = OrderSpec(
        fill.side, fill.quantity, "MKT", None, None, "DAY", False, state.account,
        f"{state.tag}-{context.number}-F{-number}",
    )  # fmt: skip
    order = Order(number, context.symbol, role, context.number, spec, tranche)
    order.step(OrderEvent.PLACE)
    order.confirmed_quantity = Decimal(fill.quantity)
    context.enlist(order)
    register(state, order)
    return order

"""Executions, and the commissions that follow them: the only things that move a position.

Counted once by their identity, whatever order they come in and however often; then named for the
context they belong to. Cooldowns, daily counts and what an add brings with it begin here, with
real shares and never with a request.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from engine import foreign, invariants
from engine.contexts import PROTECTING_STATES, Context, name_fill
from engine.events import FillEvent, PositionCloseEvent, PositionOpenEvent, PositionUpdateEvent
from engine.groups import Group
from engine.halts import FLATTEN, NO_ENTRIES, on_halt
from engine.inputs import CommissionReported, ExecutionReported, HaltRequested, Input
from engine.money import FAR, ZERO
from engine.orders import OPENING_ROLES, Order, Role
from engine.outbox import Outbox, bound
from engine.portfolio import note_entry
from engine.positions import Ledger, correction, revision
from engine.reports import report
from engine.rulebook import count
from engine.state import EXECUTIONS_KEPT_NS, NOBODY, State
from statecharts.vocabulary import ContextEvent, ContextState, OrderEvent, OrderReport

TOLD_AGAIN: Final = frozenset({ExecutionReported, CommissionReported})


def known(state: State, item: Input) -> bool:
    """Whether this execution or commission is counted already, so that it would change nothing.
    Each round of truth brings all of the day again; without them the journal stays short."""
    if isinstance(item, ExecutionReported):
        identity, number = revision(item.execution_id)
        owner = state.execution_owner.get(identity)
        if owner is None:
            return False
        if owner == NOBODY and (_finds(state, item) or foreign.uncounted(state, item, identity)):
            return False
        ledger = _ledger(state, owner)
        if ledger is not None:
            return ledger.revisions.get(identity, -1) >= number
        counted = state.foreign_fills.get(identity)  # else it is of a trade that is forgotten
        if counted is not None:
            return bool(counted[0] >= number)
        return owner == NOBODY or not _corrects_past(state, item)
    if isinstance(item, CommissionReported):
        identity, number = revision(item.execution_id)
        owner = state.execution_owner.get(identity)
        if owner is None:
            early = state.early_commissions.get(identity)
            if early is None or item.commission is None:
                return early is item.commission
            return early == item.commission
        ledger = _ledger(state, owner)
        return ledger is None or ledger.commissions.get(identity) == (number, item.commission)
    return False


def _finds(state: State, fill: ExecutionReported) -> Order | None:
    """The order of ours that this is an execution of."""
    order = _named(state, fill)
    return None if order is None or order.stands_in else order


def _ledger(state: State, number: int) -> Ledger | None:
    owner: Context | Group | None = state.contexts.get(number) or state.groups.get(number)
    return None if owner is None else owner.ledger


def _order_of(state: State, number: int, fill: ExecutionReported, identity: str) -> Order | None:
    """The order that an execution of a trade's or a group's has counted for, whatever name it has
    now: what came without ours may have been adopted. None if its trade is forgotten. One that was
    known under another id has counted under that one: then its order is asked for by name."""
    ledger = _ledger(state, number)
    if ledger is None:
        return None
    counted = ledger.order_of.get(identity)
    return _named(state, fill) if counted is None else state.orders[counted]


def _named(state: State, fill: ExecutionReported) -> Order | None:
    return state.find(fill.order_id, fill.client_id, fill.perm_id, fill.order_ref)


def on_execution(state: State, out: Outbox, fill: ExecutionReported) -> None:
    identity = revision(fill.execution_id)[0]
    counted_by = state.execution_owner.get(identity, NOBODY)
    if counted_by == NOBODY:
        order = _named(state, fill)
    else:
        order = _order_of(state, counted_by, fill, identity)
    if order is not None and not _fits(state, order, fill):
        _refuse(state, out, order, fill)
        return
    if order is None or order.stands_in:
        taken = _stranger(state, out, fill, identity, order)
        if taken is None:
            state.early_commissions.pop(identity, None)  # it is somebody else's
            return
        order, fill = taken.order, taken.fill
    elif counted_by == NOBODY and identity in state.execution_owner:
        foreign.was_ours(state, out, fill, identity)
    owner = state.contexts.get(order.owner) or state.groups.get(order.owner)
    if owner is None:
        _orphan(state, out, fill)
        return
    held_before = owner.held
    corrected = identity in owner.ledger.fills
    state.execution_owner.keep(identity, order.owner, out.now_ns, EXECUTIONS_KEPT_NS)
    if owner.ledger.add(fill, order.order_id) is None:
        return
    state.count(owner.symbol, owner.held - held_before)
    if (early := state.early_commissions.pop(identity, None)) is not None:
        owner.ledger.charge(fill.execution_id, early)
    state.learn_perm_id(order, fill.perm_id)
    order.filled = owner.ledger.filled(order.order_id)
    if corrected:  # what statuses had counted was wrong too
        order.status_filled = min(order.status_filled, order.filled)
    if order.filled >= order.status_filled:
        state.deadlines.pop(f"fills:{order.order_id}", None)
    late = order.reported == OrderReport.CLOSED
    out.say_of(
        order,
        FillEvent,
        execution_id=fill.execution_id,
        fill_quantity=fill.quantity,
        fill_price=fill.price,
        average_price=owner.ledger.average(order.order_id),
    )
    if late:
        out.alert("critical", f"order {order.order_id} filled after its grace", order.symbol)
    else:
        told_full = order.said_filled and order.filled >= order.status_filled
        full = told_full or order.complete
        report(state, out, order, OrderEvent.FILLED_FULL if full else OrderEvent.FILLED_PART)
        # It may be at work again, and its status be on its way, or lost.
        state.doubts |= order.reported == OrderReport.INACTIVE
    state.touch(order)
    if isinstance(owner, Context):
        _context_filled(state, out, owner, order, held_before)


def _context_filled(
    state: State,
    out: Outbox,
    context: Context,
    order: Order,
    held_before: Decimal,
) -> None:
    invariants.after_counting(context)
    state.dirty.add(context.number)
    if order.role in OPENING_ROLES:
        tranche = context.tranche_of(order)
        tranche.entry_filled_ns = out.now_ns
        if context.count_fill(tranche.intent):
            intent = context.intents[tranche.intent]
            count(state, intent.rule, context.symbol, out.now_ns)
            if intent.kind == "entry":
                note_entry(state, context.symbol, out.now_ns)
        _await_rest(state, context, order, out.now_ns)
    if context.symbol in state.frozen:
        state.doubts = True  # this may be what was missing
    if context.held == held_before:  # a corrected price: cover sees to it
        if context.held:
            _tell_position(out, context, held_before)
        return
    event = name_fill(context, order)
    if event == ContextEvent.WENT_FLAT and order.role is not Role.CLOSE:
        context.exit_reason = str(order.role)
    _tell_position(out, context, held_before)
    if not out.advance(context, event):
        return
    if event in (ContextEvent.LATE_FILLED, ContextEvent.SIDE_FLIPPED):
        _unexpected(state, out, context, event)


def _unexpected(state: State, out: Outbox, context: Context, event: ContextEvent) -> None:
    """Shares came after the trade had ended, or more went than there were. What is left on the
    wrong side always goes; late shares are kept, protected, if the policy says so and no other
    trade of the symbol is under way (long and short never mix)."""
    current = state.current.setdefault(context.symbol, context)
    context.reverse_to = None
    flattening = state.halt is not None and state.halt.level >= FLATTEN
    keeps = context.plan.trade.late_fill == "protect" and current is context and not flattening
    if event == ContextEvent.LATE_FILLED and keeps:
        out.alert("warning", f"late_filled: {context.held} shares are protected", context.symbol)
        return
    context.exit_reason = event.name.lower()
    told = f"{context.exit_reason}: {context.held} shares are being closed"
    out.alert("warning", told, context.symbol)
    if event == ContextEvent.LATE_FILLED:
        out.advance(context, ContextEvent.CLOSE_REQUESTED)


def _await_rest(state: State, context: Context, order: Order, now_ns: int) -> None:
    """The rest of a part-filled entry has its time, if the policy gives it one."""
    patience = context.plan.trade.entry_partial_timeout_s
    if order.role is Role.ENTRY and patience is not None and order.remaining:
        name = f"partial:{context.number}"
        state.deadlines.setdefault(name, now_ns + state.scaled(patience))


def rest_overdue(state: State, out: Outbox, subject: str) -> None:
    """The entry has filled in part and had its time for the rest. While the symbol is frozen it
    has more; when it is thawed, the trade is a protected one whose entry may live."""
    context = state.contexts.get(int(subject))
    if context is None or all(order.dead for order in context.of(Role.ENTRY)):
        return
    if context.state == ContextState.FROZEN:
        for order in context.of(Role.ENTRY):
            _await_rest(state, context, order, out.now_ns)
        return
    if context.state not in PROTECTING_STATES or not context.held:
        return
    context.entry_over = True
    if context.plan.trade.entry_partial == "flatten":
        context.exit_reason = "entry_partial"
        out.advance(context, ContextEvent.CLOSE_REQUESTED)
    state.dirty.add(context.number)


def _tell_position(out: Outbox, context: Context, held_before: Decimal) -> None:
    position = context.ledger.position
    held = position.quantity
    fields: dict[str, Any] = {
        "symbol": context.symbol,
        "side": "long" if (held or held_before) > 0 else "short",
        "quantity": abs(held),
        "average_price": position.average_price or position.entry_price,
        "realised": position.realised - context.ledger.commission,
        **bound(out.state, context.number),
    }
    if not held_before:
        out.say(PositionOpenEvent, **fields)
    elif held:
        out.say(PositionUpdateEvent, **fields, previous_quantity=abs(held_before))
    else:
        out.say(
            PositionCloseEvent,
            **fields,
            exit_price=position.exit_price,
            reason=context.exit_reason,
        )


def _stranger(
    state: State, out: Outbox, fill: ExecutionReported, identity: str, before: Order | None
) -> foreign.Taken | None:
    """An execution of no order of ours; what of it is ours all the same, if anything. ``before``
    stands for what the same order had executed when it was last heard of."""
    owner = state.contexts.get(state.execution_owner.get(identity, 0))
    if owner is not None and identity in owner.ledger.order_of:
        return foreign.taken_corrected(state, out, fill, identity, owner)
    ledger = None if before is None else _ledger(state, before.owner)
    if before is not None and ledger is not None and ledger.twin(fill, before.order_id):
        return foreign.Taken(before, fill)
    if identity in state.execution_owner and not foreign.uncounted(state, fill, identity):
        if state.execution_owner.get(identity) == NOBODY or identity in state.foreign_fills:
            foreign.execution_corrected(state, out, fill, identity)
        elif _corrects_past(state, fill):
            _past_corrected(state, out, fill)
        return None
    if state.ours(fill.order_ref):
        _orphan(state, out, fill)
        return None
    if fill.liquidation and fill.con_id in state.foreign and fill.account == state.account:
        why = f"{fill.symbol}: {fill.quantity} shares were liquidated"
        on_halt(state, out, HaltRequested(NO_ENTRIES, "broker", why))
    return foreign.execution_seen(state, out, fill, identity)


def _corrects_past(state: State, fill: ExecutionReported) -> bool:
    """Whether an execution of a trade that is forgotten has another revision than was known."""
    return revision(fill.execution_id)[1] > 1 and correction(fill) not in state.told


def _past_corrected(state: State, out: Outbox, fill: ExecutionReported) -> None:
    """Busts come hours later. By how many shares it differs nobody knows any more: if the broker
    does not hold what we think, its answer freezes the symbol for a person."""
    state.first_told(correction(fill), out.now_ns)
    told = f"execution {fill.execution_id} of a trade that is over was corrected; asking"
    out.alert("critical", told, fill.symbol)
    state.doubts = True


def _fits(state: State, order: Order, fill: ExecutionReported) -> bool:
    """Whether it can be of this order at all: a damaged one that were counted would be a position
    that nobody has."""
    alike = fill.side == order.spec.action and state.symbols.get(fill.con_id) == order.symbol
    near = ZERO <= fill.quantity < FAR and abs(fill.price) < FAR
    return alike and fill.account == state.account and near


def _refuse(state: State, out: Outbox, order: Order, fill: ExecutionReported) -> None:
    """It is not counted; whatever is true, the next round tells it again."""
    if state.first_told(f"misfit {fill.execution_id}", out.now_ns):
        told = f"{fill.account} {fill.side} {fill.quantity} {fill.symbol}"
        out.alert(
            "critical",
            f"execution {fill.execution_id} does not fit order {order.order_id}: {told}; asking",
            order.symbol,
        )
    state.doubts = True


def _orphan(state: State, out: Outbox, fill: ExecutionReported) -> None:
    """It carries our reference but we have no such order: nothing may be assumed about it. Its
    contract says which symbol that is: what TWS calls it is also the name of its options."""
    if not state.first_told(f"orphan {fill.execution_id}", out.now_ns):
        return
    symbol = state.symbols.get(fill.con_id, fill.symbol)
    out.alert("critical", f"execution {fill.execution_id} of an order we do not know", symbol)
    if fill.con_id in state.symbols or symbol not in state.instruments:
        state.frozen[symbol] = f"unknown order {fill.order_ref or fill.order_id} executed"
    state.doubts = True


def on_commission(state: State, out: Outbox, seen: CommissionReported) -> None:
    """Touches profit, never quantity or state; may come before its execution, or never."""
    if seen.commission is None:
        return
    identity = revision(seen.execution_id)[0]
    number = state.execution_owner.get(identity)
    if number is None:
        state.early_commissions[identity] = seen.commission
        return
    ledger = _ledger(state, number)
    if ledger is None:
        return
    ledger.charge(seen.execution_id, seen.commission)
    if number in state.contexts:
        state.dirty.add(number)

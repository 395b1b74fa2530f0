"""What the broker says about orders, in whatever order and however often it says it.

Every handler is idempotent: a message that repeats what is known changes nothing. Executions
alone move a position; statuses and echoes only move the order's chart and what is confirmed.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from engine.commands import Cancel
from engine.contexts import PROTECTING_STATES, Context, name_fill
from engine.entries import open_until
from engine.events import (
    CancelEvent,
    FillEvent,
    OrderStatusEvent,
    PositionCloseEvent,
    PositionOpenEvent,
    PositionUpdateEvent,
    RejectEvent,
)
from engine.groups import Group
from engine.inputs import (
    CommissionReported,
    ErrorReported,
    ExecutionReported,
    OrderOpened,
    OrderStatusReported,
)
from engine.money import ZERO
from engine.orders import (
    EXIT_ROLES,
    OPENING_ROLES,
    STATUS_EVENTS,
    Order,
    Role,
)
from engine.outbox import Outbox, order_fields, status_of
from engine.positions import Ledger, revision, signed
from engine.reasons import Reason
from engine.state import State
from engine.tranches import Intent
from engine.tws_errors import ErrorClass, classify
from statecharts.vocabulary import (
    ContextEvent,
    OrderAsk,
    OrderEvent,
    OrderReport,
)

_FILL_SETTLE_S = 1.0  # a status may run ahead of its execution by this much before we ask
_STEADY_S = 60.0  # an exit that rested this long was not refused: the count starts anew
_OCA_REVISION_REFUSED = frozenset({10326, 10327})
_ALREADY_FILLED = 104
_ALIVE = frozenset({"ApiPending", "PendingSubmit", "PreSubmitted", "Submitted"})
_RETRY_FIRST_S, _RETRY_MAX_S = 0.5, 30.0


def report(state: State, out: Outbox, order: Order, event: OrderEvent, why: str = "") -> None:
    """Step an order by something the broker said, and tell and note what follows."""
    before_report, before_ask, previous = order.reported, order.asked, status_of(order)
    was_dead, standing = order.dead, order.standing
    if before_report == OrderReport.CLOSED:
        return  # over and done with: repeated and late words about it mean nothing
    if not order.step(event):
        out.alert(
            "warning",
            f"order {order.order_id} ({OrderReport(before_report).name}) met {event.name}: "
            "no such row; asking the broker for the truth",
            order.symbol,
        )
        state.doubts = True
        return
    if (order.reported, order.asked) == (before_report, before_ask):
        return
    if order.standing != standing:
        state.touch(order)
    if order.asked == OrderAsk.PLACED and order.reported != OrderReport.SILENT:
        _answered(state, order)
    if order.reported == OrderReport.UNKNOWN:
        state.doubts = True
    if order.dead and not was_dead:
        _died(state, out, order, why, asked_for=before_ask == OrderAsk.CANCELLING)
    out.say(OrderStatusEvent, **order_fields(order), previous=previous)


def _answered(state: State, order: Order) -> None:
    order.deadline_ns = 0
    state.deadlines.pop(f"answer:{order.order_id}", None)


def _died(state: State, out: Outbox, order: Order, why: str, asked_for: bool) -> None:
    _answered(state, order)
    grace = state.scaled(state.config.timing.late_fill_grace_s)
    state.deadlines[f"grace:{order.order_id}"] = out.now_ns + grace
    if order.reported == OrderReport.REJECTED:
        code = why.split(" ", 1)[0]
        out.say(
            RejectEvent,
            **order_fields(order),
            code=int(code) if code.isdigit() else 0,
            reason=why,
        )
    elif order.reported in (OrderReport.CANCELLED, OrderReport.ABSENT):
        out.say(CancelEvent, **order_fields(order), reason=why)
    context = state.contexts.get(order.owner)
    if context is None or order.role not in EXIT_ROLES or not context.held:
        return
    if order.reported != OrderReport.FILLED and not asked_for:
        _exit_lost(state, out, context, order, why)


def _exit_lost(state: State, out: Outbox, context: Context, order: Order, why: str) -> None:
    """An exit went away while shares are held: bounded attempts, then out by market."""
    timing, tranche = state.config.timing, context.tranche_of(order)
    if out.now_ns - order.placed_ns > state.scaled(_STEADY_S):
        tranche.failures[order.role] = 0
    failures = tranche.failures[order.role] = tranche.failures.get(order.role, 0) + 1
    out.alert("warning", f"{order.role} order {order.order_id} lost: {why}", order.symbol)
    if order.role is Role.CLOSE:
        delay = min(_RETRY_FIRST_S * 2 ** (failures - 1), _RETRY_MAX_S)
        tranche.retry_ns = out.now_ns + state.scaled(delay)
    elif order.role is Role.TRIM:  # tried once; the trade goes on with what it has
        tranche.trim = sum((one.filled for one in tranche.of(Role.TRIM)), ZERO)
    elif order.role is Role.STOP and context.state in PROTECTING_STATES:
        if failures < timing.protect_attempts_max:
            return
        told = f"no stop could be placed in {failures} attempts; closing by market"
        out.alert("critical", told, order.symbol)
        context.exit_reason = "protection_refused"
        out.advance(context, ContextEvent.CLOSE_REQUESTED)


# -- echoes and statuses ---------------------------------------------------------------------


def on_open_order(state: State, out: Outbox, seen: OrderOpened) -> None:
    order = state.find(seen.order_id, seen.client_id, seen.perm_id, seen.order_ref)
    if order is None:
        _foreign_order(state, out, seen)
        return
    state.round.seen.add(order.order_id)
    order.absences = 0
    state.learn_perm_id(order, seen.perm_id)
    if seen.quantity > 0:  # zero and unset are known to be bogus echoes (S13)
        price = order.price_in(seen)
        if (seen.quantity, price) != (order.confirmed_quantity, order.confirmed_price):
            order.confirmed_quantity, order.confirmed_price = seen.quantity, price
            state.touch(order)
        _check_amendment(state, out, order)
    if seen.trail_stop_price is not None and order.spec.order_type == "TRAIL":
        _trailed(state, order, seen.trail_stop_price)
    if order.reported == OrderReport.CLOSED and seen.status in _ALIVE:
        _take_back(state, out, seen)
    if event := STATUS_EVENTS.get(seen.status):
        report(state, out, order, event)


def _trailed(state: State, order: Order, level: Decimal) -> None:
    """A trailing stop has moved: what comes after it will not be looser."""
    context = state.contexts.get(order.owner)
    if context is None or level <= 0:
        return
    known = context.trail_level
    if known is None or (level - known) * context.side > 0:
        context.trail_level = level
        state.touch(order)


def _check_amendment(state: State, out: Outbox, order: Order) -> None:
    """An amendment is confirmed by reading it back. The price tells, if it changed at all: the
    quantity may have been reduced by the OCA group in the meantime."""
    if order.asked != OrderAsk.AMENDING:
        return
    wanted = order.spec
    # What a market order echoes as its price means nothing.
    if order.price in (None, order.confirmed_price) and (
        order.confirmed_quantity == wanted.quantity
        or (order.confirmed_quantity or ZERO) < wanted.quantity
    ):
        report(state, out, order, OrderEvent.AMEND_CONFIRMED)
    elif order.reported == OrderReport.UNKNOWN:
        # It was overdue and the broker still shows the old terms: it never arrived, and may
        # be asked again.
        report(state, out, order, OrderEvent.AMEND_REFUSED)


def on_status(state: State, out: Outbox, seen: OrderStatusReported) -> None:
    order = state.find(seen.order_id, seen.client_id, seen.perm_id, "")
    if order is None:
        return  # foreign; openOrder carries what there is to say about it
    state.learn_perm_id(order, seen.perm_id)
    if order.why_held != seen.why_held:
        order.why_held = seen.why_held
        state.touch(order)
    order.status_filled = max(order.status_filled, seen.filled)
    if event := STATUS_EVENTS.get(seen.status):
        report(state, out, order, event, seen.status)
        if not order.confirmed and not order.dead:
            echo = out.now_ns + state.scaled(_FILL_SETTLE_S)
            state.deadlines.setdefault(f"echo:{order.order_id}", echo)
    elif seen.status == "Filled":
        order.said_filled = True
        if order.filled >= seen.filled > 0 and not order.dead:
            report(state, out, order, OrderEvent.FILLED_FULL)
    else:
        out.alert("warning", f"order {order.order_id} has unknown status {seen.status!r}")
        report(state, out, order, OrderEvent.ANSWER_OVERDUE)
        state.doubts = True
    if order.status_filled > order.filled:
        settle = out.now_ns + state.scaled(_FILL_SETTLE_S)
        state.deadlines.setdefault(f"fills:{order.order_id}", settle)


def _foreign_order(state: State, out: Outbox, seen: OrderOpened) -> None:
    """Somebody else's order on our symbol: told once, never touched, never counted as ours."""
    if state.ours(seen.order_ref):
        if seen.status in _ALIVE:
            _take_back(state, out, seen)
        return
    key = f"foreign order {seen.perm_id or seen.order_id}"
    if seen.client_id == state.client_id:
        state.next_order_id = max(state.next_order_id, seen.order_id + 1)
    if seen.con_id in state.symbols and key not in state.told:
        state.told.add(key)
        out.alert(
            "warning",
            f"an order that is not ours: {seen.action} {seen.quantity} {seen.order_type} "
            f"(client {seen.client_id}, permanent id {seen.perm_id})",
            seen.symbol,
        )


def _take_back(state: State, out: Outbox, seen: OrderOpened) -> None:
    """An order of ours that was given up lives: the proof of its absence was wrong, or a dialog
    in TWS held it back. Nothing waits for it any more."""
    out.alert("critical", f"order {seen.order_id} lives after it was given up", seen.symbol)
    if state.live:
        out.commands.append(Cancel(seen.order_id))


# -- executions ------------------------------------------------------------------------------


def on_execution(state: State, out: Outbox, fill: ExecutionReported) -> None:
    order = state.find(fill.order_id, fill.client_id, fill.perm_id, fill.order_ref)
    identity = revision(fill.execution_id)[0]
    if order is None:
        _foreign_execution(state, out, fill, identity)
        return
    owner = state.contexts.get(order.owner) or state.groups.get(order.owner)
    if owner is None:
        _orphan(state, out, fill)
        return
    held_before = owner.held
    corrected = identity in owner.ledger.fills
    if owner.ledger.add(fill, order.order_id) is None:
        return
    state.execution_owner[identity] = order.owner
    if (early := state.early_commissions.pop(identity, None)) is not None:
        owner.ledger.charge(fill.execution_id, early)
    state.learn_perm_id(order, fill.perm_id)
    order.filled = owner.ledger.filled(order.order_id)
    if corrected:  # what statuses had counted was wrong too
        order.status_filled = min(order.status_filled, order.filled)
    if order.filled >= order.status_filled:
        state.deadlines.pop(f"fills:{order.order_id}", None)
    late = order.reported == OrderReport.CLOSED
    out.say(
        FillEvent,
        **order_fields(order),
        execution_id=fill.execution_id,
        fill_quantity=fill.quantity,
        fill_price=fill.price,
        average_price=owner.ledger.average(order.order_id),
    )
    if late:
        out.alert("critical", f"order {order.order_id} filled after its grace", order.symbol)
    else:
        told_full = order.said_filled and order.filled >= order.status_filled
        full = told_full or order.remaining == 0
        report(state, out, order, OrderEvent.FILLED_FULL if full else OrderEvent.FILLED_PART)
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
    state.dirty.add(context.number)
    if order.role in OPENING_ROLES:
        tranche = context.tranche_of(order)
        tranche.entry_filled_ns = out.now_ns
        if context.count_fill(tranche.intent):
            _count_execution(state, context, context.intents[tranche.intent], out.now_ns)
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
    keeps = context.plan.trade.late_fill == "protect" and current is context
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


def _count_execution(state: State, context: Context, intent: Intent, now_ns: int) -> None:
    """Cooldown and daily count begin with a real execution, once per entry or add."""
    if context.plan.origin == "bracket" or intent.kind != "entry":
        return
    symbol = context.symbol
    state.cooldown_until[symbol] = now_ns + int(state.config.strategy.cooldown_s * 1_000_000_000)
    instrument = state.instruments.get(symbol)
    session_end = open_until(state, instrument, now_ns) if instrument else None
    day, count = state.entries_today.get(symbol, (0, 0))
    today = session_end or day
    state.entries_today[symbol] = (today, count + 1 if day == today else 1)


def _tell_position(out: Outbox, context: Context, held_before: Decimal) -> None:
    position = context.ledger.position
    held = position.quantity
    fields: dict[str, Any] = {
        "symbol": context.symbol,
        "side": "long" if (held or held_before) > 0 else "short",
        "quantity": abs(held),
        "average_price": position.average_price or position.entry_price,
        "realised": position.realised - context.ledger.commission,
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


def _foreign_execution(state: State, out: Outbox, fill: ExecutionReported, identity: str) -> None:
    if identity in state.execution_owner:
        return
    if state.ours(fill.order_ref):
        _orphan(state, out, fill)
        return
    state.execution_owner[identity] = 0
    if fill.con_id in state.symbols and fill.account == state.account:
        if fill.con_id in state.foreign and fill.request_id < 0:
            state.foreign[fill.con_id] += signed(fill)
        out.alert(
            "warning",
            f"an execution that is not ours: {fill.side} {fill.quantity} @ {fill.price}",
            fill.symbol,
        )


def _orphan(state: State, out: Outbox, fill: ExecutionReported) -> None:
    """It carries our reference but we have no such order: nothing may be assumed about it."""
    key = f"orphan {fill.execution_id}"
    if key in state.told:
        return
    state.told.add(key)
    out.alert("critical", f"execution {fill.execution_id} of an order we do not know", fill.symbol)
    state.frozen[fill.symbol] = f"unknown order {fill.order_ref or fill.order_id} executed"
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
    owner: Context | Group | None = state.contexts.get(number) or state.groups.get(number)
    if owner is None:
        return
    ledger: Ledger = owner.ledger
    ledger.charge(seen.execution_id, seen.commission)
    if isinstance(owner, Context):
        state.dirty.add(owner.number)


# -- errors ----------------------------------------------------------------------------------

_ORDER_CLASSES = frozenset(
    {
        ErrorClass.ORDER_REJECTED,
        ErrorClass.ORDER_CANCELLED,
        ErrorClass.AMEND_REFUSED,
        ErrorClass.CANCEL_REFUSED,
        ErrorClass.PRICE_REFUSED,
        ErrorClass.ORDER_INFO,
        ErrorClass.UNKNOWN,
    }
)


def on_error(state: State, out: Outbox, seen: ErrorReported) -> None:
    found = classify(seen.code)
    order = state.orders.get(seen.request_id) if seen.request_id > 0 else None
    why = f"{seen.code} {seen.text}"
    if order is not None and order.reported == OrderReport.CLOSED:
        return
    if order is None:
        out.alert("warning" if found in _ORDER_CLASSES else "info", f"TWS says {why}")
        if seen.request_id == -1 and found in _ORDER_CLASSES:
            state.doubts = True  # about some order, we cannot tell which
        return
    amending = order.asked == OrderAsk.AMENDING
    refused = (ErrorClass.ORDER_REJECTED, ErrorClass.PRICE_REFUSED, ErrorClass.AMEND_REFUSED)
    if found == ErrorClass.ORDER_INFO:
        out.alert("info", f"order {order.order_id}: {why}", order.symbol)
    elif found == ErrorClass.ORDER_CANCELLED:
        report(state, out, order, OrderEvent.CANCELLED, why)
    elif found in refused and amending:
        # The request was refused, not the order: it lives on as it was, until read back.
        order.amendment_refused()
        if seen.code in _OCA_REVISION_REFUSED:
            # Contested among the broker's own answers, and some cancel the order with it. From
            # here on exits are replaced: never naked, for two messages more.
            state.oca_amendable = False
        _answered(state, order)
        report(state, out, order, OrderEvent.AMEND_REFUSED, why)
        out.alert("warning", f"amendment of order {order.order_id} refused: {why}", order.symbol)
        state.doubts = True
        state.touch(order)
    elif found in refused and order.refused is not None and not order.dead:
        state.doubts = True  # told again, or the end of the order itself: the broker knows
    elif found in (ErrorClass.ORDER_REJECTED, ErrorClass.PRICE_REFUSED):
        report(state, out, order, OrderEvent.REJECTED, why)
        if order.role in OPENING_ROLES and not order.filled:
            out.refuse(Reason.BROKER_REJECTED, order.symbol, why)
    elif found == ErrorClass.CANCEL_REFUSED:
        report(state, out, order, OrderEvent.CANCEL_REFUSED, why)
        if not order.dead:
            report(state, out, order, OrderEvent.ANSWER_OVERDUE, why)
            state.doubts = True
    elif found == ErrorClass.AMEND_REFUSED and order.dead:
        # The amendment crossed the order's end on the wire: no news, unless it says another end.
        state.doubts |= seen.code == _ALREADY_FILLED and order.reported != OrderReport.FILLED
    elif found in (ErrorClass.AMEND_REFUSED, ErrorClass.UNKNOWN):
        out.alert("warning", f"order {order.order_id}: {why}; asking for the truth", order.symbol)
        report(state, out, order, OrderEvent.ANSWER_OVERDUE, why)
        state.doubts = True

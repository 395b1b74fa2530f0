"""What the broker says about orders, in whatever order and however often it says it.

Every handler is idempotent: a message that repeats what is known changes nothing. Executions
alone move a position; statuses and echoes only move the order's chart and what is confirmed.
"""

from __future__ import annotations

from decimal import Decimal

from engine import foreign
from engine.commands import Cancel
from engine.contexts import PROTECTING_STATES, Context
from engine.events import (
    CancelEvent,
    OrderStatusEvent,
    RejectEvent,
)
from engine.inputs import (
    ErrorReported,
    OrderOpened,
    OrderStatusReported,
)
from engine.money import FAR, ZERO
from engine.orders import (
    DEAD,
    EXIT_ROLES,
    OPENING_ROLES,
    STATUS_EVENTS,
    Order,
    Role,
)
from engine.outbox import Outbox, status_word
from engine.reasons import Reason
from engine.state import State
from engine.tws_errors import ErrorClass, classify
from statecharts.vocabulary import (
    ContextEvent,
    OrderAsk,
    OrderEvent,
    OrderReport,
)

_CLOSED = OrderReport.CLOSED
_FILL_SETTLE_S = 1.0  # a status may run ahead of its execution by this much before we ask
_STEADY_S = 60.0  # an exit that rested this long was not refused: the count starts anew
_OCA_REVISION_REFUSED = frozenset({10326, 10327})
_ALREADY_FILLED = 104
_NO_SUCH_ORDER = 135  # also of the parent, which has filled and is gone, when a child is changed
_ALIVE = frozenset({"ApiPending", "PendingSubmit", "PreSubmitted", "Submitted"})
# From these to inactive is no news: one that cannot be cancelled is asked about again and again.
_IN_DOUBT = frozenset({OrderReport.UNKNOWN, OrderReport.CANCEL_PENDING})
_RETRY_FIRST_S, _RETRY_MAX_S = 0.5, 30.0


def report(state: State, out: Outbox, order: Order, event: OrderEvent, why: str = "") -> None:
    """Step an order by something the broker said, and tell and note what follows."""
    before_report, before_ask = order.reported, order.asked
    if before_report == _CLOSED:
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
    reported, asked = order.reported, order.asked
    if reported == before_report and asked == before_ask:
        return
    if order.standing_at(asked, reported) != order.standing_at(before_ask, before_report):
        state.touch(order)
    if asked == OrderAsk.PLACED and reported != OrderReport.SILENT:
        _answered(state, order)
    if reported == OrderReport.UNKNOWN:
        state.doubts = True
    if before_report in DEAD and reported not in DEAD:
        order.contradicted = True
    elif reported in DEAD and before_report not in DEAD:
        _died(state, out, order, why, asked_for=before_ask == OrderAsk.CANCELLING)
    elif reported == OrderReport.INACTIVE and before_report not in _IN_DOUBT:
        _maybe_lost(state, out, order, why, asked_for=before_ask == OrderAsk.CANCELLING)
    out.say_of(order, OrderStatusEvent, previous=status_word(before_ask, before_report))


def _answered(state: State, order: Order) -> None:
    order.deadline_ns = 0
    state.deadlines.pop(f"answer:{order.order_id}", None)


def _died(state: State, out: Outbox, order: Order, why: str, asked_for: bool) -> None:
    _answered(state, order)
    grace = state.scaled(state.config.timing.late_fill_grace_s)
    state.deadlines[f"grace:{order.order_id}"] = out.now_ns + grace
    if order.reported == OrderReport.REJECTED:
        code = why.split(" ", 1)[0]
        told = int(code) if code.isdigit() else 0
        out.say_of(order, RejectEvent, code=told, reason=why)
    elif order.reported in (OrderReport.CANCELLED, OrderReport.ABSENT):
        out.say_of(order, CancelEvent, reason=why)
    if order.reported != OrderReport.FILLED:
        _maybe_lost(state, out, order, why, asked_for)


def _maybe_lost(state: State, out: Outbox, order: Order, why: str, asked_for: bool) -> None:
    """An order is dead, or inactive, which is as bad: if the broker has called one so, it may call
    the next one so as well, and to take back and place for ever is no protection."""
    context = state.contexts.get(order.owner)
    if context is None or order.role not in EXIT_ROLES or not context.tranche_of(order).own:
        return
    if not asked_for:
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
        # As long as there is no way out, what is held wants its stop, however often that failed.
        stops = tranche.failures.get(Role.STOP, 0)
        tranche.failures[Role.STOP] = min(stops, timing.protect_attempts_max - 1)
        if failures == timing.protect_attempts_max:
            told = f"the close was refused {failures} times; {context.held} shares are still held"
            out.alert("critical", told, order.symbol)
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
        if not state.ours(seen.order_ref):
            foreign.order_seen(state, out, seen)
        elif seen.status in _ALIVE:
            _rise(out, seen, not state.live)
        return
    state.round.seen.add(order.order_id)
    order.absences = 0
    state.learn_perm_id(order, seen.perm_id)
    if seen.quantity > 0:  # zero and unset are known to be bogus echoes (S13)
        price = order.price_in(seen)
        confirmed = order.confirmed_quantity, order.confirmed_price
        if confirmed[0] is None or (seen.quantity, price) != confirmed:
            order.confirmed_quantity, order.confirmed_price = seen.quantity, price
            state.touch(order)
        _check_amendment(state, out, order)
    if order.role is Role.STOP and not order.dead and seen.tif not in ("", order.spec.tif):
        _tell_tif(state, out, order, seen.tif)
    if seen.trail_stop_price is not None and order.spec.order_type == "TRAIL":
        _trailed(state, order, seen.trail_stop_price, out.now_ns)
    if order.reported == OrderReport.CLOSED and seen.status in _ALIVE and not order.risen_id:
        order.risen_id, stays = seen.order_id, not state.live or state.needs(order)
        order.asked_ns = 0 if stays else out.now_ns
        _rise(out, seen, stays)
        state.doubts = True  # rounds take it back until it is gone
    if event := STATUS_EVENTS.get(seen.status):
        _said(state, out, order, event, seen.status)


def _said(state: State, out: Outbox, order: Order, event: OrderEvent, word: str) -> None:
    """A status. Of an order that was dead and may live, the next word may be as stale as the one
    that contradicted its death: the round that was asked for lists it, or does not."""
    doubtful = order.revived and order.reported == OrderReport.UNKNOWN
    if not doubtful or event == OrderEvent.CANCELLED:
        report(state, out, order, event, word)


def _tell_tif(state: State, out: Outbox, stop: Order, tif: str) -> None:
    """A preset of the TWS user has made an order of the day of it. As long as the engine is there,
    another one follows it; but shares that are kept overnight are believed to have theirs."""
    if state.first_told(f"tif {stop.order_id}", out.now_ns):
        told = f"stop order {stop.order_id} is {tif} at the broker, not {stop.spec.tif}"
        out.alert("critical", told, stop.symbol)


def _trailed(state: State, order: Order, level: Decimal, now_ns: int) -> None:
    """Where a trailing stop is: what comes after it will not be looser."""
    context = state.contexts.get(order.owner)
    if context is None or not 0 < level < FAR:
        return
    context.trail_told_ns = now_ns
    state.touch(order)
    known = context.trail_level
    if known is None or (level - known) * context.side > 0:
        context.trail_level = level


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
        _said(state, out, order, event, seen.status)
        if not order.dead and (not order.confirmed or order.idle):
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


def _rise(out: Outbox, seen: OrderOpened, stays: bool) -> None:
    """An order of ours that was given up lives: the proof of its absence was wrong, or a dialog
    in TWS held it back. Nothing waits for it any more, unless nothing else protects."""
    out.alert("critical", f"order {seen.order_id} lives after it was given up", seen.symbol)
    if not stays:
        out.commands.append(Cancel(seen.order_id))


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
    elif amending and (found in refused or seen.code == _NO_SUCH_ORDER):
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
    elif found in refused and order.asked == OrderAsk.CANCELLING and order.confirmed:
        # It was accepted once, so this may answer an amendment that left before the cancel.
        report(state, out, order, OrderEvent.ANSWER_OVERDUE, why)
        state.doubts = True
    elif found in (ErrorClass.ORDER_REJECTED, ErrorClass.PRICE_REFUSED):
        # Of one at work it may have been a change that seemed to be confirmed already, because its
        # group had made it as small by itself.
        state.doubts |= order.active
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
        if amending:  # if the broker goes on to list the old terms, this was why
            order.refused = order.spec
        report(state, out, order, OrderEvent.ANSWER_OVERDUE, why)
        state.doubts = True

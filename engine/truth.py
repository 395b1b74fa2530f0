"""Doubt, and how it ends: rounds of questions to the broker, judged as a whole.

A snapshot counts when its End marker came in the epoch in which it was asked. An order that a
whole round does not list becomes unknown; one that two rounds in a row do not list, and that no
execution explains, is proven absent, and only then may another take its place. Positions are a
checksum of the executions, never their substitute: a difference that two rounds confirm freezes
the symbol.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Final, get_args

from engine.account import watch_account
from engine.charts import NO_ROW, SESSION
from engine.commands import Cancel, Snapshot
from engine.contexts import ENDING_STATES
from engine.deadlines import Deadlines
from engine.events import ReconciledEvent, SessionChangedEvent
from engine.foreign import freeze, look, overlooked, unresolved
from engine.halts import enforce
from engine.inputs import (
    OrderIdGranted,
    PositionReported,
    SessionChanged,
    SnapshotEnded,
    SnapshotKind,
    SnapshotStarted,
)
from engine.money import ZERO
from engine.orders import ABSENCES_TO_PROVE, EXIT_ROLES, OPENING_ROLES, Order
from engine.outbox import Outbox
from engine.portfolio import pace
from engine.reports import report
from engine.rulebook import schedule
from engine.settlement import KEPT_S
from engine.state import Round, State, Suspicion
from statecharts.vocabulary import (
    ContextEvent,
    ContextState,
    OrderAsk,
    OrderEvent,
    OrderReport,
    SessionEvent,
    SessionState,
)

_ALL_KINDS: Final[tuple[SnapshotKind, ...]] = get_args(SnapshotKind)
_DOUBT_KINDS: Final[tuple[SnapshotKind, ...]] = ("open_orders", "executions", "positions")
_PAUSE_FIRST_S, _PAUSE_MAX_S, _QUIET_S = 0.25, 5.0, 30.0  # between rounds
_IDLE_S: Final = 5.0  # so long an order may be on its way to its exchange
_RECHECK_S: Final = 10.0  # while a symbol is in doubt, or an order lives that was given up
_LOOK_AGAIN_S: Final = 30.0  # at what others hold, if an older position would explain it
_OLD_S: Final = 300.0  # so long the answers that the first look was judged by may have been old
_DIFFERS_S: Final = 30.0  # so long another difference each time may be fills on their way
_AGREES_S: Final = 5.0  # so long executions and positions say the same, and nothing is missing
_POSITION_SETTLE_S: Final = 1.0  # a position may run ahead of its execution by this much
_DAY_NS: Final = 86_400 * 1_000_000_000


def on_session(state: State, out: Outbox, changed: SessionChanged) -> None:
    event = SessionEvent[changed.event]
    before = SessionState(state.session)
    after = SESSION.step(state.session, event)
    if after == NO_ROW:
        out.alert("critical", f"session in {before.name} met {event.name}: no such row")
        return
    state.session = after
    out.say(
        SessionChangedEvent,
        old=before.name.lower(),
        new=SessionState(after).name.lower(),
        cause=": ".join(filter(None, (event.name.lower(), changed.detail))),
    )
    if after == SessionState.LOST:
        link_lost(state, out, state.orders.values())
    elif after == SessionState.DEGRADED and before != SessionState.DEGRADED:
        link_lost(state, out, [o for o in state.orders.values() if o.deadline_ns])
    elif after == SessionState.SYNCING:
        if event == SessionEvent.HANDSHAKE_DONE:
            _rebase(state, out.now_ns)
        state.epoch = changed.epoch
        state.round = Round(changed.epoch, out.now_ns, set(_ALL_KINDS), running=True)
        state.deadlines.pop("round", None)
    elif event == SessionEvent.SYNCED:
        # The broker layer vouches for every End marker of this epoch.
        state.doubts = False
        _conclude(state, out)
        state.touch_all()
        enforce(state, out)
        watch_account(state, out)
        if out.now_ns // _DAY_NS != state.day_start_ns // _DAY_NS:
            state.day_start_ns = out.now_ns


def _rebase(state: State, now_ns: int) -> None:
    """Begin a connection's time. A clock that was set back, or a simulated exchange that began
    its day anew, must not leave deadlines in a future that never comes."""
    state.deadlines = _patience(state, now_ns)
    state.account_told_ns = min(state.account_told_ns, now_ns)
    grace = state.scaled(state.config.timing.late_fill_grace_s)
    for order in state.orders.values():
        if order.dead and order.reported != OrderReport.CLOSED:
            state.deadlines[f"grace:{order.order_id}"] = now_ns + grace
        order.placed_ns = min(order.placed_ns, now_ns - 1)
    pace(state, now_ns)
    longest = max((rule.cooldown_s for rule in state.rules), default=0.0)
    for name, until_ns in list(state.cooldown_until.items()):
        state.cooldown_until[name] = min(until_ns, now_ns + int(longest * 1_000_000_000))
    for context in state.contexts.values():
        for tranche in context.tranches:
            tranche.retry_ns = min(tranche.retry_ns, now_ns)
            tranche.entry_filled_ns = min(tranche.entry_filled_ns, now_ns)
    for instrument in state.instruments.values():  # they are defined again only if they changed
        schedule(state, instrument, now_ns)
    state.dirty.update(state.contexts)


def _patience(state: State, now_ns: int) -> Deadlines:
    """Deadlines that outlast a connection, because nothing would set them again: what they are
    about is neither asked of the broker nor looked at when the next one begins."""
    kept = Deadlines()
    for name, at_ns in state.deadlines.items():
        kind, _, subject = name.partition(":")
        seconds: float | None = None
        if kind == "past":
            seconds = KEPT_S
        elif kind in ("partial", "beyond") and int(subject) in state.contexts:
            trade = state.contexts[int(subject)].plan.trade
            partial = kind == "partial"
            seconds = trade.entry_partial_timeout_s if partial else trade.stop_unfilled_after_s
        if seconds is not None:
            kept[name] = min(at_ns, now_ns + state.scaled(seconds))
    return kept


def link_lost(state: State, out: Outbox, orders: Iterable[Order]) -> None:
    """Bytes of ours may not have arrived, and answers are lost: all these are unknown."""
    for order in list(orders):
        if not order.dead:
            order.deadline_ns = 0
            state.deadlines.pop(f"answer:{order.order_id}", None)
            report(state, out, order, OrderEvent.LINK_LOST)


def on_order_id(state: State, out: Outbox, granted: OrderIdGranted) -> None:
    """TWS has been seen to hand out lower ids after a restart; ours only ever rise."""
    number = granted.next_order_id
    if not state.pass_order_id(number - 1):
        told = f"TWS grants order ids from {number} on, and hardly any are left above it"
        out.alert("critical", told)


def on_position(state: State, out: Outbox, seen: PositionReported) -> None:
    """Part of a snapshot, or news between two: the latter may run ahead of its execution, so a
    difference only makes us ask, a moment later. One that a round has found already is no news."""
    if seen.account != state.account:
        return
    state.round.positions[seen.con_id] = seen.quantity
    symbol = state.symbols.get(seen.con_id)
    if symbol is None or state.round.running:
        return
    difference = _difference(state, symbol, seen.con_id)
    if difference and difference != state.unexplained(symbol):
        _ask_within(state, out, _POSITION_SETTLE_S)


def on_snapshot_started(state: State, _: Outbox, started: SnapshotStarted) -> None:
    """A snapshot of positions or orders lists what there is: what it does not list is not."""
    if started.epoch != state.round.epoch:
        return
    if started.kind == "positions":
        state.round.positions.clear()
    elif started.kind == "open_orders":
        state.foreign_orders.clear()


def on_snapshot_ended(state: State, out: Outbox, ended: SnapshotEnded) -> None:
    current = state.round
    if not current.running or ended.epoch != current.epoch or ended.epoch != state.epoch:
        return  # an answer from another epoch proves nothing
    current.waiting.discard(ended.kind)
    if not current.waiting and state.live:
        _conclude(state, out)


def ask(state: State, out: Outbox) -> None:
    """There is doubt: begin a round if none is under way.

    Rounds keep a distance that grows while they follow each other: a doubt that the broker
    cannot end must not become a flood of questions, and two proofs of absence are worth more
    when they are not of the same instant.
    """
    if not state.live or state.round.running:
        return
    state.doubts = False
    if out.now_ns < state.ask_from_ns:
        state.deadlines["ask"] = state.ask_from_ns
        return
    state.round = Round(state.epoch, out.now_ns, set(_DOUBT_KINDS), running=True)
    state.deadlines["round"] = out.now_ns + state.scaled(state.config.broker.sync_timeout_s)
    out.commands += [Snapshot(kind) for kind in _DOUBT_KINDS]


def round_overdue(state: State, out: Outbox) -> None:
    """Some builds never end a snapshot: the round is thrown away and asked again."""
    if state.round.running:
        missing = ", ".join(sorted(state.round.waiting))
        out.alert("warning", f"the broker did not finish its answer ({missing}); asking again")
        state.round.running = False
        state.doubts = True


def _conclude(state: State, out: Outbox) -> None:
    state.round.running = False
    state.deadlines.pop("round", None)
    in_a_row = out.now_ns - state.ask_from_ns < state.scaled(_QUIET_S)
    state.ask_pause_s = min(2 * state.ask_pause_s, _PAUSE_MAX_S) if in_a_row else _PAUSE_FIRST_S
    state.ask_from_ns = out.now_ns + state.scaled(state.ask_pause_s)
    for order in list(state.orders.values()):
        if order.risen_id:
            _judge_risen(state, out, order)
        elif not order.dead:
            _judge(state, out, order)
    for symbol, instrument in state.instruments.items():
        _compare(state, out, symbol, instrument.con_id)
    for order in state.orders.values():
        if order.status_filled > order.filled:
            _recount(state, out, order)
    living = [order for order in state.orders.values() if not order.dead]
    out.say(
        ReconciledEvent,
        orders=len(living),
        missing=sum(order.absences > 0 for order in living),
        frozen=tuple(state.frozen),
    )
    if _doubtful(state):
        _ask_within(state, out, _RECHECK_S)
    elif living or state.frozen:
        _ask_within(state, out, state.config.timing.routine_s)


def _doubtful(state: State) -> bool:
    """Whether something waits for the truth. What the policy keeps frozen for what others have done
    waits for them."""
    if any(order.risen_id for order in state.orders.values()):
        return True
    for symbol in state.frozen:
        instrument = state.instruments.get(symbol)  # it may be none of the strategy's any more
        if symbol in state.suspects or instrument is None:
            return True
        if not unresolved(state, symbol, instrument.con_id):
            return True
    return False


def _ask_within(state: State, out: Outbox, seconds: float) -> None:
    at_ns = out.now_ns + state.scaled(seconds)
    state.deadlines["ask"] = min(state.deadlines.get("ask", at_ns), at_ns)


def _judge(state: State, out: Outbox, order: Order) -> None:
    if order.placed_ns >= state.round.started_ns:
        return  # younger than the question
    if order.order_id in state.round.seen:
        order.absences = 0
        if order.reported == OrderReport.UNKNOWN:
            # Listed, but without a status we could read: it is there, and that is enough.
            report(state, out, order, OrderEvent.PENDED)
        if (
            order.asked == OrderAsk.CANCELLING
            and order.asked_ns < state.round.started_ns
            and order.reported != OrderReport.CANCEL_PENDING
        ):
            # The cancel was lost on its way. Whoever wanted it will want it again.
            report(state, out, order, OrderEvent.CANCEL_REFUSED)
        if (
            order.asked == OrderAsk.AMENDING
            and not order.deadline_ns
            and order.asked_ns < state.round.started_ns
        ):
            # So was an amendment: it is long overdue, and the broker still lists other terms.
            report(state, out, order, OrderEvent.AMEND_REFUSED)
        if order.idle:
            _tell_idle(state, out, order)
        return
    order.absences += 1
    if order.absences < ABSENCES_TO_PROVE:
        report(state, out, order, OrderEvent.ANSWER_OVERDUE)
        state.doubts = True
    elif order.status_filled <= order.filled:
        report(state, out, order, OrderEvent.PROVEN_ABSENT, "the broker does not list it")
        if order.role not in EXIT_ROLES:
            # Should it live all the same, it would fill without its exits, which go with it.
            # Of an exit, the next one that takes its place sees to that.
            out.commands.append(Cancel(order.order_id))
    else:
        state.doubts = True  # it filled, and the execution is still to come


def _tell_idle(state: State, out: Outbox, order: Order) -> None:
    """The broker has an order, and says for seconds that it has not passed it on, or that somebody
    takes it back: it protects nothing, closes nothing, and another one would fare alike. What
    would open shares and is called inactive is given up: it might come back at any time."""
    if out.now_ns - order.asked_ns < state.scaled(_IDLE_S):
        _ask_within(state, out, _IDLE_S)
        return
    if state.first_told(f"idle {order.order_id}", out.now_ns):
        word = OrderReport(order.reported).name.lower()
        out.alert(
            "critical" if order.role in EXIT_ROLES else "warning",
            f"{order.role} order {order.order_id} is not at work at the broker: {word}",
            order.symbol,
        )
    if order.reported == OrderReport.INACTIVE and order.role in OPENING_ROLES:
        out.cancel(order)


def _judge_risen(state: State, out: Outbox, order: Order) -> None:
    """It was given up and lives: whenever a round lists it, it is taken back, and it is known
    until two in a row do not. What it fills meanwhile still finds whom it belongs to."""
    if order.order_id in state.round.seen:
        if order.asked_ns < state.round.started_ns and not state.needs(order):
            order.asked_ns = out.now_ns
            out.commands.append(Cancel(order.risen_id))
        return
    order.absences += 1
    if order.absences < ABSENCES_TO_PROVE:
        state.doubts = True
        return
    order.risen_id = 0
    state.touch(order)  # its trade can be forgotten now


def _difference(state: State, symbol: str, con_id: int) -> Decimal:
    """Shares that the broker holds more than we and the others do."""
    expected = state.held(symbol) + state.foreign.get(con_id, ZERO)
    return state.round.positions.get(con_id, ZERO) - expected


def _recount(state: State, out: Outbox, order: Order) -> None:
    """A status has counted more than the executions make, and they make what the broker holds, now
    as a while ago: it was told before one of them was corrected, or by mistake. Whatever seems to
    be on its way keeps exits from what is held."""
    if order.symbol in state.suspects or order.symbol in state.frozen:
        order.overtold_ns = 0
    elif not order.overtold_ns:
        order.overtold_ns = out.now_ns
    elif out.now_ns - order.overtold_ns >= state.scaled(_AGREES_S):
        number, claimed = order.order_id, order.status_filled
        told = f"order {number}: status said {claimed} filled, and nothing is missing"
        out.alert("warning", told, order.symbol)
        order.overtold_ns, order.status_filled = 0, order.filled
        state.deadlines.pop(f"fills:{order.order_id}", None)
        state.touch(order)  # exits have made room for what was thought to be missing


def _compare(state: State, out: Outbox, symbol: str, con_id: int) -> None:
    """The broker's net position against ours plus what was there before us."""
    if con_id not in state.foreign and not state.held(symbol):
        look(state, out, symbol, con_id, state.round.positions.get(con_id, ZERO))
        if state.foreign_early[con_id].shares:
            _ask_within(state, out, _LOOK_AGAIN_S)
        return
    if con_id not in state.foreign:
        state.foreign[con_id] = ZERO
        state.foreign_early.pop(con_id, None)  # nobody has looked
    difference = _difference(state, symbol, con_id)
    known = state.suspects.get(symbol)
    if known is not None and known.difference == difference:
        # An execution of ours that is on its way must not be taken for something of others.
        lasting = out.now_ns - known.since_ns >= state.scaled(_AGREES_S)
        if lasting and overlooked(state, out, symbol, con_id, difference):
            difference = ZERO
            _ask_within(state, out, _LOOK_AGAIN_S)  # it may have been an old answer
    elif difference == 0 and con_id in state.foreign_early:
        early = state.foreign_early[con_id]
        patience_s = _OLD_S if early.contained else _LOOK_AGAIN_S
        if out.now_ns - early.looked_ns >= state.scaled(patience_s):
            del state.foreign_early[con_id]
    if difference == 0:
        if state.suspects.pop(symbol, None) is not None:
            # What was held back meanwhile may go on.
            state.dirty.update(c.number for c in state.contexts.values() if c.symbol == symbol)
        if not unresolved(state, symbol, con_id):
            _thaw(state, out, symbol)
        return
    began_ns, held = out.now_ns, state.held(symbol)
    if known is None or known.difference != difference:
        # Fills may be on their way: look once more. But somebody else whom we do not hear may
        # trade all the time, and all the time nothing of ours would be protected anew.
        if known is not None and known.held == held:
            began_ns = known.began_ns
        state.suspects[symbol] = Suspicion(difference, held, out.now_ns, began_ns)
        state.doubts = True
        if out.now_ns - began_ns < state.scaled(_DIFFERS_S):
            return
    theirs = state.round.positions.get(con_id, ZERO)
    why = f"the broker holds {theirs} shares where the executions make {theirs - difference}"
    freeze(state, out, symbol, why)


def _thaw(state: State, out: Outbox, symbol: str) -> None:
    if state.frozen.pop(symbol, None) is None:
        return
    out.alert("info", "executions and positions agree again; thawed", symbol)
    for context in state.contexts.values():
        if context.symbol != symbol or context.state != ContextState.FROZEN:
            continue
        out.advance(context, ContextEvent.TRUTH_REGAINED)
        if context.held * context.side < 0:
            out.advance(context, ContextEvent.SIDE_FLIPPED)
        elif context.held == 0 or context.frozen_from in ENDING_STATES:
            out.advance(context, ContextEvent.CLOSE_REQUESTED)
        state.dirty.add(context.number)

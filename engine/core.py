"""The whole system, read from top to bottom: inputs in, commands and events out.

``Core.step`` takes everything that arrived together and the time, and returns what to do and
what to tell. It is deterministic and touches nothing outside: live trading, simulation, replay
and exploration run this same function. The journal holds its inputs; feeding them again gives
the same state, bit for bit.

    broker report ─► order chart ─► context chart ─┐
    signal, fire, request ─► gates ─► context ─────┼─► cover: desired exits - confirmed exits
    snapshot, deadline ─► truth ───────────────────┘        ─► risk gate ─► commands
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import attrs

from engine import (
    account,
    armed,
    decisions,
    direct,
    executions,
    foreign,
    halts,
    reports,
    rulebook,
    settlement,
    stops,
    truth,
)
from engine import config as configuration
from engine.adds import next_double_down
from engine.commands import Cancel, Command
from engine.config import Config
from engine.contexts import Context, name_rest
from engine.copies import copy_state
from engine.crowd import crowd_of
from engine.deadlines import NEVER
from engine.entries import exit_order
from engine.events import BaseEvent
from engine.exits import wants
from engine.inputs import (
    AccountReported,
    AccountsListed,
    BracketRequested,
    CancelRequested,
    CloseRequested,
    CommissionReported,
    ConditionFired,
    ErrorReported,
    ExecutionReported,
    HaltRequested,
    Input,
    InstrumentDefined,
    IntentsArmed,
    MarketSeen,
    Noticed,
    OcoRequested,
    OrderIdGranted,
    OrderOpened,
    OrderRequested,
    OrderStatusReported,
    PositionReported,
    ResumeRequested,
    RuleChanged,
    SessionChanged,
    SettingsChanged,
    SignalArrived,
    SignalRefused,
    SnapshotEnded,
    SnapshotStarted,
    Started,
    Stopped,
    TimerElapsed,
)
from engine.orders import Role, living
from engine.outbox import Outbox
from engine.risk import Proposal, Standing, gate
from engine.rivals import exposed
from engine.state import State
from engine.wants import AmendExit, PlaceExit, Terms, Want, Withdraw
from engine.watches import tell_all, watch_adds, watch_stop
from statecharts.vocabulary import (
    ContextState,
    OrderEvent,
)

SETTLE_ROUNDS_MAX: Final = 8


@attrs.define
class Output:
    commands: list[Command]
    events: list[BaseEvent]


class Core:
    """The sans-I/O order and position manager. Not thread-safe: one writer owns it."""

    def __init__(self, config: Config) -> None:
        self.state = State(config)

    def step(self, inputs: Sequence[Input], now_ns: int) -> Output:
        """Take what arrived together, at ``now_ns`` (UTC, exchange clock, never decreasing)."""
        state = self.state
        out = Outbox(state, now_ns, [], [])
        ahead = state.armed
        for item in inputs:
            _HANDLERS[type(item)](state, out, item)
        if state.armed is ahead:
            state.armed = ()  # what was decided ahead was of the state before
        if state.deadlines.earliest_ns <= now_ns:  # seldom, as all that follows
            self._deadlines(out)
        if state.dirty:
            self._settle(out)
        if state.event_rules:
            decisions.notice(state, out)
        if state.doubts:
            truth.ask(state, out)
        return Output(out.commands, out.events)

    def fork(self) -> Core:
        """One that goes on from here by itself, to see what would come of a step."""
        other = Core(self.state.config)
        other.state = copy_state(self.state)
        return other

    @property
    def next_deadline_ns(self) -> int | None:
        """When a TimerElapsed is wanted, if nothing else arrives before."""
        earliest_ns = self.state.deadlines.earliest_ns
        return None if earliest_ns == NEVER else earliest_ns

    # -- deadlines ---------------------------------------------------------------------------

    def _deadlines(self, out: Outbox) -> None:
        deadlines = self.state.deadlines
        due = [name for name, at_ns in deadlines.items() if at_ns <= out.now_ns]
        for name in due:
            del deadlines[name]
            kind, _, subject = name.partition(":")
            _DEADLINES[kind](self.state, out, subject)

    # -- cover -------------------------------------------------------------------------------

    def _settle(self, out: Outbox) -> None:
        """Bring every touched context to rest: name what its orders' deaths mean, then compare
        desired and confirmed exits. Bounded: one round may only cause the next a few times."""
        state = self.state
        for _ in range(SETTLE_ROUNDS_MAX):
            if not state.dirty:
                return
            numbers, state.dirty = sorted(state.dirty), set()
            for number in numbers:
                if (context := state.contexts.get(number)) is not None:
                    self._settle_context(out, context)
                    watch_stop(state, out, context)
                    watch_adds(state, out, context)
                    rulebook.watch_profits(state, out, context)
                    settlement.tell_brackets(out, context)
                elif (group := state.groups.get(number)) is not None:
                    settlement.settle_group(state, out, group)
        assert not state.dirty, "cover does not come to rest"

    def _settle_context(self, out: Outbox, context: Context) -> None:
        state = self.state
        if state.live:
            for order in living(context.orders):
                if order.unwanted and not context.needs(order):
                    out.cancel(order)
        event = name_rest(context)
        if event is not None and out.advance(context, event):
            state.dirty.add(context.number)
            if context.settled:
                settlement.came_to_rest(state, out, context)
            return
        if context.settled:
            settlement.report_trade(state, out, context)
            return
        if not state.live or (context.held and state.unexplained(context.symbol)):
            # The broker does not confirm what we hold. If it holds less, what would close it might
            # open it the other way. If it holds more, the shares may have been split overnight, and
            # a stop at the price of yesterday would trade at once. The next round frees it or
            # freezes it; what protects stays meanwhile.
            return
        timing = state.config.timing
        terms = Terms(
            state.instruments[context.symbol].grid,
            out.now_ns,
            state.scaled(timing.child_activation_s),
            state.scaled(timing.cancel_s),
            timing.protect_attempts_max,
            state.oca_amendable and context.plan.trade.resize == "amend",
            crowd_of(state, context, out.now_ns),
        )
        for want in wants(context, terms):
            _carry_out(state, out, context, want)
        next_double_down(state, out, context)


def _carry_out(state: State, out: Outbox, context: Context, want: Want) -> None:
    """Turn one difference into a command; the last gate before it may leave."""
    if isinstance(want, Withdraw):
        out.cancel(want.order)
    elif isinstance(want, AmendExit):
        if _has_room(context, want):
            out.amend(want.order, want.spec)
    elif isinstance(want, PlaceExit):
        group = want.tranche.oca_group if want.grouped else ""
        others = exposed(context, want.tranche, want.action, want.quantity, group)
        reason = gate(
            Proposal(
                kind="exit",
                symbol=context.symbol,
                side=1 if want.action == "BUY" else -1,
                quantity=want.quantity,
                held=want.held,
                worst=want.quantity + others,
            ),
            Standing(live=state.live),
            state.config.limits,
        )
        if reason is None:
            _take_back(out, want)
            out.place(exit_order(state, context, want))
        # Else exits that are being withdrawn still count; their answers bring us back here.
    else:
        state.deadlines[f"settle:{context.number}"] = want.at_ns


def _has_room(context: Context, want: AmendExit) -> bool:
    """Whether an exit may become what is wanted: it grows no sooner than others have made room for
    it, and what they do brings us back here."""
    order, spec = want.order, want.spec
    most = spec.quantity - order.filled
    if most <= order.remaining:
        return True
    tranche = context.tranche_of(order)
    return not exposed(context, tranche, spec.action, most, spec.oca_group, order)


def _take_back(out: Outbox, want: PlaceExit) -> None:
    """An exit that answers have left out twice, and that lives all the same, would fill beside
    what takes its place: no group joins the two. Its cancel goes first."""
    for gone in want.tranche.orders.values():
        replaced = gone.role is want.role or want.role is Role.CLOSE
        if replaced and (gone.given_up or gone.risen_id):
            gone.absences, gone.asked_ns = 0, out.now_ns
            out.commands.append(Cancel(gone.risen_id or gone.order_id))


# -- what a deadline means, by its kind --------------------------------------------------------


def _answer_overdue(state: State, out: Outbox, subject: str) -> None:
    """No word on something we asked: unknown, never dead, never asked twice (law 8)."""
    order = state.orders.get(int(subject))
    if order is not None and not order.dead:
        out.alert("warning", f"no answer to order {order.order_id}; asking", order.symbol)
        order.deadline_ns = 0
        reports.report(state, out, order, OrderEvent.ANSWER_OVERDUE)
        state.doubts = True


def _grace_ended(state: State, out: Outbox, subject: str) -> None:
    order = state.orders.get(int(subject))
    if order is not None and order.dead:
        reports.report(state, out, order, OrderEvent.GRACE_ENDED)
        # Of two orders under one number one may live on, and only a round tells.
        state.doubts |= len(order.perm_ids) > 1
        if order.role in (Role.ADD, Role.LEG):
            state.touch(order)  # the next add has waited for it, or its group is over


def _fills_missing(state: State, out: Outbox, subject: str) -> None:
    order = state.orders.get(int(subject))
    if order is not None and order.status_filled > order.filled:
        out.alert(
            "warning",
            f"order {order.order_id}: status says {order.status_filled} filled, executions say "
            f"{order.filled}; asking",
            order.symbol,
        )
        state.doubts = True
        state.deadlines[f"fills:{subject}"] = out.now_ns + state.scaled(5.0)


def _settle_due(state: State, _: Outbox, subject: str) -> None:
    state.dirty.add(int(subject))


def _clock(kind: str) -> Callable[[State, Outbox, str], None]:
    return lambda state, out, subject: decisions.on_clock(state, out, kind, subject)


def _round_overdue(state: State, out: Outbox, _: str) -> None:
    truth.round_overdue(state, out)


def _doubts_due(state: State, _out: Outbox, _: str) -> None:
    """Something is frozen, or a question had to wait for its turn."""
    state.doubts = True


def _echo_missing(state: State, _: Outbox, subject: str) -> None:
    """Only openOrder says what the broker took from us, and it may get lost; and what becomes of
    an order that is not passed on, no message tells."""
    order = state.orders.get(int(subject))
    if order is not None and not order.dead and (not order.confirmed or order.idle):
        state.doubts = True


def _drop_due(state: State, out: Outbox, subject: str) -> None:
    context = state.contexts.get(int(subject))
    if context is not None:
        settlement.drop(state, context, out.now_ns)


def _past_due(state: State, out: Outbox, subject: str) -> None:
    settlement.forget_groups(state, subject, out.now_ns)


_DEADLINES: Final[dict[str, Callable[[State, Outbox, str], None]]] = {
    "answer": _answer_overdue,
    "grace": _grace_ended,
    "fills": _fills_missing,
    "settle": _settle_due,
    "time": _clock("time"),
    "session": _clock("session"),
    "round": _round_overdue,
    "ask": _doubts_due,
    "echo": _echo_missing,
    "drop": _drop_due,
    "past": _past_due,
    "partial": executions.rest_overdue,
    "beyond": stops.overdue,
    "account": account.ask_account,
}


# -- what an input means, by its kind ----------------------------------------------------------


def _on_started(state: State, out: Outbox, started: Started) -> None:
    """A run begins: its settings govern from here, also when the journal is replayed."""
    if state.armed:
        _doubt_armed(state, out)
    state.config = configuration.from_record(started.settings)
    state.run = started.run
    state.tag = state.tag or started.run
    state.client_id = started.client_id
    state.account = started.account
    foreign.of_account(state, started.account)
    state.session = 0
    state.suspects.clear()
    state.oca_amendable = True
    state.looking.clear()  # whoever was to answer is gone
    state.asked_rules.clear()
    tell_all(state, out)
    rulebook.load(state, out, state.config.strategy)
    truth.link_lost(state, out, state.orders.values())


def _doubt_armed(state: State, out: Outbox) -> None:
    """Whether one of them has left nobody knows: each is taken as sent, as of the state in which
    it was armed."""
    armed.tell_doubt(state, out)
    ahead = Core(state.config)
    ahead.state = state
    forks = [(intent, ahead.fork()) for intent in state.armed]
    for intent, fork in forks:
        fired = ConditionFired(intent.number, intent.market, armed=True)
        events = fork.step((fired,), intent.now_ns).events
        armed.adopt(state, out, intent, fork.state, events)


def _on_stopped(state: State, out: Outbox, stopped: Stopped) -> None:
    for context in state.current.values():
        if context.held:
            out.alert(
                "warning",
                f"stopped ({stopped.reason}) with {context.held} shares held, "
                f"{ContextState(context.state).name.lower()}",
                context.symbol,
            )


def _on_instrument(state: State, out: Outbox, defined: InstrumentDefined) -> None:
    instrument = defined.instrument
    state.instruments[instrument.symbol] = instrument
    state.symbols[instrument.con_id] = instrument.symbol
    rulebook.schedule(state, instrument, out.now_ns)


def _on_accounts(state: State, _: Outbox, listed: AccountsListed) -> None:
    if not state.account and len(listed.accounts) == 1:
        state.account = listed.accounts[0]
        foreign.of_account(state, state.account)


def _on_noticed(_: State, out: Outbox, seen: Noticed) -> None:
    out.alert(seen.level, seen.text)


def _on_timer(_state: State, _out: Outbox, _elapsed: TimerElapsed) -> None:
    """Nothing by itself: every step looks at the deadlines."""


_HANDLERS: Final[dict[type[Input], Callable[[State, Outbox, Any], None]]] = {
    ExecutionReported: executions.on_execution,
    OrderStatusReported: reports.on_status,
    OrderOpened: reports.on_open_order,
    CommissionReported: executions.on_commission,
    ErrorReported: reports.on_error,
    SignalArrived: decisions.on_signal,
    SignalRefused: decisions.on_signal_refused,
    ConditionFired: decisions.on_condition,
    IntentsArmed: armed.on_armed,
    MarketSeen: decisions.on_market_seen,
    CloseRequested: decisions.on_close,
    BracketRequested: direct.on_bracket,
    OcoRequested: direct.on_oco,
    OrderRequested: direct.on_order,
    CancelRequested: direct.on_cancel,
    RuleChanged: rulebook.on_rule,
    SettingsChanged: rulebook.on_settings,
    Noticed: _on_noticed,
    HaltRequested: halts.on_halt,
    ResumeRequested: halts.on_resume,
    SessionChanged: truth.on_session,
    OrderIdGranted: truth.on_order_id,
    PositionReported: truth.on_position,
    SnapshotStarted: truth.on_snapshot_started,
    SnapshotEnded: truth.on_snapshot_ended,
    InstrumentDefined: _on_instrument,
    AccountsListed: _on_accounts,
    AccountReported: account.on_account,
    TimerElapsed: _on_timer,
    Started: _on_started,
    Stopped: _on_stopped,
}

"""What an action of a rule makes of the symbol's trade: an entry, an add, a close, or a refusal.

Every action passes the same gates as a request of the host. A sequence is done one by one; each
action that is refused is told with its rule and its reason.
"""

from __future__ import annotations

from decimal import Decimal

import attrs

from engine import direct
from engine.adds import adjust, scale_in
from engine.contexts import ENDING_STATES, Context, Wish
from engine.entries import distance, enter
from engine.inputs import BracketRequested, MarketView, OrderRequested
from engine.money import Direction, exact
from engine.orders import OPENING_ROLES, Role
from engine.outbox import Outbox
from engine.plans import Sizing, Trade
from engine.reasons import Reason
from engine.records import frozen
from engine.rulebook import cooldown_reason, daily_reason, find
from engine.rules import (
    Action,
    AdjustPositionAction,
    CancelOrderAction,
    ClosePositionAction,
    CreateBracketOrderAction,
    CreateOrderAction,
    LinkedCloseAllAction,
    LinkedCreateOrderAction,
    LinkedDoubleDownAction,
    LinkedScaleInAction,
    LogAction,
    Rule,
    Scene,
    failing,
    lacking,
    steps,
)
from engine.state import State
from engine.tranches import Origin
from statecharts.vocabulary import ContextEvent, ContextState

_REVERSAL_PATIENCE_S = 30.0
# Closes that are not given up for a frozen symbol: they come as soon as the truth is known.
_WHATEVER_IT_IS = frozenset({"end_of_day", "halt"})


@frozen
class Call:
    """One rule that is asked, with what it is asked about."""

    rule: Rule
    scene: Scene
    origin: Origin
    identity: str  # of the signal, or of the moment
    detail: str  # what a refusal tells people

    @property
    def symbol(self) -> str:
        return self.scene.symbol

    @property
    def market(self) -> MarketView:
        return self.scene.market or MarketView(self.symbol)


def ask(state: State, out: Outbox, call: Call) -> None:
    """Ask a rule that is concerned: its condition, its pace, then its actions in their order."""
    reason = failing(call.rule.when, call.scene)
    if reason is not None:
        _refuse(out, call, reason)
        return
    for place, action in enumerate(steps(call.rule.then)):
        reason = _paced(state, out, call, action) or _perform(state, out, call, action, place)
        if reason is not None:
            _refuse(out, call, reason)


def _paced(state: State, out: Outbox, call: Call, action: Action) -> Reason | None:
    """An entry's cooldown does not stand in the way of what a trade under way asks for: a signal
    against it is a reversal, one for it is ignored."""
    if isinstance(action, LinkedCreateOrderAction) and call.symbol in state.current:
        return None
    return cooldown_reason(state, call.rule, call.symbol, out.now_ns) or daily_reason(
        state, call.rule, call.symbol, out.now_ns
    )


def _refuse(out: Outbox, call: Call, reason: Reason) -> None:
    detail = call.detail
    if reason is Reason.NOT_WARM:
        detail = f"{detail}: {lacking(call.rule.when, call.scene.market)}"
    out.refuse(reason, call.symbol, detail, call.identity, call.rule.id)


def _perform(state: State, out: Outbox, call: Call, action: Action, place: int) -> Reason | None:
    """``place`` is that of the action in its sequence."""
    match action:
        case LinkedCreateOrderAction():
            side = 1 if action.side == "BUY" else -1
            return _enter(
                state, out, call, side, action.trade or state.config.strategy.of(call.symbol)
            )
        case LinkedScaleInAction():
            context = state.current.get(call.symbol)
            if context is None:
                return Reason.NOT_HELD
            return scale_in(
                state, out, context, action.scale_in, call.market, call.rule.id, call.identity
            )
        case LinkedDoubleDownAction():
            return _double_down(state, call, action)
        case LinkedCloseAllAction() | ClosePositionAction():
            return _close(state, out, call, action)
        case AdjustPositionAction():
            return _adjust(state, out, call, action.quantity)
        case CreateOrderAction():
            return _order(state, out, call, action, _reference(call, place))
        case CreateBracketOrderAction():
            return _bracket(state, out, call, action, _reference(call, place))
        case CancelOrderAction():
            return _cancel(state, out, call, action)
        case LogAction():
            out.alert(action.level, action.text, call.symbol)
            return None
    raise AssertionError(f"no such action: {action}")


# -- entries and reversals -----------------------------------------------------------------------


def _enter(state: State, out: Outbox, call: Call, side: int, trade: Trade) -> Reason | None:
    """Enter, or reverse, close or refuse where a trade is under way."""
    wish = Wish(call.symbol, side, trade, call.origin, call.identity, call.rule.id)
    context = state.current.get(call.symbol)
    if context is None:
        return enter(state, out, wish, call.market)
    if context.state == ContextState.FROZEN:
        return Reason.FROZEN
    if context.state in (ContextState.CLOSING, ContextState.REVERSING, ContextState.CONCLUDING):
        return Reason.BUSY
    if context.side == side:
        return Reason.SAME_SIDE
    policy = context.plan.trade.on_opposite
    if policy == "ignore":
        return Reason.OPPOSITE_IGNORED
    if policy == "close":
        return close(state, out, context, "opposite_signal", call)
    if not state.live:
        return Reason.NOT_LIVE
    context.reverse_to = wish
    context.reverse_before_ns = out.now_ns + state.scaled(_REVERSAL_PATIENCE_S)
    context.exit_reason = "reversal"
    out.advance(context, ContextEvent.REVERSE_REQUESTED, call.identity, call.rule.id)
    state.dirty.add(context.number)
    return None


def reverse(state: State, out: Outbox, context: Context, market: MarketView) -> None:
    """The old side is flat and at rest: the other side is entered on today's price. While late
    shares of an earlier trade are on their way out it waits for them: their rest asks again."""
    wish, other = context.reverse_to, state.current.get(context.symbol)
    if wish is None:
        return
    reason: Reason | None
    if out.now_ns > context.reverse_before_ns:
        reason = Reason.REVERSAL_TIMED_OUT
    elif other is not None and other.number < context.number and other.state in ENDING_STATES:
        return
    elif other is not None:
        reason = Reason.BUSY
    else:
        rule = find(state, wish.rule)
        if rule is None:
            reason = Reason.NO_RULE  # it was disabled, or is gone, since it decided this
        else:
            reason = daily_reason(state, rule, wish.symbol, out.now_ns)
            reason = reason or enter(state, out, wish, market)
    context.reverse_to = None
    state.dirty.add(context.number)  # it can be forgotten now
    if reason is not None:
        out.refuse(reason, wish.symbol, "reversal", wish.identity, wish.rule)


def give_up_reversals(state: State, symbol: str | None = None) -> None:
    """Whoever wants a symbol flat, or all of them, wants nothing to be entered once it is."""
    for context in state.contexts.values():
        if context.reverse_to is not None and symbol in (None, context.symbol):
            context.reverse_to = None
            state.dirty.add(context.number)


# -- closes --------------------------------------------------------------------------------------


def close(
    state: State, out: Outbox, context: Context, reason: str, call: Call | None = None
) -> Reason | None:
    if context.state == ContextState.FROZEN:
        if reason in _WHATEVER_IT_IS:
            context.exit_reason, context.reverse_to = reason, None
            context.frozen_from = ContextState.CLOSING  # as soon as the truth is known again
            return None
        return Reason.FROZEN
    give_up_reversals(state, context.symbol)
    if context.state in (ContextState.CLOSING, ContextState.CONCLUDING):
        return Reason.BUSY
    context.exit_reason = reason
    asked = () if call is None else (call.identity, call.rule.id)
    out.advance(context, ContextEvent.CLOSE_REQUESTED, *asked)
    state.dirty.add(context.number)
    return None


def _close(
    state: State, out: Outbox, call: Call, action: LinkedCloseAllAction | ClosePositionAction
) -> Reason | None:
    """Each symbol has its own process; none waits for another."""
    everything = isinstance(action, LinkedCloseAllAction) and action.symbols == "all"
    side = action.side if isinstance(action, LinkedCloseAllAction) else "any"
    chosen = [
        context
        for context in state.current.values()
        if everything or context.symbol == call.symbol
        if side == "any" or (side == "long") == (context.side > 0)
    ]
    if not chosen:
        # The end of the day finds nothing on most symbols: that is no refusal.
        return None if action.reason == "end_of_day" else Reason.NOTHING_TO_CLOSE
    reasons = [close(state, out, context, action.reason, call) for context in chosen]
    ending = action.reason == "end_of_day"
    return None if None in reasons or ending else reasons[0]


# -- what is held --------------------------------------------------------------------------------


def _double_down(state: State, call: Call, action: LinkedDoubleDownAction) -> Reason | None:
    """The levels become part of the trade's plan, and are sent as it goes."""
    context = state.current.get(call.symbol)
    if context is None or context.settled:
        return Reason.NOT_HELD
    plan = context.plan
    if plan.double_down is not None and context.levels_used < len(plan.double_down.levels):
        return Reason.ADD_PENDING
    context.plan = attrs.evolve(plan, double_down=action.double_down, add_rule=call.rule.id)
    context.levels_used = 0
    state.dirty.add(context.number)
    return None


def _adjust(state: State, out: Outbox, call: Call, wanted: Decimal) -> Reason | None:
    context = state.current.get(call.symbol)
    if wanted == 0:
        if context is None:
            return Reason.NOTHING_TO_CLOSE
        return close(state, out, context, "adjusted", call)
    side = 1 if wanted > 0 else -1
    if context is not None and context.side == side:
        return adjust(state, out, context, abs(wanted), call.market, call.rule.id, call.identity)
    strategy = state.config.strategy.of(call.symbol)
    sizing = Sizing(shares=abs(wanted), shares_max=strategy.sizing.shares_max)
    return _enter(state, out, call, side, attrs.evolve(strategy, sizing=sizing))


# -- orders of their own -------------------------------------------------------------------------


def _order(
    state: State, out: Outbox, call: Call, action: CreateOrderAction, reference: str
) -> Reason | None:
    request = OrderRequested(
        reference,
        call.symbol,
        action.side,
        action.quantity,
        action.order_type,
        action.price,
        action.tif,
        call.market,
    )
    return direct.place_order(state, out, request, call.rule.id)


def _bracket(
    state: State, out: Outbox, call: Call, action: CreateBracketOrderAction, reference: str
) -> Reason | None:
    side = 1 if action.side == "BUY" else -1
    quote, instrument = call.market.price(action.side), state.instruments.get(call.symbol)
    if quote is None or instrument is None:
        return Reason.NO_PRICE
    atr = call.market.atr
    basis, grid = exact(quote), instrument.grid
    near: tuple[Direction, Direction] = ("up", "down") if side > 0 else ("down", "up")
    entry = None
    if action.entry is not None:
        away = distance(action.entry, basis, atr)
        if away is None:
            return Reason.NO_PRICE
        entry = basis = grid.round(basis - side * away, near[1])
    stop = distance(action.stop, basis, atr)
    if stop is None:
        return Reason.NO_STOP
    target = distance(action.target, basis, atr) if action.target is not None else None
    request = BracketRequested(
        reference,
        call.symbol,
        action.side,
        action.quantity,
        grid.round(basis - side * stop, near[0]),
        None if target is None else grid.round(basis + side * target, near[1]),
        entry,
        call.market,
    )
    return direct.place_bracket(state, out, request, call.rule.id)


def _reference(call: Call, place: int) -> str:
    """A name for what one action of a rule orders. One moment may wake it for several symbols."""
    name = f"{call.rule.id}|{call.identity}"
    if call.origin == "trigger":
        name = f"{name}|{call.symbol}"
    return f"{name}|{place + 1}" if place else name


def _cancel(state: State, out: Outbox, call: Call, action: CancelOrderAction) -> Reason | None:
    """Orders that open go, protection stays. The rest of an entry is given up for good."""
    if action.reference:
        return direct.cancel(state, out, action.reference)
    context = state.current.get(call.symbol)
    roles = {"entries": {Role.ENTRY}, "adds": {Role.ADD}}.get(action.what or "", OPENING_ROLES)
    if context is None or all(o.dead for o in context.orders.values() if o.role in roles):
        return Reason.NOTHING_TO_CANCEL
    if action.what != "adds":
        context.entry_over = True
    if action.what != "entries":
        context.adds_over = True
        context.plan = attrs.evolve(context.plan, double_down=None)
    state.dirty.add(context.number)
    return None

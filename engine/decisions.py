"""From a signal, a fired condition or a host's request to an entry, a close, or a refusal.

A decision is made once, on the market as it was seen with it. Whatever does not act is refused
with a reason and is not kept for later.
"""

from __future__ import annotations

from engine import stops
from engine.config import PriceTrigger, Strategy
from engine.contexts import Context, Wish
from engine.entries import enter, open_until
from engine.events import FlowThresholdEvent, PredictionSignalEvent
from engine.inputs import (
    CloseRequested,
    ConditionFired,
    MarketSeen,
    MarketView,
    Signal,
    SignalArrived,
    SignalRefused,
)
from engine.outbox import Outbox
from engine.reasons import Reason
from engine.state import State
from engine.tranches import Origin
from engine.watches import Level, look, set_watch
from statecharts.vocabulary import ContextEvent, ContextState

_REVERSAL_PATIENCE_S = 30.0


# -- signals ---------------------------------------------------------------------------------


def on_signal(state: State, out: Outbox, arrived: SignalArrived) -> None:
    signal = arrived.signal
    out.say(
        PredictionSignalEvent,
        symbol=signal.ticker,
        signal=signal.signal,
        confidence=signal.confidence,
        source=signal.source,
        identity=signal.identity,
        model_time_ns=signal.model_time_ns,
        price=signal.price,
    )
    threshold = state.config.strategy.confidence_min
    if signal.signal != "NEUTRAL" and signal.confidence >= threshold:
        out.say(
            FlowThresholdEvent,
            symbol=signal.ticker,
            source=signal.source,
            measure="confidence",
            value=signal.confidence,
            threshold=threshold,
            signal=signal.signal,
        )
    reason = _signal_reason(state, signal) or _act(state, out, arrived)
    state.consumed.add(signal.identity)
    if reason is not None:
        out.refuse(reason, signal.ticker, signal.signal, signal.identity)


def on_signal_refused(_: State, out: Outbox, refused: SignalRefused) -> None:
    out.refuse(refused.reason, refused.ticker, refused.detail, refused.source)


def pace_reason(state: State, symbol: str, now_ns: int) -> Reason | None:
    """Cooldown and daily count of the strategy; both are counted on executions only, and a
    host's direct request is not the strategy's."""
    if now_ns < state.cooldown_until.get(symbol, 0):
        return Reason.COOLDOWN
    instrument = state.instruments.get(symbol)
    day, count = state.entries_today.get(symbol, (0, 0))
    if instrument is None or count < state.config.strategy.entries_per_day_max:
        return None
    return Reason.DAILY_LIMIT if day == open_until(state, instrument, now_ns) else None


def watch_triggers(state: State, out: Outbox, strategy: Strategy) -> None:
    """The price triggers of the settings that govern from here on."""
    for index, trigger in enumerate(strategy.triggers):
        wanted = Level(trigger.field, trigger.crosses, trigger.level, at_once=False)
        set_watch(state, out, f"trigger:{index}", trigger.symbol, wanted)


def on_condition(state: State, out: Outbox, fired: ConditionFired) -> None:
    """A watch came true. One that was given up meanwhile means nothing any more."""
    name = state.watch_names.get(fired.number)
    if name is None:
        return
    kind, _, subject = name.partition(":")
    if kind == "stop":
        stops.passed(state, out, int(subject))
    elif kind == "trigger":
        _triggered(state, out, int(subject), fired)


def _triggered(state: State, out: Outbox, index: int, fired: ConditionFired) -> None:
    """A price trigger acts as a signal of full confidence, once per crossing."""
    trigger: PriceTrigger = state.config.strategy.triggers[index]
    signal = Signal(
        identity=f"trigger:{index}:{out.now_ns}:{trigger.signal}",
        source="trigger",
        ticker=trigger.symbol,
        signal=trigger.signal,
        confidence=1.0,
        model_time_ns=out.now_ns,
    )
    on_signal(state, out, SignalArrived(signal, fired.market))


def _signal_reason(state: State, signal: Signal) -> Reason | None:
    if signal.identity in state.consumed:
        return Reason.DUPLICATE_SIGNAL
    if signal.ticker not in state.config.strategy.symbols:
        return Reason.UNKNOWN_SYMBOL
    if signal.signal == "NEUTRAL":
        return Reason.NEUTRAL
    if signal.confidence < state.config.strategy.confidence_min:
        return Reason.LOW_CONFIDENCE
    return None


def _act(state: State, out: Outbox, arrived: SignalArrived) -> Reason | None:
    """Enter, reverse, close or refuse; the reason if refused."""
    strategy = state.config.strategy
    kind = arrived.signal.signal
    context = state.current.get(arrived.signal.ticker)
    if kind == "SELL" and strategy.sell_means == "close":
        if context is None or context.side < 0:
            return Reason.NOTHING_TO_CLOSE
        return _close(state, out, context, "signal")
    side = 1 if kind == "BUY" else -1
    signal = arrived.signal
    origin: Origin = "trigger" if signal.source == "trigger" else "signal"
    wish = Wish(signal.ticker, side, strategy, origin, signal.identity)
    if context is None:
        return pace_reason(state, wish.symbol, out.now_ns) or enter(
            state, out, wish, arrived.market
        )
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
        return _close(state, out, context, "opposite_signal")
    if not state.live:
        return Reason.NOT_LIVE
    context.reverse_to = wish
    context.reverse_before_ns = out.now_ns + state.scaled(_REVERSAL_PATIENCE_S)
    context.exit_reason = "reversal"
    out.advance(context, ContextEvent.REVERSE_REQUESTED)
    state.dirty.add(context.number)
    return None


def _close(state: State, out: Outbox, context: Context, reason: str) -> Reason | None:
    if context.state == ContextState.FROZEN:
        return Reason.FROZEN
    if context.state in (ContextState.CLOSING, ContextState.CONCLUDING):
        return Reason.BUSY
    context.exit_reason = reason
    context.reverse_to = None
    out.advance(context, ContextEvent.CLOSE_REQUESTED)
    state.dirty.add(context.number)
    return None


def on_close(state: State, out: Outbox, request: CloseRequested) -> None:
    """Close one symbol, or every symbol: each has its own process, none waits for another."""
    if request.symbol is not None:
        chosen = state.current.get(request.symbol)
        if chosen is None:
            out.refuse(Reason.NOTHING_TO_CLOSE, request.symbol, request.reason)
            return
        contexts = [chosen]
    else:
        contexts = list(state.current.values())
    for context in contexts:
        reason = _close(state, out, context, request.reason)
        if reason is not None:
            out.refuse(reason, context.symbol, request.reason)


# -- reversals -------------------------------------------------------------------------------


def ask_for_reversal(state: State, out: Outbox, context: Context) -> None:
    """The old side is flat and at rest: the other side is entered on today's price."""
    if context.reverse_to is not None:
        look(state, out, context.symbol, f"reverse:{context.number}")


def on_market_seen(state: State, out: Outbox, seen: MarketSeen) -> None:
    for purpose in state.looking.pop(seen.market.symbol, ()):
        kind, _, subject = purpose.partition(":")
        context = state.contexts.get(int(subject))
        if context is None:
            continue
        if kind == "reverse":
            _reverse(state, out, context, seen.market)
        else:
            stops.judge(state, out, context, seen.market)


def _reverse(state: State, out: Outbox, context: Context, market: MarketView) -> None:
    wish, context.reverse_to = context.reverse_to, None
    if wish is None:
        return
    reason: Reason | None
    if out.now_ns > context.reverse_before_ns:
        reason = Reason.REVERSAL_TIMED_OUT
    elif wish.symbol in state.current:
        reason = Reason.BUSY
    else:
        state.cooldown_until.pop(wish.symbol, None)
        reason = pace_reason(state, wish.symbol, out.now_ns) or enter(state, out, wish, market)
    if reason is not None:
        out.refuse(reason, wish.symbol, "reversal", wish.identity)

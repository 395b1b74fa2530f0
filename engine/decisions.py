"""From a signal, a fired watch, the clock or a host's request to the rules it concerns.

A decision is made once, on the market as it was seen with it. Whatever does not act is refused
with a reason and is not kept for later.
"""

from __future__ import annotations

from engine import armed, rulebook, stops
from engine.adds import overtaken
from engine.contexts import Context
from engine.events import BaseEvent, FlowThresholdEvent, PredictionSignalEvent
from engine.inputs import (
    CloseRequested,
    ConditionFired,
    MarketSeen,
    MarketView,
    Signal,
    SignalArrived,
    SignalRefused,
)
from engine.intents import Call, ask, close, reverse
from engine.outbox import Outbox
from engine.reasons import Reason
from engine.rules import Leaf, Rule, concerned, triggers
from engine.state import Asked, State
from engine.tranches import Origin
from engine.watches import look

ASKED_MAX = 64  # rules of one symbol that wait for the market of the moment

# -- signals ---------------------------------------------------------------------------------


def on_signal(state: State, out: Outbox, arrived: SignalArrived) -> None:
    signal = arrived.signal
    event = out.say(
        PredictionSignalEvent,
        symbol=signal.ticker,
        signal=signal.signal,
        confidence=signal.confidence,
        source=signal.source,
        identity=signal.identity,
        model_time_ns=signal.model_time_ns,
        price=signal.price,
    )
    reason = _signal_reason(state, signal)
    threshold = state.config.strategy.of(signal.ticker).confidence_min
    if reason is None and signal.confidence >= threshold:
        out.say(
            FlowThresholdEvent,
            symbol=signal.ticker,
            source=signal.source,
            measure="confidence",
            value=signal.confidence,
            threshold=threshold,
            signal=signal.signal,
        )
    state.consume(signal.identity, out.now_ns)
    if reason is None:
        told = (signal.identity, signal.signal)
        reason = _ask_rules(state, out, arrived.market, "signal", told, event=event)
    if reason is not None:
        out.refuse(reason, signal.ticker, signal.signal, signal.identity)


def on_signal_refused(_: State, out: Outbox, refused: SignalRefused) -> None:
    out.refuse(refused.reason, refused.ticker, refused.detail, refused.source)


def _signal_reason(state: State, signal: Signal) -> Reason | None:
    if signal.identity in state.consumed:
        return Reason.DUPLICATE_SIGNAL
    if signal.ticker not in state.config.strategy.symbols:
        return Reason.UNKNOWN_SYMBOL
    return Reason.NEUTRAL if signal.signal == "NEUTRAL" else None


def _ask_rules(
    state: State,
    out: Outbox,
    market: MarketView,
    origin: Origin,
    told: tuple[str, str],
    event: BaseEvent | None = None,
    fired: tuple[Leaf, ...] = (),
    only: Rule | None = None,
) -> Reason | None:
    """Ask every rule that is concerned (or ``only`` one), in its order; NO_RULE if none is. Each
    sees what the ones before it have done."""
    found = False
    scene = rulebook.scene(state, market.symbol, out.now_ns, market, event, fired)
    for rule in state.rules if only is None else (only,):
        if concerned(rule, scene):
            found = True
            ask(state, out, Call(rule, scene, origin, *told))
            scene = rulebook.scene(state, market.symbol, out.now_ns, market, event, fired)
    return None if found else Reason.NO_RULE


# -- what else wakes rules -------------------------------------------------------------------


def on_condition(state: State, out: Outbox, fired: ConditionFired) -> None:
    """A watch came true. One that was given up meanwhile means nothing any more."""
    if fired.armed:
        armed.take(state, fired.number)
    name = state.watch_names.get(fired.number)
    if name is None:
        return
    kind, _, subject = name.partition(":")
    if kind == "stop":
        stops.passed(state, out, int(subject))
        return
    if kind == "add":
        overtaken(state, int(subject))
        return
    if kind == "profit":
        _, rule_id, number = rulebook.profit_rule(subject)
    else:
        rule_id, _, number = rulebook.woken(subject)
    rule = rulebook.find(state, rule_id)
    if rule is not None:
        wakes = triggers(rule)
        leaf = wakes.profits[number] if kind == "profit" else wakes.markets[number]
        told = (f"{rule_id}|{out.now_ns}", kind)
        _ask_rules(state, out, fired.market, "trigger", told, fired=(leaf,), only=rule)


def on_clock(state: State, out: Outbox, kind: str, subject: str) -> None:
    """A time of day has begun for a rule, or the end of its symbol's session is near: each
    symbol by itself, once, from the exchange's own hours."""
    rule_id, symbol, number = rulebook.woken(subject)
    rule, instrument = rulebook.find(state, rule_id), state.instruments.get(symbol)
    if rule is None or instrument is None:
        return
    wakes = triggers(rule)
    leaf: Leaf = wakes.times[number] if kind == "time" else wakes.sessions[number]
    if rulebook.needs_market(rule):
        _ask_soon(state, out, symbol, Asked(rule_id, None, (leaf,)))
    else:
        told = (f"{rule_id}|{out.now_ns}", kind)
        _ask_rules(state, out, MarketView(symbol), "trigger", told, fired=(leaf,), only=rule)
    rulebook.schedule(state, instrument, out.now_ns, again=True)


def notice(state: State, out: Outbox) -> None:
    """Events that this step has told may wake rules: they are asked on the market of the moment
    after. Signals have been asked about already."""
    for event in out.events:
        if isinstance(event, PredictionSignalEvent):
            continue
        for rule in state.event_rules:
            symbol = getattr(event, "symbol", "")
            for one in [symbol] if symbol else rule.symbols or state.config.strategy.symbols:
                scene = rulebook.scene(state, one, out.now_ns, None, event)
                if concerned(rule, scene):
                    _ask_soon(state, out, one, Asked(rule.id, event, ()))


def _ask_soon(state: State, out: Outbox, symbol: str, asked: Asked) -> None:
    waiting = state.asked_rules.get(symbol, ())
    if len(waiting) >= ASKED_MAX:
        out.refuse(Reason.BUSY, symbol, "too many rules at once", "", asked.rule_id)
        return
    state.asked_rules[symbol] = (*waiting, asked)
    look(state, out, symbol, "rules:0")


def on_market_seen(state: State, out: Outbox, seen: MarketSeen) -> None:
    """The market of the moment, for whoever waited for it."""
    symbol = seen.market.symbol
    for purpose in state.looking.pop(symbol, ()):
        kind, _, subject = purpose.partition(":")
        context = state.contexts.get(int(subject))
        if kind == "rules":
            for asked in state.asked_rules.pop(symbol, ()):
                _ask_now(state, out, asked, seen.market)
        elif context is not None and kind == "reverse":
            reverse(state, out, context, seen.market)
        elif context is not None:
            stops.judge(state, out, context, seen.market)


def _ask_now(state: State, out: Outbox, asked: Asked, market: MarketView) -> None:
    rule = rulebook.find(state, asked.rule_id)
    if rule is None:
        return  # it is gone, or was disabled
    event = asked.event
    sequence = event.sequence if event is not None else 0
    told = (f"{rule.id}|{out.now_ns}|{sequence}", type(event).__name__ if event else "time")
    _ask_rules(state, out, market, "trigger", told, event=event, fired=asked.fired, only=rule)


# -- closes and reversals --------------------------------------------------------------------


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
        reason = close(state, out, context, request.reason)
        if reason is not None:
            out.refuse(reason, context.symbol, request.reason)


def ask_for_reversal(state: State, out: Outbox, context: Context) -> None:
    """The old side is flat and at rest: the other side is entered on today's price."""
    if context.reverse_to is not None:
        look(state, out, context.symbol, f"reverse:{context.number}")

"""Adding to a trade: double-downs at a loss, scale-ins with profit, a wanted size.

An add is an intent with tranches of its own, each with its stop and target attached, so what it
brings is protected the moment it comes. It is sent only for shares that are protected, never
against exits that have begun to trade, and never beside an add that may still fill; what is lost
if everything fills and every stop is hit is checked before it leaves.
"""

from __future__ import annotations

from decimal import Decimal

from engine import invariants
from engine.contexts import Context
from engine.entries import distance, send_bracket
from engine.inputs import Instrument, MarketView, Side
from engine.money import ZERO, Direction, exact
from engine.orders import OPENING_ROLES, Role
from engine.outbox import Outbox
from engine.plans import PARTS_MAX, DoubleDown, ScaleIn
from engine.portfolio import risk_at_stop, standing, symbol_reason
from engine.reasons import Reason
from engine.risk import Proposal, gate, market_reason
from engine.sizing import whole_lots
from engine.state import State
from engine.tranches import Intent, Tranche, split
from statecharts.vocabulary import ContextEvent, ContextState

_TRAIL_TOLD_S = 1.0  # an add is placed above a trailing stop that was told so lately


def next_double_down(state: State, out: Outbox, context: Context) -> None:
    """Send the next double-down of the plan when its time has come: the entry is over, what is
    held is protected, and no earlier add may fill. Refused once, it is not asked again, and the one
    after it is next."""
    settings = context.plan.double_down
    if settings is None or context.levels_used >= len(settings.levels):
        return
    if context.state != ContextState.PROTECTED or _not_addable(context) is not None:
        return
    if not state.live or not _protected(context):
        return
    if symbol_reason(state, context.symbol, out.now_ns) is not None:
        return  # nothing is opened now; it is still wanted when this is over
    if context.plan.trail is not None and (
        out.now_ns - context.trail_told_ns > state.scaled(_TRAIL_TOLD_S)
    ):
        state.doubts = True  # nobody tells where it has trailed to; the answer brings us back
        return
    for level in range(context.levels_used, len(settings.levels)):
        context.levels_used = level + 1
        reason = _double_down(state, out, context, settings, level)
        if reason is None:
            return
        out.refuse(reason, context.symbol, f"double_down {level + 1}", context.plan.identity)


def _double_down(
    state: State, out: Outbox, context: Context, settings: DoubleDown, level: int
) -> Reason | None:
    instrument = state.instruments[context.symbol]
    basis, stop = context.basis, context.stop_level(instrument.grid)
    part = exact(settings.levels[level])
    near: Direction = "up" if context.side > 0 else "down"  # towards the entry, never the stop
    price = instrument.grid.round(basis - part * (basis - stop), near)
    if (price - stop) * context.side <= 0:
        return Reason.BEYOND_STOP
    quantity = whole_lots(abs(context.held) * exact(settings.multiplier), instrument.lot)
    intent = Intent("double_down", context.plan.add_rule, level, settings.reanchor == "average")
    return _send(state, out, context, intent, quantity, price, price)


def overtaken(state: State, number: int) -> None:
    """A trailing stop has come up to an add that rests: it is not wanted any more."""
    context = state.contexts.get(number)
    if context is not None:
        context.adds_over = True
        state.dirty.add(number)


def scale_in(
    state: State,
    out: Outbox,
    context: Context,
    settings: ScaleIn,
    market: MarketView,
    rule: str,
    identity: str,
) -> Reason | None:
    """Add with profit, at the market; the reason if it is refused."""
    reason = _addable(state, out, context, market)
    if reason is not None:
        return reason
    done = sum(one.kind == "scale_in" and one.rule == rule for one in context.intents)
    if done >= settings.times_max:
        return Reason.ADDS_USED_UP
    position = context.ledger.position
    leaving = market.bid if context.side > 0 else market.ask
    trigger = exact(settings.trigger_percent)
    if leaving is None or not _gains(context, exact(leaving), trigger):
        return Reason.PROFIT_TOO_SMALL
    price = _price(context, market)
    instrument = state.instruments[context.symbol]
    wanted = settings.shares
    if wanted is None:
        portion = exact(settings.portion) if settings.portion is not None else Decimal(50)
        wanted = abs(position.quantity) * portion / 100
    quantity = whole_lots(wanted, instrument.lot)
    # Its distances are of the average that it makes, which protection is then computed from.
    held = abs(position.quantity)
    average = (held * position.average_price + quantity * price) / (held + quantity)
    targets = context.plan.trade.target
    target = settings.target or (targets[0] if targets else None)
    intent = Intent(
        "scale_in",
        rule,
        reanchors=settings.reanchor == "average",
        stop_distance=distance(settings.stop or context.plan.trade.stop, average, market.atr),
        target_distance=None if target is None else distance(target, average, market.atr),
        identity=identity,
    )
    return _send(state, out, context, intent, quantity, None, price, market)


def adjust(
    state: State,
    out: Outbox,
    context: Context,
    wanted: Decimal,
    market: MarketView,
    rule: str,
    identity: str,
) -> Reason | None:
    """Bring what is held to ``wanted`` shares (above 0) of its side: more is added at the
    market, less leaves in its groups. What is leaving already counts as gone, and is not called
    back."""
    going = sum(map(_going, context.tranches), ZERO)
    change = wanted - (abs(context.held) - going)
    if change > 0 and going:
        return Reason.BUSY
    if change > 0:
        reason = _addable(state, out, context, market)
        price = _price(context, market) if reason is None else ZERO
        intent = Intent("adjust", rule, identity=identity)
        return reason or _send(state, out, context, intent, change, None, price, market)
    if context.state not in (ContextState.PROTECTED, ContextState.ADDING):
        return Reason.BUSY
    return _trim(state, context, -change)


def _trim(state: State, context: Context, leaving: Decimal) -> Reason | None:
    """The latest tranches give first."""
    if leaving == 0:
        return Reason.NO_SIZE
    for tranche, held in reversed(context.shares()):
        given = min(max(abs(held) - _going(tranche), ZERO), leaving)
        tranche.trim += given
        leaving -= given
    state.dirty.add(context.number)
    return None


def _going(tranche: Tranche) -> Decimal:
    """What was asked to leave and is still there."""
    return tranche.trim - sum((one.filled for one in tranche.of(Role.TRIM)), ZERO)


def _addable(state: State, out: Outbox, context: Context, market: MarketView) -> Reason | None:
    """Why nothing may be added to a trade at the market now."""
    action: Side = "BUY" if context.side > 0 else "SELL"
    reason = symbol_reason(state, context.symbol, out.now_ns)
    if reason is None and context.state not in (ContextState.PROTECTED, ContextState.ADDING):
        reason = Reason.NOT_HELD if not context.held else Reason.BUSY
    return (
        reason
        or _not_addable(context, resting=True)
        or (None if _protected(context) else Reason.BUSY)
        or market_reason(market, action, state.config.limits)
    )


def _not_addable(context: Context, resting: bool = False) -> Reason | None:
    """Why the state of the trade forbids an add. A double-down that rests far from the market
    does not forbid a scale-in (``resting``); everything else that may fill does."""
    if context.held * context.side <= 0 or context.exits_traded:
        return Reason.NOT_HELD
    if any(not order.dead for order in context.of(Role.ENTRY)):
        return Reason.BUSY
    for order in context.of(Role.ADD):
        kind = context.intent_of(order).kind
        if order.may_fill and not (resting and kind == "double_down" and not order.filled):
            return Reason.ADD_PENDING
    return None


def _protected(context: Context) -> bool:
    """Every share that is held has a stop that the broker would execute."""
    for tranche, held in context.shares():
        covered = max((o.remaining for o in tranche.of(Role.STOP) if o.active), default=ZERO)
        if covered < abs(held):
            return False
    return True


def _gains(context: Context, price: Decimal, percent: Decimal) -> bool:
    """Whether so much is made at a price. As its watch sees it, in a double: an average may have no
    last digit, and the very price that woke a rule must do."""
    level = context.ledger.position.average_price * (100 + context.side * percent) / 100
    return (price - exact(float(level))) * context.side >= 0


def _price(context: Context, market: MarketView) -> Decimal:
    seen = market.price("BUY" if context.side > 0 else "SELL")
    assert seen is not None
    return exact(seen)


def _send(
    state: State,
    out: Outbox,
    context: Context,
    intent: Intent,
    quantity: Decimal,
    limit: Decimal | None,
    price: Decimal,
    market: MarketView | None = None,
) -> Reason | None:
    instrument = state.instruments[context.symbol]
    parts = split(quantity, context.plan.aims, instrument.lot)
    proposal = _proposal(state, context, intent, quantity, limit, price, len(parts), instrument)
    where = standing(state, context.symbol, out.now_ns, market)
    reason = gate(proposal, where, state.config.limits)
    if reason is None and len(context.tranches) + len(parts) > PARTS_MAX:
        reason = Reason.TOO_MANY_PARTS
    if reason is not None:
        return reason
    invariants.before_adding(context)
    context.intents.append(intent)
    context.adds_over = False
    out.advance(context, ContextEvent.ADD_REQUESTED)
    kind = "MKT" if limit is None else "LMT"
    for shares, aim in parts:
        number = len(context.intents) - 1
        send_bracket(state, out, context, number, aim, shares, kind, limit)
    return None


def _proposal(
    state: State,
    context: Context,
    intent: Intent,
    quantity: Decimal,
    limit: Decimal | None,
    price: Decimal,
    parts: int,
    instrument: Instrument,
) -> Proposal:
    """The trade as it would be if everything that may fill, filled, and every stop were hit."""
    held = abs(context.held)
    average = context.ledger.position.average_price
    value, shares = held * average + quantity * price, held + quantity
    for order in context.orders.values():
        if order.role in OPENING_ROLES and not order.dead:
            shares += order.remaining
            value += order.remaining * (order.spec.limit_price or price)
    stop = context.stop_level(instrument.grid)
    if intent.reanchors:
        distance_kept = intent.stop_distance or context.plan.stop_distance
        if distance_kept is not None:
            stop = value / shares - context.side * distance_kept
    return Proposal(
        kind="add",
        symbol=context.symbol,
        side=context.side,
        quantity=quantity,
        price=price,
        limit_price=limit,
        risk=(value - stop * shares) * context.side,
        risk_before=risk_at_stop(state, context),
        orders=3 * parts,
        parts=parts,
    )

"""From a plan to orders: the gates of an entry, its size and distances, and the burst itself.

An entry leaves as one bracket: the parent and all legs but the last with ``transmit`` off, the
last with it on, so that TWS accepts the shares and their protection together, and the stop is
at the broker before the first share is, whether or not we are still there to see it.
"""

from __future__ import annotations

import math
from decimal import Decimal

import attrs

from engine.commands import OrderSpec
from engine.config import SECOND_NS
from engine.contexts import Context, Plan
from engine.exits import OCA_REDUCE_WITH_BLOCK
from engine.inputs import Instrument, Side, SignalArrived
from engine.money import exact
from engine.orders import Order, Role
from engine.outbox import Outbox
from engine.plans import Distance
from engine.reasons import Reason
from engine.risk import Entry, Exposure, entry_reason, market_reason
from engine.sizing import entry_quantity
from engine.state import State
from statecharts.vocabulary import ContextEvent

_DISTANCE_DIGITS = 6
_LETTER = {Role.ENTRY: "E", Role.STOP: "S", Role.TARGET: "T", Role.CLOSE: "C", Role.LEG: "L"}


def enter(state: State, out: Outbox, arrived: SignalArrived, side: int) -> Reason | None:
    """Open a context for a signal: every gate, then entry, stop and target in one burst."""
    symbol = arrived.signal.ticker
    market = arrived.market
    action: Side = "BUY" if side > 0 else "SELL"
    reason = (
        symbol_reason(state, symbol, out.now_ns)
        or pace_reason(state, symbol, out.now_ns)
        or market_reason(market, action, state.config.limits)
    )
    if reason is not None:
        return reason
    quote = market.price(action)
    assert quote is not None
    price = exact(quote)
    strategy = state.config.strategy
    stop = distance(strategy.stop, price, market.atr)
    if stop is None or stop <= 0:
        return Reason.NO_STOP
    target = distance(strategy.target[0], price, market.atr) if strategy.target else None
    instrument = state.instruments[symbol]
    plan = Plan(
        side=side,
        quantity=entry_quantity(strategy.sizing, price, instrument.lot),
        decision_price=price,
        stop_distance=stop,
        stop_price=None,
        target_distance=target,
        target_price=None,
        entry_price=None,
        origin="trigger" if arrived.signal.source == "trigger" else "signal",
        identity=arrived.signal.identity,
    )
    return open_context(state, out, instrument, plan, price)


def symbol_reason(state: State, symbol: str, now_ns: int) -> Reason | None:
    """Why no entry of this symbol may start now, whatever its price."""
    instrument = state.instruments.get(symbol)
    if not state.live:
        return Reason.NOT_LIVE
    if symbol in state.frozen or state.unexplained(symbol):
        return Reason.FROZEN
    if instrument is None:
        return Reason.UNKNOWN_SYMBOL
    session_end = open_until(state, instrument, now_ns)
    if session_end is None:
        return Reason.SESSION_CLOSED
    return None


def pace_reason(state: State, symbol: str, now_ns: int) -> Reason | None:
    """Cooldown and daily count of the strategy; both are counted on executions only, and a
    host's direct request is not the strategy's."""
    if now_ns < state.cooldown_until.get(symbol, 0):
        return Reason.COOLDOWN
    day, count = state.entries_today.get(symbol, (0, 0))
    if count < state.config.strategy.entries_per_day_max:
        return None
    return (
        Reason.DAILY_LIMIT if day == open_until(state, state.instruments[symbol], now_ns) else None
    )


def open_until(state: State, instrument: Instrument, now_ns: int) -> int | None:
    """End of the session in which an entry may be made now; None outside, or once the
    end-of-day close of that session has begun."""
    margin = int(state.config.strategy.close_before_end_s * SECOND_NS)
    for opens, closes in instrument.sessions:
        if opens <= now_ns < closes - margin:
            return closes
    return None


def await_close(state: State, instrument: Instrument, now_ns: int) -> None:
    """Set the time of the next end-of-day close of a symbol, if its hours are known so far. In a
    session that is already ending, at once."""
    margin = int(state.config.strategy.close_before_end_s * SECOND_NS)
    upcoming = [closes - margin for _, closes in instrument.sessions if closes > now_ns]
    if upcoming:
        state.deadlines[f"eod:{instrument.symbol}"] = min(upcoming)


def distance(wanted: Distance, price: Decimal, atr: float | None) -> Decimal | None:
    """Price distance: ATR wins when it is warm, else per cent of the price, else None.

    The product of a double is cut to micro-units first: 6 x 0.1 must not become
    0.6000000000000001 and push the stop to another tick.
    """
    if wanted.atr is not None and atr is not None and math.isfinite(atr) and atr > 0:
        return exact(round(wanted.atr * atr, _DISTANCE_DIGITS))
    if wanted.percent is not None:
        return price * exact(wanted.percent) / 100
    return None


def exposure(state: State, now_ns: int) -> Exposure:
    """Worst case of all contexts: what is held and what entries may still add, at the price
    each was decided on."""
    minute_ago = now_ns - state.scaled(60.0)
    state.order_times = [at for at in state.order_times if at > minute_ago]
    gross = sum(
        (
            (abs(context.held) + context.entry_rest) * context.basis
            for context in state.current.values()
        ),
        Decimal(0),
    )
    return Exposure(gross, len(state.current), len(state.order_times))


def open_context(
    state: State, out: Outbox, instrument: Instrument, plan: Plan, quote: Decimal
) -> Reason | None:
    """Gate a plan and send it: parent held back, children behind it, the last one transmits."""
    stop_price = plan.stop_at(plan.decision_price, instrument.grid)
    target_price = plan.target_at(plan.decision_price, instrument.grid)
    reason = entry_reason(
        Entry(
            plan.side,
            plan.quantity,
            plan.decision_price,
            plan.entry_price,
            stop_price,
            orders=2 if target_price is None else 3,
            quote=quote,
        ),
        exposure(state, out.now_ns),
        state.config.limits,
    )
    if reason is not None:
        return reason
    number = state.take_number()
    context = Context(number, instrument.symbol, plan, f"{state.tag}-{number}", out.now_ns)
    state.contexts[number] = context
    state.current[instrument.symbol] = context
    out.advance(context, ContextEvent.ENTRY_REQUESTED)
    action: Side = "BUY" if plan.side > 0 else "SELL"
    opposite: Side = "SELL" if plan.side > 0 else "BUY"
    parent = _order(state, context, Role.ENTRY, action, plan.quantity, plan.entry_price)
    legs = [_order(state, context, Role.STOP, opposite, plan.quantity, stop_price, parent)]
    if target_price is not None:
        legs.append(
            _order(state, context, Role.TARGET, opposite, plan.quantity, target_price, parent)
        )
    for order in (parent, *legs[:-1]):
        order.spec = attrs.evolve(order.spec, transmit=False)
    for order in (parent, *legs):
        out.place(order)
    state.dirty.add(number)
    return None


def _order(
    state: State,
    context: Context,
    role: Role,
    action: Side,
    quantity: Decimal,
    price: Decimal | None,
    parent: Order | None = None,
    grouped: bool = True,
) -> Order:
    """A new order of a context, registered everywhere it will be looked for."""
    order_id = state.take_order_id()
    exit_role = role is not Role.ENTRY
    spec = OrderSpec(
        action=action,
        quantity=quantity,
        order_type="STP" if role is Role.STOP else "MKT" if price is None else "LMT",
        limit_price=None if role is Role.STOP else price,
        aux_price=price if role is Role.STOP else None,
        tif="GTC" if role in (Role.STOP, Role.TARGET) else "DAY",
        outside_rth=state.config.strategy.outside_rth and price is not None,
        account=state.account,
        order_ref=f"{state.tag}-{context.number}-{_LETTER[role]}{order_id}",
        oca_group=context.oca_group if exit_role and grouped else "",
        oca_type=OCA_REDUCE_WITH_BLOCK if exit_role and grouped else 0,
        parent_id=parent.order_id if parent is not None else 0,
    )
    order = Order(order_id, context.symbol, role, context.number, spec)
    order.attached = parent is not None
    context.orders[order_id] = order
    register(state, order)
    return order


def exit_order(
    state: State,
    context: Context,
    role: Role,
    action: Side,
    quantity: Decimal,
    price: Decimal | None,
    grouped: bool,
) -> Order:
    """An exit of its own, beside or instead of the attached ones."""
    if grouped:
        context.renew_group()
    return _order(state, context, role, action, quantity, price, None, grouped)


def register(state: State, order: Order) -> None:
    state.orders[order.order_id] = order
    state.by_ref[order.spec.order_ref] = order

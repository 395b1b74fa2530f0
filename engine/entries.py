"""From a plan to orders: the gates of an entry, its size and distances, and the burst itself.

An entry leaves as one bracket a tranche: the parent and all legs but the last with ``transmit``
off, the last with it on, so that TWS accepts the shares and their protection together, and the
stop is at the broker before the first share is, whether or not we are still there to see it.
"""

from __future__ import annotations

from decimal import Decimal

import attrs

from engine import invariants
from engine.commands import OrderSpec
from engine.contexts import Context, Wish
from engine.exits import OCA_REDUCE_WITH_BLOCK, exit_price
from engine.inputs import Instrument, MarketView, Side
from engine.money import FAR, ZERO, exact
from engine.orders import OPENING_ROLES, Order, Role
from engine.outbox import Outbox
from engine.plans import Distance, Trade
from engine.portfolio import standing, symbol_reason
from engine.reasons import Reason
from engine.risk import Proposal, gate, market_reason
from engine.sizing import Size, entry_size, whole_lots
from engine.state import State
from engine.tranches import Aim, Intent, Plan, Trail, Tranche, portions, split
from engine.wants import PlaceExit
from statecharts.vocabulary import ContextEvent

_DISTANCE_DIGITS = 6
_LETTER = {
    Role.ENTRY: "E",
    Role.ADD: "A",
    Role.STOP: "S",
    Role.TARGET: "T",
    Role.TRIM: "R",
    Role.CLOSE: "C",
    Role.LEG: "L",
}
_TIF = {Role.STOP: "GTC"}
_ORDER_TYPE = {"market": "MKT", "limit": "LMT", "stop": "STP"}


def enter(state: State, out: Outbox, wish: Wish, market: MarketView) -> Reason | None:
    """Open a context as somebody wishes: every gate, then its brackets in one burst."""
    action: Side = "BUY" if wish.side > 0 else "SELL"
    reason = symbol_reason(state, wish.symbol, out.now_ns) or market_reason(
        market, action, state.config.limits
    )
    if reason is not None:
        return reason
    quote = market.price(action)
    assert quote is not None
    instrument = state.instruments[wish.symbol]
    plan = make_plan(state, wish, market, exact(quote), instrument)
    if isinstance(plan, Reason):
        return plan
    reason = open_context(state, out, instrument, plan, market)
    if reason is None:
        size = _size(state, plan, market.atr, instrument)
        if size.cap:
            told = f"{size.shares} shares instead of {size.wanted}: {size.cap}"
            out.alert("info", told, wish.symbol)
    return reason


def make_plan(
    state: State, wish: Wish, market: MarketView, quote: Decimal, instrument: Instrument
) -> Plan | Reason:
    """Prices, distances and size; everything that the market's present view decides."""
    trade = wish.trade
    price = _entry_price(trade, wish.side, quote, market.atr, instrument)
    if price is None:
        return Reason.NO_STOP  # its offset cannot be computed, and so no price of it
    basis = quote if trade.entry.type == "market" else price
    stop = distance(trade.stop, basis, market.atr)
    if stop is None or stop <= 0:
        return Reason.NO_STOP
    aims = []
    for target, portion in zip(trade.target, portions(trade.target), strict=True):
        away = distance(target, basis, market.atr)
        if away is not None:
            aims.append(Aim(portion, away))
    trail = None
    if trade.trailing is not None:
        trail = _trail(trade.trailing, basis, market.atr, instrument)
        if trail is None:
            return Reason.NO_STOP
    if trade.sizing.needs_equity and state.account_value("NetLiquidation") is None:
        return Reason.NO_EQUITY
    plan = Plan(
        side=wish.side,
        quantity=ZERO,
        decision_price=basis,
        stop_distance=stop,
        stop_price=None,
        aims=tuple(aims),
        entry_type=trade.entry.type,
        entry_price=None if trade.entry.type == "market" else price,
        trade=trade,
        origin=wish.origin,
        identity=wish.identity,
        rule=wish.rule,
        trail=trail,
        double_down=trade.double_down,
    )
    return attrs.evolve(plan, quantity=_size(state, plan, market.atr, instrument).shares)


def _size(state: State, plan: Plan, atr: float | None, instrument: Instrument) -> Size:
    equity = state.account_value("NetLiquidation")
    price, away = plan.decision_price, plan.stop_distance
    return entry_size(
        plan.trade.sizing, price, instrument.lot, away, equity, atr, state.config.limits
    )


def _entry_price(
    trade: Trade, side: int, quote: Decimal, atr: float | None, instrument: Instrument
) -> Decimal | None:
    """A limit lies on the better side of the quote and never costs more than asked for; a stop
    on the worse side, and is never reached sooner."""
    if trade.entry.offset is None:
        return quote
    away = distance(trade.entry.offset, quote, atr)
    if away is None:
        return None
    better = trade.entry.type == "limit"
    price = quote - side * away if better else quote + side * away
    return instrument.grid.round(price, "down" if (side > 0) == better else "up")


def _trail(
    wanted: Distance, price: Decimal, atr: float | None, instrument: Instrument
) -> Trail | None:
    """Per cent stays per cent, because the broker knows it too; all else becomes an amount."""
    if wanted.percent is not None and (wanted.atr is None or atr is None):
        return Trail(None, exact(wanted.percent))
    away = distance(wanted, price, atr)
    if away is None:
        return None
    # An amount of less than a dollar is not a price of less than a dollar, with its finer steps.
    amount = whole_lots(away, instrument.grid.increment(price))
    return Trail(amount, None) if amount > 0 else None


def distance(wanted: Distance, price: Decimal, atr: float | None) -> Decimal | None:
    """Price distance: ATR wins when it is warm, else per cent of the price, else the amount,
    else None.

    The product of a double is cut to micro-units first: 6 x 0.1 must not become
    0.6000000000000001 and push the stop to another tick.
    """
    if wanted.atr is not None and atr is not None and 0 < atr < FAR:
        return exact(round(wanted.atr * atr, _DISTANCE_DIGITS))
    if wanted.percent is not None:
        return price * exact(wanted.percent) / 100
    return exact(wanted.amount) if wanted.amount is not None else None


def open_context(
    state: State,
    out: Outbox,
    instrument: Instrument,
    plan: Plan,
    market: MarketView | None,
    stated: tuple[Decimal, ...] = (),
) -> Reason | None:
    """Gate a plan and send it: for each target a parent held back, its children behind it, the
    last of which transmits. Not while an order of a trade before it may have come back from the
    dead: its shares would be of the other side as well."""
    earlier = (one for one in state.contexts.values() if one.symbol == instrument.symbol)
    if not all(one.all_dead for one in earlier):
        return Reason.BUSY
    grid, basis = instrument.grid, plan.decision_price
    parts = split(plan.quantity, plan.aims, instrument.lot)
    stop_price = plan.stop_at(basis, grid)
    proposal = Proposal(
        kind="entry",
        symbol=instrument.symbol,
        side=plan.side,
        quantity=plan.quantity,
        price=basis,
        stated=stated,
        limit_price=plan.entry_price,
        stop_price=stop_price,
        risk=plan.quantity * abs(basis - stop_price),
        orders=sum(2 if aim is None else 3 for _, aim in parts),
        parts=len(parts),
    )
    where = standing(state, instrument.symbol, out.now_ns, market)
    reason = gate(proposal, where, state.config.limits)
    if reason is not None:
        return reason
    number = state.take_number()
    context = Context(number, instrument.symbol, plan, out.now_ns)
    context.intents.append(Intent("entry", plan.rule))
    state.contexts[number] = context
    state.current[instrument.symbol] = context
    out.advance(context, ContextEvent.ENTRY_REQUESTED)
    for quantity, aim in parts:
        send_bracket(
            state, out, context, 0, aim, quantity, _ORDER_TYPE[plan.entry_type], plan.entry_price
        )
    return None


def send_bracket(
    state: State,
    out: Outbox,
    context: Context,
    intent: int,
    aim: int | None,
    quantity: Decimal,
    order_type: str,
    price: Decimal | None,
) -> None:
    """One tranche: an entry or add with the exits that wait for its fills at the broker."""
    tranche = context.open_tranche(f"{state.tag}-{context.number}", intent, aim)
    grid = state.instruments[context.symbol].grid
    legs = [
        (leg, at)
        for leg in (Role.STOP, Role.TARGET)
        if (at := exit_price(context, tranche, leg, grid)) is not None
    ]
    action: Side = "BUY" if context.side > 0 else "SELL"
    opposite: Side = "SELL" if context.side > 0 else "BUY"
    role = Role.ENTRY if intent == 0 else Role.ADD
    parent = _order(
        state, context, tranche, role, action, quantity, price, order_type, transmit=not legs
    )
    orders = [parent]
    for leg, at in legs:
        kind, last = _exit_type(context, leg), leg is legs[-1][0]
        order = _order(
            state, context, tranche, leg, opposite, quantity, at, kind, parent, transmit=last
        )
        invariants.attached(parent, order)
        orders.append(order)
    for order in orders:
        out.place(order)
    state.dirty.add(context.number)


def exit_order(state: State, context: Context, want: PlaceExit) -> Order:
    """An exit of its own, beside or instead of the attached ones."""
    if want.grouped:
        want.tranche.renew_group()
    kind = "MKT" if want.price is None else _exit_type(context, want.role)
    return _order(
        state,
        context,
        want.tranche,
        want.role,
        want.action,
        want.quantity,
        want.price,
        kind,
        grouped=want.grouped,
    )


def _exit_type(context: Context, role: Role) -> str:
    if role is Role.TARGET:
        return "LMT"
    return "STP" if context.plan.trail is None else "TRAIL"


def _order(
    state: State,
    context: Context,
    tranche: Tranche,
    role: Role,
    action: Side,
    quantity: Decimal,
    price: Decimal | None,
    order_type: str,
    parent: Order | None = None,
    grouped: bool = True,
    transmit: bool = True,
) -> Order:
    """A new order of a context, registered everywhere it will be looked for."""
    order_id = state.take_order_id()
    in_group = grouped and role not in OPENING_ROLES
    trade, trail = context.plan.trade, None
    if order_type == "TRAIL":
        trail = context.plan.trail
        assert trail is not None
        price = trail.amount
    spec = OrderSpec(
        action=action,
        quantity=quantity,
        order_type=order_type,
        limit_price=price if order_type == "LMT" else None,
        aux_price=price if order_type in ("STP", "TRAIL") else None,
        tif=_TIF.get(role, "DAY") if role is not Role.TARGET else trade.target_tif,
        outside_rth=trade.outside_rth and order_type != "MKT",
        account=state.account,
        order_ref=f"{state.tag}-{context.number}-{_LETTER[role]}{order_id}",
        oca_group=tranche.oca_group if in_group else "",
        oca_type=OCA_REDUCE_WITH_BLOCK if in_group else 0,
        parent_id=parent.order_id if parent is not None else 0,
        transmit=transmit,
        trail_percent=trail.percent if trail is not None and trail.amount is None else None,
        # A new one begins where the last has got to, and is never looser.
        trail_stop_price=(
            context.stop_level(state.instruments[context.symbol].grid)
            if trail is not None
            else None
        ),
    )
    order = Order(order_id, context.symbol, role, context.number, spec, tranche.number)
    order.attached = parent is not None
    context.enlist(order)
    register(state, order)
    return order


def register(state: State, order: Order) -> None:
    state.orders[order.order_id] = order
    state.by_ref[order.spec.order_ref] = order

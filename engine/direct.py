"""Direct requests of an embedding program: a bracket or an OCO without rules, through the same
gates, orders and charts as everything else."""

from __future__ import annotations

from decimal import Decimal

from engine.commands import OrderSpec
from engine.entries import open_context, register, symbol_reason
from engine.groups import OCA_CANCEL_WITH_BLOCK, Group
from engine.inputs import BracketRequested, CancelRequested, MarketView, OcoRequested, Side
from engine.money import exact
from engine.orders import Order, Role
from engine.outbox import Outbox
from engine.reasons import Reason
from engine.risk import market_reason
from engine.state import State
from engine.tranches import Aim, Plan
from statecharts.vocabulary import OcoEvent, OrderAsk


def on_bracket(state: State, out: Outbox, request: BracketRequested) -> None:
    reason = _bracket_reason(state, out, request)
    if reason is not None:
        out.refuse(reason, request.symbol, "bracket", request.reference)


def _bracket_reason(state: State, out: Outbox, request: BracketRequested) -> Reason | None:
    if request.reference in state.references:
        return Reason.DUPLICATE_REFERENCE
    reason = symbol_reason(state, request.symbol, out.now_ns)
    if reason is not None:
        return reason
    if request.symbol in state.current:
        return Reason.BUSY
    reason = market_reason(request.market, request.side, state.config.limits)
    if reason is not None:
        return reason
    instrument = state.instruments[request.symbol]
    stated = (request.stop_price, request.target_price, request.entry_price)
    if not all(price is None or instrument.grid.on(price) for price in stated):
        return Reason.OFF_GRID
    side = 1 if request.side == "BUY" else -1
    basis = request.entry_price or _seen_price(request.market, request.side)
    target = request.target_price
    if target is not None and (target - basis) * side <= 0:
        return Reason.NO_STOP
    plan = Plan(
        side=side,
        quantity=request.quantity,
        decision_price=basis,
        stop_distance=None,
        stop_price=request.stop_price,
        aims=() if target is None else (Aim(Decimal(100), None, target),),
        entry_type="market" if request.entry_price is None else "limit",
        entry_price=request.entry_price,
        trade=state.config.strategy,
        origin="bracket",
        identity=request.reference,
    )
    quote = _seen_price(request.market, request.side)
    reason = open_context(state, out, instrument, plan, quote)
    if reason is None:
        state.references[request.reference] = state.current[request.symbol].number
    return reason


def _seen_price(market: MarketView | None, side: Side) -> Decimal:
    price = market.price(side) if market is not None else None
    assert price is not None
    return exact(price)


def on_oco(state: State, out: Outbox, request: OcoRequested) -> None:
    """Two orders, one of which may fill; gated like an entry, because a leg may open shares."""
    reason = _oco_reason(state, out, request)
    if reason is not None:
        out.refuse(reason, request.symbol, "oco", request.reference)
        return
    number = state.take_number()
    group = Group(number, request.symbol, request, f"{state.tag}-{number}")
    state.groups[number] = group
    state.references[request.reference] = number
    group.step(OcoEvent.SEND)
    for leg in request.legs:
        order_id = state.take_order_id()
        stop = leg.order_type == "STP"
        spec = OrderSpec(
            action=leg.side,
            quantity=request.quantity,
            order_type=leg.order_type,
            limit_price=None if stop else leg.price,
            aux_price=leg.price if stop else None,
            tif="GTC",
            outside_rth=state.config.strategy.outside_rth,
            account=state.account,
            order_ref=f"{state.tag}-{number}-L{order_id}",
            oca_group=group.oca_group,
            oca_type=OCA_CANCEL_WITH_BLOCK,
        )
        order = Order(order_id, request.symbol, Role.LEG, number, spec)
        group.orders[order_id] = order
        register(state, order)
        out.place(order)


def _oco_reason(state: State, out: Outbox, request: OcoRequested) -> Reason | None:
    if request.reference in state.references:
        return Reason.DUPLICATE_REFERENCE
    reason = symbol_reason(state, request.symbol, out.now_ns)
    if reason is not None:
        return reason
    limits = state.config.limits
    grid = state.instruments[request.symbol].grid
    if request.quantity <= 0:
        return Reason.NO_SIZE
    if request.quantity > limits.order_shares_max:
        return Reason.ORDER_TOO_LARGE
    if any(not grid.on(leg.price) or leg.price <= 0 for leg in request.legs):
        return Reason.OFF_GRID
    notional = request.quantity * max(leg.price for leg in request.legs)
    if notional > limits.order_notional_max:
        return Reason.NOTIONAL_TOO_LARGE
    return market_reason(request.market, request.legs[0].side, limits)


def on_cancel(state: State, out: Outbox, request: CancelRequested) -> None:
    """Take back what of a directly placed bracket or OCO has not filled.

    Of a bracket that is held, only the rest of the entry goes; its protection stays.
    """
    number = state.references.get(request.reference)
    owner = state.contexts.get(number) or state.groups.get(number) if number else None
    if owner is None or not state.live:
        reason = Reason.NOTHING_TO_CLOSE if owner is None else Reason.NOT_LIVE
        out.refuse(reason, "", "cancel", request.reference)
        return
    if isinstance(owner, Group):
        owner.step(OcoEvent.CANCEL)
    roles = (Role.LEG, Role.ENTRY, Role.ADD)
    for order in owner.orders.values():
        if order.role in roles and order.resting and order.asked != OrderAsk.DRAFT:
            out.cancel(order)
    state.dirty.update({owner.number} & state.contexts.keys())

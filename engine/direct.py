"""Direct requests of an embedding program: a bracket or an OCO without rules, through the same
gates, orders and charts as everything else."""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal

from engine.commands import OrderSpec
from engine.entries import open_context, register
from engine.groups import OCA_CANCEL_WITH_BLOCK, Group
from engine.inputs import (
    BracketRequested,
    CancelRequested,
    MarketView,
    OcoRequested,
    OrderRequested,
    Side,
)
from engine.money import ZERO, exact
from engine.orders import Order, Role
from engine.outbox import Outbox
from engine.portfolio import reducible, standing, symbol_reason
from engine.reasons import Reason
from engine.risk import Proposal, gate, market_reason
from engine.state import State
from engine.tranches import Aim, Plan
from statecharts.vocabulary import OcoEvent

Direct = OcoRequested | OrderRequested
Legs = Sequence[tuple[Side, str, Decimal | None]]  # side, order type, price


def on_bracket(state: State, out: Outbox, request: BracketRequested) -> None:
    reason = place_bracket(state, out, request)
    if reason is not None:
        out.refuse(reason, request.symbol, "bracket", request.reference)


def place_bracket(
    state: State, out: Outbox, request: BracketRequested, rule: str = ""
) -> Reason | None:
    if state.used(request.reference):
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
    given = (request.stop_price, request.target_price, request.entry_price)
    stated = tuple(price for price in given if price is not None)
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
        trade=state.config.strategy.of(request.symbol),
        origin="bracket",
        identity=request.reference,
        rule=rule,
    )
    reason = open_context(state, out, instrument, plan, request.market, stated)
    if reason is None:
        state.references[request.reference] = state.current[request.symbol].number
    return reason


def _seen_price(market: MarketView | None, side: Side) -> Decimal:
    price = _price_or_none(market, side)
    assert price is not None
    return price


def _price_or_none(market: MarketView | None, side: Side) -> Decimal | None:
    price = market.price(side) if market is not None else None
    return exact(price) if price is not None and math.isfinite(price) else None


def on_oco(state: State, out: Outbox, request: OcoRequested) -> None:
    """Two orders, one of which may fill; gated like an entry, because a leg may open shares."""
    legs = [(leg.side, leg.order_type, leg.price) for leg in request.legs]
    reduces = _reduces(state, request, legs)
    reason = _direct_reason(state, out, request, legs, reduces)
    if reason is not None:
        out.refuse(reason, request.symbol, "oco", request.reference)
        return
    group = _group(state, request, reduces)
    for leg in request.legs:
        _leg(state, out, group, leg.side, request.quantity, leg.order_type, leg.price, "GTC")


def on_order(state: State, out: Outbox, request: OrderRequested) -> None:
    reason = place_order(state, out, request)
    if reason is not None:
        out.refuse(reason, request.symbol, "order", request.reference)


def place_order(
    state: State, out: Outbox, request: OrderRequested, rule: str = ""
) -> Reason | None:
    """One order by itself: a group of one. Its shares are the caller's to protect."""
    if (request.order_type == "MKT") != (request.price is None):
        return Reason.OFF_GRID
    legs = [(request.side, request.order_type, request.price)]
    reduces = _reduces(state, request, legs)
    reason = _direct_reason(state, out, request, legs, reduces)
    if reason is not None:
        return reason
    group = _group(state, request, reduces)
    group.rule = rule
    _leg(
        state, out, group, request.side, request.quantity, request.order_type, request.price,
        request.tif,
    )  # fmt: skip
    return None


def _group(state: State, request: Direct, reduces: bool) -> Group:
    number = state.take_number()
    seen = _price_or_none(request.market, "BUY") or ZERO
    tag = f"{state.tag}-{number}"
    group = Group(number, request.symbol, tag, price=seen, reduces=reduces)
    group.identity = request.reference
    state.groups[number] = group
    state.references[request.reference] = number
    group.step(OcoEvent.SEND)
    return group


def _leg(
    state: State,
    out: Outbox,
    group: Group,
    side: Side,
    quantity: Decimal,
    order_type: str,
    price: Decimal | None,
    tif: str,
) -> None:
    order_id = state.take_order_id()
    stop, alone = order_type == "STP", tif == "DAY" or order_type == "MKT"
    spec = OrderSpec(
        action=side,
        quantity=quantity,
        order_type=order_type,
        limit_price=None if stop else price,
        aux_price=price if stop else None,
        tif=tif,
        outside_rth=state.config.strategy.of(group.symbol).outside_rth and order_type != "MKT",
        account=state.account,
        order_ref=f"{state.tag}-{group.number}-L{order_id}",
        oca_group="" if alone else group.oca_group,
        oca_type=0 if alone else OCA_CANCEL_WITH_BLOCK,
    )
    order = Order(order_id, group.symbol, Role.LEG, group.number, spec)
    group.orders[order_id] = order
    register(state, order)
    out.place(order)


def _reduces(state: State, request: Direct, legs: Legs) -> bool:
    """Whether it can only close what other orders placed directly have brought."""
    sides = {side for side, _, _ in legs}
    if len(sides) > 1:
        return False
    sign = 1 if sides == {"BUY"} else -1
    return 0 < request.quantity <= reducible(state, request.symbol, sign)


def _direct_reason(
    state: State, out: Outbox, request: Direct, legs: Legs, reduces: bool
) -> Reason | None:
    """Why orders that may open shares without protection are not placed. What reduces is an exit
    like any other: no limit and no halt is in its way."""
    if state.used(request.reference):
        return Reason.DUPLICATE_REFERENCE
    (side, _, _), sides = legs[0], {side for side, _, _ in legs}
    stated = tuple(price for _, _, price in legs if price is not None)
    price = max(stated, default=None) or _price_or_none(request.market, side)
    sign = 1 if side == "BUY" else -1
    proposal = Proposal(
        kind="exit" if reduces else "direct",
        symbol=request.symbol,
        side=sign,
        quantity=request.quantity,
        price=price or ZERO,
        stated=stated,
        both_ways=len(sides) > 1,
        collared=tuple((one, at) for one, kind, at in legs if kind == "LMT" and at is not None),
        orders=len(legs),
        held=-sign * request.quantity if reduces else ZERO,
        worst=request.quantity if reduces else ZERO,
    )
    where = standing(state, request.symbol, out.now_ns, request.market, direct=True)
    return gate(proposal, where, state.config.limits)


def on_cancel(state: State, out: Outbox, request: CancelRequested) -> None:
    reason = cancel(state, out, request.reference)
    if reason is not None:
        out.refuse(reason, "", "cancel", request.reference)


def cancel(state: State, out: Outbox, reference: str) -> Reason | None:
    """Take back what of something directly placed has not filled.

    Of a bracket that is held, only the rest of the entry goes; its protection stays.
    """
    number = state.references.get(reference)
    owner = state.contexts.get(number) or state.groups.get(number) if number else None
    if owner is None or not state.live:
        return Reason.NOTHING_TO_CANCEL if owner is None else Reason.NOT_LIVE
    roles = (Role.LEG, Role.ENTRY, Role.ADD)
    for order in owner.orders.values():
        if order.role in roles and order.resting:
            out.cancel(order)
    state.dirty.update({owner.number} & state.contexts.keys())
    return None

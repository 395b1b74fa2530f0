"""What a trade of a rehearsal has ordered and holds, in plain words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

from engine.commands import OrderSpec
from engine.contexts import Context
from engine.monitor.lines import price
from engine.orders import Order, Role
from engine.portfolio import risk_at_stop
from engine.rehearsal import Rehearsal


def alive(context: Context | None, role: Role) -> list[Order]:
    """The orders of a role that may still execute."""
    return [one for one in context.of(role) if not one.dead] if context is not None else []


def held(context: Context) -> str:
    side = "long" if context.side > 0 else "short"
    average = context.ledger.position.average_price
    return f"{side} {abs(context.held)} at {price(average)} on average"


def protecting(context: Context, role: Role) -> list[Order]:
    """The exits of what is held; those of adds that have not filled do nothing yet."""
    held = {tranche.number for tranche, shares in context.shares() if shares}
    return [one for one in alive(context, role) if context.tranche_of(one).number in held]


def is_entry(order: Order, context: Context) -> bool:
    return order.owner == context.number and context.tranche_of(order).intent == 0


def words(spec: OrderSpec) -> str:
    if spec.order_type == "MKT":
        return "at the market"
    if spec.order_type == "TRAIL":
        by = f"{spec.trail_percent} %" if spec.trail_percent is not None else str(spec.aux_price)
        return f"trailing by {by} from {price(spec.trail_stop_price)} on ({spec.tif})"
    kind = "limit" if spec.order_type == "LMT" else "stop"
    return f"at {price(spec.limit_price or spec.aux_price)} ({kind}, {spec.tif})"


def sums(
    name: str, specs: Sequence[OrderSpec], shares: Sequence[Decimal], basis: Decimal
) -> Iterator[str]:
    """Orders of one kind; those that say the same are one line."""
    shares_of: dict[tuple[str, str], Decimal] = {}
    away: dict[tuple[str, str], str] = {}
    for spec, quantity in zip(specs, shares, strict=True):
        key = (spec.action, words(spec))
        shares_of[key] = shares_of.get(key, Decimal(0)) + quantity
        at = spec.limit_price or (spec.aux_price if spec.order_type == "STP" else None)
        change = abs(at - basis) if at is not None else Decimal(0)
        away[key] = f", {price(change)} away: {change * 100 / basis:.2f} %" if change else ""
    for (action, said), quantity in shares_of.items():
        yield f"   {name}: {action} {quantity} {said}{away[action, said]}"


def exits(trade: Rehearsal, context: Context) -> Iterator[str]:
    for role, name in ((Role.STOP, "stop"), (Role.TARGET, "target")):
        orders = protecting(context, role)
        specs = [one.spec for one in orders]
        yield from sums(name, specs, [one.remaining for one in orders], context.basis)
    level = context.stop_level(trade.instrument.grid)
    average, held = context.ledger.position.average_price, abs(context.held)
    lost = (average - level) * context.side * held
    yield f"   lost at the stop: {lost:,.2f}, {lost * 100 / (average * held):.2f} %"
    if context.opening_rest:
        risk = risk_at_stop(trade.core.state, context)
        yield f"   with what rests, at most: {risk:,.2f}"

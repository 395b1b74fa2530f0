"""Copies and fingerprints of the core's state, fast enough to make hundreds of thousands.

A copy shares what is immutable (specs, plans, executions, instruments) and nothing else. A
fingerprint is equal for states from which the same can happen: moments count from now, those
that lie too far back to matter are alike, and what is only told to people is left out.
"""

from __future__ import annotations

from collections.abc import Hashable
from operator import attrgetter
from typing import Any, Final

import attrs

from engine.config import SECOND_NS
from engine.contexts import Context
from engine.groups import Group
from engine.orders import Order
from engine.positions import Ledger, Position
from engine.state import Round, State
from engine.tranches import Tranche


def _fields(kind: type) -> attrgetter[Any]:
    return attrgetter(*(field.name for field in attrs.fields(kind)))


_STATE: Final = _fields(State)
_ORDER: Final = _fields(Order)
_CONTEXT: Final = _fields(Context)
_TRANCHE: Final = _fields(Tranche)
_GROUP: Final = _fields(Group)
_POSITION: Final = _fields(Position)
_LEDGER: Final = _fields(Ledger)
_ROUND: Final = _fields(Round)
# Containers of immutable values: the ones that a copy must have of its own.
_CONTAINERS: Final = tuple(
    field.name
    for field in attrs.fields(State)
    if field.name not in {"config", "orders", "by_ref", "by_perm", "contexts", "current", "groups"}
    and str(field.type).startswith(("dict", "set", "list"))
)
_LEDGER_DICTS: Final = tuple(f.name for f in attrs.fields(Ledger) if f.name != "position")

STEADY_NS: Final = 61 * SECOND_NS  # the longest age that the core ever asks about
FAR_NS: Final = 3600 * SECOND_NS  # a deadline beyond this is not waited for


def copy_state(old: State) -> State:
    """An independent copy: no step on one can be seen in the other."""
    new: State = State(*_STATE(old))
    for name in _CONTAINERS:
        setattr(new, name, getattr(old, name).copy())
    orders = {order_id: Order(*_ORDER(order)) for order_id, order in old.orders.items()}
    new.orders = orders
    new.by_ref = {ref: orders[order.order_id] for ref, order in old.by_ref.items()}
    new.by_perm = {perm: orders[order.order_id] for perm, order in old.by_perm.items()}
    new.contexts = {number: _copy_context(c, orders) for number, c in old.contexts.items()}
    new.current = {symbol: new.contexts[c.number] for symbol, c in old.current.items()}
    new.groups = {number: _copy_group(group, orders) for number, group in old.groups.items()}
    new.round = Round(*_ROUND(old.round))
    new.round.waiting = old.round.waiting.copy()
    new.round.seen = old.round.seen.copy()
    new.round.positions = old.round.positions.copy()
    return new


def _copy_context(old: Context, orders: dict[int, Order]) -> Context:
    new: Context = Context(*_CONTEXT(old))
    new.orders = {order_id: orders[order_id] for order_id in old.orders}
    new.tranches = [_copy_tranche(tranche, orders) for tranche in old.tranches]
    new.intents = old.intents.copy()
    new.ledger = _copy_ledger(old.ledger)
    return new


def _copy_tranche(old: Tranche, orders: dict[int, Order]) -> Tranche:
    new: Tranche = Tranche(*_TRANCHE(old))
    new.orders = {order_id: orders[order_id] for order_id in old.orders}
    new.failures = old.failures.copy()
    return new


def _copy_group(old: Group, orders: dict[int, Order]) -> Group:
    new: Group = Group(*_GROUP(old))
    new.orders = {order_id: orders[order_id] for order_id in old.orders}
    new.ledger = _copy_ledger(old.ledger)
    return new


def _copy_ledger(old: Ledger) -> Ledger:
    new: Ledger = Ledger(*_LEDGER(old))
    for name in _LEDGER_DICTS:
        setattr(new, name, getattr(old, name).copy())
    new.position = Position(*_POSITION(old.position))
    return new


def fingerprint(state: State, now_ns: int) -> Hashable:
    """Equal for states that behave alike from ``now_ns`` on."""
    asked = state.round
    since_ns = asked.started_ns if asked.running else None
    return (
        state.session,
        state.next_order_id,
        state.next_number,
        tuple(_order(order, now_ns, since_ns) for order in state.orders.values()),
        tuple(_context(context, now_ns) for context in state.contexts.values()),
        tuple(
            (group.number, group.state, _ledger(group.ledger)) for group in state.groups.values()
        ),
        tuple((symbol, context.number) for symbol, context in state.current.items()),
        tuple(state.looking.items()),
        tuple((name, watch.level) for name, watch in state.watches.items()),
        tuple(state.frozen),
        tuple(state.suspects.items()),
        tuple(state.foreign.items()),
        tuple(
            (max(at_ns - now_ns, 0), name)
            for name, at_ns in sorted(state.deadlines.items())
            if at_ns - now_ns < FAR_NS
        ),
        None
        if since_ns is None
        else (frozenset(asked.waiting), frozenset(asked.seen), tuple(asked.positions.items())),
        asked.epoch == state.epoch,
        state.oca_amendable,
        state.doubts,
        max(state.ask_from_ns - now_ns, -STEADY_NS),
        state.ask_pause_s,
        frozenset(state.dirty),
    )


def _order(order: Order, now_ns: int, since_ns: int | None) -> Hashable:
    spec = order.spec
    refused = order.refused
    return (
        order.order_id,
        spec.quantity,
        spec.aux_price,
        spec.limit_price,
        spec.oca_group,
        order.asked,
        order.reported,
        order.filled,
        order.status_filled,
        order.said_filled,
        len(order.perm_ids),
        order.why_held,
        order.confirmed_quantity,
        order.confirmed_price,
        None if refused is None else (refused.quantity, refused.aux_price, refused.limit_price),
        bool(order.deadline_ns),
        order.absences,
        None if order.dead else max(order.placed_ns - now_ns, -STEADY_NS),
        None if order.dead else max(order.asked_ns - now_ns, -STEADY_NS),
        since_ns is not None and (order.placed_ns >= since_ns, order.asked_ns < since_ns),
    )


def _context(context: Context, now_ns: int) -> Hashable:
    return (
        context.number,
        context.state,
        context.frozen_from,
        context.reverse_to is not None,
        tuple(_tranche(tranche, now_ns) for tranche in context.tranches),
        tuple(context.intents),
        context.anchors,
        context.entry_over,
        context.levels_used,
        context.trail_level,
        context.escalated,
        context.trade_closed,
        _ledger(context.ledger),
    )


def _tranche(tranche: Tranche, now_ns: int) -> Hashable:
    held = tranche.own
    return (
        tranche.oca_group,
        tranche.bracket,
        tranche.trim,
        max(tranche.entry_filled_ns - now_ns, -STEADY_NS) if held else 0,
        max(tranche.retry_ns - now_ns, 0),
        tuple(sorted(tranche.failures.items())),
    )


def _ledger(ledger: Ledger) -> Hashable:
    """Which executions are known, not in which order they came."""
    position = ledger.position
    return (
        frozenset(ledger.fills),
        frozenset(ledger.commissions),
        position.quantity,
        position.average_price,
    )

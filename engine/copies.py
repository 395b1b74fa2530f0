"""Copies of the core's state, fast enough to make hundreds of thousands.

A copy shares what is immutable (specs, plans, executions, instruments) and nothing else.
"""

from __future__ import annotations

from operator import attrgetter
from typing import Any, Final

import attrs

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
    and str(field.type).startswith(("dict", "set", "list", "Recent", "Deadlines"))
)
_LEDGER_DICTS: Final = tuple(
    field.name for field in attrs.fields(Ledger) if str(field.type).startswith("dict")
)


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

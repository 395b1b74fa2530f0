"""A bracket of 300 shares that a fault has met: what is looked at, and what is told of it."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import attrs

from engine.inputs import ExecutionReported, Input, OrderOpened, OrderStatusReported
from engine.orders import Order, Role
from engine.sim.oracle import uncovered
from engine.sim.records import ExecutionNotice
from engine.sim.wireless import translate
from tests.core.desk import Desk

PROTECTED = ["SELL 300 LMT 104.00", "SELL 300 STP 94.00"]


def naked(d: Desk, symbol: str = "AAPL") -> Decimal:
    """Shares that no live stop at the exchange covers."""
    return uncovered(d.exchange.position(symbol), d.exchange._floor.covers(symbol))


def order(d: Desk, role: Role) -> Order:
    return next(o for o in d.core.state.orders.values() if o.role is role and not o.dead)


def execution(d: Desk, number: int, **changed: object) -> ExecutionReported:
    (told,) = translate(ExecutionNotice(d.exchange.executions()[number]))
    assert isinstance(told, ExecutionReported)
    return attrs.evolve(told, **changed)


def told_as(status: str, *order_types: str, least: int = 4) -> Callable[[Input], Input]:
    """What the broker says of new orders of these types from a number on, and no error."""

    def change(told: Input) -> Input:
        if isinstance(told, OrderOpened) and told.order_type in order_types:
            numbers.update({told.order_id} - set(range(least)))
        mine = isinstance(told, OrderOpened | OrderStatusReported) and told.order_id in numbers
        return attrs.evolve(told, status=status) if mine and alive(told) else told

    def alive(told: OrderOpened | OrderStatusReported) -> bool:
        return told.status in ("PreSubmitted", "Submitted")

    numbers: set[int] = set()
    return change

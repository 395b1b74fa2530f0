"""What is looked at in a bracket of 300 shares that a fault has met."""

from __future__ import annotations

from decimal import Decimal

import attrs

from engine.inputs import ExecutionReported
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

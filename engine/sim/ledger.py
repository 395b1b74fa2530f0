"""Executions as they are booked: on the order, in the account, for the witness, and on record."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from decimal import Decimal
from typing import Final

import attrs

from engine.inputs import Side
from engine.money import ZERO
from engine.sim import account as accounts
from engine.sim.account import Account
from engine.sim.matching import Deal
from engine.sim.oracle import Oracle
from engine.sim.orders import LiveOrder
from engine.sim.records import CommissionNotice, ExecutionNotice, SimExecution

_AVERAGE: Final = Decimal("1e-8")


class Ledger:
    """All executions of one exchange, with their commissions."""

    def __init__(self, account: Account, oracle: Oracle, instance: int) -> None:
        self._account = account
        self._oracle = oracle
        self._instance = instance
        self.executions: list[SimExecution] = []
        self._booked_ns = array("q")  # when each was booked, which goes only forward
        self.commissions: dict[str, CommissionNotice] = {}

    def fill(
        self, live: LiveOrder, found: Deal, now_ns: int, liquidation: bool = False
    ) -> tuple[ExecutionNotice, CommissionNotice]:
        """One execution of an order; what is to be told of it, at once and afterwards."""
        order, account = live.order, self._account
        symbol = order.instrument.symbol
        # What has not changed is the same number, not another one that is equal: most orders fill
        # at once, and are kept.
        order.filled = order.filled + found.quantity if order.filled else found.quantity
        order.last_price = found.price
        live.value += found.quantity * found.price
        order.average_price = _mean(live.value, order.filled)
        total_fee = accounts.commission(account.policies, order.filled, live.value)
        fee = total_fee - live.charged if live.charged else total_fee
        live.charged = total_fee
        held_before = account.position(symbol)
        realised = account.apply(order.instrument, order.action, found.quantity, found.price, fee)
        execution = SimExecution(
            execution_id=f"{self._instance:08x}.{len(self.executions) + 1:08x}.01.01",
            time_ns=now_ns,
            order_id=order.order_id,
            client_id=order.client_id,
            perm_id=order.perm_id,
            instrument=order.instrument,
            account=order.account,
            side=order.action,
            quantity=found.quantity,
            price=found.price,
            cumulative_quantity=order.filled,
            average_price=order.average_price,
            order_ref=order.order_ref,
            liquidation=liquidation,
            last_liquidity=1 if found.added_liquidity else 2,
        )
        notice = CommissionNotice(
            execution.execution_id, order.client_id, fee, accounts.CURRENCY, realised
        )
        self.executions.append(execution)
        self._booked_ns.append(now_ns)
        self.commissions[execution.execution_id] = notice
        self._oracle.executed(execution, fee, held_before, account.position(symbol))
        return ExecutionNotice(execution), notice

    def correct(
        self, old: SimExecution, shares: Decimal, price: Decimal, live: LiveOrder | None
    ) -> ExecutionNotice:
        """The next revision of an execution takes its place; no shares at all is a bust."""
        account, symbol = self._account, old.instrument.symbol
        base, _, revision = old.execution_id.rpartition(".")
        filled = old.cumulative_quantity - old.quantity + shares
        change = shares * price - old.quantity * old.price
        new = attrs.evolve(
            old,
            execution_id=f"{base}.{int(revision) + 1:02d}",
            quantity=shares,
            price=price,
            cumulative_quantity=filled,
            average_price=_mean(old.cumulative_quantity * old.average_price + change, filled),
        )
        held_before = account.position(symbol)
        opposite: Side = "SELL" if old.side == "BUY" else "BUY"
        account.apply(old.instrument, opposite, old.quantity, old.price, ZERO)
        if shares:
            account.apply(old.instrument, old.side, shares, price, ZERO)
        if live is not None:
            live.order.filled = max(live.order.filled - old.quantity + shares, ZERO)
            live.value += change
            live.order.average_price = _mean(live.value, live.order.filled)
        self.executions.append(new)
        self._booked_ns.append(self._booked_ns[-1])
        self._oracle.executed(new, ZERO, held_before, account.position(symbol))
        return ExecutionNotice(new)

    def since(self, time_ns: int) -> list[SimExecution]:
        """Those of this moment or later. A revision is of the moment of what it revises."""
        first = bisect_left(self._booked_ns, time_ns)
        return [one for one in self.executions[first:] if one.time_ns >= time_ns]


def _mean(value: Decimal, shares: Decimal) -> Decimal:
    return (value / shares).quantize(_AVERAGE).normalize() if shares else ZERO

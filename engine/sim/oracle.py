"""An independent witness: how long and by how much a position stood without a protective order.

It is told only what happened at the exchange (executions, what is live), never what an engine
believes. Uncovered shares are |position| minus what live opposite stop and market orders would
close; their integral over time is kept in the exchange's time and in real time, the latter from
the monotonic readings handed to ``observe``.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any, Final

import attrs

from engine.inputs import Side
from engine.money import ZERO
from engine.records import frozen
from engine.sim.instruments import local_time
from engine.sim.records import SimExecution, SimOrder

INTERVALS_MAX: Final = 100
_NS: Final = 1_000_000_000
_MS: Final = 1_000_000


@frozen
class Cover:
    """A live order that would close whatever the price does: its side, what it may still fill,
    and its one-cancels-all group ("" none), of which only one member can count."""

    side: Side
    quantity: Decimal
    group: str


@attrs.frozen(order=True)
class Interval:
    """One stretch without full cover; ordered by how bad it was."""

    real_ns: int
    exchange_ns: int
    symbol: str
    start_ns: int
    shares_max: Decimal
    share_seconds: float  # of exchange time


@attrs.define
class _Watch:
    """The uncovered stretch that a symbol is in, or None shares."""

    shares: Decimal = ZERO
    start_ns: int = 0
    start_real_ns: int = 0
    since_ns: int = 0
    since_real_ns: int = 0
    shares_max: Decimal = ZERO
    share_ns: Decimal = ZERO


class Oracle:
    """Collects the record of one exchange. ``open_orders`` is asked when a report is made."""

    def __init__(self, open_orders: Callable[[], list[SimOrder]], start_ns: int) -> None:
        self._open_orders = open_orders
        self._now_ns = start_ns
        self._real_ns = 0
        self._watches: dict[str, _Watch] = {}
        self._positions: dict[str, Decimal] = {}
        self._executions: list[tuple[SimExecution, Decimal]] = []
        self._intervals: list[Interval] = []  # a heap, the mildest on top
        self._interval_count = 0
        self._share_ns = ZERO
        self._share_real_ns = ZERO
        self._longest_ns = 0
        self._longest_real_ns = 0
        self.crossings = 0
        self.orders = 0
        self.live_max = 0
        self.tell: Callable[[SimOrder], None] = lambda order: None  # of each that is accepted

    def observe(self, now_ns: int, real_ns: int) -> None:
        """The exchange's clock and a monotonic real clock, read together; call it before every
        request, tick or advance that is handed to the exchange. Neither runs backwards."""
        self._now_ns = max(self._now_ns, now_ns)
        if real_ns > self._real_ns:
            if not self._real_ns:
                for watch in self._watches.values():
                    watch.start_real_ns = watch.since_real_ns = real_ns
            self._real_ns = real_ns

    def reach(self, now_ns: int) -> None:
        """The exchange's clock has come this far."""
        self._now_ns = max(self._now_ns, now_ns)

    def accepted(self, order: SimOrder, live_count: int) -> None:
        """An order was accepted, after which so many lived."""
        self.orders += 1
        self.live_max = max(self.live_max, live_count)
        self.tell(order)

    def executed(
        self, execution: SimExecution, fee: Decimal, before: Decimal, after: Decimal
    ) -> None:
        """One execution, with the position on both sides of it."""
        self._executions.append((execution, fee))
        if before * after < 0:
            self.crossings += 1

    def settle(self, now_ns: int, symbol: str, position: Decimal, covers: Iterable[Cover]) -> None:
        """Orders or position of a symbol have changed, and this is how they stand now."""
        self.reach(now_ns)
        self._positions[symbol] = position
        shares = uncovered(position, covers)
        watch = self._watches.get(symbol)
        if watch is None:
            if shares == 0:
                return
            watch = self._watches[symbol] = _Watch()
        self._integrate(watch)
        if watch.shares == 0 and shares > 0:
            watch.start_ns, watch.start_real_ns = self._now_ns, self._real_ns
            watch.shares_max = watch.share_ns = ZERO
        elif watch.shares > 0 and shares == 0:
            self._close(symbol, watch)
        watch.shares = shares
        watch.shares_max = max(watch.shares_max, shares)

    def _integrate(self, watch: _Watch) -> None:
        """Count the time since the last look at the shares that were uncovered during it."""
        if watch.shares:
            share_ns = watch.shares * (self._now_ns - watch.since_ns)
            watch.share_ns += share_ns
            self._share_ns += share_ns
            self._share_real_ns += watch.shares * (self._real_ns - watch.since_real_ns)
            self._longest_ns = max(self._longest_ns, self._now_ns - watch.start_ns)
            self._longest_real_ns = max(self._longest_real_ns, self._real_ns - watch.start_real_ns)
        watch.since_ns, watch.since_real_ns = self._now_ns, self._real_ns

    def _interval(self, symbol: str, watch: _Watch) -> Interval:
        return Interval(
            real_ns=self._real_ns - watch.start_real_ns,
            exchange_ns=self._now_ns - watch.start_ns,
            symbol=symbol,
            start_ns=watch.start_ns,
            shares_max=watch.shares_max,
            share_seconds=float(watch.share_ns) / _NS,
        )

    def _close(self, symbol: str, watch: _Watch) -> None:
        interval = self._interval(symbol, watch)
        if not interval.real_ns and not interval.exchange_ns:
            return  # opened and closed within one instant: nobody stood uncovered
        self._interval_count += 1
        if len(self._intervals) < INTERVALS_MAX:
            heapq.heappush(self._intervals, interval)
        else:
            heapq.heappushpop(self._intervals, interval)

    def report(self) -> dict[str, Any]:
        """The record up to the last observed moment, as plain JSON data."""
        running = []
        for symbol, watch in self._watches.items():
            self._integrate(watch)
            if watch.shares:
                running.append(self._interval(symbol, watch))
        worst = sorted([*self._intervals, *running], reverse=True)[:INTERVALS_MAX]
        return {
            "uncovered_share_seconds": float(self._share_real_ns) / _NS,
            "uncovered_max_ms": self._longest_real_ns / _MS,
            "uncovered_share_seconds_exchange": float(self._share_ns) / _NS,
            "uncovered_max_ms_exchange": self._longest_ns / _MS,
            "uncovered_now": {
                one.symbol: _number(self._watches[one.symbol].shares) for one in running
            },
            "uncovered_intervals": self._interval_count + len(running),
            "worst_intervals": [_interval_row(one) for one in worst],
            "position": {symbol: _number(held) for symbol, held in self._positions.items()},
            "open_orders": [_order_row(order) for order in self._open_orders()],
            "executions": [_execution_row(one, fee) for one, fee in self._executions],
            "execution_count": len(self._executions),
            "crossings_of_zero": self.crossings,
            "orders": self.orders,
            "live_orders_max": self.live_max,
        }


def uncovered(position: Decimal, covers: Iterable[Cover]) -> Decimal:
    """Shares of ``position`` that no opposite order would close; of one group only the largest
    member counts, because its fill cancels or reduces the others."""
    if position == 0:
        return ZERO
    closing: Side = "SELL" if position > 0 else "BUY"
    alone = ZERO
    groups: dict[str, Decimal] = {}
    for cover in covers:
        if cover.side != closing:
            continue
        if cover.group:
            groups[cover.group] = max(groups.get(cover.group, ZERO), cover.quantity)
        else:
            alone += cover.quantity
    return max(abs(position) - alone - sum(groups.values(), ZERO), ZERO)


def _number(value: Decimal) -> int | float:
    return int(value) if value == value.to_integral_value() else float(value)


def _interval_row(one: Interval) -> dict[str, Any]:
    return {
        "symbol": one.symbol,
        "start": local_time(one.start_ns).isoformat(),
        "real_ms": one.real_ns / _MS,
        "exchange_ms": one.exchange_ns / _MS,
        "shares_max": _number(one.shares_max),
        "share_seconds_exchange": one.share_seconds,
    }


def _order_row(order: SimOrder) -> dict[str, Any]:
    return {
        "symbol": order.instrument.symbol,
        "side": order.action,
        "order_type": order.order_type,
        "quantity": _number(order.quantity),
        "filled": _number(order.filled),
        "limit_price": None if order.limit_price is None else float(order.limit_price),
        "aux_price": None if order.aux_price is None else float(order.aux_price),
        "status": order.status,
        "why_held": order.why_held,
        "order_id": order.order_id,
        "perm_id": order.perm_id,
        "client_id": order.client_id,
        "parent_id": order.parent_id,
        "oca_group": order.oca_group,
        "order_ref": order.order_ref,
    }


def _execution_row(one: SimExecution, fee: Decimal) -> dict[str, Any]:
    return {
        "time": local_time(one.time_ns).isoformat(),
        "time_ns": one.time_ns,
        "symbol": one.instrument.symbol,
        "side": one.side,
        "quantity": _number(one.quantity),
        "price": float(one.price),
        "order_id": one.order_id,
        "perm_id": one.perm_id,
        "client_id": one.client_id,
        "order_ref": one.order_ref,
        "execution_id": one.execution_id,
        "commission": float(fee),
    }

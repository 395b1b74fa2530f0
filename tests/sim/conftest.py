"""A small exchange to trade at, in words short enough for a test."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from engine.inputs import Side
from engine.money import ZERO
from engine.sim import instruments
from engine.sim.exchange import Exchange
from engine.sim.policies import Policies
from engine.sim.records import (
    ErrorNotice,
    ExecutionNotice,
    MarketTick,
    Notice,
    OrderNotice,
    SimOrder,
    TickKind,
)

HOURS = instruments.sessions(date(2013, 10, 7), date(2013, 10, 11))
OPEN_NS, CLOSE_NS = HOURS[0]
TICKS = Path(__file__).parents[3] / "shared" / "data" / "ticks"


class Trial:
    """An exchange with IBM and BAC, one minute into a session; client 1 unless stated."""

    def __init__(self, policies: Policies, start_ns: int) -> None:
        self.instruments = instruments.instruments(["IBM", "BAC"], HOURS)
        self.exchange = Exchange(self.instruments, "DU1", policies, 7, start_ns, 42)
        self.policies = policies
        self.now_ns = start_ns
        self.said: list[Notice] = []

    def hear(self, notices: list[Notice]) -> list[Notice]:
        self.said += notices
        return notices

    def tick(
        self, kind: TickKind, price: float, size: int = 100, symbol: str = "IBM"
    ) -> list[Notice]:
        self.now_ns += 1_000_000
        return self.hear(self.exchange.on_tick(MarketTick(self.now_ns, symbol, kind, price, size)))

    def quote(self, bid: float, ask: float, size: int = 100) -> list[Notice]:
        return self.tick("B", bid, size) + self.tick("A", ask, size)

    def trade(self, price: float, size: int = 100) -> list[Notice]:
        return self.tick("T", price, size)

    def wait(self, seconds: float) -> list[Notice]:
        self.now_ns += int(seconds * 1e9)
        return self.hear(self.exchange.advance(self.now_ns))

    def order(self, order_id: int, side: Side, quantity: int, kind: str, **more: Any) -> SimOrder:
        for name in ("limit_price", "aux_price", "trailing_percent", "trail_stop_price"):
            if isinstance(more.get(name), str):
                more[name] = Decimal(more[name])
        symbol = more.pop("symbol", "IBM")
        known = next((one for one in self.instruments if one.symbol == symbol), None)
        return SimOrder(
            order_id=order_id,
            client_id=99,  # what an order says of itself is ignored
            perm_id=0,
            instrument=known or instruments.instrument(symbol),
            account=more.pop("account", "DU1"),
            action=side,
            quantity=Decimal(quantity),
            order_type=kind,
            tif=more.pop("tif", "GTC"),
            **more,
        )

    def place(
        self, order_id: int, side: Side, quantity: int, kind: str, client: int = 1, **more: Any
    ) -> list[Notice]:
        order = self.order(order_id, side, quantity, kind, **more)
        return self.hear(self.exchange.place(client, order))

    def cancel(self, order_id: int, client: int = 1) -> list[Notice]:
        return self.hear(self.exchange.cancel(client, order_id))

    def live(self, order_id: int) -> SimOrder | None:
        return next((o for o in self.exchange.open_orders() if o.order_id == order_id), None)

    def last(self, order_id: int) -> SimOrder:
        """The order as its latest notice showed it."""
        return next(
            n.order
            for n in reversed(self.said)
            if isinstance(n, OrderNotice) and n.order.order_id == order_id
        )

    def position(self, symbol: str = "IBM") -> Decimal:
        return self.exchange.position(symbol)

    def check(self) -> None:
        """What holds at every moment whatever the policies: the account is the fold of the
        executions, no order filled more than it asked for, no dead order is listed."""
        cash, held = self.policies.cash, {"IBM": ZERO, "BAC": ZERO}
        filled: dict[tuple[int, int], Decimal] = {}
        for one in self.exchange.executions():
            signed = one.quantity if one.side == "BUY" else -one.quantity
            held[one.instrument.symbol] += signed
            fee = self.exchange.commission(one.execution_id)
            assert fee is not None
            assert fee.commission >= 0
            cash -= signed * one.price + fee.commission
            key = (one.client_id, one.order_id)
            filled[key] = filled.get(key, ZERO) + one.quantity
            assert one.quantity > 0
            assert one.cumulative_quantity == filled[key]
        assert {symbol: self.position(symbol) for symbol in held} == held
        account = self.exchange._floor.account
        assert account.cash == cash
        for order in self.exchange.open_orders() + self.exchange.completed_orders():
            assert order.filled == filled.get((order.client_id, order.order_id), ZERO)
            assert order.filled <= order.quantity
        for order in self.exchange.open_orders():
            assert order.remaining > 0
            assert order.status in ("PendingSubmit", "PreSubmitted", "Submitted", "PendingCancel")
        for order in self.exchange.completed_orders():
            assert order.status in ("Filled", "Cancelled", "Inactive")
            assert (order.status == "Filled") == (order.remaining == 0)
        # Nothing is lost to rounding: money in is money held plus what the positions cost.
        profit = sum((one.realised for one in account.book.values()), ZERO)
        cost = sum((one.cost for one in account.book.values()), ZERO)
        assert account.cash + cost == self.policies.cash + profit


def errors(notices: list[Notice]) -> list[int]:
    return [n.code for n in notices if isinstance(n, ErrorNotice)]


def fills(notices: list[Notice]) -> list[tuple[int, int, float]]:
    return [
        (n.execution.order_id, int(n.execution.quantity), float(n.execution.price))
        for n in notices
        if isinstance(n, ExecutionNotice)
    ]


def statuses(notices: list[Notice]) -> list[tuple[int, str, str]]:
    return [
        (n.order.order_id, n.order.status, n.order.why_held)
        for n in notices
        if isinstance(n, OrderNotice)
    ]


@pytest.fixture
def trial() -> Callable[..., Trial]:
    """Make a Trial: policies by keyword, ``start_ns`` to begin elsewhere than at 09:31."""

    def make(start_ns: int = OPEN_NS + 60_000_000_000, **policies: Any) -> Trial:
        return Trial(Policies(**policies), start_ns)

    return make


@pytest.fixture
def read() -> Any:
    """The readers of notices: ``read.errors``, ``read.fills``, ``read.statuses``."""

    class Readers:
        pass

    readers = Readers()
    readers.errors, readers.fills, readers.statuses = errors, fills, statuses  # type: ignore[attr-defined]
    return readers


@pytest.fixture
def hours() -> tuple[tuple[int, int], ...]:
    return HOURS


@pytest.fixture
def tick_files() -> Path:
    if not TICKS.is_dir():
        pytest.skip(f"no real tick files at {TICKS}")
    return TICKS

"""The core before a broker that behaves until a test tells it not to."""

from __future__ import annotations

from decimal import Decimal

from engine.inputs import (
    Signal,
    SignalArrived,
    TimerElapsed,
)
from engine.orders import Order, Role
from engine.tranches import Tranche
from statecharts.vocabulary import (
    ContextState,
    OrderAsk,
    OrderReport,
)
from tests.core.desk import SECOND
from tests.core.unruly import LIVELY, Unruly


class Tale(Unruly):
    """A broker that behaves, until it is told not to."""

    def __init__(self, **strategy: object) -> None:
        super().__init__(1, **{**LIVELY, "target": {"atr": 4}, **strategy})
        self.behaves = True
        self.settle()

    def enter(self, shares: int) -> Order:
        """AAPL is bought, and so much of it has filled."""
        self.signal_of("BUY")
        self.settle()
        (entry,) = self.orders(Role.ENTRY)
        if shares:
            self.tell(self.filled(entry, Decimal(shares)))
            self.settle()
        return entry

    def signal_of(self, kind: str) -> None:
        self.count += 1
        signal = Signal(f"s{self.count}", "test", "AAPL", kind, 1.0, self.now_ns)  # type: ignore[arg-type]
        self.tell(SignalArrived(signal, self.view("AAPL")))

    def orders(self, role: Role) -> list[Order]:
        return [one for one in self.core.state.orders.values() if one.role is role]

    @property
    def tranche(self) -> Tranche:
        (context,) = self.core.state.contexts.values()
        return context.tranches[0]

    @property
    def state(self) -> ContextState:
        context = self.core.state.current.get("AAPL")
        return ContextState.FLAT if context is None else ContextState(context.state)

    def settle(self) -> None:
        """Answer every question and request that is open, except about hidden orders."""
        for _ in range(20):
            if not self.asked and not self._confirm():
                return
            while self.asked:
                self.tell(*self.snapshot())
        raise AssertionError("nothing comes to rest")

    def _confirm(self) -> bool:
        waiting = [
            one
            for one in self.core.state.orders.values()
            if one.deadline_ns and one.order_id not in self.hidden
        ]
        for order in waiting:
            if order.asked == OrderAsk.CANCELLING or order.revived:
                self.tell(self.said(order, "Cancelled"))
            else:
                context = self.core.state.contexts.get(order.owner)
                held = order.attached and context and not context.tranche_of(order).own
                self.tell(
                    self._echo(order), self.said(order, "PreSubmitted", "child" if held else "")
                )
        return bool(waiting)

    def vanish(self, order: Order) -> None:
        """Two rounds of questions do not list it: it is proven absent."""
        self.hidden.add(order.order_id)
        self.tell(self.said(order, "Odd"))
        for _ in range(10):
            self.settle()
            if order.reported == OrderReport.ABSENT:
                return
            self.now_ns += 10 * SECOND
            self.tell(TimerElapsed())
        raise AssertionError(f"it is {OrderReport(order.reported).name}")

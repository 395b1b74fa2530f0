"""A broker that says anything at any time, and a host that asks anything: the core believes what
it must, and comes to rest after every word.

Nothing is physics here: an order may be called dead, fill, be refused and be listed again. Only
the form is kept, because the layer before the core keeps it. One number decides everything.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

import attrs

from engine.inputs import (
    BracketRequested,
    CancelRequested,
    CloseRequested,
    CommissionReported,
    ConditionFired,
    ErrorReported,
    ExecutionReported,
    HaltRequested,
    Input,
    MarketView,
    OcoLeg,
    OcoRequested,
    OrderOpened,
    OrderRequested,
    OrderStatusReported,
    PositionReported,
    ResumeRequested,
    SessionChanged,
    Signal,
    SignalArrived,
    SnapshotEnded,
    SnapshotStarted,
    TimerElapsed,
)
from engine.orders import Order
from engine.positions import revision
from statecharts.lower import table
from statecharts.session import SessionChart
from statecharts.vocabulary import OrderAsk, OrderReport, SessionEvent, SessionState
from tests.core.desk import ACCOUNT, CLIENT, SECOND
from tests.core.walk import CLOSE_NS, SYMBOLS, Walk

STATUSES: Final = (
    *("PendingSubmit", "PreSubmitted", "Submitted", "PendingCancel", "Cancelled", "Inactive"),
    *("Filled", "ApiCancelled", "Odd"),
)
# One of each class, and those of which the core knows more.
CODES: Final = (201, 202, 104, 10147, 10148, 399, 110, 10326, 9999, 103, 2109)
_ENDS: Final[dict[int, str]] = {
    OrderReport.FILLED: "Filled",
    OrderReport.CANCELLED: "Cancelled",
    OrderReport.REJECTED: "Inactive",
    OrderReport.ABSENT: "Cancelled",
    OrderReport.CLOSED: "Cancelled",
}
LIVELY: Final[dict[str, Any]] = {
    "sizing": {"shares": 30},
    "cooldown_s": 0,
    "on_opposite": "reverse",
    "sell_means": "short",
    "double_down": {"levels": [0.3, 0.6]},
    "scale_in": {"trigger_percent": 1, "portion": 50, "times_max": 2},
    "target": [{"atr": 3, "portion": 50}, {"atr": 5, "portion": 50}],
}


class Unruly(Walk):
    """One core among them."""

    def __init__(self, seed: int, **strategy: Any) -> None:
        super().__init__(seed, **strategy)
        self.count = 0
        self.hidden: set[int] = set()  # orders that it does not list
        self.wrong: dict[str, int] = {}  # shares that the broker has too many, and will not say why

    # -- what may happen ---------------------------------------------------------------------

    def moves(self) -> list[tuple[Callable[[], list[Input]], int]]:
        return [
            (self.status, 20),
            (self.echo, 8),
            (self.error, 6),
            (self.fill, 12),
            (self.repeat, 2),
            (self.correct, 2),
            (self.commission, 2),
            (self.snapshot, 12),
            (self.position, 1),
            (self.hide, 2),
            (self.signal, 4),
            (self.fire, 6),
            (self.direct, 3),
            (self.take_back, 1),
            (self.close, 1),
            (self.halt, 1),
            (self.session, 2),
            (self.wait, 6),
        ]

    def order(self) -> Order | None:
        """Mostly one of the last."""
        orders = list(self.core.state.orders.values())
        if not orders:
            return None
        return self.random.choice(orders[-6:] if self.random.random() < 0.8 else orders)

    def status(self) -> list[Input]:
        if (order := self.order()) is None:
            return []
        said = self.random.choice(STATUSES)
        if self.behaves:
            said = _ENDS.get(order.reported, "Cancelled" if self._leaving(order) else "Submitted")
        return [self.said(order, said, self.random.choice(("", "", "child")))]

    def said(self, order: Order, status: str, why_held: str = "") -> OrderStatusReported:
        filled = order.spec.quantity if status == "Filled" else order.filled
        return OrderStatusReported(
            order.order_id, 0, CLIENT, 0, status, filled, order.spec.quantity - filled,
            Decimal(100), why_held,
        )  # fmt: skip

    def echo(self) -> list[Input]:
        order = self.order()
        return [] if order is None or (self.behaves and order.dead) else [self._echo(order)]

    @staticmethod
    def _leaving(order: Order) -> bool:
        return order.asked == OrderAsk.CANCELLING

    def _echo(self, order: Order) -> OrderOpened:
        spec = order.spec
        old = (
            self.random.random() < 0.2 and not self.behaves and order.confirmed_quantity is not None
        )
        quantity = order.confirmed_quantity if old else spec.quantity
        assert quantity is not None
        return OrderOpened(
            order.order_id, 0, CLIENT, spec.parent_id, spec.order_ref, ACCOUNT,
            self._contract(order.symbol).con_id, order.symbol, spec.action, quantity,
            spec.order_type, spec.limit_price, spec.aux_price, spec.tif, spec.oca_group,
            spec.oca_type, self.random.choice(("", "PreSubmitted", "Submitted")),
            spec.trail_stop_price, spec.trail_percent,
        )  # fmt: skip

    def error(self) -> list[Input]:
        if self.behaves or (order := self.order()) is None:
            return []
        return [ErrorReported(order.order_id, self.random.choice(CODES), "says the broker")]

    def fill(self) -> list[Input]:
        """Of an order that has something left, whatever was said of it."""
        order = self.order()
        if order is None or order.asked == OrderAsk.DRAFT:
            return []
        rest = order.spec.quantity - order.filled
        if rest <= 0 or (self.behaves and (order.dead or order.held_by_parent)):
            return []
        part = self.random.choice((rest, min(rest, Decimal(1)), (rest / 2).to_integral_value()))
        return [self.filled(order, max(part, Decimal(1)), self.random.randint(95, 105))]

    def filled(self, order: Order, shares: Decimal, price: int = 100) -> ExecutionReported:
        self.count += 1
        return self._executed(
            ExecutionReported(
                f"e{self.count}.01", order.order_id, 0, CLIENT, order.spec.order_ref, ACCOUNT,
                self._contract(order.symbol).con_id, order.symbol, order.spec.action, shares,
                Decimal(price), Decimal(0), "SIM", "", False,
            )
        )  # fmt: skip

    def _executed(self, fill: ExecutionReported) -> ExecutionReported:
        self.executions[revision(fill.execution_id)[0]] = fill
        return fill

    def _told(self) -> ExecutionReported | None:
        return self.random.choice(list(self.executions.values())) if self.executions else None

    def repeat(self) -> list[Input]:
        told = self._told()
        return [] if told is None else [told]

    def correct(self) -> list[Input]:
        """The exchange takes an execution back, or a part of it, or tells another price."""
        told = self._told()
        if (
            told is None
            or self.behaves
            or not self._counted(
                self.core.state.execution_owner.get(revision(told.execution_id)[0])
            )
        ):
            return []
        identity, number = revision(told.execution_id)
        return [
            self._executed(
                attrs.evolve(
                    told,
                    execution_id=f"{identity}.{number + 1:02d}",
                    quantity=self.random.choice(
                        (told.quantity, max(told.quantity - 1, Decimal(0)), Decimal(0))
                    ),
                    price=told.price + 1,
                )
            )
        ]

    def commission(self) -> list[Input]:
        told = self._told()
        if told is None:
            return []
        return [CommissionReported(told.execution_id, Decimal(1), "USD", None)]

    def snapshot(self) -> list[Input]:
        """The answer to a question: complete, or with holes, or it never ends."""
        if not self.asked:
            return []
        kind = self.asked.pop(0).kind
        epoch = self.core.state.epoch
        found: list[Input] = [SnapshotStarted(kind, epoch)]
        if kind == "open_orders":
            share = 1.0 if self.behaves else self.random.choice((0.0, 0.5, 1.0))
            living = [
                one
                for one in self.core.state.orders.values()
                if not one.dead and one.order_id not in self.hidden
            ]
            found += [self._echo(one) for one in living if self.random.random() < share]
        elif kind == "executions":
            found += self.executions.values()
        elif kind == "positions":
            found += [
                self._position(symbol, self.executed(symbol) + self.wrong.get(symbol, 0))
                for symbol in SYMBOLS
            ]
        ends = self.behaves or self.random.random() < 0.9
        return [*found, SnapshotEnded(kind, epoch)] if ends else found

    def hide(self) -> list[Input]:
        """A dialog of TWS holds an order back, and nobody is told; or it lets them all go."""
        order = self.order()
        if order is not None and len(self.hidden) < 5:
            self.hidden.add(order.order_id)
        else:
            self.hidden.clear()
        return []

    def _position(self, symbol: str, quantity: Decimal) -> PositionReported:
        con_id = self._contract(symbol).con_id
        return PositionReported(ACCOUNT, con_id, symbol, quantity, Decimal(100))

    def position(self) -> list[Input]:
        symbol = self.random.choice(SYMBOLS)
        wrong = 0 if self.behaves else self.random.choice((0, 0, 1, -5))
        return [self._position(symbol, self.executed(symbol) + wrong)]

    # -- the host ----------------------------------------------------------------------------

    def signal(self) -> list[Input]:
        self.count += 1
        symbol, kind = self.random.choice(SYMBOLS), self.random.choice(("BUY", "SELL", "SHORT"))
        signal = Signal(f"s{self.count}", "test", symbol, kind, 1.0, self.now_ns)
        return [SignalArrived(signal, self.view(symbol))]

    def fire(self) -> list[Input]:
        if not self.watches:
            return []
        watch = self.random.choice(list(self.watches.values()))
        at = MarketView(watch.symbol, watch.level, watch.level, watch.level, 0, 1.0)
        return [ConditionFired(watch.number, at)]

    def direct(self) -> list[Input]:
        self.count += 1
        name, symbol = f"d{self.count}", self.random.choice(SYMBOLS)
        view = self.view(symbol)
        side = self.random.choice(("BUY", "SELL"))
        below, above = Decimal(90), Decimal(110)
        stop, target = (below, above) if side == "BUY" else (above, below)
        pair = OcoLeg("SELL", "LMT", above), OcoLeg("SELL", "STP", below)
        return [
            self.random.choice(
                (
                    BracketRequested(name, symbol, side, Decimal(10), stop, target, None, view),
                    OcoRequested(name, symbol, Decimal(10), pair, view),
                    OrderRequested(name, symbol, side, Decimal(10), "LMT", below, "DAY", view),
                )
            )
        ]

    def take_back(self) -> list[Input]:
        return [CancelRequested(f"d{self.random.randint(1, self.count + 1)}")]

    def close(self) -> list[Input]:
        return [CloseRequested(self.random.choice((*SYMBOLS, None)), "operator")]

    def halt(self) -> list[Input]:
        level = 0 if self.behaves else self.random.choice((0, 0, 0, 0, 1, 2, 3))
        return [HaltRequested(level, "test", "")] if level else [ResumeRequested("test", "")]

    # -- the link, and time ------------------------------------------------------------------

    def session(self) -> list[Input]:
        """Any event that the session's chart knows in this state, except the end."""
        chart, state = table(SessionChart), self.core.state
        known = [
            event
            for event in SessionEvent
            if event != SessionEvent.STOP and chart.step((state.session,), event) is not None
        ]
        event = self.random.choice(known)
        epoch = state.epoch + (event == SessionEvent.HANDSHAKE_DONE)
        if self.behaves and state.live:
            return []
        self.asked.clear()
        return [SessionChanged(event.name, epoch)]

    def wait(self) -> list[Input]:
        """To the next deadline; and the link comes back sooner than by chance."""
        if self.core.state.session == SessionState.LOST:
            self.greet("RETRY")
            return []
        at_ns = self.core.next_deadline_ns
        if at_ns is None:
            return []
        self.now_ns = max(self.now_ns, min(at_ns, CLOSE_NS - 60 * SECOND))
        return [TimerElapsed()]

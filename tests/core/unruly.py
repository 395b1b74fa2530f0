"""A broker that says anything at any time, and a host that asks anything: the core believes what
it must, and comes to rest after every word.

Nothing is physics here: an order may be called dead, fill, be refused and be listed again. Only
the form is kept, because the layer before the core keeps it. One number decides everything.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

import attrs
import orjson

from engine.commands import Follow, LookAtMarket, Snapshot, Unwatch, Watch
from engine.config import CONVERTER, from_mapping
from engine.core import Core, Output
from engine.events import AlertEvent
from engine.groups import Past
from engine.inputs import (
    AccountsListed,
    BracketRequested,
    CancelRequested,
    CloseRequested,
    CommissionReported,
    ConditionFired,
    ErrorReported,
    ExecutionReported,
    HaltRequested,
    Input,
    InstrumentDefined,
    MarketSeen,
    MarketView,
    OcoLeg,
    OcoRequested,
    OrderIdGranted,
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
    Started,
    TimerElapsed,
)
from engine.orders import Order
from engine.positions import revision
from engine.sim.instruments import instrument, session
from statecharts.lower import table
from statecharts.session import SessionChart
from statecharts.vocabulary import OrderAsk, OrderReport, SessionEvent, SessionState
from tests.core.desk import ACCOUNT, CLIENT, DAY, MILLISECOND, SECOND

SYMBOLS: Final = ("AAPL", "MSFT")
OPEN_NS, CLOSE_NS = session(DAY)
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


class Unruly:
    """One core among them. ``seed`` decides all that happens."""

    def __init__(self, seed: int, **strategy: Any) -> None:
        self.random = random.Random(seed)
        self.config = from_mapping({"strategy": {"symbols": list(SYMBOLS), **strategy}})
        self.core = Core(self.config)
        self.now_ns = OPEN_NS + 60 * SECOND
        self.executions: dict[str, ExecutionReported] = {}  # told, by identity, last revision
        self.watches: dict[int, Watch] = {}
        self.asked: list[Snapshot] = []
        self.count = 0
        self.behaves = False
        self.hidden: set[int] = set()  # orders that it does not list
        self.strange: list[str] = []  # alerts that must not be
        self.wrong: dict[str, int] = {}  # shares that the broker has too many, and will not say why
        self.past = dict.fromkeys(SYMBOLS, Decimal(0))  # brought by groups that are forgotten
        self.story: list[tuple[int, tuple[Input, ...]]] = []  # all that the core was told
        self._start()

    def _start(self) -> None:
        settings = orjson.dumps(CONVERTER.unstructure(self.config)).decode()
        self.tell(Started("u1", "test", settings, CLIENT, ACCOUNT))
        self.tell(*(InstrumentDefined(self._contract(symbol)) for symbol in SYMBOLS))
        self.greet("START")

    @staticmethod
    def _contract(symbol: str) -> Any:
        return attrs.evolve(instrument(symbol), sessions=((OPEN_NS, CLOSE_NS),))

    def greet(self, first: str) -> None:
        """A whole new connection."""
        epoch = self.core.state.epoch + 1
        self.tell(SessionChanged(first, epoch), SessionChanged("SOCKET_OPENED", epoch))
        self.tell(
            OrderIdGranted(1), AccountsListed((ACCOUNT,)), SessionChanged("HANDSHAKE_DONE", epoch)
        )
        self.tell(SessionChanged("SYNCED", epoch))

    # -- the loop ----------------------------------------------------------------------------

    def run(self, steps: int) -> None:
        tempers = (0.0, 0.5, 0.9, 0.99)
        tame = self.random.choice(tempers)  # how often it behaves
        moves = [move for move, weight in self.moves() for _ in range(weight)]
        for _ in range(steps):
            self.behaves = self.random.random() < tame
            self.now_ns += self.random.choice((0, MILLISECOND, 100 * MILLISECOND, SECOND))
            if found := self.random.choice(moves)():
                self.tell(*found)

    def tell(self, *inputs: Input) -> None:
        """One step, and what it makes us answer; positions are the fold of what was told."""
        waiting = inputs
        state = self.core.state
        while waiting:
            self.story.append((self.now_ns, waiting))
            groups = {number: (one.symbol, one.held) for number, one in state.groups.items()}
            waiting = tuple(self._carry_out(self.core.step(waiting, self.now_ns)))
            for number in groups.keys() - state.groups.keys():
                symbol, held = groups[number]
                self.past[symbol] += held
        for symbol in SYMBOLS:
            past = state.direct_past.get(symbol, Past()).quantity
            assert past == self.past[symbol], f"{symbol}: {past} of orders that are forgotten"
            owners = [*state.contexts.values(), *state.groups.values()]
            own = sum((one.held for one in owners if one.symbol == symbol), past)
            assert own == state.held(symbol), f"{symbol}: {state.held(symbol)} held"
            self.check(symbol, own - past)

    def check(self, symbol: str, own: Decimal) -> None:
        known = own + self.of_others(symbol)
        assert known == self.executed(symbol), f"{symbol}: {known} held"

    def _carry_out(self, output: Output) -> list[Input]:
        answers: list[Input] = []
        alerts = [one.text for one in output.events if isinstance(one, AlertEvent)]
        self.strange += [text for text in alerts if re.search("context .* no such row", text)]
        for command in output.commands:
            if isinstance(command, LookAtMarket):
                answers.append(MarketSeen(self.view(command.symbol)))
            elif isinstance(command, Watch):
                self.watches[command.number] = command
            elif isinstance(command, Unwatch):
                del self.watches[command.number]
            elif isinstance(command, Follow):
                continue
            elif isinstance(command, Snapshot):
                self.asked.append(command)
            else:
                assert self.core.state.live, f"sent without a session: {command}"
        return answers

    # -- what is true ------------------------------------------------------------------------

    def executed(self, symbol: str) -> Decimal:
        told = [one for one in self.executions.values() if one.symbol == symbol]
        return sum((one.quantity * (1 if one.side == "BUY" else -1) for one in told), Decimal(0))

    def of_others(self, symbol: str) -> Decimal:
        """Of executions that no order of ours explains: of forgotten trades, mostly."""
        owners = self.core.state.execution_owner
        told = [
            one
            for identity, one in self.executions.items()
            if one.symbol == symbol and not self._counted(owners.get(identity))
        ]
        return sum((one.quantity * (1 if one.side == "BUY" else -1) for one in told), Decimal(0))

    def _counted(self, number: int | None) -> bool:
        state = self.core.state
        return number in state.contexts or number in state.groups

    def view(self, symbol: str) -> MarketView:
        middle = 100 + self.random.randint(-300, 300) / 100
        return MarketView(symbol, middle - 0.01, middle + 0.01, middle, 0, 1.0)

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

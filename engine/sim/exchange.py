"""The simulated broker's side of an order: requests and ticks in, notices out.

Deterministic and without input or output of its own: the same calls with the same times give
the same notices. Every method returns what clients would see, in the order in which they would
see it; ``client_id`` in a notice says whose it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from functools import partial
from typing import Final

from engine.errors import ConfigError
from engine.inputs import Instrument
from engine.money import ZERO, exact
from engine.sim import checks
from engine.sim.account import signed
from engine.sim.book import Book, Quote
from engine.sim.checks import Fault
from engine.sim.floor import Floor
from engine.sim.history import HistoryBar
from engine.sim.oracle import Oracle
from engine.sim.orders import LiveOrder, snapshot
from engine.sim.policies import Policies
from engine.sim.records import (
    CommissionNotice,
    ErrorNotice,
    MarketTick,
    Notice,
    PositionNotice,
    SimExecution,
    SimOrder,
    TickNotice,
)

_AMENDED: Final = ("quantity", "limit_price", "aux_price", "trailing_percent", "tif", "outside_rth")


class Exchange:
    """One account at one broker.

    Args:
        instruments: what can be traded; ticks and orders of others are refused.
        account: the account's name.
        policies: how this broker answers what IB leaves open.
        seed: of the simulated past (history before the first tick).
        start_ns: the exchange's clock at the beginning, UTC nanoseconds; it only goes forward.
        instance: distinguishes permIds and execIds of several exchanges (restarts of one).

    Raises:
        ConfigError: two instruments of one symbol.
    """

    def __init__(
        self,
        instruments: Sequence[Instrument],
        account: str,
        policies: Policies,
        seed: int,
        start_ns: int,
        instance: int,
    ) -> None:
        if len({one.symbol for one in instruments}) != len(instruments):
            raise ConfigError("exchange: an instrument is named twice, name each symbol once")
        self.account = account
        self.policies = policies
        self._floor = Floor(instruments, account, policies, seed, start_ns, instance)
        self._registry = self._floor.registry
        self._books = self._floor.books

    # -- time and market -----------------------------------------------------------------------

    @property
    def now_ns(self) -> int:
        return self._floor.now_ns

    @property
    def instance(self) -> int:
        """What its permIds and execIds carry."""
        return self._floor.instance

    @property
    def next_timer_ns(self) -> int | None:
        """When ``advance`` next has something to do, None while nothing is due."""
        return self._floor.next_timer_ns

    def advance(self, now_ns: int) -> list[Notice]:
        """Let time pass: DAY orders expire, sessions open, delayed effects happen."""
        self._floor.run_timers(now_ns)
        return self._floor.drain()

    def on_tick(self, tick: MarketTick) -> list[Notice]:
        """One market change and what it set off. A tick from the past counts as of now.

        Raises:
            ConfigError: the exchange has no instrument of this symbol.
        """
        floor = self._floor
        due_ns = floor.next_timer_ns
        if due_ns is not None and due_ns <= tick.time_ns:
            floor.run_timers(tick.time_ns)
        elif tick.time_ns > floor.now_ns:
            floor.now_ns = tick.time_ns
        book = self._books.get(tick.symbol)
        if book is None:
            raise ConfigError(f"tick of {tick.symbol}: the exchange has no such instrument, add it")
        book.apply(tick, floor.now_ns)
        if not book.active:
            if not floor.out:
                return [TickNotice(tick)]
            floor.out.append(TickNotice(tick))
            return floor.drain()
        floor.out.append(TickNotice(tick))
        printed = tick.kind == "T"
        # A child that this very trade brings to life does not also get a share of it, and what
        # waits for its trigger waits for a trade.
        concerned = [live for live in book.active if not live.held and (printed or not live.stops)]
        for live in concerned:
            floor.work(live, printed)
        floor.finish()
        return floor.drain()

    # -- requests ------------------------------------------------------------------------------

    def next_order_id(self, client_id: int) -> int:
        """The lowest id that this client has not used; any higher one is accepted too."""
        return self._registry.next_order_id(client_id)

    def place(self, client_id: int, order: SimOrder) -> list[Notice]:
        """A new order, or a modification when the client has a live order of this id.

        The record is copied; its ``client_id`` is taken from the session, never from the order.
        """
        asked = snapshot(order)
        asked.client_id = client_id
        live = self._registry.find(client_id, asked.order_id)
        if live is not None and not live.ended:
            self._modify(live, asked)
        elif self._registry.used(client_id, asked.order_id):
            self._refuse_used(live, asked)
        else:
            self._registry.use(client_id, asked.order_id)
            self._accept(asked)
        self._floor.finish()
        return self._floor.drain()

    def cancel(self, client_id: int, order_id: int) -> list[Notice]:
        """Cancel one of the client's own orders."""
        live = self._registry.find(client_id, order_id)
        text = f"OrderId {order_id} that needs to be cancelled "
        if live is None:
            return [ErrorNotice(client_id, order_id, 10147, f"{text}is not found.")]
        if live.ended:
            state = live.order.status
            text += f"can not be cancelled, state: {state}."
            return [ErrorNotice(client_id, order_id, 10148, text)]
        if not live.pending_cancel:
            self._request_cancel(live)
        self._floor.finish()
        return self._floor.drain()

    def global_cancel(self) -> list[Notice]:
        """Cancel every order of every client; parents take their children with them."""
        for live in self._registry.live():
            if not live.ended and not live.pending_cancel:
                self._request_cancel(live)
        self._floor.finish()
        return self._floor.drain()

    def _request_cancel(self, live: LiveOrder) -> None:
        floor, policies = self._floor, self.policies
        if policies.pending_cancel or policies.cancel_delay_ns:
            live.pending_cancel = True
            floor.restatus(live)
            floor.tell(live, with_open_order=False)
        if policies.cancel_delay_ns:
            floor.at(floor.now_ns + policies.cancel_delay_ns, partial(self._cancelled, live))
        else:
            self._cancelled(live)

    def _cancelled(self, live: LiveOrder) -> None:
        """The cancel of a client takes effect, unless the order has filled meanwhile."""
        if live.ended:
            return
        group = live.group
        self._floor.cancel(live)
        if group is not None and self.policies.oca_on_cancel == "cancel_all":
            for member in list(group.members):
                self._floor.cancel(member)

    # -- accepting -----------------------------------------------------------------------------

    def _refuse_used(self, ended: LiveOrder | None, asked: SimOrder) -> None:
        """An id that is not new and not live: a late modification, or a reuse."""
        if (
            ended is not None
            and ended.order.status == "Filled"
            and ended.order.action == asked.action
            and checks.same_contract(asked.instrument, ended.order.instrument)
        ):
            self._floor.error(asked, 104, "Cannot modify a filled order.")
        else:
            self._floor.error(asked, 103, "Duplicate order id")

    def _accept(self, order: SimOrder) -> None:
        """Check a new order and register it, or refuse it with nothing else changed."""
        floor = self._floor
        book = self._books.get(order.instrument.symbol)
        if not order.tif:
            order.tif = "DAY"
            if self.policies.tif_notice:
                floor.error(order, 10349, "Order TIF was set to DAY based on order preset.")
        known = book.instrument if book else None
        fault = checks.order_fault(order, known, self.account, self.policies)
        parent: LiveOrder | None = None
        if fault is None and order.parent_id:
            parent = self._registry.find(order.client_id, order.parent_id)
            if parent is None:
                fault = Fault(135, f"Can't find order with id ={order.parent_id}")
        if fault is not None:
            floor.error(order, fault.code, fault.text)
            return
        assert book is not None
        order.instrument, order.account = book.instrument, self.account
        order.perm_id = floor.next_perm_id()
        _blank(order)
        if parent is not None and self.policies.child_quantity == "force_parent":
            order.quantity = parent.order.quantity
        live = LiveOrder(order, book, self._registry.next_sequence(), parent)
        fault = self._risk_fault(live)
        if fault is not None:
            self._reject(live, fault)
            return
        self._registry.add(live)
        floor.oracle.accepted(self._registry.live_count)
        if parent is not None:
            parent.children.append(live)
        if order.oca_group:
            floor.join(live, order.oca_group, order.oca_type or 3)
        if order.transmit:
            floor.transmit(_chain(live))

    def _risk_fault(self, live: LiveOrder) -> Fault | None:
        """What the broker's own checks refuse although the order is well formed."""
        order, parent = live.order, live.parent
        if parent is not None and parent.ended:
            return checks.rejected("Parent order is being cancelled.")
        if order.oca_group and self.policies.oca_reuse == "refuse":
            group = self._floor.groups.get(order.oca_group)
            if group is not None and group.executed and not group.members:
                return checks.rejected("OCA group is already filled.")
        same_side = sum(1 for one in live.book.active if one.order.action == order.action)
        if same_side >= self.policies.active_orders_max:
            return checks.rejected(
                f"The limit of {self.policies.active_orders_max} working orders on one side of"
                " this contract in this account has been reached."
            )
        if self.policies.margin == "refuse" and parent is None and self._beyond_means(live):
            return checks.rejected(
                "YOUR ORDER IS NOT ACCEPTED. The buying power of the account is exceeded."
            )
        return None

    def _beyond_means(self, live: LiveOrder) -> bool:
        """Whether the part of the order that opens a position needs more than there is."""
        order, account = live.order, self._floor.account
        held = account.position(order.instrument.symbol)
        closing = (
            min(order.quantity, abs(held))
            if held * signed(order.action, order.quantity) < 0
            else ZERO
        )
        mark = live.book.mark()
        price = order.limit_price or order.aux_price or (exact(mark) if mark else ZERO)
        return (order.quantity - closing) * price > account.buying_power()

    def _reject(self, live: LiveOrder, fault: Fault) -> None:
        """Error 201, and the order stays on record in the state that the policy names."""
        self._floor.error(live.order, fault.code, fault.text)
        live.ended = True
        status = self.policies.rejected_status
        live.order.status = "Inactive" if status == "none" else status
        self._registry.record(live)
        if status != "none":
            self._floor.tell(live)

    # -- modifying -----------------------------------------------------------------------------

    def _modify(self, live: LiveOrder, asked: SimOrder) -> None:
        """Check a modification, and apply it now or after the policy's delay (B8)."""
        floor = self._floor
        asked.tif = asked.tif or live.order.tif
        book = self._books.get(asked.instrument.symbol)
        fault = checks.order_fault(
            asked, book.instrument if book else None, self.account, self.policies
        ) or checks.modification_fault(live, asked, self.policies)
        if fault is not None:
            floor.error(asked, fault.code, fault.text)
            if fault.code == 10326 and self.policies.oca_modify == "refuse_cancel":
                floor.cancel(live)
        elif self.policies.modify_delay_ns and live.transmitted:
            due_ns = floor.now_ns + self.policies.modify_delay_ns
            floor.at(due_ns, partial(self._apply, live, asked))
        else:
            self._apply(live, asked)

    def _apply(self, live: LiveOrder, asked: SimOrder) -> None:
        """The new version takes over; whatever the old one filled meanwhile counts."""
        floor, order = self._floor, live.order
        if live.ended:
            floor.error(order, 104, "Cannot modify a filled order.")
            return
        fault = checks.size_fault(live, asked)
        if fault is not None:
            floor.error(order, fault.code, fault.text)
            return
        moved = (asked.limit_price, asked.outside_rth) != (order.limit_price, order.outside_rth)
        for name in _AMENDED:
            setattr(order, name, getattr(asked, name))
        if asked.trail_stop_price is not None and order.order_type == "TRAIL":
            order.trail_stop_price = asked.trail_stop_price
        live.reprice()
        if moved:
            live.rests_since_ns = -1
        if not live.transmitted:
            order.transmit = asked.transmit
            if asked.transmit:
                floor.transmit(_chain(live))
            return
        floor.restatus(live)
        floor.tell(live)
        floor.warn(live)
        floor.schedule_expiry(live)
        floor.work(live)

    # -- queries -------------------------------------------------------------------------------

    @property
    def oracle(self) -> Oracle:
        """The witness, brought up to the present."""
        self._floor.oracle.reach(self._floor.now_ns)
        return self._floor.oracle

    @property
    def instruments(self) -> list[Instrument]:
        return [book.instrument for book in self._books.values()]

    def instrument(self, symbol: str) -> Instrument | None:
        book = self._books.get(symbol)
        return book.instrument if book else None

    def open_orders(self, client_id: int | None = None) -> list[SimOrder]:
        """Live orders, oldest first, untransmitted ones included; None: of all clients."""
        orders = self._floor.open_orders()
        return [one for one in orders if client_id is None or one.client_id == client_id]

    def completed_orders(self) -> list[SimOrder]:
        """Filled, cancelled and rejected orders of all clients, in the order of acceptance."""
        return [snapshot(live.order) for live in self._registry.ended()]

    def executions(self, client_id: int | None = None) -> list[SimExecution]:
        """Executions in the order in which they happened; None: of all clients."""
        return [
            one for one in self._floor.executions if client_id is None or one.client_id == client_id
        ]

    def commission(self, execution_id: str) -> CommissionNotice | None:
        return self._floor.commissions.get(execution_id)

    def commissions(self, client_id: int | None = None) -> list[CommissionNotice]:
        """The commission reports of ``executions(client_id)``, in the same order."""
        found = self._floor.commissions
        return [found[one.execution_id] for one in self.executions(client_id)]

    def positions(self) -> list[PositionNotice]:
        return self._floor.account.positions()

    def position(self, symbol: str) -> Decimal:
        return self._floor.account.position(symbol)

    def account_values(self) -> list[tuple[str, str, str]]:
        """(key, value, currency) as account updates state them."""
        return self._floor.account.values()

    def quote(self, symbol: str) -> Quote:
        """Raises ConfigError: the exchange has no such instrument."""
        return self._book(symbol).quote()

    def bars(
        self,
        symbol: str,
        end_ns: int,
        back: str,
        bar_size: str,
        what: str,
        regular_only: bool = True,
    ) -> list[HistoryBar]:
        """Historical bars; see ``History.bars``. Raises ConfigError for what cannot be had."""
        return self._book(symbol).history.bars(end_ns, back, bar_size, what, regular_only)

    def _book(self, symbol: str) -> Book:
        book = self._books.get(symbol)
        if book is None:
            raise ConfigError(f"{symbol}: the exchange has no such instrument")
        return book


def _chain(live: LiveOrder) -> list[LiveOrder]:
    """What transmitting ``live`` releases: its parent and earlier legs, then itself."""
    parent = live.parent
    if parent is None:
        return [live]
    legs = [leg for leg in parent.children if leg.sequence < live.sequence]
    waiting = [one for one in (parent, *legs) if not one.transmitted and not one.ended]
    return [*waiting, live]


def _blank(order: SimOrder) -> None:
    """A new order starts without a history, whatever the client's record said."""
    order.status, order.why_held, order.stop_elected = "PendingSubmit", "", False
    order.filled = order.average_price = order.last_price = ZERO

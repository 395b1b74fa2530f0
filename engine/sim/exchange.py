"""The simulated broker's side of an order: requests and ticks in, notices out.

Deterministic and without input or output of its own: the same calls with the same times give
the same notices. Every method returns what clients would see, in the order in which they would
see it; ``client_id`` in a notice says whose it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal

from engine.errors import ConfigError
from engine.inputs import Instrument
from engine.sim.book import Book, Quote, Shown
from engine.sim.fault_plan import FaultPlan
from engine.sim.floor import Floor
from engine.sim.history import HistoryBar
from engine.sim.incidents import Incidents
from engine.sim.oracle import Cover, Oracle
from engine.sim.order_entry import OrderEntry
from engine.sim.orders import snapshot
from engine.sim.past_ticks import Page, Row
from engine.sim.policies import Policies
from engine.sim.records import (
    CommissionNotice,
    MarketTick,
    Notice,
    PositionNotice,
    SimExecution,
    SimOrder,
    TickNotice,
)
from engine.sim.release import Release


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
        self._floor = Floor(instruments, account, policies, seed, start_ns, instance)
        self._release = Release(self._floor)
        self._considered = 0  # executions that conditions have been asked about
        self._registry = self._floor.registry
        self._books = self._floor.books
        self._entry = OrderEntry(self._floor, self._release)

    # -- time and market -----------------------------------------------------------------------

    @property
    def now_ns(self) -> int:
        return self._floor.now_ns

    @property
    def policies(self) -> Policies:
        return self._floor.policies

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
        return self._told()

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
        if book.halted:
            return self._told()
        book.apply(tick, floor.now_ns)
        watching = self._release.watching
        if not book.active and not watching:
            if not floor.out:
                return [TickNotice(tick)]
            floor.out.append(TickNotice(tick))
            return floor.drain()
        floor.out.append(TickNotice(tick))
        printed = tick.kind == "T"
        # A child that this very trade brings to life does not also get a share of it, and what
        # waits for its trigger waits for a trade.
        concerned = [live for live in book.active if not live.held and (printed or not live.waits)]
        for live in concerned:
            floor.work(live, printed)
        if watching and printed:
            self._release.reconsider_all()
        return self._told()

    def _told(self) -> list[Notice]:
        """The end of one instant, and all that clients would see of it."""
        floor, release = self._floor, self._release
        floor.finish()
        if release.watching and len(floor.executions) > self._considered:
            self._considered = len(floor.executions)
            release.reconsider_all()
            floor.finish()
        return floor.drain()

    @property
    def floor(self) -> Floor:
        """For who plays many ticks at once."""
        return self._floor

    @property
    def watching(self) -> bool:
        """Whether an order waits for its conditions."""
        return bool(self._release.watching)

    def reached(self, now_ns: int) -> None:
        """Its clock, which somebody else has let run while nothing was due."""
        self._floor.now_ns = max(self._floor.now_ns, now_ns)

    def shows(self, tick: MarketTick) -> list[Notice]:
        """A tick that has happened, at its own time, and that no order has waited for."""
        self._books[tick.symbol].apply(tick, tick.time_ns)
        return [TickNotice(tick)]

    # -- requests ------------------------------------------------------------------------------

    def next_order_id(self, client_id: int) -> int:
        """The lowest id that this client has not used; any higher one is accepted too."""
        return self._registry.next_order_id(client_id)

    def place(self, client_id: int, order: SimOrder) -> list[Notice]:
        """A new order, or a modification when the client has a live order of this id.

        The record is copied; its ``client_id`` is taken from the session, never from the order.
        """
        self._entry.place(client_id, order)
        return self._told()

    def what_if(self, client_id: int, order: SimOrder) -> list[Notice]:
        """What an order would do to margin and cash; nothing is placed and no id is used."""
        self._entry.what_if(client_id, order)
        return self._told()

    def cancel(self, client_id: int, order_id: int) -> list[Notice]:
        """Cancel one of the client's own orders."""
        self._entry.cancel(client_id, order_id)
        return self._told()

    def global_cancel(self) -> list[Notice]:
        """Cancel every order of every client; parents take their children with them."""
        self._entry.cancel_all()
        return self._told()

    # -- trouble -------------------------------------------------------------------------------

    def interfere(self, plan: FaultPlan) -> Incidents:
        """Let the faults of ``plan`` act; what is returned performs those that are acts."""
        incidents = Incidents(self._floor, self._entry, plan)
        self._floor.interference = incidents
        return incidents

    def let(self, happen: Callable[[], None]) -> list[Notice]:
        """Something happens that no client has asked for."""
        happen()
        return self._told()

    # -- queries -------------------------------------------------------------------------------

    def observe(self, now_ns: int, real_ns: int) -> None:
        """Both clocks, read together, before every request, tick or advance; see ``Oracle``."""
        self._floor.oracle.observe(now_ns, real_ns)

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
        """Orders of all clients that were filled, cancelled or rejected, in the order of
        acceptance."""
        return [snapshot(order) for order, _ in self.ended(0)]

    def ended(self, since_ns: int) -> Iterator[tuple[SimOrder, int]]:
        """Those that have ended since then, each with when it has; the order is no copy."""
        for live in self._registry.ended(since_ns):
            assert live.ended_ns is not None, "the registry gives those that have ended"
            yield live.order, live.ended_ns

    @property
    def execution_count(self) -> int:
        """Of all clients, revisions included."""
        return len(self._floor.executions)

    def executions(self, client_id: int | None = None) -> list[SimExecution]:
        """Executions in the order in which they happened; None: of all clients."""
        return [
            one for one in self._floor.executions if client_id is None or one.client_id == client_id
        ]

    def executions_since(self, time_ns: int) -> list[SimExecution]:
        """Those of all clients that are of this moment or later."""
        return self._floor.ledger.since(time_ns)

    def commission(self, execution_id: str) -> CommissionNotice | None:
        return self._floor.ledger.commissions.get(execution_id)

    def commissions(self, client_id: int | None = None) -> list[CommissionNotice]:
        """The commission reports of ``executions(client_id)``, in the same order."""
        found = self._floor.ledger.commissions
        return [found[one.execution_id] for one in self.executions(client_id)]

    def positions(self) -> list[PositionNotice]:
        return self._floor.account.positions()

    def holding(self, symbol: str) -> PositionNotice:
        """What is held of a symbol that has traded."""
        return self._floor.account.notice(symbol)

    def covers(self, symbol: str) -> list[Cover]:
        """What would close a position of ``symbol`` whatever its price does."""
        return self._floor.covers(symbol)

    def position(self, symbol: str) -> Decimal:
        return self._floor.account.position(symbol)

    def realised(self, symbol: str) -> Decimal:
        """What the closing trades of ``symbol`` have brought in."""
        return self._floor.account.realised(symbol)

    @property
    def traded(self) -> list[str]:
        """The symbols that have traded, whether they are held or not."""
        return list(self._floor.account.book)

    def mark(self, symbol: str) -> Decimal | None:
        """What a share is worth to the account, None while there is no price."""
        return self._floor.account.mark(symbol)

    @property
    def equity(self) -> Decimal:
        return self._floor.account.net_liquidation()

    def account_values(self) -> list[tuple[str, str, str]]:
        """(key, value, currency) as account updates state them."""
        return self._floor.account.values()

    def quote(self, symbol: str) -> Quote:
        """Raises ConfigError: the exchange has no such instrument."""
        return self.book(symbol).quote()

    def shown(self, symbol: str) -> Shown:
        """As ``quote``, but of this moment only: it goes on changing."""
        return self._books[symbol]

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
        return self.book(symbol).history.bars(end_ns, back, bar_size, what, regular_only)

    def past_ticks(self, symbol: str, page: Page) -> list[Row]:
        """Ticks that have been; see ``PastTicks.page``."""
        return self.book(symbol).past.page(page)

    def schedule(self, symbol: str, end_ns: int, back: str) -> list[tuple[int, int]]:
        """(open, close) of the sessions that ``back`` covers. Raises ConfigError: no duration."""
        return self.book(symbol).history.schedule(end_ns, back)

    def book(self, symbol: str) -> Book:
        """Raises ConfigError: the exchange has no such instrument."""
        book = self._books.get(symbol)
        if book is None:
            raise ConfigError(f"{symbol}: the exchange has no such instrument")
        return book

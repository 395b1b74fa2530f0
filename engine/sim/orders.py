"""Orders as the exchange works them: the public record plus what only the exchange knows."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Final

import attrs

from _fast.copies import Copier
from engine.money import ZERO
from engine.sim.book import Book
from engine.sim.order_types import TIMES, TYPES, OrderType, TimeInForce
from engine.sim.records import SimExecution, SimOrder

# A copy that later changes do not reach: every step of an order is told as one.
snapshot: Final = Copier(SimOrder, [one.name for one in attrs.fields(SimOrder)])


@attrs.define(eq=False)
class Group:
    """A one-cancels-all group. ``members`` are the live ones, in the order of joining."""

    name: str
    kind: int  # 1 cancel the others with block, 2 reduce with block, 3 reduce without block
    members: list[LiveOrder] = attrs.field(factory=list)
    executed: bool = False  # anything filled: the name is used up once no member lives
    trading: LiveOrder | None = None  # whose fills still have to reach the others
    pending: int = 0  # how many such fills

    @property
    def blocks(self) -> bool:
        return self.kind != 3


@attrs.define(eq=False)
class LiveOrder:
    """An order from acceptance to its end.

    ``price`` is where a limited order works now. ``trigger`` and ``limit`` repeat prices as
    doubles: market data are doubles, and both come from the same decimal digits, so comparing
    them is exact.
    """

    order: SimOrder
    book: Book
    sequence: int
    parent: LiveOrder | None = None
    group: Group | None = None
    children: tuple[LiveOrder, ...] = ()
    transmitted: bool = False
    held: bool = False  # waits for its parent
    conditioned: bool = False  # waits for its conditions, or for the time it is good after
    hold: str = ""  # why the broker keeps it back: "locate", "inactive"
    opens_ns: int | None = None  # trades in the auction that opens this session, or never
    closes_ns: int | None = None  # trades in the auction that closes this session
    executed_before: int = 0  # executions of the exchange when it was transmitted
    active: bool = False  # in its book: may trade when its time comes
    rests_since_ns: int = -1  # start of the session in which it was not marketable: it trades
    # at its own limit from then on
    pending_cancel: bool = False
    ended_ns: int | None = None
    expiry_ns: int | None = None
    charged: Decimal = ZERO  # commission so far
    value: Decimal = ZERO  # sum of quantity times price
    trigger: float | None = None
    price: Decimal | None = None
    limit: float | None = None
    kind: OrderType = attrs.field(init=False)
    buys: bool = attrs.field(init=False)
    waits: bool = attrs.field(init=False)  # for its trigger
    in_force: TimeInForce = attrs.field(init=False)
    outside: bool = attrs.field(init=False)  # may trade in extended hours

    def __attrs_post_init__(self) -> None:
        order = self.order
        self.kind = TYPES[order.order_type]
        order.order_type = self.kind.name  # the word that all share
        self.buys = order.action == "BUY"
        self.waits = self.kind.waits
        self.take_over()

    @property
    def ended(self) -> bool:
        return self.ended_ns is not None

    @property
    def auctions(self) -> bool:
        """Trades in an auction only."""
        return self.kind.trigger == "close" or self.opens_ns is not None

    def elect(self) -> None:
        """The market has set it off."""
        self.order.stop_elected, self.waits = True, False

    def take_over(self) -> None:
        """The record is new: its prices, and when it may trade."""
        order = self.order
        self.in_force = TIMES[order.tif]
        order.tif = self.in_force.name
        self.outside = order.outside_rth and self.kind.extended and order.tif != "OPG"
        self.reprice()

    def reprice(self) -> None:
        """Take the prices over from the record."""
        order, kind = self.order, self.kind
        stop = order.trail_stop_price if kind.trigger == "trail" else order.aux_price
        self.trigger = None if stop is None or not kind.waits else float(stop)
        if kind.trigger == "trail" and kind.limited:
            self._trail_limit(stop)
        if kind.limited:
            self.work_at(order.limit_price)

    def _trail_limit(self, stop: Decimal | None) -> None:
        """A trailing limit keeps its distance from the stop; stated by a price, it is fixed by
        the first stop."""
        order = self.order
        if stop is None:
            return
        if order.limit_offset is None:
            assert order.limit_price is not None, "checked at the door"
            order.limit_offset = abs(stop - order.limit_price)
        offset = order.limit_offset if self.buys else -order.limit_offset
        order.limit_price = max(stop + offset, self.book.instrument.grid.increment(stop))

    def work_at(self, price: Decimal | None) -> None:
        self.price = price
        self.limit = None if price is None else float(price)


class Registry:
    """Every order ever accepted, found by client and id; the live ones also by age."""

    __slots__ = ("_by_key", "_highest", "_live", "_outnumbered", "_sequence")

    def __init__(self) -> None:
        self._by_key: dict[tuple[int, int], LiveOrder] = {}
        self._live: dict[int, LiveOrder] = {}  # by sequence, which is the order of insertion
        self._outnumbered: list[LiveOrder] = []  # another order has taken their id
        self._highest: dict[int, int] = {}
        self._sequence = 0

    def next_sequence(self) -> int:
        self._sequence += 1
        return self._sequence

    def next_order_id(self, client_id: int) -> int:
        return max(self._highest.get(client_id, 0), 0) + 1

    def used(self, client_id: int, order_id: int) -> bool:
        return order_id < self.next_order_id(client_id)

    def use(self, client_id: int, order_id: int) -> None:
        self._highest[client_id] = order_id

    def add(self, live: LiveOrder) -> None:
        key = live.order.client_id, live.order.order_id
        if key in self._by_key:
            self._outnumbered.append(self._by_key[key])
        self._by_key[key] = live
        self._live[live.sequence] = live

    def end(self, live: LiveOrder) -> None:
        del self._live[live.sequence]

    def lives(self, live: LiveOrder) -> bool:
        return live.sequence in self._live

    def record(self, live: LiveOrder) -> None:
        """Keep an order that never lived (rejected)."""
        self._by_key[live.order.client_id, live.order.order_id] = live

    def find(self, client_id: int, order_id: int) -> LiveOrder | None:
        return self._by_key.get((client_id, order_id))

    def traded(self, execution: SimExecution) -> LiveOrder | None:
        """The order that an execution is of, also when another has taken its id."""
        found = self.find(execution.client_id, execution.order_id)
        known = self._outnumbered if found is None else (found, *self._outnumbered)
        return next((one for one in known if one.order.perm_id == execution.perm_id), None)

    def live(self) -> list[LiveOrder]:
        return list(self._live.values())

    @property
    def live_count(self) -> int:
        return len(self._live)

    def ended(self, since_ns: int) -> Iterator[LiveOrder]:
        everyone = (*self._outnumbered, *self._by_key.values())
        return (live for live in everyone if (live.ended_ns or -1) >= since_ns)

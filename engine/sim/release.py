"""How an order comes to trade: its transmission, what it waits for, and when its time is up.

An order may wait for its session, for an auction, for conditions, or for the time that it is
good after. Whatever it waits for, it is announced at once, and the floor lets it trade later.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from functools import partial
from typing import Final

from engine.money import exact
from engine.sim.book import Book
from engine.sim.conditions import EXECUTION, PERCENT, PRICE, TIME, Condition, met, reached
from engine.sim.floor import Floor
from engine.sim.instruments import local_time
from engine.sim.orders import LiveOrder

_LIVE: Final = frozenset({"PendingSubmit", "PreSubmitted", "Submitted", "PendingCancel"})
_HUNDRED: Final = Decimal(100)


class Release:
    """Moves orders of one floor by time, by auctions and by conditions."""

    def __init__(self, floor: Floor) -> None:
        self._floor = floor
        self._by_con_id = {book.instrument.con_id: book for book in floor.books.values()}
        self.watching: list[LiveOrder] = []  # conditions that have not come true

    def transmit(self, lives: Sequence[LiveOrder]) -> None:
        """Release orders to the market: all are announced before the first may trade."""
        floor = self._floor
        for live in lives:
            live.transmitted = live.active = True
            live.executed_before = len(floor.executions)
            order, parent = live.order, live.parent
            order.transmit = True
            if parent is not None:
                if live.group is None:
                    # The gateway ties the children of one parent together by itself.
                    floor.join(live, str(parent.order.perm_id), 3)
                live.held = not floor.released(parent)
            live.book.active.append(live)
            self.arrange(live)
            floor.restatus(live)
            floor.tell(live)
            self.warn(live)
            assert order.status in _LIVE
            floor.interference.transmitted(live)
        for live in lives:
            if live.order.conditions_cancel:
                self.reconsider(live)
            floor.work(live)

    def arrange(self, live: LiveOrder) -> None:
        """What a new order, or a new version of it, waits for; and when it ends."""
        now_ns, hours, order = self._floor.now_ns, live.book.hours, live.order
        if order.tif == "OPG" and live.opens_ns is None:
            live.opens_ns = hours.next_open(now_ns)
        if live.kind.trigger == "close" and live.closes_ns is None:
            live.closes_ns = hours.expiry(now_ns, False)
            if live.closes_ns is not None:
                self._floor.at(live.closes_ns, partial(self._closing, live))
        self._watch(live)
        ends_ns = self._ends_ns(live)
        if ends_ns is not None and ends_ns != live.expiry_ns:
            self._floor.at(ends_ns, partial(self._expired, live, ends_ns))
        live.expiry_ns = ends_ns

    # -- the day -------------------------------------------------------------------------------

    def warn(self, live: LiveOrder) -> None:
        """Information that TWS sends as errors although the order lives."""
        floor, order = self._floor, live.order
        if order.outside_rth and not live.kind.extended:
            floor.error(
                order,
                2109,
                "Order Event Warning:Attribute 'Outside Regular Trading Hours'"
                " is ignored based on the order type and destination. PlaceOrder is now"
                " being processed.",
            )
        if floor.since(live) is not None:
            return  # it is open
        opens_ns = live.book.hours.opening(floor.now_ns, live.outside)
        if opens_ns is not None:
            floor.error(
                order,
                399,
                "Order Message:\n"
                f"{order.action} {order.quantity} {order.instrument.symbol}\nWarning: your"
                " order will not be placed at the exchange until"
                f" {local_time(opens_ns):%Y-%m-%d %H:%M:%S} US/Eastern",
            )
            floor.at(opens_ns, partial(self._opened, live))

    def _opened(self, live: LiveOrder) -> None:
        floor = self._floor
        if live.active and floor.since(live) is not None:
            if floor.restatus(live):
                floor.tell(live)
            floor.work(live)

    def _closing(self, live: LiveOrder) -> None:
        """The last trade of the session is the price of its closing auction."""
        book = live.book
        opened_ns = book.hours.since(self._floor.now_ns - 1, False)
        if opened_ns is not None and book.last_ns >= opened_ns:
            self._floor.close(live)

    def _ends_ns(self, live: LiveOrder) -> int | None:
        ends = live.in_force.ends
        if ends == "date":
            return live.order.good_till_ns
        if ends == "never":
            return None
        from_ns = self._floor.now_ns if live.opens_ns is None else live.opens_ns
        return live.book.hours.expiry(from_ns, live.outside)

    def _expired(self, live: LiveOrder, ends_ns: int) -> None:
        if not live.ended and live.expiry_ns == ends_ns:
            self._floor.cancel(live)

    # -- conditions ----------------------------------------------------------------------------

    def _watch(self, live: LiveOrder) -> None:
        """Begin to look at the conditions of an order, and at the time that it is good after."""
        order, floor = live.order, self._floor
        live.conditioned = False
        if live in self.watching:
            self.watching.remove(live)
        if not order.conditions and order.good_after_ns is None:
            return
        times = [one.time_ns for one in order.conditions if one.kind == TIME and one.is_more]
        if order.good_after_ns is not None:
            times.append(order.good_after_ns)
        for time_ns in times:
            if time_ns > floor.now_ns:
                floor.at(time_ns, partial(self.reconsider, live))
        if order.conditions_cancel and order.conditions:
            self.watching.append(live)
        elif not self._ripe(live):
            live.conditioned = True
            self.watching.append(live)

    def reconsider(self, live: LiveOrder) -> None:
        """If the conditions of an order have come true: release it, or cancel it."""
        if live not in self.watching or not live.active or not self._ripe(live):
            return
        self.watching.remove(live)
        if live.order.conditions_cancel and live.order.conditions:
            self._floor.cancel(live)
            return
        live.conditioned = False
        if self._floor.restatus(live):
            self._floor.tell(live)
        self._floor.work(live)

    def reconsider_all(self) -> None:
        """Something has traded."""
        self.watching = [live for live in self.watching if not live.ended]
        for live in list(self.watching):
            self.reconsider(live)

    def _ripe(self, live: LiveOrder) -> bool:
        after_ns = live.order.good_after_ns
        if after_ns is not None and self._floor.now_ns < after_ns:
            return False
        return met(live.order.conditions, partial(self._holds, live))

    def _holds(self, live: LiveOrder, condition: Condition) -> bool:
        floor = self._floor
        if condition.kind == TIME:
            passed = floor.now_ns >= condition.time_ns
            return passed if condition.is_more else not passed
        if condition.kind == EXECUTION:
            since = floor.executions[live.executed_before :]
            return any(one.instrument.symbol == condition.symbol for one in since)
        book = self._by_con_id[condition.con_id]
        opened_ns = book.hours.since(floor.now_ns, live.order.conditions_ignore_rth)
        if opened_ns is None or book.last_ns < opened_ns:
            return False
        return reached(condition, _figure(condition, book))


def _figure(condition: Condition, book: Book) -> Decimal | None:
    """What a condition compares: the last trade, its change since yesterday, or the volume."""
    if book.last is None:
        return None
    if condition.kind == PRICE:
        return exact(book.last)
    if condition.kind == PERCENT:
        return None if not book.close else (exact(book.last) / exact(book.close) - 1) * _HUNDRED
    return Decimal(book.volume)

"""Which ticks the orders of a book wait for, as prices. What lies between them changes nothing."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Final

import attrs

from engine.sim.book import Book
from engine.sim.floor import Floor
from engine.sim.orders import LiveOrder

_HUNDRED: Final = Decimal(100)


@attrs.define
class Levels:
    """A bid from ``bid_from`` on, an ask down to ``ask_to``, a trade from ``last_from`` on or down
    to ``last_to``, and everything from ``until_ns`` on, has to be looked at."""

    until_ns: int
    bid_from: float = math.inf
    ask_to: float = -math.inf
    last_from: float = math.inf
    last_to: float = -math.inf

    def every_quote(self) -> None:
        self.bid_from, self.ask_to = -math.inf, math.inf

    def every_tick(self) -> None:
        self.every_quote()
        self.last_from = -math.inf

    def above(self, price: float) -> None:
        self.last_from = min(self.last_from, price)

    def below(self, price: float) -> None:
        self.last_to = max(self.last_to, price)


def levels(floor: Floor, book: Book) -> Levels:
    """Rather too many ticks than too few: those of an order that is not understood here are all
    of them."""
    if not book.active:
        found = Levels(book.day_end_ns)
    else:
        found = Levels(min(book.day_end_ns, book.hours.next_change(floor.now_ns)))
        if not book.quoted:
            found.every_quote()  # the first quote changes what a display is
        for live in book.active:
            _add(found, floor, live)
    if book.halted:
        found.every_tick()
    return found


def _add(found: Levels, floor: Floor, live: LiveOrder) -> None:
    kind = live.kind
    if live.held or kind.trigger == "close":
        return  # waits for its parent, or for a moment
    if live.in_force.once or live.opens_ns is not None or kind.pricing == "pegged":
        found.every_tick()
    elif live.waits:
        _add_trigger(found, live)
    elif not kind.limited:
        found.every_tick()
    else:
        _add_limit(found, floor, live)


def _add_trigger(found: Levels, live: LiveOrder) -> None:
    if live.trigger is None:
        found.every_tick()
        return
    if live.buys == live.kind.stops:
        found.above(live.trigger)
    else:
        found.below(live.trigger)
    if live.kind.trigger == "trail":
        _add_trail(found, live)


def _add_trail(found: Levels, live: LiveOrder) -> None:
    """The trade from which on the stop would follow, or a little before it."""
    order, sells = live.order, live.order.action == "SELL"
    stop = order.trail_stop_price
    if stop is None:
        found.every_tick()
    elif order.trailing_percent is not None:
        share = order.trailing_percent / _HUNDRED
        if share >= 1:
            found.every_tick()
        elif sells:
            found.above(float(stop / (1 - share)) * (1 - 1e-12))
        else:
            found.below(float(stop / (1 + share)) * (1 + 1e-12))
    else:
        assert order.aux_price is not None
        if sells:
            found.above(float(stop + order.aux_price))
        else:
            found.below(float(stop - order.aux_price))


def _add_limit(found: Levels, floor: Floor, live: LiveOrder) -> None:
    """One that rests trades when a trade or the other side of the quote reaches it."""
    since_ns, limit, book = floor.since(live), live.limit, live.book
    if since_ns is None:
        return  # closed until the hours change
    if limit is None or live.rests_since_ns != since_ns:
        found.every_tick()
        return
    shown = book.displayed(live.buys, since_ns)
    if (
        book.quoted
        and shown is not None
        and (shown[0] <= limit if live.buys else shown[0] >= limit)
    ):
        found.every_tick()
    elif live.buys:
        found.ask_to = max(found.ask_to, limit)
        found.below(limit)
    else:
        found.bid_from = min(found.bid_from, limit)
        found.above(limit)

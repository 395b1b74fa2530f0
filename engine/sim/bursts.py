"""Many ticks of a served market at once, for as long as none of them is more than news.

A tick that no order and no clock waits for changes the quote, its past, and what subscribers are
told: compiled code does that for all of them in one call. What it cannot do is left to ``Gateway``,
tick by tick: the tick that an order waits for, a symbol that somebody follows by bars or by its
order book, a market in which faults happen.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from _fast.bursts import Burst, Place
from _fast.tellers import Teller
from _fast.tick_frames import Sheet
from engine.sim.client import Client
from engine.sim.gateway import Gateway
from engine.sim.levels import levels
from engine.sim.records import MarketTick

PAUSE_MAX: Final = 16  # ticks that are played one by one after a burst that went nowhere
TOLD_BYTES_MAX: Final = 512  # by one stream of one tick
NEVER_NS: Final = 1 << 62


class Bursts:
    """Of one gateway; ``clock`` gives real, monotonic nanoseconds."""

    def __init__(self, gateway: Gateway, clock: Callable[[], int]) -> None:
        self._gateway = gateway
        self._clock = clock
        self._exchange = gateway.exchange
        self._burst = Burst(self._ready)
        self._places = {
            one.symbol: Place(book := self._exchange.book(one.symbol), book.history.played)
            for one in self._exchange.instruments
        }
        self._sheets: dict[Client, Sheet] = {}
        self._pause = self._left = 0

    def play(self, ticks: Sequence[MarketTick]) -> None:
        """One after the other, and many together where that comes to the same."""
        at = 0
        while at < len(ticks):
            at = self._together(ticks, at)
            if at < len(ticks):
                self._exchange.observe(ticks[at].time_ns, self._clock())
                self._gateway.tick(ticks[at])
                at += 1

    def _together(self, ticks: Sequence[MarketTick], at: int) -> int:
        """As far as it goes; returns the place of the first tick that has to go by itself."""
        if self._left:
            self._left -= 1
            return at
        end = at
        if self._plain(len(ticks) - at):
            due_ns = self._exchange.next_timer_ns
            until_ns = NEVER_NS if due_ns is None else due_ns
            end = self._burst.play(ticks, at, self._exchange.now_ns, until_ns)
        if end == at:
            self._pause = self._left = min(2 * self._pause + 1, PAUSE_MAX)
        else:
            self._pause = 0
            self._told()
        return end

    def _plain(self, count: int) -> bool:
        """Whether nothing goes wrong, no order waits for conditions, and whatever ``count`` ticks
        make the clients hear has room."""
        if self._gateway.faults is not None or self._exchange.watching:
            return False
        return all(
            client.closing
            or client.wire.delivery.room >= count * len(client.streams) * TOLD_BYTES_MAX
            for client in self._gateway.clients
        )

    def _ready(self, symbol: str) -> Place | None:
        """Its place with all who listen; None if one of them is not told by compiled code."""
        place = self._places.get(symbol)
        if place is None:
            return None
        tellers: list[Teller] = []
        sheets: list[Sheet] = []
        for client in self._gateway.clients:
            sheet = self._sheets.get(client)
            for stream in client.streams.of(symbol):
                if not isinstance(stream, Teller):
                    return None
                if sheet is None:
                    sheet = self._sheets[client] = Sheet()
                tellers.append(stream)
                sheets.append(sheet)
        book = place.book
        waits = levels(self._exchange.floor, book)
        prices = (waits.bid_from, waits.ask_to, waits.last_from, waits.last_to)
        place.load(tellers, sheets, *prices, waits.until_ns)
        return place

    def _told(self) -> None:
        """Everything where it belongs: the books, their past, the clocks, and the frames."""
        desk = self._gateway.desk
        self._exchange.observe(self._burst.now_ns, self._clock())
        self._exchange.reached(self._burst.now_ns)
        desk.now_ns = self._exchange.now_ns
        for place in self._burst.met:
            place.book.past.add_rows(place.unload())
            if place.traded:
                desk.traded_ns[place.book.instrument.symbol] = place.traded_ns
        for client, sheet in self._sheets.items():
            count = sheet.frames
            if not count:
                continue
            frames = sheet.take()
            if not client.closing:
                client.wire.delivery.put_joined(frames, count)
        gone = self._sheets.keys() - set(self._gateway.clients)
        for client in gone:
            del self._sheets[client]

"""One instrument's market as the exchange sees it: quote, day figures, displayed liquidity.

What our own orders take from the display is gone until a tick refreshes that side. Where no
quote has ever been seen (trades-only data), the last trade and its size are the display of both
sides: a market order then fills at the last trade, without a spread.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import numpy as np
from numpy.typing import NDArray

from engine.inputs import Instrument
from engine.sim.history import History
from engine.sim.hours import FOREVER_NS, Hours
from engine.sim.past_ticks import PastTicks
from engine.sim.records import MarketTick

if TYPE_CHECKING:
    from engine.sim.orders import LiveOrder


@attrs.frozen(kw_only=True)
class Quote:
    """A market snapshot; None where there is nothing yet. ``close`` is the previous day's."""

    bid: float | None
    bid_size: int
    ask: float | None
    ask_size: int
    last: float | None
    last_size: int
    volume: int
    open: float | None
    high: float | None
    low: float | None
    close: float | None
    halted: int = 0  # as tick 49 says it: 1 by a regulator, 2 for volatility


class Book:
    """Mutable market state of one instrument; fields are plain for the sake of the tick path."""

    __slots__ = (
        "active",
        "ask",
        "ask_left",
        "ask_ns",
        "ask_size",
        "bid",
        "bid_left",
        "bid_ns",
        "bid_size",
        "close",
        "day_end_ns",
        "halted",
        "high",
        "history",
        "hours",
        "instrument",
        "last",
        "last_ns",
        "last_size",
        "low",
        "open",
        "past",
        "print_left",
        "quoted",
        "volume",
    )

    def __init__(self, instrument: Instrument, seed: int, start_ns: int) -> None:
        self.instrument = instrument
        self.hours = Hours(instrument.sessions)
        self.history = History(instrument, seed)
        self.past = PastTicks()
        self.active: list[LiveOrder] = []
        self.bid: float | None = None
        self.ask: float | None = None
        self.last: float | None = None
        self.bid_size = self.ask_size = self.last_size = self.volume = 0
        self.bid_ns = self.ask_ns = self.last_ns = 0
        self.bid_left = self.ask_left = self.print_left = 0
        self.open: float | None = None
        self.high: float | None = None
        self.low: float | None = None
        self.close: float | None = None
        self.quoted = False
        self.halted = 0
        self.day_end_ns = self._day_end(start_ns)

    def _day_end(self, now_ns: int) -> int:
        end_ns = self.hours.day_end(now_ns)
        return FOREVER_NS if end_ns is None else end_ns

    def apply(self, tick: MarketTick, now_ns: int) -> None:
        """Take one tick into the quote, the display, the day's figures and the history."""
        if now_ns >= self.day_end_ns:
            self._new_day(now_ns)
        price, size, kind = tick.price, tick.size, tick.kind
        if kind == "B":
            self.bid, self.bid_size, self.bid_left, self.bid_ns = price, size, size, now_ns
            self.quoted = True
        elif kind == "A":
            self.ask, self.ask_size, self.ask_left, self.ask_ns = price, size, size, now_ns
            self.quoted = True
        else:
            self.last, self.last_size, self.print_left, self.last_ns = price, size, size, now_ns
            self.volume += size
            if self.high is None or self.low is None:
                self.open = self.high = self.low = price
            elif price > self.high:
                self.high = price
            elif price < self.low:
                self.low = price
        self.history.add(now_ns, kind, price, size)
        self.past.add(now_ns, kind, price, size)

    def past_of(
        self,
        times: NDArray[np.int64],
        kinds: NDArray[np.uint8],
        prices: NDArray[np.float64],
        sizes: NDArray[np.int64],
    ) -> None:
        """Many ticks into the history alone; what they leave behind is set by who played them."""
        self.history.extend(times, kinds, prices, sizes)
        self.past.extend(times, kinds, prices, sizes)

    def _new_day(self, now_ns: int) -> None:
        self.close = self.last
        self.open = self.high = self.low = None
        self.volume = 0
        self.day_end_ns = self._day_end(now_ns)

    def displayed(self, buys: bool, since_ns: int) -> tuple[float, int] | None:
        """Price and size that an order of this side meets, if any were shown since then."""
        if not self.quoted:
            price, left, shown_ns = self.last, self.print_left, self.last_ns
        elif buys:
            price, left, shown_ns = self.ask, self.ask_left, self.ask_ns
        else:
            price, left, shown_ns = self.bid, self.bid_left, self.bid_ns
        if price is None or shown_ns < since_ns:
            return None
        return price, left

    def take(self, buys: bool, size: int) -> None:
        """Use up part of what ``displayed`` showed."""
        if not self.quoted:
            self.print_left -= size
        elif buys:
            self.ask_left -= size
        else:
            self.bid_left -= size

    def mark(self) -> float | None:
        """What a share is worth: the last trade, else the middle of the quote."""
        if self.last is not None:
            return self.last
        if self.bid is None or self.ask is None:
            return self.bid or self.ask
        return (self.bid + self.ask) / 2

    def quote(self) -> Quote:
        return Quote(
            bid=self.bid,
            bid_size=self.bid_size,
            ask=self.ask,
            ask_size=self.ask_size,
            last=self.last,
            last_size=self.last_size,
            volume=self.volume,
            open=self.open,
            high=self.high,
            low=self.low,
            close=self.close,
            halted=self.halted,
        )


# The market at this moment, to be read and not kept: the book itself costs nothing to hand over.
Shown = Quote | Book

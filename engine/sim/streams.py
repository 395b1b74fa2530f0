"""What a client has subscribed to of one instrument's market, as frames on each change.

Every stream is told of each tick of its symbol with the quote after it, and answers with the
frames this tick causes. Streams remember what they sent, because TWS sends changes only. What the
two that speak most say of a tick is in compiled code, which also tells them many ticks at once
(``bursts``).
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Final, Literal, Protocol, runtime_checkable

import attrs

from _fast.tellers import ASK, BID, QuoteTeller, TickTeller, middle
from engine.inputs import Instrument
from engine.sim.book import Shown
from engine.sim.records import MarketTick
from engine.sim.wire_encoder import Encoder
from engine.sim.wire_messages import (
    MARKET_DATA_TYPE,
    REALTIME_BAR,
    TICK_REQ_PARAMS,
    Value,
)
from engine.sim.wire_time import SECOND_NS

BBO_EXCHANGE: Final = "9c0001"  # stands for the venues behind SMART
LIVE: Final = 1  # market data type: neither frozen nor delayed
REALTIME_BAR_S: Final = 5
# Tick types of TWS that are told once, beside those of compiled code.
CLOSE, SHORTABLE, HALTED, SHORTABLE_SHARES = 9, 46, 49, 89
SHORTABLE_TICKS: Final = "236"  # the generic tick that asks for both
LENT: Final = {"yes": (3.0, 1_000_000), "locate": (2.0, 0), "no": (1.0, 0)}
_CAN_AUTO_EXECUTE: Final = 1
TickByTick = Literal["Last", "AllLast", "BidAsk", "MidPoint"]
Show = Literal["TRADES", "MIDPOINT", "BID", "ASK"]


class Stream(Protocol):
    @property
    def symbol(self) -> str: ...

    def tick(self, tick: MarketTick, quote: Shown) -> list[bytes]:
        """The frames that ``tick`` causes; ``quote`` already contains it."""


@runtime_checkable
class TimedStream(Stream, Protocol):
    """One that has something to say although nothing happens."""

    def advance(self, now_ns: int) -> list[bytes]:
        """The frames that the mere passing of time causes."""


class QuoteStream(QuoteTeller):
    """reqMktData: bid, ask, last and the figures of the day. ``shortable`` is what there is to say
    of shares to borrow, if that was asked; ``dark``: it began while there were no data, and has
    not shown the market yet."""

    def __init__(
        self, request_id: int, instrument: Instrument, encoder: Encoder, shortable: str = ""
    ) -> None:
        self._frames = encoder.ticks(request_id)
        super().__init__(request_id, instrument.symbol, self._frames)
        self._encoder = encoder
        self._instrument = instrument
        self._shortable = shortable
        self.dark = False

    def start(self, quote: Shown, last_ns: int) -> list[bytes]:
        """What is answered to who subscribes."""
        return [*self.opening(), *self.shows(quote, last_ns)]

    def opening(self) -> list[bytes]:
        """What is known without any market."""
        increment = float(min(step for _, step in self._instrument.grid.bands))
        return [
            self._encoder.simple(TICK_REQ_PARAMS, self.request_id, increment, BBO_EXCHANGE, 3),
            self.data_type(LIVE),
        ]

    def shows(self, quote: Shown, last_ns: int) -> list[bytes]:
        """The market as it stands; what is not known yet is simply not sent."""
        frames: list[bytes] = []
        if quote.bid is not None:
            frames.append(self._side(BID, quote.bid, quote.bid_size))
        if quote.ask is not None:
            frames.append(self._side(ASK, quote.ask, quote.ask_size))
        self.bid, self.ask = quote.bid, quote.ask
        if quote.last is not None:
            trade = MarketTick(last_ns, self.symbol, "T", quote.last, quote.last_size)
            frames += self.tick(trade, quote)
        if quote.close is not None:
            frames.append(self._frames.price(CLOSE, quote.close, 0, 0))
        frames.append(self.halted(quote.halted))
        if self._shortable:
            code, shares = LENT[self._shortable]
            frames.append(self._frames.generic(SHORTABLE, code))
            frames.append(self._frames.size(SHORTABLE_SHARES, shares))
        return frames

    def halted(self, kind: int) -> bytes:
        return self._frames.generic(HALTED, float(kind))

    def sides(self, bid: float, ask: float, size: int) -> list[bytes]:
        """A quote that nobody made."""
        self.bid = self.ask = None  # what is shown next is news
        return [self._side(BID, bid, size), self._side(ASK, ask, size)]

    def data_type(self, kind: int) -> bytes:
        return self._encoder.simple(MARKET_DATA_TYPE, self.request_id, kind)

    def _side(self, kind: int, price: float, size: int) -> bytes:
        return self._frames.price(kind, price, size, _CAN_AUTO_EXECUTE)


class TickStream(TickTeller):
    """reqTickByTickData: each trade, or each change of the quote, with nothing left out."""

    def __init__(self, request_id: int, symbol: str, kind: TickByTick, encoder: Encoder) -> None:
        super().__init__(request_id, symbol, kind, encoder.ticks(request_id))


@attrs.define
class BarStream:
    """reqRealTimeBars: one bar each five seconds, also when nothing traded (volume 0), while
    ``trades_at`` says that the hours are those that were asked for."""

    request_id: int
    symbol: str
    show: Show
    encoder: Encoder
    now_ns: int
    trades_at: Callable[[int], bool]
    _start_s: int = attrs.field(init=False)
    _prices: list[float] = attrs.field(factory=list)  # open, high, low, close of this bar
    _previous: float | None = None
    _volume: int = 0
    _turnover: float = 0.0
    _count: int = 0

    def __attrs_post_init__(self) -> None:
        self._start_s = self._floor(self.now_ns)

    def begin(self, quote: Shown) -> None:
        """Start from the market as it stands, so that the first bars need no trade."""
        self._previous = shown(self.show, quote)

    def tick(self, tick: MarketTick, quote: Shown) -> list[bytes]:
        frames = self.advance(tick.time_ns)
        price = shown(self.show, quote)
        if price is None or (self.show == "TRADES") != (tick.kind == "T"):
            return frames
        if not self.trades_at(tick.time_ns):
            return frames
        if self._prices:
            self._prices[1] = max(self._prices[1], price)
            self._prices[2] = min(self._prices[2], price)
            self._prices[3] = price
        else:
            self._prices = [price] * 4
        self._previous = price
        if self.show == "TRADES":
            self._volume += tick.size
            self._turnover += tick.size * price
            self._count += 1
        return frames

    def advance(self, now_ns: int) -> list[bytes]:
        """Close every bar that has ended by ``now_ns``."""
        frames = []
        current_s = self._floor(now_ns)
        while self._start_s < current_s:
            if self._previous is not None and self.trades_at(self._start_s * SECOND_NS):
                frames.append(self._bar(self._prices or [self._previous] * 4))
            self._empty()
            self._start_s += REALTIME_BAR_S
        return frames

    def skip(self, now_ns: int, quote: Shown) -> None:
        """Nothing was heard of the market, so there are no bars of this time."""
        self._empty()
        self._start_s = self._floor(now_ns)
        self.begin(quote)

    def _empty(self) -> None:
        self._prices, self._volume, self._turnover, self._count = [], 0, 0.0, 0

    def _bar(self, prices: list[float]) -> bytes:
        if self.show == "TRADES":
            average = round(self._turnover / self._volume, 6) if self._volume else prices[3]
            volume, count = Decimal(self._volume), self._count
        else:
            average, volume, count = 0.0, Decimal(-1), -1  # TWS has no volume of quotes
        values: tuple[Value, ...] = (self._start_s, *prices, volume, Decimal(repr(average)), count)
        return self.encoder.simple(REALTIME_BAR, self.request_id, *values)

    @staticmethod
    def _floor(now_ns: int) -> int:
        seconds = now_ns // SECOND_NS
        return seconds - seconds % REALTIME_BAR_S


def shown(show: str, quote: Shown) -> float | None:
    """The price that ``show`` stands for, None while it is unknown."""
    if show == "BID":
        return quote.bid
    if show == "ASK":
        return quote.ask
    if show == "MIDPOINT":
        if quote.bid is None or quote.ask is None:
            return None
        return middle(quote.bid, quote.ask)
    return quote.last

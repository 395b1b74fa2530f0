"""What a client has subscribed to of one instrument's market, as frames on each change.

Every stream is told of each tick of its symbol with the quote after it, and answers with the
frames this tick causes. Streams remember what they sent, because TWS sends changes only.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final, Literal, Protocol

import attrs

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
from engine.sim.wire_ticks import TickWriter
from engine.sim.wire_time import SECOND_NS

BBO_EXCHANGE: Final = "9c0001"  # stands for the venues behind SMART
LIVE: Final = 1  # market data type: neither frozen nor delayed
REALTIME_BAR_S: Final = 5
# Tick types of TWS: prices come with their size, which clients then report as its own tick.
BID, ASK, LAST, HIGH, LOW, CLOSE, OPEN = 1, 2, 4, 6, 7, 9, 14
BID_SIZE, ASK_SIZE, LAST_SIZE, VOLUME, LAST_TIME, HALTED = 0, 3, 5, 8, 45, 49
SHORTABLE, SHORTABLE_SHARES = 46, 89
SHORTABLE_TICKS: Final = "236"  # the generic tick that asks for both
LENT: Final = {"yes": (3.0, 1_000_000), "locate": (2.0, 0), "no": (1.0, 0)}
_CAN_AUTO_EXECUTE: Final = 1
TickByTick = Literal["Last", "AllLast", "BidAsk", "MidPoint"]
Show = Literal["TRADES", "MIDPOINT", "BID", "ASK"]


class Stream(Protocol):
    symbol: str

    def tick(self, tick: MarketTick, quote: Shown) -> list[bytes]:
        """The frames that ``tick`` causes; ``quote`` already contains it."""

    def advance(self, now_ns: int) -> list[bytes]:
        """The frames that the mere passing of time causes."""


@attrs.define
class QuoteStream:
    """reqMktData: bid, ask, last and the figures of the day."""

    request_id: int
    instrument: Instrument
    encoder: Encoder
    symbol: str = attrs.field(init=False)
    _writer: TickWriter = attrs.field(init=False)
    # What was told last.
    bid: float | None = attrs.field(default=None, init=False)
    ask: float | None = attrs.field(default=None, init=False)
    last: float | None = attrs.field(default=None, init=False)
    last_size: int = attrs.field(default=-1, init=False)
    last_s: int = attrs.field(default=0, init=False)
    high: float | None = attrs.field(default=None, init=False)
    low: float | None = attrs.field(default=None, init=False)
    open: float | None = attrs.field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        self.symbol = self.instrument.symbol
        self._writer = self.encoder.ticks(self.request_id)

    def start(self, quote: Shown, last_ns: int) -> list[bytes]:
        """The market as it stands; what is not known yet is simply not sent."""
        increment = float(min(step for _, step in self.instrument.grid.bands))
        frames = [
            self.encoder.simple(TICK_REQ_PARAMS, self.request_id, increment, BBO_EXCHANGE, 3),
            self.data_type(LIVE),
        ]
        if quote.bid is not None:
            frames.append(self._side(BID, quote.bid, quote.bid_size))
        if quote.ask is not None:
            frames.append(self._side(ASK, quote.ask, quote.ask_size))
        self.bid, self.ask = quote.bid, quote.ask
        if quote.last is not None:
            frames += self._trade(quote.last, quote.last_size, last_ns, quote)
        if quote.close is not None:
            frames.append(self._price(CLOSE, quote.close))
        frames.append(self.halted(quote.halted))
        return frames

    def lent(self, shortable: str) -> list[bytes]:
        """Whether there are shares to borrow, and how many."""
        code, shares = LENT[shortable]
        return [
            self._writer.generic(SHORTABLE, code),
            self._writer.size(SHORTABLE_SHARES, shares),
        ]

    def halted(self, kind: int) -> bytes:
        return self._writer.generic(HALTED, float(kind))

    def sides(self, bid: float, ask: float, size: int) -> list[bytes]:
        """A quote that nobody made."""
        self.bid = self.ask = None  # what is shown next is news
        return [self._side(BID, bid, size), self._side(ASK, ask, size)]

    def data_type(self, kind: int) -> bytes:
        return self.encoder.simple(MARKET_DATA_TYPE, self.request_id, kind)

    def tick(self, tick: MarketTick, quote: Shown) -> list[bytes]:
        price = tick.price
        if tick.kind == "T":
            return self._trade(price, tick.size, tick.time_ns, quote)
        if tick.kind == "B":
            if price == self.bid:
                return [self._writer.size(BID_SIZE, tick.size)]
            self.bid = price
            return [self._writer.price(BID, price, tick.size, _CAN_AUTO_EXECUTE)]
        if price == self.ask:
            return [self._writer.size(ASK_SIZE, tick.size)]
        self.ask = price
        return [self._writer.price(ASK, price, tick.size, _CAN_AUTO_EXECUTE)]

    def advance(self, now_ns: int) -> list[bytes]:
        return []

    def _trade(self, price: float, size: int, time_ns: int, quote: Shown) -> list[bytes]:
        frames = []
        writer = self._writer
        if time_ns // SECOND_NS != self.last_s:
            self.last_s = time_ns // SECOND_NS
            frames.append(writer.string(LAST_TIME, str(self.last_s)))
        if price != self.last:
            frames.append(writer.price(LAST, price, size, 0))
        elif size != self.last_size:
            frames.append(writer.size(LAST_SIZE, size))
        self.last, self.last_size = price, size
        frames.append(writer.size(VOLUME, quote.volume))
        if quote.high != self.high or quote.low != self.low or quote.open != self.open:
            frames += self._day_figures(quote)
        return frames

    def _day_figures(self, quote: Shown) -> list[bytes]:
        frames = []
        if quote.high is not None and quote.high != self.high:
            frames.append(self._price(HIGH, quote.high))
        if quote.low is not None and quote.low != self.low:
            frames.append(self._price(LOW, quote.low))
        if quote.open is not None and quote.open != self.open:
            frames.append(self._price(OPEN, quote.open))
        self.high, self.low, self.open = quote.high, quote.low, quote.open
        return frames

    def _side(self, kind: int, price: float, size: int) -> bytes:
        return self._writer.price(kind, price, size, _CAN_AUTO_EXECUTE)

    def _price(self, kind: int, price: float) -> bytes:
        return self._writer.price(kind, price, 0, 0)


@attrs.define
class TickStream:
    """reqTickByTickData: each trade, or each change of the quote, with nothing left out."""

    request_id: int
    symbol: str
    kind: TickByTick
    encoder: Encoder
    _writer: TickWriter = attrs.field(init=False)
    _mid: float | None = None

    def __attrs_post_init__(self) -> None:
        self._writer = self.encoder.ticks(self.request_id)

    def tick(self, tick: MarketTick, quote: Shown) -> list[bytes]:
        second = tick.time_ns // SECOND_NS
        if self.kind in ("Last", "AllLast"):
            if tick.kind != "T":
                return []
            kind = 2 if self.kind == "AllLast" else 1
            return [self._writer.last(kind, second, tick.price, tick.size, "ISLAND")]
        if tick.kind == "T" or quote.bid is None or quote.ask is None:
            return []
        if self.kind == "BidAsk":
            sizes = (quote.bid_size, quote.ask_size)
            return [self._writer.bid_ask(second, quote.bid, quote.ask, *sizes)]
        mid = middle(quote.bid, quote.ask)
        if mid == self._mid:
            return []
        self._mid = mid
        return [self._writer.mid(second, mid)]

    def advance(self, now_ns: int) -> list[bytes]:
        return []


@attrs.define
class BarStream:
    """reqRealTimeBars: one bar each five seconds, also when nothing traded (volume 0)."""

    request_id: int
    symbol: str
    show: Show
    encoder: Encoder
    now_ns: int
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
            if self._previous is not None:
                frames.append(self._bar(self._prices or [self._previous] * 4))
            self._prices, self._volume, self._turnover, self._count = [], 0, 0.0, 0
            self._start_s += REALTIME_BAR_S
        return frames

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


def middle(bid: float, ask: float) -> float:
    return round((bid + ask) / 2, 6)


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

"""The order book as clients are shown it: the quote, and a made-up ladder behind it.

Tick files have the best price of each side and nothing below it. The ladder goes away from the
quote in steps of its spread, with more size on each step, so that it moves as the quote does.
Nothing trades against it: fills know the quote alone.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import attrs

from engine.inputs import Instrument
from engine.money import exact
from engine.sim.book import Shown
from engine.sim.records import MarketTick
from engine.sim.wire_encoder import Encoder
from engine.sim.wire_messages import MARKET_DEPTH, MARKET_DEPTH_L2

INSERT, UPDATE, DELETE = 0, 1, 2
ASKS, BIDS = 0, 1
# Venues with the service TWS names for their book: Deep2 tells who stands behind a row.
VENUES: Final = {"ARCA": "Deep2", "IEX": "Deep2", "ISLAND": "Deep2", "NYSE": "Deep"}
_NAMED: Final = tuple(VENUES)
Level = tuple[float, int]


def ladder(instrument: Instrument, quote: Shown, side: int, rows: int) -> list[Level]:
    """(price, size) from the best price on; nothing while that is unknown."""
    best, size = (quote.bid, quote.bid_size) if side == BIDS else (quote.ask, quote.ask_size)
    if best is None:
        return []
    price = exact(best)
    step = instrument.grid.increment(price)
    if quote.bid is not None and quote.ask is not None and quote.ask > quote.bid:
        step = max(step, exact(quote.ask) - exact(quote.bid))
    away = -step if side == BIDS else step
    prices = (price + away * row for row in range(rows))
    return [
        (float(level), size * (row + 1)) for row, level in enumerate(prices) if level > Decimal(0)
    ]


@attrs.define
class DepthStream:
    """reqMktDepth: both sides, row by row, and what changes of them. ``smart`` shows the venues
    of all together; ``level2`` tells whose a row is."""

    request_id: int
    instrument: Instrument
    rows: int
    venue: str
    level2: bool
    smart: bool
    encoder: Encoder
    symbol: str = attrs.field(init=False)
    _sent: dict[int, list[Level]] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.symbol = self.instrument.symbol
        self._sent = {BIDS: [], ASKS: []}

    def start(self, quote: Shown) -> list[bytes]:
        return self._shown(BIDS, quote) + self._shown(ASKS, quote)

    def tick(self, tick: MarketTick, quote: Shown) -> list[bytes]:
        return [] if tick.kind == "T" else self.start(quote)

    def advance(self, now_ns: int) -> list[bytes]:
        return []

    def _shown(self, side: int, quote: Shown) -> list[bytes]:
        """The rows of one side that are not what the client has been told."""
        told, levels = self._sent[side], ladder(self.instrument, quote, side, self.rows)
        self._sent[side] = levels
        frames = []
        for row, level in enumerate(levels):
            if row >= len(told):
                frames.append(self._row(row, INSERT, side, *level))
            elif level != told[row]:
                frames.append(self._row(row, UPDATE, side, *level))
        gone = range(len(told) - 1, len(levels) - 1, -1)
        return frames + [self._row(row, DELETE, side, 0.0, 0) for row in gone]

    def _row(self, row: int, operation: int, side: int, price: float, size: int) -> bytes:
        head = (self.request_id, row)
        tail = (operation, side, price, Decimal(size))
        if not self.level2:
            return self.encoder.simple(MARKET_DEPTH, *head, *tail)
        name = _NAMED[row % len(_NAMED)] if self.smart else self.venue
        return self.encoder.simple(MARKET_DEPTH_L2, *head, name, *tail, self.smart)

"""Delayed market data: the quotes of a quarter of an hour ago, under numbers of their own."""

from __future__ import annotations

from collections import deque
from typing import Final

import attrs

from _fast.tellers import ASK, ASK_SIZE, BID, BID_SIZE, LAST, LAST_SIZE, LAST_TIME, VOLUME
from _fast.tick_frames import TickFrames
from engine.inputs import Instrument
from engine.sim.book import Shown
from engine.sim.records import MarketTick
from engine.sim.streams import BBO_EXCHANGE
from engine.sim.wire_encoder import Encoder
from engine.sim.wire_messages import MARKET_DATA_TYPE, TICK_REQ_PARAMS
from engine.sim.wire_time import SECOND_NS

DELAYED: Final = 3  # market data type
DELAY_NS: Final = 900 * SECOND_NS
NUMBERS: Final = {
    BID: 66, ASK: 67, LAST: 68, BID_SIZE: 69, ASK_SIZE: 70, LAST_SIZE: 71, VOLUME: 74,
    LAST_TIME: 88,
}  # fmt: skip
_SIDES: Final = {"B": BID, "A": ASK}


@attrs.define
class DelayedStream:
    """reqMktData of an account without live data. What is older than the subscription and
    younger than the delay is not told."""

    request_id: int
    instrument: Instrument
    encoder: Encoder
    symbol: str = attrs.field(init=False)
    _writer: TickFrames = attrs.field(init=False)
    _waiting: deque[tuple[MarketTick, int]] = attrs.field(factory=deque)

    def __attrs_post_init__(self) -> None:
        self.symbol = self.instrument.symbol
        self._writer = self.encoder.ticks(self.request_id)

    def start(self) -> list[bytes]:
        increment = float(min(step for _, step in self.instrument.grid.bands))
        params = (self.request_id, increment, BBO_EXCHANGE, 0)
        return [
            self.encoder.simple(TICK_REQ_PARAMS, *params),
            self.encoder.simple(MARKET_DATA_TYPE, self.request_id, DELAYED),
        ]

    def tick(self, tick: MarketTick, quote: Shown) -> list[bytes]:
        self._waiting.append((tick, quote.volume))
        return self.advance(tick.time_ns)

    def advance(self, now_ns: int) -> list[bytes]:
        """What has become old enough."""
        frames: list[bytes] = []
        while self._waiting and self._waiting[0][0].time_ns <= now_ns - DELAY_NS:
            frames += self._told(*self._waiting.popleft())
        return frames

    def _told(self, tick: MarketTick, volume: int) -> list[bytes]:
        writer = self._writer
        if tick.kind != "T":
            return [writer.price(NUMBERS[_SIDES[tick.kind]], tick.price, tick.size, 0)]
        return [
            writer.string(NUMBERS[LAST_TIME], str(tick.time_ns // SECOND_NS)),
            writer.price(NUMBERS[LAST], tick.price, tick.size, 0),
            writer.size(NUMBERS[VOLUME], volume),
        ]

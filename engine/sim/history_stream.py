"""Historical bars on the wire, and a history that is kept up to date."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from functools import lru_cache
from typing import Final

import attrs

from engine.inputs import Instrument
from engine.sim.book import Shown
from engine.sim.history import DAY_NS, HistoryBar
from engine.sim.records import MarketTick
from engine.sim.wire_encoder import Encoder
from engine.sim.wire_messages import BARS_KEPT, WireBar
from engine.sim.wire_time import SECOND_NS, local, zoned

UPDATE_EVERY_NS: Final = 5 * SECOND_NS
_EPOCH_STYLE: Final = 2


@lru_cache(maxsize=BARS_KEPT)
def wire_bar(bar: HistoryBar, zone_name: str, style: int, daily: bool) -> WireBar:
    """``style`` 1 names the instrument's clock, 2 is epoch seconds; days are always dates."""
    if daily:
        date = f"{local(bar.time_ns, zone_name):%Y%m%d}"
    elif style == _EPOCH_STYLE:
        date = str(bar.time_ns // SECOND_NS)
    else:
        date = zoned(bar.time_ns, zone_name)
    return WireBar(
        date=date,
        open=round(bar.open, 6),
        high=round(bar.high, 6),
        low=round(bar.low, 6),
        close=round(bar.close, 6),
        volume=Decimal(bar.volume),
        average=round(bar.average, 6),
        count=bar.count,
    )


@attrs.define
class HistoryStream:
    """reqHistoricalData with keepUpToDate: the latest bar again whenever it has changed.

    ``latest(end_ns, back)`` gives the newest bars of the subscribed kind.
    """

    request_id: int
    instrument: Instrument
    encoder: Encoder
    latest: Callable[..., list[HistoryBar]]
    bar_ns: int
    style: int
    now_ns: int
    symbol: str = attrs.field(init=False)
    _due_ns: int = attrs.field(init=False)
    _sent: HistoryBar | None = None

    def __attrs_post_init__(self) -> None:
        self.symbol = self.instrument.symbol
        self._due_ns = self._next(self.now_ns)

    @staticmethod
    def _next(now_ns: int) -> int:
        return now_ns - now_ns % UPDATE_EVERY_NS + UPDATE_EVERY_NS

    def tick(self, tick: MarketTick, quote: Shown) -> list[bytes]:
        return self.advance(tick.time_ns)

    def advance(self, now_ns: int) -> list[bytes]:
        """Every bar since the one sent last, with its final figures, then the current one."""
        if now_ns < self._due_ns:
            return []
        self._due_ns = self._next(now_ns)
        daily = self.bar_ns >= DAY_NS
        back = "1 D" if daily else f"{max(2 * self.bar_ns // SECOND_NS, 60)} S"
        sent = self._sent
        bars = self.latest(end_ns=now_ns, back=back)
        if sent is None:
            fresh = bars[-1:]
        else:
            fresh = [bar for bar in bars if bar.time_ns >= sent.time_ns and bar != sent]
        if not fresh:
            return []
        self._sent = fresh[-1]
        zone = self.instrument.time_zone
        rendered = [wire_bar(bar, zone, self.style, daily) for bar in fresh]
        return [self.encoder.historical_update(self.request_id, bar) for bar in rendered]

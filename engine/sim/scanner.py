"""The market scanner: what can be scanned for, and a scan of the known instruments."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final
from xml.sax.saxutils import escape

import attrs

from engine.inputs import Instrument
from engine.sim.book import Quote, Shown
from engine.sim.records import MarketTick
from engine.sim.wire_encoder import Encoder
from engine.sim.wire_lists import SCANNER_DATA
from engine.sim.wire_time import SECOND_NS

ROWS_MAX: Final = 50
SCANNERS_MAX: Final = 10
EVERY_NS: Final = 30 * SECOND_NS  # how often TWS scans again
INSTRUMENT: Final = "STK"
LOCATIONS: Final = ("STK.US", "STK.US.MAJOR", "STK.NYSE", "STK.NASDAQ")
UNSET: Final = 1e300  # and everything above: no bound
Measure = Callable[[Quote], float | None]


def _change(now: float | None, before: float | None) -> float | None:
    """By how much of itself ``before`` has become ``now``."""
    return None if now is None or not before else now / before - 1


def _gain(quote: Quote) -> float | None:
    """Since yesterday's close, or since the open of a first day."""
    return _change(quote.last, quote.close or quote.open)


def _gap(quote: Quote) -> float | None:
    return _change(quote.open, quote.close)


def _range(quote: Quote) -> float | None:
    return None if quote.high is None or quote.low is None else quote.high - quote.low


def _turnover(quote: Quote) -> float | None:
    return None if quote.last is None else quote.last * quote.volume


def _volume(quote: Quote) -> float | None:
    return quote.volume or None


def _less(measure: Measure) -> Measure:
    def turned(quote: Quote) -> float | None:
        found = measure(quote)
        return None if found is None else -found

    return turned


# By scan code: what it is called, and what it ranks by, the greatest first.
SCANS: Final[Mapping[str, tuple[str, Measure]]] = {
    "TOP_PERC_GAIN": ("Top % Gainers", _gain),
    "TOP_PERC_LOSE": ("Top % Losers", _less(_gain)),
    "TOP_OPEN_PERC_GAIN": ("Top % Gainers Since Open", _gap),
    "TOP_OPEN_PERC_LOSE": ("Top % Losers Since Open", _less(_gap)),
    "MOST_ACTIVE": ("Most Active", _volume),
    "MOST_ACTIVE_USD": ("Most Active ($)", _turnover),
    "HOT_BY_VOLUME": ("Hot Contracts by Volume", _volume),
    "HOT_BY_PRICE": ("Hot Contracts by Price", _gain),
    "TOP_PRICE_RANGE": ("Top Price Range", _range),
    "HALTED": ("Halted", lambda quote: quote.halted or None),
}


def parameters() -> str:
    """What a scan may name, as the XML that TWS describes its scanner with."""
    locations = "".join(
        f"<Location><displayName>{name}</displayName><locationCode>{name}</locationCode>"
        f"<instruments>{INSTRUMENT}</instruments></Location>"
        for name in LOCATIONS
    )
    scans = "".join(
        f"<ScanType><displayName>{escape(title)}</displayName><scanCode>{code}</scanCode>"
        f"<instruments>{INSTRUMENT}</instruments></ScanType>"
        for code, (title, _) in SCANS.items()
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<ScanParameterResponse>'
        "<InstrumentList><Instrument><name>US Stocks</name>"
        f"<type>{INSTRUMENT}</type></Instrument></InstrumentList>"
        f"<LocationTree>{locations}</LocationTree><ScanTypeList>{scans}</ScanTypeList>"
        "</ScanParameterResponse>"
    )


@attrs.frozen(kw_only=True)
class Scan:
    """What is scanned for; a bound that is 0 or unset does not bind."""

    code: str
    location: str
    rows: int
    above_price: float
    below_price: float
    above_volume: int

    def passes(self, instrument: Instrument, quote: Quote) -> bool:
        venue = self.location.removeprefix("STK.")
        if venue in ("NYSE", "NASDAQ") and instrument.primary_exchange != venue:
            return False
        price = quote.last or quote.bid or 0.0
        return (
            (not 0 < self.above_price < UNSET or price >= self.above_price)
            and (not 0 < self.below_price < UNSET or price <= self.below_price)
            and quote.volume >= self.above_volume
        )


@attrs.define
class ScannerStream:
    """reqScannerSubscription: the ranks at once, and again each half minute."""

    request_id: int
    scan: Scan
    instruments: Sequence[Instrument]
    quote: Callable[[str], Quote]
    encoder: Encoder
    now_ns: int
    symbol: str = ""  # of no instrument: ticks alone cause nothing

    def start(self) -> list[bytes]:
        return [self._ranks()]

    def tick(self, tick: MarketTick, quote: Shown) -> list[bytes]:
        return []

    def advance(self, now_ns: int) -> list[bytes]:
        if now_ns < self.now_ns + EVERY_NS:
            return []
        self.now_ns = now_ns
        return [self._ranks()]

    def _ranks(self) -> bytes:
        measure = SCANS[self.scan.code][1]
        found = []
        for instrument in self.instruments:
            quote = self.quote(instrument.symbol)
            rank = measure(quote) if self.scan.passes(instrument, quote) else None
            if rank is not None:
                found.append((-rank, instrument.symbol, instrument))
        found.sort(key=lambda one: one[:2])
        rows = ROWS_MAX if self.scan.rows <= 0 else min(self.scan.rows, ROWS_MAX)
        return self.encoder.listed(
            SCANNER_DATA,
            (self.request_id,),
            [
                (
                    *(rank, one.con_id, one.symbol, one.sec_type, one.exchange, one.currency),
                    *(one.local_symbol or one.symbol, one.trading_class, one.trading_class),
                    *("", "", "", ""),
                )
                for rank, (_, _, one) in enumerate(found[:rows])
            ],
        )

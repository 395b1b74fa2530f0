"""nautilus_trader's backtest of the strategy of ``backtest.py`` on a tick file, as JSON. It runs in
an environment of its own: needs nautilus_trader 1.2x and nothing of this project.

    python nautilus.py TICKS.csv.gz SIGNALS.jsonl
"""

from __future__ import annotations

import csv
import gzip
import json
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import nautilus_trader
from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
from nautilus_trader.config import LoggingConfig, StrategyConfig
from nautilus_trader.indicators import AverageTrueRange, MovingAverageType
from nautilus_trader.model import (
    BarType,
    Money,
    Price,
    Quantity,
    QuoteTick,
    TradeId,
    TradeTick,
    Venue,
)
from nautilus_trader.model.currencies import USD
from nautilus_trader.model.enums import AccountType, AggressorSide, OmsType, OrderSide
from nautilus_trader.test_kit.providers import TestInstrumentProvider
from nautilus_trader.trading.strategy import Strategy

SHARES = 100
STOP_ATR, TARGET_ATR, PERCENT = 6.0, 4.0, 1.0
VENUE = Venue("XNAS")


class Brackets(Strategy):
    """At each signal: what is held goes, and the other side comes with a stop and a target."""

    def __init__(self, instrument: Any, signals: list[tuple[int, str]]) -> None:
        super().__init__(StrategyConfig())
        self.stock, self.signals = instrument, signals
        self.bars = BarType.from_str(f"{instrument.id}-1-MINUTE-LAST-INTERNAL")
        self.atr = AverageTrueRange(14, MovingAverageType.WILDER)

    def on_start(self) -> None:
        self.register_indicator_for_bars(self.bars, self.atr)
        self.subscribe_bars(self.bars)
        self.subscribe_quote_ticks(self.stock.id)
        self.subscribe_trade_ticks(self.stock.id)
        for number, (at_ns, kind) in enumerate(self.signals):
            self.clock.set_time_alert_ns(f"{number}-{kind}", at_ns, self.on_signal)

    def on_signal(self, event: Any) -> None:
        side = OrderSide.BUY if event.name.endswith("BUY") else OrderSide.SELL
        held = self.cache.positions_open(instrument_id=self.stock.id)
        if held and (held[0].side.name == "LONG") == (side == OrderSide.BUY):
            return
        self.cancel_all_orders(self.stock.id)
        self.close_all_positions(self.stock.id)
        quote = self.cache.quote_tick(self.stock.id)
        if quote is None:
            return
        last = float(quote.ask_price if side == OrderSide.BUY else quote.bid_price)
        sign = 1 if side == OrderSide.BUY else -1
        far, near = STOP_ATR * self.atr.value, TARGET_ATR * self.atr.value
        if not self.atr.initialized:
            far = near = last * PERCENT / 100
        orders = self.order_factory.bracket(
            instrument_id=self.stock.id,
            order_side=side,
            quantity=self.stock.make_qty(SHARES),
            sl_trigger_price=self.stock.make_price(last - sign * far),
            tp_price=self.stock.make_price(last + sign * near),
        )
        self.submit_order_list(orders)


def read(path: Path, instrument: Any) -> list[Any]:
    """A quote for each change of a side once both are known, and every trade."""
    day = datetime.strptime(path.name.split("-")[1][:8], "%Y%m%d")  # noqa: DTZ007
    midnight = day.replace(tzinfo=ZoneInfo("America/New_York"))
    origin_ns = int(midnight.timestamp()) * 1_000_000_000
    sides: dict[str, tuple[Price, Quantity]] = {}
    found: list[Any] = []
    with gzip.open(path, "rt", encoding="ascii") as file:
        for number, row in enumerate(csv.DictReader(file)):
            at_ns = origin_ns + int(row["time_ms"]) * 1_000_000
            price, size = Price(float(row["price"]), 2), Quantity(int(row["size"]), 0)
            if row["kind"] == "T":
                if int(row["size"]):
                    who, name = AggressorSide.NO_AGGRESSOR, TradeId(str(number))
                    found.append(TradeTick(instrument.id, price, size, who, name, at_ns, at_ns))
                continue
            sides[row["kind"]] = price, size
            if len(sides) == 2:
                (bid, bids), (ask, asks) = sides["B"], sides["A"]
                found.append(QuoteTick(instrument.id, bid, ask, bids, asks, at_ns, at_ns))
    return found


def read_signals(path: Path, ticks: Path) -> list[tuple[int, str]]:
    day = datetime.strptime(ticks.name.split("-")[1][:8], "%Y%m%d")  # noqa: DTZ007
    midnight = day.replace(tzinfo=ZoneInfo("America/New_York"))
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    found = []
    for row in rows:
        hour, minute, second = map(int, row["at"].split(":"))
        at = midnight + timedelta(hours=hour, minutes=minute, seconds=second)
        found.append((int(at.timestamp()) * 1_000_000_000, row["signal"]))
    return found


def main(ticks: Path, signals: Path) -> None:
    engine = BacktestEngine(BacktestEngineConfig(logging=LoggingConfig(bypass_logging=True)))
    engine.add_venue(
        VENUE, OmsType.NETTING, AccountType.MARGIN, [Money(1_000_000, USD)], base_currency=USD
    )
    instrument = TestInstrumentProvider.equity(ticks.name.split("-")[0], str(VENUE))
    engine.add_instrument(instrument)
    data = read(ticks, instrument)
    engine.add_data(data)
    engine.add_strategy(Brackets(instrument, read_signals(signals, ticks)))
    began = time.process_time()
    engine.run()
    seconds = time.process_time() - began
    # A netted position is one over the whole run; each time it was closed is kept beside it.
    kept = engine.cache.position_snapshots() + engine.cache.positions_closed()
    closed = [
        {
            "side": "long" if one.entry == OrderSide.BUY else "short",
            "entry": one.avg_px_open,
            "exit": one.avg_px_close,
            "opened_ns": one.ts_opened,
            "closed_ns": one.ts_closed,
        }
        for one in kept
    ]
    closed.sort(key=lambda one: one["opened_ns"])
    found = {"version": nautilus_trader.__version__, "ticks": len(data), "seconds": seconds}
    print(json.dumps({**found, "trades": closed}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))

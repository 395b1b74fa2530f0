"""nautilus_trader's backtest of the strategy of ``backtest.py`` on a tick file, as JSON. It runs in
an environment of its own: needs nautilus_trader, 1.2x or a pre-release of 2.0, and nothing of this
project.

    python nautilus.py TICKS.csv.gz SIGNALS.jsonl...

The day is played once with each of the files of signals.
"""

from __future__ import annotations

import csv
import gzip
import json
import sys
import time
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import nautilus_trader
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

CLASSIC = nautilus_trader.__version__.startswith("1.")
if CLASSIC:
    from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
    from nautilus_trader.config import LoggingConfig, StrategyConfig
    from nautilus_trader.model.currencies import USD
    from nautilus_trader.model.enums import AccountType, AggressorSide, OmsType, OrderSide
    from nautilus_trader.test_kit.providers import TestInstrumentProvider
    from nautilus_trader.trading.strategy import Strategy

    SETTINGS: dict[str, Any] = {"logging": LoggingConfig(bypass_logging=True)}
    FEES: dict[str, Any] = {}
    WILDER = MovingAverageType.WILDER
    EQUITY = TestInstrumentProvider.equity
else:
    from nautilus_trader.backtest import BacktestEngine, BacktestEngineConfig
    from nautilus_trader.common import LoggerConfig
    from nautilus_trader.execution import MakerTakerFeeModel
    from nautilus_trader.model import (
        AccountType,
        AggressorSide,
        Currency,
        Equity,
        InstrumentId,
        OmsType,
        OrderSide,
        Symbol,
    )
    from nautilus_trader.trading import Strategy, StrategyConfig

    SETTINGS = {"logging": LoggerConfig(bypass_logging=True)}
    ZERO = Decimal(0)
    FEES = {"fee_model": MakerTakerFeeModel(maker_rate=ZERO, taker_rate=ZERO)}
    USD = Currency.from_str("USD")
    WILDER = MovingAverageType.Wilder

    def EQUITY(symbol: str, venue: str) -> Any:  # noqa: N802  stands for a class method of 1.2x
        number, cent = InstrumentId.from_str(f"{symbol}.{venue}"), Price(0.01, 2)
        return Equity(number, Symbol(symbol), USD, 2, cent, 0, 0, lot_size=Quantity(100, 0))


NOBODY = AggressorSide.NO_AGGRESSOR
SHARES = 100
STOP_ATR, TARGET_ATR, PERCENT = 6.0, 4.0, 1.0
VENUE = Venue("XNAS")


class Brackets(Strategy):
    """At each signal: what is held goes, and the other side comes with a stop and a target."""

    def follow(self, instrument: Any, signals: list[tuple[int, str]]) -> None:
        self.stock, self.signals = instrument, signals
        self.bars = BarType.from_str(f"{instrument.id}-1-MINUTE-LAST-INTERNAL")
        self.atr = AverageTrueRange(14, WILDER)

    def on_start(self) -> None:
        self.register_indicator_for_bars(self.bars, self.atr)
        self.subscribe_bars(self.bars)
        if CLASSIC:
            self.subscribe_quote_ticks(self.stock.id)
            self.subscribe_trade_ticks(self.stock.id)
        else:
            self.subscribe_quotes(self.stock.id)
            self.subscribe_trades(self.stock.id)
        for number, (at_ns, kind) in enumerate(self.signals):
            self.clock.set_time_alert_ns(f"{number}-{kind}", at_ns, self.on_signal)

    def on_signal(self, event: Any) -> None:
        side = OrderSide.BUY if event.name.endswith("BUY") else OrderSide.SELL
        held = self.cache.positions_open(instrument_id=self.stock.id)
        if held and (held[0].side.name == "LONG") == (side == OrderSide.BUY):
            return
        self.cancel_all_orders(self.stock.id)
        self.close_all_positions(self.stock.id)
        quote = (self.cache.quote_tick if CLASSIC else self.cache.quote)(self.stock.id)
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
                    who, name = NOBODY, TradeId(str(number))
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


def played(instrument: Any, data: list[Any], signals: list[tuple[int, str]]) -> dict[str, Any]:
    """One backtest, by an engine of its own."""
    engine = BacktestEngine(BacktestEngineConfig(**SETTINGS))
    account = OmsType.NETTING, AccountType.MARGIN, [Money(1_000_000, USD)]
    engine.add_venue(VENUE, *account, base_currency=USD, **FEES)
    engine.add_instrument(instrument)
    engine.add_data(data)
    strategy = Brackets(StrategyConfig())
    strategy.follow(instrument, signals)
    engine.add_strategy(strategy)
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
    return {"ticks": len(data), "seconds": seconds, "trades": closed}


def main(ticks: Path, signals: list[Path]) -> None:
    instrument = EQUITY(ticks.name.split("-")[0], str(VENUE))
    data = read(ticks, instrument)
    found = [played(instrument, data, read_signals(path, ticks)) for path in signals]
    print(json.dumps({"version": nautilus_trader.__version__, "days": found}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), [Path(one) for one in sys.argv[2:]])

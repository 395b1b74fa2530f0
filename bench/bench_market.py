"""From a decoded tick to a protective price: bars, ATR, conditions, prices."""

import importlib.util

import numpy as np
import pytest

from _fast.bars import Bars
from _fast.market import Market, replay
from _fast.prices import Bands, level
from _fast.ranges import Atr, atr
from _fast.ticks import KINDS
from bench.conftest import Stage
from bench.ledger import Ledger
from bench.timing import Work

TICKS = 100_000
BARS = 10_000
SECOND = 1_000_000_000
START = 1_704_292_200 * SECOND


def walk(count: int) -> np.ndarray:
    steps = np.random.default_rng(7).normal(0, 0.01, count)
    return np.round(160 + np.cumsum(steps), 2)


def bars() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    close = walk(BARS)
    return close + 0.1, close - 0.1, close


def test_bar(stage: Stage) -> None:
    series = Bars(60)
    price = walk(1)[0]
    stage("market", "bar: one trade, from Python", lambda: series.trade(START, price, 100.0))


def talipp(ledger: Ledger) -> Work | None:
    if importlib.util.find_spec("talipp") is None:
        ledger.missing("ATR of talipp, bar by bar", "pip install talipp")
        return None
    from talipp.indicators import ATR
    from talipp.ohlcv import OHLCV

    theirs = ATR(14)
    bar = OHLCV(160.0, 160.1, 159.9, 160.0, 1)

    def push() -> None:
        theirs.add(bar)
        theirs.purge_oldest(1)

    return push


def talib(ledger: Ledger) -> Work | None:
    if importlib.util.find_spec("talib") is None:
        ledger.missing("ATR of TA-Lib, over an array", "pip install TA-Lib")
        return None
    from talib import ATR

    high, low, close = bars()
    return lambda: ATR(high, low, close, timeperiod=14)


def test_atr_stream(stage: Stage, ledger: Ledger) -> None:
    mine = Atr(14)
    stage(
        "market",
        "ATR(14): one bar, from Python",
        lambda: mine.push(160.1, 159.9, 160.0),
        talipp(ledger),
        "talipp",
    )


def test_atr_array(stage: Stage, ledger: Ledger) -> None:
    high, low, close = bars()
    stage(
        "market",
        "ATR(14): array, per bar",
        lambda: atr(high, low, close, 14),
        talib(ledger),
        "TA-Lib",
        count=BARS,
        other_count=BARS,
    )


@pytest.mark.parametrize("conditions", [0, 8])
def test_tick(stage: Stage, conditions: int) -> None:
    """Decoded ticks in memory: bar, ATR at each bar's end, and conditions far enough not to fire
    but for two that the walk crosses."""
    market = Market(capacity=1)
    row = market.add(bar_seconds=1, trades_from=1)
    market.bind(1, row)
    prices = walk(TICKS)
    middle = float(np.median(prices))
    for number in range(conditions):
        away = 0.0 if number < 2 else 50.0 + number
        market.when(row, "last", "above", middle + away)
    ids = np.ones(TICKS, np.int32)
    kinds = np.full(TICKS, KINDS["TRADE"], np.int32)
    sizes = np.full(TICKS, 100.0)
    clock = [START]

    def work() -> None:
        times = clock[0] + np.arange(TICKS, dtype=np.int64) * (SECOND // 100)
        clock[0] = int(times[-1]) + SECOND
        replay(market, ids, kinds, prices, sizes, times)
        market.fires()

    stage("market", f"tick -> bar -> ATR -> {conditions} conditions", work, count=TICKS)
    assert market.late_trades == 0
    assert not np.isnan(market.instruments["atr"][row])


def test_price(stage: Stage) -> None:
    work = lambda: level(160.25, 3.217, "SELL", 0.01, "stop")  # noqa: E731
    stage("market", "protective price on a grid, from Python", work)


def test_price_of_bands(stage: Stage) -> None:
    bands = Bands((0.0, 1.0), (0.0001, 0.01))
    work = lambda: bands.steps(160.25, 3.217, "SELL", "stop")  # noqa: E731
    stage("market", "protective price in bands, from Python", work)

"""Indicators over arrays, each against TA-Lib's, and one update of each stream.

Ours and TA-Lib's take turns within a round, and every call gets the next of many series: a
processor learns the ups and downs of one that it sees a thousand times by heart, and a market has
no second time.
"""

from __future__ import annotations

import importlib.util
import itertools
from collections.abc import Callable
from typing import Any

import attrs
import numpy as np
import pytest

from _fast.averages import Ema, Sma, Wma, ema, sma, wma
from _fast.channels import Bollinger, Donchian, Keltner, bollinger, donchian, keltner
from _fast.deviations import StdDev, stddev
from _fast.oscillators import Macd, Roc, Rsi, Stochastic, macd, roc, rsi, stochastic
from _fast.quotes import Imbalance, Spread, imbalance, spread
from _fast.ranges import Atr, TrueRange, atr, true_range
from _fast.trend import Adx, Directional, adx, directional
from _fast.volume import Obv, VolumeAverage, Vwap, obv, volume_average, vwap
from bench.conftest import Stage
from bench.ledger import Ledger, Target
from bench.timing import Work

if importlib.util.find_spec("talib"):
    import talib
else:
    talib = None

LONG, DAY = 10_000, 390  # values; a day of one-minute bars
VALUES = 80_000  # of each column, in all series of one size
NOT_SLOWER = Target("ratio", 1.0)
Columns = tuple[np.ndarray, ...]

DONCHIAN = "Donchian(20), to MAX and MIN"

C, HLC, HL, CV, V, QQ = "close", "high low close", "high low", "close volume", "volume", "low high"


@attrs.frozen
class Pair:
    """Ours and TA-Lib's (by name; of two names, both are called), the columns and what follows."""

    ours: Callable[..., Any]
    columns: str
    settings: tuple[Any, ...] = ()
    names: tuple[str, ...] = ()
    their_settings: tuple[Any, ...] | None = None  # None: as ours

    def theirs(self) -> Callable[..., Any]:
        one, *other = (getattr(talib, name) for name in self.names)
        return (lambda *row: (one(*row), *(each(*row) for each in other))) if other else one


ARRAYS = {
    "true range": Pair(true_range, HLC, (), ("TRANGE",)),
    "ATR(14)": Pair(atr, HLC, (14,), ("ATR",)),
    "ATR(14), simple mean": Pair(atr, HLC, (14, "simple")),
    "SMA(20)": Pair(sma, C, (20,), ("SMA",)),
    "EMA(20)": Pair(ema, C, (20,), ("EMA",)),
    "WMA(20)": Pair(wma, C, (20,), ("WMA",)),
    "RSI(14)": Pair(rsi, C, (14,), ("RSI",)),
    "MACD(12, 26, 9)": Pair(macd, C, (12, 26, 9), ("MACD",)),
    "Bollinger(20)": Pair(bollinger, C, (20, 2.0), ("BBANDS",), (20, 2.0, 2.0)),
    "Keltner(20, 10)": Pair(keltner, HLC, (20, 2.0, 10)),
    "+DI and -DI(14)": Pair(directional, HLC, (14,), ("PLUS_DI", "MINUS_DI")),
    "both DI(14), to +DI alone": Pair(directional, HLC, (14,), ("PLUS_DI",)),
    "ADX(14) with both DI": Pair(adx, HLC, (14,), ("ADX",)),
    "stochastic, fast (5, 3)": Pair(stochastic, HLC, (5, 1, 3), ("STOCHF",), (5, 3, 0)),
    "stochastic, slow (14, 3, 3)": Pair(stochastic, HLC, (14, 3, 3), ("STOCH",), (14, 3, 0, 3, 0)),
    "ROC(10)": Pair(roc, C, (10,), ("ROC",)),
    "standard deviation (20)": Pair(stddev, C, (20,), ("STDDEV",)),
    "OBV": Pair(obv, CV, (), ("OBV",)),
    "VWAP": Pair(vwap, CV),
    "volume average (20)": Pair(volume_average, V, (20,), ("SMA",)),
    "spread": Pair(spread, QQ),
    "imbalance": Pair(imbalance, QQ),
}

STREAMS = {
    C: (Sma, Ema, Wma, StdDev, Bollinger, Rsi, Macd, Roc),
    HLC: (TrueRange, Atr, Keltner, Directional, Adx, Stochastic),
    HL: (Donchian,),
    CV: (Obv, Vwap),
    V: (VolumeAverage,),
    QQ: (Spread, Imbalance),
}


def series(size: int) -> list[dict[str, np.ndarray]]:
    """Bars of random walks on a cent grid."""
    rng = np.random.default_rng(7)
    made = []
    for _ in range(VALUES // size):
        close = np.round(160 + np.cumsum(rng.normal(0, 0.02, size)), 2)
        made.append(
            {
                "close": close,
                "high": np.round(close + rng.exponential(0.03, size), 2),
                "low": np.round(close - rng.exponential(0.03, size), 2),
                "volume": rng.integers(100, 10_000, size).astype(float),
            }
        )
    return made


def in_turn(function: Callable[..., Any], rows: list[Columns], settings: tuple[Any, ...]) -> Work:
    following = itertools.cycle([(*row, *settings) for row in rows]).__next__
    return lambda: function(*following())


def highest_and_lowest(high: np.ndarray, low: np.ndarray, period: int) -> Any:
    return talib.MAX(high, period), talib.MIN(low, period)


@pytest.mark.parametrize("size", [LONG, DAY])
@pytest.mark.parametrize("measure", [*ARRAYS, DONCHIAN])
def test_array(stage: Stage, ledger: Ledger, measure: str, size: int) -> None:
    pair = ARRAYS.get(measure) or Pair(donchian, HL, (20,), ("MAX", "MIN"))
    rows = [tuple(one[name] for name in pair.columns.split()) for one in series(size)]
    theirs = None
    if pair.names and talib is None:
        ledger.missing(f"{measure} of TA-Lib", "pip install TA-Lib")
    elif pair.names:
        function = highest_and_lowest if measure == DONCHIAN else pair.theirs()
        given = pair.settings if pair.their_settings is None else pair.their_settings
        theirs = in_turn(function, rows, given)
    stage(
        f"indicators over arrays of {size:,}, per value",
        measure,
        in_turn(pair.ours, rows, pair.settings),
        theirs,
        "TA-Lib",
        count=size,
        other_count=size,
        target=NOT_SLOWER if theirs else None,
    )


@pytest.mark.parametrize(
    ("stream", "columns"),
    [(stream, columns) for columns, streams in STREAMS.items() for stream in streams],
)
def test_stream(stage: Stage, stream: Any, columns: str) -> None:
    """A thousand updates in a loop of Python, which is part of what they cost."""
    one = series(LONG)[0]
    rows = list(zip(*(one[name].tolist() for name in columns.split()), strict=True))[:1000]
    push = stream().push

    def work() -> None:
        for row in rows:
            push(*row)

    stage("indicators: one update, from Python", stream.__name__, work, count=len(rows))

"""Every indicator with its parameters, and series to feed it, for the tests of all of them."""

from __future__ import annotations

import csv
import functools
import gzip
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest
from hypothesis import strategies as st

from _fast.averages import Ema, Sma, Wma, ema, sma, wma
from _fast.bars import Bars
from _fast.channels import Bollinger, Donchian, Keltner, bollinger, donchian, keltner
from _fast.deviations import StdDev, stddev
from _fast.oscillators import Macd, Roc, Rsi, Stochastic, macd, roc, rsi, stochastic
from _fast.quotes import Imbalance, Spread, imbalance, spread
from _fast.ranges import Atr, TrueRange, atr, true_range
from _fast.trend import Adx, Directional, adx, directional
from _fast.volume import Obv, VolumeAverage, Vwap, obv, volume_average, vwap
from _fast.windows import Stream

TICKS = Path(__file__).resolve().parents[3] / "shared" / "data" / "ticks"
DAYS = ("IBM-20131007", "IBM-20131008", "BAC-20131007", "SPY-20131007")

BARS = ("high", "low", "close")


@attrs.frozen
class Case:
    """An indicator: its stream, the same over arrays, what it eats, and what is known of it.

    ``degree``: the value of 2 x is 2 ** degree times that of x (None: of volumes, or so).
    ``flat``: its values for bars or values that are all 3.25 (high 3.5, low 3).
    """

    stream: Callable[..., Stream]
    array: Callable[..., Any]
    inputs: tuple[str, ...]
    parameters: tuple[Any, ...]
    warmup: int
    degree: int | None
    flat: tuple[float, ...]
    anew: bool = True

    @property
    def outputs(self) -> int:
        return len(self.flat)

    def __str__(self) -> str:
        return f"{self.stream.__name__}{self.parameters}"

    def columns(self, series: dict[str, np.ndarray]) -> list[np.ndarray]:
        return [series[name] for name in self.inputs]

    def over(self, series: dict[str, np.ndarray]) -> np.ndarray:
        """Shape (n, outputs)."""
        result = self.array(*self.columns(series), *self.parameters)
        return np.column_stack(result if isinstance(result, tuple) else (result,))

    def new(self) -> Stream:
        return self.stream(*self.parameters)

    def pushed(self, stream: Any, series: dict[str, np.ndarray]) -> np.ndarray:
        rows = zip(*self.columns(series), strict=True)
        values = [stream.push(*row) for row in rows]
        return np.array(values, dtype=float).reshape(len(values), self.outputs)


def _of_period(
    stream: Any, array: Any, inputs: Any, extra: int, degree: Any, flat: Any, periods: Any
) -> list[Case]:
    return [Case(stream, array, inputs, (n,), n + extra, degree, flat) for n in periods]


CLOSE = ("close",)
LONG = (1, 2, 3, 14, 20, 90)
CASES: Sequence[Case] = (
    *_of_period(Sma, sma, CLOSE, 0, 1, (3.25,), LONG),
    *_of_period(Wma, wma, CLOSE, 0, 1, (3.25,), LONG),
    *_of_period(Ema, ema, CLOSE, 0, 1, (3.25,), LONG),
    *_of_period(StdDev, stddev, CLOSE, 0, 1, (0.0,), LONG),
    Case(TrueRange, true_range, BARS, (), 2, 1, (0.5,)),
    *_of_period(Atr, atr, BARS, 1, 1, (0.5,), LONG),
    *(Case(Atr, atr, BARS, (n, "simple"), n + 1, 1, (0.5,)) for n in (1, 14, 90)),
    *(Case(Bollinger, bollinger, CLOSE, (n, 2.0), n, 1, (3.25,) * 3) for n in (1, 2, 20, 90)),
    *(
        Case(Keltner, keltner, BARS, (n, 2.0, m), max(n, m + 1), 1, (4.25, 3.25, 2.25))
        for n, m in ((1, 1), (20, 10), (5, 30))
    ),
    *_of_period(Donchian, donchian, ("high", "low"), 0, 1, (3.5, 3.25, 3.0), LONG),
    *_of_period(Rsi, rsi, CLOSE, 1, 0, (0.0,), LONG),
    *(
        Case(Macd, macd, CLOSE, (f, s, g), s + g - 1, 1, (0.0,) * 3)
        for f, s, g in ((12, 26, 9), (1, 2, 1), (3, 50, 5))
    ),
    *(
        Case(Stochastic, stochastic, BARS, (k, s, d), k + s + d - 2, 0, (50.0, 50.0))
        for k, s, d in ((5, 3, 3), (14, 1, 3), (1, 1, 1), (40, 9, 1))
    ),
    *_of_period(Roc, roc, CLOSE, 1, 0, (0.0,), LONG),
    *_of_period(Directional, directional, BARS, 1, 0, (0.0, 0.0), LONG),
    *(Case(Adx, adx, BARS, (n,), 2 * n, 0, (0.0,) * 3) for n in LONG),
    Case(Obv, obv, ("close", "volume"), (), 1, None, (7.0,), anew=False),
    Case(Vwap, vwap, ("close", "volume"), (), 1, None, (3.25,), anew=False),
    *_of_period(VolumeAverage, volume_average, ("volume",), 0, None, (7.0,), (1, 20)),
    Case(Spread, spread, ("low", "high"), (), 1, 1, (0.5,)),
    Case(Imbalance, imbalance, ("volume", "size"), (), 1, None, (0.0,)),
)


def walk(n: int, seed: int, tick: float = 0.0, step: float = 0.1) -> dict[str, np.ndarray]:
    """Bars of a random walk around 100, on a grid if ``tick`` says so, volumes in whole numbers."""
    rng = np.random.default_rng(seed)
    close = 100 + np.cumsum(rng.normal(0, step, n))
    high = close + rng.random(n) * step
    low = close - rng.random(n) * step
    if tick:
        close, high, low = (np.round(column / tick) * tick for column in (close, high, low))
    return {
        "high": high,
        "low": low,
        "close": close,
        "volume": rng.integers(1, 1000, n).astype(float),
        "size": rng.integers(1, 1000, n).astype(float),
    }


@st.composite
def series(draw: Any, least: int = 0, most: int = 700) -> dict[str, np.ndarray]:
    """Walks with and without a grid, with pauses in which nothing moves, and leaps."""
    n = draw(st.integers(least, most))
    made = walk(
        n,
        draw(st.integers(0, 2**32 - 1)),
        draw(st.sampled_from([0.0, 0.01, 0.25])),
        draw(st.sampled_from([0.01, 0.1, 1.0])),
    )
    if n:
        for start, length in draw(
            st.lists(st.tuples(st.integers(0, n - 1), st.integers(1, 300)), max_size=2)
        ):
            for name in BARS:
                made[name][start : start + length] = made["close"][start]
        if draw(st.booleans()):
            made["close"][draw(st.integers(0, n - 1)) :] += 50.0
            made["high"] = np.maximum(made["high"], made["close"])
            made["low"] = np.minimum(made["low"], made["close"])
    return made


ODD = st.sampled_from([np.nan, np.inf, -np.inf, 0.0])


@st.composite
def troubled(draw: Any) -> dict[str, np.ndarray]:
    """Such series with numbers that are none here and there, and zeros."""
    made = draw(series(least=1))
    n = len(made["close"])
    names = st.sampled_from(sorted(made))
    for at, name, value in draw(st.lists(st.tuples(st.integers(0, n - 1), names, ODD), max_size=4)):
        if (name, value) != ("low", np.inf):  # which a true range does not see
            made[name][at] = value
    return made


def cut(made: dict[str, np.ndarray], part: slice) -> dict[str, np.ndarray]:
    return {name: column[part] for name, column in made.items()}


@functools.cache
def real_bars(day: str, seconds: int) -> dict[str, np.ndarray]:
    """Bars of a recorded day, to read only; skips where the recordings do not lie beside the
    checkout."""
    path = TICKS / f"{day}.csv.gz"
    if not path.exists():
        pytest.skip(f"{path.name} does not lie beside the checkout")
    bars = Bars(seconds, 86_400 // seconds)
    midnight = 1_381_104_000_000_000_000
    with gzip.open(path, "rt") as lines:
        for ms, kind, price, size in islice(csv.reader(lines), 1, None):
            if kind == "T":
                bars.trade(midnight + int(ms) * 1_000_000, float(price), float(size))
    made = bars.completed()
    return {name: np.ascontiguousarray(made[name]) for name in (*BARS, "volume")}

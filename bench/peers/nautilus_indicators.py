"""nautilus_trader's own types doing what the hot path does: an update of an ATR, and a tick through
bar, ATR, eight conditions and a stop on the grid.

Usage: PYTHON bench/peers/nautilus_indicators.py   (PYTHON of an environment that has it)

The tick is what a strategy's handlers do with it; the engine and the venue of a backtest, which
bring it to them, come on top. Works with 1.2x and with the pre-releases of 2.0, whose builder of
bars is not open to Python: there the bar is kept in four numbers. Prints one line of JSON: its
version, and of each the seconds of the processor.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

from nautilus_trader.indicators import AverageTrueRange  # type: ignore[import-not-found]

TICKS = 20_000
ROUNDS = 5
PER_BAR = 100
SECOND_NS = 1_000_000_000
START_NS = 1_704_292_200 * SECOND_NS
CENTS = [16_000 + number * 7 % 90 for number in range(TICKS)]
LEVELS = [160.45 + 50.0 * (number > 1) + number for number in range(8)]
Bars = Callable[[Any], tuple[float, float, float] | None]


def classic() -> tuple[list[Any], Bars, Callable[[float], object]]:
    """1.2x: ticks, what gives the bar that a tick completed, and what rounds to the grid."""
    from nautilus_trader.data.aggregation import BarBuilder
    from nautilus_trader.model.data import BarType, TradeTick
    from nautilus_trader.model.enums import AggressorSide
    from nautilus_trader.model.identifiers import TradeId
    from nautilus_trader.model.objects import Price, Quantity
    from nautilus_trader.test_kit.providers import TestInstrumentProvider

    instrument = TestInstrumentProvider.equity(symbol="IBM", venue="NASDAQ")
    builder = BarBuilder(instrument, BarType.from_str("IBM.NASDAQ-1-SECOND-LAST-INTERNAL"))
    ticks = [
        TradeTick(
            instrument.id, Price(cents / 100, 2), Quantity(100, 0), AggressorSide.BUYER,
            TradeId(str(number)), at_ns, at_ns,
        )
        for number, (cents, at_ns) in enumerate(zip(CENTS, times(), strict=True))
    ]  # fmt: skip
    end_ns = [0]

    def bar(tick: Any) -> tuple[float, float, float] | None:
        found = None
        if tick.ts_event >= end_ns[0]:
            if end_ns[0]:
                made = builder.build(tick.ts_event, tick.ts_event)
                found = (made.high.as_double(), made.low.as_double(), made.close.as_double())
            end_ns[0] = tick.ts_event - tick.ts_event % SECOND_NS + SECOND_NS
        builder.update(tick.price, tick.size, tick.ts_event)
        return found

    return ticks, bar, instrument.make_price


def coming() -> tuple[list[Any], Bars, Callable[[float], object]]:
    """2.0: as ``classic``."""
    from nautilus_trader.model import (  # type: ignore[import-not-found]
        AggressorSide,
        InstrumentId,
        Price,
        Quantity,
        TradeId,
        TradeTick,
    )

    name = InstrumentId.from_str("IBM.NASDAQ")
    side = getattr(AggressorSide, "BUYER", None) or AggressorSide.BUY
    ticks = [
        TradeTick(
            name, Price(cents / 100, 2), Quantity(100, 0), side, TradeId(str(number)), at_ns, at_ns
        )
        for number, (cents, at_ns) in enumerate(zip(CENTS, times(), strict=True))
    ]
    state = [0.0, 0.0, 0.0, 0]  # high, low, close, end of the bar

    def bar(tick: Any) -> tuple[float, float, float] | None:
        price, found = tick.price.as_double(), None
        if tick.ts_event >= state[3]:
            if state[3]:
                found = (state[0], state[1], state[2])
            state[:] = price, price, price, tick.ts_event - tick.ts_event % SECOND_NS + SECOND_NS
        else:
            state[0], state[1] = max(state[0], price), min(state[1], price)
        state[2] = price
        return found

    return ticks, bar, lambda value: Price(value, 2)


def times() -> list[int]:
    return [START_NS + number * SECOND_NS // PER_BAR for number in range(TICKS)]


def per_tick(ticks: list[Any], bar: Bars, on_grid: Callable[[float], object]) -> float:
    atr = AverageTrueRange(14)
    latched = [False] * len(LEVELS)
    fires = 0
    stop: object = None
    began = time.process_time()
    for tick in ticks:
        completed = bar(tick)
        if completed is not None:
            atr.update_raw(*completed)
        price = tick.price.as_double()
        for number, level in enumerate(LEVELS):
            truth = price >= level
            if truth != latched[number]:
                latched[number] = truth
                fires += truth
        if atr.initialized:
            stop = on_grid(price - 2.0 * atr.value)
    took = time.process_time() - began
    assert stop is not None
    assert fires > 0
    return took / len(ticks)


def per_update() -> float:
    atr = AverageTrueRange(14)
    rows = [(cents / 100 + 0.1, cents / 100 - 0.1, cents / 100) for cents in CENTS]
    push = atr.update_raw
    began = time.process_time()
    for row in rows:
        push(*row)
    took = time.process_time() - began
    assert atr.initialized
    return took / len(rows)


def main() -> None:
    told = version("nautilus_trader")
    make = classic if told.startswith("1.") else coming
    ticks, updates = [], []
    for _ in range(ROUNDS):
        ticks.append(per_tick(*make()))
        updates.append(per_update())
    found = {"version": told, "tick": sorted(ticks)[ROUNDS // 2]}
    found["update"] = sorted(updates)[ROUNDS // 2]
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()

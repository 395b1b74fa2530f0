"""Samples of the market: each change once, nothing that is not a number, a bounded look."""

from __future__ import annotations

import numpy as np

from _fast.bars import BAR_DTYPE
from _fast.market import Market
from _fast.ticks import KINDS
from engine.events import IndicatorEvent, PriceEvent, VolumeEvent
from engine.sampler import ROWS_MAX, MarketSampler

SECOND = 1_000_000_000
T0 = 1_700_000_040 * SECOND


def test_every_change_is_told_once_and_what_is_no_number_never() -> None:
    market = Market(capacity=2)
    rows = {"IBM": market.add(60, 2), "SPY": market.add()}
    market.bind(1, rows["IBM"])
    market.set_clock(T0)
    sampler = MarketSampler(market, rows, 2)

    assert sampler.sample(T0, 5) == []
    market.apply_tick(1, KINDS["BID"], 100.5, 300)
    assert sampler.sample(T0, 5) == [PriceEvent(T0, 5, "IBM", "bid", 100.5, 300.0)]
    market.apply_tick(1, KINDS["BID"], 100.5, 300)
    assert sampler.sample(T0, 6) == []
    market.apply_tick(1, KINDS["BID"], -1, 0)  # no quote any more
    market.apply_tick(1, KINDS["VOLUME"], 0, 12_000)
    assert sampler.sample(T0, 7) == [VolumeEvent(T0, 7, "IBM", 12_000.0)]


def test_an_indicator_is_told_when_it_is_warm() -> None:
    market = Market(capacity=1)
    row = market.add(60, 2)
    market.bind(1, row)
    sampler = MarketSampler(market, {"IBM": row}, 2)
    bars = np.zeros(4, BAR_DTYPE)
    bars["time_ns"] = T0 + 60 * SECOND * np.arange(4)
    bars["open"] = bars["close"] = 100.0
    bars["high"], bars["low"] = 101.0, 99.0
    market.warm(row, bars)
    market.set_clock(T0 + 300 * SECOND)
    market.apply_tick(1, KINDS["LAST"], 100.0, 100)

    told = sampler.sample(T0, 1)

    assert [e for e in told if isinstance(e, IndicatorEvent)] == [
        IndicatorEvent(T0, 1, "IBM", "atr(2)", 2.0)
    ]


def test_one_look_is_bounded_and_the_rest_comes_next() -> None:
    market = Market(capacity=ROWS_MAX + 10)
    rows = {f"S{n}": market.add() for n in range(ROWS_MAX + 10)}
    for n, row in enumerate(rows.values()):
        market.bind(n, row)
        market.apply_tick(n, KINDS["ASK"], 50.0, 100)
    sampler = MarketSampler(market, rows, 14)

    first, second = sampler.sample(T0, 1), sampler.sample(T0, 1)

    assert [len(first), len(second)] == [ROWS_MAX, 10]
    assert {event.symbol for event in first + second} == set(rows)

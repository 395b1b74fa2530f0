"""Samples of the market: each change once, nothing that is not a number, a bounded look."""

from __future__ import annotations

import numpy as np

from _fast.bars import BAR_DTYPE
from _fast.market import Market
from _fast.ticks import KINDS
from engine.events import IndicatorEvent, PriceEvent, VolumeEvent
from engine.inputs import Reading
from engine.sampler import ROWS_MAX, MarketSampler

SECOND = 1_000_000_000
T0 = 1_700_000_040 * SECOND


def nothing(_: str) -> tuple[Reading, ...]:
    return ()


def test_every_change_is_told_once_and_what_is_no_number_never() -> None:
    market = Market(capacity=2)
    rows = {"IBM": market.add(60, 2), "SPY": market.add()}
    market.bind(1, rows["IBM"])
    market.set_clock(T0)
    sampler = MarketSampler(market, rows, 2, nothing)

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
    sampler = MarketSampler(market, {"IBM": row}, 2, nothing)
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
    sampler = MarketSampler(market, rows, 14, nothing)

    first, second = sampler.sample(T0, 1), sampler.sample(T0, 1)

    assert [len(first), len(second)] == [ROWS_MAX, 10]
    assert {event.symbol for event in first + second} == set(rows)


def test_of_very_many_that_move_all_the_time_each_has_its_turn() -> None:
    """Once the first ones had all of them, and the others were never told."""
    market = Market(capacity=ROWS_MAX + 10)
    rows = {f"S{n}": market.add() for n in range(ROWS_MAX + 10)}
    sampler = MarketSampler(market, rows, 14, nothing)
    told: list[str] = []
    for look in range(3):
        for n, row in enumerate(rows.values()):
            if look == 0:
                market.bind(n, row)
            market.apply_tick(n, KINDS["ASK"], 50.0 + look, 100)
        told += [event.symbol for event in sampler.sample(T0, 1)]

    assert len(told) == 3 * ROWS_MAX
    assert {told.count(symbol) for symbol in rows} <= {2, 3}


def test_what_rules_ask_for_is_told_too_and_the_atr_of_the_strategy_once() -> None:
    market = Market(capacity=1)
    market.bind(1, market.add())
    said = {"ema(3)": 5.0, "atr(14)": 1.0}
    sampler = MarketSampler(
        market,
        {"IBM": 0},
        14,
        lambda _: (
            Reading("rsi(14)", None, None, 3),
            *(Reading(name, value, None, 9) for name, value in said.items()),
        ),
    )
    told = []
    for price, value in ((10.0, 5.0), (11.0, 5.0), (12.0, 6.0)):
        said["ema(3)"] = value
        market.apply_tick(1, KINDS["BID"], price, 1)
        told += [e for e in sampler.sample(T0, 1) if isinstance(e, IndicatorEvent)]
    assert told == [
        IndicatorEvent(T0, 1, "IBM", "ema(3)", 5.0),
        IndicatorEvent(T0, 1, "IBM", "ema(3)", 6.0),
    ]


def test_the_volume_of_a_bar_is_not_that_of_the_day() -> None:
    market = Market(capacity=1)
    row = market.add(60, 2)
    market.bind(1, row)
    market.set_clock(T0)
    readings = (Reading("volume", 42.0, None, 1),)
    sampler = MarketSampler(market, {"IBM": row}, 2, lambda _: readings)
    market.apply_tick(1, KINDS["VOLUME"], 0, 1_000_000)

    assert sampler.sample(T0, 1) == [
        VolumeEvent(T0, 1, "IBM", 1_000_000.0),
        IndicatorEvent(T0, 1, "IBM", "volume", 42.0),
    ]

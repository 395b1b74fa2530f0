"""All instruments: memory, clock, requests, history, recorded messages."""

import csv
import gzip
import math
import os
import subprocess
import sys
from collections import defaultdict
from datetime import datetime
from itertools import islice, pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from _fast.bars import BAR_DTYPE, Bars
from _fast.market import Market, replay
from _fast.ranges import atr
from _fast.ticks import KINDS

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
NOON = 1_700_000_000 * SECOND // MINUTE * MINUTE
K = KINDS
NAN = math.nan
TICKS = Path(__file__).resolve().parents[3] / "shared" / "data" / "ticks"


def market_of(**settings):
    market = Market(capacity=4)
    market.bind(7, market.add(**settings))
    market.set_clock(NOON)
    return market


def column(market, name, row=0):
    return market.instruments[name][row]


def bar(start, low, high, open_=None, close=None, volume=0.0, count=1):
    return (start, open_ or low, high, low, close or high, volume, count)


def history(*bars):
    return np.array(list(bars), dtype=BAR_DTYPE)


class TestMemory:
    def test_the_array_is_the_memory_itself(self):
        market = market_of()
        before = market.instruments
        market.apply_tick(7, K["BID"], 10.5, 3.0)

        assert before["bid"][0] == 10.5
        assert before.ctypes.data % 64 == 0
        with pytest.raises(ValueError, match="read-only"):
            before["bid"][0] = 1.0

    def test_the_array_outlives_the_market(self):
        market = market_of()
        market.apply_tick(7, K["BID"], 10.5, 3.0)
        view = market.instruments
        del market

        assert view["bid"][0] == 10.5


class TestClock:
    def test_the_clock_never_goes_back(self):
        market = market_of()
        market.set_clock(NOON - 5)

        assert market.clock == NOON

    @pytest.mark.parametrize("time", [NOON + 2 * 86_400 * SECOND, NOON * 4, 2**63 - 1])
    def test_a_misread_time_does_not_open_a_bar_in_the_far_future(self, time):
        market = market_of(trades_from=1)
        market.apply_tick(7, K["TRADE"], 10.0, 1.0, time)
        market.apply_tick(7, K["TRADE"], 11.0, 1.0, NOON + SECOND)

        assert market.bad_times == 1
        assert market.bar_in_progress(0).tolist() == (NOON, 10.0, 11.0, 10.0, 11.0, 2.0, 2)

    def test_without_a_clock_a_trade_without_time_has_no_bar(self):
        market = Market()
        market.bind(7, market.add())
        market.apply_tick(7, K["LAST"], 10.0, 1.0)

        assert market.view(0)[2] == 10.0
        assert market.bar_in_progress(0) is None

    def test_the_clock_completes_all_rows_that_are_due(self):
        market = Market()
        for row, seconds in enumerate([60, 60, 300]):
            market.bind(row, market.add(bar_seconds=seconds))
        market.set_clock(NOON)
        for row in (0, 2):
            market.apply_tick(row, K["LAST"], 10.0, 1.0)

        assert market.close_bars(NOON + MINUTE - 1) == 0
        assert market.close_bars(NOON + MINUTE) == 1
        assert [len(market.bars(row)) for row in range(3)] == [1, 0, 0]
        assert market.clock == NOON + MINUTE


class TestWarm:
    bars = history(*(bar(NOON - (20 - i) * MINUTE, 10.0 + i, 11.0 + i) for i in range(20)))

    def test_atr_is_ready_and_the_bars_are_there(self):
        market = market_of()
        market.warm(0, self.bars)
        expected = atr(self.bars["high"], self.bars["low"], self.bars["close"])[-1]

        assert market.bars(0).tolist() == self.bars.tolist()
        assert market.view(0)[5] == expected == column(market, "atr")
        assert market.view(0)[2] is None  # an old close is not a price

    def test_one_bar_too_few_is_not_ready(self):
        market = market_of()
        market.warm(0, self.bars[:14])
        assert market.view(0)[5] is None
        market.warm(0, self.bars[14:15])

        assert market.view(0)[5] is not None

    def test_a_live_trade_in_the_last_historical_interval_is_not_counted_twice(self):
        market = market_of(trades_from=1)
        market.warm(0, history(bar(NOON, 10.0, 11.0, volume=500.0)))
        market.apply_tick(7, K["TRADE"], 15.0, 5.0, NOON + 30 * SECOND)

        assert market.view(0)[2] == 15.0
        assert market.bar_in_progress(0) is None
        assert market.late_trades == 0
        market.apply_tick(7, K["TRADE"], 16.0, 5.0, NOON + MINUTE)
        assert market.bars(0).tolist() == [bar(NOON, 10.0, 11.0, volume=500.0)]
        assert market.bar_in_progress(0)["open"] == 16.0

    def test_history_wins_over_what_was_seen_live_and_later_bars_stay(self):
        market = market_of(trades_from=1)
        for minute, price in [(0, 50.0), (1, 51.0), (2, 52.0)]:
            market.apply_tick(7, K["TRADE"], price, 1.0, NOON + minute * MINUTE)
        market.warm(0, history(bar(NOON - MINUTE, 40.0, 41.0), bar(NOON, 45.0, 55.0)))
        kept = market.bars(0)

        assert kept["high"].tolist() == [41.0, 55.0, 51.0]
        assert market.bar_in_progress(0)["open"] == 52.0
        market.apply_tick(7, K["TRADE"], 53.0, 1.0, NOON + 2 * MINUTE)
        assert market.bar_in_progress(0)["count"] == 2

    def test_history_may_cover_the_bar_in_progress(self):
        market = market_of(trades_from=1)
        market.apply_tick(7, K["TRADE"], 50.0, 1.0, NOON)
        market.warm(0, history(bar(NOON, 45.0, 55.0)))
        market.apply_tick(7, K["TRADE"], 60.0, 1.0, NOON + SECOND)

        assert market.bars(0)["high"].tolist() == [55.0]
        assert market.bar_in_progress(0) is None

    @given(st.integers(1, 40), st.integers(0, 40), st.sampled_from(["wilder", "simple"]))
    def test_in_two_pieces_or_live_the_atr_is_the_same(self, n, cut, mean):
        bars = history(
            *(bar(NOON + i * MINUTE, 5.0 + i % 7, 6.0 + i % 3 * 4 + 6) for i in range(n))
        )
        whole, parts = (market_of(atr_period=5, atr_mean=mean) for _ in range(2))
        whole.warm(0, bars)
        parts.warm(0, bars[:cut])
        parts.warm(0, bars[cut:])

        assert whole.bars(0).tolist() == parts.bars(0).tolist()
        np.testing.assert_array_equal(whole.instruments["atr"], parts.instruments["atr"])

    @pytest.mark.parametrize(
        ("bars", "reason"),
        [
            (history(bar(NOON, 1, 2), bar(NOON - MINUTE, 1, 2)), "bar 1 .* not later"),
            (history(bar(NOON, 1, 2), bar(NOON, 1, 2)), "bar 1 .* not later"),
            (history(bar(NOON, 1, 2), bar(NOON + SECOND, 1, 2)), "60 second bars"),
            (history(bar(0, 1, 2)), "bar 0 .* no time"),
            (history(bar(NOON, 1, 2, close=3)), "bar 0 .* four prices"),
            (history(bar(NOON, 1, 2), bar(NOON + MINUTE, NAN, 2)), "bar 1 .* four prices"),
            (history(bar(NOON, -1, 2)), "four prices"),
            (np.zeros(3), "structured array"),
        ],
    )
    def test_history_that_would_spoil_the_atr_is_refused_whole(self, bars, reason):
        market = market_of()
        market.warm(0, self.bars)
        before = market.bars(0).tolist(), market.view(0)
        with pytest.raises(ValueError, match=reason):
            market.warm(0, bars)

        assert (market.bars(0).tolist(), market.view(0)) == before

    def test_an_empty_history_changes_nothing(self):
        market = market_of()
        market.apply_tick(7, K["LAST"], 10.0, 1.0)
        market.warm(0, self.bars[:0])

        assert market.bar_in_progress(0)["count"] == 1


class TestRows:
    def test_an_unbound_request_is_counted_and_dropped(self):
        market = market_of()
        for request in (6, -1, 5_000_000, -(2**31)):
            market.apply_tick(request, K["BID"], 10.0, 1.0)
        market.apply_bar(6, NOON, 1.0, 1.0, 1.0, 1.0, 1.0)
        market.unbind(7)
        market.unbind(123_456)
        market.apply_tick(7, K["BID"], 10.0, 1.0)

        assert market.unbound == 6
        assert market.view(0)[0] is None

    def test_several_requests_feed_one_row(self):
        market = market_of()
        market.bind(100_000, 0)
        market.apply_tick(100_000, K["BID"], 10.0, 1.0)
        market.apply_tick(7, K["ASK"], 11.0, 1.0)

        assert market.view(0)[:2] == (10.0, 11.0)

    def test_rows_end_at_the_capacity(self):
        market = Market(capacity=2)
        assert [market.add(), market.add()] == [0, 1]
        with pytest.raises(ValueError, match="holds 2 instruments"):
            market.add()

        assert market.count == len(market.instruments) == 2

    def test_bounds_are_named(self):
        with pytest.raises(ValueError, match="capacity is 1 to"):
            Market(capacity=0)
        market = Market(requests_max=10)
        market.add()
        for request in (10, -1):
            with pytest.raises(ValueError, match=f"0 to 9, not {request}"):
                market.bind(request, 0)
        with pytest.raises(IndexError, match="row 1 is not one of the 1 added"):
            market.bind(0, 1)


def arrays(rows):
    ids, kinds, prices, sizes, times = zip(*rows, strict=True)
    return (
        np.array(ids, np.int32), np.array(kinds, np.int32), np.array(prices, float),
        np.array(sizes, float), np.array(times, np.int64),
    )  # fmt: skip


class TestReplay:
    rows = tuple((7, K["LAST"], 10.0 + i % 5, 1.0, NOON + i * SECOND) for i in range(300))

    def test_equals_one_by_one(self):
        bulk, single = market_of(), market_of()
        assert replay(bulk, *arrays(self.rows)) == 300
        for row in self.rows:
            single.set_clock(row[4])
            single.apply_tick(*row)

        assert bulk.instruments.tobytes() == single.instruments.tobytes()
        assert bulk.bars(0).tolist() == single.bars(0).tolist()

    def test_stops_behind_the_message_that_fired_and_goes_on(self):
        market = market_of()
        market.when(0, "last", "above", 14.0)
        stops = [replay(market, *arrays(self.rows), start=0, stop_on_fire=True)]
        stops.append(replay(market, *arrays(self.rows), start=stops[0], stop_on_fire=True))

        assert stops == [5, 10]

    def test_wrong_arrays_are_refused(self):
        ids, *rest = arrays(self.rows)
        with pytest.raises(ValueError, match="equal length"):
            replay(market_of(), ids[:-1], *rest)
        with pytest.raises(ValueError, match="starts at 0 to 300, not 301"):
            replay(market_of(), ids, *rest, start=301)


@pytest.mark.data
@pytest.mark.parametrize("name", ["IBM-20131007", "IBM-20131008", "BAC-20131007", "SPY-20131007"])
def test_a_real_day_gives_the_bars_and_the_atr_of_a_plain_computation(name):
    path = TICKS / f"{name}.csv.gz"
    if not path.exists():
        pytest.skip(f"{path.name} does not lie beside the checkout")
    day = datetime.strptime(name[-8:], "%Y%m%d").replace(tzinfo=ZoneInfo("America/New_York"))
    midnight = int(day.timestamp()) * SECOND
    kinds = {"B": K["BID"], "A": K["ASK"], "T": K["TRADE"]}
    with gzip.open(path, "rt") as lines:
        rows = [
            (7, kinds[kind], float(price), float(size), midnight + int(ms) * 1_000_000)
            for ms, kind, price, size in islice(csv.reader(lines), 1, None)
        ]
    market = Market()
    market.bind(7, market.add(trades_from=1))
    assert replay(market, *arrays(rows)) == len(rows)
    market.close_bars(midnight + 86_400 * SECOND)
    minutes = defaultdict(list)
    for _, kind, price, size, time in rows:
        if kind == K["TRADE"]:
            minutes[time // MINUTE * MINUTE].append((price, size))
    expected = [
        (
            start, t[0][0], max(p for p, _ in t), min(p for p, _ in t), t[-1][0],
            sum(s for _, s in t), len(t),
        )
        for start, t in sorted(minutes.items())
    ]  # fmt: skip

    assert market.bars(0).tolist() == expected
    assert len(expected) > 380
    assert market.late_trades == market.unbound == market.bad_times == 0
    assert market.view(0)[5] == wilder([bar[2:5] for bar in expected])
    assert market.view(0)[2] == expected[-1][4]


def wilder(bars):
    """ATR(14) of (high, low, close), by the book, to the digits that matter."""
    ranges = [
        max(high, before[2]) - min(low, before[2]) for before, (high, low, _) in pairwise(bars)
    ]
    value = sum(ranges[:14]) / 14
    for tr in ranges[14:]:
        value = (value * 13 + tr) / 14
    return pytest.approx(value, rel=1e-12)


@pytest.mark.data
def test_bars_of_a_market_equal_those_of_a_lone_series():
    path = TICKS / "IBM-20131007.csv.gz"
    if not path.exists():
        pytest.skip(f"{path.name} does not lie beside the checkout")
    with gzip.open(path, "rt") as lines:
        trades = [
            (NOON + int(ms) * 1_000_000, float(price), float(size))
            for ms, kind, price, size in islice(csv.reader(lines), 1, None)
            if kind == "T"
        ]
    market = Market()
    market.bind(7, market.add(trades_from=1, bar_seconds=30, atr_mean="simple"))
    replay(market, *arrays([(7, K["TRADE"], p, s, t) for t, p, s in trades]))
    lone = Bars(30)
    for trade in trades:
        lone.trade(*trade)

    assert market.bars(0).tolist() == lone.completed().tolist()
    assert market.bar_in_progress(0).tolist() == lone.in_progress().tolist()


GARBAGE = """
import gc
from _fast.market import Market

class Owner: ...

for _ in range(50):
    market = Market(capacity=64)  # older than what holds it: the collector comes to it first
    row = market.add()
    for level in range(20):
        market.when(row, "last", "above", 100.0 + level)
    owner = Owner()
    owner.itself, owner.market = owner, market
    del owner, market
    gc.collect()
"""


def test_a_market_that_goes_in_a_cycle_of_garbage_frees_only_what_is_its_own():
    """The collector takes its numpy arrays away first, unless it is told not to: what then stood
    where its rows had been was freed in their place. Freed memory is overwritten here at once."""
    environment = {**os.environ, "MALLOC_PERTURB_": "165", "PYTHONMALLOC": "malloc"}
    done = subprocess.run([sys.executable, "-c", GARBAGE], env=environment, check=False)
    assert done.returncode == 0


def test_another_stream_can_feed_the_bars_of_a_row_that_goes_on() -> None:
    market = Market()
    row = market.add(trades_from=1)
    assert market.instruments["trades_from"][row] == 1
    market.feed_from(row, 0)
    assert market.instruments["trades_from"][row] == 0
    with pytest.raises(ValueError, match="0 last or 1 trade, not 2"):
        market.feed_from(row, 2)
    with pytest.raises(IndexError):
        market.feed_from(1, 0)

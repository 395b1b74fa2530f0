"""Historical bars: played ticks first, a simulated past before them."""

from __future__ import annotations

import itertools
import random

import pytest

from engine.errors import ConfigError
from engine.sim import history, instruments, market
from engine.sim.history import History

S = 1_000_000_000
MINUTE = 60 * S


@pytest.fixture
def begun(hours):
    """A history whose market began ten minutes into the second session."""
    past = History(instruments.instrument("IBM", hours), 3)
    start = hours[1][0] + 10 * MINUTE
    for second in range(150):
        past.add(start + second * S, "T", 100 + second % 7 / 100, 10 + second % 3)
    return past, start


def test_bars_are_those_of_the_ticks(begun):
    past, start = begun
    bars = past.bars(start + 150 * S, "150 S", "1 min", "TRADES")
    assert [bar.time_ns for bar in bars] == [start, start + MINUTE, start + 2 * MINUTE]
    for index, bar in enumerate(bars):
        seconds = range(index * 60, min(index * 60 + 60, 150))
        prices = [100 + second % 7 / 100 for second in seconds]
        sizes = [10 + second % 3 for second in seconds]
        assert (bar.open, bar.close) == (prices[0], prices[-1])
        assert (bar.high, bar.low) == (max(prices), min(prices))
        assert (bar.volume, bar.count) == (sum(sizes), len(sizes))
        value = sum(price * size for price, size in zip(prices, sizes, strict=True))
        assert bar.average == pytest.approx(value / sum(sizes))


def test_asking_in_the_middle_gives_the_unfinished_bar_and_nothing_later(begun):
    past, start = begun
    bars = past.bars(start + 65 * S, "60 S", "30 secs", "TRADES")
    assert [bar.time_ns for bar in bars] == [start, start + 30 * S, start + 60 * S]
    assert bars[-1].count == 5


def test_a_market_that_has_just_begun_has_a_past_that_leads_up_to_it(begun, hours):
    past, start = begun
    bars = past.bars(start + 150 * S, "2 D", "1 min", "TRADES")
    assert bars == past.bars(start + 150 * S, "2 D", "1 min", "TRADES")
    assert len(bars) == 390 + 13
    assert bars[0].time_ns == hours[0][0]
    times = [bar.time_ns for bar in bars]
    assert times == sorted(set(times))
    for earlier, later in itertools.pairwise(bars):
        assert abs(later.open / earlier.close - 1) < 0.01
        assert (
            later.low <= min(later.open, later.close) <= max(later.open, later.close) <= later.high
        )
    before = [bar for bar in bars if bar.time_ns < start]
    assert before[-1].close == 100.0  # the first price
    assert len({bar.close for bar in before}) > 20
    assert all(bar.volume > 0 for bar in before)


def test_seconds_are_trading_time_and_reach_into_the_day_before(begun, hours):
    past, start = begun
    bars = past.bars(start, "3600 S", "5 mins", "TRADES")
    assert len(bars) == 12
    assert bars[0].time_ns == hours[0][1] - 50 * MINUTE
    assert bars[-1].time_ns == start - 5 * MINUTE


def test_small_bars_of_the_simulated_past_add_up_to_the_large_ones(begun):
    past, start = begun
    minutes = past.bars(start, "600 S", "1 min", "TRADES")
    small = past.bars(start, "600 S", "5 secs", "TRADES")
    assert len(small) == 12 * len(minutes) == 120
    for index, minute in enumerate(minutes):
        parts = small[index * 12 : index * 12 + 12]
        assert (parts[0].open, parts[-1].close) == (minute.open, minute.close)
        assert max(part.high for part in parts) == minute.high
        assert min(part.low for part in parts) == minute.low
        assert sum(part.volume for part in parts) == minute.volume
        assert sum(part.count for part in parts) == minute.count


def test_daily_bars_begin_with_the_session_and_the_past_is_bounded(begun, hours):
    past, start = begun
    bars = past.bars(start + MINUTE, "1 Y", "1 day", "TRADES")
    assert len(bars) == history.PAST_SESSIONS_MAX
    assert bars[-1].time_ns == hours[1][0]
    assert bars[-2].time_ns == hours[0][0]


def test_quotes_have_their_own_series(hours):
    past = History(instruments.instrument("IBM", hours), 3)
    start = hours[0][0]
    past.add(start, "B", 99.0, 100)
    assert past.bars(start + S, "5 S", "5 secs", "MIDPOINT") == []
    past.add(start + S, "A", 101.0, 100)
    past.add(start + 2 * S, "B", 100.0, 100)
    ends = start + 3 * S
    (bid,) = past.bars(ends, "3 S", "5 secs", "BID")
    (ask,) = past.bars(ends, "3 S", "5 secs", "ASK")
    (middle,) = past.bars(ends, "3 S", "5 secs", "MIDPOINT")
    assert (bid.open, bid.close, bid.volume, bid.count) == (99.0, 100.0, 0, 0)
    assert ask.open == 101.0
    assert (middle.open, middle.close) == (100.0, 100.5)
    assert past.bars(ends, "3 S", "5 secs", "TRADES") == []


def test_extended_hours_are_left_out_unless_asked_for(hours):
    past = History(instruments.instrument("IBM", hours), 3)
    past.add(hours[0][0], "T", 100.0, 1)
    past.add(hours[0][1] + MINUTE, "T", 90.0, 1)
    ends = hours[0][1] + 2 * MINUTE
    assert [bar.close for bar in past.bars(ends, "1 D", "1 day", "TRADES")] == [100.0]
    assert past.bars(ends, "1 D", "1 min", "TRADES", regular_only=False)[-1].close == 90.0


def test_the_base_bars_are_bounded(monkeypatch, hours):
    monkeypatch.setattr(history, "BASE_BARS_MAX", 10)
    past = History(instruments.instrument("IBM"), 3)
    for count in range(500):
        past.add((count + 1) * 5 * S, "T", 100.0, 1)
    kept = past.bars(501 * 5 * S, "100 S", "5 secs", "TRADES")
    assert 10 <= len(kept) <= 21


@pytest.mark.parametrize("text", ["", "D", "0 D", "-1 D", "1.5 D", "1 day", "1 d", "² D"])
def test_unknown_durations_are_refused(text):
    with pytest.raises(ConfigError, match="state a count and one of"):
        history.duration(text)


def test_unknown_sizes_and_kinds_are_refused(begun):
    past, start = begun
    with pytest.raises(ConfigError, match="expected one of 5 secs"):
        past.bars(start, "1 D", "7 mins", "TRADES")
    with pytest.raises(ConfigError, match="expected one of TRADES"):
        past.bars(start, "1 D", "1 min", "OPTION_VOLUME")


@pytest.mark.data
def test_real_minutes_have_the_volume_of_their_trades(tick_files):
    hours = (instruments.session(instruments.local_time(1_381_152_600 * S).date()),)
    past = History(instruments.instrument("IBM", hours), 1)
    volume, high = 0, 0.0
    for tick in market.read_ticks(tick_files / "IBM-20131007.csv.gz"):
        past.add(tick.time_ns, tick.kind, tick.price, tick.size)
        if tick.kind == "T" and tick.time_ns < hours[0][1]:
            volume, high = volume + tick.size, max(high, tick.price)
    bars = past.bars(hours[0][1], "1 D", "1 min", "TRADES")
    assert sum(bar.volume for bar in bars) == volume
    assert max(bar.high for bar in bars) == high
    assert 380 <= len(bars) <= 390


def test_what_is_kept_of_earlier_answers_is_as_if_it_were_made_anew(hours, monkeypatch):
    """Of any series, size and period, while the market goes on, and of ends that have passed."""
    monkeypatch.setattr(history, "SESSIONS_KEPT", 3)
    stream = random.Random(5)
    instrument = instruments.instrument("IBM", hours)
    past, ticks, at = History(instrument, 3), [], hours[1][0] - 3 * MINUTE
    for _ in range(120):
        for _ in range(stream.randrange(40)):
            at += stream.randrange(1, 20 * S)
            ticks.append((at, stream.choice("BAT"), 100 + stream.randrange(90) / 100, 100))
            past.add(*ticks[-1])
        fresh = History(instrument, 3)
        for tick in ticks:
            fresh.add(*tick)
        end = stream.choice([at, at + 1, at - stream.randrange(3600 * S)])
        asked = (
            *(end, stream.choice(["1 D", "2 D", "900 S", "3 D"])),
            stream.choice(["1 min", "1 min", "5 mins", "1 hour", "1 day", "30 secs"]),
            stream.choice(["TRADES", "MIDPOINT", "BID_ASK"]),
            stream.random() < 0.8,
        )
        found = past.bars(*asked)
        fresh._anchor = past._anchor
        assert found == fresh.bars(*asked)
        assert len(past._finished) <= 3

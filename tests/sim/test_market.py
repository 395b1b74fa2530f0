"""Tick files and the generated market."""

from __future__ import annotations

import gzip
import itertools

import pytest

from engine.errors import ConfigError, DataFileError
from engine.sim import instruments, market
from engine.sim.records import MarketTick

HEADER = "time_ms,kind,price,size\n"
ROWS = HEADER + "34200072,T,181.9000,200\n34200072,B,181.69,100\n34200080,A,181.9,0\n"


@pytest.mark.parametrize("name", ["IBM-20131007.csv", "IBM-20131007.csv.gz"])
def test_ticks_are_read_in_file_order_with_the_exchanges_clock(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(gzip.compress(ROWS.encode()) if name.endswith("gz") else ROWS.encode())
    noon_utc_ns = 1_381_152_600_000_000_000  # 2013-10-07 13:30 UTC is 09:30 in New York
    assert list(market.read_ticks(path)) == [
        MarketTick(noon_utc_ns + 72_000_000, "IBM", "T", 181.9, 200),
        MarketTick(noon_utc_ns + 72_000_000, "IBM", "B", 181.69, 100),
        MarketTick(noon_utc_ns + 80_000_000, "IBM", "A", 181.9, 0),
    ]


def test_a_mark_of_utf_8_before_the_header_is_no_part_of_it(tmp_path):
    path = tmp_path / "IBM-20131007.csv"
    path.write_text(ROWS, "utf-8-sig")
    assert len(list(market.read_ticks(path))) == 3


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ("", "is empty; expected the header"),
        (HEADER, "has no ticks"),
        ("34200072,T,181.9,200\n", "line 1: expected the header time_ms,kind,price,size"),
        (HEADER + "1,T,5,1\nx,T,5,1\n", "line 3: time_ms 'x' is not a whole number"),
        (HEADER + "1,T,five,1\n", "line 2: price 'five' is not a number"),
        (HEADER + "1,T,5,1.5\n", "line 2: size '1.5' is not a whole number"),
        (HEADER + "1,Q,5,1\n", "line 2: kind 'Q' is not one of B"),
        (HEADER + "1,T,5\n", "line 2: 3 fields where 4 are expected"),
        (HEADER + "\n", "line 2: 0 fields"),
        (HEADER + "1,T,-5,1\n", "line 2: price -5.0 is not above 0"),
        (HEADER + "1,T,nan,1\n", "line 2: price nan is not above 0"),
        (HEADER + "1,T,inf,1\n", "line 2: price inf is not above 0"),
        (HEADER + "1,T,5,-1\n", "line 2: size -1 is negative"),
        (HEADER + "-1,T,5,1\n", "line 2: time_ms -1 is outside the day"),
        (HEADER + "86400000,T,5,1\n", "line 2: time_ms 86400000 is outside the day"),
        (HEADER + "9,T,5,1\n8,T,5,1\n", "line 3: time goes backwards from 9 to 8"),
        (HEADER + "1,T,5\x00,1\n", "line 2: "),
    ],
)
def test_a_malformed_file_is_refused_with_its_line(tmp_path, rows, words):
    path = tmp_path / "IBM-20131007.csv"
    path.write_text(rows)
    with pytest.raises(DataFileError) as raised:
        list(market.read_ticks(path))
    assert str(raised.value).startswith(str(path))
    assert words in str(raised.value)
    assert "\n" not in str(raised.value)


def test_damaged_compression_is_refused(tmp_path):
    path = tmp_path / "IBM-20131007.csv.gz"
    rows = HEADER + "".join(f"{n},T,5,{n * 7919 % 1000}\n" for n in range(5000))
    whole = gzip.compress(rows.encode())
    for damaged in (b"plain text", whole[: len(whole) // 2], whole[:50] + b"\0" * 40 + whole[90:]):
        path.write_bytes(damaged)
        with pytest.raises(DataFileError, match="gzip"):
            list(market.read_ticks(path))
    path.write_bytes(gzip.compress(b"\xff\xfe" * 50))
    with pytest.raises(DataFileError, match="is not text"):
        list(market.read_ticks(path))


@pytest.mark.parametrize(
    "name", ["IBM.csv", "ibm-20131007.csv", "IBM-20131007.txt", "IBM-20131399.csv", "-20131007.csv"]
)
def test_a_name_without_symbol_or_date_is_refused(tmp_path, name):
    with pytest.raises(DataFileError):
        list(market.read_ticks(tmp_path / name))


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(DataFileError, match="cannot be read: No such file"):
        list(market.read_ticks(tmp_path / "IBM-20131007.csv"))


def test_merge_goes_by_time_and_keeps_the_order_of_sources_within_an_instant():
    first = [MarketTick(1, "A", "T", 1.0, 1), MarketTick(3, "A", "T", 1.0, 2)]
    second = [MarketTick(1, "B", "T", 1.0, 3), MarketTick(2, "B", "T", 1.0, 4)]
    assert [tick.size for tick in market.merge([first, second])] == [1, 3, 4, 2]


def test_the_generated_market_is_plausible_and_repeats():
    def play(seed):
        return list(itertools.islice(market.generate(["IBM", "BAC"], seed, 10**18), 20_000))

    ticks = play(5)
    assert ticks == play(5)
    assert ticks != play(6)
    assert all(a.time_ns < b.time_ns for a, b in itertools.pairwise(ticks))
    seconds = (ticks[-1].time_ns - ticks[0].time_ns) / 1e9
    assert 7 < len(ticks) / seconds < 9  # two symbols at four a second
    for symbol in ("IBM", "BAC"):
        bid = ask = None
        spreads, prices = [], []
        for tick in (tick for tick in ticks if tick.symbol == symbol):
            assert tick.size > 0
            assert round(tick.price * 100) / 100 == tick.price
            if tick.kind == "T":
                assert tick.price in (bid, ask)
                prices.append(tick.price)
                continue
            bid, ask = (tick.price, ask) if tick.kind == "B" else (bid, tick.price)
            if bid and ask:
                spreads.append(ask - bid)
        assert min(spreads) > 0
        assert sum(spreads) / len(spreads) < 0.2
        assert 0.8 < prices[-1] / prices[0] < 1.25
        assert len(set(prices)) > 20


def test_generated_prices_start_where_asked_and_stay_within_hours(hours):
    first = next(iter(market.generate(["IBM"], 1, 0, prices={"IBM": 500.0})))
    assert abs(first.price - 500) < 1
    ticks = list(
        market.generate(["IBM"], 1, hours[0][0] - 10**12, ticks_per_s=0.05, hours=hours[:2])
    )
    assert all(any(a <= t.time_ns < b for a, b in hours[:2]) for t in ticks)
    assert ticks[0].time_ns < hours[0][1] < hours[1][0] < ticks[-1].time_ns
    ended = list(market.generate(["IBM"], 1, 0, 10**10))
    assert 0 < ended[-1].time_ns < 10**10


def test_a_generator_without_symbols_or_rate_is_refused():
    with pytest.raises(ConfigError):
        market.generate([], 1, 0)
    with pytest.raises(ConfigError):
        market.generate(["IBM", "IBM"], 1, 0)
    with pytest.raises(ConfigError):
        market.generate(["IBM"], 1, 0, ticks_per_s=0)


@pytest.mark.data
def test_real_files_are_read_whole(tick_files):
    counts = {"IBM-20131007": 132_104, "SPY-20131007": 241_504}
    for name, expected in counts.items():
        ticks = market.read_ticks(tick_files / f"{name}.csv.gz")
        first = next(ticks)
        opens = instruments.session(instruments.local_time(first.time_ns).date())[0]
        assert 0 <= first.time_ns - opens < 10**9
        assert 1 + sum(1 for _ in ticks) == expected


@pytest.mark.data
def test_real_symbols_merge_into_one_ordered_stream(tick_files):
    sources = [
        itertools.islice(market.read_ticks(tick_files / f"{name}-20131007.csv.gz"), 5000)
        for name in ("IBM", "BAC", "SPY")
    ]
    ticks = list(market.merge(sources))
    assert len(ticks) == 15_000
    assert all(a.time_ns <= b.time_ns for a, b in itertools.pairwise(ticks))

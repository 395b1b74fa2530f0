"""The same ticks in a file of any kind are the same ticks, and the same backtest."""

from __future__ import annotations

import itertools
import shutil
import sys
import tracemalloc
from datetime import date, timedelta

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.backtest.ledger import as_csv as ledger
from engine.backtest.plan import planned
from engine.backtest.report import lines, report
from engine.backtest.trial import Backtest
from engine.config import from_mapping
from engine.errors import DataFileError, UserError
from engine.sim import instruments
from engine.sim.launch import DAY
from engine.ticks import files
from engine.ticks.columns import days_in
from tests.backtest.conftest import SETTINGS
from tests.ticks.conftest import (
    KINDS,
    columns_of,
    drawn,
    parquet,
    read,
    rows,
    text_columns,
    written,
)

NEXT = DAY + timedelta(days=1)


def played(paths, signals):
    outcome = Backtest(planned(from_mapping(SETTINGS), paths, signals)).run()
    assert len(outcome.trades) >= 2
    return orjson.dumps(report(outcome, "s.toml")), ledger(outcome.trades), lines(outcome)


@pytest.fixture
def signals(tmp_path):
    path = tmp_path / "S.jsonl"
    path.write_text(
        '{"at": "09:32:00", "ticker": "IBM", "signal": "BUY", "confidence": 0.9}\n'
        '{"at": "09:36:00", "ticker": "IBM", "signal": "SHORT", "confidence": 0.9}\n'
        '{"at": "09:39:00", "ticker": "IBM", "signal": "SELL", "confidence": 0.9}\n'
    )
    return path


def test_the_same_ticks_in_every_format_give_the_same_backtest_to_the_byte(tmp_path, signals):
    ticks = drawn()
    made = {}
    for kind in KINDS:
        folder = tmp_path / kind
        folder.mkdir()
        paths = written(folder, kind, ticks)
        assert read(*paths) == ticks, kind
        made[kind] = played(paths, signals)
    assert all(one == made["csv"] for one in made.values()), [
        kind for kind, one in made.items() if one != made["csv"]
    ]


def test_one_file_of_many_days_and_symbols_is_what_many_files_are(tmp_path, signals):
    pytest.importorskip("pyarrow")
    ticks = {
        (symbol, day): drawn(symbol, day, seed=seed)
        for seed, (symbol, day) in enumerate(
            [("IBM", DAY), ("SPY", DAY), ("IBM", NEXT), ("SPY", NEXT)], start=1
        )
    }
    apart = [path for one in ticks.values() for path in written(tmp_path, "csv", one)]
    every = sorted(itertools.chain(*ticks.values()), key=lambda one: one.time_ns)
    by_time = tmp_path / "all.parquet"
    parquet(by_time, text_columns(rows(every)), row_group_size=700)
    by_symbol = tmp_path / "all.npy"
    np.save(by_symbol, rows(sorted(every, key=lambda one: one.symbol)))

    wanted = read(*apart)
    assert len(wanted) == len(every)
    assert read(*apart[::-1]) == wanted
    for path in (by_time, by_symbol):
        assert [(one.symbol, one.day) for one in files.parts([path])] == [
            ("IBM", DAY), ("IBM", NEXT), ("SPY", DAY), ("SPY", NEXT),
        ]  # fmt: skip
        assert read(path) == wanted
        # One of its days, as a cell of a sweep has it.
        part = [one for one in files.parts([path]) if (one.symbol, one.day) == ("IBM", NEXT)]
        assert list(files.tape(part)) == ticks["IBM", NEXT]
    ours = [path for path in apart if path.name.startswith("IBM")]
    outcome = Backtest(planned(from_mapping(SETTINGS), [by_time], signals)).run()
    assert [str(one) for one in outcome.plan.left_out] == [
        f"all.parquet (SPY {DAY:%Y%m%d})", f"all.parquet (SPY {NEXT:%Y%m%d})",
    ]  # fmt: skip
    assert outcome.journal == Backtest(planned(from_mapping(SETTINGS), ours, signals)).run().journal


def test_days_that_interleave_in_two_files_come_in_order(tmp_path):
    days = [DAY + timedelta(days=one) for one in range(2)]
    third = date(2024, 1, 5)
    of = {day: drawn(day=day, minutes=2, seed=seed) for seed, day in enumerate([*days, third])}
    np.save(tmp_path / "IBM.npy", rows(of[days[0]] + of[third], symbols=False))
    between = written(tmp_path, "csv", of[days[1]])
    assert read(*between, tmp_path / "IBM.npy") == of[days[0]] + of[days[1]] + of[third]


def test_a_day_of_new_york_ends_at_its_midnight_also_when_clocks_change(tmp_path):
    for day in (date(2024, 3, 10), date(2024, 11, 3), DAY):
        midnight = instruments.midnight_ns(day)
        ends = instruments.midnight_ns(day + timedelta(days=1))
        array = np.zeros(3, [("time", "i8"), ("kind", "S1"), ("price", "f8"), ("size", "u4")])
        array["time"], array["kind"], array["price"] = [midnight - 1, midnight, ends - 1], b"T", 5
        np.save(tmp_path / "IBM.npy", array)
        parts = files.parts([tmp_path / "IBM.npy"])
        assert [one.day for one in parts] == [day - timedelta(days=1), day]
        assert [one.time_ns for one in files.tape(parts[1:])] == [midnight, ends - 1]


DAYS = [date(2024, 3, 8) + timedelta(days=one) for one in range(5)]  # the clocks change within
QUARTERS = range(instruments.midnight_ns(DAYS[0]), instruments.midnight_ns(DAYS[-1]), 900 * 10**9)


@given(st.lists(st.sampled_from(QUARTERS)))
def test_the_days_of_times_in_any_order(times):
    begins = {day: instruments.midnight_ns(day) for day in DAYS}
    days = {}
    for one in times:
        day = max(day for day, begin in begins.items() if begin <= one)
        days.setdefault(day, []).append(one)
    found = list(days_in(np.array(times, np.int64)))
    assert found == [(day, min(own), max(own)) for day, own in sorted(days.items())]


@pytest.mark.parametrize("kind", [one for one in KINDS if one != "zip"])
def test_two_files_of_a_symbol_and_day_are_refused(tmp_path, kind):
    ticks = drawn(minutes=1)
    one = written(tmp_path, kind, ticks)
    other = tmp_path / "other"
    other.mkdir()
    two = written(other, "csv", ticks)
    with pytest.raises(UserError, match=f"2 tick files of IBM on {DAY:%Y%m%d}; name one of them"):
        planned(from_mapping(SETTINGS), one + two)


def test_other_forms_of_the_same_columns(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    ticks = drawn(minutes=1)
    array = rows(ticks)
    plain = text_columns(array)
    times = array["time"].view("M8[ns]")
    forms = {
        "moments": {**plain, "time": times},
        "zone": {**plain, "time": pyarrow.array(array["time"], pyarrow.timestamp("ns", "UTC"))},
        "us": {**plain, "time": times.astype("M8[us]")},
        "letters": {**plain, "kind": np.array([ord(one) for one in array["kind"]], np.uint8)},
        "dictionary": {**plain, "kind": pyarrow.array(plain["kind"]).dictionary_encode()},
        "order": {name: plain[name] for name in sorted(plain, reverse=True)} | {"more": times},
    }
    for name, columns in forms.items():
        assert read(parquet(tmp_path / f"{name}.parquet", columns)) == ticks, name
    arrays = columns_of(array)
    np.savez(tmp_path / "x.npz", **{**arrays, "time": times, "kind": array["kind"].astype("S3")})
    assert read(tmp_path / "x.npz") == ticks
    np.save(tmp_path / "big.npy", array.astype(array.dtype.newbyteorder(">")))
    assert read(tmp_path / "big.npy") == ticks
    # Without its ending a kind is known by its content.
    shutil.copy(tmp_path / "us.parquet", tmp_path / "bare")
    shutil.copy(tmp_path / "big.npy", tmp_path / "bare2")
    assert read(tmp_path / "bare") == read(tmp_path / "bare2") == ticks


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"price": None}, "has no column 'price'; expected time (or time_ms), kind, price, size"),
        ({"symbol": None}, "its symbol cannot be told: give it a column 'symbol', or name it"),
        ({"price": "f4"}, "column 'price' is float32; expected float64 or whole numbers"),
        ({"price": "U9"}, "column 'price' is text; expected float64"),
        ({"time": "f8"}, "column 'time' is float64; expected whole numbers of ns, or times"),
        ({"size": "U9"}, "column 'size' is text; expected whole numbers"),
        ({"kind": "i8"}, "column 'kind' is int64; expected text: B, A or T"),
        ({"kind": ["Q"]}, "row 1: kind 'Q' is not one of B (bid), A (ask), T (trade)"),
        ({"symbol": ["ibm"]}, "column 'symbol' has 'ibm'; expected a ticker as IBM"),
        ({"time": [7]}, "row 1: time 7 is out of range; expected nanoseconds since 1970 UTC"),
        ({"price": [np.nan]}, "row 1: price nan is not above 0"),
        ({"price": [-1.5]}, "row 1: price -1.5 is not above 0"),
        ({"size": [-1]}, "row 1: size -1 is not 0 to"),
        ({"time": [1_704_296_400_000_000_000]}, "row 2: time goes backwards from 20240103 15:40"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["parquet", "npy", "npz"])
def test_what_cannot_be_is_one_clear_line(tmp_path, kind, change, words):
    columns = columns_of(rows(drawn(minutes=1)))
    for name, value in change.items():
        if value is None:
            del columns[name]
        elif isinstance(value, list):
            columns[name] = np.concatenate((np.array(value), columns[name][1:]))
        elif name == "kind":
            columns[name] = np.ones(len(columns[name]), value)
        else:
            columns[name] = columns[name].astype(value)
    path = tmp_path / f"my ticks.{kind}"
    if kind == "parquet":
        lists = {key: v.tolist() if v.dtype.kind == "U" else v for key, v in columns.items()}
        parquet(path, lists)
    elif kind == "npz":
        np.savez(path, **columns)
    else:
        array = np.zeros(
            len(columns["time"]), [(key, value.dtype) for key, value in columns.items()]
        )
        for key, value in columns.items():
            array[key] = value
        np.save(path, array)
    with pytest.raises(DataFileError) as raised:
        read(path)
    assert str(raised.value).startswith(str(path))
    assert words in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_day_that_cannot_be_told_and_odd_arrays_are_refused(tmp_path):
    array = rows(drawn(minutes=1), times=False)
    cases = {
        "IBM.npy": (array, "its day cannot be told"),
        "IBM-20241399.npy": (array, "20241399 in its name is no date"),
        "a.npy": (np.zeros(3), "is an array of float64 with 1 dimensions; expected a structured"),
        "b.npy": (array[:0].reshape(0, 1), "with 2 dimensions; expected a structured"),
        "IBM-20240103.npy": (array[:0], "has no ticks"),
        "SPY-20240103.npy": (array[:0][["time_ms", "kind", "price", "size"]], "has no ticks"),
    }
    for name, (value, words) in cases.items():
        np.save(tmp_path / name, value)
        with pytest.raises(DataFileError, match=words):
            read(tmp_path / name)
    np.savez(tmp_path / "c.npz", **{**columns_of(rows(drawn(minutes=1))), "size": np.ones(3)})
    with pytest.raises(DataFileError, match=r"its columns are of unequal length: time .* size 3"):
        list(files.tape([files.Part(tmp_path / "c.npz", "IBM", DAY)]))


def test_nothing_is_unpickled(tmp_path):
    array = rows(drawn(minutes=1))
    np.save(tmp_path / "a.npy", array.astype([("time", "O"), *array.dtype.descr[1:]]))
    np.savez(tmp_path / "b.npz", **{**columns_of(array), "time": array["time"].astype("O")})
    for name in ("a.npy", "b.npz"):
        with pytest.raises(DataFileError, match=name):
            read(tmp_path / name)


def test_parquet_without_its_library_is_one_clear_line(tmp_path, monkeypatch):
    path = tmp_path / "x.parquet"
    path.write_bytes(b"PAR1")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setattr("engine.ticks.parquet.find_spec", lambda name: None)
    with pytest.raises(
        UserError, match=r"needs pyarrow, .*not installed: pip install .*\[parquet\]"
    ):
        files.parts([path])


def test_another_file_is_told_apart(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("hello")
    with pytest.raises(DataFileError, match=r"is no tick file: expected .csv, .* found b'hello'"):
        files.parts([path])
    with pytest.raises(DataFileError, match="cannot be read: No such file"):
        files.parts([tmp_path / "nothing"])
    for kind in ("parquet", "npy", "npz", "zip"):
        with pytest.raises(DataFileError, match="cannot be read: No such file"):
            files.parts([tmp_path / f"IBM-20240103.{kind}"])


@pytest.mark.parametrize("kind", ["parquet", "npy", "npz", "zip"])
def test_a_long_file_needs_little_memory(tmp_path, kind):
    """Of 600,000 rows (13 MB as columns) never more than some blocks are there."""
    one = drawn(minutes=1)
    array = np.tile(rows(one), 600_000 // len(one) + 1)[:600_000]
    opens, _ = instruments.session(DAY)
    array["time"] = opens + np.arange(len(array)) * 10_000_000 // 1_000_000 * 1_000_000
    path = tmp_path / f"x.{kind}"
    if kind == "parquet":
        parquet(path, text_columns(array), row_group_size=100_000)
    elif kind == "npz":
        np.savez(path, **columns_of(array))
    elif kind == "npy":
        np.save(path, array)
    else:
        from tests.ticks.conftest import lean

        origin = instruments.midnight_ns(DAY)
        text = "".join(
            f"{(time - origin) // 1_000_000},1000000,100,D,1,0\n" for time in array["time"].tolist()
        )
        lean(path, "20240103_ibm_tick_trade.csv", text)
        del text
    del array
    tape = files.tape(files.parts([path]))
    count = 0
    tracemalloc.start()
    try:
        while tape.read():
            count += len(tape.times)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert count == 600_000
    assert most < 12_000_000


def test_a_part_is_the_same_when_it_was_text(tmp_path):
    """As a sweep gives it to its processes."""
    parts = files.parts(written(tmp_path, "zip", drawn(minutes=1)))
    assert [files.Part.of(one.record()) for one in parts] == parts

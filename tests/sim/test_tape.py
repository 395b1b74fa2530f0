"""Ticks of several symbols as one market, in columns: the order of ``merge``, in any pieces."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import DataFileError
from engine.sim import market
from engine.sim.market import Block
from engine.sim.records import MarketTick
from engine.sim.tape import Tape, thinned


def block(rows):
    return Block(
        np.array([time for time, _ in rows], np.int64),
        np.full(len(rows), ord("T"), np.uint8),
        np.array([float(size) for _, size in rows], np.float64),
        np.array([size for _, size in rows], np.int64),
    )


source = st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=6), max_size=5)


@given(st.lists(source, min_size=1, max_size=4))
def test_any_pieces_give_the_order_of_the_merge(gaps):
    numbers, blocks, ticks = itertools.count(1), [], []
    for place, pieces in enumerate(gaps):
        now, own, rows = 1, [], []
        for piece in pieces:
            part = []
            for gap in piece:
                now += gap
                part.append((now, next(numbers)))
            own.append(block(part))
            rows += part
        blocks.append(own)
        ticks.append([MarketTick(t, f"S{place}", "T", float(size), size) for t, size in rows])
    tape = Tape([f"S{place}" for place in range(len(gaps))], blocks)
    assert list(tape) == list(market.merge(ticks))
    assert list(tape) == []


def test_what_was_read_ahead_stands_in_columns():
    tape = Tape(["A", "B"], [[block([(1, 1), (5, 2)])], [block([(3, 3)])]])
    assert next(tape).time_ns == 1
    # The next of B may come at 3, too.
    assert (tape.times.tolist(), tape.symbols_at.tolist(), tape.at) == ([1], [0], 1)
    assert next(tape) == MarketTick(3, "B", "T", 3.0, 3)
    assert (tape.times.tolist(), tape.symbols_at.tolist(), tape.at) == ([3], [1], 1)
    assert list(tape) == [MarketTick(5, "A", "T", 2.0, 2)]


def test_a_mistake_comes_after_the_rows_before_it(tmp_path):
    path = tmp_path / "IBM-20131007.csv"
    path.write_text("time_ms,kind,price,size\n1,T,5,1\n2, T ,5,1\n")
    tape = Tape(["IBM"], [market.read_blocks(path)])
    with pytest.raises(DataFileError, match="line 3: kind ' T ' is not one of"):
        list(tape)


def test_thinned_sizes_are_at_least_one_where_there_was_any():
    (found,) = thinned([block([(1, 0), (2, 1), (3, 10), (4, 99)])], 0.15)
    assert found.sizes.tolist() == [0, 1, 1, 14]


def test_rows_that_are_written_otherwise_are_read_all_the_same(tmp_path):
    path = tmp_path / "IBM-20131007.csv"
    path.write_text('time_ms,kind,price,size\n1,T,5,1\n+2,T,"5.5",1\n 3 ,T,1e1,2\r\n4,T,6,1')
    found = [(one.price, one.size) for one in market.read_ticks(path)]
    assert found == [(5.0, 1), (5.5, 1), (10.0, 2), (6.0, 1)]
    path.write_text("time_ms,kind,price,size\n1,T,5,1000000000000001\n")
    with pytest.raises(DataFileError, match="line 2: size 1000000000000001 is above"):
        list(market.read_ticks(path))


@pytest.mark.parametrize("chunk", [1, 7, 30])
def test_the_pieces_of_a_file_do_not_matter(tmp_path, monkeypatch, chunk):
    path = tmp_path / "IBM-20131007.csv"
    rows = "".join(f"{n},{'BAT'[n % 3]},{n / 100 + 1:.2f},{n}\r\n" for n in range(40))
    path.write_bytes(("time_ms,kind,price,size\r\n" + rows).encode())
    whole = list(market.read_ticks(path))
    monkeypatch.setattr(market, "CHUNK_BYTES", chunk + len("time_ms,kind,price,size\r\n"))
    monkeypatch.setattr(market, "BLOCK_ROWS", 3)
    assert list(market.read_ticks(path)) == whole
    assert len(whole) == 40

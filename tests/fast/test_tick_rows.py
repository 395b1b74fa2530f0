"""Rows of tick files in bulk: the numbers that Python reads, and nothing beyond plain rows."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from _fast.tick_rows import parse

ORIGIN = 1_700_000_000_000_000_000


def read(text, room=1000, start=0, whole=True, previous=0):
    columns = (
        np.zeros(room, np.int64),
        np.zeros(room, np.uint8),
        np.zeros(room, np.float64),
        np.zeros(room, np.int64),
    )
    count, at, last = parse(text, start, whole, ORIGIN, previous, *columns)
    rows = zip(*(one[:count].tolist() for one in columns), strict=True)
    return [(t - ORIGIN, chr(k), p, s) for t, k, p, s in rows], at, last


def test_plain_rows_with_every_ending():
    text = b"1,B,10.5,100\n2,A,10.50000,0\r\n2,T,7,3\r86399999,T,0.0001,1"
    rows, at, last = read(text)
    assert rows == [
        (1_000_000, "B", 10.5, 100),
        (2_000_000, "A", 10.5, 0),
        (2_000_000, "T", 7.0, 3),
        (86_399_999_000_000, "T", 0.0001, 1),
    ]
    assert (at, last) == (len(text), 86_399_999)


def test_a_line_that_is_not_whole_waits_for_the_rest():
    text = b"1,B,10.5,100\n2,A,10.6,1"
    assert read(text, whole=False)[:2] == ([(1_000_000, "B", 10.5, 100)], 13)
    assert read(b"1,B,10.5,100\r", whole=False)[:2] == ([], 0)  # a line feed may follow
    assert len(read(text, start=13)[0]) == 1


@pytest.mark.parametrize(
    "row",
    [
        "x,T,5,1", "-1,T,5,1", " 1,T,5,1", "1 ,T,5,1", "1,t,5,1", "1,Q,5,1", "1,TT,5,1", "1,T,5",
        "1,T,5,1,", "1,T,,1", "1,T,5.,1", "1,T,.5,1", "1,T,0,1", "1,T,0.000,1", "1,T,-5,1",
        "1,T,1e3,1", "1,T,nan,1", "1,T,5,-1", "1,T,5,1.5", "1,T,5,", ",T,5,1", "86400000,T,5,1",
        '1,T,"5",1', "1,T,1234567890.123456,1", "1,T,5,1234567890123456", "", "1,T,5,1 ",
        "1_0,T,5,1",
    ],
)  # fmt: skip
def test_what_is_not_plain_is_left_to_somebody_slower(row):
    before = b"1,B,10.5,100\n"
    rows, at, last = read(before + row.encode() + b"\n2,T,5,1\n")
    assert (len(rows), at, last) == (1, len(before), 1)


def test_time_does_not_go_backwards_and_columns_may_be_full():
    assert read(b"9,T,5,1\n8,T,5,1\n")[1] == 8
    assert read(b"9,T,5,1\n", previous=10) == ([], 0, 10)
    assert read(b"1,T,5,1\n2,T,5,1\n3,T,5,1\n", room=2)[1:] == (16, 2)


@given(st.decimals(min_value="0.0001", max_value="99999", places=6), st.integers(0, 10**15 - 1))
def test_prices_are_the_nearest_doubles(price, size):
    rows, _, _ = read(f"5,T,{price:f},{size}\n".encode())
    assert rows == [(5_000_000, "T", float(f"{price:f}"), size)]


def test_wrong_arguments_are_told():
    columns = [np.zeros(3, np.int64), np.zeros(2, np.uint8), np.zeros(3), np.zeros(3, np.int64)]
    with pytest.raises(ValueError, match="equal length"):
        parse(b"", 0, True, 0, 0, *columns)
    with pytest.raises(ValueError, match="rows start at 0 to 3, not 4"):
        read(b"abc", start=4)

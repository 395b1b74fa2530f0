"""LEAN's zips: its ticks as they are, and its bars as ticks."""

from __future__ import annotations

import zipfile
from datetime import date

import pytest

from engine.errors import DataFileError
from engine.sim import instruments
from engine.ticks import files
from tests.ticks.conftest import lean, read

DAY = date(2013, 10, 7)
ORIGIN = instruments.midnight_ns(DAY)
TRADE, QUOTE = "20131007_bac_Trade_Tick.csv", "20131007_bac_Quote_Tick.csv"


def shown(*paths):
    return [((one.time_ns - ORIGIN) / 1e6, one.kind, one.price, one.size) for one in read(*paths)]


def test_ticks_have_their_prices_times_and_sides(tmp_path):
    """Suspicious ones and sides without a price are no ticks; the ticker is in the member."""
    trades = lean(
        tmp_path / "20131007_trade.zip", TRADE,
        "34200000,137450,100,D,1,0\n34200009.367,137500,50,D,40,1\n34200010.5,1374505,7,N,80,False\n",
    )  # fmt: skip
    quotes = lean(
        tmp_path / "20131007_quote.zip", QUOTE,
        "34200000,137400,300,0,0,D,1,0\n34200000,0,0,137500,200,D,1,0\n"
        "34200005,137300,1,137600,2,D,1,0\n34200006,137300,1,137600,2,D,1,True\n",
    )  # fmt: skip
    assert [(one.symbol, one.day, one.content) for one in files.parts([trades, quotes])] == [
        ("BAC", DAY, "trades"), ("BAC", DAY, "quotes"),
    ]  # fmt: skip
    assert shown(trades, quotes) == [
        (34200000, "B", 13.74, 300),
        (34200000, "A", 13.75, 200),
        (34200000, "T", 13.745, 100),
        (34200005, "B", 13.73, 1),
        (34200005, "A", 13.76, 2),
        (34200010.5, "T", 137.4505, 7),
    ]


@pytest.mark.parametrize(
    "member", ["20131007_BAC_tick_trade.csv", TRADE, "20131007_bac_trade_tick.csv"]
)
def test_a_member_may_be_named_in_either_way(tmp_path, member):
    assert shown(lean(tmp_path / "any.zip", member, "1,10000,1,D,1,0\r\n")) == [(1, "T", 1, 1)]


def test_a_trade_bar_is_four_trades_in_the_order_that_its_close_says(tmp_path):
    path = lean(
        tmp_path / "20131007_trade.zip", "20131007_bac_minute_trade.csv",
        "34200000,100000,103000,99000,101000,1003\n"
        "34260000,101000,102000,98000,99000,2\n34320000,99000,99000,99000,99000,0\n",
    )  # fmt: skip
    assert shown(path) == [
        (34200000, "T", 10.0, 250), (34220000, "T", 9.9, 250),
        (34240000, "T", 10.3, 250), (34259999, "T", 10.1, 253),
        (34260000, "T", 10.1, 1), (34280000, "T", 10.2, 1),
        (34300000, "T", 9.8, 1), (34319999, "T", 9.9, 1),
    ]  # fmt: skip


def test_a_quote_bar_is_four_quotes_and_a_side_may_be_missing(tmp_path):
    path = lean(
        tmp_path / "20131007_quote.zip", "20131007_bac_second_quote.csv",
        "34200000,100000,101000,99000,100500,5,100200,101200,99200,100700,7\n"
        "34201000,,,,,0,100200,100200,100100,100100,9\n34202000,100000,100000,100000,100000,3,,,,,\n",
    )  # fmt: skip
    assert shown(path) == [
        (34200000, "B", 10.0, 5), (34200000, "A", 10.02, 7),
        (34200333, "B", 9.9, 5), (34200333, "A", 9.92, 7),
        (34200666, "B", 10.1, 5), (34200666, "A", 10.12, 7),
        (34200999, "B", 10.05, 5), (34200999, "A", 10.07, 7),
        (34201000, "A", 10.02, 9), (34201333, "A", 10.02, 9),
        (34201666, "A", 10.01, 9), (34201999, "A", 10.01, 9),
        (34202000, "B", 10.0, 3), (34202333, "B", 10.0, 3),
        (34202666, "B", 10.0, 3), (34202999, "B", 10.0, 3),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("member", "text", "words"),
    [
        (TRADE, "", "has no ticks"),
        (TRADE, "1,10000,1,D,1,1\n", "has no ticks"),
        (TRADE, "1,10000,1,D,1,0\nx,10000,1,D,1,0\n", "line 2: expected time,price,size,exchange"),
        (TRADE, "1,10000,1,D,1,0\n\n", "line 2: expected time,price"),
        (TRADE, "1,10000,1,D,1,maybe\n", "line 1: expected time,price"),
        (TRADE, "1,10000,1\n", "line 1: expected time,price,size,exchange,condition,suspicious"),
        (QUOTE, "1,10000,1,D,1,0\n", "line 1: expected time,bid,bid size,ask,ask size"),
        (TRADE, "2,10000,1,D,1,0\n1,10000,1,D,1,0\n", "line 2: time goes backwards from 20131007"),
        (TRADE, "1,-10000,1,D,1,0\n", "line 1: price -1.0 is not above 0"),
        (TRADE, "1,10000,1.5,D,1,0\n", "line 1: size 1.5 is no whole number"),
        (TRADE, "1,nan,1,D,1,0\n", "line 1: expected time,price"),
        (TRADE, "86400000,10000,1,D,1,0\n", "line 1: time 86400000 is outside the day"),
        (TRADE, "1,10000,1,D\u00e9,1,0\n", "is not text"),
        ("20131007_bac_daily_trade.csv", "1,2,3\n", "is no zip of LEAN's equities: expected one"),
        ("20139907_bac_Trade_Tick.csv", "1,10000,1,D,1,0\n", "20139907 in .* is no date"),
    ],
)
def test_what_cannot_be_is_one_clear_line(tmp_path, member, text, words):
    path = lean(tmp_path / "20131007_trade.zip", member, text)
    with pytest.raises(DataFileError, match=words) as raised:
        read(path)
    assert str(raised.value).startswith(str(path))
    assert "\n" not in str(raised.value)


def test_two_members_are_refused(tmp_path):
    path = lean(tmp_path / "x.zip", TRADE, "1,10000,1,D,1,0\n")
    with zipfile.ZipFile(path, "a") as file:
        file.writestr(QUOTE, "")
    with pytest.raises(DataFileError, match=r"expected one member, .* found 2: '2013"):
        read(path)

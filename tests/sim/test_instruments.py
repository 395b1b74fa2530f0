"""Contracts, calendars and trading hours of the simulated broker."""

from __future__ import annotations

from datetime import date, time
from decimal import Decimal

import pytest

from engine.errors import ConfigError
from engine.sim import instruments
from engine.sim.hours import Hours

HOUR_NS = 3_600_000_000_000


def test_a_symbol_is_the_same_contract_in_every_run():
    ibm = instruments.instrument("IBM")
    assert ibm == instruments.instrument("IBM")
    assert ibm.con_id == 1_244_168_183
    assert (ibm.exchange, ibm.currency, ibm.time_zone) == ("SMART", "USD", "America/New_York")
    assert ibm.primary_exchange in ("NASDAQ", "NYSE")
    assert all(instruments.con_id(name) > 0 for name in ("A", "IBM", "SPY", "BRK B"))


@pytest.mark.parametrize("symbol", ["", "ibm", "IBM!", "1BM", "TOOLONGSYMBOL", "A  B", "IBM\n"])
def test_what_is_no_stock_symbol_is_unknown(symbol):
    assert not instruments.known(symbol)
    with pytest.raises(ConfigError, match="not a US stock symbol"):
        instruments.instrument(symbol)


@pytest.mark.parametrize("text", ["19700102", "20240229", "22611231"])
def test_a_day_of_the_calendar(text):
    assert f"{instruments.day_of(text):%Y%m%d}" == text


@pytest.mark.parametrize("text", ["20230229", "00010103", "19691231", "22620101", "99991230"])
def test_a_day_that_nanoseconds_do_not_reach_is_none(text):
    with pytest.raises(ValueError, match="day"):
        instruments.day_of(text)


def test_a_list_of_contracts_names_each_once():
    assert [one.symbol for one in instruments.instruments(["IBM", "BAC"])] == ["IBM", "BAC"]
    with pytest.raises(ConfigError, match="named twice"):
        instruments.instruments(["IBM", "IBM"])


def test_the_price_grid_changes_at_one_dollar():
    grid = instruments.MARKET_RULES[instruments.MARKET_RULE_ID]
    assert grid.increment(Decimal("0.9999")) == Decimal("0.0001")
    assert grid.increment(Decimal(1)) == Decimal("0.01")


def test_sessions_follow_the_exchanges_clock_over_a_change_of_time():
    # Clocks go forward on Sunday 10 March 2013: the open moves by an hour in UTC.
    before, after = instruments.sessions(date(2013, 3, 8), date(2013, 3, 11))
    assert after[0] - before[0] == 71 * HOUR_NS
    assert after[1] - after[0] == int(6.5 * HOUR_NS)
    assert instruments.local_time(after[0]).time() == time(9, 30)
    for day in (date(2013, 3, 10), date(2013, 11, 3)):  # the days of a change themselves
        opens = instruments.midnight_ns(day) + int(9.5 * HOUR_NS)
        assert instruments.local_time(opens).time() == time(9, 30)


def test_holidays_and_early_closes_are_a_table():
    friday = date(2013, 11, 29)
    hours = instruments.sessions(
        date(2013, 11, 27), date(2013, 12, 1), [date(2013, 11, 28)], {friday: time(13)}
    )
    assert len(hours) == 2
    text = instruments.hours_text(hours, date(2013, 11, 27), date(2013, 12, 1))
    assert text == (
        "20131127:0930-20131127:1600;20131128:CLOSED;20131129:0930-20131129:1300;"
        "20131130:CLOSED;20131201:CLOSED"
    )
    text = instruments.hours_text(hours, friday, friday, extended=True)
    assert text == "20131129:0400-20131129:1700"


@pytest.mark.parametrize(
    ("day", "hour"),
    [
        (date(2013, 11, 29), 13),  # the day after Thanksgiving
        (date(2024, 11, 29), 13),
        (date(2013, 11, 22), 16),
        (date(2013, 7, 3), 13),
        (date(2015, 7, 2), 16),  # 4 July is a Saturday: the holiday is Friday the third
        (date(2013, 12, 24), 13),
        (date(2022, 12, 23), 16),  # Christmas is a Sunday
        (date(2013, 12, 26), 16),
    ],
)
def test_half_days_end_at_one(day, hour):
    _, closes = instruments.session(day)
    assert instruments.local_time(closes).time() == time(hour)
    assert instruments.sessions(day, day) == (instruments.session(day),)


def test_questions_about_a_moment(hours):
    opens, closes = hours[0]
    asked = Hours(hours)
    assert asked.since(opens - 1, False) is None
    assert asked.since(opens, False) == opens
    assert asked.since(closes, False) is None
    assert asked.since(closes, True) == opens - int(5.5 * HOUR_NS)
    assert asked.opening(opens, False) is None
    assert asked.opening(closes, False) == hours[1][0]
    assert asked.expiry(opens - 1, False) == asked.expiry(closes - 1, False) == closes
    assert asked.expiry(closes, False) == hours[1][1]
    assert asked.expiry(closes, True) == asked.day_end(closes) == closes + 4 * HOUR_NS
    assert asked.since(hours[-1][1], False) is None
    assert asked.opening(hours[-1][1], False) is None
    assert asked.expiry(hours[-1][1], False) is None


def test_without_sessions_it_is_always_open():
    always = Hours(())
    assert (always.since(5, False), always.opening(5, True), always.expiry(5, True)) == (
        0,
        None,
        None,
    )

from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import attrs
import pytest

from engine.broker.definitions import ContractFacts, instrument, sessions, time_zone
from engine.errors import DecodeError

D = Decimal
NEW_YORK = ZoneInfo("America/New_York")

FACTS = ContractFacts(
    request_id=1,
    symbol="AAPL",
    con_id=265598,
    sec_type="STK",
    exchange="SMART",
    primary_exchange="NASDAQ",
    currency="USD",
    local_symbol="AAPL",
    trading_class="NMS",
    time_zone="US/Eastern",
    liquid_hours="20260105:0930-20260105:1600;20260106:CLOSED",
    min_tick=D("0.01"),
    size_increment=D("0.0001"),
    valid_exchanges="ISLAND,SMART,IEX",
    market_rule_ids="557,26,32",
)


def utc(year, month, day, hour, minute):
    return int(datetime(year, month, day, hour, minute, tzinfo=UTC).timestamp()) * 1_000_000_000


@pytest.mark.parametrize(
    "text",
    [
        "20260105:0930-20260105:1600;20260106:CLOSED",
        "20260105:0930-1600;20260106:CLOSED",
        "20260106:CLOSED;20260105:0930-20260105:1600;",
        "20260105:0930-20260105:1600;20260105:0930-20260105:1600",
    ],
)
def test_sessions_in_either_form(text):
    assert sessions(text, NEW_YORK) == ((utc(2026, 1, 5, 14, 30), utc(2026, 1, 5, 21, 0)),)


def test_sessions_know_daylight_saving_half_days_and_breaks():
    assert sessions("20260706:0930-20260706:1300", NEW_YORK) == (
        (utc(2026, 7, 6, 13, 30), utc(2026, 7, 6, 17, 0)),
    )
    assert len(sessions("20260105:0900-1200,1300-1600", ZoneInfo("Asia/Tokyo"))) == 2


def test_sessions_over_midnight():
    assert sessions("20260105:1800-0200", ZoneInfo("UTC")) == (
        (utc(2026, 1, 5, 18, 0), utc(2026, 1, 6, 2, 0)),
    )
    assert sessions("20260105:0000-2400", ZoneInfo("UTC")) == (
        (utc(2026, 1, 5, 0, 0), utc(2026, 1, 6, 0, 0)),
    )


def test_no_hours_are_no_sessions():
    assert sessions("", NEW_YORK) == ()


@pytest.mark.parametrize(
    "text",
    [
        "20260105",
        "20260105:0930",
        "20260105:0930-20260105:9999",
        "x:0930-1600",
        "20261305:0930-1600",
    ],
)
def test_hours_that_cannot_be_read(text):
    with pytest.raises(DecodeError, match="trading hours"):
        sessions(text, NEW_YORK)


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("US/Eastern", "America/New_York"),
        ("EST (Eastern Standard Time)", "America/New_York"),
        ("EST5EDT", "America/New_York"),
        ("MET", "MET"),
        ("Asia/Tokyo", "Asia/Tokyo"),
    ],
)
def test_zones_as_tws_names_them(name, key):
    assert time_zone(name).key == key


@pytest.mark.parametrize("name", ["", "Nowhere/Else", "../etc/passwd", "EST\ufffd"])
def test_unknown_zones(name):
    with pytest.raises(DecodeError, match="time zone"):
        time_zone(name)


def test_the_rule_is_that_of_the_exchange_we_route_to():
    assert FACTS.market_rule == 26
    assert attrs.evolve(FACTS, valid_exchanges="ISLAND").market_rule == 557
    assert attrs.evolve(FACTS, market_rule_ids="").market_rule is None
    with pytest.raises(DecodeError):
        _ = attrs.evolve(FACTS, market_rule_ids="a,b,c").market_rule


def test_an_instrument_with_bands():
    found = instrument(FACTS, "AAPL", ((D(1), D("0.01")), (D(0), D("0.0001"))))
    assert found.grid.increment(D("0.5")) == D("0.0001")
    assert found.grid.increment(D(1)) == D("0.01")
    assert found.con_id == 265598
    assert found.lot == 1
    assert found.sessions == ((utc(2026, 1, 5, 14, 30), utc(2026, 1, 5, 21, 0)),)


def test_without_a_rule_the_smallest_tick_is_the_grid():
    assert instrument(FACTS, "AAPL", ()).grid.increment(D(100)) == D("0.01")


@pytest.mark.parametrize("bands", [((D(1), D("0.01")),), ((D(0), D(0)),), ((D(0), D(-1)),)])
def test_a_grid_that_makes_no_sense(bands):
    with pytest.raises(DecodeError, match="price grid"):
        instrument(FACTS, "AAPL", bands)


def test_lots_above_one_are_kept():
    assert instrument(attrs.evolve(FACTS, size_increment=D(100)), "AAPL", ()).lot == 100

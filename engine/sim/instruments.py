"""The contract database of the simulated broker: any US stock symbol, the same every run.

Sessions are regular hours, 09:30 to 16:00 New York (13:00 on half days), as UTC nanoseconds;
extended hours reach from 04:00 until four hours after the close, on half days too.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import cache
from typing import Final
from zoneinfo import ZoneInfo

from engine.errors import ConfigError
from engine.inputs import Instrument
from engine.money import Grid

ZONE_NAME: Final = "America/New_York"
RTH_OPEN: Final = time(9, 30)
RTH_CLOSE: Final = time(16, 0)
HALF_DAY_CLOSE: Final = time(13, 0)
EXTENDED_BEFORE_OPEN_NS: Final = 19_800_000_000_000  # 5.5 hours: from 04:00
EXTENDED_AFTER_CLOSE_NS: Final = 14_400_000_000_000  # 4 hours: until 20:00
YEARS: Final = range(1970, 2262)
MARKET_RULE_ID: Final = 26
MARKET_RULE: Final = Grid(
    ((Decimal(0), Decimal("0.0001")), (Decimal(1), Decimal("0.01"))),
)
MARKET_RULES: Final[Mapping[int, Grid]] = {MARKET_RULE_ID: MARKET_RULE}
_SYMBOL: Final = re.compile(r"[A-Z][A-Z0-9]{0,9}([ .][A-Z0-9]{1,4})?")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@cache
def zone() -> ZoneInfo:
    return ZoneInfo(ZONE_NAME)


def utc_ns(moment: datetime) -> int:
    """Nanoseconds since 1970 of an aware datetime, exactly (no float on the way)."""
    since = moment - _EPOCH
    return ((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds) * 1_000


def local_time(time_ns: int) -> datetime:
    """The exchange's wall clock at a UTC nanosecond, cut to microseconds."""
    return (_EPOCH + timedelta(microseconds=time_ns // 1_000)).astimezone(zone())


def day_of(text: str) -> date:
    """A calendar day that is written as YYYYMMDD, and that nanoseconds of 64 bits reach. Raises
    ValueError."""
    day = datetime.strptime(text, "%Y%m%d").date()  # noqa: DTZ007 - it has no time
    if day.year not in YEARS:
        raise ValueError(f"no day of {YEARS[0]} to {YEARS[-1]}: {text}")
    return day


def midnight_ns(day: date) -> int:
    """UTC nanoseconds from which wall-clock times of a trading day count.

    Taken twelve hours before local noon: clocks change at 02:00, so on the two days of a change
    this is the origin that puts 09:30 at 09:30.
    """
    noon = datetime.combine(day, time(12), zone())
    return utc_ns(noon) - 43_200 * 1_000_000_000


def close_of(day: date) -> time:
    """When regular hours of a trading day end: early on the day after Thanksgiving, and before
    Independence Day and Christmas where these and the day before are weekdays."""
    after_thanksgiving = day.month == 11 and 23 <= day.day <= 29 and day.weekday() == 4
    before_holiday = (day.month, day.day) in ((7, 3), (12, 24)) and day.weekday() < 4
    return HALF_DAY_CLOSE if after_thanksgiving or before_holiday else RTH_CLOSE


def session(day: date, close: time | None = None) -> tuple[int, int]:
    """(open, close) of one trading day in UTC nanoseconds, the close as ``close_of`` has it."""
    return (
        utc_ns(datetime.combine(day, RTH_OPEN, zone())),
        utc_ns(datetime.combine(day, close or close_of(day), zone())),
    )


def sessions(
    first: date,
    last: date,
    closed: Collection[date] = (),
    early_closes: Mapping[date, time] | None = None,
) -> tuple[tuple[int, int], ...]:
    """Regular sessions of the weekdays from ``first`` to ``last``, both included."""
    early = early_closes or {}
    return tuple(
        session(day, early.get(day))
        for day in _days(first, last)
        if day.weekday() < 5 and day not in closed
    )


def known(symbol: str) -> bool:
    """Whether the database has a contract of this name (any well-formed US stock symbol)."""
    return _SYMBOL.fullmatch(symbol) is not None


def con_id(symbol: str) -> int:
    """A positive 31-bit number that belongs to the symbol in every run and on every machine."""
    return zlib.crc32(symbol.encode()) & 0x7FFFFFFF or 1


def instrument(symbol: str, hours: tuple[tuple[int, int], ...] = ()) -> Instrument:
    """The contract of ``symbol`` with its sessions (``hours``; empty: always open).

    Raises:
        ConfigError: the name is not that of a US stock.
    """
    if not known(symbol):
        raise ConfigError(f"symbol {symbol!r}: not a US stock symbol, such as IBM or BRK B")
    number = con_id(symbol)
    return Instrument(
        symbol=symbol,
        con_id=number,
        primary_exchange="NASDAQ" if number & 1 else "NYSE",
        local_symbol=symbol,
        trading_class="NMS" if number & 1 else symbol,
        grid=MARKET_RULE,
        sessions=hours,
    )


def instruments(
    symbols: Iterable[str], hours: tuple[tuple[int, int], ...] = ()
) -> list[Instrument]:
    """Contracts of ``symbols`` that share ``hours``. Raises ConfigError for a name that repeats."""
    found: dict[str, Instrument] = {}
    for symbol in symbols:
        if symbol in found:
            raise ConfigError(f"symbol {symbol}: named twice, name it once")
        found[symbol] = instrument(symbol, hours)
    return list(found.values())


def hours_text(
    hours: Iterable[tuple[int, int]], first: date, last: date, extended: bool = False
) -> str:
    """Trading hours as contract details state them, one entry a day, weekends included.

    ``20240102:0930-20240102:1600;20240103:CLOSED``; ``extended`` gives tradingHours, otherwise
    liquidHours.
    """
    before, after = (EXTENDED_BEFORE_OPEN_NS, EXTENDED_AFTER_CLOSE_NS) if extended else (0, 0)
    by_day = {
        local_time(opens).date(): (local_time(opens - before), local_time(closes + after))
        for opens, closes in hours
    }
    entries = []
    for day in _days(first, last):
        span = by_day.get(day)
        entries.append(
            f"{span[0]:%Y%m%d:%H%M}-{span[1]:%Y%m%d:%H%M}" if span else f"{day:%Y%m%d}:CLOSED"
        )
    return ";".join(entries)


def _days(first: date, last: date) -> Iterable[date]:
    return (first + timedelta(days=count) for count in range((last - first).days + 1))

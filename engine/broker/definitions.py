"""Instruments out of what TWS says of a contract: price grid, lot and regular trading hours."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import attrs

from engine.errors import DecodeError
from engine.inputs import Instrument
from engine.money import ZERO, Grid

SECOND_NS: Final = 1_000_000_000
SESSIONS_MAX: Final = 64  # TWS sends about a week, some builds a month

# Names that TWS uses and the time zone database does not have, or has for another place: its
# "EST" is the New York clock, with daylight saving.
_ZONES: Final = {
    "EST": "America/New_York",
    "EST5EDT": "America/New_York",
    "US/Eastern": "America/New_York",
    "CST": "America/Chicago",
    "US/Central": "America/Chicago",
    "MST": "America/Denver",
    "PST": "America/Los_Angeles",
    "JST": "Asia/Tokyo",
    "Japan": "Asia/Tokyo",
    "GB": "Europe/London",
    "BST": "Europe/London",
    "HKT": "Asia/Hong_Kong",
}


@attrs.frozen
class ContractFacts:
    """What is used of contract details, as TWS wrote it."""

    request_id: int
    symbol: str
    con_id: int
    sec_type: str
    exchange: str
    primary_exchange: str
    currency: str
    local_symbol: str
    trading_class: str
    time_zone: str
    liquid_hours: str
    min_tick: Decimal
    size_increment: Decimal | None
    valid_exchanges: str
    market_rule_ids: str

    @property
    def market_rule(self) -> int | None:
        """The rule of the exchange we route to; rules and exchanges are parallel lists."""
        rules = [part for part in self.market_rule_ids.split(",") if part.strip()]
        exchanges = [part.strip() for part in self.valid_exchanges.split(",")]
        if not rules:
            return None
        place = exchanges.index(self.exchange) if self.exchange in exchanges else 0
        try:
            return int(rules[min(place, len(rules) - 1)])
        except ValueError:
            raise DecodeError(
                f"{self.symbol}: {self.market_rule_ids!r} are no market rules"
            ) from None


def instrument(
    facts: ContractFacts, symbol: str, increments: Sequence[tuple[Decimal, Decimal]]
) -> Instrument:
    """The instrument that ``facts`` describe; ``increments`` are (low edge, increment) bands of
    its market rule, empty if it has none.

    Raises:
        DecodeError: the hours, the zone or the price increments make no sense.
    """
    zone = time_zone(facts.time_zone)
    return Instrument(
        symbol=symbol,
        con_id=facts.con_id,
        sec_type=facts.sec_type,
        exchange=facts.exchange,
        primary_exchange=facts.primary_exchange,
        currency=facts.currency,
        local_symbol=facts.local_symbol,
        trading_class=facts.trading_class,
        time_zone=zone.key,
        grid=_grid(facts, increments),
        lot=_lot(facts),
        sessions=sessions(facts.liquid_hours, zone),
    )


def time_zone(name: str) -> ZoneInfo:
    """The zone TWS means; older builds write ``EST (Eastern Standard Time)``."""
    short = name.split("(", maxsplit=1)[0].strip()
    try:
        return ZoneInfo(_ZONES.get(short, short))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise DecodeError(f"the time zone {name!r} is not known") from None


def sessions(hours: str, zone: ZoneInfo) -> tuple[tuple[int, int], ...]:
    """Trading hours as (open, close) UTC nanoseconds, ascending.

    Both forms are read: ``20260105:0930-20260105:1600;20260106:CLOSED`` and the older
    ``20260105:0930-1200,1300-1600``.
    """
    found = sorted({span for day in hours.split(";") if day.strip() for span in _day(day, zone)})
    if len(found) > SESSIONS_MAX:
        raise DecodeError(f"more than {SESSIONS_MAX} trading sessions")
    return tuple(found)


def _day(text: str, zone: ZoneInfo) -> Iterator[tuple[int, int]]:
    date, _, rest = text.strip().partition(":")
    if rest.strip().upper() == "CLOSED":
        return
    for span in rest.split(","):
        start, dash, end = span.strip().partition("-")
        if not dash:
            raise DecodeError(f"trading hours {text!r} cannot be read")
        end_date, colon, end_time = end.rpartition(":")
        opens = _moment(date, start, zone, text)
        closes = _moment(end_date if colon else date, end_time if colon else end, zone, text)
        if not colon and closes <= opens:  # the older form runs over midnight without a date
            closes = _moment(date, end, zone, text, days=1)
        if closes <= opens:
            raise DecodeError(f"trading hours {text!r} end before they begin")
        yield opens, closes


def _moment(date: str, clock: str, zone: ZoneInfo, text: str, days: int = 0) -> int:
    # 2400 is the end of the day; strptime does not know it.
    if clock == "2400":
        clock, days = "0000", days + 1
    try:
        local = datetime.strptime(date + clock, "%Y%m%d%H%M") + timedelta(days=days)  # noqa: DTZ007
    except ValueError:
        raise DecodeError(f"trading hours {text!r} cannot be read") from None
    return int(local.replace(tzinfo=zone).astimezone(UTC).timestamp()) * SECOND_NS


def _grid(facts: ContractFacts, increments: Sequence[tuple[Decimal, Decimal]]) -> Grid:
    bands = tuple(sorted(increments)) or ((ZERO, facts.min_tick),)
    if bands[0][0] != 0 or any(increment <= 0 for _, increment in bands):
        raise DecodeError(f"{facts.symbol}: {bands} is no price grid")
    return Grid(bands)


def _lot(facts: ContractFacts) -> Decimal:
    # Contract details of stocks name fractions of a share, which the API does not trade
    # (error 10243): one share is the smallest lot.
    increment = facts.size_increment
    return increment if increment is not None and increment > 1 else Decimal(1)

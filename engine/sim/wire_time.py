"""Instants as text, the way TWS writes them for each version and purpose."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import cache, lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from engine.errors import DecodeError

SECOND_NS: Final = 1_000_000_000
_MINUTE_NS: Final = 60 * SECOND_NS
_DAY_S: Final = 86_400
_KEPT: Final = 64  # texts of moments that are told again and again
Z_SUFFIX_MIN: Final = 214
_YEARS: Final = range(1900, 2262)  # that nanoseconds of 64 bits reach, on the clock of every zone
_TIME: Final = re.compile(
    r"(\d{8})(?:(-)| {1,2}|$)(\d\d:\d\d:\d\d)?(?: ?([A-Za-z][A-Za-z0-9_+/-]*))?"
)


@cache
def zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def local(time_ns: int, zone_name: str) -> datetime:
    """Whole seconds of a UTC instant on the clock of ``zone_name``."""
    return datetime.fromtimestamp(time_ns // SECOND_NS, zone(zone_name))


def zoned(time_ns: int, zone_name: str) -> str:
    """``YYYYMMDD HH:MM:SS Zone/Name``: the clock is that zone's, or a client shifts it by hours."""
    return f"{local(time_ns, zone_name):%Y%m%d %H:%M:%S} {zone_name}"


def utc(time_ns: int, suffix: str = "") -> str:
    days, seconds = divmod(time_ns // SECOND_NS, _DAY_S)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{_utc_day(days)}-{hours:02}:{minutes:02}:{seconds:02}{suffix}"


@lru_cache(maxsize=_KEPT)
def _utc_day(days: int) -> str:
    return f"{datetime.fromtimestamp(days * _DAY_S, UTC):%Y%m%d}"


def clock(time_ns: int, zone_name: str) -> str:
    """``HH:MM`` on the clock of that zone."""
    return _clock(time_ns // _MINUTE_NS, zone_name)


@lru_cache(maxsize=_KEPT)
def _clock(minutes: int, zone_name: str) -> str:
    moment = local(minutes * _MINUTE_NS, zone_name)
    return f"{moment.hour:02}:{moment.minute:02}"


def execution_time(time_ns: int, zone_name: str, version: int) -> str:
    """Instrument's zone since 174, UTC with a Z since 214."""
    return utc(time_ns, "Z") if version >= Z_SUFFIX_MIN else zoned(time_ns, zone_name)


def handshake_time(time_ns: int, zone_name: str) -> str:
    return f"{local(time_ns, zone_name):%Y%m%d %H:%M:%S %Z}"


def parse_time(value: str, zone_name: str, end: bool = False) -> int | None:
    """UTC nanoseconds of a time that a client wrote; None for an empty one.

    ``YYYYMMDD-HH:MM:SS`` is UTC, ``YYYYMMDD HH:MM:SS`` on the clock of ``zone_name`` unless a
    zone follows; the date alone means its midnight there, or with ``end`` its last second.

    Raises:
        DecodeError: it is none of these.
    """
    if not value.strip():
        return None
    match = _TIME.fullmatch(value.strip())
    if match is None:
        raise DecodeError(f"Invalid time '{value[:40]}': write YYYYMMDD HH:MM:SS Zone/Name")
    day, dash, clock, named = match.groups()
    clock = clock or ("23:59:59" if end else "00:00:00")
    try:
        info = UTC if dash else zone(named or zone_name)
        moment = datetime.fromisoformat(
            f"{day}T{clock or ('23:59:59' if end else '00:00:00')}"
        ).replace(tzinfo=info)
    except (ValueError, KeyError, OSError):
        raise DecodeError(f"Invalid time '{value[:40]}': no such date or zone") from None
    if moment.year not in _YEARS:
        raise DecodeError(f"Invalid time '{value[:40]}': out of range")
    return int(moment.timestamp()) * SECOND_NS

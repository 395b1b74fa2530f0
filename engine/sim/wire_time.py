"""Instants as text, the way TWS writes them for each version and purpose."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from typing import Final
from zoneinfo import ZoneInfo

SECOND_NS: Final = 1_000_000_000
Z_SUFFIX_MIN: Final = 214


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
    return f"{datetime.fromtimestamp(time_ns // SECOND_NS, UTC):%Y%m%d-%H:%M:%S}{suffix}"


def execution_time(time_ns: int, zone_name: str, version: int) -> str:
    """Instrument's zone since 174, UTC with a Z since 214."""
    return utc(time_ns, "Z") if version >= Z_SUFFIX_MIN else zoned(time_ns, zone_name)


def handshake_time(time_ns: int, zone_name: str) -> str:
    return f"{local(time_ns, zone_name):%Y%m%d %H:%M:%S %Z}"

"""The order types and times in force that this broker serves: one row each, and nothing else.

A row of ``TYPES`` says what sets the order off, at what price it then trades, and which prices
its sender states. ``matching`` acts on these words; ``checks`` asks for the prices. A type that
is not here is refused with error 387, a time in force that is not here with 10052.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

import attrs

# What sets an order off: nothing; the last trade at its aux price or beyond (a buy from below,
# a sell from above); the same coming from the other side; a stop that follows the last trade;
# the closing auction.
Trigger = Literal["none", "stop", "touch", "trail", "close"]
# At what price it trades then: what the other side shows, no worse than its limit, or its own
# side of the quote, followed.
Pricing = Literal["market", "limit", "pegged"]


@attrs.frozen
class OrderType:
    """``needs``: prices that must be stated. ``extended``: may trade outside regular hours, if
    the order wishes it; TWS ignores the wish of the others and says so (2109). ``waits``: held by
    the broker until the market sets it off. ``stops``: closes a position that the market moves
    against, a protective order."""

    name: str
    trigger: Trigger
    pricing: Pricing
    needs: tuple[str, ...] = ()
    extended: bool = True
    waits: bool = attrs.field(init=False)
    stops: bool = attrs.field(init=False)
    limited: bool = attrs.field(init=False)

    @waits.default
    def _waits(self) -> bool:
        return self.trigger in ("stop", "touch", "trail")

    @stops.default
    def _stops(self) -> bool:
        return self.trigger in ("stop", "trail")

    @limited.default
    def _limited(self) -> bool:
        return self.pricing == "limit"


_LIMIT, _AUX = "limit_price", "aux_price"
TYPES: Final[Mapping[str, OrderType]] = {
    row.name: row
    for row in (
        #         name           set off by  trades at  states
        OrderType("MKT",         "none",     "market",  extended=False),
        OrderType("LMT",         "none",     "limit",   (_LIMIT,)),
        OrderType("STP",         "stop",     "market",  (_AUX,)),
        OrderType("STP LMT",     "stop",     "limit",   (_AUX, _LIMIT)),
        OrderType("TRAIL",       "trail",    "market"),  # an amount or a percentage
        OrderType("TRAIL LIMIT", "trail",    "limit"),  # and a limit or its offset
        OrderType("MIT",         "touch",    "market",  (_AUX,)),
        OrderType("LIT",         "touch",    "limit",   (_AUX, _LIMIT)),
        OrderType("MOC",         "close",    "market",  extended=False),
        OrderType("LOC",         "close",    "limit",   (_LIMIT,), extended=False),
        OrderType("REL",         "none",     "pegged"),  # aux: offset; a limit caps it
    )
}  # fmt: skip

Ends = Literal["close", "date", "never"]


@attrs.frozen
class TimeInForce:
    """``ends``: when what has not filled is cancelled: with the session, at the order's own
    moment, or never. ``once``: whatever its first chance to trade leaves is cancelled at once.
    ``whole``: it fills completely or not at all."""

    name: str
    ends: Ends = "close"
    once: bool = False
    whole: bool = False


TIMES: Final[Mapping[str, TimeInForce]] = {
    row.name: row
    for row in (
        TimeInForce("DAY"),
        TimeInForce("GTC", "never"),
        TimeInForce("GTD", "date"),
        TimeInForce("IOC", once=True),
        TimeInForce("FOK", once=True, whole=True),
        TimeInForce("OPG", once=True),  # its one chance is the first trade of the next session
    )
}
# Which times go with which trigger; the rest is refused. Only the opening auction takes OPG.
_PLAIN: Final = frozenset({"DAY", "GTC", "GTD"})
_TIMES_OF: Final[Mapping[Trigger, frozenset[str]]] = {
    "none": frozenset(TIMES),
    "stop": _PLAIN | {"IOC", "FOK"},
    "touch": _PLAIN | {"IOC", "FOK"},
    "trail": _PLAIN,
    "close": frozenset({"DAY"}),
}


def allowed(kind: OrderType, tif: str) -> bool:
    """Whether an order of this type may have this time in force."""
    if kind.pricing == "pegged":
        return tif in _PLAIN
    return tif in _TIMES_OF[kind.trigger]

"""What the core wants done, as frozen records: the only way the core touches the world.

They leave in order. Order commands are durable in the journal before their bytes leave.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

from engine.inputs import Side, SnapshotKind
from engine.records import frozen


@frozen
class OrderSpec:
    """All of an order that we ever state. ``tif`` and ``outside_rth`` are always explicit: an
    empty one would be filled from a preset of the TWS user (error 10349, and worse)."""

    action: Side
    quantity: Decimal  # total, including what has filled
    order_type: str  # MKT, LMT, STP, STP LMT, TRAIL
    limit_price: Decimal | None
    aux_price: Decimal | None  # stop price; of a TRAIL its amount, unless it has a percentage
    tif: str
    outside_rth: bool
    account: str
    order_ref: str
    oca_group: str = ""
    oca_type: int = 0
    parent_id: int = 0
    transmit: bool = True
    trail_percent: Decimal | None = None
    trail_stop_price: Decimal | None = None  # where a TRAIL begins; the broker moves it from there


@frozen
class Command:
    """Base of all commands."""


@frozen
class Place(Command):
    """A new order."""

    order_id: int
    symbol: str
    spec: OrderSpec


@frozen
class Amend(Command):
    """The same order id with a changed spec, always built from our own intent (B8, B9)."""

    order_id: int
    symbol: str
    spec: OrderSpec


@frozen
class Cancel(Command):
    order_id: int


@frozen
class Snapshot(Command):
    """Ask the broker for the truth of one kind."""

    kind: SnapshotKind


@frozen
class AskAccount(Command):
    """Ask the broker what the account is worth: by itself it tells only what has changed."""


@frozen
class LookAtMarket(Command):
    """A decision that waited (a reversal, now flat) needs today's price, not that of its signal.
    The runtime answers with MarketSeen in the next batch."""

    symbol: str


@frozen
class Follow(Command):
    """Keep these indicators of a symbol, and no others, up with its bars: MarketView has them from
    here on. Each is written as ``ema(20)``."""

    symbol: str
    indicators: tuple[str, ...]


@frozen
class Watch(Command):
    """Tell ConditionFired with this number when ``field`` of the symbol's market, or an indicator,
    becomes at or above (or below) ``level``, and again only after it has not been; ``over`` and
    ``under`` without the level itself. The level is that of the indicator ``against``, if one is
    named. If it is so already, it fires ``at_once``, or has to become false first."""

    number: int
    symbol: str
    field: str
    op: Literal["above", "below", "over", "under"]
    level: float
    at_once: bool
    against: str = ""


@frozen
class Unwatch(Command):
    """The watch of this number is not wanted any more."""

    number: int


OrderCommand = Place | Amend | Cancel

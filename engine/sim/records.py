"""What the exchange, the wire and the oracle of the simulator pass to each other.

The exchange (sans-I/O, virtual time) emits notices; the wire renders them for each client in
the format that client negotiated. Nothing here knows sockets or field order.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

import attrs

from engine.inputs import Instrument, Side
from engine.records import compiled, frozen
from engine.sim.conditions import Condition

TickKind = Literal["B", "A", "T"]  # bid, ask, trade, as in the tick files


@frozen
class MarketTick:
    """One row of a tick file: UTC nanoseconds of the exchange's clock."""

    time_ns: int
    symbol: str
    kind: TickKind
    price: float
    size: int


@compiled
@attrs.define(kw_only=True, weakref_slot=False)
class SimOrder:
    """An order as the exchange holds it. ``perm_id`` identifies it for ever; (client_id,
    order_id) only within the client's own numbering."""

    order_id: int
    client_id: int
    perm_id: int
    instrument: Instrument
    account: str
    action: Side
    quantity: Decimal
    order_type: str  # one of order_types.TYPES
    limit_price: Decimal | None = None
    aux_price: Decimal | None = None
    trailing_percent: Decimal | None = None
    trail_stop_price: Decimal | None = None
    limit_offset: Decimal | None = None  # of a TRAIL LIMIT: limit from stop, 0 or more
    tif: str = "DAY"
    good_till_ns: int | None = None
    good_after_ns: int | None = None
    outside_rth: bool = False
    conditions: tuple[Condition, ...] = ()
    conditions_cancel: bool = False  # when they come true the order is cancelled, not released
    conditions_ignore_rth: bool = False
    oca_group: str = ""
    oca_type: int = 0
    parent_id: int = 0
    order_ref: str = ""
    transmit: bool = True
    # state
    status: str = "PendingSubmit"
    filled: Decimal = Decimal(0)
    average_price: Decimal = Decimal(0)
    last_price: Decimal = Decimal(0)
    why_held: str = ""
    stop_elected: bool = False

    @property
    def remaining(self) -> Decimal:
        filled = self.filled
        return self.quantity - filled if filled else self.quantity


@frozen
class SimExecution:
    execution_id: str
    time_ns: int
    order_id: int
    client_id: int
    perm_id: int
    instrument: Instrument
    account: str
    side: Side
    quantity: Decimal
    price: Decimal
    cumulative_quantity: Decimal
    average_price: Decimal
    order_ref: str
    exchange: str = "ISLAND"
    liquidation: bool = False
    last_liquidity: int = 1
    time_text: str = ""  # overrides how the wire writes the time


@frozen
class Notice:
    """Base of what the exchange tells; ``client_id`` None means every client concerned."""


@frozen
class OrderNotice(Notice):
    """openOrder followed by orderStatus: a frozen copy of the order at that instant."""

    order: SimOrder
    with_open_order: bool = True  # False: orderStatus only


@attrs.frozen(kw_only=True)
class WhatIfNotice(Notice):
    """What an order would cost, asked and not placed; money in the account's currency."""

    order: SimOrder
    margin_before: Decimal
    margin_after: Decimal
    equity_before: Decimal  # with loan value
    equity_after: Decimal
    commission: Decimal
    warning: str = ""


@frozen
class ExecutionNotice(Notice):
    execution: SimExecution


@frozen
class CommissionNotice(Notice):
    execution_id: str
    client_id: int
    commission: Decimal | None  # None: TWS sends its "unset"
    currency: str
    realised: Decimal | None


@frozen
class ErrorNotice(Notice):
    client_id: int
    order_id: int
    code: int
    text: str


@frozen
class TickNotice(Notice):
    """A market change that subscribers of the symbol get (bid, ask, last with sizes)."""

    tick: MarketTick


@frozen
class HaltNotice(Notice):
    """Trading of a symbol has been halted (1, 2) or goes on (0)."""

    symbol: str
    kind: int


@frozen
class PositionNotice(Notice):
    account: str
    instrument: Instrument
    quantity: Decimal
    average_cost: Decimal

"""The messages that a TWS sends, as one table: id, text version, fields in order, protobuf name.

Field names are those of the protobuf messages, so one row serves both formats: as text the values
follow each other in this order behind id and version; in protobuf they are set by name.
Messages whose shape depends on the version or on their content have code of their own in
``wire_text`` and ``wire_protobuf``.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final, Protocol

import attrs

from engine.inputs import Instrument
from engine.sim.records import SimExecution, SimOrder, WhatIfNotice

TEXT_MAX: Final = 200  # newest version that is all text
PROTOBUF_MIN: Final = 213  # oldest version that is all protobuf
VERSION_MIN: Final = 176
VERSION_MAX: Final = 226
PROTOBUF_OFFSET: Final = 200  # added to the id of a message whose body is protobuf

Value = int | float | str | Decimal | bool | None


@attrs.frozen
class Message:
    """One row: ``text_version`` is the literal second field of the text form, None if it has none.

    Clients drop a text message silently when the number of its fields is not exactly this.
    """

    id: int
    text_version: int | None
    protobuf: str
    fields: tuple[str, ...] = ()


TICK_PRICE = Message(1, 6, "TickPrice", ("reqId", "tickType", "price", "size", "attrMask"))
TICK_SIZE = Message(2, 6, "TickSize", ("reqId", "tickType", "size"))
ORDER_STATUS = Message(
    3,
    None,
    "OrderStatus",
    (
        "orderId",
        "status",
        "filled",
        "remaining",
        "avgFillPrice",
        "permId",
        "parentId",
        "lastFillPrice",
        "clientId",
        "whyHeld",
        "mktCapPrice",
    ),
)
ACCOUNT_VALUE = Message(6, 2, "AccountValue", ("key", "value", "currency", "accountName"))
ACCOUNT_TIME = Message(8, 1, "AccountUpdateTime", ("timeStamp",))
NEXT_VALID_ID = Message(9, 1, "NextValidId", ("orderId",))
MANAGED_ACCOUNTS = Message(15, 1, "ManagedAccounts", ("accountsList",))
TICK_GENERIC = Message(45, 6, "TickGeneric", ("reqId", "tickType", "value"))
TICK_STRING = Message(46, 6, "TickString", ("reqId", "tickType", "value"))
CURRENT_TIME = Message(49, 1, "CurrentTime", ("currentTime",))
REALTIME_BAR = Message(
    50,
    3,
    "RealTimeBarTick",
    ("reqId", "time", "open", "high", "low", "close", "volume", "WAP", "count"),
)
CONTRACT_DETAILS_END = Message(52, 1, "ContractDataEnd", ("reqId",))
OPEN_ORDERS_END = Message(53, 1, "OpenOrdersEnd")
ACCOUNT_END = Message(54, 1, "AccountDataEnd", ("accountName",))
EXECUTIONS_END = Message(55, 1, "ExecutionDetailsEnd", ("reqId",))
TICK_SNAPSHOT_END = Message(57, 1, "TickSnapshotEnd", ("reqId",))
MARKET_DATA_TYPE = Message(58, 1, "MarketDataType", ("reqId", "marketDataType"))
POSITIONS_END = Message(62, 1, "PositionEnd")
ACCOUNT_SUMMARY = Message(63, 1, "AccountSummary", ("reqId", "account", "tag", "value", "currency"))
ACCOUNT_SUMMARY_END = Message(64, 1, "AccountSummaryEnd", ("reqId",))
POSITIONS_MULTI_END = Message(72, 1, "PositionMultiEnd", ("reqId",))
ACCOUNT_MULTI = Message(
    73, 1, "AccountUpdateMulti", ("reqId", "account", "modelCode", "key", "value", "currency")
)
ACCOUNT_MULTI_END = Message(74, 1, "AccountUpdateMultiEnd", ("reqId",))
TICK_REQ_PARAMS = Message(
    81, None, "TickReqParams", ("reqId", "minTick", "bboExchange", "snapshotPermissions")
)
HEAD_TIMESTAMP = Message(88, None, "HeadTimestamp", ("reqId", "headTimestamp"))
PNL = Message(94, None, "PnL", ("reqId", "dailyPnL", "unrealizedPnL", "realizedPnL"))
PNL_SINGLE = Message(
    95,
    None,
    "PnLSingle",
    ("reqId", "position", "dailyPnL", "unrealizedPnL", "realizedPnL", "value"),
)
COMPLETED_ORDERS_END = Message(102, None, "CompletedOrdersEnd")
CURRENT_TIME_MS = Message(109, None, "CurrentTimeInMillis", ("currentTimeInMillis",))


@attrs.frozen(kw_only=True)
class WireBar:
    """A bar as the wire carries it; ``date`` is already rendered as the client asked."""

    date: str
    open: float
    high: float
    low: float
    close: float
    volume: Decimal
    average: float
    count: int


@attrs.frozen(kw_only=True)
class Listing:
    """What contractData tells of an instrument beyond the instrument itself."""

    instrument: Instrument
    long_name: str
    market_name: str
    order_types: str
    valid_exchanges: str
    trading_hours: str
    liquid_hours: str
    market_rule_id: int
    stock_type: str = "COMMON"
    industry: str = ""
    category: str = ""
    subcategory: str = ""

    @property
    def market_rule_ids(self) -> str:
        """One rule for each valid exchange, in their order, as TWS lists them."""
        count = self.valid_exchanges.count(",") + 1
        return ",".join([str(self.market_rule_id)] * count)


@attrs.frozen(kw_only=True)
class Holding:
    """One position with its valuation, for the portfolio message."""

    account: str
    instrument: Instrument
    quantity: Decimal
    average_cost: Decimal
    market_price: float
    market_value: float
    unrealised: float
    realised: float


@attrs.frozen
class LastTick:
    """One trade, tick by tick; time in epoch seconds."""

    time_s: int
    price: float
    size: int
    exchange: str


@attrs.frozen
class BidAskTick:
    """One change of the best bid and ask, tick by tick; time in epoch seconds."""

    time_s: int
    bid: float
    ask: float
    bid_size: int
    ask_size: int


class Encoder(Protocol):
    """Renders messages as complete frames for one negotiated version."""

    version: int

    def simple(self, message: Message, *values: Value) -> bytes:
        """A message of the table; None means "unset" (empty text, absent in protobuf)."""

    def error(self, request_id: int, code: int, text: str, time_ms: int) -> bytes: ...

    def open_order(self, order: SimOrder) -> bytes: ...

    def what_if(self, notice: WhatIfNotice) -> bytes: ...

    def completed_order(self, order: SimOrder, completed_time: str, outcome: str) -> bytes: ...

    def execution(self, request_id: int, execution: SimExecution) -> bytes: ...

    def commission(
        self, execution_id: str, amount: Decimal | None, currency: str, realised: Decimal | None
    ) -> bytes: ...

    def contract_details(self, request_id: int, listing: Listing) -> bytes: ...

    def market_rule(self, rule_id: int, bands: tuple[tuple[Decimal, Decimal], ...]) -> bytes: ...

    def position(
        self, account: str, instrument: Instrument, quantity: Decimal, average_cost: Decimal
    ) -> bytes: ...

    def position_multi(
        self,
        request_id: int,
        account: str,
        instrument: Instrument,
        quantity: Decimal,
        average_cost: Decimal,
    ) -> bytes: ...

    def portfolio(self, holding: Holding) -> bytes: ...

    def tick_last(self, request_id: int, kind: int, tick: LastTick) -> bytes: ...

    def tick_bid_ask(self, request_id: int, tick: BidAskTick) -> bytes: ...

    def tick_mid(self, request_id: int, time_s: int, price: float) -> bytes: ...

    def historical(
        self, request_id: int, bars: list[WireBar], start: str, end: str
    ) -> list[bytes]: ...

    def historical_update(self, request_id: int, bar: WireBar) -> bytes: ...


def order_status_values(order: SimOrder) -> tuple[Value, ...]:
    """The eleven values of ``ORDER_STATUS``."""
    return (
        order.order_id,
        order.status,
        order.filled,
        order.remaining,
        float(order.average_price),
        order.perm_id,
        order.parent_id,
        float(order.last_price),
        order.client_id,
        order.why_held,
        0.0,
    )

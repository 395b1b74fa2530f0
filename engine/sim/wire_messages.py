"""The messages that a TWS sends, as one table: id, text version, fields in order, protobuf name.

Field names are those of the protobuf messages, so one row serves both formats: as text the values
follow each other in this order behind id and version; in protobuf they are set by name.
Messages whose shape depends on the version or on their content have code of their own in
``wire_text`` and ``wire_protobuf``.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import attrs

from engine.inputs import Instrument
from engine.records import frozen
from engine.sim.records import SimOrder

TEXT_MAX: Final = 200  # newest version that is all text
PROTOBUF_MIN: Final = 213  # oldest version that is all protobuf
VERSION_MIN: Final = 176
VERSION_MAX: Final = 226
PROTOBUF_OFFSET: Final = 200  # added to the id of a message whose body is protobuf

Value = int | float | str | Decimal | bool | None
Part = Value | bytes | list[bytes]  # of a protobuf message: a value, or messages within it


@attrs.frozen(eq=False)
class Message:
    """One row: ``text_version`` is the literal second field of the text form, None if it has none.
    A name with dots leads into a message within the protobuf message.

    Clients drop a text message silently when the number of its fields is not exactly this.
    """

    id: int
    text_version: int | None
    protobuf: str
    fields: tuple[str, ...] = ()
    since: int = 0  # the first version that has it


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
MARKET_DEPTH = Message(
    12,
    1,
    "MarketDepth",
    (
        "reqId",
        *("marketDepthData.position", "marketDepthData.operation", "marketDepthData.side"),
        *("marketDepthData.price", "marketDepthData.size"),
    ),
)
MARKET_DEPTH_L2 = Message(
    13,
    1,
    "MarketDepthL2",
    (
        "reqId",
        *("marketDepthData.position", "marketDepthData.marketMaker", "marketDepthData.operation"),
        *("marketDepthData.side", "marketDepthData.price", "marketDepthData.size"),
        "marketDepthData.isSmartDepth",
    ),
)
NEWS_BULLETIN = Message(
    14, 1, "NewsBulletin", ("newsMsgId", "newsMsgType", "newsMessage", "originatingExch")
)
MANAGED_ACCOUNTS = Message(15, 1, "ManagedAccounts", ("accountsList",))
SCANNER_PARAMETERS = Message(19, 1, "ScannerParameters", ("xml",))
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
DISPLAY_GROUPS = Message(67, 1, "DisplayGroupList", ("reqId", "groups"))
DISPLAY_GROUP_UPDATED = Message(68, 1, "DisplayGroupUpdated", ("reqId", "contractInfo"))
POSITIONS_MULTI_END = Message(72, 1, "PositionMultiEnd", ("reqId",))
ACCOUNT_MULTI = Message(
    73, 1, "AccountUpdateMulti", ("reqId", "account", "modelCode", "key", "value", "currency")
)
ACCOUNT_MULTI_END = Message(74, 1, "AccountUpdateMultiEnd", ("reqId",))
OPTION_PARAMETERS_END = Message(76, None, "SecDefOptParameterEnd", ("reqId",))
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
ORDER_BOUND = Message(100, None, "OrderBound", ("permId", "clientId", "orderId"))
COMPLETED_ORDERS_END = Message(102, None, "CompletedOrdersEnd")
USER_INFO = Message(107, None, "UserInfo", ("reqId", "whiteBrandingId"))
CURRENT_TIME_MS = Message(109, None, "CurrentTimeInMillis", ("currentTimeInMillis",), 197)
CONFIG = Message(
    110,
    None,
    "ConfigResponse",
    (
        "reqId",
        *("api.settings.readOnlyApi", "api.settings.masterClientId"),
        *("api.settings.allowLocalhostOnly", "api.settings.rejectMessagesAboveMaxRate"),
    ),
    219,
)
CONFIG_UPDATED = Message(111, None, "UpdateConfigResponse", ("reqId", "status", "message"), 221)


BARS_KEPT: Final = 8_192  # as they are written: an answer repeats most of the one before


@attrs.frozen(kw_only=True, cache_hash=True)
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


@frozen
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


def order_status_values(order: SimOrder) -> tuple[Value, ...]:
    """The eleven values of ``ORDER_STATUS``."""
    filled, average, last = order.filled, order.average_price, order.last_price
    return (
        order.order_id,
        order.status,
        filled,
        order.remaining,
        float(average) if average else 0.0,
        order.perm_id,
        order.parent_id,
        float(last) if last else 0.0,
        order.client_id,
        order.why_held,
        0.0,
    )

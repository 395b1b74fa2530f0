"""The messages of a TWS that hold a list, as one table: what stands before it, its rows, its end.

One row serves both formats, as in ``wire_messages``. As text the number of rows comes first, then
their values one after the other; in protobuf each row is a message of its own. A name with dots
leads into a message within the message, and ``=word`` is a word that only the text form has.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import attrs

from engine.sim.wire_messages import Value

LITERAL: Final = "="
_CONTRACT: Final = (
    *("contract.conId", "contract.symbol", "contract.secType"),
    *("=", "=0", "="),  # expiry, strike, right
    *("contract.exchange", "contract.currency", "contract.localSymbol"),
)


@attrs.frozen
class ListMessage:
    """One row of the table; ``text_version`` is the literal second field of the text form."""

    id: int
    text_version: int | None
    protobuf: str
    head: tuple[str, ...]
    rows: str  # the repeated field
    row: tuple[str, ...]
    tail: tuple[str, ...] = ()


Rows = Iterable[tuple[Value, ...]]

SCANNER_DATA: Final = ListMessage(
    20,
    3,
    "ScannerData",
    ("reqId",),
    "scannerDataElement",
    (
        "rank",
        *_CONTRACT,
        *("marketName", "contract.tradingClass", "distance", "benchmark", "projection"),
        "comboKey",
    ),
)
SOFT_DOLLAR_TIERS: Final = ListMessage(
    77, None, "SoftDollarTiers", ("reqId",), "softDollarTiers", ("name", "value", "displayName")
)
FAMILY_CODES: Final = ListMessage(
    78, None, "FamilyCodes", (), "familyCodes", ("accountId", "familyCode")
)
SYMBOL_SAMPLES: Final = ListMessage(
    79,
    None,
    "SymbolSamples",
    ("reqId",),
    "contractDescriptions",
    (
        *("contract.conId", "contract.symbol", "contract.secType", "contract.primaryExch"),
        *("contract.currency", "=0"),  # no types of derivatives
        *("contract.description", "contract.issuerId"),
    ),
)
DEPTH_EXCHANGES: Final = ListMessage(
    80,
    None,
    "MarketDepthExchanges",
    (),
    "depthMarketDataDescriptions",
    ("exchange", "secType", "listingExch", "serviceDataType", "aggGroup"),
)
SMART_COMPONENTS: Final = ListMessage(
    82,
    None,
    "SmartComponents",
    ("reqId",),
    "smartComponents",
    ("bitNumber", "exchange", "exchangeLetter"),
)
NEWS_PROVIDERS: Final = ListMessage(
    85, None, "NewsProviders", (), "newsProviders", ("providerCode", "providerName")
)
HISTOGRAM: Final = ListMessage(
    89, None, "HistogramData", ("reqId",), "histogramDataEntries", ("price", "size")
)
MARKET_RULE: Final = ListMessage(
    93, None, "MarketRule", ("marketRuleId",), "priceIncrements", ("lowEdge", "increment")
)
PAST_MIDPOINTS: Final = ListMessage(
    96,
    None,
    "HistoricalTicks",
    ("reqId",),
    "historicalTicks",
    ("time", "=0", "price", "size"),
    ("isDone",),
)
PAST_QUOTES: Final = ListMessage(
    97,
    None,
    "HistoricalTicksBidAsk",
    ("reqId",),
    "historicalTicksBidAsk",
    ("time", "=0", "priceBid", "priceAsk", "sizeBid", "sizeAsk"),
    ("isDone",),
)
PAST_TRADES: Final = ListMessage(
    98,
    None,
    "HistoricalTicksLast",
    ("reqId",),
    "historicalTicksLast",
    ("time", "=0", "price", "size", "exchange", "specialConditions"),
    ("isDone",),
)
SCHEDULE: Final = ListMessage(
    106,
    None,
    "HistoricalSchedule",
    ("reqId", "startDateTime", "endDateTime", "timeZone"),
    "historicalSessions",
    ("startDateTime", "endDateTime", "refDate"),
)


def paired(names: tuple[str, ...], values: tuple[Value, ...]) -> list[tuple[str, Value]]:
    """Each name with its value; a literal has none of its own and brings its word."""
    given = iter(values)
    found: list[tuple[str, Value]] = [
        (name, name[1:] if name.startswith(LITERAL) else next(given)) for name in names
    ]
    assert next(given, None) is None, (names, values)
    return found

"""What clients ask, as one table: how each request is written as text and as protobuf.

Names are those of the protobuf messages. A row gives the text form: whether a version literal
comes first, then the fields in order, each ``name:type`` with type i(nteger), s(tring), b(oolean)
or d(ouble), ``contract`` for the twelve contract fields, ``contract-11`` and ``contract-7`` for
their shorter forms, ``legs`` and ``dnc`` for the groups that follow only when announced, and ``-``
for a field that is not looked at. Fields behind the last one named are ignored, which is how a
newer client may send more than its version strictly has.
"""

from __future__ import annotations

from typing import Final

import attrs

START_API: Final = 71
PLACE_ORDER: Final = 3
CANCEL_ORDER: Final = 4
GLOBAL_CANCEL: Final = 58


@attrs.frozen
class Ask:
    """One row: how request ``id`` is written. ``protobuf`` is empty for what is text only;
    ``inner`` names the message within the message that holds some of the fields."""

    id: int
    protobuf: str
    versioned: bool = False
    fields: tuple[str, ...] = ()
    inner: str = ""


def _ask(
    message_id: int, protobuf: str, fields: str = "", versioned: bool = False, inner: str = ""
) -> Ask:
    return Ask(message_id, protobuf, versioned, tuple(fields.split()), inner)


def _table(*rows: Ask) -> dict[int, Ask]:
    return {row.id: row for row in rows}


ASKS: Final = _table(
    _ask(
        1,
        "MarketDataRequest",
        "reqId:i contract legs dnc genericTickList:s snapshot:b regulatorySnapshot:b",
        True,
    ),
    _ask(2, "CancelMarketData", "reqId:i", True),
    _ask(5, "OpenOrdersRequest"),
    _ask(6, "AccountDataRequest", "subscribe:b acctCode:s", True),
    _ask(
        7,
        "ExecutionRequest",
        "reqId:i clientId:i acctCode:s time:s symbol:s secType:s exchange:s side:s",
        True,
        "executionFilter",
    ),
    _ask(8, "IdsRequest", "numIds:i", True),
    _ask(9, "ContractDataRequest", "reqId:i contract", True),
    _ask(10, "MarketDepthRequest", "reqId:i contract numRows:i isSmartDepth:b", True),
    _ask(11, "CancelMarketDepth", "reqId:i isSmartDepth:b", True),
    _ask(12, "NewsBulletinsRequest", "allMessages:b", True),
    _ask(13, "CancelNewsBulletins"),
    _ask(14, "SetServerLogLevelRequest", "logLevel:i", True),
    _ask(15, "AutoOpenOrdersRequest", "autoBind:b", True),
    _ask(16, "AllOpenOrdersRequest"),
    _ask(17, "ManagedAccountsRequest"),
    _ask(18, "FARequest", "faDataType:i", True),
    _ask(19, "FAReplace", "faDataType:i xml:s reqId:i", True),
    _ask(
        20,
        "HistoricalDataRequest",
        "reqId:i contract - endDateTime:s barSizeSetting:s duration:s useRTH:b whatToShow:s"
        " formatDate:i legs keepUpToDate:b",
    ),
    _ask(
        21,
        "ExerciseOptionsRequest",
        "orderId:i contract-11 exerciseAction:i exerciseQuantity:i account:s override:b",
        True,
    ),
    _ask(
        22,
        "ScannerSubscriptionRequest",
        "reqId:i numberOfRows:i instrument:s locationCode:s scanCode:s abovePrice:d belowPrice:d"
        " aboveVolume:i",
        inner="scannerSubscription",
    ),
    _ask(23, "CancelScannerSubscription", "reqId:i", True),
    _ask(24, "ScannerParametersRequest"),
    _ask(25, "CancelHistoricalData", "reqId:i", True),
    _ask(49, "CurrentTimeRequest"),
    _ask(50, "RealTimeBarsRequest", "reqId:i contract barSize:i whatToShow:s useRTH:b", True),
    _ask(51, "CancelRealTimeBars", "reqId:i", True),
    _ask(52, "", "reqId:i contract-7 reportType:s", True),  # reqFundamentalData
    _ask(53, "", "reqId:i", True),
    _ask(
        54,
        "CalculateImpliedVolatilityRequest",
        "reqId:i contract optionPrice:d underPrice:d",
        True,
    ),
    _ask(55, "CalculateOptionPriceRequest", "reqId:i contract volatility:d underPrice:d", True),
    _ask(56, "CancelCalculateImpliedVolatility", "reqId:i", True),
    _ask(57, "CancelCalculateOptionPrice", "reqId:i", True),
    _ask(58, "GlobalCancelRequest"),
    _ask(59, "MarketDataTypeRequest", "marketDataType:i", True),
    _ask(61, "PositionsRequest"),
    _ask(62, "AccountSummaryRequest", "reqId:i group:s tags:s", True),
    _ask(63, "CancelAccountSummary", "reqId:i", True),
    _ask(64, "CancelPositions"),
    _ask(65, "VerifyRequest", "apiName:s apiVersion:s", True),
    _ask(66, "VerifyMessageRequest", "apiData:s", True),
    _ask(67, "QueryDisplayGroupsRequest", "reqId:i", True),
    _ask(68, "SubscribeToGroupEventsRequest", "reqId:i groupId:i", True),
    _ask(69, "UpdateDisplayGroupRequest", "reqId:i contractInfo:s", True),
    _ask(70, "UnsubscribeFromGroupEventsRequest", "reqId:i", True),
    _ask(71, "StartApiRequest", "clientId:i", True),
    _ask(72, "", "apiName:s apiVersion:s opaqueIsvKey:s", True),  # verifyAndAuthRequest
    _ask(73, "", "apiData:s xyzResponse:s", True),
    _ask(74, "PositionsMultiRequest", "reqId:i account:s modelCode:s", True),
    _ask(75, "CancelPositionsMulti", "reqId:i", True),
    _ask(76, "AccountUpdatesMultiRequest", "reqId:i account:s modelCode:s ledgerAndNLV:b", True),
    _ask(77, "CancelAccountUpdatesMulti", "reqId:i", True),
    _ask(
        78,
        "SecDefOptParamsRequest",
        "reqId:i underlyingSymbol:s futFopExchange:s underlyingSecType:s underlyingConId:i",
    ),
    _ask(79, "SoftDollarTiersRequest", "reqId:i"),
    _ask(80, "FamilyCodesRequest"),
    _ask(81, "MatchingSymbolsRequest", "reqId:i pattern:s"),
    _ask(82, "MarketDepthExchangesRequest"),
    _ask(83, "SmartComponentsRequest", "reqId:i bboExchange:s"),
    _ask(84, "NewsArticleRequest", "reqId:i providerCode:s articleId:s"),
    _ask(85, "NewsProvidersRequest"),
    _ask(
        86,
        "HistoricalNewsRequest",
        "reqId:i conId:i providerCodes:s startDateTime:s endDateTime:s totalResults:i",
    ),
    _ask(87, "HeadTimestampRequest", "reqId:i contract - useRTH:b whatToShow:s formatDate:i"),
    _ask(88, "HistogramDataRequest", "reqId:i contract - useRTH:b timePeriod:s"),
    _ask(89, "CancelHistogramData", "reqId:i"),
    _ask(90, "CancelHeadTimestamp", "reqId:i"),
    _ask(91, "MarketRuleRequest", "marketRuleId:i"),
    _ask(92, "PnLRequest", "reqId:i account:s modelCode:s"),
    _ask(93, "CancelPnL", "reqId:i"),
    _ask(94, "PnLSingleRequest", "reqId:i account:s modelCode:s conId:i"),
    _ask(95, "CancelPnLSingle", "reqId:i"),
    _ask(
        96,
        "HistoricalTicksRequest",
        "reqId:i contract - startDateTime:s endDateTime:s numberOfTicks:i whatToShow:s useRTH:b"
        " ignoreSize:b",
    ),
    _ask(97, "TickByTickRequest", "reqId:i contract tickType:s numberOfTicks:i ignoreSize:b"),
    _ask(98, "CancelTickByTick", "reqId:i"),
    _ask(99, "CompletedOrdersRequest", "apiOnly:b"),
    _ask(100, "WshMetaDataRequest", "reqId:i"),
    _ask(101, "CancelWshMetaData", "reqId:i"),
    _ask(102, "WshEventDataRequest", "reqId:i conId:i"),
    _ask(103, "CancelWshEventData", "reqId:i"),
    _ask(104, "UserInfoRequest", "reqId:i"),
    _ask(105, "CurrentTimeInMillisRequest"),
    _ask(106, "CancelContractData", "reqId:i"),
    _ask(107, "CancelHistoricalTicks", "reqId:i"),
    _ask(108, "ConfigRequest", "reqId:i"),
    _ask(109, "UpdateConfigRequest", "reqId:i"),
)

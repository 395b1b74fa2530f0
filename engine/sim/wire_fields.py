"""Field lists of the long text messages, by server version, as tables.

A row is (name, default, first version, last version). The name is looked up in the values of the
message at hand; a name that is absent there takes the default, which is what TWS sends for a plain
stock order. Both ibapi (which skips surplus fields) and ib_async (which refuses them) read exactly
these lists, in this order.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Final

import attrs

UNSET_DOUBLE: Final = "1.7976931348623157E308"
UNSET_INTEGER: Final = "2147483647"
_EVER: Final = 10**6


@attrs.frozen
class Field:
    """One position of a text message; present in versions ``since`` .. ``until``."""

    name: str
    default: str = ""
    since: int = 0
    until: int = _EVER


def _fields(*rows: str | tuple[str, str] | Field) -> tuple[Field, ...]:
    def build() -> Iterator[Field]:
        for row in rows:
            if isinstance(row, Field):
                yield row
            elif isinstance(row, tuple):
                yield Field(*row)
            else:
                yield from (Field(name) for name in row.split())

    return tuple(build())


@cache
def layout(table: tuple[Field, ...], version: int) -> tuple[tuple[str, str], ...]:
    """The (name, default) pairs of ``table`` that ``version`` carries, in order."""
    return tuple((row.name, row.default) for row in table if row.since <= version <= row.until)


# conId .. tradingClass, the same eleven fields in orders, executions and positions
CONTRACT: Final = _fields(
    "conId symbol secType",
    ("lastTradeDate", ""),
    ("strike", "0"),
    ("right", ""),
    "multiplier exchange currency localSymbol tradingClass",
)
# TWS writes "?" for the right of a stock in order messages
_ORDER_CONTRACT: Final = tuple(
    attrs.evolve(row, name="", default="?") if row.name == "right" else row for row in CONTRACT
)
_MARGINS: Final = tuple(
    (f"{kind}{when}", UNSET_DOUBLE)
    for when in ("Before", "Change", "After")
    for kind in ("initMargin", "maintMargin", "equityWithLoan")
)
_MARGINS_OUTSIDE_RTH: Final = tuple(
    Field(f"{name}OutsideRTH", default, 195) for name, default in _MARGINS
)
# A non-empty type of delta neutral order ("None" counts) announces these fields
_DELTA_NEUTRAL: Final = _fields(
    ("deltaNeutralOrderType", "None"),
    ("deltaNeutralAuxPrice", ""),
    ("deltaNeutralConId", "0"),
)
_DELTA_NEUTRAL_SHORT: Final = _fields(
    ("deltaNeutralShortSale", "0"),
    ("deltaNeutralShortSaleSlot", "0"),
    "deltaNeutralDesignatedLocation",
)
_PEGGED_OFFSETS: Final = _fields(
    ("minTradeQty", UNSET_INTEGER),
    ("minCompeteSize", UNSET_INTEGER),
    ("competeAgainstBestOffset", UNSET_DOUBLE),
    ("midOffsetAtWhole", UNSET_DOUBLE),
    ("midOffsetAtHalf", UNSET_DOUBLE),
)

OPEN_ORDER: Final = _fields(
    "orderId",
    *_ORDER_CONTRACT,
    "action totalQuantity orderType lmtPrice auxPrice tif ocaGroup account openClose",
    ("origin", "0"),
    "orderRef clientId permId outsideRth",
    ("hidden", "0"),
    ("discretionaryAmt", "0"),
    "goodAfterTime sharesAllocation faGroup faMethod faPercentage",
    Field("faProfile", "", 0, 176),
    "modelCode goodTillDate rule80A percentOffset settlingFirm",
    ("shortSaleSlot", "0"),
    "designatedLocation",
    ("exemptCode", "-1"),
    ("auctionStrategy", "0"),
    "startingPrice stockRefPrice delta stockRangeLower stockRangeUpper",
    ("displaySize", UNSET_INTEGER),
    ("blockOrder", "0"),
    ("sweepToFill", "0"),
    ("allOrNone", "0"),
    "minQty ocaType",
    ("eTradeOnly", "0"),
    ("firmQuoteOnly", "0"),
    "nbboPriceCap parentId",
    ("triggerMethod", "0"),
    "volatility",
    ("volatilityType", "0"),
    *_DELTA_NEUTRAL,
    "deltaNeutralSettlingFirm deltaNeutralClearingAccount deltaNeutralClearingIntent",
    ("deltaNeutralOpenClose", "?"),
    *_DELTA_NEUTRAL_SHORT,
    ("continuousUpdate", "0"),
    ("referencePriceType", "0"),
    "trailStopPrice trailingPercent basisPoints basisPointsType comboLegsDescrip",
    ("comboLegs", "0"),
    ("orderComboLegs", "0"),
    ("smartComboRoutingParams", "0"),
    ("scaleInitLevelSize", UNSET_INTEGER),
    ("scaleSubsLevelSize", UNSET_INTEGER),
    "scalePriceIncrement hedgeType",
    ("optOutSmartRouting", "0"),
    "clearingAccount",
    ("clearingIntent", "IB"),
    ("notHeld", "0"),
    ("deltaNeutralContract", "0"),
    "algoStrategy",
    ("solicited", "0"),
    ("whatIf", "0"),
    "status",
    *_MARGINS,
    "commission minCommission maxCommission commissionCurrency",
    Field("marginCurrency", "", 195),
    *_MARGINS_OUTSIDE_RTH,
    Field("suggestedSize", "", 195),
    Field("rejectReason", "", 195),
    Field("orderAllocations", "0", 195),
    "warningText",
    ("randomizeSize", "0"),
    ("randomizePrice", "0"),
    ("conditions", "0"),
    ("adjustedOrderType", "None"),
    ("triggerPrice", UNSET_DOUBLE),
    ("trailStopPrice", UNSET_DOUBLE),  # again, and the one that clients keep
    ("lmtPriceOffset", UNSET_DOUBLE),
    ("adjustedStopPrice", UNSET_DOUBLE),
    ("adjustedStopLimitPrice", UNSET_DOUBLE),
    ("adjustedTrailingAmount", UNSET_DOUBLE),
    ("adjustableTrailingUnit", "0"),
    "softDollarName softDollarValue softDollarDisplay",
    ("cashQty", "0"),
    ("dontUseAutoPriceForHedge", "0"),
    ("isOmsContainer", "0"),
    ("discretionaryUpToLimitPrice", "0"),
    ("usePriceMgmtAlgo", "0"),
    ("duration", UNSET_INTEGER),
    ("postToAts", UNSET_INTEGER),
    ("autoCancelParent", "0"),
    *_PEGGED_OFFSETS,
    Field("customerAccount", "", 183),
    Field("professionalCustomer", "0", 184),
    Field("bondAccruedInterest", "", 185),
    Field("includeOvernight", "0", 189),
    Field("extOperator", "", 193),
    Field("manualOrderIndicator", UNSET_INTEGER, 193),
    Field("submitter", "", 198),
    Field("imbalanceOnly", "0", 199),
)

COMPLETED_ORDER: Final = _fields(
    *_ORDER_CONTRACT,
    "action totalQuantity orderType lmtPrice auxPrice tif ocaGroup account openClose",
    ("origin", "0"),
    "orderRef permId outsideRth",
    ("hidden", "0"),
    ("discretionaryAmt", "0"),
    "goodAfterTime faGroup faMethod faPercentage",
    Field("faProfile", "", 0, 176),
    "modelCode goodTillDate rule80A percentOffset settlingFirm",
    ("shortSaleSlot", "0"),
    "designatedLocation",
    ("exemptCode", "-1"),
    "startingPrice stockRefPrice delta stockRangeLower stockRangeUpper",
    ("displaySize", UNSET_INTEGER),
    ("sweepToFill", "0"),
    ("allOrNone", "0"),
    "minQty ocaType",
    ("triggerMethod", "0"),
    "volatility",
    ("volatilityType", "0"),
    *_DELTA_NEUTRAL,
    *_DELTA_NEUTRAL_SHORT,
    ("continuousUpdate", "0"),
    ("referencePriceType", "0"),
    "trailStopPrice trailingPercent comboLegsDescrip",
    ("comboLegs", "0"),
    ("orderComboLegs", "0"),
    ("smartComboRoutingParams", "0"),
    ("scaleInitLevelSize", UNSET_INTEGER),
    ("scaleSubsLevelSize", UNSET_INTEGER),
    "scalePriceIncrement hedgeType clearingAccount",
    ("clearingIntent", "IB"),
    ("notHeld", "0"),
    ("deltaNeutralContract", "0"),
    "algoStrategy",
    ("solicited", "0"),
    "status",
    ("randomizeSize", "0"),
    ("randomizePrice", "0"),
    ("conditions", "0"),
    ("trailStopPrice", UNSET_DOUBLE),
    ("lmtPriceOffset", UNSET_DOUBLE),
    ("cashQty", "0"),
    ("dontUseAutoPriceForHedge", "0"),
    ("isOmsContainer", "0"),
    "autoCancelDate filledQuantity",
    ("refFuturesConId", UNSET_INTEGER),
    ("autoCancelParent", "0"),
    "shareholder",
    ("imbalanceOnly", "0"),
    ("routeMarketableToBbo", "0"),
    ("parentPermId", "0"),
    "completedTime completedStatus",
    *_PEGGED_OFFSETS,
    Field("customerAccount", "", 183),
    Field("professionalCustomer", "0", 184),
    Field("submitter", "", 198),
)

EXECUTION: Final = _fields(
    "reqId orderId",
    *CONTRACT,
    "execId time acctNumber execExchange side shares price permId clientId liquidation cumQty",
    "avgPrice orderRef evRule evMultiplier modelCode lastLiquidity",
    Field("pendingPriceRevision", "0", 178),
    Field("submitter", "", 198),
)

CONTRACT_DETAILS: Final = _fields(
    "reqId symbol secType lastTradeDateAndTime",
    Field("lastTradeDate", "", 182),
    ("strike", "0"),
    "right exchange currency localSymbol marketName tradingClass conId minTick multiplier",
    "orderTypes validExchanges",
    "priceMagnifier underConId longName primaryExch contractMonth industry category subcategory",
    "timeZoneId tradingHours liquidHours evRule",
    ("evMultiplier", "0"),
    ("secIds", "0"),
    "aggGroup underSymbol underSecType marketRuleIds realExpirationDate stockType",
    "minSize sizeIncrement suggestedSizeIncrement",
    Field("ineligibilityReasons", "0", 186),
)

ERROR: Final = _fields(
    Field("version", "2", 0, 193),
    "id errorCode errorMsg advancedOrderRejectJson",
    Field("errorTime", "", 194),
)

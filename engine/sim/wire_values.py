"""What contracts, orders, executions and listings say on the wire, under protobuf's field names.

Both formats draw from these: the text encoder by its lists of fields, the protobuf encoder by name.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final, TypeVar

from engine.inputs import Instrument
from engine.sim.records import SimExecution, SimOrder, WhatIfNotice
from engine.sim.wire_messages import Listing, Value
from engine.sim.wire_time import execution_time, zoned

SIDE: Final = {"BUY": "BOT", "SELL": "SLD"}
Values = dict[str, Value]
KEPT_MAX: Final = 1_024
K = TypeVar("K")
V = TypeVar("V")


class Kept(dict[K, V]):
    """What has been rendered and is asked for again, as long as it is of today. It is not for
    ever: when it is full it begins anew."""

    def __setitem__(self, key: K, value: V) -> None:
        if len(self) >= KEPT_MAX:
            self.clear()
        super().__setitem__(key, value)


def contract_values(instrument: Instrument) -> Values:
    return {
        "conId": instrument.con_id,
        "symbol": instrument.symbol,
        "secType": instrument.sec_type,
        "exchange": instrument.exchange,
        "currency": instrument.currency,
        "localSymbol": instrument.local_symbol or instrument.symbol,
        "tradingClass": instrument.trading_class or instrument.symbol,
    }


# What openOrder and completedOrder share; the prices and times behind ocaType may be unset.
ORDER_FIELDS: Final = (
    *("action", "totalQuantity", "orderType", "lmtPrice", "auxPrice", "tif", "ocaGroup"),
    *("account", "orderRef", "permId", "outsideRth", "ocaType"),
    *("trailStopPrice", "trailingPercent", "lmtPriceOffset", "goodTillDate", "goodAfterTime"),
)
LIVE_ORDER_FIELDS: Final = (*ORDER_FIELDS, "orderId", "clientId", "parentId")


def order_row(order: SimOrder) -> tuple[Value, ...]:
    """The values of ``ORDER_FIELDS``. TWS writes 0.0 for a price that does not apply, and leaves
    a trailing stop that does not apply unset."""
    limit, aux = order.limit_price, order.aux_price
    stop, percent, offset = order.trail_stop_price, order.trailing_percent, order.limit_offset
    till_ns, after_ns = order.good_till_ns, order.good_after_ns
    zone = order.instrument.time_zone
    return (
        order.action,
        order.quantity,
        order.order_type,
        float(limit) if limit else 0.0,
        float(aux) if aux else 0.0,
        order.tif,
        order.oca_group,
        order.account,
        order.order_ref,
        order.perm_id,
        order.outside_rth,
        order.oca_type,
        None if stop is None else float(stop),
        None if percent is None else float(percent),
        None if offset is None else float(offset),
        None if till_ns is None else zoned(till_ns, zone),
        None if after_ns is None else zoned(after_ns, zone),
    )


def live_order_row(order: SimOrder) -> tuple[Value, ...]:
    """The values of ``LIVE_ORDER_FIELDS``."""
    return (*order_row(order), order.order_id, order.client_id, order.parent_id)


def live_order_values(order: SimOrder) -> Values:
    return _set(LIVE_ORDER_FIELDS, live_order_row(order))


def _set(names: tuple[str, ...], row: tuple[Value, ...]) -> Values:
    return {name: value for name, value in zip(names, row, strict=True) if value is not None}


def what_if_values(notice: WhatIfNotice) -> Values:
    """The figures of an order state. Initial and maintenance margin are the same here."""
    amounts = {
        "Margin": (notice.margin_before, notice.margin_after),
        "equityWithLoan": (notice.equity_before, notice.equity_after),
    }
    found: Values = {}
    for name, (before, after) in amounts.items():
        names = ("initMargin", "maintMargin") if name == "Margin" else (name,)
        for one in names:
            found[f"{one}Before"] = _cents(before)
            found[f"{one}Change"] = _cents(after - before)
            found[f"{one}After"] = _cents(after)
    return found


def _cents(amount: Decimal) -> float:
    return float(round(amount, 2))


def completed_order_values(order: SimOrder) -> Values:
    """TWS has forgotten the ids and clears the size; permId and orderRef identify the order."""
    values = _set(ORDER_FIELDS, order_row(order))
    return {**values, "totalQuantity": Decimal(0), "filledQuantity": order.filled}


def completed_key(order: SimOrder, completed_time: str, outcome: str) -> tuple[Any, ...]:
    """All in which what is told of an order that has ended can differ from one time to the next."""
    return order.perm_id, order.status, order.filled, completed_time, outcome


def execution_key(execution: SimExecution) -> tuple[Any, ...]:
    """All in which what is told of an execution can differ from one time to the next."""
    return execution.execution_id, execution.order_id, execution.client_id, execution.time_text


def execution_values(execution: SimExecution, version: int) -> Values:
    return {
        "orderId": execution.order_id,
        "execId": execution.execution_id,
        "time": execution.time_text
        or execution_time(execution.time_ns, execution.instrument.time_zone, version),
        "acctNumber": execution.account,
        "exchange": execution.exchange,
        "side": SIDE[execution.side],
        "shares": execution.quantity,
        "price": float(execution.price),
        "permId": execution.perm_id,
        "clientId": execution.client_id,
        "cumQty": execution.cumulative_quantity,
        "avgPrice": float(execution.average_price),
        "orderRef": execution.order_ref,
        "lastLiquidity": execution.last_liquidity,
    }


def details_values(listing: Listing) -> Values:
    instrument = listing.instrument
    return {
        "marketName": listing.market_name,
        "minTick": float(min(increment for _, increment in instrument.grid.bands)),
        "orderTypes": listing.order_types,
        "validExchanges": listing.valid_exchanges,
        "priceMagnifier": 1,
        "underConId": 0,
        "longName": listing.long_name,
        "industry": listing.industry,
        "category": listing.category,
        "subcategory": listing.subcategory,
        "timeZoneId": instrument.time_zone,
        "tradingHours": listing.trading_hours,
        "liquidHours": listing.liquid_hours,
        "aggGroup": 1,
        "marketRuleIds": listing.market_rule_ids,
        "stockType": listing.stock_type,
        "minSize": instrument.lot,
        "sizeIncrement": instrument.lot,
        "suggestedSizeIncrement": max(instrument.lot, Decimal(100)),
    }

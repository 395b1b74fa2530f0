"""Requests as real clients write them, at each version, mean the same in every format."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from ibapi.client import EClient
from ibapi.contract import Contract
from ibapi.execution import ExecutionFilter
from ibapi.order import Order
from ibapi.order_cancel import OrderCancel
from ibapi.order_condition import (
    ExecutionCondition,
    PercentChangeCondition,
    PriceCondition,
    TimeCondition,
    VolumeCondition,
)
from ibapi.wrapper import EWrapper

from engine.errors import DecodeError
from engine.sim.wire_requests import Request, parse

VERSIONS = [*range(176, 201), *range(213, 227)]


class Wire:
    """The connection of an EClient, which keeps what it was told to send."""

    def __init__(self) -> None:
        self.frames: list[bytes] = []

    def isConnected(self) -> bool:
        return True

    def sendMsg(self, message: bytes) -> int:
        self.frames.append(message)
        return len(message)


def sent(version: int, ask: Callable[[Any], None]) -> bytes:
    """The payload of the one frame that an ibapi client of ``version`` sends for ``ask``."""
    client = EClient(EWrapper())
    wire = client.conn = Wire()
    client.serverVersion_ = version
    client.setConnState(EClient.CONNECTED)
    ask(client)
    (frame,) = wire.frames
    assert int.from_bytes(frame[:4], "big") == len(frame) - 4
    return frame[4:]


def asked(version: int, ask: Callable[[Any], None]) -> Request:
    return parse(sent(version, ask), version)


def contract() -> Contract:
    made = Contract()
    made.conId, made.symbol, made.secType = 42, "IBM", "STK"
    made.exchange, made.primaryExchange, made.currency = "SMART", "NYSE", "USD"
    return made


def order(kind: str, **more: Any) -> Order:
    made = Order()
    made.action, made.totalQuantity, made.orderType, made.tif = "SELL", Decimal("12.5"), kind, "GTC"
    for name, value in more.items():
        setattr(made, name, value)
    return made


@pytest.mark.parametrize("version", VERSIONS)
def test_place_order(version: int) -> None:
    made = order(
        "STP LMT", lmtPrice=99.01, auxPrice=99.5, outsideRth=True, ocaGroup="group", ocaType=2,
        account="DU1", orderRef="ref", parentId=6, transmit=False, clientId=99,
    )  # fmt: skip

    request = asked(version, lambda client: client.placeOrder(7, contract(), made))

    terms = request.order
    assert terms is not None and request.request_id == 7
    assert (terms.contract.con_id, terms.contract.primary_exchange) == (42, "NYSE")
    assert (terms.action, terms.quantity, terms.order_type) == ("SELL", Decimal("12.5"), "STP LMT")
    assert (terms.limit_price, terms.aux_price) == (Decimal("99.01"), Decimal("99.5"))
    assert (terms.tif, terms.outside_rth, terms.account) == ("GTC", True, "DU1")
    assert (terms.oca_group, terms.oca_type, terms.parent_id) == ("group", 2, 6)
    assert (terms.order_ref, terms.transmit, terms.unserved) == ("ref", False, ())


@pytest.mark.parametrize("version", VERSIONS)
def test_prices_that_do_not_belong_to_the_type_are_dropped(version: int) -> None:
    market = asked(
        version, lambda client: client.placeOrder(7, contract(), order("MKT", lmtPrice=0.0))
    ).order
    trail = asked(
        version,
        lambda client: client.placeOrder(
            8, contract(), order("TRAIL", trailingPercent=1.5, trailStopPrice=98.7)
        ),
    ).order

    assert market is not None and trail is not None
    assert (market.limit_price, market.aux_price, market.trail_stop_price) == (None, None, None)
    assert (trail.trailing_percent, trail.trail_stop_price) == (Decimal("1.5"), Decimal("98.7"))
    assert trail.aux_price is None


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("name", "value"),
    [("allOrNone", True), ("adjustedOrderType", "STP"), ("algoStrategy", "Vwap"),
     ("hedgeType", "D"), ("scalePriceIncrement", 0.5), ("triggerMethod", 4),
     ("discretionaryAmt", 0.1), ("minQty", 50), ("percentOffset", 0.02)],
)  # fmt: skip
def test_what_is_not_simulated_is_named(version: int, name: str, value: Any) -> None:
    """To ignore it would be to fill a different order than was asked."""
    made = order("LMT", lmtPrice=99.01, **{name: value})

    terms = asked(version, lambda client: client.placeOrder(7, contract(), made)).order

    assert terms is not None and terms.unserved == (name,)


@pytest.mark.parametrize("version", VERSIONS)
def test_times_offsets_conditions_and_what_if(version: int) -> None:
    made = order(
        "TRAIL LIMIT", auxPrice=1.5, lmtPriceOffset=0.1, trailStopPrice=98.0, whatIf=True,
        tif="GTD", goodTillDate="20240105 15:00:00 US/Eastern", goodAfterTime="20240104-14:00:00",
        conditionsCancelOrder=True,
    )  # fmt: skip
    made.conditions = [
        PriceCondition(2, 42, "SMART", True, 14.25).Or(),
        TimeCondition(False, "20240103 10:00:00 US/Eastern"),
        ExecutionCondition("STK", "SMART", "IBM"),
        VolumeCondition(42, "SMART", True, 1000),
        PercentChangeCondition(42, "ISLAND", False, 2.5),
    ]

    terms = asked(version, lambda client: client.placeOrder(7, contract(), made)).order

    assert terms is not None and terms.unserved == () and terms.what_if
    assert (terms.aux_price, terms.limit_offset) == (Decimal("1.5"), Decimal("0.1"))
    assert terms.limit_price is None
    assert (terms.tif, terms.good_till) == ("GTD", "20240105 15:00:00 US/Eastern")
    assert terms.good_after == "20240104-14:00:00"
    assert (terms.conditions_cancel, terms.conditions_ignore_rth) == (True, False)
    price, time, executed, volume, change = terms.conditions
    assert (price.kind, price.conjunction, price.is_more) == (1, False, True)
    assert (price.value, price.con_id, price.trigger_method) == (Decimal("14.25"), 42, 2)
    assert (time.kind, time.is_more, time.text) == (3, False, "20240103 10:00:00 US/Eastern")
    assert (executed.kind, executed.symbol, executed.sec_type) == (5, "IBM", "STK")
    assert (volume.kind, volume.value) == (6, 1000)
    assert (change.kind, change.is_more, change.value) == (7, False, Decimal("2.5"))
    assert change.exchange == "ISLAND"


@pytest.mark.parametrize("version", VERSIONS)
def test_cancels_carry_who_and_when(version: int) -> None:
    details = OrderCancel()
    if version >= 192:
        details.extOperator = "desk 4"
    else:
        details.manualOrderCancelTime = "20240103 10:00:00 US/Eastern"

    one = asked(version, lambda client: client.cancelOrder(5, details))
    details.manualOrderCancelTime = ""
    every = asked(version, lambda client: client.reqGlobalCancel(details))

    assert one.request_id == 5
    assert one.word("extOperator") == every.word("extOperator") == details.extOperator
    assert one.word("manualOrderCancelTime") == (
        "" if version >= 192 else "20240103 10:00:00 US/Eastern"
    )
    assert every.request_id == -1


@pytest.mark.parametrize("version", VERSIONS)
def test_an_echoed_order_can_be_sent_back(version: int) -> None:
    """TWS writes "None" for the delta neutral type; clients send it back with what it announces."""
    made = order("LMT", lmtPrice=99.01, deltaNeutralOrderType="None", trailStopPrice=3.25)

    terms = asked(version, lambda client: client.placeOrder(7, contract(), made)).order

    assert terms is not None
    assert (terms.limit_price, terms.transmit, terms.unserved) == (Decimal("99.01"), True, ())


SIMPLE: list[tuple[int, Callable[[Any], None], dict[str, Any]]] = [
    (1, lambda c: c.reqMktData(5, contract(), "236", True, False, []),
     {"reqId": 5, "genericTickList": "236", "snapshot": True}),
    (2, lambda c: c.cancelMktData(5), {"reqId": 5}),
    (4, lambda c: c.cancelOrder(5, OrderCancel()), {"reqId": 5}),
    (5, lambda c: c.reqOpenOrders(), {}),
    (6, lambda c: c.reqAccountUpdates(True, "DU1"), {"subscribe": True, "acctCode": "DU1"}),
    (8, lambda c: c.reqIds(1), {}),
    (9, lambda c: c.reqContractDetails(5, contract()), {"reqId": 5}),
    (14, lambda c: c.setServerLogLevel(2), {"logLevel": 2}),
    (15, lambda c: c.reqAutoOpenOrders(True), {"autoBind": True}),
    (16, lambda c: c.reqAllOpenOrders(), {}),
    (17, lambda c: c.reqManagedAccts(), {}),
    (20, lambda c: c.reqHistoricalData(
        5, contract(), "20240103 10:00:00", "1 D", "1 min", "BID", 1, 2, False, []),
     {"reqId": 5, "endDateTime": "20240103 10:00:00", "duration": "1 D", "barSizeSetting": "1 min",
      "whatToShow": "BID", "useRTH": True, "formatDate": 2, "keepUpToDate": False}),
    (25, lambda c: c.cancelHistoricalData(5), {"reqId": 5}),
    (49, lambda c: c.reqCurrentTime(), {}),
    (50, lambda c: c.reqRealTimeBars(5, contract(), 5, "MIDPOINT", True, []),
     {"reqId": 5, "barSize": 5, "whatToShow": "MIDPOINT", "useRTH": True}),
    (51, lambda c: c.cancelRealTimeBars(5), {"reqId": 5}),
    (58, lambda c: c.reqGlobalCancel(OrderCancel()), {}),
    (59, lambda c: c.reqMarketDataType(3), {"marketDataType": 3}),
    (61, lambda c: c.reqPositions(), {}),
    (62, lambda c: c.reqAccountSummary(5, "All", "NetLiquidation"),
     {"reqId": 5, "group": "All", "tags": "NetLiquidation"}),
    (63, lambda c: c.cancelAccountSummary(5), {"reqId": 5}),
    (64, lambda c: c.cancelPositions(), {}),
    (71, lambda c: c.startApi(), {"clientId": 12}),
    (74, lambda c: c.reqPositionsMulti(5, "DU1", ""), {"reqId": 5, "account": "DU1"}),
    (75, lambda c: c.cancelPositionsMulti(5), {"reqId": 5}),
    (76, lambda c: c.reqAccountUpdatesMulti(5, "DU1", "", True),
     {"reqId": 5, "account": "DU1", "ledgerAndNLV": True}),
    (77, lambda c: c.cancelAccountUpdatesMulti(5), {"reqId": 5}),
    (87, lambda c: c.reqHeadTimeStamp(5, contract(), "TRADES", 1, 2),
     {"reqId": 5, "useRTH": True, "whatToShow": "TRADES", "formatDate": 2}),
    (90, lambda c: c.cancelHeadTimeStamp(5), {"reqId": 5}),
    (91, lambda c: c.reqMarketRule(26), {"marketRuleId": 26}),
    (92, lambda c: c.reqPnL(5, "DU1", ""), {"reqId": 5, "account": "DU1"}),
    (93, lambda c: c.cancelPnL(5), {"reqId": 5}),
    (94, lambda c: c.reqPnLSingle(5, "DU1", "", 42), {"reqId": 5, "account": "DU1", "conId": 42}),
    (95, lambda c: c.cancelPnLSingle(5), {"reqId": 5}),
    (97, lambda c: c.reqTickByTickData(5, contract(), "BidAsk", 0, True),
     {"reqId": 5, "tickType": "BidAsk", "ignoreSize": True}),
    (98, lambda c: c.cancelTickByTickData(5), {"reqId": 5}),
    (99, lambda c: c.reqCompletedOrders(True), {"apiOnly": True}),
]  # fmt: skip


@pytest.mark.parametrize("version", [176, 187, 191, 192, 200, 213, 226])
def test_every_simple_request(version: int) -> None:
    for message_id, ask, expected in SIMPLE:

        def start(client: Any, ask: Callable[[Any], None] = ask) -> None:
            client.clientId = 12
            ask(client)

        request = asked(version, start)

        assert request.id == message_id
        assert {name: request.values.get(name) for name in expected} == expected, message_id
        if request.contract is not None:
            assert (request.contract.symbol, request.contract.con_id) == ("IBM", 42)


@pytest.mark.parametrize("version", [176, 200, 213, 226])
def test_executions_with_a_filter(version: int) -> None:
    wanted = ExecutionFilter()
    wanted.clientId, wanted.symbol, wanted.side = 3, "IBM", "BUY"

    request = asked(version, lambda client: client.reqExecutions(5, wanted))

    assert (request.request_id, request.number("clientId")) == (5, 3)
    assert (request.word("symbol"), request.word("side"), request.word("time")) == (
        "IBM",
        "BUY",
        "",
    )


@pytest.mark.parametrize(
    ("payload", "version"),
    [
        (b"", 178),
        (b"8\0001\0001", 178),  # not terminated
        (b"8\0001\0", 178),  # too short
        (b"x\0001\000", 178),
        (b"8\0001\0002147483648\0", 178),  # an id is of 32 bits
        (b"8\0001\000-2147483649\0", 178),
        (b"\0\0\0\x081\0" + b"9" * 400 + b"\0", 203),
        (b"8\0001\000one\0", 178),
        (b"6\0002\000maybe\000DU1\0", 178),
        (b"\0\0\0", 226),
        (b"\0\0\0\xd0\xff\xff\xff", 226),  # 208: not protobuf
        (b"\0\0\0\xcb\x0a", 226),  # 203: ends within a field
    ],
)
def test_nonsense_is_a_decode_error(payload: bytes, version: int) -> None:
    with pytest.raises(DecodeError):
        parse(payload, version)


def test_prices_must_be_finite() -> None:
    made = order("LMT", lmtPrice=float("nan"))
    payload = sent(200, lambda client: client.placeOrder(7, contract(), made))
    with pytest.raises(DecodeError, match="nan"):
        parse(payload, 200)
    payload = sent(226, lambda client: client.placeOrder(7, contract(), made))
    with pytest.raises(DecodeError, match="nan"):
        parse(payload, 226)


def test_an_unknown_id_comes_back_without_values() -> None:
    assert parse(b"999\0", 178) == Request(999)
    assert parse((999).to_bytes(4, "big"), 226) == Request(799)

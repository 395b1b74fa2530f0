"""Every request that the client libraries can send is answered, or refused as TWS refuses it.

The requests are those of the installed libraries: a method that a newer library brings fails the
first test until it has its row here and its answer in the simulator.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import re
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any

import ib_async
import pytest
from ib_async.client import Client as AsyncClient
from ib_async.decoder import Decoder as AsyncDecoder
from ibapi.account_summary_tags import AccountSummaryTags
from ibapi.client import EClient
from ibapi.common import WshEventData
from ibapi.execution import ExecutionFilter
from ibapi.order import Order
from ibapi.order_cancel import OrderCancel
from ibapi.scanner import ScannerSubscription

from engine.sim import instruments
from engine.sim.launch import ACCOUNT
from engine.sim.memory import MemoryConnection
from engine.sim.tws_sim import TwsSim
from engine.sim.wire_protobuf import message_class
from tests.sim.caller import Caller, Room, contract

SILENT = ""  # TWS says nothing to it
# What is heard first: the name of a callback, or the code of an error.
REQUESTS: dict[str, str | int] = {
    "calculateImpliedVolatility": 321,
    "calculateOptionPrice": 321,
    "cancelAccountSummary": SILENT,
    "cancelAccountUpdatesMulti": SILENT,
    "cancelCalculateImpliedVolatility": SILENT,
    "cancelCalculateOptionPrice": SILENT,
    "cancelContractData": SILENT,
    "cancelFundamentalData": SILENT,
    "cancelHeadTimeStamp": SILENT,
    "cancelHistogramData": SILENT,
    "cancelHistoricalData": 366,
    "cancelHistoricalTicks": SILENT,
    "cancelMktData": 300,
    "cancelMktDepth": 310,
    "cancelNewsBulletins": SILENT,
    "cancelOrder": 10147,
    "cancelPnL": SILENT,
    "cancelPnLSingle": SILENT,
    "cancelPositions": SILENT,
    "cancelPositionsMulti": SILENT,
    "cancelRealTimeBars": 300,
    "cancelScannerSubscription": 365,
    "cancelTickByTickData": 300,
    "cancelWshEventData": SILENT,
    "cancelWshMetaData": SILENT,
    "exerciseOptions": 321,
    "placeOrder": "openOrder",
    "queryDisplayGroups": "displayGroupList",
    "replaceFA": 321,
    "reqAccountSummary": "accountSummary",
    "reqAccountUpdates": "updateAccountValue",
    "reqAccountUpdatesMulti": "accountUpdateMulti",
    "reqAllOpenOrders": "openOrderEnd",
    "reqAutoOpenOrders": 321,
    "reqCompletedOrders": "completedOrdersEnd",
    "reqConfig": "configResponse",
    "reqContractDetails": "contractDetails",
    "reqCurrentTime": "currentTime",
    "reqCurrentTimeInMillis": "currentTimeInMillis",
    "reqExecutions": "execDetailsEnd",
    "reqFamilyCodes": "familyCodes",
    "reqFundamentalData": 10358,
    "reqGlobalCancel": SILENT,
    "reqHeadTimeStamp": "headTimestamp",
    "reqHistogramData": "histogramData",
    "reqHistoricalData": "historicalData",
    "reqHistoricalNews": 10276,
    "reqHistoricalTicks": "historicalTicksLast",
    "reqIds": "nextValidId",
    "reqManagedAccts": "managedAccounts",
    "reqMarketDataType": SILENT,
    "reqMarketRule": "marketRule",
    "reqMatchingSymbols": "symbolSamples",
    "reqMktData": "tickReqParams",
    "reqMktDepth": "updateMktDepthL2",
    "reqMktDepthExchanges": "mktDepthExchanges",
    "reqNewsArticle": 10172,
    "reqNewsBulletins": SILENT,  # until there is one
    "reqNewsProviders": "newsProviders",
    "reqOpenOrders": "openOrderEnd",
    "reqPnL": "pnl",
    "reqPnLSingle": "pnlSingle",
    "reqPositions": "positionEnd",
    "reqPositionsMulti": "positionMultiEnd",
    "reqRealTimeBars": SILENT,  # the first bar comes with its end
    "reqScannerParameters": "scannerParameters",
    "reqScannerSubscription": "scannerData",
    "reqSecDefOptParams": "securityDefinitionOptionParameterEnd",
    "reqSmartComponents": "smartComponents",
    "reqSoftDollarTiers": "softDollarTiers",
    "reqTickByTickData": SILENT,  # until there is a tick
    "reqUserInfo": "userInfo",
    "reqWshEventData": 10276,
    "reqWshMetaData": 10276,
    "requestFA": 321,
    "setServerLogLevel": SILENT,
    "startApi": SILENT,  # it has been started
    "subscribeToGroupEvents": "displayGroupUpdated",
    "unsubscribeFromGroupEvents": 321,
    "updateConfig": "updateConfigResponse",
    "updateDisplayGroup": 321,
    "verifyAndAuthMessage": 10095,
    "verifyAndAuthRequest": 321,
    "verifyMessage": 10095,
    "verifyRequest": 321,
}
# The names that newer methods give to what older ones ask.
OTHER_NAMES = {
    "cancelHeadTimestamp": "cancelHeadTimeStamp",
    "cancelMarketData": "cancelMktData",
    "cancelMarketDepth": "cancelMktDepth",
    "cancelTickByTick": "cancelTickByTickData",
    "reqContractData": "reqContractDetails",
    "reqFA": "requestFA",
    "reqHeadTimestamp": "reqHeadTimeStamp",
    "reqMarketData": "reqMktData",
    "reqMarketDepth": "reqMktDepth",
    "reqMarketDepthExchanges": "reqMktDepthExchanges",
}
# Public methods of the libraries that are no requests.
NO_REQUESTS = set(
    re.findall(
        r"\w+",
        """
    checkConnected connect connectAsync connectionStats disconnect getAccounts getReqId
    isConnected isReady keyboardInterrupt keyboardInterruptHard logRequest msgLoopRec msgLoopTmo
    reset run send sendMsg sendMsgProtoBuf serverVersion setConnState setConnectOptions
    setOptionalCapabilities twsConnectionTime updateReqId useProtoBuf
    validateAttachedOrdersParameters validateInvalidSymbols validateOrderParameters
    """,
    )
)
CON_ID = instruments.con_id("IBM")
START = "20240103-14:30:00"


def arguments(library: Any) -> dict[str, Any]:
    """A sound value for each parameter of any request, by its name."""
    if library is ib_async:
        stock: Any = ib_async.Stock("IBM", "SMART", "USD")
        order: Any = ib_async.LimitOrder("BUY", 100, 99.0, account=ACCOUNT, tif="GTC")
        scan: Any = ib_async.ScannerSubscription(50, "STK", "STK.US.MAJOR", "MOST_ACTIVE")
        wsh: Any = ib_async.WshEventData()
        filtered: Any = ib_async.ExecutionFilter()
        cancel: Any = ""
    else:
        stock, filtered, cancel, wsh = contract(), ExecutionFilter(), OrderCancel(), WshEventData()
        order = Order()
        order.action, order.totalQuantity, order.orderType = "BUY", Decimal(100), "LMT"
        order.lmtPrice, order.account, order.tif = 99.0, ACCOUNT, "GTC"
        scan = ScannerSubscription()
        scan.instrument, scan.locationCode, scan.scanCode = "STK", "STK.US.MAJOR", "MOST_ACTIVE"
    return {
        "acctCode": ACCOUNT, "account": ACCOUNT, "allMessages": True, "allMsgs": True,
        "apiData": "x", "apiName": "x", "apiOnly": False, "apiVersion": "1", "articleId": "BZ$1",
        "autoBind": True, "bAutoBind": True, "barSize": 5, "barSizeSetting": "1 min",
        "bboExchange": "9c0001", "chartOptions": [], "clientId": 1, "conId": CON_ID,
        "conid": CON_ID, "contract": stock, "contractInfo": str(CON_ID), "customerAccount": "",
        "cxml": "<x/>", "data": wsh, "durationStr": "3600 S", "duration": "3600 S",
        "endDateTime": "", "exerciseAction": 1, "exerciseQuantity": 1, "execFilter": filtered,
        "execution_filter": filtered, "faData": 1, "faDataType": 1, "filter": "",
        "fillCompetitors": False, "fillPortfolio": False, "fillWatchlist": False,
        "formatDate": 1, "fundamentalDataOptions": [], "futFopExchange": "",
        "genericTickList": "", "group": "All", "groupId": 1, "groupName": "All",
        "historicalNewsOptions": [], "ignoreSize": False, "implVolOptions": [],
        "isSmartDepth": True, "keepUpToDate": False, "ledgerAndNLV": False, "logLevel": 2,
        "manualCancelOrderTime": "", "manualOrderTime": "", "marketDataType": 3,
        "marketRuleId": 26, "miscOptions": [], "mktDataOptions": [], "mktDepthOptions": [],
        "modelCode": "", "newsArticleOptions": [], "numIds": 1, "numRows": 5,
        "numberOfTicks": 10, "opaqueIsvKey": "x", "optPrcOptions": [], "optionPrice": 1.0,
        "order": order, "orderCancel": cancel, "orderId": 7, "override": 0, "pattern": "IB",
        "professionalCustomer": False, "providerCode": "BZ", "providerCodes": "BZ",
        "realTimeBarsOptions": [], "regulatorySnapshot": False, "regulatorySnaphsot": False,
        "reportType": "ReportSnapshot", "reqId": 7, "requestId": 7,
        "scannerSubscription": scan, "scannerSubscriptionFilterOptions": [],
        "scannerSubscriptionOptions": [], "snapshot": False, "startDateTime": START,
        "startDate": "", "endDate": "", "subscribe": True, "subscription": scan,
        "tags": AccountSummaryTags.AllTags, "tickType": "Last", "tickerId": 7,
        "timePeriod": "1 days", "totalLimit": 5, "totalResults": 5, "underPrice": 100.0,
        "underlyingConId": CON_ID, "underlyingSecType": "STK", "underlyingSymbol": "IBM",
        "useRTH": False, "useRth": False, "volatility": 0.2, "whatToShow": "TRADES",
        "wshEventData": wsh, "xml": "<x/>", "xyzResponse": "x",
    }  # fmt: skip


IBAPI_ARGUMENTS, ASYNC_ARGUMENTS = arguments(None), arguments(ib_async)


def requests_of(kind: type) -> dict[str, Any]:
    """The public methods of a client class that are requests, by name."""
    methods = inspect.getmembers(kind, inspect.isfunction)
    return {
        name: method
        for name, method in methods
        if not name.startswith("_") and name not in NO_REQUESTS
    }


def plain(name: str) -> str:
    """What a request is called in ``REQUESTS``."""
    short = name.removesuffix("ProtoBuf")
    return OTHER_NAMES.get(short, short)


def test_every_request_of_the_libraries_has_its_row() -> None:
    found = {plain(name) for kind in (EClient, AsyncClient) for name in requests_of(kind)}

    assert found == set(REQUESTS)


def filled(kind: Any) -> Any:
    """A protobuf request with a sound value in each field that has one by its name."""
    proto = kind()
    stock = IBAPI_ARGUMENTS["contract"]
    for field in proto.DESCRIPTOR.fields:
        value = IBAPI_ARGUMENTS.get(field.name)
        if field.name == "contract":
            for name in ("symbol", "secType", "exchange", "currency"):
                setattr(proto.contract, name, getattr(stock, name))
        elif field.name == "order":
            proto.order.action, proto.order.totalQuantity = "BUY", "100"
            proto.order.orderType, proto.order.lmtPrice, proto.order.tif = "LMT", 99.0, "GTC"
            proto.order.account, proto.order.transmit = ACCOUNT, True
        elif field.name == "scannerSubscription":
            scan = proto.scannerSubscription
            scan.instrument, scan.locationCode = "STK", "STK.US.MAJOR"
            scan.scanCode, scan.numberOfRows = "MOST_ACTIVE", 50
        elif field.message_type is None and value is not None:
            setattr(proto, field.name, value)
    return proto


def value_of(parameter: inspect.Parameter, known: dict[str, Any]) -> Any:
    if parameter.name.endswith("Proto"):
        if parameter.annotation is not inspect.Parameter.empty:
            return filled(parameter.annotation)
        return filled(message_class(parameter.name[0].upper() + parameter.name[1:-5]))
    assert parameter.name in known, f"{parameter.name}: give it a value in arguments()"
    return known[parameter.name]


def given(method: Any, known: dict[str, Any]) -> list[Any]:
    parameters = list(inspect.signature(method).parameters.values())[1:]
    return [value_of(one, known) for one in parameters]


class Counted:
    """A connection that says whether anything was sent."""

    def __init__(self, caller: Caller) -> None:
        self.sent = 0
        wire = caller.client.conn
        send = wire.sendMsg

        def counting(message: bytes) -> int:
            self.sent += 1
            return int(send(message))

        wire.sendMsg = counting


def outcome(heard: list[tuple[str, tuple[Any, ...]]]) -> str | int:
    """What comes first; of an error its code."""
    if not heard:
        return SILENT
    name, row = heard[0]
    name = name.removesuffix("ProtoBuf")
    return int(row[2]) if name == "error" else name


CALLS = [
    (name, version)
    for name in sorted(requests_of(EClient))
    for version in (176, 200, *range(201, 214, 2), 226)
    if version >= 213 or not name.endswith("ProtoBuf")
]


@pytest.mark.parametrize(("name", "version"), CALLS)
def test_ibapi_gets_an_answer_to(name: str, version: int) -> None:
    room = Room()
    room.trade(100.0)
    caller = room.call(1, version)
    counted = Counted(caller)
    caller.client.extraAuth = True  # or the verifying requests are kept back
    caller.heard.clear()

    method = getattr(caller.client, name)
    method(*given(getattr(EClient, name), IBAPI_ARGUMENTS))
    told, sent = list(caller.heard), counted.sent
    caller.client.reqCurrentTime()

    assert caller.broken == []
    assert not caller.connection.closed
    assert "currentTime" in [heard for heard, _ in caller.heard[len(told) :]]
    if sent == 0:  # the library keeps it back: not of this version
        assert all(heard == "error" for heard, _ in told)
        return
    wanted = REQUESTS[plain(name)]
    assert outcome(told) == wanted


class Listener:
    """The wrapper of an ib_async decoder: every callback, in order."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, tuple[Any, ...]]] = []
        self.defaultTimezone = None

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return lambda *row: self.heard.append((name, row))


class AsyncWire:
    """The socket of an ib_async client, in memory."""

    def __init__(self, connection: MemoryConnection) -> None:
        self.connection = connection

    def isConnected(self) -> bool:
        return True

    def sendMsg(self, message: bytes) -> None:
        self.connection.send(message)


@pytest.fixture
def listener() -> Iterator[tuple[Room, Any, Listener]]:
    """An ib_async client at a TWS in memory."""
    room = Room()
    room.trade(100.0)
    heard = Listener()
    client = AsyncClient(heard)
    client.MaxRequests = 0
    decoder = AsyncDecoder(heard, 178)
    connection = room.tws.connect()
    connection.send(b"API\0\0\0\0\x09v100..178")
    connection.receive()
    client.conn, client._serverVersion = AsyncWire(connection), 178
    client.connState, client.clientId = AsyncClient.CONNECTED, 1
    client.startApi()
    connection.receive()

    def arrive(data: bytes) -> None:
        while data:
            size = int.from_bytes(data[:4], "big")
            decoder.interpret(data[4 : 4 + size].decode().split("\0")[:-1])
            data = data[4 + size :]

    connection.on_bytes = arrive
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    yield room, client, heard
    loop.close()


@pytest.mark.parametrize("name", sorted(requests_of(AsyncClient)))
def test_ib_async_gets_an_answer_to(
    name: str, listener: tuple[Room, Any, Listener], caplog: pytest.LogCaptureFixture
) -> None:
    room, client, wrapper = listener
    with caplog.at_level(logging.WARNING):
        getattr(client, name)(*given(getattr(AsyncClient, name), ASYNC_ARGUMENTS))
        told = list(wrapper.heard)
        client.reqCurrentTime()

    assert [record for record in caplog.records if record.name.startswith("ib_async")] == []
    assert ("currentTime", (room.tws.now_ns // 10**9,)) in wrapper.heard[len(told) :]
    errors = [row[1] for heard, row in told if heard == "error"]
    wanted = REQUESTS[plain(name)]
    if wanted == SILENT:
        assert told == []
    elif isinstance(wanted, int):
        assert errors == [wanted]
    else:
        assert errors == []
        assert told


# The requests of ib_async's IB class that wait for an answer: what they come back with, if not
# empty-handed, as after a refusal or when there is nothing to tell.
WAITING: dict[str, Any] = {
    "accountSummaryAsync": list,
    "calculateImpliedVolatilityAsync": None,
    "calculateOptionPriceAsync": None,
    "getWshEventDataAsync": None,
    "getWshMetaDataAsync": None,
    "qualifyContractsAsync": list,
    "reqAccountSummaryAsync": None,  # what comes is in accountSummary
    "reqAccountUpdatesAsync": None,
    "reqAccountUpdatesMultiAsync": None,
    "reqAllOpenOrdersAsync": None,
    "reqCompletedOrdersAsync": None,
    "reqContractDetailsAsync": list,
    "reqCurrentTimeAsync": datetime,
    "reqExecutionsAsync": None,
    "reqFundamentalDataAsync": None,
    "reqHeadTimeStampAsync": datetime,
    "reqHistogramDataAsync": list,
    "reqHistoricalDataAsync": ib_async.BarDataList,
    "reqHistoricalNewsAsync": None,
    "reqHistoricalScheduleAsync": ib_async.HistoricalSchedule,
    "reqHistoricalTicksAsync": list,
    "reqMarketRuleAsync": list,
    "reqMatchingSymbolsAsync": list,
    "reqMktDepthExchangesAsync": list,
    "reqNewsArticleAsync": None,
    "reqNewsProvidersAsync": None,
    "reqOpenOrdersAsync": None,
    "reqPositionsAsync": None,
    "reqScannerDataAsync": ib_async.ScanDataList,
    "reqScannerParametersAsync": str,
    "reqSecDefOptParamsAsync": None,
    "reqSmartComponentsAsync": list,
    "reqTickersAsync": list,
    "reqUserInfoAsync": None,
    "requestFAAsync": None,
    "whatIfOrderAsync": ib_async.OrderState,
}
NOT_OF_THE_TWS = frozenset({"connectAsync", "timeRangeAsync"})


def test_every_request_of_ib_comes_back() -> None:
    """None waits for an answer that never comes: ib_async itself has no limit of time."""
    methods = {
        name: method
        for name, method in inspect.getmembers(ib_async.IB, inspect.isfunction)
        if name.endswith("Async") and name not in NOT_OF_THE_TWS
    }
    assert set(methods) == set(WAITING)

    async def ask(host: str, port: int) -> dict[str, Any]:
        ib = ib_async.IB()
        await ib.connectAsync(host, port, 1)
        known: dict[str, Any] = ASYNC_ARGUMENTS | {
            "numDays": 2,
            "period": "1 days",
            "provider": "x",
        }
        came: dict[str, Any] = {}
        for name, method in methods.items():
            call = getattr(ib, name)
            parameters = list(inspect.signature(method).parameters.values())[1:]
            if name in ("qualifyContractsAsync", "reqTickersAsync"):
                values = [known["contract"]]
            else:
                values = [
                    known[one.name]
                    for one in parameters
                    if one.default is inspect.Parameter.empty or one.name == "numDays"
                ]
            if name.startswith("calculate"):  # ib_async takes 321, of a stock, for a warning
                values[0] = ib_async.Option("IBM", "20240119", 100, "C", "SMART")
            came[name] = await asyncio.wait_for(call(*values), 10)
        ib.disconnect()
        return came

    with TwsSim(symbols=["IBM"]) as tws:
        tws.trade("IBM", 100.0)
        came = asyncio.run(ask(tws.host, tws.port))

    kinds = {name: type(value) if value else None for name, value in came.items()}
    assert kinds == WAITING
    assert came["reqHistoricalScheduleAsync"].sessions[-1].refDate == "20240103"
    assert [one.contract.symbol for one in came["reqMatchingSymbolsAsync"]] == ["IBM"]
    assert came["reqHistoricalTicksAsync"][0].price == 100.0

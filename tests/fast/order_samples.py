"""Every hot message but market data, in both formats, with what the decoder makes of it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ibapi.protobuf.AccountValue_pb2 import AccountValue
from ibapi.protobuf.CommissionAndFeesReport_pb2 import CommissionAndFeesReport
from ibapi.protobuf.CompletedOrdersEnd_pb2 import CompletedOrdersEnd
from ibapi.protobuf.CurrentTime_pb2 import CurrentTime
from ibapi.protobuf.CurrentTimeInMillis_pb2 import CurrentTimeInMillis
from ibapi.protobuf.ErrorMessage_pb2 import ErrorMessage
from ibapi.protobuf.ExecutionDetails_pb2 import ExecutionDetails
from ibapi.protobuf.ExecutionDetailsEnd_pb2 import ExecutionDetailsEnd
from ibapi.protobuf.ManagedAccounts_pb2 import ManagedAccounts
from ibapi.protobuf.NextValidId_pb2 import NextValidId
from ibapi.protobuf.OpenOrder_pb2 import OpenOrder
from ibapi.protobuf.OpenOrdersEnd_pb2 import OpenOrdersEnd
from ibapi.protobuf.OrderStatus_pb2 import OrderStatus
from ibapi.protobuf.Position_pb2 import Position
from ibapi.protobuf.PositionEnd_pb2 import PositionEnd

from tests.fast.payloads import PROTOBUF_VERSIONS, TEXT_VERSIONS, UNSET, protobuf, text


def optional(number: float) -> float | None:
    return None if number == UNSET else number


@dataclass(frozen=True)
class Sample:
    """One message: its fields as text by server version, as protobuf, and what we must say."""

    msg_id: int
    fields: Callable[[int], list[object]]
    message: Any
    expected: tuple[Any, ...]
    heard: Callable[..., tuple[Any, ...]]  # our layout from the arguments of ibapi's callback


def contract_fields() -> list[object]:
    return [265598, "AAPL", "STK", "", "0", "", "", "SMART", "USD", "AAPL", "NMS"]


CONTRACT = {
    "conId": 265598,
    "symbol": "AAPL",
    "secType": "STK",
    "exchange": "SMART",
    "currency": "USD",
    "localSymbol": "AAPL",
    "tradingClass": "NMS",
}
STATUS = (3, 7, "Filled", "100.5", "0", 187.23, 1839405728391, 6, 187.25, 3, "locate", 190.5)
ERROR = (4, 7, 201, "Order rejected - reason: größer ☃", '{"a":"\\"b\\""}', 1700000000123)
EXECUTION = (
    *(11, -1, 7, 265598, "AAPL", "0000e0d5.6568a1b2.01.01", "20260102 09:31:00 US/Eastern"),
    *("DU1", "ARCA", "BOT", "100", 187.23, 1839405728391, 3, 1, "200.5", 187.2, "ref-1", 2),
)
COMMISSION = (59, "0000e0d5.6568a1b2.01.01", 1.0025, "USD", -12.5)
POSITION = (61, "DU1", 265598, "AAPL", "STK", "USD", "-100.25", 187.123456)


def error_fields(version: int) -> list[object]:
    escaped = ["Order rejected - reason: gr\\u00f6\\u00DFer \\u2603", ERROR[4]]
    if version < 194:
        return [2, 7, 201, *escaped]
    return [7, 201, *escaped, 1700000000123]


def execution_fields(version: int) -> list[object]:
    fields: list[object] = [-1, 7, *contract_fields(), *EXECUTION[5:18], "", "", "", 2]
    return fields + [0] * (version >= 178) + ["submitter"] * (version >= 198)


def heard_execution(req_id: int, contract: Any, execution: Any) -> tuple[Any, ...]:
    e = execution
    return (
        *(11, req_id, e.orderId, contract.conId, contract.symbol, e.execId, e.time),
        *(e.acctNumber, e.exchange, e.side, str(e.shares), e.price, e.permId, e.clientId),
        *(e.liquidation, str(e.cumQty), e.avgPrice, e.orderRef, e.lastLiquidity),
    )


def heard_order(order_id: int, contract: Any, order: Any, state: Any) -> tuple[Any, ...]:
    return (
        *(5, order_id, contract.conId, contract.symbol, contract.secType, order.action),
        *(str(order.totalQuantity), order.orderType, optional(order.lmtPrice)),
        *(optional(order.auxPrice), order.tif, order.ocaGroup, order.account, order.orderRef),
        *(order.clientId, order.permId, order.ocaType, order.parentId, state.status),
        *(optional(order.trailStopPrice), optional(order.trailingPercent)),
    )


@dataclass(frozen=True)
class Variant:
    """What changes the length of an openOrder before its status."""

    delta_neutral: str = ""
    legs: int = 0
    leg_prices: int = 0
    smart: int = 0
    scale: object = ""
    hedge: str = ""
    delta_neutral_contract: bool = False
    algo: str = ""
    algo_params: int = 0
    limit: object = 187.5
    aux: object = ""
    trail_stop: object = 184.75
    trail_percent: object = 1.5


def order_fields(version: int, v: Variant) -> list[object]:
    """openOrder at servers 176 to 200, up to the status and a plain tail behind it."""
    dn = [0, "", "", "", "", 0, 0, ""] if v.delta_neutral else []
    scaled = isinstance(v.scale, float) and v.scale > 0
    fields: list[object] = [7, *contract_fields(), "BUY", "100.5", "LMT", v.limit, v.aux]
    fields += ["GTC", "oca-1", "DU1", "O", 0, "ref-1", 3, 1839405, 0, 0, "0", "", ""]
    fields += ["", "", ""] + [""] * (version < 177)  # FA group, method, percentage, profile
    fields += ["", "", "", "", "", 0, "", -1, 0, "", "", "", "", "", "", 0, 0, 0, ""]
    fields += [2, 0, 0, "", 6]  # OCA type ... parent
    fields += [0, "", 0, v.delta_neutral, "", *dn, 0, 0]
    fields += [v.trail_stop, v.trail_percent, "", "", ""]
    fields += [v.legs, *[1, 1, "BUY", "SMART", 0, 0, "", -1] * v.legs]
    fields += [v.leg_prices, *[1.5] * v.leg_prices, v.smart, *["tag", "value"] * v.smart]
    fields += ["", "", v.scale, *["", "", "", 0, "", "", 0] * scaled]
    fields += [v.hedge, *["0.5"] * bool(v.hedge), 0, "", "", 0]
    fields += [int(v.delta_neutral_contract), *[1, 0.5, 10.0] * v.delta_neutral_contract]
    fields += [v.algo]
    if v.algo:
        fields += [v.algo_params, *["tag", "value"] * v.algo_params]
    fields += [0, 0, "PreSubmitted", *[""] * 9, "", "", "", "USD"]
    if version >= 195:
        fields += ["USD", *[""] * 9, "", "", 0]
    fields += ["", 0, 0, 0, "None", ""]  # warning ... trigger price
    fields += [v.trail_stop or repr(UNSET)]  # again, and the one that ibapi keeps
    fields += ["", "", "", "", 0, "", "", "", "", 0, 0, 0, 0]
    fields += ["", "", 0, "", "", "", "", ""]
    fields += [""] * (version >= 183) + [0] * (version >= 184) + [""] * (version >= 185)
    fields += [0] * (version >= 189) + ["", ""] * (version >= 193) + [""] * (version >= 198)
    return fields + [0] * (version >= 199)


ORDER = (
    *(5, 7, 265598, "AAPL", "STK", "BUY", "100.5", "LMT", 187.5, None, "GTC", "oca-1", "DU1"),
    *("ref-1", 3, 1839405, 2, 6, "PreSubmitted", 184.75, 1.5),
)
ORDER_PROTOBUF = OpenOrder(
    orderId=7,
    contract=CONTRACT,
    order={
        "clientId": 3,
        "orderId": 7,
        "permId": 1839405,
        "parentId": 6,
        "action": "BUY",
        "totalQuantity": "100.5",
        "orderType": "LMT",
        "lmtPrice": 187.5,
        "tif": "GTC",
        "account": "DU1",
        "ocaGroup": "oca-1",
        "orderRef": "ref-1",
        "ocaType": 2,
        "trailingPercent": 1.5,
        "trailStopPrice": 184.75,
        "transmit": True,
        "softDollarTier": {},
        "conditionsIncludeOvernight": False,
    },
    orderState={"status": "PreSubmitted", "rejectReason": "none"},
)
SAMPLES = {
    "orderStatus": Sample(
        3,
        lambda version: list(STATUS[1:]),
        OrderStatus(
            orderId=7,
            status="Filled",
            filled="100.5",
            remaining="0",
            avgFillPrice=187.23,
            permId=1839405728391,
            parentId=6,
            lastFillPrice=187.25,
            clientId=3,
            whyHeld="locate",
            mktCapPrice=190.5,
        ),
        STATUS,
        lambda *a: (3, a[0], a[1], str(a[2]), str(a[3]), *a[4:]),
    ),
    "error": Sample(
        4,
        error_fields,
        ErrorMessage(
            id=7,
            errorTime=1700000000123,
            errorCode=201,
            errorMsg=ERROR[3],
            advancedOrderRejectJson=ERROR[4],
        ),
        ERROR,
        lambda req_id, time, code, message, json: (4, req_id, code, message, json, time),
    ),
    "openOrder": Sample(
        5,
        lambda version: order_fields(version, Variant()),
        ORDER_PROTOBUF,
        ORDER,
        heard_order,
    ),
    "nextValidId": Sample(
        9, lambda version: [1, 8], NextValidId(orderId=8), (9, 8), lambda number: (9, number)
    ),
    "execDetails": Sample(
        11,
        execution_fields,
        ExecutionDetails(
            reqId=-1,
            contract=CONTRACT,
            execution={
                "orderId": 7,
                "execId": EXECUTION[5],
                "time": EXECUTION[6],
                "acctNumber": "DU1",
                "exchange": "ARCA",
                "side": "BOT",
                "shares": "100",
                "price": 187.23,
                "permId": 1839405728391,
                "clientId": 3,
                "isLiquidation": True,
                "cumQty": "200.5",
                "avgPrice": 187.2,
                "orderRef": "ref-1",
                "lastLiquidity": 2,
                "submitter": "submitter",
            },
        ),
        EXECUTION,
        heard_execution,
    ),
    "managedAccounts": Sample(
        15,
        lambda version: [1, "DU1,DU2"],
        ManagedAccounts(accountsList="DU1,DU2"),
        (15, "DU1,DU2"),
        lambda accounts: (15, accounts),
    ),
    "currentTime": Sample(
        49,
        lambda version: [1, 1700000000],
        CurrentTime(currentTime=1700000000),
        (49, 1700000000),
        lambda time: (49, time),
    ),
    "currentTimeInMillis": Sample(
        109,
        lambda version: [1700000000123],
        CurrentTimeInMillis(currentTimeInMillis=1700000000123),
        (109, 1700000000123),
        lambda time: (109, time),
    ),
    "accountValue": Sample(
        6,
        lambda version: [2, "NetLiquidation", "1002801.00", "USD", "DU1"],
        AccountValue(key="NetLiquidation", value="1002801.00", currency="USD", accountName="DU1"),
        (6, "NetLiquidation", "1002801.00", "USD", "DU1"),
        lambda key, value, currency, account: (6, key, value, currency, account),
    ),
    "openOrderEnd": Sample(53, lambda version: [1], OpenOrdersEnd(), (53,), lambda: (53,)),
    "execDetailsEnd": Sample(
        55,
        lambda version: [1, 9],
        ExecutionDetailsEnd(reqId=9),
        (55, 9),
        lambda req_id: (55, req_id),
    ),
    "commission": Sample(
        59,
        lambda version: [1, *COMMISSION[1:], "", ""],
        CommissionAndFeesReport(
            execId=COMMISSION[1], commissionAndFees=1.0025, currency="USD", realizedPNL=-12.5
        ),
        COMMISSION,
        lambda r: (59, r.execId, r.commissionAndFees, r.currency, r.realizedPNL),
    ),
    "position": Sample(
        61,
        lambda version: [3, "DU1", *contract_fields(), "-100.25", 187.123456],
        Position(account="DU1", contract=CONTRACT, position="-100.25", avgCost=187.123456),
        POSITION,
        lambda account, c, size, cost: (
            *(61, account, c.conId, c.symbol, c.secType, c.currency, str(size), cost),
        ),
    ),
    "positionEnd": Sample(62, lambda version: [1], PositionEnd(), (62,), lambda: (62,)),
    "completedOrdersEnd": Sample(
        102, lambda version: [], CompletedOrdersEnd(), (102,), lambda: (102,)
    ),
}
FORMATS = [("text", version) for version in TEXT_VERSIONS]
FORMATS += [("protobuf", version) for version in PROTOBUF_VERSIONS]


def payload_of(sample: Sample, form: str, version: int) -> bytes:
    if form == "protobuf":
        return protobuf(sample.msg_id, sample.message)
    return text(version, sample.msg_id, *sample.fields(version))

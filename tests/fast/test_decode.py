"""Every hot message in both formats, against encoders of our own and against ibapi's decoder."""

import locale
import math
import struct
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from ibapi.decoder import Decoder
from ibapi.protobuf.AccountValue_pb2 import AccountValue
from ibapi.protobuf.CommissionAndFeesReport_pb2 import CommissionAndFeesReport
from ibapi.protobuf.CompletedOrdersEnd_pb2 import CompletedOrdersEnd
from ibapi.protobuf.CurrentTime_pb2 import CurrentTime
from ibapi.protobuf.CurrentTimeInMillis_pb2 import CurrentTimeInMillis
from ibapi.protobuf.ErrorMessage_pb2 import ErrorMessage
from ibapi.protobuf.ExecutionDetails_pb2 import ExecutionDetails
from ibapi.protobuf.ExecutionDetailsEnd_pb2 import ExecutionDetailsEnd
from ibapi.protobuf.ManagedAccounts_pb2 import ManagedAccounts
from ibapi.protobuf.MarketDataType_pb2 import MarketDataType
from ibapi.protobuf.NextValidId_pb2 import NextValidId
from ibapi.protobuf.OpenOrder_pb2 import OpenOrder
from ibapi.protobuf.OpenOrdersEnd_pb2 import OpenOrdersEnd
from ibapi.protobuf.OrderStatus_pb2 import OrderStatus
from ibapi.protobuf.Position_pb2 import Position
from ibapi.protobuf.PositionEnd_pb2 import PositionEnd
from ibapi.protobuf.RealTimeBarTick_pb2 import RealTimeBarTick
from ibapi.protobuf.TickByTickData_pb2 import TickByTickData
from ibapi.protobuf.TickGeneric_pb2 import TickGeneric
from ibapi.protobuf.TickPrice_pb2 import TickPrice
from ibapi.protobuf.TickReqParams_pb2 import TickReqParams
from ibapi.protobuf.TickSize_pb2 import TickSize
from ibapi.protobuf.TickString_pb2 import TickString
from ibapi.wrapper import EWrapper

from _fast.decode import MIN_SERVER_VERSION, DecodeError, decode, parse_double
from _fast.ticks import DELAYED_FLAG, KINDS

TEXT_VERSIONS = (176, 178, 187, 191, 194, 198, 200, 203, 213, 226)
PROTOBUF_VERSIONS = (203, 213, 226)
UNSET = 1.7976931348623157e308
NAN = math.nan


# -- two small encoders ----------------------------------------------------------------------


def text(version: int, msg_id: int, *fields: object) -> bytes:
    """As TWS writes text: the id is a field up to 200 and four bytes from 201 on."""
    body = b"".join(str(field).encode() + b"\0" for field in fields)
    if version > 200:
        return struct.pack(">I", msg_id) + body
    return f"{msg_id}\0".encode() + body


def protobuf(msg_id: int, message: Any) -> bytes:
    raw: bytes = message.SerializeToString()
    return struct.pack(">I", 200 + msg_id) + raw


# -- what ibapi makes of the same payload ----------------------------------------------------


class Heard(EWrapper):
    """Keeps the last call of a method, except the ones that come with every protobuf message."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[str, tuple[Any, ...]]] = []

    def __getattribute__(self, name: str) -> Any:
        known = EWrapper.__dict__.get(name)
        if known is None or name.startswith("_") or name.endswith("ProtoBuf"):
            return super().__getattribute__(name)
        return lambda *args: self.calls.append((name, args))


def ibapi_calls(version: int, payload: bytes) -> list[tuple[str, tuple[Any, ...]]]:
    heard = Heard()
    decoder = Decoder(heard, version)
    if version > 200:
        msg_id, body = struct.unpack(">I", payload[:4])[0], payload[4:]
    else:
        head, _, body = payload.partition(b"\0")
        msg_id = int(head)
    if msg_id > 200:
        decoder.processProtoBuf(body, msg_id - 200)
    else:
        decoder.interpret(tuple(body.split(b"\0")[:-1]), msg_id)
    return heard.calls


def optional(number: float) -> float | None:
    return None if number == UNSET else number


# -- the messages ----------------------------------------------------------------------------


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


def expected_of(sample: Sample, form: str, version: int) -> tuple[Any, ...]:
    if sample.msg_id == 4 and form == "text" and version < 194:
        return (*ERROR[:5], 0)  # errors had no time before 194
    return sample.expected


@pytest.mark.parametrize(("form", "version"), FORMATS)
@pytest.mark.parametrize("name", SAMPLES)
def test_one_layout_for_every_format_and_version(name: str, form: str, version: int) -> None:
    sample = SAMPLES[name]
    payload = payload_of(sample, form, version)
    assert decode(payload, version) == expected_of(sample, form, version)


@pytest.mark.parametrize(("form", "version"), FORMATS)
@pytest.mark.parametrize("name", SAMPLES)
def test_ibapi_reads_the_same(name: str, form: str, version: int) -> None:
    sample = SAMPLES[name]
    ((_, args),) = ibapi_calls(version, payload_of(sample, form, version))
    heard = sample.heard(*args)
    if name == "error" and form == "text":
        # ibapi undoes every backslash, also those by which JSON escapes its own quotes.
        heard = (*heard[:4], heard[4].replace('"b"', '\\"b\\"'), heard[5])
    assert heard == expected_of(sample, form, version)


VARIANTS = [
    Variant(),
    Variant(delta_neutral="None"),
    Variant(legs=2, leg_prices=2, smart=1),
    Variant(scale=0.05),
    Variant(scale=-1.0, hedge="D"),
    Variant(delta_neutral_contract=True, algo="Vwap", algo_params=3),
    Variant(algo="ArrivalPx", limit="", aux="1.7976931348623157E308"),
    Variant(trail_stop="", trail_percent="1.7976931348623157E308"),
    Variant("None", 4, 4, 2, 0.01, "P", True, "Twap", 2, "0", "12.5", "0.0", ""),
]


@pytest.mark.parametrize("version", TEXT_VERSIONS)
@pytest.mark.parametrize("variant", VARIANTS, ids=str)
def test_open_order_text_of_every_shape(variant: Variant, version: int) -> None:
    payload = text(version, 5, *order_fields(version, variant))
    ((_, args),) = ibapi_calls(version, payload)
    assert decode(payload, version) == heard_order(*args)
    assert decode(payload, version)[18] == "PreSubmitted"


def test_an_open_order_whose_tail_we_do_not_know_keeps_all_but_its_status_and_trail() -> None:
    fields = order_fields(178, Variant())
    parent = len(order_fields(178, Variant())[: fields.index("PreSubmitted")])
    for tail in range(parent - 20, parent):
        assert decode(text(178, 5, *fields[:tail]), 178) == (*ORDER[:18], "", None, None)


# -- what is absent --------------------------------------------------------------------------


@pytest.mark.parametrize("unset", ["", "1.7976931348623157E308", repr(UNSET), "Infinity", "NaN"])
def test_unset_money_is_none_in_text(unset: str) -> None:
    assert decode(text(178, 59, 1, "e", unset, "USD", unset, "", ""), 178) == (
        *(59, "e", None, "USD", None),
    )
    fields = order_fields(200, Variant(limit=unset, aux=unset))
    assert decode(text(200, 5, *fields), 200)[8:10] == (None, None)
    fields = [7, "Submitted", "0", "100", unset, 1, 0, unset, 3, "", unset]
    assert decode(text(200, 3, *fields), 200) == (
        *(3, 7, "Submitted", "0", "100", 0.0, 1, 0, 0.0, 3, "", 0.0),
    )


def test_unset_money_is_none_in_protobuf() -> None:
    assert decode(protobuf(59, CommissionAndFeesReport(execId="e")), 226) == (
        *(59, "e", None, "", None),
    )
    message = CommissionAndFeesReport(execId="e", commissionAndFees=UNSET, realizedPNL=math.inf)
    assert decode(protobuf(59, message), 226) == (59, "e", None, "", None)


def test_an_empty_protobuf_message_is_all_absent() -> None:
    assert decode(protobuf(3, OrderStatus()), 226) == (3, 0, "", "", "", 0.0, 0, 0, 0.0, 0, "", 0.0)
    assert decode(protobuf(4, ErrorMessage(errorCode=1100)), 226) == (4, -1, 1100, "", "", 0)
    assert decode(protobuf(5, OpenOrder(contract={}, order={})), 226) == (
        *(5, 0, 0, "", "", "", "", "", None, None, "", "", "", "", 0, 0, 0, 0, ""),
        *(None, None),
    )


@pytest.mark.parametrize(
    "quantity", ["", "0", "1e-7", "100.50", "2147483647", "9223372036854775807", "1.79E308"]
)
def test_quantities_stay_as_they_were_sent(quantity: str) -> None:
    fields = [7, "Filled", quantity, quantity, "1", 1, 0, "1", 3, "", "0"]
    assert decode(text(178, 3, *fields), 178)[3:5] == (quantity, quantity)
    message = OrderStatus(orderId=7, filled=quantity, remaining=quantity)
    assert decode(protobuf(3, message), 226)[3:5] == (quantity, quantity)


def test_unset_integers_are_zero() -> None:
    unset = [2147483647, "Filled", "1", "0", "1", 9223372036854775807, 2147483647, "1"]
    assert decode(text(178, 3, *unset, 2147483647, "", "0"), 178) == (
        *(3, 0, "Filled", "1", "0", 1.0, 0, 0, 1.0, 0, "", 0.0),
    )


def test_escapes_in_errors_are_undone_and_nothing_else() -> None:
    def said(message: str) -> str:
        result: str = decode(text(178, 4, 2, 7, 201, message, ""), 178)[3]
        return result

    assert said("\\ud83d\\ude00!") == "\U0001f600!"
    assert said("C:\\temp \\n \\u12") == "C:\\temp \\n \\u12"
    assert said("alone \\ud83d.") == "alone \ufffd."
    assert said("schon größer") == "schon größer"


# -- market data -----------------------------------------------------------------------------

BID, ASK, LAST, OTHER, TRADE, QUOTE = (
    KINDS[name] for name in ("BID", "ASK", "LAST", "OTHER", "TRADE", "QUOTE")
)
BID_SIZE, ASK_SIZE, LAST_SIZE, VOLUME = (
    KINDS[name] for name in ("BID_SIZE", "ASK_SIZE", "LAST_SIZE", "VOLUME")
)
DATA_TYPE, LAST_TIME, HALTED, SHORTABLE = (
    KINDS[name] for name in ("DATA_TYPE", "LAST_TIME", "HALTED", "SHORTABLE")
)
SECOND = 1_700_000_000


def tick(
    kind: int,
    price: float = NAN,
    size: float = NAN,
    price2: float = NAN,
    size2: float = NAN,
    time_ns: int = 0,
    mask: int = 0,
) -> tuple[Any, ...]:
    return ("tick", 9001, kind, price, size, price2, size2, time_ns, mask)


def price_ticks() -> list[tuple[int, list[object], Any, tuple[Any, ...]]]:
    kinds = {
        1: BID,
        2: ASK,
        4: LAST,
        66: BID | DELAYED_FLAG,
        67: ASK | DELAYED_FLAG,
        68: LAST | DELAYED_FLAG,
    }
    return [
        (
            1,
            [6, 9001, number, "187.23", "200.5", 3],
            TickPrice(reqId=9001, tickType=number, price=187.23, size="200.5", attrMask=3),
            tick(kinds.get(number, OTHER), 187.23, 200.5, mask=3),
        )
        for number in (1, 2, 4, 6, 9, 37, 66, 67, 68, 75)
    ]


def size_ticks() -> list[tuple[int, list[object], Any, tuple[Any, ...]]]:
    plain = {0: BID_SIZE, 3: ASK_SIZE, 5: LAST_SIZE, 8: VOLUME}
    delayed = {69: BID_SIZE, 70: ASK_SIZE, 71: LAST_SIZE, 74: VOLUME}
    kinds = plain | {number: kind | DELAYED_FLAG for number, kind in delayed.items()}
    return [
        (
            2,
            [6, 9001, number, "1234567.25"],
            TickSize(reqId=9001, tickType=number, size="1234567.25"),
            tick(kinds.get(number, OTHER), size=1234567.25),
        )
        for number in (*kinds, 21, 86)
    ]


def by_tick(tick_type: int, **message: Any) -> TickByTickData:
    name = {1: "Last", 2: "Last", 3: "BidAsk", 4: "MidPoint"}[tick_type]
    return TickByTickData(reqId=9001, tickType=tick_type, **{f"historicalTick{name}": message})


MARKET: list[tuple[int, list[object], Any, tuple[Any, ...]]] = [
    *price_ticks(),
    *size_ticks(),
    (
        1,
        [6, 9001, 1, "-1.0", "0", 0],
        TickPrice(reqId=9001, tickType=1, price=-1.0, size="0", attrMask=0),
        tick(BID, -1.0, 0.0),
    ),
    (
        1,
        [6, 9001, 2, "", "", ""],
        TickPrice(reqId=9001, tickType=2),
        tick(ASK),
    ),
    (
        2,
        [6, 9001, 8, "9223372036854775807"],
        TickSize(reqId=9001, tickType=8, size="9223372036854775807"),
        tick(VOLUME),
    ),
    (
        45,
        [6, 9001, 49, "1.0"],
        TickGeneric(reqId=9001, tickType=49, value=1.0),
        tick(HALTED, 1.0),
    ),
    (
        45,
        [6, 9001, 90, "0"],
        TickGeneric(reqId=9001, tickType=90, value=0.0),
        tick(HALTED | DELAYED_FLAG, 0.0),
    ),
    (
        45,
        [6, 9001, 46, "2.0"],
        TickGeneric(reqId=9001, tickType=46, value=2.0),
        tick(SHORTABLE, 2.0),
    ),
    (
        45,
        [6, 9001, 23, "0.31"],
        TickGeneric(reqId=9001, tickType=23, value=0.31),
        tick(OTHER, 0.31),
    ),
    (
        46,
        [6, 9001, 45, str(SECOND)],
        TickString(reqId=9001, tickType=45, value=str(SECOND)),
        tick(LAST_TIME, time_ns=SECOND * 10**9),
    ),
    (
        46,
        [6, 9001, 88, str(SECOND)],
        TickString(reqId=9001, tickType=88, value=str(SECOND)),
        tick(LAST_TIME | DELAYED_FLAG, time_ns=SECOND * 10**9),
    ),
    (
        46,
        [6, 9001, 48, "187.2;100;1700000000123;5000;187.1;true"],
        TickString(reqId=9001, tickType=48, value="187.2;100;1700000000123;5000;187.1;true"),
        tick(OTHER),
    ),
    (
        58,
        [1, 9001, 3],
        MarketDataType(reqId=9001, marketDataType=3),
        tick(DATA_TYPE, 3.0),
    ),
    (
        81,
        [9001, "0.01", "9c0001", 3],
        TickReqParams(reqId=9001, minTick="0.01", bboExchange="9c0001", snapshotPermissions=3),
        tick(OTHER),
    ),
    *(
        (
            99,
            [9001, kind, SECOND, "187.23", "100", 2, "ARCA", ""],
            by_tick(
                kind, time=SECOND, price=187.23, size="100", tickAttribLast={"unreported": True}
            ),
            tick(TRADE, 187.23, 100.0, time_ns=SECOND * 10**9, mask=2),
        )
        for kind in (1, 2)
    ),
    (
        99,
        [9001, 3, SECOND, "187.23", "187.25", "100", "200.5", 3],
        by_tick(
            3,
            time=SECOND,
            tickAttribBidAsk={"bidPastLow": True, "askPastHigh": True},
            priceBid=187.23,
            priceAsk=187.25,
            sizeBid="100",
            sizeAsk="200.5",
        ),
        tick(QUOTE, 187.23, 100.0, 187.25, 200.5, SECOND * 10**9, 3),
    ),
    (
        99,
        [9001, 4, SECOND, "187.24"],
        by_tick(4, time=SECOND, price=187.24),
        tick(OTHER, 187.24, time_ns=SECOND * 10**9),
    ),
    (
        50,
        [3, 9001, SECOND, "1.5", "2.5", "0.5", "2", "1000.5", "1.75", 12],
        RealTimeBarTick(
            reqId=9001,
            time=SECOND,
            open=1.5,
            high=2.5,
            low=0.5,
            close=2,
            volume="1000.5",
            WAP="1.75",
            count=12,
        ),
        ("bar", 9001, SECOND * 10**9, 1.5, 2.5, 0.5, 2.0, 1000.5, 1.75, 12),
    ),
    (
        50,
        [3, 9001, SECOND, "1.5", "2.5", "0.5", "2", "", "", -1],
        RealTimeBarTick(reqId=9001, time=SECOND, open=1.5, high=2.5, low=0.5, close=2, count=-1),
        ("bar", 9001, SECOND * 10**9, 1.5, 2.5, 0.5, 2.0, NAN, NAN, -1),
    ),
]


def same(left: tuple[Any, ...], right: tuple[Any, ...]) -> bool:
    return len(left) == len(right) and all(
        a == b or (a != a and b != b) for a, b in zip(left, right, strict=True)
    )


@pytest.mark.parametrize("version", TEXT_VERSIONS)
def test_market_messages_in_text(version: int) -> None:
    for msg_id, fields, _, expected in MARKET:
        found = decode(text(version, msg_id, *fields), version)
        assert same(found, expected), (found, expected)


@pytest.mark.parametrize("version", PROTOBUF_VERSIONS)
def test_market_messages_in_protobuf(version: int) -> None:
    for msg_id, _, message, expected in MARKET:
        found = decode(protobuf(msg_id, message), version)
        assert same(found, expected), (found, expected)


def as_ibapi(payload: bytes, version: int) -> tuple[Any, ...]:
    """The numbers of ibapi's callback: (request id, then floats in the order of its arguments)."""
    args = ibapi_calls(version, payload)[0][1]
    numbers = [float(a) for a in args[1:] if isinstance(a, int | float | Decimal)]
    return (args[0], *numbers)


@pytest.mark.parametrize(("form", "version"), FORMATS)
def test_ibapi_reads_the_same_market(form: str, version: int) -> None:
    for msg_id, fields, message, ours in MARKET:
        payload = (
            protobuf(msg_id, message) if form == "protobuf" else text(version, msg_id, *fields)
        )
        if msg_id == 81 or (msg_id in (1, 2, 50) and {"", "9223372036854775807"} & set(fields)):
            continue  # absent numbers: ibapi has other words for them
        theirs = as_ibapi(payload, version)
        numbers = [x for x in ours[3:7] if x == x]
        if msg_id == 50:
            assert theirs == (ours[1], ours[2] / 1e9, *ours[3:])
        elif msg_id == 99 and fields[1] == 3:
            assert theirs == (9001, SECOND, 187.23, 187.25, 100.0, 200.5)
        elif msg_id == 99:
            assert theirs == (9001, *[fields[1]] * (fields[1] != 4), SECOND, *numbers)
        elif msg_id == 1:
            size = [float(args[2]) for name, args in ibapi_calls(version, payload)[1:]]
            assert (*theirs, *(size or [ours[4]])) == (9001, fields[2], *numbers)
        elif msg_id == 58:
            assert theirs == (9001, 3.0)
        else:
            assert theirs == (9001, fields[2], *numbers)


# -- numbers ---------------------------------------------------------------------------------

DECIMALS = st.from_regex(
    r"[+-]?([0-9]{1,30}(\.[0-9]{0,30})?|\.[0-9]{1,30})([eE][+-]?[0-9]{1,4})?", fullmatch=True
)


@given(DECIMALS | st.floats(allow_nan=False, allow_infinity=False).map(repr))
@example("9007199254740993")
@example("0.1e-22")
@example("123456789012345678901234567890")
@example("4.9e-324")
@example("2.2250738585072011e-308")
@example("1" + "0" * 400)
@example("0." + "0" * 400 + "1")
@example("-0")
def test_doubles_are_those_of_python(number: str) -> None:
    expected = float(number)
    found = parse_double(number.encode())
    if abs(expected) >= UNSET:
        assert math.isnan(found)
    else:
        assert struct.pack("d", found) == struct.pack("d", expected)


@pytest.mark.parametrize(
    "garbage",
    ["-", "+", ".", "e5", "1e", "1e+", "1.2.3", "0x10", "1_000", " 1", "1 ", "inf", "1,5", "12a"],
)
def test_garbage_is_no_number(garbage: str) -> None:
    with pytest.raises(DecodeError, match="not a number"):
        parse_double(garbage.encode())


def test_a_number_of_absurd_length_is_refused() -> None:
    assert parse_double(b"0." + b"1" * 1022) == float("0." + "1" * 1022)
    with pytest.raises(DecodeError):
        parse_double(b"0." + b"1" * 1023)


def test_the_decimal_point_is_no_matter_of_locale() -> None:
    before = locale.setlocale(locale.LC_NUMERIC)
    try:
        for name in ("de_DE.UTF-8", "fr_FR.UTF-8", "pt_BR.UTF-8", "ru_RU.UTF-8"):
            with suppress(locale.Error):
                locale.setlocale(locale.LC_NUMERIC, name)
                break
        else:
            pytest.skip("no locale with a decimal comma is installed")
        assert locale.localeconv()["decimal_point"] == ","
        assert parse_double(b"0.12345678901234567890123") == 0.12345678901234567890123
    finally:
        locale.setlocale(locale.LC_NUMERIC, before)


# -- what is wrong ---------------------------------------------------------------------------

BROKEN = {
    "no id": (178, b""),
    "no end of the id": (178, b"3"),
    "id that is no number": (178, b"x\x00"),
    "id 0": (178, b"0\x001\x00"),
    "negative id": (178, b"-3\x001\x00"),
    "id cut off": (213, b"\x00\x00\x00"),
    "text where an id should be": (213, b"3\x007\x00Filled\x00"),
    "field missing": (178, text(178, 3, *STATUS[1:-1])),
    "last field not ended": (178, text(178, 3, *STATUS[1:])[:-1]),
    "price that is no number": (178, text(178, 1, 6, 9001, 1, "18x", "1", 0)),
    "size that is no number": (178, text(178, 2, 6, 9001, 0, "many")),
    "request id empty": (178, text(178, 2, 6, "", 0, "5")),
    "tick type empty": (178, text(178, 2, 6, 9001, "", "5")),
    "request id beyond 32 bits": (178, text(178, 2, 6, 2**31, 0, "5")),
    "integer beyond 64 bits": (178, text(178, 49, 1, 2**63)),
    "trade without a price": (178, text(178, 99, 9001, 1, SECOND, "", "100", 0, "", "")),
    "trade before time began": (178, text(178, 99, 9001, 1, -1, "1", "100", 0, "", "")),
    "bar without a high": (178, text(178, 50, 3, 9001, SECOND, 1, "", 1, 1, 5, 1, 1)),
    "error without a code": (178, text(178, 4, 2, 7, "", "text", "")),
    "execution without an id": (178, text(178, 11, -1, 7, *contract_fields(), "", *EXECUTION[6:])),
    "execution without a price": (
        178,
        text(178, 11, -1, 7, *contract_fields(), *EXECUTION[5:11], "", *EXECUTION[12:], 0, 0, 0, 0),
    ),
    "account value without its account": (178, text(178, 6, 2, "NetLiquidation", "1", "USD")),
    "quantity that is no number": (178, text(178, 3, 7, "Filled", "all", *STATUS[4:])),
    "text that is not UTF-8": (178, b"15\x001\x00DU\xff\x00"),
    "protobuf not UTF-8": (213, struct.pack(">I", 215) + b"\x0a\x02\xff\xfe"),
    "varint cut off": (213, struct.pack(">I", 209) + b"\x08\x80"),
    "varint too long": (213, struct.pack(">I", 209) + b"\x08" + b"\xff" * 9 + b"\x02"),
    "string beyond the end": (213, struct.pack(">I", 215) + b"\x0a\x05DU1"),
    "string of 2**63 bytes": (213, struct.pack(">I", 215) + b"\x0a" + b"\x80" * 9 + b"\x01"),
    "double cut off": (213, struct.pack(">I", 201) + b"\x08\x01\x10\x01\x19\x00\x00"),
    "fixed32 cut off": (213, struct.pack(">I", 209) + b"\x08\x01\x7d\x00"),
    "known field of another type": (213, struct.pack(">I", 209) + b"\x0a\x01\x01"),
    "group": (213, struct.pack(">I", 209) + b"\x0b\x0c"),
    "field number 0": (213, struct.pack(">I", 209) + b"\x00\x01"),
    "order id beyond 32 bits": (213, struct.pack(">I", 209) + b"\x08\x80\x80\x80\x80\x10"),
    "no request id": (213, protobuf(2, TickSize(tickType=0, size="5"))),
    "size of letters": (213, protobuf(2, TickSize(reqId=9001, tickType=0, size="many"))),
    "no tick inside": (213, protobuf(99, TickByTickData(reqId=9001, tickType=1))),
    "no contract": (213, protobuf(61, Position(account="DU1", position="1"))),
    "no execution": (213, protobuf(11, ExecutionDetails(contract=CONTRACT))),
    "execution as empty as can be": (
        213,
        protobuf(11, ExecutionDetails(contract=CONTRACT, execution={"execId": "e"})),
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_bad_message_is_refused(name: str) -> None:
    version, payload = BROKEN[name]
    with pytest.raises(DecodeError):
        decode(payload, version)


def test_further_fields_are_no_error() -> None:
    for name, sample in SAMPLES.items():
        more = [*sample.fields(200), "new", "newer", 1]
        if name != "openOrder":
            assert decode(text(200, sample.msg_id, *more), 200) == sample.expected
        unknown = b"\xfa\x3f\x03new\xf8\x3f\x07\xfd\x3f\x00\x00\x00\x00\xf9\x3f" + b"\x01" * 8
        assert decode(protobuf(sample.msg_id, sample.message) + unknown, 213) == sample.expected


def test_everything_else_is_handed_on_as_it_came() -> None:
    assert decode(text(178, 52, 1, 9), 178) == ("cold", 52, False, b"1\x009\x00")
    assert decode(text(213, 47, 1, 9), 213) == ("cold", 47, False, b"1\x009\x00")
    assert decode(struct.pack(">I", 252) + b"\x08\x09", 213) == ("cold", 52, True, b"\x08\x09")
    assert decode(struct.pack(">I", 200), 213) == ("cold", 200, False, b"")


def test_servers_of_unknown_layout_are_refused() -> None:
    with pytest.raises(ValueError, match="175 is older than 176"):
        decode(b"9\x001\x008\x00", MIN_SERVER_VERSION - 1)


# -- fuzz ------------------------------------------------------------------------------------


def total(payload: bytes, version: int) -> None:
    try:
        assert isinstance(decode(payload, version), tuple)
    except DecodeError as error:
        assert str(error)


VALID = [
    (version, payload_of(sample, form, version))
    for form, version in FORMATS
    for sample in SAMPLES.values()
]
VALID += [(178, text(178, number, *fields)) for number, fields, _, _ in MARKET]
VALID += [(226, protobuf(number, message)) for number, _, message, _ in MARKET]


@given(st.binary(max_size=200), st.sampled_from([176, 200, 201, 226]))
def test_any_bytes_are_a_message_or_an_error(payload: bytes, version: int) -> None:
    total(payload, version)


@given(st.sampled_from([1, 2, 3, 4, 5, 6, 9, 11, 15, 45, 46, 50, 58, 59, 61, 99]), st.data())
def test_any_body_behind_a_hot_id(msg_id: int, data: st.DataObject) -> None:
    body = data.draw(st.binary(max_size=120))
    total(struct.pack(">I", 200 + msg_id) + body, 226)
    total(f"{msg_id}\0".encode() + body, 200)


@given(st.sampled_from(VALID), st.data())
def test_a_damaged_message_is_a_message_or_an_error(
    valid: tuple[int, bytes], data: st.DataObject
) -> None:
    version, payload = valid
    damaged = bytearray(payload)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(damaged)))
        damaged[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    total(bytes(damaged), version)


def test_a_message_cut_short_anywhere_is_a_message_or_an_error() -> None:
    for version, payload in VALID:
        for end in range(len(payload)):
            total(payload[:end], version)


def test_decoding_needs_neither_numpy_nor_a_market() -> None:
    check = (
        "import sys, _fast.decode; sys.exit(not {'numpy', '_fast.market'}.isdisjoint(sys.modules))"
    )
    root = Path(__file__).resolve().parents[2]
    assert subprocess.run([sys.executable, "-c", check], cwd=root, check=False).returncode == 0

"""Every message of market data in both formats, and all payloads that are whole."""

from typing import Any

from ibapi.protobuf.MarketDataType_pb2 import MarketDataType
from ibapi.protobuf.RealTimeBarTick_pb2 import RealTimeBarTick
from ibapi.protobuf.TickByTickData_pb2 import TickByTickData
from ibapi.protobuf.TickGeneric_pb2 import TickGeneric
from ibapi.protobuf.TickPrice_pb2 import TickPrice
from ibapi.protobuf.TickReqParams_pb2 import TickReqParams
from ibapi.protobuf.TickSize_pb2 import TickSize
from ibapi.protobuf.TickString_pb2 import TickString

from _fast.ticks import DELAYED_FLAG, KINDS
from tests.fast.order_samples import FORMATS, SAMPLES, payload_of
from tests.fast.payloads import NAN, protobuf, text

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
VALID = [
    (version, payload_of(sample, form, version))
    for form, version in FORMATS
    for sample in SAMPLES.values()
]
VALID += [(178, text(178, number, *fields)) for number, fields, _, _ in MARKET]
VALID += [(226, protobuf(number, message)) for number, _, message, _ in MARKET]

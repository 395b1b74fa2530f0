"""Every message at every version, read to its last field by the decoder of a real client."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import attrs
import pytest
from ibapi.const import UNSET_DOUBLE
from ibapi.wrapper import EWrapper

from engine.sim import instruments, wire_lists, wire_messages
from engine.sim.conditions import Condition
from engine.sim.records import SimExecution, SimOrder, WhatIfNotice
from engine.sim.wire import encoder_of
from engine.sim.wire_lists import LITERAL, MARKET_RULE, SCANNER_DATA, ListMessage
from engine.sim.wire_messages import (
    ACCOUNT_TIME,
    ACCOUNT_VALUE,
    ORDER_STATUS,
    TICK_GENERIC,
    TICK_PRICE,
    TICK_REQ_PARAMS,
    TICK_SIZE,
    TICK_STRING,
    Holding,
    Listing,
    Message,
    WireBar,
    order_status_values,
)
from engine.sim.wire_protobuf import ProtobufEncoder, message_class
from engine.sim.wire_text import TextEncoder
from tests.ibapi_decoder import Decoder
from tests.sim.caller import PROTOBUF_ONLY

TEXT = range(176, 201)
PROTOBUF = range(201, 227)  # the first twelve in part
IBM = instruments.instrument("IBM")
ORDER = SimOrder(
    order_id=7,
    client_id=3,
    perm_id=1_000_007,
    instrument=IBM,
    account="DU1",
    action="SELL",
    quantity=Decimal("200.5"),
    order_type="STP LMT",
    limit_price=Decimal("99.01"),
    aux_price=Decimal("99.5"),
    tif="GTC",
    outside_rth=True,
    oca_group="group 1",
    oca_type=1,
    parent_id=6,
    order_ref="ref-7",
    status="PreSubmitted",
    why_held="child,trigger",
)
EXECUTION = SimExecution(
    execution_id="0001.01",
    time_ns=1_704_292_200_123_456_789,
    order_id=7,
    client_id=3,
    perm_id=1_000_007,
    instrument=IBM,
    account="DU1",
    side="SELL",
    quantity=Decimal("100.5"),
    price=Decimal("99.03"),
    cumulative_quantity=Decimal("150.5"),
    average_price=Decimal("99.035"),
    order_ref="ref-7",
    last_liquidity=2,
)
LISTING = Listing(
    instrument=IBM,
    long_name="Größe & Co",
    market_name="NMS",
    order_types="LMT,MKT",
    valid_exchanges="SMART,NYSE",
    trading_hours="20240103:0400-20240103:2000",
    liquid_hours="20240103:0930-20240103:1600",
    market_rule_id=26,
)
BAR = WireBar(
    date="20240103 09:30:00 America/New_York",
    open=1.5,
    high=2.5,
    low=1.25,
    close=2.0,
    volume=Decimal("1234.5"),
    average=1.75,
    count=12,
)


class Recorder(EWrapper):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[str, tuple[Any, ...]]] = []

    def __getattribute__(self, name: str) -> Any:
        if name.startswith("_") or name in ("calls", "only"):
            return super().__getattribute__(name)
        twice = name.endswith("ProtoBuf") and name not in PROTOBUF_ONLY
        if twice or name == "logAnswer":
            return lambda *arguments: None
        return lambda *arguments: self.calls.append((name, arguments))

    def only(self, name: str) -> tuple[Any, ...]:
        (call,) = [arguments for called, arguments in self.calls if called == name]
        return call


class Watched:
    """An iterator over text fields that knows what nobody read."""

    def __init__(self, fields: list[bytes]) -> None:
        self.left = fields

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if not self.left:
            raise StopIteration
        return self.left.pop(0)


def decoded(frame: bytes, version: int) -> Recorder:
    """What ibapi makes of ``frame``; a text field that it leaves unread is a failure."""
    assert int.from_bytes(frame[:4], "big") == len(frame) - 4
    recorder = Recorder()
    decoder = Decoder(recorder, version)
    if version > 200:
        message_id = int.from_bytes(frame[4:8], "big")
        if message_id > 200:
            decoder.processProtoBuf(frame[8:], message_id - 200)
            return recorder
        fields = frame[8:].split(b"\0")[:-1]
    else:
        number, *fields = frame[4:].split(b"\0")[:-1]
        message_id = int(number)
    handler = decoder.msgId2handleInfo[message_id]
    if handler.wrapperMeth is not None:
        decoder.interpretWithSignature(fields, handler)
        return recorder
    watched = Watched(fields)
    handler.processMeth(decoder, watched)
    assert watched.left == []
    return recorder


@pytest.mark.parametrize("version", [*TEXT, *PROTOBUF])
def test_open_order(version: int) -> None:
    order_id, contract, order, state = decoded(encoder_of(version).open_order(ORDER), version).only(
        "openOrder"
    )

    assert (order_id, order.orderId, order.clientId, order.permId) == (7, 7, 3, 1_000_007)
    assert (contract.conId, contract.symbol, contract.exchange) == (IBM.con_id, "IBM", "SMART")
    assert (order.action, order.totalQuantity, order.orderType) == (
        "SELL",
        Decimal("200.5"),
        "STP LMT",
    )
    assert (order.lmtPrice, order.auxPrice, order.tif) == (99.01, 99.5, "GTC")
    assert (order.ocaGroup, order.ocaType, order.parentId) == ("group 1", 1, 6)
    assert (order.account, order.orderRef, order.outsideRth) == ("DU1", "ref-7", True)
    assert state.status == "PreSubmitted"
    assert order.deltaNeutralOrderType == "None"


@pytest.mark.parametrize("version", [*TEXT, *PROTOBUF])
def test_the_level_of_a_trailing_stop_reaches_the_client(version: int) -> None:
    order = attrs.evolve(
        ORDER, order_type="TRAIL", limit_price=None, aux_price=None,
        trailing_percent=Decimal("1.5"), trail_stop_price=Decimal("98.52"),
    )  # fmt: skip
    encoder = encoder_of(version)

    _, _, shown, _ = decoded(encoder.open_order(order), version).only("openOrder")
    _, done, _ = decoded(encoder.completed_order(order, "", ""), version).only("completedOrder")
    _, _, plain, _ = decoded(encoder.open_order(ORDER), version).only("openOrder")

    assert (shown.trailStopPrice, shown.trailingPercent) == (98.52, 1.5)
    assert (done.trailStopPrice, done.trailingPercent) == (98.52, 1.5)
    assert plain.trailStopPrice == plain.trailingPercent == UNSET_DOUBLE


CONDITIONS = (
    Condition(kind=1, conjunction=False, value=Decimal("14.25"), text="14.25", con_id=42,
              exchange="SMART", trigger_method=2),
    Condition(kind=3, is_more=False, text="20240103 10:00:00 US/Eastern"),
    Condition(kind=5, symbol="IBM", sec_type="STK", exchange="SMART"),
    Condition(kind=6, value=Decimal(1000), text="1000", con_id=42, exchange="SMART"),
)  # fmt: skip


@pytest.mark.parametrize("version", [*TEXT, *PROTOBUF])
def test_conditions_and_times_reach_the_client(version: int) -> None:
    order = attrs.evolve(
        ORDER, tif="GTD", good_till_ns=EXECUTION.time_ns, limit_offset=Decimal("0.1"),
        conditions=CONDITIONS, conditions_ignore_rth=True,
    )  # fmt: skip
    encoder = encoder_of(version)

    _, _, shown, state = decoded(encoder.open_order(order), version).only("openOrder")
    _, done, _ = decoded(encoder.completed_order(order, "", ""), version).only("completedOrder")

    assert shown.goodTillDate == done.goodTillDate == "20240103 09:30:00 America/New_York"
    assert shown.lmtPriceOffset == 0.1
    for seen in (shown, done):
        price, time, executed, volume = seen.conditions
        assert (price.price, price.conId, price.isMore, price.triggerMethod) == (14.25, 42, True, 2)
        assert not price.isConjunctionConnection
        assert (time.time, time.isMore) == ("20240103 10:00:00 US/Eastern", False)
        assert (executed.symbol, executed.secType, executed.exchange) == ("IBM", "STK", "SMART")
        assert (volume.volume, volume.exchange) == (1000, "SMART")
        assert (seen.conditionsIgnoreRth, seen.conditionsCancelOrder) == (True, False)
    assert state.status == order.status


@pytest.mark.parametrize("version", [*TEXT, *PROTOBUF])
def test_the_answer_to_a_what_if(version: int) -> None:
    notice = WhatIfNotice(
        order=ORDER, margin_before=Decimal(100), margin_after=Decimal("350.257"),
        equity_before=Decimal(1000), equity_after=Decimal(999), commission=Decimal("1.25"),
        warning="mind the gap",
    )  # fmt: skip

    _, _, order, state = decoded(encoder_of(version).what_if(notice), version).only("openOrder")

    assert order.whatIf
    assert [float(value) for value in (
        state.initMarginBefore, state.initMarginChange, state.initMarginAfter,
        state.maintMarginAfter, state.equityWithLoanChange,
    )] == [100.0, 250.26, 350.26, 350.26, -1.0]  # fmt: skip
    assert (state.commissionAndFees, state.commissionAndFeesCurrency) == (1.25, "USD")
    assert state.warningText == "mind the gap"


@pytest.mark.parametrize("version", [*TEXT, *PROTOBUF])
def test_completed_order(version: int) -> None:
    frame = encoder_of(version).completed_order(ORDER, "20240103 10:00:00 EST", "Cancelled")

    contract, order, state = decoded(frame, version).only("completedOrder")

    assert (contract.symbol, order.permId, order.orderRef) == ("IBM", 1_000_007, "ref-7")
    assert (order.totalQuantity, order.filledQuantity) == (0, 0)
    assert (order.ocaGroup, order.lmtPrice) == ("group 1", 99.01)
    assert (state.completedTime, state.completedStatus) == ("20240103 10:00:00 EST", "Cancelled")


@pytest.mark.parametrize("version", [*TEXT, *PROTOBUF])
def test_execution(version: int) -> None:
    request_id, contract, execution = decoded(
        encoder_of(version).execution(-1, EXECUTION), version
    ).only("execDetails")

    assert (request_id, contract.symbol, contract.exchange) == (-1, "IBM", "ISLAND")
    assert (execution.execId, execution.orderId, execution.side) == ("0001.01", 7, "SLD")
    assert (execution.shares, execution.price) == (Decimal("100.5"), 99.03)
    assert (execution.cumQty, execution.avgPrice) == (Decimal("150.5"), 99.035)
    assert (execution.orderRef, execution.clientId, execution.lastLiquidity) == ("ref-7", 3, 2)
    expected = "20240103 09:30:00 America/New_York" if version < 214 else "20240103-14:30:00Z"
    assert execution.time == expected


@pytest.mark.parametrize("version", [*TEXT, *PROTOBUF])
def test_contract_details(version: int) -> None:
    frame = encoder_of(version).contract_details(4, LISTING)

    request_id, details = decoded(frame, version).only("contractDetails")

    assert (request_id, details.contract.conId, details.contract.currency) == (4, IBM.con_id, "USD")
    assert details.contract.primaryExchange == IBM.primary_exchange
    assert (details.longName, details.marketRuleIds) == ("Größe & Co", "26,26")
    assert (details.minTick, details.minSize) == (0.0001, 1)
    assert details.liquidHours == "20240103:0930-20240103:1600"
    assert details.timeZoneId == "America/New_York"


@pytest.mark.parametrize("version", [*TEXT, *PROTOBUF])
def test_status_error_and_commission(version: int) -> None:
    encoder = encoder_of(version)

    status = decoded(encoder.simple(ORDER_STATUS, *order_status_values(ORDER)), version)
    assert status.only("orderStatus") == (
        7, "PreSubmitted", 0, Decimal("200.5"), 0.0, 1_000_007, 6, 0.0, 3, "child,trigger", 0.0,
    )  # fmt: skip
    error = decoded(encoder.error(7, 201, "Order rejected: café", 1_704_292_200_123), version)
    time_ms = 0 if version < 194 else 1_704_292_200_123
    assert error.only("error") == (7, time_ms, 201, "Order rejected: café", "")
    for realised, expected in ((Decimal("-1.25"), -1.25), (None, None)):
        frame = encoder.commission("0001.01", Decimal("1.02"), "USD", realised)
        (report,) = decoded(frame, version).only("commissionAndFeesReport")
        assert (report.execId, report.commissionAndFees, report.currency) == (
            "0001.01",
            1.02,
            "USD",
        )
        unset = 1.7976931348623157e308 if version < 211 else 0.0  # text until then
        assert report.realizedPNL == (unset if expected is None else expected)
        assert report.yieldRedemptionDate == 0


@pytest.mark.parametrize("version", [176, 200, 201, 205, 207, 211, 213, 226])
def test_positions_and_account(version: int) -> None:
    encoder = encoder_of(version)

    account, contract, quantity, cost = decoded(
        encoder.position("DU1", IBM, Decimal("-5.5"), Decimal("99.03")), version
    ).only("position")
    assert (account, contract.symbol, quantity, cost) == ("DU1", "IBM", Decimal("-5.5"), 99.03)
    multi = decoded(encoder.position_multi(9, "DU1", IBM, Decimal(5), Decimal(2)), version)
    assert multi.only("positionMulti")[:3] == (9, "DU1", "")
    holding = Holding(
        account="DU1",
        instrument=IBM,
        quantity=Decimal(5),
        average_cost=Decimal("9.5"),
        market_price=10.0,
        market_value=50.0,
        unrealised=2.5,
        realised=-1.0,
    )
    portfolio = decoded(encoder.portfolio(holding), version).only("updatePortfolio")
    assert portfolio[1:] == (5, 10.0, 50.0, 9.5, 2.5, -1.0, "DU1")
    value = decoded(encoder.simple(ACCOUNT_VALUE, "NetLiquidation", "1.00", "USD", "DU1"), version)
    assert value.only("updateAccountValue") == ("NetLiquidation", "1.00", "USD", "DU1")
    time = decoded(encoder.simple(ACCOUNT_TIME, "09:30"), version)
    assert time.only("updateAccountTime") == ("09:30",)


@pytest.mark.parametrize("version", [176, 195, 196, 200, 213, 226])
def test_history(version: int) -> None:
    frames = encoder_of(version).historical(5, [BAR, BAR], "start", "end")
    calls = [call for frame in frames for call in decoded(frame, version).calls]

    assert [name for name, _ in calls] == ["historicalData"] * 2 + ["historicalDataEnd"]
    assert calls[-1][1] == (5, "start", "end")
    for bar in (
        calls[0][1][1],
        decoded(encoder_of(version).historical_update(5, BAR), version).only(
            "historicalDataUpdate"
        )[1],
    ):
        assert (bar.date, bar.open, bar.high, bar.low, bar.close) == (BAR.date, 1.5, 2.5, 1.25, 2.0)
        assert (bar.volume, bar.wap, bar.barCount) == (Decimal("1234.5"), Decimal("1.75"), 12)


@pytest.mark.parametrize("version", [176, 200, 201, 205, 207, 211, 213, 226])
def test_ticks(version: int) -> None:
    encoder = encoder_of(version)

    price = decoded(encoder.simple(TICK_PRICE, 2, 1, 99.01, 200, 1), version)
    assert price.only("tickPrice")[:3] == (2, 1, 99.01)
    assert price.only("tickSize") == (2, 0, 200)
    last = decoded(encoder.ticks(6).last(2, 17, 99.01, 200, "ISLAND"), version)
    assert last.only("tickByTickAllLast")[:5] == (6, 2, 17, 99.01, 200)
    sides = decoded(encoder.ticks(6).bid_ask(17, 99.0, 99.02, 3, 4), version)
    assert sides.only("tickByTickBidAsk")[:6] == (6, 17, 99.0, 99.02, 3, 4)
    assert decoded(encoder.ticks(6).mid(17, 99.01), version).only("tickByTickMidPoint") == (
        6, 17, 99.01,
    )  # fmt: skip
    params = decoded(encoder.simple(TICK_REQ_PARAMS, 2, 0.01, "9c0001", 3), version)
    assert params.only("tickReqParams") == (2, 0.01, "9c0001", 3)
    bands = [(float(edge), float(step)) for edge, step in IBM.grid.bands]
    rule = decoded(encoder.listed(MARKET_RULE, (26,), bands), version).only("marketRule")
    assert [(one.lowEdge, one.increment) for one in rule[1]] == [(0.0, 0.0001), (1.0, 0.01)]


@pytest.mark.parametrize("version", [176, 200, 201, 205, 207, 211, 213, 226])
@pytest.mark.parametrize("request_id", [1, 127, 128, 300_000, 2_147_483_647, -5])
def test_ticks_made_by_hand_are_those_of_the_tables(version: int, request_id: int) -> None:
    encoder = encoder_of(version)
    writer = encoder.ticks(request_id)
    numbers = (0.0001, 99.01, -1.0, 123456.789, 1e-7, float("nan"))
    sizes = (0, 7, 100, 12_345_678_901)
    for kind, price, size, mask in itertools.product((1, 66, 200), numbers, sizes, (0, 1, 7)):
        by_table = encoder.simple(TICK_PRICE, request_id, kind, price, size, mask)
        assert writer.price(kind, price, size, mask) == by_table
        assert writer.size(kind, size) == encoder.simple(TICK_SIZE, request_id, kind, size)
        assert writer.generic(kind, price) == encoder.simple(TICK_GENERIC, request_id, kind, price)
    for value in ("1704292200", "x" * 200):
        assert writer.string(45, value) == encoder.simple(TICK_STRING, request_id, 45, value)


@pytest.mark.parametrize("request_id", [1, 300_000])
def test_ticks_one_by_one_are_what_the_library_would_write(request_id: int) -> None:
    kind = message_class("TickByTickData")
    writer = ProtobufEncoder(226).ticks(request_id)
    last, sides, middle = (kind(reqId=request_id, tickType=one) for one in (2, 3, 4))
    trade, quote, mid = (
        last.historicalTickLast, sides.historicalTickBidAsk, middle.historicalTickMidPoint,
    )  # fmt: skip
    trade.time, trade.price, trade.size, trade.exchange = 1_704_292_200, 99.01, "300", "ISLAND"
    trade.tickAttribLast.pastLimit = False
    quote.time, quote.priceBid, quote.priceAsk = 1_704_292_200, 99.0, 99.02
    quote.sizeBid, quote.sizeAsk = "100", "20000"
    quote.tickAttribBidAsk.bidPastLow = False
    mid.time, mid.price = 1_704_292_200, 99.01

    assert writer.last(2, 1_704_292_200, 99.01, 300, "ISLAND")[8:] == last.SerializeToString()
    frame = writer.bid_ask(1_704_292_200, 99.0, 99.02, 100, 20_000)
    assert frame[8:] == sides.SerializeToString()
    assert int.from_bytes(frame[:4], "big") == len(frame) - 4
    assert frame[4:8] == (299).to_bytes(4, "big")
    assert writer.mid(1_704_292_200, 99.01)[8:] == middle.SerializeToString()


def test_a_nul_in_a_value_cannot_shift_the_fields() -> None:
    order = SimOrder(
        order_id=7, client_id=3, perm_id=1, instrument=IBM, account="DU1", action="BUY",
        quantity=Decimal(1), order_type="MKT", order_ref="a\0b",
    )  # fmt: skip

    _, _, seen, _ = decoded(TextEncoder(176).open_order(order), 176).only("openOrder")

    assert seen.orderRef == "a b"


MESSAGES = sorted(
    (row for row in vars(wire_messages).values() if isinstance(row, Message)),
    key=lambda row: row.id,
)


@pytest.mark.parametrize("message", MESSAGES, ids=lambda row: row.protobuf)
@pytest.mark.parametrize("version", [176, 200, 201, 205, 207, 211, 213, 226])
def test_every_row_of_the_table_is_read_completely(message: Message, version: int) -> None:
    """ibapi drops a text message without a word when it has one field too many."""
    if version < message.since:
        return
    values = [1] * len(message.fields)

    recorder = decoded(encoder_of(version).simple(message, *values), version)

    assert len(recorder.calls) in (1, 2)  # a price is followed by its size


LISTS = sorted(
    (row for row in vars(wire_lists).values() if isinstance(row, ListMessage)),
    key=lambda row: row.id,
)


@pytest.mark.parametrize("message", LISTS, ids=lambda row: row.protobuf)
@pytest.mark.parametrize("count", [0, 1, 3])
@pytest.mark.parametrize("version", [176, 200, 201, 205, 207, 211, 213, 226])
def test_every_message_with_a_list_is_read_completely(
    message: ListMessage, count: int, version: int
) -> None:
    row = (1,) * sum(not name.startswith(LITERAL) for name in message.row)
    head, tail = (1,) * len(message.head), (1,) * len(message.tail)

    frame = encoder_of(version).listed(message, head, [row] * count, tail)

    heard = [name for name, _ in decoded(frame, version).calls]
    if message is SCANNER_DATA:
        assert heard == ["scannerData"] * count + ["scannerDataEnd"]
    else:
        assert len(heard) == 1


def declared(kind: Any, path: str) -> int:
    """The number of a field in its message; raises KeyError if there is none."""
    name, _, rest = path.partition(".")
    field = kind.fields_by_name[name]
    return declared(field.message_type, rest) if rest else int(field.number)


@pytest.mark.parametrize("message", [*MESSAGES, *LISTS], ids=lambda row: row.protobuf)
def test_every_row_names_fields_of_its_protobuf_message(message: Message | ListMessage) -> None:
    kind = message_class(message.protobuf).DESCRIPTOR
    if isinstance(message, ListMessage):
        assert all(declared(kind, name) for name in (*message.head, *message.tail))
        row = kind.fields_by_name[message.rows].message_type
        assert all(declared(row, name) for name in message.row if not name.startswith(LITERAL))
        return
    numbers = [declared(kind, name) for name in message.fields]
    if not any("." in name for name in message.fields):  # then text has the same order
        assert numbers == list(range(1, len(numbers) + 1))

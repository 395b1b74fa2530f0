from decimal import Decimal

import pytest
from ibapi.protobuf.AccountSummary_pb2 import AccountSummary
from ibapi.protobuf.AccountSummaryEnd_pb2 import AccountSummaryEnd
from ibapi.protobuf.HistoricalData_pb2 import HistoricalData
from ibapi.protobuf.MarketRule_pb2 import MarketRule

from engine.broker.inbound import (
    AccountEnded,
    AccountTold,
    BarsEnded,
    BarsReceived,
    ContractDefined,
    ContractsEnded,
    ExecutionsEnded,
    Inbound,
    RuleDefined,
    TimeTold,
)
from engine.errors import DecodeError
from engine.inputs import (
    AccountReported,
    AccountsListed,
    AccountValue,
    CommissionReported,
    ErrorReported,
    ExecutionReported,
    OrderIdGranted,
    OrderOpened,
    OrderStatusReported,
    PositionReported,
    SnapshotEnded,
)

D = Decimal
EXECUTION = (
    *(11, -1, 7, 265598, "AAPL", "0000e0d5.01.01", "20260105 09:30:00 US/Eastern", "DU1"),
    *("ISLAND", "BOT", "100", 190.1, 555, 17, 0, "100", 190.1, "ref", 1),
)
STATUS = (3, 7, "Submitted", "0", "100", 0.0, 555, 0, 0.0, 17, "", 0.0)
OPEN = (
    *(5, 7, 265598, "AAPL", "STK", "BUY", "100", "LMT", 190.1, None, "GTC", "G", "DU1", "ref"),
    *(17, 555, 1, 0, "Submitted", None, None),
)
UNSET = ["", "2147483647", "9223372036854775807", "1.7976931348623157E308", "-9223372036854775808"]
MALFORMED = ["abc", "1,000", "NaN", "Infinity", "12 34", "0x10"]


@pytest.fixture(scope="module")
def inbound():
    return Inbound(178)


def changed(message, index, value):
    return (*message[:index], value, *message[index + 1 :])


def test_an_execution_is_exact(inbound):
    (found,) = inbound.inputs(EXECUTION, 3)
    assert found == ExecutionReported(
        execution_id="0000e0d5.01.01",
        order_id=7,
        perm_id=555,
        client_id=17,
        order_ref="ref",
        account="DU1",
        con_id=265598,
        symbol="AAPL",
        side="BUY",
        quantity=D(100),
        price=D("190.1"),
        cumulative_quantity=D(100),
        exchange="ISLAND",
        time_text="20260105 09:30:00 US/Eastern",
        liquidation=False,
        request_id=-1,
    )
    (sold,) = inbound.inputs(changed(changed(EXECUTION, 9, "SLD"), 14, 1), 3)
    assert sold.side == "SELL"
    assert sold.liquidation is True


def test_a_status(inbound):
    assert inbound.inputs(STATUS, 3) == [
        OrderStatusReported(7, 555, 17, 0, "Submitted", D(0), D(100), D(0), "")
    ]


def test_an_open_order(inbound):
    (found,) = inbound.inputs(OPEN, 3)
    assert isinstance(found, OrderOpened)
    assert (found.quantity, found.limit_price, found.aux_price) == (D(100), D("190.1"), None)
    assert (found.order_ref, found.oca_group, found.oca_type, found.perm_id) == ("ref", "G", 1, 555)


def test_the_level_of_a_trailing_stop_is_read_exactly(inbound):
    (found,) = inbound.inputs(changed(changed(OPEN, 19, 186.05), 20, 1.1), 3)
    assert (found.trail_stop_price, found.trail_percent) == (D("186.05"), D("1.1"))
    (unknown,) = inbound.inputs(OPEN, 3)
    assert (unknown.trail_stop_price, unknown.trail_percent) == (None, None)


@pytest.mark.parametrize("text", UNSET + MALFORMED)
@pytest.mark.parametrize(
    ("message", "index"), [(EXECUTION, 10), (EXECUTION, 15), (STATUS, 3), (STATUS, 4)]
)
def test_a_quantity_that_is_unset_or_malformed_is_never_a_zero(inbound, message, index, text):
    with pytest.raises(DecodeError):
        inbound.inputs(changed(message, index, text), 3)


@pytest.mark.parametrize("text", MALFORMED)
def test_an_open_order_of_a_malformed_quantity_is_not_read(inbound, text):
    with pytest.raises(DecodeError):
        inbound.inputs(changed(OPEN, 6, text), 3)


@pytest.mark.parametrize("text", UNSET)
def test_an_open_order_without_its_quantity_is_there_all_the_same(inbound, text):
    """Of a bracket whose stop was hit, of an order for so many dollars: an order that a round does
    not list would be taken for gone, and its place be taken by another. The core believes no
    quantity of zero."""
    (found,) = inbound.inputs(changed(OPEN, 6, text), 3)
    assert (found.quantity, found.order_ref, found.status) == (D(0), "ref", "Submitted")


def test_a_number_reads_the_same_however_often_it_comes(inbound):
    for _ in range(2):
        for number in (0.0, -0.0, 100.0, 0.1 + 0.2):
            (found,) = inbound.inputs(changed(EXECUTION, 11, number), 3)
            assert str(found.price) == str(D(repr(number + 0.0)))
        for text in ("100", "100.0", "-1E+2"):
            (found,) = inbound.inputs(changed(EXECUTION, 10, text), 3)
            assert str(found.quantity) == str(D(text))
        for message in (changed(EXECUTION, 10, UNSET[1]), changed(EXECUTION, 11, float("nan"))):
            with pytest.raises(DecodeError):
                inbound.inputs(message, 3)


@pytest.mark.parametrize("side", ["", "BUYING", "bot"])
def test_an_unknown_side_is_no_side(inbound, side):
    with pytest.raises(DecodeError, match="side"):
        inbound.inputs(changed(EXECUTION, 9, side), 3)


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ((4, 7, 201, "no", "", 0), ErrorReported(7, 201, "no")),
        ((9, 41), OrderIdGranted(41)),
        ((15, "DU1,DU2,"), AccountsListed(("DU1", "DU2"))),
        ((49, 1_767_623_400), TimeTold(1_767_623_400_000_000_000, 1_000_000_000)),
        ((109, 1_767_623_400_123), TimeTold(1_767_623_400_123_000_000, 1_000_000)),
        ((53,), SnapshotEnded("open_orders", 3)),
        ((62,), SnapshotEnded("positions", 3)),
        ((102,), SnapshotEnded("completed_orders", 3)),
        ((55, 12), ExecutionsEnded(12)),
        ((59, "e", 1.05, "USD", None), CommissionReported("e", D("1.05"), "USD", None)),
        ((59, "e", None, "USD", -3.5), CommissionReported("e", None, "USD", D("-3.5"))),
        (
            (6, "NetLiquidation", "5.5", "USD", "DU1"),
            AccountReported("DU1", (AccountValue("NetLiquidation", "5.5", "USD"),)),
        ),
        ((6, "Cushion", "1", "USD", "DU1"), AccountReported("DU1", ())),
        (
            (61, "DU1", 265598, "AAPL", "STK", "USD", "-100", 190.25),
            PositionReported("DU1", 265598, "AAPL", D(-100), D("190.25")),
        ),
    ],
)
def test_the_other_hot_messages(inbound, message, expected):
    assert inbound.inputs(message, 3) == [expected]


def cold(frame, is_protobuf=False):
    body = frame[4:]
    kind, _, rest = body.partition(b"\0")
    return ("cold", int(kind), is_protobuf, rest)


def test_contract_details(inbound, wire):
    fields = [10, 4, "AAPL", "STK", "", 0, "", "SMART", "USD", "AAPL", "NMS", "NMS", 265598, 0.01]
    fields += ["", "LMT", "SMART,ISLAND", 1, 0, "APPLE INC", "NASDAQ", "", "", "", "", "US/Eastern"]
    fields += ["", "20260105:0930-20260105:1600", "", 0, 0, 1, "", "", "26,557", "", "COMMON"]
    fields += ["0.0001", "0.0001", "100"]
    (found,) = inbound.inputs(cold(wire(*fields)), 3)
    assert isinstance(found, ContractDefined)
    facts = found.facts
    assert (facts.request_id, facts.symbol, facts.con_id) == (4, "AAPL", 265598)
    assert (facts.min_tick, facts.size_increment) == (D("0.01"), D("0.0001"))
    assert (facts.market_rule, facts.time_zone) == (26, "US/Eastern")
    assert facts.liquid_hours == "20260105:0930-20260105:1600"
    assert inbound.inputs(cold(wire(52, 1, 4)), 3) == [ContractsEnded(4)]


def test_an_account_summary_and_its_end(inbound, wire):
    told = wire(63, 1, 7, "DU1", "NetLiquidation", "5.5", "USD")
    assert inbound.inputs(cold(told), 3) == [
        AccountTold(7, "DU1", AccountValue("NetLiquidation", "5.5", "USD"))
    ]
    assert inbound.inputs(cold(wire(64, 1, 7)), 3) == [AccountEnded(7)]


def test_a_market_rule(inbound, wire):
    assert inbound.inputs(cold(wire(93, 26, 2, 0, 0.0001, 1, 0.01)), 3) == [
        RuleDefined(26, ((D("0.0"), D("0.0001")), (D("1.0"), D("0.01"))))
    ]


def test_historical_bars_and_their_end_in_one_message(inbound, wire):
    fields = (17, 5, "", "", 1, "1767623400", 1.0, 2.0, 0.5, 1.5, "100", "1.2", 7)
    assert inbound.inputs(cold(wire(*fields)), 3) == [
        BarsReceived(5, [("1767623400", 1.0, 2.0, 0.5, 1.5, 100.0, 7)]),
        BarsEnded(5),
    ]


def test_cold_protobuf():
    inbound = Inbound(226)
    rule = MarketRule(marketRuleId=26)
    rule.priceIncrements.add(lowEdge=0.0, increment=0.01)
    bars = HistoricalData(reqId=5)
    bars.historicalDataBars.add(date="1767623400", open=1, high=2, low=0.5, close=1.5, volume="9")
    told = AccountSummary(reqId=7, account="DU1", tag="BuyingPower", value="4000", currency="USD")
    assert inbound.inputs(("cold", 63, True, told.SerializeToString()), 1) == [
        AccountTold(7, "DU1", AccountValue("BuyingPower", "4000", "USD"))
    ]
    ended = AccountSummaryEnd(reqId=7)
    assert inbound.inputs(("cold", 64, True, ended.SerializeToString()), 1) == [AccountEnded(7)]
    assert inbound.inputs(("cold", 93, True, rule.SerializeToString()), 1) == [
        RuleDefined(26, ((D("0.0"), D("0.01")),))
    ]
    assert inbound.inputs(("cold", 17, True, bars.SerializeToString()), 1) == [
        BarsReceived(5, [("1767623400", 1.0, 2.0, 0.5, 1.5, 9.0, 0)])
    ]


@pytest.mark.parametrize(
    "body",
    [
        (10, 4, "AAPL"),  # ends behind its third field
        (10, "x", "AAPL", "STK"),  # a request id that is no number
        (17, 5, "", "", 2, "1767623400", 1.0),
        (17, 5, "", "", 1, "1767623400", "one", 2.0, 0.5, 1.5, "100", "1.2", 7),
        (93, 26, 3, 0, 0.01),
    ],
)
def test_a_cold_message_that_cannot_be_read_ends_nothing_but_itself(inbound, wire, body):
    with pytest.raises(DecodeError):
        inbound.inputs(cold(wire(*body)), 3)
    assert inbound.inputs(cold(wire(52, 1, 4)), 3) == [ContractsEnded(4)]


def test_broken_protobuf_ends_nothing_but_itself():
    inbound = Inbound(226)
    with pytest.raises(DecodeError):
        inbound.inputs(("cold", 93, True, b"\xff\xff\xff"), 3)


def test_what_nobody_needs_is_counted(inbound):
    before = inbound.ignored[8]
    assert inbound.inputs(("cold", 8, False, b"1\x0009:30\0"), 3) == []
    assert inbound.ignored[8] == before + 1


def test_a_bad_frame_carries_its_reason(inbound):
    with pytest.raises(DecodeError, match="field missing"):
        inbound.inputs(("bad", "field missing", b"3\0"), 3)


def completed():
    from ibapi.protobuf.CompletedOrder_pb2 import CompletedOrder

    found = CompletedOrder()
    found.contract.conId, found.contract.symbol = 265598, "AAPL"
    found.order.permId, found.order.orderRef, found.order.action = 555, "ref", "BUY"
    found.order.orderType, found.order.account, found.order.tif = "LMT", "DU1", "GTC"
    found.order.totalQuantity, found.order.filledQuantity = "0", "100"
    found.order.lmtPrice = 190.1
    found.orderState.completedStatus = "Cancelled by Trader"
    return found


def test_a_completed_order_is_found_by_perm_id_and_tells_what_has_filled():
    (found,) = Inbound(226).inputs(("cold", 101, True, completed().SerializeToString()), 3)
    assert isinstance(found, OrderOpened)
    assert (found.order_id, found.client_id, found.perm_id) == (0, 0, 555)
    assert (found.quantity, found.limit_price, found.aux_price) == (D(100), D("190.1"), None)
    assert (found.status, found.order_ref) == ("Cancelled", "ref")


def test_a_completed_order_without_any_quantity_is_listed_all_the_same():
    """One that cannot be read would have all of the day asked again every minute."""
    unset = completed()
    unset.order.ClearField("totalQuantity")
    unset.order.ClearField("filledQuantity")
    (found,) = Inbound(226).inputs(("cold", 101, True, unset.SerializeToString()), 3)
    assert (found.quantity, found.perm_id) == (D(0), 555)


def test_what_cannot_be_read_is_the_same_problem_at_any_time(inbound, monkeypatch):
    monkeypatch.setattr("ibapi.decoder.currentTimeMillis", iter([1, 2]).__next__)
    problems = []
    for _ in range(2):
        with pytest.raises(DecodeError) as raised:
            inbound.inputs(("cold", 10, False, b""), 1)
        problems.append(str(raised.value))
    assert problems[0] == problems[1]

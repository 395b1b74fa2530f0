"""What faults do to orders at the exchange, and what the user of TWS and the broker do to them."""

from __future__ import annotations

from decimal import Decimal

import pytest
from ibapi.execution import ExecutionFilter

from engine.sim.instruments import con_id
from engine.sim.launch import ACCOUNT
from engine.sim.policies import Policies
from tests.sim.caller import Room

D = Decimal


def test_an_order_is_rejected_after_it_was_acknowledged():
    room = Room("start reject-late after=2s types=STP")
    caller = room.call()
    stop = caller.place("SELL", 100, "STP", auxPrice=99.0)
    assert caller.statuses(stop) == ["PreSubmitted"]
    room.wait(2)
    assert caller.statuses(stop) == ["PreSubmitted", "Inactive"]
    assert caller.errors() == [(stop, 201)]
    room.trade(98.0)
    assert room.position == 0


def test_an_inactive_order_works_later():
    room = Room("start inactive hold=10s")
    caller = room.call()
    order_id = caller.place("BUY", 100, "LMT", lmtPrice=101.0)
    assert caller.statuses(order_id)[-1] == "Inactive"
    room.wait(9)
    assert room.position == 0
    room.wait(2)
    assert caller.statuses(order_id)[-1] == "Filled"


def test_a_short_sale_waits_for_shares_and_a_long_one_does_not():
    room = Room("start locate hold=30s")
    caller = room.call()
    caller.place("BUY", 100, "MKT")
    caller.place("SELL", 100, "MKT")
    assert room.position == 0
    short = caller.place("SELL", 100, "MKT")
    assert (short, 404) in caller.errors()
    assert [row[9] for row in caller.of("orderStatus")][-1] == "locate"
    room.wait(31)
    assert caller.statuses(short)[-1] == "Filled"
    assert room.position == -100


def test_a_change_becomes_a_second_order_that_nobody_reaches():
    room = Room("start double")
    caller = room.call()
    order_id = caller.place("BUY", 100, "LMT", lmtPrice=90.0)
    caller.place("BUY", 100, "LMT", order_id=order_id, lmtPrice=91.0)
    first, second = room.exchange.open_orders()
    assert first.perm_id != second.perm_id and first.order_id == second.order_id
    caller.cancel(order_id)
    (left,) = room.exchange.open_orders()
    assert left.limit_price == 90
    room.tick("A", 89.0, 500)
    assert room.position == 100
    assert len(room.exchange.completed_orders()) == 2


@pytest.mark.parametrize(("part", "status", "shares"), [("100%", "Filled", 80),
                                                        ("25%", "Cancelled", 20)])  # fmt: skip
def test_an_order_fills_after_it_was_cancelled(part, status, shares):
    room = Room(f"start late-fill after=2s part={part}")
    caller = room.call()
    order_id = caller.place("BUY", 80, "LMT", lmtPrice=99.0)
    caller.cancel(order_id)
    room.wait(1.9)
    assert room.position == 0
    room.wait(0.2)
    assert caller.filled() == [("00000001.01.01", "BOT", D(shares))]
    assert caller.statuses(order_id)[-2:] == ["Cancelled", status]
    assert room.position == shares


def test_a_stuck_stop_is_set_off_and_does_not_fill():
    room = Room("start stuck for=20s")
    caller = room.call()
    caller.place("BUY", 100, "MKT")
    stop = caller.place("SELL", 100, "STP", auxPrice=99.0)
    room.trade(98.5)
    assert caller.statuses(stop)[-1] == "Submitted"
    assert room.position == 100
    room.wait(21)
    room.quote(98.0, 98.1)
    assert caller.statuses(stop)[-1] == "Filled"


@pytest.mark.parametrize(
    ("change", "shares", "price"),
    [("quantity=-10", 90, "100.0"), ("price=-0.05", 100, "99.95"), ("bust=yes", 0, "100.0")],
)
def test_an_execution_is_corrected_by_its_next_revision(change, shares, price):
    room = Room(f"start correct after=1s {change}")
    caller = room.call()
    order_id = caller.place("BUY", 100, "MKT")
    room.wait(2)
    executions = [row[2] for row in caller.of("execDetails")]
    assert [one.execId.split(".", 1)[1] for one in executions] == [
        "00000001.01.01", "00000001.01.02"
    ]  # fmt: skip
    assert (executions[1].shares, executions[1].cumQty) == (shares, shares)
    assert D(str(executions[1].price)) == D(price)
    assert D(str(executions[1].avgPrice)) == (D(price) if shares else 0)
    assert room.position == shares
    assert caller.of("orderStatus")[-1][0] == order_id
    assert caller.of("orderStatus")[-1][2] == shares
    account = room.exchange._floor.account
    held = account.book["IBM"]
    assert account.cash + held.cost == Policies().cash + held.realised


def test_a_corrected_part_of_an_order_has_the_average_of_what_had_filled_with_it():
    room = Room("fill:2 correct price=0.50 after=1s", "fill:3 correct quantity=-100 after=1s")
    room.quote(99.98, 100.0, 200)
    caller = room.call()
    order_id = caller.place("BUY", 400, "LMT", lmtPrice=102.0)
    room.quote(100.98, 101.0, 100)
    room.quote(101.98, 102.0, 100)
    assert [row[2].avgPrice for row in caller.of("execDetails")][:3] == [
        100.0,
        100.33333333,
        100.75,
    ]
    room.wait(2)

    shares, price = caller.of("orderStatus")[-1][2], caller.of("orderStatus")[-1][4]
    corrected = [row[2] for row in caller.of("execDetails")][3:]
    assert [(one.cumQty, one.avgPrice) for one in corrected] == [(300, 100.5), (300, 100.33333333)]
    assert (caller.of("orderStatus")[-1][0], shares, price) == (order_id, 300, 100.5)


def test_a_correction_is_of_the_order_that_traded_though_another_has_its_id_now():
    room = Room("start double", "fill:1 correct quantity=-10 after=5s")
    room.quote(99.98, 100.0, 100)
    caller = room.call()
    order_id = caller.place("BUY", 300, "LMT", lmtPrice=100.0)
    caller.place("BUY", 300, "LMT", order_id=order_id, lmtPrice=99.0)
    room.wait(6)
    old, new = room.exchange.open_orders()
    assert (old.quantity, old.filled, old.average_price) == (300, 90, 100)
    assert (new.quantity, new.filled, new.average_price) == (200, 0, 0)
    room.tick("A", 99.0, 1000)
    assert room.position == 90 + 210 + 200
    charged = [row[0].commissionAndFees for row in caller.of("commissionAndFeesReport")]
    assert all(fee >= 0 for fee in charged)
    assert sum(charged) == pytest.approx(300 * 0.005 + 200 * 0.005)


@pytest.mark.parametrize(
    "lines",
    [
        (),
        ("fill:1 correct price=-0.05",),
        ("fill:2 correct price=0.50",),
        ("fill:1 correct quantity=-10", "fill:2 correct quantity=20"),
        ("fill:1 correct bust=yes", "fill:2 correct bust=yes after=2s"),
        ("start unset-commission", "+3s liquidate"),
        ("start late-fill after=2s",),
    ],
)
@pytest.mark.parametrize("traded", [True, False])
def test_profit_is_what_the_account_has_gained_whatever_becomes_of_executions(lines, traded):
    """Said in four ways, and no two of them differ; before the first trade, too, and while one
    side of the market is all there is."""
    room = Room(*lines, symbols=["IBM", "BAC"])
    room.tick("A", 30.0, symbol="BAC")
    caller = room.call()
    caller.client.reqAccountUpdates(True, "")
    caller.client.reqPnL(1, ACCOUNT, "")
    numbers = {2: con_id("IBM"), 3: con_id("BAC")}
    for request_id, number in numbers.items():
        caller.client.reqPnLSingle(request_id, ACCOUNT, "", number)
    caller.place("BUY", 200, "MKT")
    caller.place("BUY", 100, "MKT", symbol="BAC")
    room.quote(101.0, 101.2)
    room.tick("A", 31.0, symbol="BAC")
    if traded:
        room.trade(101.1)
        room.trade(30.5, symbol="BAC")
    caller.place("SELL", 100, "MKT")
    caller.cancel(caller.place("SELL", 50, "TRAIL", auxPrice=1.5))
    room.wait(200)

    values = {row[0]: D(row[1]) for row in caller.of("updateAccountValue") if row[2] == "USD"}
    rows = {row[0].symbol: row for row in caller.of("updatePortfolio")}
    gained = values["NetLiquidation"] - Policies().cash
    assert (
        gained == values["RealizedPnL"] + values["UnrealizedPnL"] == room.exchange.equity - 1000000
    )
    daily, unrealised, realised = caller.of("pnl")[-1][1:]
    assert (D(str(daily)), D(str(realised))) == (gained, values["RealizedPnL"])
    singles = {row[0]: row for row in caller.of("pnlSingle")}
    caller.client.reqAccountUpdates(True, "")
    rows = {row[0].symbol: row for row in caller.of("updatePortfolio")}
    for request_id, symbol in ((2, "IBM"), (3, "BAC")):
        _, held, of_day, open_profit, taken, value = singles[request_id]
        _, shares, _, worth, _, not_taken, gained_before, _ = rows[symbol]
        assert (held, value, open_profit, taken) == (shares, worth, not_taken, gained_before)
        assert of_day == pytest.approx(not_taken + gained_before)
    assert sum(row[2] for row in singles.values()) == pytest.approx(daily)
    assert sum(row[3] for row in singles.values()) == pytest.approx(unrealised)


@pytest.mark.parametrize(
    ("kind", "terms", "price"),
    [
        ("TRAIL", {"auxPrice": 1.5}, 98.5),
        ("TRAIL", {"trailingPercent": 2.0}, 98.0),
        ("TRAIL LIMIT", {"auxPrice": 1.5, "trailStopPrice": 98.0, "lmtPriceOffset": 0.1}, 98.4),
        ("STP", {"auxPrice": 95.0}, 95.0),
        ("MIT", {"auxPrice": 105.0}, 105.0),
    ],
)
def test_a_late_fill_is_at_a_price_that_the_order_names(kind, terms, price):
    room = Room("start late-fill after=1s")
    caller = room.call()
    order_id = caller.place("SELL", 100, kind, **terms)
    room.trade(100.0)
    caller.cancel(order_id)
    room.wait(2)
    assert [row[2].price for row in caller.of("execDetails")] == [price]


def test_executions_since_a_moment_with_their_revisions():
    room = Room("start correct after=3s quantity=-10 count=2")
    caller = room.call()
    for side in ("BUY", "SELL", "BUY"):
        caller.place(side, 100, "MKT")
        room.wait(2)
    room.wait(5)
    every = room.exchange.executions()
    moments = sorted({one.time_ns for one in every})
    assert len(every) == 5 and len(moments) == 3

    for moment_ns in (0, *moments, moments[1] + 1, moments[-1] + 1):
        later = [one for one in every if one.time_ns >= moment_ns]
        assert room.exchange.executions_since(moment_ns) == later


def test_the_correction_may_overtake_what_it_corrects():
    room = Room("start delay execDetails by=5s count=1", "start correct after=1s quantity=-10")
    caller = room.call()
    caller.place("BUY", 100, "MKT")
    room.wait(10)
    assert [number[-2:] for number, _, _ in caller.filled()] == ["02", "01"]


def test_orders_are_cancelled_and_changed_by_hand():
    room = Room("+1s change-by-hand types=STP price=-0.50 quantity=-40",
                "+2s cancel-by-hand types=STP")  # fmt: skip
    caller = room.call()
    stop = caller.place("SELL", 100, "STP", auxPrice=99.0)
    target = caller.place("SELL", 100, "LMT", lmtPrice=120.0)
    room.wait(1)
    changed = caller.of("openOrder")[-1][2]
    assert (changed.auxPrice, changed.totalQuantity) == (98.5, 60)
    room.wait(1)
    assert caller.statuses(stop)[-1] == "Cancelled"
    assert caller.statuses(target)[-1] == "Submitted"


def test_an_order_by_hand_is_foreign_to_other_clients():
    room = Room("+1s order-by-hand IBM BUY 30 type=LMT price=90", "+1s order-by-hand IBM SELL 10")
    owner, other = room.call(client_id=0), room.call(client_id=7)
    owner.client.reqAutoOpenOrders(True)
    room.wait(1)
    assert next(row[0] for row in owner.of("openOrder")) == -1
    assert other.of("openOrder") == other.filled() == []
    other.client.reqAllOpenOrders()
    assert [(row[0], row[2].clientId) for row in other.of("openOrder")] == [(0, 0)]
    other.client.reqExecutions(3, ExecutionFilter())
    assert [row[2].orderId for row in other.of("execDetails")] == [0]
    assert room.position == -10
    owner.cancel(-1)
    assert room.exchange.open_orders() == []


def test_a_forced_liquidation_closes_and_says_so():
    room = Room("+1s liquidate")
    caller = room.call()
    caller.client.reqPositions()
    caller.place("BUY", 100, "MKT")
    room.trade(95.0)
    room.wait(1)
    assert room.position == 0
    assert caller.of("position")[-1][2] == 0
    caller.client.reqExecutions(3, ExecutionFilter())
    assert [row[2].liquidation for row in caller.of("execDetails") if row[0] == 3] == [0, 1]

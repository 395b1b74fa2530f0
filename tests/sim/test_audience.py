"""Who hears of whose orders: the master client, client 0 and the user of TWS."""

from __future__ import annotations

from decimal import Decimal

import pytest
from ibapi.execution import ExecutionFilter

from engine.errors import ConfigError
from engine.sim.policies import Policies
from tests.sim.caller import Room

VERSIONS = [178, 226]


@pytest.mark.parametrize("version", VERSIONS)
def test_the_master_hears_of_all_orders(version: int) -> None:
    room = Room("+1s order-by-hand IBM SELL 10", policies=Policies(master_client_id=9))
    other, trader, master = room.call(7), room.call(1), room.call(9, version)
    trader.place("BUY", 100, "MKT", orderRef="mine")
    room.wait(1)

    told = [(row[0], row[2].clientId, row[3].status) for row in master.of("openOrder")]
    assert (1, 1, "Filled") in told
    assert (0, 0, "Filled") in told  # by hand, which has no number but for client 0
    assert {row[0] for row in master.of("orderStatus")} == {0, 1}
    assert [(row[2].clientId, row[2].side) for row in master.of("execDetails")] == [
        (1, "BOT"),
        (0, "SLD"),
    ]
    assert len(master.of("commissionAndFeesReport")) == 2
    assert other.of("openOrder") == other.of("execDetails") == []


@pytest.mark.parametrize("version", VERSIONS)
def test_a_master_that_comes_is_told_what_is_open(version: int) -> None:
    room = Room(policies=Policies(master_client_id=9))
    trader = room.call(1)
    trader.place("BUY", 100, "LMT", lmtPrice=90.0)
    master = room.call(9, version)

    assert [(row[0], row[2].clientId) for row in master.of("openOrder")] == [(1, 1)]
    # It sees what it cannot touch, and is spared the errors of others.
    master.cancel(1)
    assert master.errors() == [(1, 10147)]
    trader.place("BUY", 0, "LMT", lmtPrice=90.0)
    assert len(trader.errors()) == 1
    assert len(master.errors()) == 1
    master.client.reqOpenOrders()
    assert len(master.of("openOrder")) == 1
    master.client.reqAllOpenOrders()
    assert len(master.of("openOrder")) == 2


def test_without_a_master_everybody_hears_of_his_own() -> None:
    room = Room()
    trader, other = room.call(1), room.call(9)
    trader.place("BUY", 100, "MKT")

    assert other.of("openOrder") == other.of("orderStatus") == other.of("execDetails") == []
    other.client.reqExecutions(5, ExecutionFilter())
    assert [row[2].clientId for row in other.of("execDetails")] == [1]


@pytest.mark.parametrize("version", VERSIONS)
def test_orders_by_hand_are_bound_as_they_come(version: int) -> None:
    room = Room("+1s order-by-hand IBM BUY 30 type=LMT price=90",
                "+2s order-by-hand IBM BUY 20 type=LMT price=91")  # fmt: skip
    owner = room.call(0, version)
    owner.client.reqAutoOpenOrders(True)
    room.wait(1)

    (bound,) = owner.of("orderBound")
    assert bound[1:] == (0, -1)
    assert owner.of("openOrder")[0][2].permId == bound[0]
    owner.place("BUY", 30, "LMT", order_id=-1, lmtPrice=95.0, tif="DAY")
    assert [one.limit_price for one in room.exchange.open_orders()] == [Decimal("95.0")]
    owner.cancel(-1)
    assert room.exchange.open_orders() == []

    owner.client.reqAutoOpenOrders(False)
    room.wait(1)
    assert len(owner.of("orderBound")) == 1
    assert owner.statuses(0) == ["Submitted"]


@pytest.mark.parametrize("version", VERSIONS)
def test_client_0_binds_what_is_there_when_it_asks_for_its_orders(version: int) -> None:
    room = Room("+1s order-by-hand IBM BUY 30 type=LMT price=90")
    room.call(5)  # time passes while anybody is there
    room.wait(1)
    owner = room.call(0, version)
    assert owner.of("openOrder") == []
    owner.client.reqAllOpenOrders()
    assert [row[0] for row in owner.of("openOrder")] == [0]
    owner.client.reqOpenOrders()
    assert [row[1:] for row in owner.of("orderBound")] == [(0, -1)]
    assert [row[0] for row in owner.of("openOrder")] == [0, -1]
    owner.client.reqOpenOrders()
    assert len(owner.of("orderBound")) == 1


@pytest.mark.parametrize("version", VERSIONS)
def test_completed_orders_of_the_api_are_not_those_of_the_user(version: int) -> None:
    room = Room("+1s order-by-hand IBM BUY 10")
    caller = room.call(1, version)
    caller.place("BUY", 20, "MKT")
    room.wait(2)
    for api_only, sizes in ((True, [20]), (False, [20, 10])):
        caller.heard.clear()
        caller.client.reqCompletedOrders(api_only)
        assert [row[1].filledQuantity for row in caller.of("completedOrder")] == sizes
        assert len(caller.of("completedOrdersEnd")) == 1


def test_a_client_id_in_use_is_refused() -> None:
    room = Room()
    first, second = room.call(3), room.call(3)

    assert second.errors() == [(-1, 326)]
    assert second.connection.closed
    assert not first.connection.closed
    first.connection.close()
    assert room.call(3).errors() == []


def test_a_master_is_a_client() -> None:
    with pytest.raises(ConfigError, match="master_client_id"):
        Policies(master_client_id=-2)

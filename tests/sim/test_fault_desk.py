"""What faults do to requests and to what is told of orders, executions and contracts."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.sim.caller import Room, contract

D = Decimal


def test_a_swallowed_order_leaves_no_trace():
    room = Room("start swallow placeOrder count=1")
    caller = room.call()
    caller.place("BUY", 100, "MKT")
    assert caller.statuses(1) == caller.errors() == []
    assert room.position == 0
    caller.place("BUY", 100, "MKT")
    assert room.position == 100


def test_a_cancel_that_is_never_answered():
    room = Room("start swallow cancelOrder count=1")
    caller = room.call()
    order_id = caller.place("BUY", 100, "LMT", lmtPrice=90.0)
    caller.cancel(order_id)
    room.wait(60)
    assert caller.statuses(order_id) == ["Submitted"]
    caller.cancel(order_id)
    assert caller.statuses(order_id)[-1] == "Cancelled"


def test_a_lost_acknowledgement_leaves_a_living_order():
    room = Room("order:1 lose-ack")
    caller = room.call()
    order_id = caller.place("BUY", 100, "LMT", lmtPrice=90.0)
    assert caller.statuses(order_id) == []
    caller.client.reqOpenOrders()
    assert caller.statuses(order_id) == ["Submitted"]


@pytest.mark.parametrize(("code", "status"), [(201, "Inactive"), (103, None), (200, None)])
def test_a_new_order_is_refused(code, status):
    room = Room(f"start reject code={code}")
    caller = room.call()
    caller.place("BUY", 100, "MKT")
    assert caller.errors() == [(1, code)]
    assert caller.statuses(1) == ([status] if status else [])
    assert room.position == 0


@pytest.mark.parametrize(
    ("terms", "code"),
    [({"lmtPrice": 99.005}, 110), ({"parentId": 44}, 135), ({"tif": "GTD"}, 321),
     ({"tif": "GTD", "goodTillDate": "20240102-10:00:00"}, 201)],
)  # fmt: skip
@pytest.mark.parametrize("told", [201, 103])
def test_an_order_that_is_refused_anyway_uses_no_fault_up(terms, code, told):
    room = Room(f"start reject code={told}")
    caller = room.call()
    caller.place("BUY", 100, "LMT", **({"lmtPrice": 90.0} | terms))
    assert (caller.errors(), room.happened) == ([(1, code)], [0])
    caller.place("BUY", 100, "LMT", lmtPrice=90.0)
    assert (caller.errors(), room.happened) == ([(1, code), (2, told)], [1])


@pytest.mark.parametrize("cancels", [False, True])
def test_a_change_is_refused_and_the_order_lives_or_dies(cancels):
    more = " cancels=yes" if cancels else ""
    room = Room(f"start reject what=change code=10326{more}")
    caller = room.call()
    order_id = caller.place("SELL", 100, "STP", auxPrice=99.0)
    caller.place("SELL", 100, "STP", order_id=order_id, auxPrice=99.2)
    live = room.exchange.open_orders()
    assert (order_id, 10326) in caller.errors()
    assert [one.aux_price for one in live] == ([] if cancels else [D(99)])


def test_a_cancel_is_refused():
    room = Room("start reject what=cancel code=10147")
    caller = room.call()
    order_id = caller.place("BUY", 100, "LMT", lmtPrice=90.0)
    caller.cancel(order_id)
    assert caller.errors() == [(order_id, 10147)]
    assert len(room.exchange.open_orders()) == 1


def test_too_many_messages_in_a_second():
    room = Room("start rate-limit per_s=10")
    caller = room.call()
    for _ in range(10):
        caller.client.reqCurrentTime()
    assert caller.errors() == []
    caller.client.reqCurrentTime()
    assert caller.errors() == [(-1, 100)]
    assert caller.connection.closed


def test_errors_out_of_nothing_come_as_often_as_told():
    room = Room("+1s say 1100 times=3 every=2s", "+1s say-order 10349")
    caller = room.call()
    order_id = caller.place("BUY", 100, "LMT", lmtPrice=90.0)
    room.wait(1)
    assert sorted(caller.errors()) == [(-1, 1100), (order_id, 10349)]
    room.wait(60)
    assert [code for _, code in caller.errors()].count(1100) == 3
    assert room.happened == [3, 1]


@pytest.mark.parametrize(("style", "text"), [
    ("utc", "20240103-14:30:00"), ("zoneless", "20240103 09:30:00"),
    ("other-zone", "20240103 15:30:00 MET"), ("garbage", "yesterday, about noon"),
])  # fmt: skip
def test_executions_state_their_time_in_other_ways(style, text):
    room = Room(f"start exec-time {style}")
    caller = room.call()
    caller.place("BUY", 100, "MKT")
    assert caller.of("execDetails")[0][2].time == text


@pytest.mark.parametrize("version", [178, 226])
def test_words_and_numbers_that_mean_nothing(version):
    room = Room("start status-word word=Pondering", "start unset-commission")
    caller = room.call(version=version)
    order_id = caller.place("BUY", 100, "LMT", lmtPrice=90.0)
    assert caller.statuses(order_id) == ["Pondering"]
    caller.place("BUY", 100, "MKT")
    (report,) = caller.of("commissionAndFeesReport")
    assert report[0].commissionAndFees in (0.0, 1.7976931348623157e308)


def test_answers_lie_by_omission():
    room = Room("start hide-order count=1", "+10s stale-positions for=20s")
    caller = room.call()
    caller.place("BUY", 100, "LMT", lmtPrice=90.0)
    for expected in (0, 1):
        caller.client.reqOpenOrders()
        assert len(caller.of("openOrder")) == 1 + expected
    room.wait(10)
    caller.place("BUY", 100, "MKT")
    caller.client.reqPositions()
    assert caller.of("position") == []
    room.wait(20)
    caller.client.reqPositions()
    assert [row[2] for row in caller.of("position")] == [100]


def test_a_contract_is_forgotten():
    room = Room("start forget-contract IBM for=10s")
    caller = room.call()
    caller.client.reqContractDetails(5, contract())
    order_id = caller.place("BUY", 100, "MKT")
    assert caller.errors() == [(5, 200), (order_id, 200)]
    room.wait(10)
    caller.client.reqContractDetails(6, contract())
    assert len(caller.of("contractDetails")) == 1

"""What faults do to messages on their way, told by the exchange and by what a client hears."""

from __future__ import annotations

import pytest
from ibapi.execution import ExecutionFilter

from tests.sim.caller import Room


def names(caller, *wanted):
    return [name for name, _ in caller.heard if name in wanted]


def test_dropped_executions_are_lost_live_and_found_when_asked_for():
    room = Room("start drop execDetails count=1")
    caller = room.call()
    order_id = caller.place("BUY", 100, "MKT")
    assert caller.filled() == []
    assert caller.statuses(order_id)[-1] == "Filled"
    caller.client.reqExecutions(5, ExecutionFilter())
    assert [row[0] for row in caller.of("execDetails")] == [5]
    assert room.happened == [1]


def test_an_end_marker_can_be_missing_once():
    room = Room("start drop openOrderEnd count=1")
    caller = room.call()
    caller.client.reqOpenOrders()
    assert caller.of("openOrderEnd") == []
    caller.client.reqOpenOrders()
    assert len(caller.of("openOrderEnd")) == 1


def test_executions_can_be_empty_when_asked_for():
    room = Room("start drop execDetails,commission scope=answer")
    caller = room.call()
    caller.place("BUY", 100, "MKT")
    caller.client.reqExecutions(5, ExecutionFilter())
    assert [row[0] for row in caller.of("execDetails")] == [-1]
    assert len(caller.of("execDetailsEnd")) == 1


def test_messages_come_again():
    room = Room("start repeat execDetails,commission again=2")
    caller = room.call()
    caller.place("BUY", 100, "MKT")
    assert len(caller.filled()) == len(caller.of("commissionAndFeesReport")) == 3
    assert len(room.exchange.executions()) == 1


def test_a_delayed_message_comes_at_its_moment_and_later_ones_overtake_it():
    room = Room("start delay execDetails by=60s count=1")
    caller = room.call()
    caller.place("BUY", 100, "MKT")
    room.wait(59)
    caller.place("SELL", 100, "MKT")
    assert [side for _, side, _ in caller.filled()] == ["SLD"]
    room.wait(1)
    assert [side for _, side, _ in caller.filled()] == ["SLD", "BOT"]


def test_messages_of_a_while_come_in_another_order_and_none_is_lost():
    orders = set()
    for seed in range(8):
        room = Room("start reorder openOrder,orderStatus,execDetails,commission within=300ms",
                    seed=seed)  # fmt: skip
        caller = room.call()
        caller.place("BUY", 100, "MKT")
        room.wait(1)
        kinds = ("openOrder", "orderStatus", "execDetails", "commissionAndFeesReport")
        found = names(caller, *kinds)
        assert sorted(found) == sorted(
            ["openOrder", "orderStatus"] * 2 + ["execDetails", "commissionAndFeesReport"]
        )
        orders.add(tuple(found))
    assert len(orders) > 3


@pytest.mark.parametrize("version", [178, 226])
def test_a_garbled_message_is_whole_as_a_frame(version):
    room = Room("start garble execDetails count=1")
    caller = room.call(version=version)
    caller.place("BUY", 100, "MKT")
    caller.place("SELL", 100, "MKT")
    assert len(caller.filled()) + len(caller.broken) >= 1
    assert caller.filled()[-1][1] == "SLD"  # what follows is read as ever


@pytest.mark.parametrize("version", [178, 226])
def test_unknown_fields_and_messages_are_passed_over(version):
    room = Room("start extend orderStatus,execDetails", "order:1 unknown-message")
    caller = room.call(version=version)
    order_id = caller.place("BUY", 100, "MKT")
    assert caller.statuses(order_id)[-1] == "Filled"
    assert len(caller.filled()) == 1

"""How much a client may ask for, and what it gets when it has paid for nothing."""

from __future__ import annotations

from typing import Any

import pytest

from engine.sim.limits import BarPace, Rate
from engine.sim.policies import Policies
from engine.sim.profiles import policies
from tests.sim.caller import Caller, Room, contract

VERSIONS = [178, 226]
SECOND_NS = 10**9


def burst(caller: Caller, count: int) -> None:
    for _ in range(count):
        caller.client.reqCurrentTime()


@pytest.mark.parametrize("version", VERSIONS)
def test_too_many_messages_in_a_second_are_refused(version: int) -> None:
    room = Room(policies=Policies(messages_per_s=50))
    caller = room.call(1, version)
    burst(caller, 53)
    assert len(caller.of("currentTime")) == 50
    errors = [row for row in caller.of("error") if row[2] == 100]
    assert len(errors) == 3
    assert "max=50 rec=51 (1)" in errors[0][3]
    room.wait(1)
    burst(caller, 50)
    assert len(caller.of("currentTime")) == 100
    assert not caller.connection.closed


def test_the_third_second_of_excess_ends_the_connection() -> None:
    room = Room(policies=policies("strict"))
    caller, other = room.call(1), room.call(2)
    for _ in range(2):
        burst(caller, 60)
        room.wait(1)
        assert not caller.connection.closed
    burst(caller, 51)
    assert caller.connection.closed
    burst(other, 10)
    assert len(other.of("currentTime")) == 10


def test_a_client_that_is_paced_by_tws_is_never_refused() -> None:
    room = Room(policies=Policies(messages_per_s=5))
    connection = room.tws.connect()
    hello = b"v100..178 +PACEAPI"
    connection.send(b"API\0" + len(hello).to_bytes(4, "big") + hello)
    for fields in [("71", "2", "1", ""), *[("49", "1")] * 20]:
        body = "".join(f"{one}\0" for one in fields).encode()
        connection.send(len(body).to_bytes(4, "big") + body)

    said = connection.receive()
    assert said.count(b"49\x001\0") == 20
    assert b"\x00100\0" not in said


def test_an_excess_counts_once_a_second() -> None:
    rate = Rate()
    assert [rate.count(at) for at in (0, 0, SECOND_NS - 1, SECOND_NS)] == [1, 2, 3, 2]
    for at in (5, 6, SECOND_NS + 4, SECOND_NS + 5):
        rate.breach(at)
    assert rate.breaches == 2


def ask(caller: Caller, number: int, **more: Any) -> None:
    words = {"end": "", "size": "5 secs", "show": "TRADES", "back": "60 S"} | more
    caller.client.reqHistoricalData(
        number,
        contract(),
        words["end"],
        words["back"],
        words["size"],
        words["show"],
        1,
        2,
        False,
        [],
    )


def test_small_bars_have_a_pace() -> None:
    room = Room(policies=Policies(history_pacing=True))
    room.trade(100.0)
    caller = room.call()
    ask(caller, 1)
    ask(caller, 2)  # the same within 15 seconds
    ask(caller, 3, size="1 min")  # is not small
    ask(caller, 3, size="1 min")
    assert caller.errors() == [(2, 162)]
    assert "pacing violation" in next(row[3] for row in caller.of("error") if row[2] == 162)
    room.wait(15)
    ask(caller, 4)
    assert len(caller.errors()) == 1


def test_rules_of_small_bars() -> None:
    def kept(pace: BarPace, times: list[float], weight: int = 1, apart: bool = True) -> int:
        return sum(
            not pace.violates(
                int(at * SECOND_NS), f"M{number if apart else 0}", f"{number}", weight
            )
            for number, at in enumerate(times)
        )

    assert kept(BarPace(), [0, 0, 0, 0, 0, 0], apart=False) == 5
    assert kept(BarPace(), [0, 0.5, 1, 1.5, 2, 2.5, 3], apart=False) == 7
    assert kept(BarPace(), [float(n) for n in range(100)]) == 60
    assert kept(BarPace(), [float(n) for n in range(100)], weight=2) == 30
    assert kept(BarPace(), [n * 10.0 for n in range(200)]) == 200


def test_lines_and_ticks_have_a_number() -> None:
    room = Room(policies=Policies(market_lines=3, tick_streams_max=1))
    caller = room.call()
    for number in range(1, 4):
        caller.client.reqTickByTickData(number, contract(), "Last", 0, False)
    for number in range(4, 8):
        caller.client.reqMktData(number, contract(), "", False, False, [])
    assert caller.errors() == [(2, 10190), (3, 10190), (6, 101), (7, 101)]
    caller.client.cancelMktData(4)
    caller.client.reqMktData(7, contract(), "", False, False, [])
    assert len(caller.errors()) == 4


@pytest.mark.parametrize("version", VERSIONS)
def test_delayed_data_are_those_of_a_quarter_of_an_hour_ago(version: int) -> None:
    room = Room(policies=policies("delayed"))
    caller = room.call(1, version)
    caller.client.reqMktData(1, contract(), "", False, False, [])
    assert caller.errors() == [(1, 10186)]
    caller.client.reqMarketDataType(3)
    caller.client.reqMktData(1, contract(), "", False, False, [])
    assert caller.errors()[1:] == [(1, 10167)]
    assert caller.of("marketDataType") == [(1, 3)]

    room.quote(101.0, 101.02)
    room.trade(101.02)
    room.wait(899)
    assert caller.of("tickPrice") == []
    room.wait(2)
    assert [(row[1], row[2]) for row in caller.of("tickPrice")] == [
        (66, 101.0),
        (67, 101.02),
        (68, 101.02),
    ]
    assert room.exchange.quote("IBM").bid == 101.0

    caller.client.reqTickByTickData(2, contract(), "Last", 0, False)
    caller.client.reqRealTimeBars(3, contract(), 5, "TRADES", True, [])
    watched = contract()
    watched.exchange = "ISLAND"
    caller.client.reqMktDepth(4, watched, 5, False, [])
    ask(caller, 5, size="1 min", back="3600 S")
    assert caller.errors()[2:] == [(2, 10189), (3, 420), (4, 354)]


def test_an_account_without_any_data_can_trade() -> None:
    room = Room(policies=Policies(market_data="none"))
    room.trade(100.0)
    caller = room.call()
    caller.client.reqMarketDataType(3)
    caller.client.reqMktData(1, contract(), "", False, False, [])
    ask(caller, 2, size="1 min")
    caller.client.reqHistoricalTicks(
        3, contract(), "20240103-14:30:00", "", 10, "TRADES", 1, False, []
    )
    assert caller.errors() == [(1, 354), (2, 162), (3, 10187)]
    caller.place("BUY", 100, "MKT")
    assert room.position == 100

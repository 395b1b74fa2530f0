"""A short piece of the campaign against the parser; ``tests/campaign/sim_fuzz.py`` goes on."""

from __future__ import annotations

import random

import pytest

from engine.errors import DecodeError
from engine.sim.wire_protobuf import message_class
from engine.sim.wire_requests import parse
from tests.campaign.sim_fuzz import VERSIONS, bent, fuzz, sound
from tests.sim.caller import Room


def test_nonsense_is_answered_or_ends_its_own_connection() -> None:
    tally = fuzz(rounds=70, seconds=120, seed=3)

    assert tally.faults == []
    assert tally.rounds == 70
    assert tally.frames > 500
    assert {"ended", "greetings", "executions", "error 320", "error 321"} <= set(tally.came)


@pytest.mark.parametrize("version", [178, 226])
def test_the_highest_order_id_is_none(version: int) -> None:
    """No id could follow it, and where ids are protobuf the next one could not be told."""
    caller = Room().call(1, version)
    if version > 200:  # ibapi itself leaves the id out
        asked = message_class("PlaceOrderRequest")(orderId=2**31 - 1)
        asked.contract.symbol, asked.contract.secType = "IBM", "STK"
        asked.order.action, asked.order.orderType, asked.order.totalQuantity = "BUY", "MKT", "1"
        caller.client.placeOrderProtoBuf(asked)
    else:
        caller.place("BUY", 100, "MKT", order_id=2**31 - 1)
    caller.client.reqIds(1)
    assert caller.errors() == [(2**31 - 1, 321)]
    assert caller.of("nextValidId")[-1] == (1,)
    caller.place("BUY", 100, "LMT", order_id=2**31 - 2, lmtPrice=90.0)
    caller.client.reqIds(1)
    assert caller.of("nextValidId")[-1] == (2**31 - 1,)


@pytest.mark.parametrize("version", [178, 226])
@pytest.mark.parametrize("name", ["goodTillDate", "goodAfterTime"])
@pytest.mark.parametrize(
    "moment", ["99991231 23:59:59 America/New_York", "22630101-00:00:00", "00010101 UTC"]
)
def test_a_date_that_no_clock_of_the_exchange_reaches_is_none(
    version: int, name: str, moment: str
) -> None:
    """It could not be told again on the clock of every zone, nor be compared with a tick's."""
    room = Room()
    caller = room.call(1, version)
    tif = "GTD" if name == "goodTillDate" else "GTC"
    caller.place("BUY", 100, "LMT", lmtPrice=90.0, tif=tif, **{name: moment})
    assert caller.errors() == [(1, 343)]
    caller.place("BUY", 100, "LMT", lmtPrice=90.0, tif=tif, **{name: "22610101-00:00:00"})
    caller.client.reqOpenOrders()
    assert caller.errors() == [(1, 343)]
    assert len(caller.of("openOrderEnd")) == 1
    assert {row[0] for row in caller.of("openOrder")} == {2}


def test_every_sound_request_is_read_and_nonsense_is_refused_by_name() -> None:
    stream = random.Random(11)
    for version in VERSIONS:
        for payload in sound(version):
            parse(payload, version)
            for _ in range(5):
                try:
                    parse(bent(payload, version, stream), version)
                except DecodeError as problem:
                    assert str(problem)

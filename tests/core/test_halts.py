"""The kill switch: what each level stops, that it is latched, and that no stop goes first."""

from __future__ import annotations

from decimal import Decimal

import pytest

from engine.commands import Place
from engine.config import from_mapping
from engine.events import AlertEvent, RefusalEvent, TradingHaltedEvent
from engine.inputs import (
    HaltRequested,
    OcoLeg,
    OcoRequested,
    OrderOpened,
    OrderStatusReported,
    ResumeRequested,
)
from statecharts.vocabulary import OrderReport
from tests.core.desk import Desk
from tests.core.test_scenarios import FOLDER, Script

EXITS = ["SELL 100 LMT 104.00", "SELL 100 STP 94.00"]


def desk(**settings: object) -> Desk:
    strategy = {
        "symbols": ["AAPL", "MSFT"],
        "sizing": {"shares": 100},
        "stop": {"atr": 6},
        "target": {"atr": 4},
        "cooldown_s": 0,
        **settings,
    }
    made = Desk(from_mapping({"strategy": strategy}))
    for symbol in ("AAPL", "MSFT"):
        made.quote(symbol, 100.0, 100.0)
    return made


def halt(d: Desk, level: int) -> None:
    d.feed(HaltRequested(level, "test", "to see"))


def refused(d: Desk) -> str:
    return d.said(RefusalEvent)[-1].reason


@pytest.mark.parametrize("level", [1, 2, 3])
def test_no_level_lets_anything_be_opened(level: int) -> None:
    d = desk()
    halt(d, level)
    d.signal("AAPL", "BUY")
    assert refused(d) == "trading_halted"
    legs = OcoLeg("BUY", "LMT", Decimal(99)), OcoLeg("BUY", "STP", Decimal(101))
    d.feed(OcoRequested("one", "AAPL", Decimal(10), legs, d.quotes["AAPL"]))
    assert refused(d) == "trading_halted"
    assert d.live("AAPL") == []


def test_level_1_leaves_what_is_under_way() -> None:
    d = desk(entry={"type": "limit", "offset": {"amount": 1}})
    d.signal("AAPL", "BUY")
    before = d.live("AAPL")
    halt(d, 1)
    d.wait(10)
    assert d.live("AAPL") == before
    d.trade("AAPL", 98.99)  # it fills, and what comes is protected
    assert d.live("AAPL") == ["SELL 100 LMT 103.00", "SELL 100 STP 93.00"]


def test_level_2_takes_back_entries_and_adds_and_keeps_stops() -> None:
    d = desk(double_down={"levels": [0.5]})
    d.signal("AAPL", "BUY")
    assert "BUY 100 LMT 97.00" in d.live("AAPL")
    legs = OcoLeg("BUY", "LMT", Decimal(90)), OcoLeg("BUY", "STP", Decimal(110))
    d.feed(OcoRequested("one", "MSFT", Decimal(10), legs, d.quotes["MSFT"]))
    halt(d, 2)
    d.wait(2)
    assert d.live("AAPL") == EXITS
    assert d.live("MSFT") == []
    assert d.context_state("AAPL") == "protected"


def test_level_3_closes_everything_and_the_stop_goes_last() -> None:
    d = desk()
    for symbol, kind in (("AAPL", "BUY"), ("MSFT", "SHORT")):
        d.signal(symbol, kind)
    halt(d, 3)
    d.wait(2)
    assert not any(d.broker_positions().values())
    assert [d.live(symbol) for symbol in ("AAPL", "MSFT")] == [[], []]
    orders = [type(c).__name__ for c in d.commands if getattr(c, "order_id", 0) == 2]
    assert orders == ["Place"], "the stop was never cancelled: the close's fill took it along"


def test_a_reversal_under_way_ends_flat() -> None:
    d = desk()
    d.signal("AAPL", "BUY")
    d.quote("AAPL", 100.0, 100.0, size=40)  # so that the close takes its time
    d.signal("AAPL", "SHORT")
    assert d.context_state("AAPL") == "reversing"
    halt(d, 2)
    d.quote("AAPL", 100.0, 100.0, size=500)
    d.wait(60)
    assert (d.context_state("AAPL"), d.exchange.position("AAPL")) == ("flat", 0)


def test_it_is_latched_over_restarts_until_a_person_resumes() -> None:
    d = desk()
    halt(d, 2)
    d.restart()
    d.signal("AAPL", "BUY")
    assert refused(d) == "trading_halted"
    halt(d, 1)  # never lowered by asking for less
    assert d.core.state.halt is not None
    assert d.core.state.halt.level == 2
    assert [event.level for event in d.said(TradingHaltedEvent)] == [2, 2]

    d.feed(ResumeRequested("operator", "looked at it"))
    d.signal("AAPL", "BUY")
    assert d.context_state("AAPL") == "protected"
    d.feed(ResumeRequested("operator", "again"))
    assert refused(d) == "not_halted"


def test_pulled_without_a_link_it_acts_as_soon_as_there_is_one() -> None:
    d = desk()
    d.signal("AAPL", "BUY")
    d.lose()
    halt(d, 3)
    assert d.exchange.position("AAPL") == 100
    d.connect()
    d.wait(10)
    assert (d.exchange.position("AAPL"), d.live("AAPL")) == (0, [])
    assert any("halted at level 3" in event.text for event in d.said(AlertEvent))


def test_a_leg_that_nobody_knows_of_is_taken_back_when_it_is_known_again() -> None:
    d = desk()
    d.courier.requests_to_lose = 1
    legs = OcoLeg("BUY", "LMT", Decimal(90)), OcoLeg("BUY", "STP", Decimal(110))
    d.courier.lost = {OrderOpened, OrderStatusReported}
    d.feed(OcoRequested("one", "AAPL", Decimal(10), legs, d.quotes["AAPL"]))
    d.core.state.ask_from_ns = d.now_ns + 10_000_000_000  # the questions take their time
    d.wait(3.5)
    assert {one.reported for one in d.core.state.orders.values()} == {OrderReport.UNKNOWN}
    halt(d, 2)
    d.heal()
    assert d.live("AAPL") == []


def test_an_add_that_a_halt_kept_back_is_placed_when_it_is_resumed() -> None:
    d = desk(double_down={"levels": [0.5]}, entry={"type": "limit", "offset": {"amount": 1}})
    d.signal("AAPL", "BUY")
    halt(d, 1)
    d.trade("AAPL", 98.99)
    assert d.live("AAPL") == ["SELL 100 LMT 103.00", "SELL 100 STP 93.00"]
    d.feed(ResumeRequested("operator", "it was a drill"))
    assert d.live("AAPL")[0] == "BUY 100 LMT 96.00"


def test_a_reversal_that_waits_for_late_shares_of_an_earlier_trade_is_given_up() -> None:
    script = Script(FOLDER / "08-reversal-beside-late-shares.txt", mirrored=False)
    _, ending = script.steps.pop()
    script.run()
    d, sent = script.desk, len(script.desk.commands)
    halt(d, 2)
    d.feed(ResumeRequested("operator", "again"))

    script.do_broker(*ending.partition(" =>")[0].split()[2:])

    assert d.context_state("AAPL") == "flat"
    assert [one for one in d.commands[sent:] if isinstance(one, Place)] == []

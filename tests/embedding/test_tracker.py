"""Positions are the writer's; excursions are samples, measured against a fold by hand."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

import pytest

from engine import Engine, Excursion, PositionTracker
from engine.bus import EventBus
from engine.config import Config
from engine.errors import UserError
from engine.events import (
    BaseEvent,
    PositionCloseEvent,
    PositionOpenEvent,
    PositionSide,
    PositionUpdateEvent,
    PriceEvent,
)
from engine.inbox import Inbox
from engine.tracker import _Trade

D = Decimal


class Told:
    """A tracker that is told what the test says; its questions are answered by the test."""

    def __init__(self) -> None:
        self.bus = EventBus()
        self.inbox = Inbox()
        self.tracker = PositionTracker(self.inbox, self.bus)
        self.tracker.begin()
        self.sequence = 100
        self._events: list[BaseEvent] = []

    def price(
        self, price: float, kind: Literal["bid", "ask", "last"] = "bid", symbol: str = "IBM"
    ) -> None:
        self._events.append(PriceEvent(0, self.sequence, symbol, kind, price))

    def open(self, side: PositionSide, quantity: int, at: str, realised: str = "0") -> None:
        self._events.append(
            PositionOpenEvent(*self._next(), "IBM", side, D(quantity), D(at), D(realised))
        )

    def update(self, side: PositionSide, quantity: int, at: str, realised: str = "0") -> None:
        self._events.append(
            PositionUpdateEvent(*self._next(), "IBM", side, D(quantity), D(at), D(realised), D(1))
        )

    def close(self, side: PositionSide, at: str, exit_price: str, realised: str) -> None:
        self._events.append(
            PositionCloseEvent(
                *self._next(), "IBM", side, D(0), D(at), D(realised), D(exit_price), "stop"
            )
        )

    def _next(self) -> tuple[int, int]:
        self.sequence += 1
        return 0, self.sequence

    def excursion(self, symbol: str = "IBM") -> Excursion:
        self.bus.publish(self._events)
        self.bus.start()
        assert self.bus.stop()
        assert self.bus.failures == 0
        return self.tracker._excursions.get(symbol, Excursion())


def test_a_long_trade_is_marked_at_the_bid() -> None:
    told = Told()
    told.price(50)  # before it is open
    told.open("long", 100, "100")
    told.price(99)
    told.price(102)
    told.price(500, "ask")
    told.price(500, "last")
    told.price(101)

    assert told.excursion() == Excursion(
        adverse=1.0, favourable=2.0, drawdown=100.0, peak=200.0, samples=3
    )


def test_a_short_trade_is_marked_at_the_ask() -> None:
    told = Told()
    told.open("short", 10, "50")
    told.price(47, "ask")
    told.price(1, "bid")
    told.price(52, "ask")

    assert told.excursion() == Excursion(
        adverse=2.0, favourable=3.0, drawdown=50.0, peak=30.0, samples=2
    )


def test_without_a_quote_the_last_trade_is_taken_and_no_price_is_none() -> None:
    told = Told()
    told.open("long", 1, "100")
    told.price(98, "last")
    told.price(-1, "bid")
    told.price(0, "last")
    told.price(97, "bid")
    told.update("long", 2, "100")
    told.price(90, "last")  # the bid is known by now, and an add does not change that

    assert told.excursion() == Excursion(
        adverse=3.0, favourable=0.0, drawdown=3.0, peak=0.0, samples=2
    )


def test_profit_goes_on_over_partial_exits_and_ends_with_the_exit() -> None:
    told = Told()
    told.open("long", 100, "100", "-1")
    told.price(104)  # 399
    told.update("long", 50, "100", "198")
    told.price(103)  # 198 + 150 = 348
    told.close("long", "100", "96", "-3")

    assert told.excursion() == Excursion(
        adverse=4.0, favourable=4.0, drawdown=402.0, peak=399.0, samples=3
    )


def test_nothing_is_sampled_after_the_close_and_a_new_trade_begins_anew() -> None:
    told = Told()
    told.open("long", 100, "100")
    told.price(90)
    told.close("long", "100", "91", "-900")
    told.price(50)
    told.open("long", 1, "50")
    told.price(51)

    assert told.excursion() == Excursion(
        adverse=0.0, favourable=1.0, drawdown=0.0, peak=1.0, samples=1
    )


def test_a_position_that_flips_is_another_trade() -> None:
    told = Told()
    told.open("long", 100, "100")
    told.price(90)
    told.update("short", 5, "90")
    told.price(91, "ask")

    assert told.excursion() == Excursion(
        adverse=1.0, favourable=0.0, drawdown=5.0, peak=0.0, samples=1
    )


def test_what_was_open_before_is_sampled_from_now_on_and_told_once() -> None:
    told = Told()
    (letter,) = told.inbox.take()
    letter.answer.set_result([("IBM", _Trade(102, 1, 10.0, 100.0, 0.0))])
    told.open("long", 5, "90")  # 101, part of what was found
    told.price(95)
    told.sequence = 102
    told.update("long", 20, "98")
    told.price(97)

    assert told.excursion() == Excursion(
        adverse=5.0, favourable=0.0, drawdown=50.0, peak=0.0, samples=2
    )


def test_the_running_engine_tells_positions_with_their_excursions(engine: Engine) -> None:
    tracker = engine.position_tracker
    assert tracker is engine.position_tracker
    flat = tracker.get("IBM")
    assert (flat.side, flat.quantity, flat.profit) == ("", 0, 0.0)
    prices = engine.bus.iterate(PriceEvent, timeout_s=10)

    engine.bracket("IBM", "BUY", 50, stop="10").wait("open")
    (held,) = tracker.open()
    for event in prices:
        if event.symbol == "IBM" and tracker.get("IBM").excursion.samples >= 2:
            break
    prices.close()
    sampled = tracker.get("IBM").excursion

    assert (held.symbol, held.side, held.quantity, held.stop) == ("IBM", "long", 50, D(10))
    assert held.average_price > 0
    assert held.profit == float(held.realised) + held.unrealised
    assert sampled.samples >= 2
    # A bought share is worth the bid, so the first sample is against it unless the market ran.
    assert sampled.adverse + sampled.favourable > 0
    assert sampled.drawdown >= 50 * sampled.adverse - 1e-9
    assert [one.symbol for one in tracker.all()] == ["IBM", "MSFT"]
    with pytest.raises(UserError, match="AAPL is not among the symbols"):
        tracker.get("AAPL")


def test_a_position_of_an_earlier_run_is_tracked_from_the_start(
    config: Config, journal: object
) -> None:
    with Engine(config, str(journal)) as engine:
        engine.wait_for_prices()
        engine.bracket("IBM", "BUY", 50, stop="10").wait("open")

    later = Engine(config, str(journal))
    tracker = later.position_tracker  # before the start, so that nothing is missed
    with later:
        prices = later.bus.iterate(PriceEvent, timeout_s=10)
        for event in prices:
            if event.symbol == "IBM" and tracker.get("IBM").excursion.samples:
                break
        prices.close()
        position = tracker.get("IBM")
    assert (position.quantity, position.excursion.samples >= 1) == (50, True)


def test_shares_of_a_pair_have_their_cost(engine: Engine) -> None:
    ask = engine.view().symbols[0].market.ask
    assert ask is not None
    high, higher = f"{ask * 1.02:.2f}", f"{ask * 1.08:.2f}"
    pair = engine.oco("IBM", 10, ("BUY", "LMT", high), ("BUY", "STP", higher))
    assert pair.wait("one_filled") == "one_filled"

    position = engine.position_tracker.get("IBM")

    assert (position.side, position.quantity) == ("long", 10)
    assert abs(float(position.average_price) - ask) < 0.05 * ask
    assert abs(position.unrealised) < 10 * 0.05 * ask

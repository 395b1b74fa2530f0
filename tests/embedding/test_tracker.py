"""Positions of a running engine: the writer's own, with what was seen of them, over restarts."""

from __future__ import annotations

import threading
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from engine import Engine, PositionTracker, TradeEvent
from engine.config import Config
from engine.errors import LimitError, UserError
from engine.inbox import Inbox

D = Decimal


def until(holds: Callable[[], bool]) -> None:
    for _ in range(1_000):
        if holds():
            return
        threading.Event().wait(0.01)
    raise AssertionError("it never came to hold")


def traded(engine: Engine, symbol: str = "IBM") -> TradeEvent:
    """A long trade from beginning to end."""
    trades = engine.bus.iterate(TradeEvent, timeout_s=10)
    engine.bracket(symbol, "BUY", 50, stop="10").wait("open")
    engine.close(symbol)
    found = next(trades)
    trades.close()
    return found


def test_positions_are_told_with_what_was_seen_of_them(engine: Engine) -> None:
    tracker = engine.position_tracker
    assert tracker is engine.position_tracker
    flat = tracker.get("IBM")
    assert (flat.side, flat.quantity, flat.profit, flat.drawdown) == ("", 0, 0.0, 0.0)

    engine.bracket("IBM", "BUY", 50, stop="10").wait("open")
    (held,) = tracker.open()
    until(lambda: tracker.get("IBM").excursion.samples >= 4)  # the fill is the first
    seen = tracker.get("IBM")

    assert (held.symbol, held.side, held.quantity, held.stop) == ("IBM", "long", 50, D(10))
    assert [(one.price, one.quantity, one.trailing) for one in held.stops] == [(10, 50, False)]
    assert (held.targets, held.target, held.adds) == ((), None, ())
    assert held.average_price > 0
    assert held.profit == float(held.realised) + held.unrealised
    # A bought share is worth the bid, so the first look is against it unless the market ran.
    assert seen.excursion.adverse + seen.excursion.favourable > 0
    assert seen.drawdown == max(seen.excursion.peak - seen.profit, 0)
    assert seen.day.profit == pytest.approx(seen.profit)
    assert [one.symbol for one in tracker.all()] == ["IBM", "MSFT"]
    with pytest.raises(UserError, match="AAPL is not among the symbols"):
        tracker.get("AAPL")


def test_the_total_is_the_sum_and_has_a_day_of_its_own(engine: Engine) -> None:
    tracker = engine.position_tracker
    done = traded(engine)
    engine.bracket("IBM", "BUY", 50, stop="10").wait("open")
    engine.bracket("MSFT", "BUY", 10, stop="10").wait("open")
    until(lambda: all(one.commission for one in tracker.open()))

    total, every = tracker.total(), tracker.all()

    assert total.open == 2
    assert total.realised == sum(one.realised for one in every) == -total.commission
    assert total.day.realised == done.realised + total.realised
    assert total.day.commission == done.commission + total.commission
    assert (total.day.trades, total.day.wins) == (1, int(done.realised > 0))
    assert total.day.drawdown >= 0


def test_the_day_and_the_fills_of_a_trade_survive_a_restart(config: Config, journal: Path) -> None:
    with Engine(config, journal) as engine:
        engine.wait_for_prices()
        done = traded(engine)
        engine.bracket("IBM", "BUY", 50, stop="10").wait("open")
        until(lambda: engine.position_tracker.get("IBM").commission > 0)
        before = engine.position_tracker.get("IBM")

    later = Engine(config, journal)
    tracker = later.position_tracker  # before the start, so that nothing is missed
    with later:
        first = tracker.get("IBM")
        until(lambda: tracker.get("IBM").excursion.samples > first.excursion.samples)
        after = tracker.get("IBM")

    assert (after.quantity, after.average_price) == (before.quantity, before.average_price)
    assert (after.realised, after.commission) == (before.realised, before.commission)
    assert after.day.realised == before.day.realised == done.realised + before.realised
    assert (
        (after.day.trades, after.day.wins)
        == (before.day.trades, before.day.wins)
        == (
            1,
            int(done.realised > 0),
        )
    )
    assert first.excursion.samples >= 1  # the fill


def test_shares_of_a_pair_have_their_cost_and_belong_to_nobody(engine: Engine) -> None:
    ask = engine.view().symbols[0].market.ask
    assert ask is not None
    high, higher = f"{ask * 1.02:.2f}", f"{ask * 1.08:.2f}"
    pair = engine.oco("IBM", 10, ("BUY", "LMT", high), ("BUY", "STP", higher))
    assert pair.wait("one_filled") == "one_filled"

    position = engine.position_tracker.get("IBM")

    assert (position.side, position.quantity) == ("long", 10)
    assert (position.direct.quantity, position.stops) == (10, ())
    assert position.direct.average_price == position.average_price
    assert abs(float(position.average_price) - ask) < 0.05 * ask
    assert abs(position.unrealised) < 10 * 0.05 * ask


def test_a_tracker_of_an_engine_that_has_stopped_says_so() -> None:
    inbox = Inbox()
    inbox.close()
    tracker = PositionTracker(inbox)
    with pytest.raises(LimitError, match="stopped"):
        tracker.total()

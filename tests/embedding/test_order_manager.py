"""Placing, finding and cancelling by reference, now and after a restart."""

from __future__ import annotations

import threading
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import pytest

from engine import BracketOrder, Engine, OCOGroup, Order, OrderManager
from engine.bus import EventBus
from engine.config import Config
from engine.errors import LimitError, UserError
from engine.inbox import Inbox
from engine.inputs import OcoRequested


def test_what_was_placed_is_found_by_its_reference_after_a_restart(
    config: Config, journal: Path
) -> None:
    with Engine(config, journal) as engine:
        engine.wait_for_prices()
        ask = engine.view().symbols[0].market.ask
        assert ask is not None
        low, high = f"{ask * 0.95:.2f}", f"{ask * 1.05:.2f}"
        first = engine.order_manager.bracket("IBM", "BUY", 5, stop="10", entry=low, reference="b")
        second = engine.oco("IBM", 5, ("BUY", "LMT", low), ("BUY", "STP", high), "o")
        third = engine.order("MSFT", "BUY", 5, "LMT", "1.00", tif="GTC", reference="s")
        fourth = engine.order("MSFT", "BUY", 5, reference="m")
        first.wait("entry_live")
        second.wait("live")
        third.wait("working")
        fourth.wait("filled")

    with Engine(config, journal) as engine:
        manager = engine.order_manager
        found, other = manager.get("b"), manager.get("o")
        assert (type(found), type(other)) == (BracketOrder, OCOGroup)
        assert found.order_ids == tuple(order.order_id for order in manager.open_orders())[:2]
        assert other.orders[0].price == Decimal(low)
        assert found.wait("entry_live") == "entry_live"
        single, filled = manager.get("s"), manager.get("m")
        assert (type(single), single.state) == (Order, "working")
        assert (type(filled), filled.wait(), filled.filled) == (Order, "filled", 5)
        assert engine.order("MSFT", "BUY", 5, reference="s").refusal == "duplicate_reference"
        manager.cancel("s")
        assert single.wait() == "dead"
        manager.cancel("b")
        manager.cancel(other)
        assert (found.wait(), other.wait()) == ("failed", "failed")
        manager.cancel("b")  # it is over: nothing to do
        assert manager.open_orders() == ()
        assert manager.get("b").wait() in ("failed", "done")  # the latter if told of all of it


def test_orders_are_found_by_id_and_by_symbol(engine: Engine) -> None:
    manager = engine.order_manager
    handle = engine.bracket("IBM", "BUY", 5, stop="10")
    handle.wait("open")
    entry, stop = handle.orders

    assert manager.find(entry.order_id) == entry
    assert (entry.status, entry.filled) == ("filled", Decimal(5))
    assert [order.order_id for order in manager.open_orders("IBM")] == [stop.order_id]
    assert manager.open_orders("MSFT") == ()
    with pytest.raises(UserError, match="there is no order 999"):
        manager.find(999)


def test_a_reference_that_was_never_given_is_the_callers_mistake(engine: Engine) -> None:
    with pytest.raises(UserError, match="nothing was placed under the reference 'mine'"):
        engine.cancel("mine")
    with pytest.raises(UserError, match="nothing was placed under the reference 'mine'"):
        engine.order_manager.get("mine")


def test_words_that_the_core_would_misread_do_not_reach_it() -> None:
    manager = OrderManager(Inbox(), EventBus())
    buy: Any = "buy"
    market: Any = "MKT"
    with pytest.raises(UserError, match="side is BUY or SELL, not 'buy'"):
        manager.bracket("IBM", buy, 5, stop=10)
    with pytest.raises(UserError, match="side is BUY or SELL, not 'buy'"):
        manager.oco("IBM", 5, (buy, "LMT", 1), ("BUY", "STP", 2))
    with pytest.raises(UserError, match="order type is LMT or STP, not 'MKT'"):
        manager.oco("IBM", 5, ("BUY", market, 1), ("BUY", "STP", 2))
    with pytest.raises(UserError, match="order type is MKT or LMT or STP, not 'MIT'"):
        manager.order("IBM", "BUY", 5, cast(Any, "MIT"), 10)
    with pytest.raises(UserError, match="time in force is DAY or GTC, not 'IOC'"):
        manager.order("IBM", "BUY", 5, "LMT", 10, tif=cast(Any, "IOC"))
    with pytest.raises(UserError, match="an order of type MKT takes no price"):
        manager.order("IBM", "BUY", 5, "MKT", 10)
    with pytest.raises(UserError, match="an order of type STP needs a price"):
        manager.order("IBM", "BUY", 5, "STP")
    with pytest.raises(ValueError, match="not a finite number"):
        manager.bracket("IBM", "BUY", float("nan"), stop=10)


def test_two_of_one_reference_are_not_placed_at_the_same_time() -> None:
    inbox = Inbox()
    manager = OrderManager(inbox, EventBus())
    outcome: list[BaseException] = []

    def place() -> None:
        try:
            manager.bracket("IBM", "BUY", 5, stop=10, reference="mine")
        except LimitError as problem:
            outcome.append(problem)

    waiting = threading.Thread(target=place)
    waiting.start()
    letters = []
    while not letters:
        letters = inbox.take()
    with pytest.raises(UserError, match="'mine' is just being placed"):
        manager.oco("IBM", 5, ("BUY", "LMT", 1), ("BUY", "STP", 2), reference="mine")
    letters[0].answer.set_exception(LimitError("the engine has stopped"))
    waiting.join(10)
    assert [str(problem) for problem in outcome] == ["the engine has stopped"]

    # The name is free again, whatever became of the first.
    again = threading.Thread(
        target=lambda: manager.oco("IBM", 5, ("BUY", "LMT", 1), ("BUY", "STP", 2), "mine")
    )
    again.start()
    letters = []
    while not letters:
        letters = inbox.take()
    assert isinstance(letters[0].content, OcoRequested)
    letters[0].answer.set_result(None)
    again.join(10)
    assert not again.is_alive()

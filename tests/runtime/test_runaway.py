"""Whoever wants too much too often is stopped, within a stated number of orders, and what is held
stays protected."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from engine.commands import Place
from engine.events import RefusalEvent
from engine.guards import Guards
from engine.inputs import CloseRequested, HaltRequested, OrderRequested
from engine.orders import Role
from engine.reasons import Reason
from engine.sim.policies import Policies
from tests.core.desk import SECOND, Desk
from tests.core.test_core import config, placed

MINUTES = 30
TICKS = MINUTES * 60 * 5  # five a second
LIMITS = config().limits
GUARDS = config().guards


class Guarded(Desk):
    """A desk whose guards look as often as the writer lets them."""

    def __init__(self, **strategy: object) -> None:
        super().__init__(config(**strategy), Policies())
        self.guards = Guards(self.config.guards)
        self.looked_ns = self.now_ns
        self.taken = len(self.events)
        for symbol in self.instruments:
            self.quote(symbol, 99.99, 100.0)

    def pass_time(self, seconds: float) -> None:
        self.wait(seconds)
        self.guards.take(self.events[self.taken :])
        self.taken = len(self.events)
        if self.now_ns - self.looked_ns >= SECOND // 2:
            self.looked_ns = self.now_ns
            if found := self.guards.look(self.core.state, 0.0, 0.0, self.now_ns, 1):
                self.feed(*found)

    @property
    def halts(self) -> list[HaltRequested]:
        return [
            one for _, inputs in self.records for one in inputs if isinstance(one, HaltRequested)
        ]

    @property
    def sent(self) -> list[Place]:
        return [one for one in self.commands if isinstance(one, Place)]


def ticking(d: Guarded) -> Iterator[int]:
    for number in range(TICKS):
        yield number
        d.pass_time(0.2)


def test_a_program_that_buys_high_and_sells_low_at_every_tick() -> None:
    """Knight Capital, 1 August 2012: each tick an order bought at the ask or sold at the bid, for
    45 minutes. Here: no more orders than a minute may have, and then the kill switch."""
    d, last_ns = Guarded(), 0
    for number in ticking(d):
        before = len(d.sent)
        side = "BUY" if number % 2 == 0 else "SELL"
        view = d.quotes["AAPL"]
        d.feed(OrderRequested(f"k{number}", "AAPL", side, Decimal(100), "MKT", None, "DAY", view))
        last_ns = d.now_ns if len(d.sent) > before else last_ns

    assert len(d.sent) <= LIMITS.orders_per_minute_max
    assert [one.level for one in d.halts] == [2]
    assert 0 < last_ns - d.records[0][0] < 60 * SECOND


def test_signals_that_turn_a_trade_over_at_every_tick() -> None:
    d = Guarded(on_opposite="reverse", sell_means="short")
    for number in ticking(d):
        d.signal("AAPL", "BUY" if number % 2 == 0 else "SHORT")

    entries = len(placed(d, Role.ENTRY))
    assert entries <= LIMITS.entries_in_window_max
    assert len(d.sent) <= 4 * entries  # with stop, target and close
    assert [one.level for one in d.halts] == [2]
    assert Reason.TOO_MANY_ENTRIES in {
        event.reason for event in d.events if isinstance(event, RefusalEvent)
    }
    assert covered(d)


def test_a_trade_that_is_stopped_out_and_entered_again() -> None:
    """A stop-out clears the cooldown, so nothing else would end it."""
    d = Guarded(stop={"percent": 1}, target=[])
    for number in ticking(d):
        if number % 5 == 0:
            d.quote("AAPL", 99.99, 100.0)
            d.signal("AAPL", "BUY")
        elif number % 5 == 3:
            d.trade("AAPL", 98.5, 100_000)

    assert len(placed(d, Role.ENTRY)) <= LIMITS.stop_outs_in_window_max * (MINUTES * 60 // 600 + 1)
    assert d.halts
    assert covered(d)


def test_one_signal_of_every_kind_and_source_floods_three_symbols() -> None:
    d = Guarded(entries_per_day_max=1_000_000)
    for number in ticking(d):
        for symbol in d.instruments:
            d.signal(symbol, ("BUY", "SELL", "SHORT", "BUY")[number % 4])

    assert len(placed(d, Role.ENTRY)) <= 3 * LIMITS.entries_in_window_max
    assert [one.level for one in d.halts] == [2]
    assert covered(d)


def test_who_listens_to_a_refusal_is_not_halted() -> None:
    d = Guarded()
    for number in range(10):
        d.signal("AAPL", "BUY")
        d.pass_time(30)
        d.feed(CloseRequested("AAPL", "operator"))
        d.pass_time(150 + number)
    assert d.halts == []


def covered(d: Desk) -> bool:
    """Every share that is held has its stop."""
    return all(
        sum(d.cover(symbol, ("STP",)).values()) >= abs(d.exchange.position(symbol))
        for symbol in d.instruments
    )

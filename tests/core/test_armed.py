"""Armed intents in the core: decided ahead, stepped when they have left, in doubt after a crash."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import attrs
import pytest

from engine.armory import rehearsed
from engine.commands import Place
from engine.config import Config, from_mapping
from engine.core import Core
from engine.errors import ConfigError
from engine.events import AlertEvent, NewOrderEvent, RefusalEvent
from engine.inputs import (
    ArmedIntent,
    ConditionFired,
    IntentsArmed,
    MarketView,
    TimerElapsed,
)
from engine.recovery import check_symbols
from engine.rulebook import armed_watches
from statecharts.vocabulary import ContextState
from tests.core.desk import CLIENT, SECOND, Desk

SIDES = ("BUY", "SELL")
LEVELS = {"BUY": 101.0, "SELL": 99.0}


def breakout(symbol: str, side: str) -> dict[str, object]:
    op = "above" if side == "BUY" else "below"
    return {
        "id": f"breakout-{symbol}",
        "symbols": [symbol],
        "when": f"last {'>=' if op == 'above' else '<='} {LEVELS[side]}",
        "then": {"kind": "enter", "side": side},
        "armed": True,
    }


def configured(side: str, symbols: Sequence[str] = ("AAPL",)) -> Config:
    strategy = {
        "symbols": list(symbols),
        "sizing": {"shares": 100},
        "stop": {"amount": 2.0},
        "target": {"amount": 3.0},
        "rules": [breakout(symbol, side) for symbol in symbols],
    }
    return from_mapping({"strategy": strategy})


class ArmedDesk(Desk):
    """Arms as the writer does, and lets the reader fire."""

    keeps_digests = False

    def __init__(self, side: str, symbols: Sequence[str] = ("AAPL",), size: int = 100_000) -> None:
        super().__init__(configured(side, symbols))
        self.side = side
        for symbol in symbols:
            self.quote(symbol, 99.99, 100.01, size=size)
        self.ready: dict[str, tuple[ArmedIntent, tuple[Place, ...]]] = {}

    def at_level(self, symbol: str) -> MarketView:
        level = LEVELS[self.side]
        return MarketView(symbol, level - 0.01, level + 0.01, level, 0, 1.0)

    def arm(self) -> None:
        self.ready.clear()
        state = self.core.state
        order_id, context = state.next_order_id, state.next_number
        for rule, watch in armed_watches(state):
            view = self.at_level(watch.symbol)
            intent = ArmedIntent(
                watch.number, rule.id, view, self.now_ns, context, (order_id,), "00"
            )
            fork = self.core.fork()
            places, _ = rehearsed(fork, intent)
            assert places, "nothing would leave"
            ids = tuple(place.order_id for place in places)
            self.ready[watch.symbol] = attrs.evolve(intent, order_ids=ids), places
            order_id, context = fork.state.next_order_id, fork.state.next_number
        self.feed(IntentsArmed(tuple(intent for intent, _ in self.ready.values())))

    def leave(self, symbol: str) -> None:
        """The reader sends what is armed, and the core never hears of it."""
        for place in self.ready[symbol][1]:
            self.carry_out(place)

    def fire(self, symbol: str) -> None:
        """It leaves, and the core takes the step of then."""
        intent, places = self.ready[symbol]
        now_ns, self.now_ns = self.now_ns, intent.now_ns
        self.feed(ConditionFired(intent.number, intent.market, armed=True))
        self.now_ns = now_ns
        sent = [one for one in self.commands if isinstance(one, Place)]
        assert sent[: len(places)] == list(places)

    def refs(self) -> set[str]:
        orders = [*self.exchange.open_orders(CLIENT), *self.exchange.completed_orders()]
        return {order.order_ref for order in orders}

    def alerts(self) -> list[str]:
        return [one.text for one in self.events if isinstance(one, AlertEvent)]


def reached(desk: Desk, symbol: str = "AAPL") -> ContextState | None:
    context = desk.core.state.current.get(symbol)
    return None if context is None else ContextState(context.state)


@pytest.mark.parametrize("side", SIDES)
def test_what_is_armed_is_what_the_price_would_cause(side: str) -> None:
    armed, ordinary = ArmedDesk(side), ArmedDesk(side)
    armed.arm()
    (_, places) = armed.ready["AAPL"]
    (_, watch) = next(armed_watches(ordinary.core.state))
    fired = ConditionFired(watch.number, ordinary.at_level("AAPL"))
    commands = ordinary.core.step((fired,), ordinary.now_ns).commands
    assert [one for one in commands if isinstance(one, Place)] == list(places)
    assert [place.spec.order_type for place in places] == ["MKT", "STP", "LMT"]


@pytest.mark.parametrize("side", SIDES)
def test_it_fires_and_is_protected_through_partial_fills(side: str) -> None:
    desk = ArmedDesk(side, size=30)
    desk.arm()
    desk.now_ns += SECOND // 2
    desk.fire("AAPL")
    sign = 1 if side == "BUY" else -1
    assert desk.exchange.position("AAPL") == 30 * sign
    for _ in range(4):
        desk.quote("AAPL", 99.99, 100.01, size=30)
    assert desk.exchange.position("AAPL") == 100 * sign
    assert reached(desk) is ContextState.PROTECTED
    assert len(desk.refs()) == 3
    desk.restart()
    assert desk.exchange.position("AAPL") == desk.core.state.held("AAPL")


@pytest.mark.parametrize("side", SIDES)
def test_any_step_ends_it(side: str) -> None:
    desk = ArmedDesk(side)
    desk.arm()
    intent, _ = desk.ready["AAPL"]
    assert desk.core.state.armed == (intent,)
    desk.feed(TimerElapsed())
    assert desk.core.state.armed == ()
    with pytest.raises(AssertionError, match="was not armed"):
        desk.core.step((ConditionFired(intent.number, intent.market, armed=True),), desk.now_ns)


def test_arming_changes_nothing_but_what_is_armed() -> None:
    desk = ArmedDesk("BUY")
    before = attrs.evolve(desk.core.state, armed=())
    digest = before.digest()
    desk.arm()
    assert desk.answers[-1] == []
    assert attrs.evolve(desk.core.state, armed=()).digest() == digest


@pytest.mark.parametrize("side", SIDES)
def test_a_crash_after_arming_is_a_doubt_that_ends(side: str) -> None:
    desk = ArmedDesk(side)
    desk.arm()
    intent, places = desk.ready["AAPL"]
    desk.restart()
    assert desk.alerts() == [
        "the last run ended while orders were armed: breakout-AAPL on AAPL; asking whether any has "
        "left"
    ]
    assert desk.core.state.armed == ()
    assert {one.order_id for one in desk.core.state.orders.values()} == set(intent.order_ids)
    # Until they are proven absent, no other entry may take their place.
    desk.signal("AAPL", "BUY" if side == "BUY" else "SHORT")
    assert desk.exchange.open_orders(CLIENT) == []
    desk.wait(60)
    assert all(one.dead for one in desk.core.state.orders.values())
    assert reached(desk) is None
    assert desk.exchange.position("AAPL") == 0
    # And then it goes on, with names that were never given.
    desk.quote("AAPL", 99.99, 100.01)
    desk.signal("AAPL", "BUY" if side == "BUY" else "SHORT")
    assert abs(desk.exchange.position("AAPL")) == 100
    fresh = {order.order_id for order in desk.exchange.completed_orders()}
    assert fresh.isdisjoint(intent.order_ids)
    assert desk.refs().isdisjoint(place.spec.order_ref for place in places)


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("size", [100_000, 30])
def test_a_crash_after_it_has_left_finds_it(side: str, size: int) -> None:
    desk = ArmedDesk(side, size=size)
    desk.arm()
    desk.leave("AAPL")
    desk.restart()
    sign = 1 if side == "BUY" else -1
    filled = min(size, 100)
    assert desk.exchange.position("AAPL") == filled * sign == desk.core.state.held("AAPL")
    for _ in range(4):
        desk.quote("AAPL", 99.99, 100.01, size=30)
    desk.wait(30)
    assert desk.exchange.position("AAPL") == 100 * sign == desk.core.state.held("AAPL")
    assert reached(desk) is ContextState.PROTECTED
    assert len(desk.refs()) == 3  # nothing was sent twice
    assert all(one.dead or one.confirmed for one in desk.core.state.orders.values())


def test_of_a_set_the_one_that_has_left_is_found_and_the_others_are_not_there() -> None:
    symbols = ("AAPL", "IBM", "MSFT")
    desk = ArmedDesk("BUY", symbols)
    desk.arm()
    taken = [intent.order_ids for intent, _ in desk.ready.values()]
    assert len({number for ids in taken for number in ids}) == 9
    assert len({intent.context for intent, _ in desk.ready.values()}) == 3
    desk.leave("IBM")
    desk.restart()
    desk.wait(60)
    held = {symbol: int(desk.core.state.held(symbol)) for symbol in symbols}
    assert held == {"AAPL": 0, "IBM": 100, "MSFT": 0}
    assert reached(desk, "IBM") is ContextState.PROTECTED
    assert {reached(desk, "AAPL"), reached(desk, "MSFT")} == {None}
    assert {symbol: int(desk.exchange.position(symbol)) for symbol in symbols} == held


def test_a_second_crash_changes_nothing() -> None:
    desk = ArmedDesk("BUY", ("AAPL", "IBM"))
    desk.arm()
    desk.leave("IBM")
    desk.restart()
    desk.restart()
    desk.wait(60)
    assert int(desk.core.state.held("IBM")) == 100
    assert reached(desk, "AAPL") is None


def test_of_a_set_the_second_fires_with_its_own_names() -> None:
    desk = ArmedDesk("BUY", ("AAPL", "IBM"))
    desk.arm()
    intent, _ = desk.ready["IBM"]
    desk.fire("IBM")
    assert set(desk.core.state.orders) == set(intent.order_ids)
    assert desk.core.state.next_order_id == intent.order_ids[-1] + 1
    desk.signal("AAPL", "BUY")
    assert int(desk.exchange.position("AAPL")) == 100


def test_the_doubt_tells_orders_before_anything_of_them() -> None:
    desk = ArmedDesk("BUY")
    desk.arm()
    intent, _ = desk.ready["AAPL"]
    desk.events.clear()
    desk.restart()
    told = [one.order_id for one in desk.events if isinstance(one, NewOrderEvent)]
    assert told == list(intent.order_ids)
    numbers = [one.sequence for one in desk.events]
    assert numbers == sorted(set(numbers))


def test_a_stop_in_good_order_leaves_no_doubt() -> None:
    desk = ArmedDesk("BUY")
    desk.arm()
    desk.feed(TimerElapsed())
    desk.restart()
    assert desk.alerts() == []
    assert desk.core.state.orders == {}


def test_symbols_that_are_in_doubt_may_not_be_left_out() -> None:
    desk = ArmedDesk("BUY", ("AAPL", "IBM"))
    desk.arm()
    with pytest.raises(ConfigError, match="leaves out IBM"):
        check_symbols(desk.core, configured("BUY", ("AAPL",)))


def test_a_rule_that_refuses_arms_nothing() -> None:
    desk = ArmedDesk("BUY")
    (rule, watch) = next(armed_watches(desk.core.state))
    wide = attrs.evolve(desk.at_level("AAPL"), halted=True)
    intent = ArmedIntent(watch.number, rule.id, wide, desk.now_ns, 1, (1,), "")
    fork = desk.core.fork()
    assert rehearsed(fork, intent) == ((), True)  # until TWS says that the halt is over
    assert not [one for one in desk.events if isinstance(one, RefusalEvent)]


def test_a_fork_shares_nothing() -> None:
    core: Core = ArmedDesk("BUY").core
    digest = core.state.digest()
    fork = core.fork()
    (_, watch) = next(armed_watches(fork.state))
    fork.step((ConditionFired(watch.number, MarketView("AAPL", 101.0, 101.02, 101.0, 0, 1.0)),), 1)
    assert fork.state.digest() != digest == core.state.digest()
    assert Decimal(0) == core.state.held("AAPL")

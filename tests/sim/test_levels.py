"""The prices that orders wait for: every tick that does something to one is among them."""

import math
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.sim import instruments
from engine.sim.exchange import Exchange
from engine.sim.launch import DAY
from engine.sim.levels import levels
from engine.sim.policies import Policies
from engine.sim.records import MarketTick, SimOrder, TickNotice

OPENS_NS, CLOSES_NS = instruments.session(DAY)


@pytest.fixture
def market():
    """An exchange with a quote of 99.90 to 100.10 and a trade at 100, and how to use it."""
    return Market()


class Market:
    def __init__(self):
        hours = ((OPENS_NS, CLOSES_NS),)
        self.stock = instruments.instrument("IBM", hours)
        self.exchange = Exchange([self.stock], "DU1", Policies(), 1, OPENS_NS, 1)
        self.now_ns, self.number = OPENS_NS, 0
        for kind, price in (("B", 99.9), ("A", 100.1), ("T", 100.0)):
            self.tick(kind, price)

    def tick(self, kind, price, size=100):
        self.now_ns += 1_000_000
        return self.exchange.on_tick(MarketTick(self.now_ns, "IBM", kind, price, size))

    def place(self, action, order_type, **prices):
        self.number += 1
        exact = {name: Decimal(str(value)) for name, value in prices.items()}
        order = SimOrder(
            order_id=self.number, client_id=1, perm_id=0, instrument=self.stock, account="DU1",
            action=action, quantity=Decimal(100), order_type=order_type, **exact,
        )  # fmt: skip
        return self.exchange.place(1, order)

    def levels(self):
        return levels(self.exchange.floor, self.exchange.book("IBM"))

    def waited_for(self, kind, price):
        found = self.levels()
        if kind == "B":
            return price >= found.bid_from
        if kind == "A":
            return price <= found.ask_to
        return price >= found.last_from or price <= found.last_to


def test_without_orders_nothing_is_waited_for_but_the_day(market):
    found = market.levels()
    assert (found.bid_from, found.ask_to) == (math.inf, -math.inf)
    assert (found.last_from, found.last_to) == (math.inf, -math.inf)
    assert found.until_ns == CLOSES_NS + instruments.EXTENDED_AFTER_CLOSE_NS


def test_a_bracket_waits_for_its_two_prices_and_the_close(market):
    market.place("SELL", "LMT", limit_price=101)
    market.place("SELL", "STP", aux_price=99)
    found = market.levels()
    assert (found.bid_from, found.ask_to) == (101.0, -math.inf)
    assert (found.last_from, found.last_to) == (101.0, 99.0)
    assert found.until_ns == CLOSES_NS


def test_a_trailing_stop_waits_for_what_it_follows(market):
    market.place("SELL", "TRAIL", aux_price="0.5", trail_stop_price="99.4")
    assert (market.levels().last_from, market.levels().last_to) == (100.0, 99.5)
    market.tick("T", 100.3)
    assert (market.levels().last_from, market.levels().last_to) == (100.3, 99.8)


prices = st.integers(9_800, 10_200).map(lambda cents: cents / 100)
order = st.one_of(
    st.tuples(st.sampled_from(["BUY", "SELL"]), st.just("LMT"), st.just("limit_price"), prices),
    st.tuples(
        st.sampled_from(["BUY", "SELL"]), st.sampled_from(["STP", "MIT"]), st.just("aux_price"),
        prices,
    ),
    st.tuples(
        st.sampled_from(["BUY", "SELL"]), st.just("TRAIL"), st.just("trailing_percent"),
        st.sampled_from([0.1, 0.3, 1.0]),
    ),
)  # fmt: skip


@settings(deadline=None, max_examples=60)
@given(
    st.lists(order, min_size=1, max_size=4),
    st.lists(st.tuples(st.sampled_from("BAT"), prices), min_size=1, max_size=25),
)
def test_a_tick_that_nobody_waits_for_does_nothing_to_an_order(orders, ticks):
    market = Market()
    for action, kind, name, price in orders:
        market.place(action, kind, **{name: price})
    for kind, price in ticks:
        waited = market.waited_for(kind, price)
        before = market.exchange.open_orders()
        notices = market.tick(kind, price)
        if not waited:
            assert [type(one) for one in notices] == [TickNotice]
            assert market.exchange.open_orders() == before

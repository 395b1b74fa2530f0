"""Excursions, drawdowns and the day's result, against the exchange's own account and by hand."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Literal

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from engine.config import Config, from_mapping
from engine.core import Core, Output
from engine.daybook import EXCHANGE_ZONE, DayBook, DayResult, Excursion
from engine.holdings import Holdings, holdings
from engine.inputs import CommissionReported, Input, MarketView, OrderRequested
from tests.core.desk import Desk

D = Decimal
CONFIG = from_mapping(
    {
        "strategy": {
            "symbols": ["AAPL", "MSFT"],
            "sizing": {"shares": 100},
            "stop": {"percent": 20},
            "target": {"percent": 50},
            "cooldown_s": 0,
            "close_before_end_s": 0,
        }
    }
)


class Kept(Core):
    """A core whose steps are told to a book, as the runtime does it."""

    def __init__(self, config: Config, book: DayBook) -> None:
        super().__init__(config)
        self.book = book

    def step(self, inputs: Sequence[Input], now_ns: int) -> Output:
        output = super().step(inputs, now_ns)
        self.book.take(self.state, output.events, now_ns)
        return output


class Watched:
    """A desk with its book, and what one would ask of it."""

    def __init__(self, mute: tuple[type[Input], ...] = ()) -> None:
        self.book = DayBook()
        self.desk = Desk(CONFIG, connect=False, mute=mute)
        self.desk.core = Kept(CONFIG, self.book)
        self.desk.start()
        for symbol in CONFIG.strategy.symbols:
            self.quote(symbol, 100)

    def quote(self, symbol: str, price: float, spread: float = 0.0) -> None:
        self.desk.quote(symbol, price, price + spread)

    def sample(self, symbol: str, price: float, spread: float = 0.0) -> None:
        self.quote(symbol, price, spread)
        self.look(self.desk.quotes)

    def look(self, quotes: dict[str, MarketView]) -> None:
        self.book.sample(self.desk.core.state, lambda name, _: quotes[name], self.desk.now_ns)

    def excursion(self, symbol: str = "AAPL") -> Excursion:
        return self.book.excursion(symbol)

    def close(self, symbol: str, price: float) -> None:
        self.quote(symbol, price)
        side: Literal["BUY", "SELL"] = "SELL" if self.desk.core.state.held(symbol) > 0 else "BUY"
        self.desk.signal(symbol, "SELL" if side == "SELL" else "BUY")

    def day(self, symbol: str) -> DayResult:
        state = self.desk.core.state
        found = holdings(state).get(symbol, Holdings())
        unrealised = found.unrealised(self.desk.quotes[symbol])
        return self.book.day(state, symbol, found, unrealised, self.desk.now_ns)

    def whole(self) -> DayResult:
        return self.book.whole([self.day(symbol) for symbol in CONFIG.strategy.symbols])

    @property
    def at_the_exchange(self) -> Decimal:
        """The other opinion, when all is flat: by how much the account's cash has changed."""
        return self.desk.exchange._floor.account.cash - self.desk.exchange.policies.cash


FREE = (CommissionReported,)


def test_a_long_trade_is_marked_at_the_bid() -> None:
    one = Watched(mute=FREE)
    one.sample("AAPL", 50)  # before it is open
    one.quote("AAPL", 100)
    one.desk.signal("AAPL", "BUY")
    one.sample("AAPL", 99, spread=400)
    one.sample("AAPL", 102)
    one.sample("AAPL", 101)

    seen = one.excursion()
    assert (seen.adverse, seen.favourable, seen.drawdown, seen.peak) == (1.0, 2.0, 100.0, 200.0)


def test_a_short_trade_is_marked_at_the_ask() -> None:
    one = Watched(mute=FREE)
    one.desk.signal("AAPL", "SHORT")
    one.sample("AAPL", 97)
    one.sample("AAPL", 1, spread=101)

    seen = one.excursion()
    assert (seen.adverse, seen.favourable, seen.drawdown, seen.peak) == (2.0, 3.0, 500.0, 300.0)


def test_without_a_quote_the_last_trade_is_taken_until_there_was_one() -> None:
    one = Watched(mute=FREE)
    one.desk.signal("AAPL", "BUY")
    one.look({"AAPL": MarketView("AAPL", last=98.0)})
    assert one.excursion().adverse == 2.0
    one.look({"AAPL": MarketView("AAPL", bid=97.0, last=50.0)})
    one.look({"AAPL": MarketView("AAPL", last=50.0)})  # the bid has gone; this is an old price
    one.look({"AAPL": MarketView("AAPL")})

    assert one.excursion().adverse == 3.0


def test_a_fill_is_a_price_that_was_seen() -> None:
    """Without a look at the market the exit alone tells how far the trade went."""
    one = Watched(mute=FREE)
    one.desk.signal("AAPL", "BUY")
    one.desk.trade("AAPL", 79.0, 10_000)  # through the stop at 80

    seen = one.excursion()
    assert one.desk.core.state.held("AAPL") == 0
    assert seen.favourable == 0
    assert seen.adverse == pytest.approx(20, abs=2)
    assert seen.drawdown == pytest.approx(100 * seen.adverse)


def test_a_new_trade_begins_anew_and_the_last_is_remembered_while_flat() -> None:
    one = Watched(mute=FREE)
    one.desk.signal("AAPL", "BUY")
    one.sample("AAPL", 90)
    one.close("AAPL", 91)
    one.desk.wait(5)
    before = one.excursion()
    one.sample("AAPL", 60)
    assert one.excursion() == before
    assert before.adverse == 10.0

    one.desk.signal("AAPL", "SHORT")
    one.sample("AAPL", 59)
    assert (one.excursion().adverse, one.excursion().favourable) == (0.0, 1.0)


def test_the_day_is_what_the_exchange_says() -> None:
    one = Watched()
    for price in (103, 98, 104):
        one.quote("AAPL", 100)
        one.desk.signal("AAPL", "BUY")
        one.quote("MSFT", 50)
        one.desk.signal("MSFT", "SHORT")
        one.close("AAPL", price)
        one.desk.signal("MSFT", "BUY")  # a reversal: the short trade ends, a long one begins
        one.desk.wait(5)
        one.close("MSFT", 51)
        one.desk.wait(5)

    assert one.desk.core.state.current == {}
    assert one.whole().realised == one.at_the_exchange
    assert one.whole().profit == pytest.approx(float(one.at_the_exchange))
    assert (one.day("AAPL").trades, one.day("AAPL").wins) == (3, 2)
    assert one.day("MSFT").trades == 6
    commissions = sum((notice.commission for notice in one.desk.exchange.commissions()), Decimal(0))
    assert one.whole().commission == commissions > 0


def test_a_trade_counts_from_its_end_until_it_is_told() -> None:
    """Commissions are late: the trade waits for them, and nothing is missing meanwhile."""
    one = Watched(mute=FREE)
    one.desk.signal("AAPL", "BUY")
    one.close("AAPL", 110)
    assert one.day("AAPL").realised == 1000
    one.desk.wait(5)
    assert (one.day("AAPL").realised, one.day("AAPL").trades) == (1000, 1)


def test_orders_of_the_program_count_in_the_day_with_their_commissions() -> None:
    one = Watched()
    for number, (side, price) in enumerate((("BUY", 100), ("SELL", 103))):
        one.quote("AAPL", price)
        market = one.desk.quotes["AAPL"]
        one.desk.feed(
            OrderRequested(f"o{number}", "AAPL", side, D(100), "MKT", market=market)  # type: ignore[arg-type]
        )
    direct = holdings(one.desk.core.state)["AAPL"].direct

    assert direct.quantity == 0
    assert direct.realised == one.at_the_exchange == 300 - direct.commission
    assert one.day("AAPL").realised == direct.realised
    assert one.day("AAPL").commission == direct.commission > 0


def test_a_new_day_begins_at_nothing_and_what_is_open_goes_on() -> None:
    one = Watched(mute=FREE)
    one.desk.signal("AAPL", "BUY")
    one.close("AAPL", 90)
    one.desk.wait(5)
    one.quote("MSFT", 100)
    one.desk.signal("MSFT", "BUY")
    one.sample("MSFT", 98)
    assert (one.whole().profit, one.whole().drawdown) == (-1200.0, 1200.0)

    local = datetime.fromtimestamp(one.desk.now_ns / 1e9, UTC).astimezone(EXCHANGE_ZONE)
    midnight = (local + timedelta(days=1)).replace(hour=0, minute=0, second=1)
    one.desk.now_ns = int(midnight.timestamp()) * 10**9
    one.sample("MSFT", 99)

    assert (one.day("AAPL").realised, one.day("AAPL").trades) == (0, 0)
    assert one.whole().profit == -100.0
    assert (one.whole().peak, one.whole().drawdown) == (-100.0, 0.0)
    one.sample("MSFT", 97)
    assert (one.whole().peak, one.whole().drawdown) == (-100.0, 200.0)


def test_a_day_of_a_clock_that_was_ahead_does_not_last_until_then() -> None:
    """A run begins by the machine's clock, before the exchange has told the time."""
    watched = Watched()
    state, right_ns = watched.desk.core.state, watched.desk.now_ns
    watched.book.take(state, [], right_ns)
    ends_ns = watched.book.day_ends_ns
    for ahead in (timedelta(hours=20), timedelta(days=400)):
        watched.book.take(state, [], right_ns + int(ahead.total_seconds()) * 10**9)
        assert watched.book.day_ends_ns > ends_ns
        watched.look(watched.desk.quotes)
        assert watched.book.day_ends_ns == ends_ns


def test_a_replay_gives_the_same_day() -> None:
    """Everything but what was sampled between fills, which no journal has."""
    one = Watched()
    for price in (103, 95):
        one.quote("AAPL", 100)
        one.desk.signal("AAPL", "BUY")
        one.close("AAPL", price)
        one.desk.wait(5)
    one.quote("AAPL", 100)
    one.desk.signal("AAPL", "BUY")

    again = DayBook()
    core = Kept(CONFIG, again)
    for now_ns, inputs in one.desk.records:
        core.step(inputs, now_ns)

    found = holdings(core.state)["AAPL"]
    told = again.day(core.state, "AAPL", found, 0.0, one.desk.now_ns)
    assert told == one.book.day(one.desk.core.state, "AAPL", found, 0.0, one.desk.now_ns)
    assert told.drawdown > 0
    assert again.excursion("AAPL") == one.excursion("AAPL")


moves = st.lists(
    st.tuples(st.sampled_from(("AAPL", "MSFT")), st.integers(85, 140)), min_size=1, max_size=12
)


@settings(max_examples=40, deadline=None)
@given(moves)
def test_a_drawdown_is_the_largest_fall_of_the_profit(path: list[tuple[str, int]]) -> None:
    """Two trades, one long and one short, at any prices that neither stop nor target reach."""
    one = Watched(mute=FREE)
    one.desk.signal("AAPL", "BUY")
    one.desk.signal("MSFT", "SHORT")
    sign = {"AAPL": 1, "MSFT": -1}
    profit = {"AAPL": 0, "MSFT": 0}
    curves: dict[str, list[int]] = {"AAPL": [0], "MSFT": [0], "": [0]}
    for symbol, price in path:
        level = price if symbol == "AAPL" else min(price, 115)
        one.sample(symbol, level)
        profit[symbol] = sign[symbol] * (level - 100) * 100
        curves[symbol].append(profit[symbol])
        curves[""].append(sum(profit.values()))

    def fall(curve: list[int]) -> int:
        return max(max(curve[: n + 1]) - value for n, value in enumerate(curve))

    for symbol in ("AAPL", "MSFT"):
        seen = one.excursion(symbol)
        assert seen.drawdown == fall(curves[symbol]) == one.day(symbol).drawdown
        assert seen.peak == max(curves[symbol]) == one.day(symbol).peak
        assert seen.favourable == max(0, *curves[symbol]) / 100
        assert seen.adverse == max(0, *(-value for value in curves[symbol])) / 100
    assert one.whole().drawdown == fall(curves[""])
    assert one.whole().peak == max(curves[""])
    assert one.whole().profit == sum(profit.values())

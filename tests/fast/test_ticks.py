"""What each market message does to an instrument and its bars."""

import math

import pytest

from _fast.instruments import TRADES_FROM
from _fast.market import Market
from _fast.ticks import DELAYED_FLAG, KINDS, UNREPORTED_BIT

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
NOON = 1_700_000_000 * SECOND // MINUTE * MINUTE
K = KINDS
NAN = math.nan


def market_of(**settings):
    market = Market(capacity=4)
    market.bind(7, market.add(**settings))
    market.set_clock(NOON)
    return market


def column(market, name, row=0):
    return market.instruments[name][row]


class TestColumns:
    def test_quotes_trades_and_sizes(self):
        market = market_of()
        for kind, price, size in [
            ("BID", 10.0, 1.0), ("ASK", 10.5, 2.0), ("LAST", 10.25, 3.0),
            ("BID_SIZE", NAN, 4.0), ("ASK_SIZE", NAN, 5.0), ("LAST_SIZE", NAN, 6.0),
            ("VOLUME", NAN, 700.0), ("HALTED", 2.0, NAN), ("DATA_TYPE", 2.0, NAN),
            ("OTHER", 1.0, 1.0),
        ]:  # fmt: skip
            market.apply_tick(7, K[kind], price, size)

        assert market.view(0) == (10.0, 10.5, 10.25, NOON, NOON, None, 2, 2, 0)
        assert [column(market, f"{side}_size") for side in ("bid", "ask", "last")] == [4, 5, 6]
        assert (column(market, "volume"), column(market, "ticks")) == (700.0, 10)
        assert (column(market, "spread"), column(market, "mid")) == (0.5, 10.25)

    def test_a_price_tick_without_size_leaves_the_size(self):
        market = market_of()
        for kind in ("BID", "ASK", "LAST"):
            market.apply_tick(7, K[kind], 10.0, 5.0)
            market.apply_tick(7, K[kind], 11.0, NAN)

        assert [column(market, f"{side}_size") for side in ("bid", "ask", "last")] == [5, 5, 5]

    @pytest.mark.parametrize("price", [-1.0, 0.0, NAN, math.inf, -math.inf, 1.7976931348623157e308])
    @pytest.mark.parametrize("kind", ["BID", "ASK", "LAST", "TRADE"])
    def test_no_data_is_never_a_price(self, kind, price):
        market = market_of()
        for other in ("BID", "ASK", "LAST"):
            market.apply_tick(7, K[other], 10.0, 1.0)
        market.apply_tick(7, K[kind], price, 0.0)
        name = "last" if kind == "TRADE" else kind.lower()

        assert math.isnan(column(market, name))
        assert math.isnan(column(market, "spread")) == (kind in ("BID", "ASK"))
        assert market.bar_in_progress(0).tolist()[1:5] == (10.0, 10.0, 10.0, 10.0)

    @pytest.mark.parametrize(
        "size", [-1.0, 9223372036854775807.0, 1.7976931348623157e308, math.inf]
    )
    def test_a_sentinel_is_never_a_size(self, size):
        market = market_of()
        market.apply_tick(7, K["BID"], 10.0, size)

        assert math.isnan(column(market, "bid_size"))
        assert column(market, "bid") == 10.0

    def test_a_tick_by_tick_quote_sets_both_sides(self):
        market = market_of()
        market.apply_tick(7, K["QUOTE"], 10.0, 1.0, NOON + SECOND, price2=10.5, size2=2.0)

        assert market.view(0)[:4] == (10.0, 10.5, None, NOON + SECOND)
        assert (column(market, "bid_size"), column(market, "ask_size")) == (1.0, 2.0)

    def test_delayed_kinds_say_so(self):
        market = market_of()
        market.apply_tick(7, K["BID"] | DELAYED_FLAG, 10.0, 1.0)

        assert market.view(0)[0] == 10.0
        assert column(market, "data_type") == 3

    @pytest.mark.parametrize("value", [-1.0, NAN, 1e300])
    def test_a_halt_code_that_is_none_is_unknown(self, value):
        market = market_of()
        market.apply_tick(7, K["HALTED"], 1.0, NAN)
        market.apply_tick(7, K["HALTED"], value, NAN)

        assert column(market, "halted") == -1

    @pytest.mark.parametrize(
        ("told", "code"),
        [(3.0, 3), (2.6, 3), (2.5, 2), (1.6, 2), (1.5, 1), (0.0, 1), (-1.0, 0), (NAN, 0)],
    )
    def test_whether_shares_can_be_borrowed(self, told, code):
        market = market_of()
        market.apply_tick(7, K["SHORTABLE"], 3.0, NAN)
        market.apply_tick(7, K["SHORTABLE"], told, NAN)

        assert column(market, "shortable") == code

    def test_an_unreported_trade_forms_no_price(self):
        market = market_of(trades_from=1)
        market.apply_tick(7, K["TRADE"], 10.0, 1.0, NOON, mask=1)
        market.apply_tick(7, K["TRADE"], 99.0, 1.0, NOON, mask=UNREPORTED_BIT)

        assert market.view(0)[2] == 10.0
        assert market.bar_in_progress(0)["high"] == 10.0

    def test_last_time_corrects_an_old_trade_and_not_a_fresh_one(self):
        market = market_of()
        market.set_clock(NOON + SECOND // 2)
        market.apply_tick(7, K["LAST"], 10.0, 1.0)
        market.apply_tick(7, K["LAST_TIME"], NAN, NAN, NOON)  # the same second
        assert column(market, "trade_ns") == NOON + SECOND // 2
        market.apply_tick(7, K["LAST_TIME"], NAN, NAN, NOON - 3600 * SECOND)

        assert column(market, "trade_ns") == NOON - 3600 * SECOND


class TestBarsFromMarketData:
    def test_one_trade_counts_once_however_it_is_reported(self):
        market = market_of()
        market.apply_tick(7, K["VOLUME"], NAN, 1000.0)
        for kind, price, size in [
            ("LAST", 10.0, 5.0), ("LAST_SIZE", NAN, 5.0), ("LAST_TIME", NAN, NAN),
            ("VOLUME", NAN, 1005.0), ("LAST", 10.0, 7.0), ("LAST_SIZE", NAN, 7.0),
        ]:  # fmt: skip
            market.apply_tick(7, K[kind], price, size, NOON if kind == "LAST_TIME" else 0)

        assert market.bar_in_progress(0).tolist() == (NOON, 10.0, 10.0, 10.0, 10.0, 5.0, 1)
        assert column(market, "last_size") == 7.0

    def test_volume_is_the_increase_since_the_last_message(self):
        market = market_of()
        for volume in (1_000_000.0, 1_000_010.0):  # the second has no bar yet
            market.apply_tick(7, K["VOLUME"], NAN, volume)
        market.apply_tick(7, K["LAST"], 10.0, 1.0)
        for volume in (1_000_030.0, 5.0, NAN, 7.0, 9.0):  # a new day, a gap
            market.apply_tick(7, K["VOLUME"], NAN, volume)

        assert market.bar_in_progress(0)["volume"] == 10 + 20 + 2

    def test_a_volume_after_the_interval_belongs_to_the_next_bar(self):
        market = market_of()
        market.apply_tick(7, K["VOLUME"], NAN, 100.0)
        market.apply_tick(7, K["LAST"], 10.0, 1.0)
        market.set_clock(NOON + MINUTE)
        market.apply_tick(7, K["VOLUME"], NAN, 130.0)
        market.apply_tick(7, K["LAST"], 11.0, 1.0)

        assert market.bars(0)["volume"].tolist() == [0.0]
        assert market.bar_in_progress(0)["volume"] == 30.0

    def test_what_traded_while_nobody_listened_is_in_no_bar(self):
        market = market_of()
        market.apply_tick(7, K["VOLUME"], NAN, 100.0)
        market.bind(7, 0)
        market.apply_tick(7, K["LAST"], 10.0, 1.0)
        market.apply_tick(7, K["VOLUME"], NAN, 5100.0)

        assert market.bar_in_progress(0)["volume"] == 0.0

    @pytest.mark.parametrize("trades_from", TRADES_FROM.values())
    def test_only_the_configured_stream_feeds(self, trades_from):
        market = market_of(trades_from=trades_from)
        market.apply_bar(7, NOON, 30.0, 30.0, 30.0, 30.0, 1.0)
        market.apply_tick(7, K["LAST"], 10.0, 1.0)
        market.apply_tick(7, K["TRADE"], 20.0, 1.0, NOON)
        market.apply_tick(7, K["VOLUME"], NAN, 1.0)
        market.apply_tick(7, K["VOLUME"], NAN, 50.0)
        prices = {0: (10.0, 49.0), 1: (20.0, 1.0), 2: (30.0, 1.0)}

        progress = market.bar_in_progress(0)
        assert (progress["open"], progress["volume"]) == prices[trades_from]
        assert progress["high"] == progress["low"]
        assert market.view(0)[2] == 20.0


class TestCompletion:
    def test_a_later_trade_completes(self):
        market = market_of(trades_from=1)
        for second, price in [(0, 10.0), (59, 12.0), (60, 11.0)]:
            market.apply_tick(7, K["TRADE"], price, 2.0, NOON + second * SECOND)

        assert market.bars(0).tolist() == [(NOON, 10.0, 12.0, 10.0, 12.0, 4.0, 2)]
        assert market.bar_in_progress(0)["time_ns"] == NOON + MINUTE

    def test_a_trade_behind_the_clock_moves_last_and_is_counted(self):
        market = market_of(trades_from=1)
        market.apply_tick(7, K["TRADE"], 10.0, 1.0, NOON)
        market.close_bars(NOON + MINUTE)
        market.apply_tick(7, K["TRADE"], 11.0, 1.0, NOON + 59 * SECOND)

        assert market.view(0)[2] == 11.0
        assert market.bars(0)["close"].tolist() == [10.0]
        assert market.late_trades == 1

    def test_a_trade_of_an_older_interval_changes_nothing_but_the_counter(self):
        market = market_of(trades_from=1)
        market.apply_tick(7, K["TRADE"], 10.0, 1.0, NOON + MINUTE)
        before = market.bar_in_progress(0).tolist()
        market.apply_tick(7, K["TRADE"], 99.0, 8.0, NOON + 59 * SECOND)

        assert market.view(0)[2] == 10.0
        assert column(market, "last_size") == 1.0
        assert market.bar_in_progress(0).tolist() == before
        assert market.late_trades == 1


class TestRealTimeBars:
    def feed(self, market, *parts):
        for second, price in parts:
            market.apply_bar(7, NOON + second * SECOND, price, price + 1, price - 1, price, 10.0)

    def test_twelve_make_a_minute_and_the_last_completes_it(self):
        market = market_of(trades_from=2)
        self.feed(market, *((5 * i, 20.0 + i) for i in range(12)))

        assert market.bars(0).tolist() == [(NOON, 20.0, 32.0, 19.0, 31.0, 120.0, 12)]
        assert market.bar_in_progress(0) is None
        assert market.late_trades == 0

    def test_the_clock_waits_for_the_last_part(self):
        market = market_of(trades_from=2)
        self.feed(market, (50, 20.0))
        assert market.close_bars(NOON + MINUTE + 5 * SECOND - 1) == 0
        self.feed(market, (55, 30.0))

        assert market.bars(0)["high"].tolist() == [31.0]

    def test_repeated_and_older_parts_are_dropped(self):
        market = market_of(trades_from=2)
        self.feed(market, (5, 20.0), (5, 50.0), (0, 50.0))

        assert market.bar_in_progress(0).tolist() == (NOON, 20.0, 21.0, 19.0, 20.0, 10.0, 1)
        assert market.late_trades == 2

    def test_a_part_without_trades_opens_no_bar_and_one_without_volume_does(self):
        market = market_of(trades_from=2)
        market.apply_bar(7, NOON, 10.0, 10.0, 10.0, 10.0, 0.0)
        assert market.bar_in_progress(0) is None
        market.apply_bar(7, NOON + 5 * SECOND, 10.0, 10.0, 10.0, 10.0, -1.0)

        assert market.bar_in_progress(0)["volume"] == 0.0

    @pytest.mark.parametrize(
        "prices", [(NAN, 1, 1, 1), (1, 1, 2, 1), (3, 2, 1, 1), (1, 2, 1, 3), (-1, -1, -1, -1)]
    )
    def test_a_part_without_four_prices_is_dropped(self, prices):
        market = market_of(trades_from=2)
        market.apply_bar(7, NOON, *prices, 1.0)

        assert market.bad_bars == 1
        assert market.bar_in_progress(0) is None

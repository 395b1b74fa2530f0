"""Indicators kept up with the bars of an instrument, and the conditions on them."""

import csv
import gzip
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from _fast.averages import ema, sma
from _fast.bars import BAR_DTYPE
from _fast.market import Market
from _fast.studies import FAMILIES
from _fast.ticks import KINDS
from tests.fast.indicators import CASES, DAYS, TICKS

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
NOON = 1_700_000_000 * SECOND // MINUTE * MINUTE
LAST = KINDS["LAST"]
NAMES = {
    "Sma": "sma", "Ema": "ema", "Wma": "wma", "Rsi": "rsi", "Roc": "roc", "StdDev": "stddev",
    "Atr": "atr", "VolumeAverage": "volume_average", "Macd": "macd", "Stochastic": "stochastic",
    "Adx": "adx", "Bollinger": "bollinger", "Keltner": "keltner", "Donchian": "donchian",
}  # fmt: skip
SHORT = [
    case
    for case in CASES
    if case.stream.__name__ in NAMES
    and all(isinstance(p, float) or p != 1 for p in case.parameters)
]


def market_of(*wanted, bars_max=512):
    market = Market(capacity=2, bars_max=bars_max)
    market.bind(7, market.add(60))
    market.set_clock(NOON)
    market.follow(0, wanted)
    return market


def trade(market, minute, price, second=0):
    at_ns = NOON + minute * MINUTE + second * SECOND
    market.set_clock(at_ns)
    market.apply_tick(7, LAST, price, 1.0, at_ns)
    return [number for number, _, _, _ in market.fires()]


def closes(market, *prices, first=0):
    """A bar of each price, completed by the trade of the next one; what fired."""
    return [trade(market, first + minute, price) for minute, price in enumerate(prices)]


def values(market):
    return [one[0] for one in market.studies(0)]


# -- values ----------------------------------------------------------------------------------------


def trades_of(day):
    """(time, price, size) of the trades of a recorded day."""
    path = TICKS / f"{day}.csv.gz"
    if not path.exists():
        pytest.skip(f"{path.name} does not lie beside the checkout")
    with gzip.open(path, "rt") as lines:
        for ms, kind, price, size in list(csv.reader(lines))[1:]:
            if kind == "T":
                yield NOON + int(ms) * 1_000_000, float(price), float(size)


@pytest.mark.data
def test_the_values_over_a_real_day_are_those_over_its_bars():
    """Tick by tick through the market, against the arrays over the bars that it made: to the last
    bit, for every indicator there is."""
    wanted = [(NAMES[case.stream.__name__], case.parameters) for case in SHORT]
    assert {name for name, _ in wanted} == FAMILIES.keys() - {
        "open", "high", "low", "close", "volume",
    }  # fmt: skip
    market = Market(capacity=1, bars_max=2_000)
    market.bind(7, market.add(60, trades_from=1))
    market.follow(0, wanted)
    seen = []
    minute = 0
    for at_ns, price, size in trades_of(DAYS[0]):
        market.set_clock(at_ns)
        market.apply_tick(7, KINDS["TRADE"], price, size, at_ns)
        if at_ns // MINUTE > minute:
            minute = at_ns // MINUTE
            seen.append((len(market.bars(0)), market.studies(0)))
    bars = market.bars(0)
    assert len(bars) > 380
    series = {name: np.ascontiguousarray(bars[name]) for name in ("high", "low", "close", "volume")}
    series["value"] = series["close"]
    for place, case in enumerate(SHORT):
        columns = [series[name if name in series else "value"] for name in case.inputs]
        found = case.array(*columns, *case.parameters)
        found = np.column_stack(found if isinstance(found, tuple) else (found,))
        for count, studies in seen[1:]:
            now, before, taken, needs = studies[place]
            assert taken == count
            assert needs == case.warmup
            np.testing.assert_array_equal(now, found[count - 1], err_msg=str(case))
            if count > 1:
                np.testing.assert_array_equal(before, found[count - 2], err_msg=str(case))


def test_a_number_of_the_bar_is_that_of_the_newest_one():
    market = market_of(("open", ()), ("high", ()), ("low", ()), ("close", ()))
    for second, price in enumerate((10.0, 12.0, 9.0, 11.0)):
        trade(market, 0, price, second)
    assert all(math.isnan(line) for one in values(market) for line in one)
    trade(market, 1, 20.0)
    assert values(market) == [(10.0,), (12.0,), (9.0,), (11.0,)]


def test_one_that_comes_later_takes_the_bars_that_are_kept():
    market = market_of()
    closes(market, 1.0, 2.0, 3.0, 5.0, 8.0)
    market.follow(0, [("sma", (3,)), ("sma", (9,))])
    assert market.studies(0)[0] == ((pytest.approx(10 / 3),), (pytest.approx(2.0),), 4, 3)
    assert market.studies(0)[1][2:] == (4, 9)
    assert math.isnan(values(market)[1][0])


def test_what_goes_on_is_not_begun_anew_and_what_is_given_up_is_gone():
    market = market_of(("ema", (2,)), ("sma", (2,)), bars_max=2)
    closes(market, *map(float, range(1, 30)))
    before = market.studies(0)[0]
    market.follow(0, [("wma", (2,)), ("ema", (2,))])
    assert market.studies(0)[1] == before  # of more bars than are kept
    assert market.studies(0)[0][2] == 2
    market.follow(0, [])
    assert market.studies(0) == []


def test_history_warms_them_and_comes_before_what_was_seen():
    market = market_of(("ema", (3,)), ("sma", (4,)))
    closes(market, 50.0, 51.0, first=10)
    times = [NOON + minute * MINUTE for minute in range(8)]
    history = np.zeros(8, BAR_DTYPE)
    history["time_ns"] = times
    for name in ("open", "high", "low", "close"):
        history[name] = np.arange(8) + 10.0
    market.warm(0, history)
    bars = market.bars(0)["close"]
    assert list(bars[-2:]) == [17.0, 50.0]
    assert values(market) == [(ema(bars, 3)[-1],), (sma(bars, 4)[-1],)]
    assert [one[2] for one in market.studies(0)] == [9, 9]


# -- conditions ------------------------------------------------------------------------------------


def test_two_averages_that_cross_fire_once_for_each_crossing():
    market = market_of(("sma", (1,)), ("sma", (3,)))
    up = market.when_study(0, ("sma", (1,), 0), "over", ("sma", (3,), 0))
    down = market.when_study(0, ("sma", (1,), 0), "under", ("sma", (3,), 0))
    fired = closes(market, 5.0, 5.0, 5.0, 6.0, 7.0, 8.0, 1.0, 1.0, 1.0, 1.0, 9.0, 9.0)
    assert fired == [[], [], [], [], [up], [], [], [down], [], [], [], [up]]


def test_what_is_equal_is_above_and_not_over():
    market = market_of(("sma", (1,)), ("sma", (2,)))
    above = market.when_study(0, ("sma", (1,), 0), "above", ("sma", (2,), 0))
    over = market.when_study(0, ("sma", (1,), 0), "over", ("sma", (2,), 0))
    fired = closes(market, 5.0, 4.0, 3.0, 3.0, 3.0, 4.0, 5.0)
    assert [above in one for one in fired] == [False, False, False, False, True, False, False]
    assert [over in one for one in fired] == [False, False, False, False, False, False, True]


def test_becoming_warm_is_no_crossing_unless_that_is_asked_for():
    market = market_of(("sma", (3,)))
    waits = market.when_study(0, ("sma", (3,), 0), "above", 4.0)
    takes = market.when_study(0, ("sma", (3,), 0), "above", 4.0, fire_if_true=True)
    last = market.when_study(0, "last", "above", ("sma", (3,), 0))
    at_once = market.when_study(0, "last", "above", ("sma", (3,), 0), fire_if_true=True)
    fired = closes(market, 5.0, 5.0, 5.0, 5.0, 5.0)
    assert fired == [[], [], [], [takes, at_once], []]
    assert waits not in fired[3]
    assert last not in fired[3]
    assert trade(market, 5, 1.0) == []
    assert trade(market, 5, 9.0, second=1) == [last, at_once]


def test_a_crossing_that_history_tells_of_late_is_none():
    """After a gap the bars that were missed come as history: what has crossed in them lies back."""
    market = market_of(("sma", (1,)), ("sma", (3,)))
    cross = market.when_study(0, ("sma", (1,), 0), "over", ("sma", (3,), 0))
    last = market.when_study(0, "last", "over", ("sma", (3,), 0))
    assert closes(market, 9.0, 8.0, 7.0, 6.0, 5.0) == [[]] * 5  # judged: below
    history = np.zeros(8, BAR_DTYPE)
    history["time_ns"] = [NOON + minute * MINUTE for minute in range(8)]
    for name in ("open", "high", "low", "close"):
        history[name] = [9.0, 8.0, 7.0, 6.0, 1.0, 2.0, 3.0, 3.5]
    market.warm(0, history)

    assert market.fires() == []
    assert trade(market, 8, 1.0) == []
    assert trade(market, 9, 8.0) == [last]
    assert closes(market, 9.0, first=10) == [[cross]]


def test_a_price_meets_an_average_that_moves():
    """The level stands between bars, and moves when one completes."""
    market = market_of(("sma", (2,)))
    last = market.when_study(0, "last", "over", ("sma", (2,), 0))
    closes(market, 10.0, 10.0, 10.0)  # the average is 10
    assert trade(market, 2, 10.0, 1) == []
    assert trade(market, 2, 10.01, 2) == [last]
    assert trade(market, 2, 9.0, 3) == []
    assert trade(market, 3, 9.4, 0) == []  # and now 9.5
    assert trade(market, 3, 9.51, 1) == [last]


def test_the_level_alone_may_move_over_the_price():
    market = market_of(("sma", (2,)))
    last = market.when_study(0, "bid", "over", ("sma", (2,), 0))
    market.apply_tick(7, KINDS["BID"], 9.0, 1.0, NOON)
    closes(market, 10.0, 10.0, 10.0)
    assert market.fires() == []
    assert [last in one for one in closes(market, 4.0, 4.0, 4.0, first=3)] == [False, True, False]


def test_a_condition_that_is_dropped_is_silent_and_its_indicator_may_go():
    market = market_of(("sma", (1,)), ("sma", (2,)))
    one = market.when_study(0, ("sma", (1,), 0), "over", 4.0)
    other = market.when_study(0, "last", "over", ("sma", (2,), 0))
    assert market.conditions == 2
    with pytest.raises(ValueError, match=r"a condition reads sma\(1,\): drop it first"):
        market.follow(0, [("sma", (2,))])
    assert len(market.studies(0)) == 2
    market.drop(one)
    market.drop(other)
    market.follow(0, [])
    assert closes(market, 1.0, 9.0, 9.0) == [[], [], []]
    assert market.conditions == 0


@settings(max_examples=50)
@given(st.lists(st.sampled_from("wfm"), min_size=1, max_size=12), st.data())
def test_dropping_some_leaves_each_of_the_others_its_own_level(kinds, data):
    """Standing levels, levels that float, and meetings, in any order, some of them dropped."""
    market = market_of(("sma", (1,)), ("sma", (2,)))
    number = {
        market.when(0, "last", "above", 100.0)
        if kind == "w"
        else market.when_study(0, "last", "above", ("sma", (1 + len(kinds) % 2,), 0))
        if kind == "f"
        else market.when_study(0, ("sma", (1,), 0), "above", 100.0): kind
        for kind in kinds
    }
    for one in data.draw(st.sets(st.sampled_from(sorted(number)))):
        market.drop(one)
        del number[one]
    closes(market, 9.0, 9.0, 9.0)
    assert trade(market, 3, 8.0) == []
    over = trade(market, 3, 9.5, second=1)
    assert over == [one for one, kind in number.items() if kind == "f"]
    assert trade(market, 3, 200.0, second=2) == [one for one, kind in number.items() if kind == "w"]
    assert trade(market, 4, 1.0) == [one for one, kind in number.items() if kind == "m"]


def test_without_room_for_a_fire_it_comes_with_the_next_bar():
    market = market_of(("sma", (1,)))
    count = 4_096
    for _ in range(count + 1):
        market.when_study(0, ("sma", (1,), 0), "over", 4.0)
    for minute, price in enumerate((1.0, 5.0, 5.0)):
        market.apply_tick(7, LAST, price, 1.0, NOON + minute * MINUTE)
    assert market.refused == 1
    assert len(market.fires()) == count
    assert trade(market, 3, 5.0) == [count]


def test_what_cannot_be_asked_is_refused_and_changes_nothing():
    market = market_of(("sma", (2,)))
    for wrong, said in [
        ([("smma", (2,))], "an indicator is one of open, high"),
        ([("sma", (0,))], "sma period is 1 to 10000 bars, not 0"),
        ([("sma", (2, 3))], "sma: .* argument"),
        ([("close", (3,))], "close takes no parameters"),
    ]:
        with pytest.raises(ValueError, match=said):
            market.follow(0, [("ema", (2,)), *wrong])
        assert len(market.studies(0)) == 1
    for asked, said in [
        ((("ema", (2,), 0), "over", 1.0), r"ema\(2,\) is not followed"),
        ((("sma", (2,), 1), "over", 1.0), "sma has the lines 0 to 0, not 1"),
        ((("sma", (2,), 0), "beside", 1.0), "a condition is one of above, below, over, under"),
        (("lost", "over", ("sma", (2,), 0)), "a condition reads one of bid"),
        (("last", "over", 4.0), r"an indicator is \(family, parameters, line\), not 4.0"),
        (("last", "over", None), "an indicator is .* not None"),
        (("last", "over", "bid"), "an indicator is .* not 'bid'"),
        ((None, "over", 4.0), "an indicator is .* not None"),
        ((["last"], "over", ("sma", (2,), 0)), "an indicator is .* not \\['last'\\]"),
        ((("sma", [2], 0), "over", 4.0), "an indicator is .* not"),
        ((("sma", (2,), "0"), "over", 4.0), "an indicator is .* not"),
        ((("sma", (2,), 0), "over", "4"), "an indicator is .* not '4'"),
        ((("sma", (2,), 0), "over", math.nan), "a condition's level is a finite number, not nan"),
    ]:
        with pytest.raises(ValueError, match=said):
            market.when_study(0, *asked)
    assert market.conditions == 0

"""Compiled conditions against a model that keeps one truth per condition."""

import math
from operator import ge, gt, le, lt

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from _fast.conditions import COLUMNS, FIRES_PENDING_MAX, OPS
from _fast.market import Market
from _fast.ticks import KINDS

NOW = 1_700_000_000_000_000_000
BID, ASK, LAST, VOLUME = (KINDS[name] for name in ("BID", "ASK", "LAST", "VOLUME"))
PRICES = st.one_of(st.sampled_from([-1.0, 0.0, math.nan]), st.integers(1, 9).map(float))
COLUMN = st.sampled_from(["bid", "ask", "last", "spread", "mid"])
OP = st.sampled_from(sorted(OPS))
STEPS = st.lists(
    st.one_of(
        st.tuples(
            st.just("when"), st.integers(0, 1), COLUMN, OP, st.integers(-2, 10), st.booleans()
        ),
        st.tuples(st.just("drop"), st.integers(0, 30)),
        st.tuples(st.just("tick"), st.integers(0, 1), st.sampled_from([BID, ASK, LAST]), PRICES),
    ),
    max_size=60,
)


class Model:
    """What conditions mean, in the plainest words."""

    def __init__(self):
        self.columns = [dict.fromkeys(["bid", "ask", "last"], math.nan) for _ in range(2)]
        self.watched = {}  # id -> [row, column, op, level, truth]
        self.fires = []
        self.ids = 0

    def value(self, row, column):
        at = self.columns[row]
        if column == "spread":
            return at["ask"] - at["bid"]
        if column == "mid":
            return (at["ask"] + at["bid"]) / 2
        return at[column]

    def evaluate(self, ids):
        for i in ids:
            row, column, op, level, before = self.watched[i]
            value = self.value(row, column)
            if math.isnan(value):
                continue
            truth = {"above": ge, "below": le, "over": gt, "under": lt}[op](value, level)
            if truth and before is False:
                self.fires.append((i, row, value))
            self.watched[i][4] = truth

    def when(self, row, column, op, level, fire_if_true):
        self.watched[self.ids] = [row, column, op, level, False if fire_if_true else None]
        self.evaluate([self.ids])
        self.ids += 1

    def tick(self, row, kind, price):
        name = {BID: "bid", ASK: "ask", LAST: "last"}[kind]
        self.columns[row][name] = price if price > 0 else math.nan
        self.evaluate([i for i, watched in self.watched.items() if watched[0] == row])


def market_of(rows=1, **bounds):
    market = Market(**bounds)
    for request in range(rows):
        market.bind(request, market.add())
    market.set_clock(NOW)
    return market


@given(STEPS)
def test_conditions_fire_as_the_model_says(steps):
    market, model = market_of(2), Model()
    for kind, *arguments in steps:
        if kind == "when":
            row, column, op, level, fire_if_true = arguments
            market.when(row, column, op, level, fire_if_true=fire_if_true)
            model.when(*arguments)
        elif kind == "drop":
            known = arguments[0] in model.watched
            model.watched.pop(arguments[0], None)
            if known:
                market.drop(arguments[0])
            else:
                with pytest.raises(KeyError):
                    market.drop(arguments[0])
        else:
            fired = market.fired
            count = market.apply_tick(*arguments, size=1.0)
            assert count == market.fired - fired
            model.tick(*arguments)

    assert model.fires == [fire[:3] for fire in market.fires()]
    assert market.conditions == len(model.watched)


def test_fires_once_per_crossing_and_reaching_the_level_counts():
    market = market_of()
    condition = market.when(0, "last", "above", 100.0)
    for price in (99.0, 100.0, 101.0, 100.0, 99.99, 100.0):
        market.apply_tick(0, LAST, price, 1.0)

    assert market.fires() == [(condition, 0, 100.0, NOW), (condition, 0, 100.0, NOW)]
    assert market.fires() == []
    assert market.fired == 0


def test_true_with_the_first_price_waits_for_false():
    """Registered before any price, as at every start: what is above already has not crossed."""
    market = market_of()
    condition = market.when(0, "last", "above", 100.0)
    for price in (105.0, math.nan, 106.0, 99.0, 101.0):
        market.apply_tick(0, LAST, price, 1.0)

    assert market.fires() == [(condition, 0, 101.0, NOW)]


def test_a_price_that_is_gone_for_a_while_is_no_crossing():
    market = market_of()
    condition = market.when(0, "bid", "above", 100.0)
    for price in (99.0, 101.0, -1.0, 102.0, 99.0, -1.0, 103.0):
        market.apply_tick(0, BID, price, 1.0)

    assert [fire[:3] for fire in market.fires()] == [(condition, 0, 101.0), (condition, 0, 103.0)]


def test_true_at_registration_waits_for_false():
    market = market_of()
    market.apply_tick(0, LAST, 105.0, 1.0)
    market.when(0, "last", "above", 100.0)
    market.apply_tick(0, LAST, 106.0, 1.0)
    assert market.fires() == []
    market.apply_tick(0, LAST, 99.0, 1.0)
    market.apply_tick(0, LAST, 101.0, 1.0)

    assert len(market.fires()) == 1


def test_fire_if_true_fires_at_once():
    market = market_of()
    market.apply_tick(0, LAST, 105.0, 1.0)
    condition = market.when(0, "last", "above", 100.0, fire_if_true=True)

    assert market.fires() == [(condition, 0, 105.0, NOW)]
    market.apply_tick(0, LAST, 106.0, 1.0)
    assert market.fires() == []


def test_a_fire_is_dated_by_its_message():
    market = market_of()
    condition = market.when(0, "last", "below", 10.0)
    market.apply_tick(0, KINDS["TRADE"], 11.0, 1.0, NOW + 4)
    market.apply_tick(0, KINDS["TRADE"], 9.0, 1.0, NOW + 5)

    assert market.fires() == [(condition, 0, 9.0, NOW + 5)]


def test_no_quote_is_neither_true_nor_false():
    market = market_of()
    market.when(0, "spread", "below", 0.5)
    market.apply_tick(0, BID, 10.0, 1.0)
    for ask in (11.0, -1.0, 10.25, -1.0, 10.125, 11.0, 10.375):
        market.apply_tick(0, ASK, ask, 1.0)

    assert [fire[2] for fire in market.fires()] == [0.25, 0.375]


def test_atr_fires_when_its_bar_completes():
    market = Market()
    row = market.add(bar_seconds=60, atr_period=2)
    market.bind(0, row)
    start = NOW // 60_000_000_000 * 60_000_000_000
    condition = market.when(row, "atr", "above", 2.5)
    for minute, price in enumerate([10.0, 12.0, 13.0, 17.0, 17.0]):
        market.apply_tick(0, KINDS["TRADE"], price, 1.0, start + minute * 60_000_000_000)
        market.set_clock(start + minute * 60_000_000_000)
        market.apply_tick(0, LAST, price, 1.0)

    assert market.fires() == [(condition, row, 2.75, start + 4 * 60_000_000_000)]


def test_a_full_buffer_puts_fires_off_and_says_so():
    market = market_of()
    market.apply_tick(0, VOLUME, math.nan, 9.0)
    for _ in range(FIRES_PENDING_MAX + 1):
        market.when(0, "volume", "above", 10.0)
    assert market.apply_tick(0, VOLUME, math.nan, 11.0) == FIRES_PENDING_MAX
    assert market.refused == 1
    first = market.fires()
    assert market.apply_tick(0, VOLUME, math.nan, 12.0) == 1
    second = market.fires()

    assert [fire[0] for fire in first + second] == list(range(FIRES_PENDING_MAX + 1))


def test_a_row_does_not_see_the_conditions_of_another():
    market = market_of(2)
    market.when(0, "last", "above", 5.0)
    market.apply_tick(1, LAST, 6.0, 1.0)

    assert market.fires() == []


def test_ids_are_not_used_twice():
    market = market_of()
    first = market.when(0, "last", "above", 5.0)
    market.drop(first)

    assert market.when(0, "last", "above", 5.0) != first
    with pytest.raises(KeyError, match=f"no condition {first}"):
        market.drop(first)


@settings(max_examples=20)
@given(st.sampled_from(sorted(COLUMNS)))
def test_every_column_is_read_from_its_own_place(column):
    market = market_of()
    values = {
        "bid": 10.0, "ask": 14.0, "last": 11.0, "bid_size": 21.0, "ask_size": 22.0,
        "last_size": 23.0, "volume": 24.0, "spread": 4.0, "mid": 12.0,
    }  # fmt: skip
    market.apply_tick(0, BID, 10.0, 21.0)
    market.apply_tick(0, ASK, 14.0, 22.0)
    market.apply_tick(0, LAST, 11.0, 23.0)
    market.apply_tick(0, VOLUME, math.nan, 24.0)
    market.when(0, column, "above", 0.0, fire_if_true=True)

    assert [fire[2] for fire in market.fires()] == ([values[column]] if column != "atr" else [])


@pytest.mark.parametrize(
    ("arguments", "error", "reason"),
    [
        ((0, "price", "above", 1.0), ValueError, "one of bid, ask, last.* not 'price'"),
        ((0, "last", "beside", 1.0), ValueError, "above, below, over, under, not 'beside'"),
        ((0, "last", "above", math.nan), ValueError, "finite number, not nan"),
        ((0, "last", "above", math.inf), ValueError, "finite number, not inf"),
        ((1, "last", "above", 1.0), IndexError, "row 1 is not one of the 1 added"),
        ((-1, "last", "above", 1.0), IndexError, "row -1"),
    ],
)
def test_wrong_conditions_are_refused(arguments, error, reason):
    market = market_of()
    with pytest.raises(error, match=reason):
        market.when(*arguments)

    assert market.conditions == 0


def test_the_number_of_conditions_is_bounded():
    market = market_of(conditions_max=2)
    market.when(0, "last", "above", 1.0)
    first = market.when(0, "last", "above", 2.0)
    with pytest.raises(ValueError, match="holds 2 conditions"):
        market.when(0, "last", "above", 3.0)
    market.drop(first)

    assert market.when(0, "last", "above", 3.0) > first

"""What a stretch is given comes back from it as it was, as long as nothing is played."""

from __future__ import annotations

import attrs
import numpy as np
import pytest

from _fast.market import Market
from _fast.reader import Reader
from _fast.stretch import QUOTES, SIDES, STREAMS, Stretch
from engine.calm import Calm, HeldLook
from engine.sim.book import Book
from engine.sim.instruments import instrument
from engine.sim.levels import Levels
from engine.sim.quiet import Measured
from engine.sim.streams import QuoteStream
from engine.sim.wire import encoder_of

IBM = instrument("IBM")
DAY_NS = 86_400_000_000_000
SPOKEN = ((QUOTES, 7), (SIDES, 8))


def stretch(symbols: int = 1) -> Stretch:
    market = Market(capacity=1)
    return Stretch(market, Reader(-1, -1, market, 178), symbols)


def book(**fields: float) -> Book:
    made = Book(IBM, 1, 0)
    for name, value in fields.items():
        setattr(made, name, value)
    return made


def words(one: Book) -> dict[str, object]:
    return {name: getattr(one, name) for name in Book.__slots__}


@pytest.mark.parametrize(
    "fields",
    [{}, {"bid": 9.5, "bid_size": 100, "bid_left": 40, "bid_ns": 5, "quoted": True},
     {"ask": 10.0, "last": 9.75, "last_size": 3, "print_left": 1, "volume": 12, "low": 9.0}],
)  # fmt: skip
def test_a_book_and_what_was_told_of_it(fields: dict[str, float]) -> None:
    one, told = book(**fields), QuoteStream(7, IBM, encoder_of(226))
    told.bid, told.high, told.last_size = 9.25, 11.0, 30
    before, loaded = words(one), stretch()

    loaded.load(0, one, told, SPOKEN, Levels(DAY_NS), Measured())
    told.bid, told.ask, told.last_size = None, 1.0, 0
    one.bid = one.last = 1.0

    assert loaded.unload(0, one, told) is False  # nothing has traded
    assert words(one) == before
    assert (told.bid, told.ask, told.high, told.last_size) == (9.25, None, 11.0, 30)


def test_a_symbol_of_which_nothing_is_told() -> None:
    one, loaded = book(last=3.0), stretch(2)
    loaded.load(1, one, None, (), Levels(DAY_NS), Measured())
    assert loaded.unload(1, one, None) is False
    assert one.last == 3.0


def test_a_trade() -> None:
    trade = Measured(-1, 10.5, "A", 0.25, 0.5)
    loaded = stretch()
    loaded.load(0, book(), None, (), Levels(DAY_NS), trade)
    found = attrs.evolve(trade, mark="T", adverse=9.0, favourable=9.0)
    assert loaded.measured(0, found) is False  # no quote was looked at
    assert found == trade


def test_idle_looks() -> None:
    numbers = {
        one.name: index / 4
        for index, one in enumerate(attrs.fields(HeldLook))
        if one.type == "float"
    }
    looks = [
        HeldLook(symbol=symbol, row=0, sign=1, samples=samples, quoted=True, seen=False, **numbers)
        for symbol, samples in (("IBM", 3), ("SPY", 4))
    ]
    calm = Calm(
        due_ns=1000, idle_ns=10, bars_closed_ns=1, bars_every_ns=2, day_ends_ns=3,
        loss_max=4.0, fall_max=5.0, profit=6.0, peak=7.0, drawdown=8.0, looks=looks,
    )  # fmt: skip
    before = attrs.evolve(calm, looks=[attrs.evolve(one) for one in looks], looked_ns=990)
    loaded = stretch()

    loaded.look_around(calm, 0)
    calm.profit = looks[0].peak = looks[1].open = -1.0
    looks[0].quoted = False
    loaded.deadline_ns = 1000
    loaded.looked(calm, 0)

    assert calm == before
    assert looks[0].quoted is True
    loaded.look_around(None, 0)
    assert not loaded.calm


def test_what_it_has_no_room_for() -> None:
    loaded = stretch()
    with pytest.raises(ValueError, match="symbol 1 of 1"):
        loaded.load(1, book(), None, (), Levels(DAY_NS), Measured())
    with pytest.raises(ValueError, match="symbol -1 of 1"):
        loaded.unload(-1, book(), None)
    with pytest.raises(ValueError, match=f"at most {STREAMS}"):
        loaded.load(0, book(), None, ((QUOTES, 1),) * (STREAMS + 1), Levels(DAY_NS), Measured())


@pytest.mark.parametrize("places", [[0, 2], [-1, 0]])
def test_a_tick_of_a_symbol_that_is_not_there(places: list[int]) -> None:
    count = len(places)
    columns = np.zeros(count, np.uint8), np.ones(count), np.ones(count, np.int64)
    with pytest.raises(ValueError, match=r"symbol (2|-1) of 2"):
        stretch(2).over_columns(np.arange(count), np.array(places, np.int32), *columns)

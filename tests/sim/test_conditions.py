"""Orders that wait for conditions, or are cancelled by them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from engine.sim import instruments
from engine.sim.conditions import EXECUTION, MARGIN, PERCENT, PRICE, TIME, VOLUME, Condition

IBM, BAC = instruments.con_id("IBM"), instruments.con_id("BAC")


def price(above: float, con_id: int = BAC, **more: Any) -> Condition:
    return Condition(kind=PRICE, con_id=con_id, value=Decimal(str(above)), **more)


def test_an_order_waits_for_the_price_of_another_instrument(trial, read):
    t = trial()
    t.quote(99.98, 100.0)
    said = t.place(1, "BUY", 50, "MKT", conditions=(price(14.0),))
    assert read.statuses(said) == [(1, "PreSubmitted", "")]
    t.quote(13.98, 14.2)
    assert read.fills(t.tick("T", 13.99, symbol="BAC")) == []
    said = t.tick("T", 14.0, symbol="BAC")
    assert read.statuses(said)[0] == (1, "Submitted", "")
    assert read.fills(t.quote(99.98, 100.0)) == [] or t.position() == 50
    assert t.position() == 50
    t.check()


def test_a_condition_that_holds_already_keeps_nobody_waiting(trial, read):
    t = trial()
    t.quote(99.98, 100.0)
    t.tick("T", 14.5, symbol="BAC")
    said = t.place(1, "BUY", 50, "MKT", conditions=(price(14.0),))
    assert read.fills(said) == [(1, 50, 100.0)]


def test_once_true_is_enough(trial, read):
    t = trial()
    t.place(1, "BUY", 50, "LMT", limit_price="99", conditions=(price(14.0),))
    t.tick("T", 14.0, symbol="BAC")
    t.tick("T", 13.0, symbol="BAC")
    t.quote(98.5, 98.9)
    assert t.position() == 50


def test_a_condition_may_cancel_the_order(trial, read):
    t = trial()
    t.quote(99.98, 100.0)
    said = t.place(
        1, "BUY", 50, "LMT", limit_price="99", conditions=(price(14.0),), conditions_cancel=True
    )
    assert read.statuses(said) == [(1, "Submitted", "")]
    said = t.tick("T", 14.1, symbol="BAC")
    assert read.errors(said) == [202]
    t.place(2, "BUY", 50, "LMT", limit_price="99", conditions=(price(14.0),),
            conditions_cancel=True)  # fmt: skip
    assert t.live(2) is None


def test_conditions_are_joined_from_left_to_right(trial):
    t = trial()
    later = Condition(kind=TIME, time_ns=t.now_ns + 10_000_000_000, conjunction=False)
    low = price(13.0, is_more=False)
    t.place(1, "BUY", 50, "LMT", limit_price="99", conditions=(price(14.0), later, low))
    t.tick("T", 14.5, symbol="BAC")
    assert t.live(1).status == "PreSubmitted"  # the price alone is not enough
    t.wait(11)
    assert t.live(1).status == "Submitted"
    t.place(2, "BUY", 50, "LMT", limit_price="99",
            conditions=(price(15.0), Condition(kind=TIME, time_ns=t.now_ns + 10**10,
                                               conjunction=False), low))  # fmt: skip
    t.tick("T", 12.9, symbol="BAC")  # or
    assert t.live(2).status == "Submitted"


def test_a_time_condition_may_mean_before(trial, read):
    t = trial()
    t.quote(99.98, 100.0)
    early = Condition(kind=TIME, is_more=False, time_ns=t.now_ns + 10**9)
    assert read.fills(t.place(1, "BUY", 50, "MKT", conditions=(early,))) == [(1, 50, 100.0)]
    t.wait(2)
    said = t.place(2, "BUY", 50, "MKT", conditions=(early,))
    assert read.fills(said + t.quote(99.98, 100.0)) == []


def test_volume_change_and_executions_can_be_waited_for(trial, read, hours):
    t = trial()
    t.tick("T", 14.0, 100, symbol="BAC")
    t.wait((hours[1][0] - t.now_ns) / 1e9)
    conditions = {
        1: Condition(kind=VOLUME, con_id=BAC, value=Decimal(300)),
        2: Condition(kind=PERCENT, con_id=BAC, value=Decimal(5)),
        3: Condition(kind=EXECUTION, symbol="BAC", sec_type="STK", exchange="SMART"),
    }
    for order_id, one in conditions.items():
        t.place(order_id, "BUY", 50, "LMT", limit_price="99", conditions=(one,))

    def working() -> list[int]:
        return [o.order_id for o in t.exchange.open_orders() if o.status == "Submitted"]

    t.tick("T", 14.1, 299, symbol="BAC")
    assert working() == []
    t.tick("T", 14.1, 1, symbol="BAC")
    assert working() == [1]
    t.tick("T", 14.7, 1, symbol="BAC")
    assert working() == [1, 2]
    t.tick("A", 14.8, 500, symbol="BAC")
    t.place(4, "BUY", 10, "MKT", symbol="BAC")
    assert working() == [1, 2, 3]


@pytest.mark.parametrize(("ignore", "status"), [(True, "Submitted"), (False, "PreSubmitted")])
def test_prices_of_extended_hours_count_only_if_told_so(trial, hours, ignore, status):
    t = trial(start_ns=hours[0][1] + 60_000_000_000)
    t.place(1, "BUY", 50, "LMT", limit_price="9", outside_rth=True, conditions=(price(14.0),),
            conditions_ignore_rth=ignore)  # fmt: skip
    t.tick("T", 14.5, symbol="BAC")
    assert t.live(1).status == status


def test_new_conditions_replace_the_old_ones(trial):
    t = trial()
    t.place(1, "BUY", 50, "LMT", limit_price="99", conditions=(price(14.0),))
    t.place(1, "BUY", 50, "LMT", limit_price="99", conditions=(price(15.0),))
    t.tick("T", 14.5, symbol="BAC")
    assert t.live(1).status == "PreSubmitted"
    t.place(1, "BUY", 50, "LMT", limit_price="99")
    assert t.live(1).status == "Submitted"


@pytest.mark.parametrize(
    "bad",
    [
        Condition(kind=MARGIN, value=Decimal(30)),
        price(14.0, con_id=1),
        price(14.0, trigger_method=1),
        Condition(kind=EXECUTION, symbol="MSFT"),
    ],
)
def test_conditions_that_nobody_watches_are_refused(trial, read, bad):
    t = trial()
    assert read.errors(t.place(1, "BUY", 50, "MKT", conditions=(bad,))) == [321]
    assert t.exchange.open_orders() == []


def test_a_cancelled_order_is_watched_no_longer(trial, read):
    t = trial()
    t.place(1, "BUY", 50, "MKT", conditions=(price(14.0),))
    t.cancel(1)
    assert read.statuses(t.tick("T", 14.5, symbol="BAC")) == []
    assert t.exchange._release.watching == []

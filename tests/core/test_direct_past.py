"""Orders placed directly are forgotten when nothing can happen to them any more; what they have
brought is not."""

from __future__ import annotations

from decimal import Decimal

import attrs
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.config import from_mapping
from engine.events import RefusalEvent
from engine.holdings import Holding, holdings
from engine.inputs import CancelRequested, OcoLeg, OcoRequested, OrderRequested
from engine.portfolio import exposures
from engine.view import group_view
from tests.core.desk import Desk

CONFIG = from_mapping(
    {
        "strategy": {"symbols": ["AAA", "BBB"], "sizing": {"shares": 100}},
        "limits": {"orders_per_minute_max": 10_000, "orders_per_second_max": 10_000},
    }
)
HALF_AN_HOUR_S = 1800.0


def desk() -> Desk:
    made = Desk(CONFIG)
    for symbol in ("AAA", "BBB"):
        made.quote(symbol, 100.0, 100.0)
    return made


def order(d: Desk, name: str, side: str, shares: int, limit: int | None = None) -> None:
    kind, price = ("MKT", None) if limit is None else ("LMT", Decimal(limit))
    d.feed(
        OrderRequested(name, "AAA", side, Decimal(shares), kind, price, "GTC", d.quotes["AAA"])  # type: ignore[arg-type]
    )


def direct(d: Desk) -> Holding:
    return holdings(d.core.state)["AAA"].direct


def test_a_day_of_orders_leaves_their_sum() -> None:
    d = desk()
    for number in range(40):
        order(d, f"o{number}", "BUY" if number % 2 else "SELL", 7)
        d.wait(1)
    order(d, "kept", "BUY", 7)
    state, before = d.core.state, direct(d)
    assert before.quantity == 7
    assert len(state.groups) == 41
    d.wait(HALF_AN_HOUR_S)

    assert state.groups == state.orders == state.by_ref == state.references == {}
    assert direct(d) == before
    assert state.held("AAA") == d.exchange.position("AAA") == 7
    assert not state.frozen


def test_what_an_order_brings_later_counts_on() -> None:
    d = desk()
    order(d, "in", "BUY", 30)
    d.wait(HALF_AN_HOUR_S)
    d.quote("AAA", 110.0, 110.0)
    order(d, "out", "SELL", 10)
    d.wait(5)

    found = direct(d)
    assert (found.quantity, found.average_price) == (20, 100)
    assert found.realised + found.commission == 100
    assert exposures(d.core.state)["AAA"].direct.gross == 2000


def test_an_order_that_lives_keeps_what_came_after_it() -> None:
    """And when it has ended all go, each in its turn."""
    d = desk()
    order(d, "rests", "BUY", 5, limit=90)
    order(d, "done", "BUY", 5)
    d.wait(2 * HALF_AN_HOUR_S)
    assert len(d.core.state.groups) == 2
    d.feed(CancelRequested("rests"))
    d.wait(HALF_AN_HOUR_S)

    assert d.core.state.groups == {}
    assert direct(d).quantity == 5


def test_a_reference_is_known_for_another_day() -> None:
    d = desk()
    order(d, "once", "BUY", 5)
    legs = OcoLeg("BUY", "LMT", Decimal(90)), OcoLeg("BUY", "STP", Decimal(110))
    d.feed(OcoRequested("pair", "AAA", Decimal(5), legs, d.quotes["AAA"]))
    d.feed(CancelRequested("pair"))
    d.wait(HALF_AN_HOUR_S)
    assert d.core.state.groups == {}
    told = {name: group_view(d.core.state, name) for name in ("once", "pair", "never")}
    assert {name: one and (one.kind, one.state) for name, one in told.items()} == {
        "once": ("order", "done"),
        "pair": ("oco", "done"),
        "never": None,
    }
    order(d, "once", "BUY", 5)

    refused = [one.reason for one in d.events if isinstance(one, RefusalEvent)]
    assert refused == ["duplicate_reference"]
    assert d.exchange.position("AAA") == 5


def test_a_restart_and_repeated_executions_change_nothing() -> None:
    d = desk()
    order(d, "in", "BUY", 30)
    d.wait(HALF_AN_HOUR_S)
    before = direct(d)
    d.restart()
    d.wait(120)

    assert direct(d) == before
    assert not d.core.state.frozen


@settings(max_examples=40)
@given(
    st.lists(
        st.tuples(st.sampled_from(["BUY", "SELL"]), st.integers(1, 9), st.integers(95, 105)),
        min_size=1,
        max_size=12,
    )
)
def test_forgotten_or_not_the_sum_is_the_same(deals: list[tuple[str, int, int]]) -> None:
    quick, slow = desk(), desk()
    for number, (side, shares, price) in enumerate(deals):
        for d in (quick, slow):
            d.quote("AAA", float(price), float(price))
            order(d, f"o{number}", side, shares)
            d.wait(HALF_AN_HOUR_S if d is slow else 1.0)
    assert slow.core.state.groups == {}
    assert len(quick.core.state.groups) == len(deals)
    one, other = direct(quick), direct(slow)
    assert (
        abs(one.realised - other.realised) < Decimal("1e-20") * bool(one.quantity) or one == other
    )
    assert attrs.evolve(one, realised=other.realised) == other

"""A desk whose account a person trades as well, in TWS."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal

from engine.config import from_mapping
from engine.inputs import Input, OrderRequested
from engine.sim.matching import Deal
from engine.sim.records import SimOrder
from tests.core.desk import ACCOUNT, Desk, Retell
from tests.core.test_scenarios import MIRROR_WORD

BY_HAND = 0  # the client of orders that a person makes in TWS


def desk(policy: str, connect: bool = True, **settings: object) -> Desk:
    strategy = {
        "symbols": ["AAPL"],
        "sizing": {"shares": 100},
        "stop": {"percent": 5},
        "target": {"percent": 10},
        "foreign_orders": policy,
        **settings,
    }
    made = Desk(from_mapping({"strategy": strategy}), connect=connect)
    made.quote("AAPL", 100.0, 100.0)
    return made


def by_hand(d: Desk, action: str, quantity: int, limit: int | None = None) -> int:
    """A person orders in TWS; the number of the order."""
    d.courier.used = True  # the broker holds more than we do from here on
    number = d.exchange.next_order_id(BY_HAND)
    order = SimOrder(
        order_id=number,
        client_id=BY_HAND,
        perm_id=0,
        instrument=d.instruments["AAPL"],
        account=ACCOUNT,
        action=action,
        quantity=Decimal(quantity),
        order_type="MKT" if limit is None else "LMT",
        limit_price=None if limit is None else Decimal(limit),
    )
    d.deliver(d.exchange.place(BY_HAND, order))
    return number


def fill_by_hand(d: Desk, number: int, quantity: int) -> None:
    """An execution of a person's order, whatever the market shows."""
    floor = d.exchange._floor
    live = d.exchange._registry.find(BY_HAND, number)
    assert live is not None
    floor._fill(live, Deal(Decimal(quantity), Decimal(100), True))
    floor.finish()
    d.deliver(floor.drain())


def enter(d: Desk, side: int) -> None:
    d.signal("AAPL", "BUY" if side > 0 else "SHORT")
    assert d.core.state.held("AAPL") == 100 * side


def directly(d: Desk, side: int) -> None:
    """Forty shares of the caller's own."""
    word = "BUY" if side > 0 else "SELL"
    d.feed(OrderRequested("own", "AAPL", word, Decimal(40), "MKT", None, "DAY", d.quotes["AAPL"]))


def words(side: int, *long: str) -> list[str]:
    """Orders of a long position, or their mirror at 100."""
    if side > 0:
        return sorted(long)
    mirrored = []
    for line in long:
        action, quantity, kind, price = line.split()
        mirrored.append(f"{MIRROR_WORD[action]} {quantity} {kind} {200 - Decimal(price)}")
    return sorted(mirrored)


@contextmanager
def changed(d: Desk, change: Callable[[Input], Input]) -> Iterator[list[Input]]:
    """Meanwhile all that the broker tells unasked is changed on its way; what it told."""
    before, told = d.courier.change, []

    def changes(one: Input) -> Input:
        told.append(one)
        return change(before(one))

    d.courier.used = True
    d.courier.change = changes
    yield told
    d.courier.change = before


@contextmanager
def answered(d: Desk, change: Retell) -> Iterator[None]:
    """Meanwhile the broker's answers are changed."""
    before = d.retell
    d.retell = lambda asked, answer: change(asked, before(asked, answer))
    yield
    d.retell = before

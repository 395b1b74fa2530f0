"""Positions against a plain fold written the other way round, over any delivery of executions."""

from __future__ import annotations

from decimal import Decimal

import hypothesis.strategies as st
import pytest
from hypothesis import given

from engine.inputs import ExecutionReported, Side
from engine.positions import Ledger, Position, fold, revision
from tests.core.desk import ACCOUNT, CLIENT

quantities = st.integers(1, 500).map(Decimal)
prices = st.integers(100, 20_000).map(lambda cents: Decimal(cents) / 100)
sides = st.sampled_from(("BUY", "SELL"))


def execution(
    name: str, side: Side, quantity: Decimal | int, price: Decimal | str | int, order_id: int = 1
) -> ExecutionReported:
    return ExecutionReported(
        name, order_id, 0, CLIENT, "", ACCOUNT, 1, "AAPL", side, Decimal(quantity),
        Decimal(price), Decimal(quantity), "ISLAND", "", False,
    )  # fmt: skip


fills = st.lists(st.tuples(sides, quantities, prices), max_size=25)


@given(fills)
def test_quantity_and_money_add_up(deals: list[tuple[Side, Decimal, Decimal]]) -> None:
    """Cash in and out is the second opinion: realised + what is held at cost = cash."""
    position, cash, held = Position(), Decimal(0), Decimal(0)
    for side, quantity, price in deals:
        sign = 1 if side == "BUY" else -1
        position.apply(sign * quantity, price)
        cash -= sign * quantity * price
        held += sign * quantity
        assert position.quantity == held
        at_cost = position.quantity * position.average_price
        assert position.realised == pytest.approx(cash + at_cost, abs=Decimal("1e-12"))
        assert (position.average_price == 0) == (held == 0)
        assert held != 0 or position.realised == cash, "exact when nothing is held"
    assert position.opened_quantity - position.closed_quantity == abs(held)


@given(fills, st.randoms(use_true_random=False))
def test_every_delivery_gives_the_same_position(
    deals: list[tuple[Side, Decimal, Decimal]], chance: object
) -> None:
    """Each fill arrives as .01 and perhaps a correction .02, one to three times each, in any
    order; commissions in between and ahead. The latest revisions alone count."""
    latest: dict[str, ExecutionReported] = {}
    messages: list[ExecutionReported] = []
    for number, (side, quantity, price) in enumerate(deals):
        first = execution(f"e.{number}.01", side, quantity, price)
        latest[f"e.{number}"] = first
        messages += [first] * chance.randint(1, 3)  # type: ignore[attr-defined]
        if chance.random() < 0.5:  # type: ignore[attr-defined]
            corrected = chance.choice((0, 1, quantity))  # type: ignore[attr-defined]
            second = execution(f"e.{number}.02", side, corrected, price + 1)
            latest[f"e.{number}"] = second
            messages += [second] * chance.randint(1, 2)  # type: ignore[attr-defined]
    chance.shuffle(messages)  # type: ignore[attr-defined]
    ledger = Ledger()
    for message in messages:
        before = ledger.position.quantity
        change = ledger.add(message, 1)
        assert ledger.position.quantity == before + (change or 0)
        ledger.charge(message.execution_id, Decimal("1.5"))
    held = sum((f.quantity if f.side == "BUY" else -f.quantity for f in latest.values()), Decimal())
    assert ledger.position.quantity == held
    assert ledger.filled(1) == sum((f.quantity for f in latest.values()), Decimal())
    assert ledger.commission == Decimal("1.5") * len(latest)
    assert ledger.commissions_complete
    recomputed = fold(ledger.fills.values())
    assert recomputed.quantity == ledger.position.quantity
    assert recomputed.realised == pytest.approx(ledger.position.realised, abs=Decimal("1e-12"))


def test_average_of_a_position_that_grows_shrinks_and_turns() -> None:
    position = Position()
    position.apply(Decimal(100), Decimal(100))
    position.apply(Decimal(50), Decimal(103))
    assert position.average_price == 101
    position.apply(Decimal(-50), Decimal(104))
    assert (position.average_price, position.realised) == (101, 150)
    position.apply(Decimal(-160), Decimal(99))
    assert (position.quantity, position.average_price, position.realised) == (-60, 99, -50)
    assert position.unrealised(Decimal(98)) == 60
    assert position.exit_price == (50 * 104 + 100 * 99) / Decimal(150)


def test_a_correction_replaces_and_an_older_revision_is_ignored() -> None:
    ledger = Ledger()
    assert ledger.add(execution("a.01", "BUY", 100, 10), 1) == 100
    assert ledger.add(execution("a.02", "BUY", 60, 11), 1) == -40
    assert ledger.add(execution("a.01", "BUY", 100, 10), 1) is None
    assert ledger.position.average_price == 11
    assert ledger.add(execution("a.03", "BUY", 0, 11), 1) == -60
    assert (ledger.position.quantity, ledger.filled(1), ledger.average(1)) == (0, 0, 0)


def test_the_later_revision_may_come_first() -> None:
    ledger = Ledger()
    assert ledger.add(execution("a.02", "BUY", 60, 11), 1) == 60
    assert ledger.add(execution("a.01", "BUY", 100, 10), 1) is None
    assert ledger.position.quantity == 60


def test_fills_are_counted_for_their_own_order() -> None:
    ledger = Ledger()
    ledger.add(execution("a.01", "BUY", 100, 10), 1)
    ledger.add(execution("b.01", "BUY", 50, 16), 1)
    ledger.add(execution("c.01", "SELL", 70, 12), 2)
    assert (ledger.filled(1), ledger.filled(2), ledger.filled(3)) == (150, 70, 0)
    assert ledger.average(1) == 12
    assert not ledger.commissions_complete
    for name, fee in (("a.01", 1), ("b.01", 2), ("c.01", -1)):
        ledger.charge(name, Decimal(fee))
    assert ledger.commission == 2
    assert ledger.commissions_complete


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("0000e0d5.6543.01.02", ("0000e0d5.6543.01", 2)),
        ("x.01", ("x", 1)),
        ("x", ("x", 0)),
        ("x.y", ("x.y", 0)),
        (".01", (".01", 0)),
    ],
)
def test_revision(name: str, expected: tuple[str, int]) -> None:
    assert revision(name) == expected

"""Positions against a plain fold written the other way round, over any delivery of executions."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

import attrs
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


# -- any delivery, against a plain fold -------------------------------------------------------


@attrs.frozen
class Message:
    """What TWS may deliver: an execution or a correction of one (0 shares: it was busted), or
    the commission of either."""

    deal: int
    revision: int
    side: Side
    quantity: Decimal
    price: Decimal
    commission: Decimal | None = None

    @property
    def execution_id(self) -> str:
        return f"0000e0d5.{self.deal}.01.{self.revision:02d}"


@st.composite
def deliveries(draw: st.DrawFn) -> list[Message]:
    """Every revision of every deal, some twice, with their commissions, in any order at all."""
    messages = []
    for deal in range(draw(st.integers(1, 8))):
        side = draw(sides)
        for number in range(1, draw(st.integers(1, 3)) + 1):
            shares = draw(quantities if number == 1 else st.integers(0, 500).map(Decimal))
            fee = draw(st.integers(-50, 500).map(lambda cents: Decimal(cents) / 100))
            told = Message(deal, number, side, shares, draw(prices))
            copies = draw(st.integers(1, 2))
            messages += [told] * copies + [attrs.evolve(told, commission=fee)] * copies
    return draw(st.permutations(messages))


def plainly(deals: Iterable[tuple[Decimal, Decimal]]) -> tuple[Decimal, Decimal, Decimal]:
    """(held, what it cost, realised) of signed deals: the cost of what is held is kept whole,
    and a closing deal takes its part of it."""
    held = cost = realised = Decimal(0)
    for shares, price in deals:
        closing = Decimal(0)
        if held * shares < 0:
            closing = shares if abs(shares) <= abs(held) else -held
            part = -closing * cost / held
            realised += -closing * price - part
            cost -= part
            held += closing
        held += shares - closing
        cost += (shares - closing) * price
    return held, cost, realised


EXACT_TO = Decimal("1e-18")


@given(deliveries(), prices)
def test_any_delivery_is_the_plain_fold_of_the_latest_revisions(
    messages: list[Message], mark: Decimal
) -> None:
    ledger = Ledger()
    latest: dict[int, Message] = {}  # keeps the place of the first arrival
    fees: dict[int, Message] = {}
    for message in messages:
        if message.commission is not None:
            ledger.charge(message.execution_id, message.commission)
            if message.deal not in fees or message.revision >= fees[message.deal].revision:
                fees[message.deal] = message
            continue
        fill = execution(message.execution_id, message.side, message.quantity, message.price)
        news = message.deal not in latest or message.revision > latest[message.deal].revision
        held_before = ledger.position.quantity
        change = ledger.add(fill, 1)
        assert (change is not None) == news
        assert ledger.position.quantity == held_before + (change or 0)
        if news:
            latest[message.deal] = message

    deals = [
        (one.quantity if one.side == "BUY" else -one.quantity, one.price) for one in latest.values()
    ]
    held, cost, realised = plainly(deals)
    position = ledger.position
    assert position.quantity == held
    assert abs(position.average_price - (cost / held if held else 0)) < EXACT_TO
    assert abs(position.realised - realised) < EXACT_TO
    assert abs(position.unrealised(mark) - (held * mark - cost)) < EXACT_TO
    assert ledger.commission == sum(
        (one.commission for one in fees.values() if one.commission is not None), Decimal(0)
    )
    assert ledger.commissions_complete
    assert ledger.filled(1) == sum((abs(shares) for shares, _ in deals), Decimal(0))

    # Whatever the order: what came in and went out, and what is held, is the whole profit.
    profit = position.realised + position.unrealised(mark)
    assert abs(profit - sum((shares * (mark - price) for shares, price in deals), Decimal(0))) < (
        EXACT_TO
    )
    assert position == fold(ledger.fills.values())


def test_a_late_commission_of_an_earlier_revision_does_not_replace_that_of_the_correction() -> None:
    ledger = Ledger()
    ledger.add(execution("a.01", "BUY", 100, 10), 1)
    ledger.add(execution("a.02", "BUY", 60, 10), 1)
    ledger.charge("a.02", Decimal("0.60"))
    ledger.charge("a.01", Decimal("1.00"))
    assert ledger.commission == Decimal("0.60")
    ledger.charge("a.02", Decimal("0.65"))
    assert ledger.commission == Decimal("0.65")


def test_a_fill_whose_id_was_garbled_is_counted_once_whatever_comes_first() -> None:
    garbled, sound = execution("nonsense", "BUY", 100, 10), execution("e5.a1.01.01", "BUY", 100, 10)
    for first, second in ((garbled, sound), (sound, garbled)):
        ledger = Ledger()
        assert ledger.add(first, 1) == 100
        assert ledger.add(second, 1) is None
        assert ledger.add(first, 1) is None
        assert ledger.add(execution("e5.a1.01.02", "BUY", 60, 10), 1) == -40
        assert (ledger.position.quantity, ledger.filled(1)) == (60, 60)


def test_fills_that_only_look_alike_are_all_counted() -> None:
    """Of other orders, at other totals, or from a broker whose ids have another form at all."""
    ledger = Ledger()
    assert ledger.add(execution("nonsense", "BUY", 100, 10), 1) == 100
    assert ledger.add(execution("e5.a1.01.01", "BUY", 100, 10), 2) == 100
    more = attrs.evolve(execution("e5.a2.01.01", "BUY", 100, 10), cumulative_quantity=Decimal(200))
    assert ledger.add(more, 1) == 100
    assert ledger.add(execution("other", "BUY", 100, 10), 1) == 100


def test_fills_without_a_running_total_are_never_taken_for_one() -> None:
    """Too few shares counted is the worse mistake: they would have no stop."""
    first, second = (
        attrs.evolve(execution(name, "BUY", 100, 10), cumulative_quantity=Decimal(0))
        for name in ("nonsense", "e5.a1.01.01")
    )
    ledger = Ledger()
    assert (ledger.add(first, 1), ledger.add(second, 1)) == (100, 100)


def test_a_correction_that_names_another_order_moves_its_shares_there() -> None:
    ledger = Ledger()
    ledger.add(execution("a.01", "BUY", 100, 10), 1)
    ledger.add(execution("b.01", "BUY", 20, 10), 1)
    assert ledger.add(execution("a.02", "BUY", 90, 10), 2) == -10
    assert (ledger.filled(1), ledger.filled(2)) == (20, 90)


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

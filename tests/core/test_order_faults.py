"""Entries, cancels and groups at their worst; numbers are those of the fault matrix."""

from __future__ import annotations

from decimal import Decimal
from itertools import product

import attrs
import pytest

from engine.commands import Amend, Cancel, Command, Snapshot
from engine.events import AlertEvent
from engine.inputs import (
    CloseRequested,
    ErrorReported,
    ExecutionReported,
    Input,
    MarketView,
    OrderOpened,
    OrderRequested,
    OrderStatusReported,
)
from engine.orders import Role
from engine.sim.policies import Policies
from engine.sim.wireless import order_of
from statecharts.vocabulary import OrderReport
from tests.core.bracketed import PROTECTED, execution, naked, order, told_as
from tests.core.desk import CLIENT, SECOND
from tests.core.test_core import bracket, desk, placed, sent

CHILDREN = list(
    product(
        ("on_full", "on_partial_full_size", "on_partial_filled_size"),
        ("keep", "force_parent"),
        ("allow", "refuse_keep", "refuse_cancel"),
    )
)


@pytest.mark.parametrize("seconds", [0.001, 1, 2.5, 60, 600])
def test_10_a_fill_after_the_cancel(seconds: float) -> None:
    """However late, it is held at once, told, and closed."""
    d = desk()
    d.feed(bracket("AAPL", "98", "94"))
    entry = order(d, Role.ENTRY)
    d.deliver(d.exchange.cancel(CLIENT, entry.order_id))
    assert d.context_state("AAPL") == "flat"
    d.wait(seconds)
    d.courier.used = True
    late = ExecutionReported(
        "late.01", entry.order_id, 0, CLIENT, entry.spec.order_ref, entry.spec.account,
        d.instruments["AAPL"].con_id, "AAPL", "BUY", Decimal(40), Decimal(98), Decimal(40),
        "ISLAND", "", False,
    )  # fmt: skip
    d.feed(late)
    assert [p.spec.quantity for p in placed(d, Role.CLOSE)] == [40]
    assert any("closed" in e.text for e in d.events if isinstance(e, AlertEvent))
    assert (d.core.state.held("AAPL"), d.context_state("AAPL")) == (0, "flat")


@pytest.mark.parametrize("size", [60, 300])
def test_11_a_fill_meets_the_cancel_of_its_entry(size: int) -> None:
    d = desk(Policies(cancel_delay_ns=200_000_000, pending_cancel=True))
    d.feed(bracket("AAPL", "99", "94"))
    d.feed(CloseRequested("AAPL", "operator"))
    d.quote("AAPL", 98.98, 98.99, size=size)
    d.quote("AAPL", 99.99, 100.0)
    d.heal()
    assert (d.context_state("AAPL"), d.live("AAPL")) == ("flat", [])
    assert sum(p.spec.quantity for p in placed(d, Role.CLOSE)) == size
    assert d.exchange.oracle.crossings == 0


@pytest.mark.parametrize("code", [10147, 10148, 161, 135, 136])
def test_12_a_cancel_is_refused(code: int) -> None:
    """The refusal proves nothing; what the broker lists does, and the cancel is asked again."""
    d = desk()
    d.feed(bracket("AAPL", "98", "94"))
    entry = order(d, Role.ENTRY)
    d.courier.requests_to_lose = 1
    d.feed(CloseRequested("AAPL", "operator"))
    d.feed(ErrorReported(entry.order_id, code, "no"))
    assert d.context_state("AAPL") == "closing"
    d.wait(2)
    assert (d.context_state("AAPL"), d.live("AAPL")) == ("flat", [])


@pytest.mark.parametrize("link", ["stays", "dies", "dies with the process"])
def test_13_a_cancel_that_is_lost_on_its_way_is_asked_again(link: str) -> None:
    d = desk()
    d.feed(bracket("AAPL", "98", "94"))
    d.courier.requests_to_lose = 1
    d.feed(CloseRequested("AAPL", "operator"))
    if link == "dies":
        d.lose()
        d.connect()
    elif link == "dies with the process":
        d.restart()
    d.wait(5)
    assert (d.context_state("AAPL"), d.live("AAPL")) == ("flat", [])


def test_12_a_cancel_that_is_always_refused_is_no_flood() -> None:
    d = desk()
    d.feed(bracket("AAPL", "98", "94"))
    entry = order(d, Role.ENTRY).order_id
    real = d.exchange.cancel
    d.exchange.cancel = lambda client, number: (  # type: ignore[method-assign]
        d.exchange._floor.error(d.exchange._registry.find(client, number).order, 161, "no")
        or d.exchange._floor.drain()
        if number == entry
        else real(client, number)
    )
    d.feed(CloseRequested("AAPL", "operator"))
    d.wait(60)
    assert 5 < len([c for c in sent(d, Cancel) if c.order_id == entry]) < 40
    assert d.context_state("AAPL") == "closing"
    d.exchange.cancel = real  # type: ignore[method-assign]
    d.wait(10)
    assert (d.context_state("AAPL"), d.live("AAPL")) == ("flat", [])


@pytest.mark.parametrize("kind", ["SELL", "SHORT"])
def test_11_the_stop_outlives_an_entry_whose_fate_is_unknown(kind: str) -> None:
    """The line stalls before the first fill is told, and a close is wanted: were the stop
    withdrawn together with the entry, what filled would stand uncovered until the line is back,
    or for as long as the engine is dead."""
    d = desk()
    d.quote("AAPL", 99.99, 100.0, size=100)
    d.courier.lost |= {ExecutionReported, OrderStatusReported, OrderOpened, ErrorReported}
    d.signal("AAPL", "BUY")
    assert d.exchange.position("AAPL") == 100
    assert d.core.state.held("AAPL") == 0
    d.signal("AAPL", kind)
    assert naked(d) == 0
    d.lose()
    assert naked(d) == 0
    d.heal()
    assert naked(d) == 0
    assert d.context_state("AAPL") == ("flat" if kind == "SELL" else "protected")


def test_13_a_cancel_that_is_never_answered() -> None:
    """It stays among those that may fill, and is told; no second entry, no endless asking."""
    d = desk(Policies(cancel_delay_ns=600 * SECOND, pending_cancel=True))
    d.feed(bracket("AAPL", "98", "94"))
    d.feed(CloseRequested("AAPL", "operator"))
    d.wait(5)
    entry = order(d, Role.ENTRY)
    assert entry.reported == OrderReport.CANCEL_PENDING
    before = len(d.records)
    d.wait(300)
    assert d.context_state("AAPL") == "closing"
    assert len(d.records) - before < 40
    assert len([c for c in sent(d, Cancel) if c.order_id == entry.order_id]) == 1
    d.wait(400)
    assert d.context_state("AAPL") == "flat"


def test_14_a_swallowed_order_is_unknown_until_two_rounds_prove_it_absent() -> None:
    d = desk()
    d.courier.requests_to_lose = 3
    d.signal("AAPL", "BUY")
    entry = order(d, Role.ENTRY)
    before = len(sent(d, Snapshot))
    d.wait(2.9)
    assert (entry.reported, len(sent(d, Snapshot))) == (OrderReport.SILENT, before)
    d.wait(0.1)
    assert entry.reported == OrderReport.UNKNOWN
    assert len(sent(d, Snapshot)) == before + 3
    assert d.context_state("AAPL") == "entering"
    d.wait(0.5)
    assert entry.reported == OrderReport.ABSENT
    assert len(sent(d, Snapshot)) == before + 6
    d.wait(60)
    assert len(placed(d)) == 3  # nothing is sent again
    assert (d.context_state("AAPL"), d.live("AAPL")) == ("flat", [])


def test_14_a_swallowed_stop_is_replaced_only_when_proven_absent() -> None:
    d = desk()
    d.signal("AAPL", "BUY")
    d.courier.requests_to_lose = 1
    d.deliver(d.exchange.cancel(CLIENT, order(d, Role.STOP).order_id))
    d.wait(3.1)
    assert len(placed(d, Role.STOP)) == 2
    d.wait(1)
    assert len(placed(d, Role.STOP)) == 3
    assert (d.live("AAPL"), naked(d)) == (PROTECTED, 0)


def test_14_an_order_that_appears_after_all_is_taken_back() -> None:
    """TWS held it behind a dialog, long enough to be proven absent."""
    d = desk()
    d.courier.requests_to_lose = 3
    d.signal("AAPL", "BUY")
    first = placed(d)
    d.wait(4)
    assert d.context_state("AAPL") == "flat"
    for seconds, command in zip((0.0, 60.0, 1000.0), first, strict=True):
        d.wait(seconds)
        alone = attrs.evolve(
            order_of(command, CLIENT, d.instruments[command.symbol]),
            parent_id=0, transmit=True, order_type="LMT", order_id=0,
            limit_price=Decimal(90 if command.spec.action == "BUY" else 110),
        )  # fmt: skip
        alone.order_id = d.exchange.next_order_id(CLIENT)
        # The exchange counts ids upwards, so the late one comes under a new id of its own.
        d.deliver(d.exchange.place(CLIENT, alone))
        assert d.live("AAPL") == []
    d.wait(5)
    assert not d.core.state.frozen


@pytest.mark.parametrize("partly", [100, 300])
def test_17_the_parent_fills_before_its_children_are_accepted(partly: int) -> None:
    """201 "Parent order is being cancelled": a standalone pair takes their place."""
    d = desk()
    d.quote("AAPL", 99.99, 100.0, size=partly)
    d.courier.lost = {OrderOpened, OrderStatusReported, ExecutionReported}
    d.signal("AAPL", "BUY")
    for role in (Role.STOP, Role.TARGET):
        d.exchange.cancel(CLIENT, order(d, role).order_id)
    d.courier.lost = set()
    stop, target = (order(d, role).order_id for role in (Role.STOP, Role.TARGET))
    told: list[Input] = [execution(d, 0)]
    text = "Order rejected - reason:Parent order is being cancelled."
    told += [ErrorReported(number, 201, text) for number in (stop, target)]
    d.feed(*told)
    lines = [f"SELL {partly} LMT 104.00", f"SELL {partly} STP 94.00"]
    assert [line for line in d.live("AAPL") if line.startswith("SELL")] == lines
    assert all(not p.spec.parent_id for p in placed(d)[3:])
    assert naked(d) == 0


@pytest.mark.parametrize(("activation", "quantity", "modify"), CHILDREN)
def test_18_19_cover_after_each_partial_fill(activation: str, quantity: str, modify: str) -> None:
    d = desk(Policies(child_activation=activation, child_quantity=quantity, oca_modify=modify))
    d.quote("AAPL", 99.99, 100.0, size=30)
    d.signal("AAPL", "BUY")
    for size in (50, 70, 90, 60):
        d.wait(0.3)
        assert naked(d) == 0
        d.quote("AAPL", 99.99, 100.0, size=size)
    d.wait(0.3)
    assert naked(d) == 0
    assert d.exchange.position("AAPL") == 300
    assert d.live("AAPL") == PROTECTED


@pytest.mark.parametrize("children", ["cancel", "keep_filled_size"])
@pytest.mark.parametrize("activation", ["on_full", "on_partial_filled_size"])
def test_20_the_cancel_of_a_part_filled_parent_takes_its_children(
    children: str, activation: str
) -> None:
    d = desk(Policies(children_on_parent_cancel=children, child_activation=activation))
    d.quote("AAPL", 99.99, 100.0, size=100)
    d.signal("AAPL", "BUY")
    d.deliver(d.exchange.cancel(CLIENT, order(d, Role.ENTRY).order_id))
    d.wait(0.3)
    assert naked(d) == 0
    assert d.live("AAPL") == ["SELL 100 LMT 104.00", "SELL 100 STP 94.00"]


@pytest.mark.parametrize("siblings", ["apply", "forget"])
@pytest.mark.parametrize("modify", ["refuse_keep", "refuse_cancel"])
def test_21_22_a_stop_that_may_not_be_modified(modify: str, siblings: str) -> None:
    """10326, with the old stop kept or cancelled; and a broker that does not reduce siblings."""
    d = desk(Policies(oca_modify=modify, oca_siblings=siblings))
    d.signal("AAPL", "BUY")
    d.quote("AAPL", 104.0, 104.01, size=120)
    d.wait(2)
    assert d.core.state.held("AAPL") == 180
    assert d.live("AAPL") == ["SELL 180 LMT 104.00", "SELL 180 STP 94.00"]
    d.trade("AAPL", 93.9, 100_000)
    d.wait(1)
    assert (d.context_state("AAPL"), d.live("AAPL")) == ("flat", [])
    assert d.exchange.oracle.crossings == 0


@pytest.mark.parametrize(
    ("code", "text"),
    [(135, "Can't find order with id =1"), (10999, "of which nobody knows what it means")],
)
@pytest.mark.parametrize("change", ["price", "size"])
def test_23_a_child_that_may_not_be_modified_is_replaced(change: str, code: int, text: str) -> None:
    """TWS looks for the parent that the change names, and that has filled; the old terms stay. The
    same change is not asked for again and again, with every round of questions."""
    d = desk(Policies(oca_siblings="forget"))
    carry_out, changes = d.carry_out, []

    def refuse(command: Command) -> list[Input]:
        if isinstance(command, Amend) and command.spec.parent_id:
            changes.append(command)
            return [ErrorReported(command.order_id, code, text)]
        return carry_out(command)

    d.carry_out = refuse  # type: ignore[method-assign]
    d.signal("AAPL", "BUY")
    if change == "size":
        d.broker_fills("AAPL", ["LMT"], Decimal(120))
    else:
        deal = execution(d, 0, price=Decimal(101))
        d.feed(attrs.evolve(deal, execution_id=f"{deal.execution_id[:-2]}02"))
    d.wait(20)
    wanted = {
        "price": ["SELL 300 LMT 105.00", "SELL 300 STP 95.00"],
        "size": ["SELL 180 LMT 104.00", "SELL 180 STP 94.00"],
    }
    assert (d.live("AAPL"), len(changes)) == (wanted[change], 2 if change == "price" else 1)
    assert naked(d) == 0


def test_26_both_legs_fill() -> None:
    """The excess is gone at once, and the reversal it came into is given up."""
    d = desk()
    d.signal("AAPL", "BUY")
    d.courier.used = True
    stop, target = order(d, Role.STOP), order(d, Role.TARGET)
    deal = execution(d, 0)
    for one, name in ((stop, "s.01"), (target, "t.01")):
        d.feed(
            attrs.evolve(
                deal, execution_id=name, order_id=one.order_id, perm_id=0, side="SELL",
                order_ref=one.spec.order_ref,
            )
        )  # fmt: skip
    (close,) = placed(d, Role.CLOSE)
    assert (close.spec.action, close.spec.quantity, close.spec.oca_group) == ("BUY", 300, "")
    assert (d.context_state("AAPL"), d.core.state.held("AAPL")) == ("flat", 0)


def test_27_a_sibling_that_the_broker_forgets() -> None:
    d = desk(Policies(oca_siblings="forget"))
    d.signal("AAPL", "BUY")
    d.trade("AAPL", 104.02, 100_000)
    assert (d.context_state("AAPL"), d.live("AAPL")) == ("flat", [])
    assert d.exchange.position("AAPL") == 0


@pytest.mark.parametrize("refused", [0, 2])
def test_29_an_entry_that_is_inactive_is_given_up(refused: int) -> None:
    """TWS holds it back and does not say why: it must not come back at the price of another hour,
    and it does not keep the symbol until the evening."""
    d = desk()
    d.courier.change = told_as("Inactive", "LMT", least=1)
    d.retell = lambda _, answer: [d.courier.change(told) for told in answer]
    carry_out, cancels = d.carry_out, []

    def refuse(command: Command) -> list[Input]:
        if isinstance(command, Cancel):
            cancels.append(command)
            if len(cancels) <= refused:
                return [ErrorReported(command.order_id, 161, "not in a cancellable state")]
        return carry_out(command)

    d.carry_out = refuse  # type: ignore[method-assign]
    d.feed(attrs.evolve(bracket("AAPL", "98", "94"), target_price=None))
    d.wait(4)
    assert d.context_state("AAPL") == "entering"
    d.wait(30)
    assert (d.context_state("AAPL"), d.live("AAPL")) == ("flat", [])
    assert len(cancels) >= refused + 1
    told = [one.text for one in d.said(AlertEvent) if "not at work" in one.text]
    assert told == ["entry order 1 is not at work at the broker: inactive"]


def test_49_an_entry_that_waits_for_shares_to_borrow_is_not_given_up() -> None:
    d = desk()

    def located(told: Input) -> Input:
        if isinstance(told, OrderStatusReported) and told.order_id == 1 and not told.filled:
            return attrs.evolve(told, status="Inactive", why_held="locate")
        return told

    d.courier.change = located
    d.retell = lambda _, answer: [located(told) for told in answer]
    d.feed(attrs.evolve(bracket("AAPL", "102", "106"), side="SELL", target_price=None))
    d.wait(300)
    assert d.context_state("AAPL") == "entering"
    d.quote("AAPL", 102.0, 102.01)
    assert (d.context_state("AAPL"), d.live("AAPL")) == ("protected", ["BUY 300 STP 106.00"])


def test_47_a_direct_order_that_somebody_has_enlarged() -> None:
    """It is one order, of which more has filled than was asked; there is no second leg."""
    d = desk()
    view = MarketView("AAPL", 99.99, 100.0, 100.0, 0)
    d.feed(OrderRequested("own", "AAPL", "BUY", Decimal(100), "LMT", Decimal(99), "DAY", view))
    d.deliver(
        d.exchange.place(CLIENT, attrs.evolve(d.oldest("AAPL", "LMT"), quantity=Decimal(200)))
    )
    d.quote("AAPL", 98.9, 98.95)
    assert d.core.state.held("AAPL") == 200
    told = [one.text for one in d.said(AlertEvent) if one.level == "critical"]
    assert told == ["an order filled more than asked"]

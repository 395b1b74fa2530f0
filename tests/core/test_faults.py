"""The broker at its worst, one fault a test; the numbers are those of the fault matrix."""

from __future__ import annotations

import random
from decimal import Decimal
from itertools import product

import attrs
import pytest

from engine.commands import Amend, Cancel, Place, Snapshot
from engine.events import AlertEvent, CancelEvent, RefusalEvent
from engine.inputs import (
    CloseRequested,
    CommissionReported,
    ErrorReported,
    ExecutionReported,
    Input,
    OcoLeg,
    OcoRequested,
    OrderOpened,
    OrderRequested,
    OrderStatusReported,
    PositionReported,
    SnapshotEnded,
    SnapshotStarted,
)
from engine.orders import Order, Role
from engine.sim.exchange import Exchange
from engine.sim.oracle import uncovered
from engine.sim.policies import Policies
from engine.sim.records import ExecutionNotice
from engine.sim.wireless import order_of, translate
from statecharts.vocabulary import OcoState, OrderReport
from tests.core.desk import ACCOUNT, CLIENT, SECOND, Desk
from tests.core.test_core import bracket, desk, placed, sent

PROTECTED = ["SELL 300 LMT 104.00", "SELL 300 STP 94.00"]


def naked(d: Desk, symbol: str = "AAPL") -> Decimal:
    """Shares that no live stop at the exchange covers."""
    return uncovered(d.exchange.position(symbol), d.exchange._floor.covers(symbol))


def order(d: Desk, role: Role) -> Order:
    return next(o for o in d.core.state.orders.values() if o.role is role and not o.dead)


def execution(d: Desk, number: int, **changed: object) -> ExecutionReported:
    (told,) = translate(ExecutionNotice(d.exchange.executions()[number]))
    assert isinstance(told, ExecutionReported)
    return attrs.evolve(told, **changed)


def play(d: Desk) -> None:
    """A bracket that fills in three parts and leaves through its target in two."""
    d.quote("AAPL", 99.99, 100.0, size=100)
    d.signal("AAPL", "BUY")
    d.wait(0.5)
    d.quote("AAPL", 100.03, 100.04, size=100)
    d.quote("AAPL", 100.0, 100.01, size=100)
    d.wait(1)
    d.quote("AAPL", 105.0, 105.01, size=50)
    d.quote("AAPL", 100.0, 100.01)
    d.wait(1)


def ending(d: Desk) -> tuple[object, ...]:
    d.heal()
    context = d.core.state.current["AAPL"]
    return d.context_state("AAPL"), context.held, d.live("AAPL"), context.basis


@pytest.mark.parametrize(
    ("fault", "value"),
    [
        pytest.param("repeats", 4, id="01-duplicates"),
        *[pytest.param("shuffle", random.Random(s), id=f"02-reordered-{s}") for s in range(4)],
        pytest.param("lost", {OrderStatusReported}, id="03-no-status"),
        pytest.param("lost", {OrderOpened}, id="04-no-open-order"),
        pytest.param("executions_to_lose", 1, id="05-one-execution-lost"),
        pytest.param("executions_to_lose", 3, id="05-three-executions-lost"),
        pytest.param("execution_delay_ns", 60 * SECOND, id="06-executions-late"),
        pytest.param("lost", {CommissionReported}, id="07-no-commission"),
    ],
)
def test_01_to_07_the_end_is_that_of_a_good_day(fault: str, value: object) -> None:
    good = desk()
    play(good)
    bad = desk()
    setattr(bad.courier, fault, value)
    bad.courier.used = True
    play(bad)
    assert ending(bad) == ending(good)
    assert ending(good)[:3] == ("protected", 250, ["SELL 250 LMT 104.01", "SELL 250 STP 94.02"])
    assert naked(bad) == 0


def test_06_while_an_execution_is_late_nothing_is_sent_again() -> None:
    d = desk()
    d.courier.execution_delay_ns = 60 * SECOND
    d.courier.lost = {SnapshotStarted}  # counts as a fault; snapshots themselves are answered
    d.signal("AAPL", "BUY")
    d.wait(5)
    assert len(placed(d, Role.ENTRY)) == 1
    assert d.core.state.held("AAPL") == 300  # the question brought it before the messenger


@pytest.mark.parametrize("fee", [None, Decimal("-0.25"), Decimal("1.5")])
def test_07_a_commission_changes_profit_only(fee: Decimal | None) -> None:
    d = desk()
    d.courier.lost = {CommissionReported}
    name = "00000007.00000001.01.01"
    d.feed(CommissionReported(name, fee, "USD", None))  # ahead of its execution
    d.signal("AAPL", "BUY")
    context = d.core.state.current["AAPL"]
    before = (context.held, context.state, d.live("AAPL"))
    assert context.ledger.commission == (fee or 0)
    d.feed(CommissionReported(name, Decimal(2), "USD", None))
    assert context.ledger.commission == 2
    assert (context.held, context.state, d.live("AAPL")) == before


@pytest.mark.parametrize("quantity", [0, 250, 310])
def test_08_a_corrected_quantity(quantity: int) -> None:
    """The stop follows what is held now; a bust leaves nothing."""
    d = desk()
    d.signal("AAPL", "BUY")
    d.courier.used = True  # the exchange does not know of the correction
    first = execution(d, 0)
    d.feed(
        attrs.evolve(first, execution_id=first.execution_id[:-2] + "02", quantity=Decimal(quantity))
    )
    assert d.core.state.held("AAPL") == quantity
    stops = [line for line in d.live("AAPL") if "STP" in line]
    assert stops == ([f"SELL {quantity} STP 94.00"] if quantity else [])


@pytest.mark.parametrize("shares", [0, 4])
def test_08_a_status_of_before_a_correction_is_not_waited_for(shares: int) -> None:
    """The correction overtook what it corrects, and the status that counts it; the broker's
    position says that nothing is missing."""
    d = desk()
    legs = OcoLeg("BUY", "LMT", Decimal(90)), OcoLeg("BUY", "STP", Decimal(110))
    d.feed(OcoRequested("pair", "AAPL", Decimal(10), legs, d.quotes["AAPL"]))
    (group,) = d.core.state.groups.values()
    leg = list(group.orders.values())[1]
    d.courier.lost = {OrderOpened, OrderStatusReported, ExecutionReported}
    d.broker_fills("AAPL", ["STP"], Decimal(10))
    d.courier.lost = set()
    (old,) = d.exchange.executions()
    live = d.exchange._registry.find(CLIENT, leg.order_id)
    d.deliver([d.exchange._floor.ledger.correct(old, Decimal(shares), old.price, live)])
    d.feed(
        OrderStatusReported(
            leg.order_id, old.perm_id, CLIENT, 0, "Filled", Decimal(10), Decimal(0), old.price, ""
        )
    )
    d.wait(30)
    assert (group.held, OcoState(group.state)) == (shares, OcoState.DONE)
    asked = len(sent(d, Snapshot))
    d.wait(300)
    assert len(sent(d, Snapshot)) == asked


def test_08_a_corrected_price_moves_the_stop() -> None:
    d = desk()
    d.signal("AAPL", "BUY")
    first = execution(d, 0)
    d.feed(attrs.evolve(first, execution_id=first.execution_id[:-2] + "02", price=Decimal(101)))
    assert d.live("AAPL") == ["SELL 300 LMT 105.00", "SELL 300 STP 95.00"]


def test_08_the_bust_of_a_closing_fill_brings_the_shares_back_and_they_go() -> None:
    d = desk()
    d.signal("AAPL", "BUY")
    d.feed(CloseRequested("AAPL", "operator"))
    assert d.context_state("AAPL") == "flat"
    d.courier.used = True
    last = execution(d, 1)
    d.feed(attrs.evolve(last, execution_id=last.execution_id[:-2] + "02", quantity=Decimal(0)))
    assert [p.spec.quantity for p in placed(d, Role.CLOSE)] == [300, 300]
    assert d.context_state("AAPL") == "flat"


def test_09_the_earlier_revision_comes_later() -> None:
    d = desk()
    d.signal("AAPL", "BUY")
    d.courier.used = True
    first = execution(d, 0)
    second = attrs.evolve(first, execution_id=first.execution_id[:-2] + "02", quantity=Decimal(200))
    d.feed(second)
    digest = d.core.state.digest()
    d.feed(first)
    assert d.core.state.held("AAPL") == 200
    assert d.core.state.digest() == digest


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


CHILDREN = list(
    product(
        ("on_full", "on_partial_full_size", "on_partial_filled_size"),
        ("keep", "force_parent"),
        ("allow", "refuse_keep", "refuse_cancel"),
    )
)


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


@pytest.mark.parametrize("on_cancel", ["keep", "cancel_all"])
def test_28_the_stop_is_cancelled_by_somebody_else(on_cancel: str) -> None:
    """Twice it is put back; the third time within a minute the position goes."""
    d = desk(Policies(oca_on_cancel=on_cancel))
    d.signal("AAPL", "BUY")
    for _ in range(2):
        d.deliver(d.exchange.cancel(CLIENT, order(d, Role.STOP).order_id))
        assert d.live("AAPL") == PROTECTED
    d.deliver(d.exchange.cancel(CLIENT, order(d, Role.STOP).order_id))
    assert (d.context_state("AAPL"), d.exchange.position("AAPL")) == ("flat", 0)


def test_28_cancels_that_we_asked_for_are_no_failures() -> None:
    d = desk(Policies(child_activation="on_full"))
    for size in (50, 60, 70, 120):
        d.quote("AAPL", 99.99, 100.0, size=size)
        d.signal("AAPL", "BUY")
        d.wait(1)
    assert d.live("AAPL") == PROTECTED
    assert not d.core.state.current["AAPL"].tranches[0].failures


def test_29_a_stop_that_is_always_rejected() -> None:
    """Bounded attempts, then out by market."""
    d = desk()
    d.signal("AAPL", "BUY")
    place = d.exchange.place

    def refuse_stops(client: int, asked: object) -> list[object]:
        if asked.order_type != "STP":  # type: ignore[attr-defined]
            return place(client, asked)  # type: ignore[arg-type,return-value]
        d.exchange._floor.error(asked, 201, "Order rejected - reason:no")  # type: ignore[arg-type]
        return d.exchange._floor.drain()  # type: ignore[return-value]

    d.exchange.place = refuse_stops  # type: ignore[assignment]
    d.deliver(d.exchange.cancel(CLIENT, order(d, Role.STOP).order_id))
    assert len(placed(d, Role.STOP)) == 3
    assert (d.context_state("AAPL"), d.exchange.position("AAPL")) == ("flat", 0)
    assert any("no stop could be placed" in e.text for e in d.said(AlertEvent))


def omit(d: Desk, missing: Order, listings: int) -> None:
    """So many answers of the broker leave an order out that lives."""
    answer, left = d.answer, [listings]

    def forgetful(command: Snapshot) -> list[Input]:
        told = answer(command)
        if command.kind == "open_orders" and left[0]:
            left[0] -= 1
            told = [t for t in told if getattr(t, "order_id", 0) != missing.order_id]
        return told

    d.answer = forgetful  # type: ignore[method-assign]


def test_42_one_listing_omits_a_live_order() -> None:
    """Neither dead nor doubled: a second, complete round decides."""
    d = desk()
    d.signal("AAPL", "BUY")
    stop = order(d, Role.STOP)
    omit(d, stop, 1)
    d.lose()
    d.connect()
    assert stop.reported == OrderReport.UNKNOWN
    d.wait(1)
    assert stop.reported == OrderReport.HELD
    assert len(placed(d)) == 3
    assert not d.said(CancelEvent)


def test_42_a_close_that_two_listings_omit_is_taken_back_before_the_next() -> None:
    """Its stop has made way, so no group keeps it from filling beside its successor."""
    d = desk(stop_unfilled_after_s=2.0)
    d.signal("AAPL", "BUY")
    d.quote("AAPL", 93.0, 93.01, size=100)  # behind the stop, and nothing trades there
    d.wait(2.5)
    close = order(d, Role.CLOSE)
    assert (close.filled, d.live("AAPL")) == (100, ["SELL 200 MKT"])
    omit(d, close, 2)
    while len(placed(d, Role.CLOSE)) == 1:
        d.wait(0.1)
    assert close.dead
    d.quote("AAPL", 92.99, 93.0)
    d.wait(10)
    sold = [one.quantity for one in d.exchange.executions() if one.side == "SELL"]
    assert (sum(sold), d.exchange.position("AAPL")) == (300, 0)
    assert (d.context_state("AAPL"), d.live("AAPL")) == ("flat", [])


@pytest.mark.parametrize("kind", ["bracket", "direct"])
def test_42_what_would_open_and_two_listings_omit_is_taken_back_at_once(kind: str) -> None:
    """An entry is given up with its stop: it must not live on and fill without one."""
    d = desk()
    if kind == "bracket":
        d.feed(bracket("AAPL", "98", "94"))
    else:
        view = d.quotes["AAPL"]
        d.feed(OrderRequested("o1", "AAPL", "BUY", Decimal(300), "LMT", Decimal(98), market=view))
    (opening, *_) = d.core.state.orders.values()
    omit(d, opening, 2)
    d.wait(61)
    assert opening.dead
    assert (d.context_state("AAPL"), d.live("AAPL")) == ("flat", [])


@pytest.mark.parametrize("kind", ["open_orders", "executions", "positions"])
def test_43_a_snapshot_that_never_ends_proves_nothing(kind: str) -> None:
    d = desk()
    d.courier.requests_to_lose = 3
    d.signal("AAPL", "BUY")
    answer = d.answer
    d.answer = lambda command: [  # type: ignore[method-assign]
        told
        for told in answer(command)
        if not (isinstance(told, SnapshotEnded) and told.kind == kind)
    ]
    d.wait(40)
    entry = order(d, Role.ENTRY)
    assert entry.reported == OrderReport.UNKNOWN
    assert any(kind in e.text for e in d.said(AlertEvent))
    d.answer = answer  # type: ignore[method-assign]
    d.wait(20)
    assert entry.reported in (OrderReport.ABSENT, OrderReport.CLOSED)
    assert d.context_state("AAPL") == "flat"


def test_43_the_end_of_another_epoch_proves_nothing() -> None:
    d = desk()
    d.courier.requests_to_lose = 3
    d.signal("AAPL", "BUY")
    d.answer = lambda command: [SnapshotEnded(command.kind, d.epoch - 1)]  # type: ignore[method-assign]
    d.wait(60)
    assert order(d, Role.ENTRY).reported == OrderReport.UNKNOWN


def test_44_executions_that_no_answer_brings() -> None:
    """The position says what is missing: the symbol is frozen and told, and free again when the
    execution arrives. Meanwhile the questions are few."""
    d = desk()
    d.signal("AAPL", "BUY")
    answer = d.answer
    lost = d.exchange.executions
    d.courier.executions_to_lose = 1
    d.answer = lambda command: (  # type: ignore[method-assign]
        [SnapshotStarted("executions", d.epoch), SnapshotEnded("executions", d.epoch)]
        if command.kind == "executions"
        else answer(command)
    )
    d.quote("AAPL", 104.0, 104.01, size=100)
    before = len(sent(d, Snapshot))
    d.wait(30)
    assert d.context_state("AAPL") == "frozen"
    assert d.core.state.held("AAPL") == 300
    assert len(sent(d, Snapshot)) - before < 3 * 15
    d.feed(*translate(ExecutionNotice(lost()[-1])))
    d.wait(6)
    assert d.context_state("AAPL") == "protected"
    assert d.live("AAPL") == ["SELL 200 LMT 104.00", "SELL 200 STP 94.00"]


@pytest.mark.parametrize("what", ["none", "other account"])
def test_45_a_position_listing_that_is_wrong_is_not_flat(what: str) -> None:
    d = desk()
    d.signal("AAPL", "BUY")
    answer = d.answer

    def lying(command: Snapshot) -> list[Input]:
        told = answer(command)
        if command.kind != "positions":
            return told
        if what == "none":
            return [told[0], told[-1]]
        return [attrs.evolve(t, account="U7") if hasattr(t, "account") else t for t in told]

    d.answer = lying  # type: ignore[method-assign]
    d.wait(70)
    assert d.core.state.held("AAPL") == 300
    assert d.context_state("AAPL") == "frozen"
    assert d.live("AAPL") == PROTECTED  # what protects stays
    d.answer = answer  # type: ignore[method-assign]
    d.wait(20)
    assert d.context_state("AAPL") == "protected"


@pytest.mark.parametrize("kind", ["SELL", "SHORT"])
def test_45_nothing_is_closed_that_the_broker_does_not_confirm(kind: str) -> None:
    """A broker that knows nothing of the position (another account's, a simulator that began
    anew) must not get its close while the second round is still to come: it would be a short."""
    d = desk()
    d.signal("AAPL", "BUY")
    d.courier.used = True  # exchange and executions differ from here on
    d.lose()
    d.exchange = Exchange(list(d.instruments.values()), ACCOUNT, Policies(), 1, d.now_ns, 8)
    d.quote("AAPL", 99.99, 100.01)
    sent = len(d.commands)
    d.connect()
    d.signal("AAPL", kind)
    d.wait(20)
    assert d.context_state("AAPL") == "frozen"
    assert "holds 0 shares where the executions make 300" in d.core.state.frozen["AAPL"]
    assert [c for c in d.commands[sent:] if isinstance(c, Place | Amend | Cancel)] == []
    assert d.broker_positions()["AAPL"] == 0


def test_45_no_entry_on_a_position_that_nothing_explains() -> None:
    d = desk()
    d.signal("AAPL", "BUY")
    d.signal("AAPL", "SELL")
    d.wait(200)
    assert d.context_state("AAPL") == "flat"
    answer = d.answer

    def lying(command: Snapshot) -> list[Input]:
        told = answer(command)
        if command.kind == "positions":
            con_id = d.instruments["AAPL"].con_id
            told.insert(1, PositionReported(ACCOUNT, con_id, "AAPL", Decimal(100), Decimal(0)))
        return told

    d.answer = lying  # type: ignore[method-assign]
    d.lose()
    d.connect()
    d.signal("AAPL", "BUY")
    assert d.said(RefusalEvent)[-1].reason == "frozen"
    d.answer = answer  # type: ignore[method-assign]
    d.wait(20)
    d.signal("AAPL", "BUY")
    assert d.context_state("AAPL") == "protected"


@pytest.mark.parametrize(("order_id", "client_id"), [(0, 0), (-7, 0), (5, 99)])
def test_46_an_order_and_a_trade_that_are_not_ours(order_id: int, client_id: int) -> None:
    d = desk()
    d.signal("AAPL", "BUY")
    d.courier.used = True
    before = len([c for c in d.commands if isinstance(c, Place | Amend | Cancel)])
    con_id = d.instruments["AAPL"].con_id
    (foreign,) = [
        i
        for i in translate(ExecutionNotice(d.exchange.executions()[0]))
        if isinstance(i, ExecutionReported)
    ]
    d.feed(
        OrderOpened(
            order_id, 42, client_id, 0, "", foreign.account, con_id, "AAPL", "SELL", Decimal(5),
            "LMT", Decimal(101), None, "DAY", "", 0, "Submitted",
        ),
        attrs.evolve(
            foreign, execution_id="f.01", order_id=order_id, perm_id=42, client_id=client_id,
            order_ref="", side="SELL", quantity=Decimal(5),
        ),
    )  # fmt: skip
    assert d.core.state.held("AAPL") == 300
    assert len([c for c in d.commands if isinstance(c, Place | Amend | Cancel)]) == before
    assert len([e for e in d.said(AlertEvent) if "not ours" in e.text]) == 2


@pytest.mark.parametrize("code", [10349, 399, 2109, 2161, 404, 434])
def test_50_information_about_an_order_does_not_end_it(code: int) -> None:
    d = desk()
    d.signal("AAPL", "BUY")
    d.feed(bracket("MSFT", "98", "94"))
    for one in list(d.core.state.orders.values()):
        before = (one.asked, one.reported)
        d.feed(ErrorReported(one.order_id, code, "be it known"))
        assert (one.asked, one.reported) == before


@pytest.mark.parametrize("code", [99999, 10326, 103, 2102, 329])
def test_51_an_unknown_code_is_a_question(code: int) -> None:
    d = desk()
    d.signal("AAPL", "BUY")
    stop = order(d, Role.STOP)
    before = len(sent(d, Snapshot))
    d.wait(1)
    d.feed(ErrorReported(stop.order_id, code, "who knows"))
    assert len(sent(d, Snapshot)) > before
    assert stop.reported == OrderReport.HELD  # the answer came in the same breath
    assert d.live("AAPL") == PROTECTED
    assert len(placed(d)) == 3


@pytest.mark.parametrize(
    ("code", "end", "asks"),
    [(104, "filled", False), (103, "cancelled", False), (104, "cancelled", True)],
)
def test_51_an_amendment_that_met_the_end_of_its_order(code: int, end: str, asks: bool) -> None:
    """It crossed the fill or the cancel on the wire: no news, so nobody is told; a question only
    if the broker means another end than the one we know."""
    d = desk()
    d.signal("AAPL", "BUY")
    stop, target = order(d, Role.STOP), order(d, Role.TARGET)
    d.trade("AAPL", 93.5, 100_000)
    dead = {"filled": stop, "cancelled": target}[end]
    assert dead.reported == OrderReport[end.upper()]
    d.wait(0.5)
    before, alerts = len(sent(d, Snapshot)), len(d.said(AlertEvent))
    d.feed(ErrorReported(dead.order_id, code, "Cannot modify"))
    assert (len(sent(d, Snapshot)) > before) == asks
    assert len(d.said(AlertEvent)) == alerts


def test_52_an_order_error_that_names_no_order() -> None:
    d = desk()
    d.signal("AAPL", "BUY")
    before, reports = len(sent(d, Snapshot)), [o.reported for o in d.core.state.orders.values()]
    d.wait(1)
    d.feed(ErrorReported(-1, 201, "Order rejected - reason:whose?"))
    assert len(sent(d, Snapshot)) == before + 3
    d.wait(5)
    assert [o.reported for o in d.core.state.orders.values() if not o.dead] == [
        r for r in reports if r != OrderReport.FILLED
    ]


def test_an_execution_of_ours_in_a_symbol_that_is_not_ours_any_more() -> None:
    """The strategy has dropped the symbol, and an order of before has filled: it is told, and the
    others go on."""
    d = desk()
    d.signal("AAPL", "BUY")
    ours = {"order_ref": f"{d.core.state.tag}-9-E77", "order_id": 77, "perm_id": 77}
    there = {"execution_id": "x.9.01.01", "symbol": "GONE", "con_id": 999}
    d.feed(execution(d, 0, **ours, **there))
    assert "GONE" in d.core.state.frozen
    d.wait(70)
    assert d.context_state("AAPL") == "protected"

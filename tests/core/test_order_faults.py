"""Orders, cancels and groups at their worst; numbers are those of the fault matrix."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from itertools import product

import attrs
import pytest

from engine.commands import Amend, Cancel, Command, Place, Snapshot
from engine.events import AlertEvent
from engine.inputs import (
    CloseRequested,
    ErrorReported,
    ExecutionReported,
    Input,
    InstrumentDefined,
    MarketView,
    OrderOpened,
    OrderRequested,
    OrderStatusReported,
    PositionReported,
)
from engine.money import Grid
from engine.orders import Role
from engine.sim.policies import Policies
from engine.sim.records import OrderNotice
from engine.sim.wireless import order_of, translate
from statecharts.vocabulary import OrderReport
from tests.core.bracketed import PROTECTED, execution, naked, order
from tests.core.desk import CLIENT, SECOND
from tests.core.test_core import bracket, desk, placed, reasons, sent

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


@pytest.mark.parametrize("refusals", [0, 9])
def test_28_29_a_stop_that_is_lost_while_the_symbol_is_frozen(refusals: int) -> None:
    """The last attempt failed when nothing could be done: what is held then is protected, or goes,
    as soon as the truth is known."""
    d = desk()
    d.feed(bracket("AAPL", None, "94"))
    d.refusals["STP"] = 1
    d.broker_cancels("AAPL", "STP")
    d.retell = lambda _, answer: [
        attrs.evolve(told, quantity=told.quantity - 7)
        if isinstance(told, PositionReported) and told.symbol == "AAPL"
        else told
        for told in answer
    ]
    d.lose()
    d.connect()
    d.wait(5)
    assert d.context_state("AAPL") == "frozen"
    d.broker_cancels("AAPL", "STP")
    assert naked(d) == 300
    d.retell = lambda _, answer: answer
    d.refusals["STP"] = refusals
    d.wait(20)
    assert naked(d) == 0
    state, live = ("protected", PROTECTED) if not refusals else ("flat", [])
    assert (d.context_state("AAPL"), d.live("AAPL")) == (state, live)


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


def test_28_a_stop_that_a_preset_of_tws_makes_an_order_of_the_day() -> None:
    """It is told when it is read back, once, and not when it has expired."""
    d = desk()
    d.courier.change = lambda told: (
        attrs.evolve(told, tif="DAY")
        if isinstance(told, OrderOpened) and told.order_type == "STP"
        else told
    )
    d.signal("AAPL", "BUY")
    d.wait(100)
    told = [one.text for one in d.said(AlertEvent) if one.level == "critical"]
    assert told == ["stop order 2 is DAY at the broker, not GTC"]


def test_29_a_stop_is_tried_again_as_long_as_the_close_is_refused() -> None:
    """Neither a way out nor a stop, and the evening far away: a person is told."""
    d = desk()
    d.signal("AAPL", "BUY")
    d.refusals.update(MKT=50, STP=5)
    d.feed(CloseRequested("AAPL", "operator"))
    d.broker_cancels("AAPL", "STP")
    d.wait(1)
    assert naked(d) == 300
    d.wait(20)
    assert (naked(d), d.live("AAPL")) == (0, ["SELL 300 STP 94.00"])
    told = [one.text for one in d.said(AlertEvent) if one.level == "critical"]
    assert told == ["the close was refused 3 times; 300 shares are still held"]
    d.refusals.clear()
    d.wait(40)
    assert (d.context_state("AAPL"), d.live("AAPL")) == ("flat", [])


def told_as(status: str, *order_types: str, least: int = 4) -> Callable[[Input], Input]:
    """What the broker says of new orders of these types from a number on, and no error."""

    def change(told: Input) -> Input:
        if isinstance(told, OrderOpened) and told.order_type in order_types:
            numbers.update({told.order_id} - set(range(least)))
        mine = isinstance(told, OrderOpened | OrderStatusReported) and told.order_id in numbers
        return attrs.evolve(told, status=status) if mine and alive(told) else told

    def alive(told: OrderOpened | OrderStatusReported) -> bool:
        return told.status in ("PreSubmitted", "Submitted")

    numbers: set[int] = set()
    return change


def test_29_a_stop_that_is_always_inactive() -> None:
    """As one that is always rejected: a few attempts, and then the shares go."""
    d = desk()
    d.signal("AAPL", "BUY")
    d.courier.change = told_as("Inactive", "STP")
    d.broker_cancels("AAPL", "STP")
    d.wait(1)
    assert len(placed(d, Role.STOP)) == 3
    assert (d.context_state("AAPL"), d.live("AAPL")) == ("flat", [])


@pytest.mark.parametrize(
    ("status", "word"), [("PendingSubmit", "pending"), ("PendingCancel", "cancel_pending")]
)
def test_28_a_stop_that_the_broker_lists_and_does_not_pass_on(status: str, word: str) -> None:
    """It protects nothing, and waits perhaps for a dialog that nobody sees: somebody is told."""
    d = desk()
    d.signal("AAPL", "BUY")
    hangs = told_as(status, "STP")
    d.courier.change, d.retell = hangs, lambda _, answer: [hangs(told) for told in answer]
    d.broker_cancels("AAPL", "STP")
    d.wait(4)
    alert = f"stop order 4 is not at work at the broker: {word}"
    assert not [one for one in d.said(AlertEvent) if one.text == alert]
    d.wait(300)
    (told,) = [one for one in d.said(AlertEvent) if one.text == alert]
    assert (told.level, d.context_state("AAPL")) == ("critical", "protected")


def test_29_a_stop_that_was_unknown_is_inactive() -> None:
    """What is asked about turns out to protect nothing: another one comes at once."""
    d = desk()
    d.signal("AAPL", "BUY")
    stop = order(d, Role.STOP)
    d.retell = lambda _, answer: [
        attrs.evolve(told, status="Inactive")
        if isinstance(told, OrderOpened | OrderStatusReported) and told.order_id == stop.order_id
        else told
        for told in answer
    ]
    d.feed(ErrorReported(stop.order_id, 9999, "of which nobody knows what it means"))
    assert stop.reported == OrderReport.UNKNOWN
    d.wait(1)
    assert len(placed(d, Role.STOP)) == 2
    assert d.live("AAPL") == PROTECTED


def test_29_a_target_that_is_always_inactive() -> None:
    d = desk()
    d.signal("AAPL", "BUY")
    d.courier.change = told_as("Inactive", "LMT")
    d.broker_cancels("AAPL", "LMT")
    d.wait(1)
    assert len(placed(d, Role.TARGET)) == 3
    assert d.live("AAPL") == ["SELL 300 STP 94.00"]


def test_29_a_close_that_stays_inactive_and_cannot_be_cancelled() -> None:
    """Another one takes its place, in the group of both; nobody waits until the evening."""
    d = desk()
    d.signal("AAPL", "BUY")
    idle: list[OrderOpened] = []
    carry_out = d.carry_out

    def refuse(command: Command) -> list[Input]:
        if isinstance(command, Place) and command.spec.order_type == "MKT" and not idle:
            (stop,) = (one for one in d.exchange.open_orders(CLIENT) if one.order_type == "STP")
            listed, _ = translate(OrderNotice(stop))
            assert isinstance(listed, OrderOpened)
            idle.append(
                attrs.evolve(
                    listed, order_id=command.order_id, perm_id=99, status="Inactive",
                    order_ref=command.spec.order_ref, order_type="MKT", aux_price=None,
                )
            )  # fmt: skip
            return [*idle]
        if isinstance(command, Cancel) and idle and command.order_id == idle[0].order_id:
            return [ErrorReported(command.order_id, 161, "not in a cancellable state")]
        return carry_out(command)

    d.carry_out = refuse  # type: ignore[method-assign]
    d.retell = lambda asked, answer: (
        [answer[0], *idle, *answer[1:]] if asked.kind == "open_orders" else answer
    )
    d.feed(CloseRequested("AAPL", "operator"))
    d.wait(30)
    assert (d.core.state.held("AAPL"), d.live("AAPL")) == (0, [])
    assert len(placed(d, Role.CLOSE)) == 2


@pytest.mark.parametrize("side", [1, -1])
def test_53_a_trailing_stop_that_is_told_beside_the_grid(side: int) -> None:
    """A percentage of a price is no price: what comes after it begins at the next one, nearer."""
    d = desk(trailing={"percent": 5.0}, target=[])
    d.quote("AAPL", 100.0, 100.0)
    d.signal("AAPL", "BUY" if side > 0 else "SHORT")
    level = Decimal(100) - side * Decimal("4.9967")
    d.courier.change = lambda told: (
        attrs.evolve(told, trail_stop_price=level) if isinstance(told, OrderOpened) else told
    )
    stop = order(d, Role.STOP)
    (listed, _) = translate(OrderNotice(d.oldest("AAPL", "TRAIL")))
    d.feed(d.courier.change(listed))
    assert stop.order_id == listed.order_id
    d.broker_cancels("AAPL", "TRAIL")
    (_, new) = placed(d, Role.STOP)
    assert new.spec.trail_stop_price == Decimal(100) - side * Decimal("4.99")
    assert naked(d) == 0


@pytest.mark.parametrize("role", [Role.STOP, Role.TARGET])
def test_53_stated_prices_follow_another_grid(role: Role) -> None:
    """Exchanges give an instrument other price steps from one day to the next. What a program has
    stated goes to the next price, towards the entry."""
    d = desk()
    d.feed(attrs.evolve(bracket("AAPL", None, "94.53"), target_price=Decimal("104.52")))
    coarse = Grid(((Decimal(0), Decimal("0.05")),))
    d.feed(InstrumentDefined(attrs.evolve(d.instruments["AAPL"], grid=coarse)))
    d.broker_cancels("AAPL", "STP" if role is Role.STOP else "LMT")
    d.wait(1)
    assert d.live("AAPL") == ["SELL 300 LMT 104.50", "SELL 300 STP 94.55"]


@pytest.mark.parametrize("side", [1, -1])
def test_53_what_a_stop_trails_by_has_the_steps_of_the_price(side: int) -> None:
    """An amount of less than a dollar is no price of less than a dollar, which has finer ones."""
    d = desk(stop={"atr": 6.0}, trailing={"atr": 6.0}, target=[])
    d.quote("AAPL", 100.0, 100.0, atr=0.0761)
    d.signal("AAPL", "BUY" if side > 0 else "SHORT")
    (stop,) = placed(d, Role.STOP)
    assert stop.spec.aux_price == Decimal("0.45")


def test_53_no_entry_whose_stop_would_trail_by_less_than_a_step() -> None:
    d = desk(trailing={"amount": 0.004}, target=[])
    d.signal("AAPL", "BUY")
    assert (reasons(d), placed(d)) == (["no_stop"], [])


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

"""Stops, targets and closes at their worst, and what their prices become; numbers are those of the
fault matrix."""

from __future__ import annotations

from decimal import Decimal

import attrs
import pytest

from engine.commands import Cancel, Command, Place
from engine.events import AlertEvent
from engine.inputs import (
    CloseRequested,
    ErrorReported,
    Input,
    InstrumentDefined,
    OrderOpened,
    OrderStatusReported,
    PositionReported,
)
from engine.money import Grid
from engine.orders import Role
from engine.sim.policies import Policies
from engine.sim.records import OrderNotice
from engine.sim.wireless import translate
from statecharts.vocabulary import OrderReport
from tests.core.bracketed import PROTECTED, naked, order, told_as
from tests.core.desk import CLIENT
from tests.core.test_core import bracket, desk, placed, reasons


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

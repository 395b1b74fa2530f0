"""Handles tell what became of what was placed: at once when refused, and never a wrong story."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence

import pytest

from engine import BracketOrder, Engine, OCOGroup, Order, OrderGroup
from engine.bus import EventBus
from engine.errors import LimitError, UserError
from engine.events import OrderGroupEvent
from engine.handles import GROUPS_MAX, GroupWatch
from engine.inbox import Inbox
from engine.money import ZERO
from engine.view import GroupView, OrderView


def cents(engine: Engine, factor: float, symbol: str = "IBM") -> str:
    (price,) = (one.market.ask for one in engine.view().symbols if one.symbol == symbol)
    assert price is not None
    return f"{price * factor:.2f}"


def bracket(engine: Engine, entry: float | None = None, **more: str) -> BracketOrder:
    at = cents(engine, entry) if entry is not None else None
    stop, target = cents(engine, (entry or 1) * 0.9), cents(engine, (entry or 1) * 1.1)
    return engine.bracket("IBM", "BUY", 50, stop=stop, target=target, entry=at, **more)


def pair(engine: Engine, quantity: int = 10) -> OCOGroup:
    low, high = cents(engine, 0.9), cents(engine, 1.1)
    return engine.oco("IBM", quantity, ("BUY", "LMT", low), ("BUY", "STP", high))


def test_a_bracket_is_followed_from_entry_to_end(engine: Engine) -> None:
    handle = bracket(engine)

    assert handle.refusal is None
    assert handle.wait("open") == "open"
    assert handle.state == "open"
    assert [order.role for order in handle.orders] == ["entry", "stop", "target"]
    assert [order.filled for order in handle.orders] == [50, ZERO, ZERO]
    assert handle.order_ids == tuple(order.order_id for order in handle.orders)

    engine.close("IBM")
    assert handle.wait() == "done"
    assert handle.state == "done"
    assert handle.orders[-1].role == "close"


def test_a_state_that_is_over_was_still_reached(engine: Engine) -> None:
    handle = bracket(engine)
    handle.wait("open")
    engine.close("IBM")
    handle.wait("done")

    assert handle.wait("open", timeout_s=0) == "open"
    assert handle.wait({"exiting", "failed"}, timeout_s=0) == "exiting"


@pytest.fixture
def held_up(engine: Engine) -> Iterator[threading.Event]:
    """Another observer of the bus, which hangs until it is let go."""
    let_go = threading.Event()
    engine.subscribe(OrderGroupEvent, lambda _: let_go.wait(20))
    yield let_go
    let_go.set()


def test_states_are_seen_without_the_bus(engine: Engine, held_up: threading.Event) -> None:
    handle = bracket(engine)
    assert handle.wait("open") == "open"
    engine.close("IBM")
    assert handle.wait("done") == "done"
    assert not held_up.is_set()


def test_what_is_still_being_told_counts(engine: Engine, held_up: threading.Event) -> None:
    handle = bracket(engine)
    handle.wait("open")
    engine.close("IBM")
    handle.wait("done")
    release = threading.Timer(0.1, held_up.set)
    release.start()

    assert handle.wait("open") == "open"
    release.join()


def test_a_cancelled_entry_ends_without_ever_being_open(engine: Engine) -> None:
    handle = bracket(engine, entry=0.95)
    assert handle.wait("entry_live") == "entry_live"

    handle.cancel()

    with pytest.raises(UserError, match=r"is over and never was open, but sending, entry_live, "):
        handle.wait("open")
    assert handle.wait() == "failed"
    assert engine.view().flat
    handle.cancel()  # of what is over: nothing to do


def test_a_pair_is_cancelled_as_one(engine: Engine) -> None:
    handle = pair(engine)
    assert handle.wait("live") == "live"
    assert [order.role for order in handle.orders] == ["leg", "leg"]
    assert {order.order_id for order in handle.orders} <= {
        order.order_id for order in engine.order_manager.open_orders()
    }

    handle.cancel()

    assert handle.wait() == "failed"
    assert engine.order_manager.open_orders() == ()


def test_a_single_order_is_followed_to_its_fill(engine: Engine) -> None:
    order = engine.order("IBM", "BUY", 10)

    assert order.wait() == "filled"
    assert (order.refusal, order.state, order.filled) == (None, "filled", 10)
    assert order.order.average_price == order.average_price > 0
    assert [one.role for one in order.orders] == ["leg"]
    assert engine.view().symbols[0].quantity == 10
    order.cancel()  # of what is over: nothing to do
    until_closed(order)
    assert (order.state, order.wait("filled", timeout_s=0)) == ("filled", "filled")
    with pytest.raises(UserError, match=r"is over and never was part_filled, but .*filled$"):
        order.wait("part_filled")
    assert engine.order("IBM", "SELL", 10).wait("filled") == "filled"
    assert engine.view().flat


def until_closed(order: Order) -> None:
    """Until its grace for late fills is over, after which its status says no more."""
    for _ in range(500):
        if order.order.status == "closed":
            return
        threading.Event().wait(0.01)
    raise AssertionError(order.order)


def test_a_single_order_that_is_taken_back_is_dead(engine: Engine) -> None:
    order = engine.order("IBM", "BUY", 10, "LMT", cents(engine, 0.9), tif="GTC", reference="low")
    assert order.wait("working") == "working"
    assert (order.filled, order.average_price) == (0, 0)
    told: list[OrderGroupEvent] = []
    engine.subscribe(OrderGroupEvent, told.append)

    order.cancel()

    assert order.wait() == "dead"
    with pytest.raises(UserError, match=r"is over and never was filled, but .*working, dead"):
        order.wait("filled")
    until_closed(order)
    assert order.state == "dead"
    assert {event.order_ids for event in told} == {order.order_ids}
    assert repr(order) == "Order('low')"


def test_a_single_order_is_refused_like_everything(engine: Engine) -> None:
    order = engine.order("IBM", "BUY", 10, "STP", "10.005")

    assert (order.refusal, order.state) == ("off_grid", "refused")
    assert (order.filled, order.average_price, order.orders) == (0, 0, ())
    with pytest.raises(UserError, match=r"^order order-.* was refused: off_grid$"):
        order.wait()
    with pytest.raises(UserError, match="off_grid"):
        _ = order.order
    with pytest.raises(UserError, match="an order is never 'open'; its states: prepared, asked"):
        engine.order("IBM", "BUY", 10, "LMT", cents(engine, 0.9)).wait("open")


def test_a_refusal_is_known_at_once_and_waits_for_nothing(engine: Engine) -> None:
    stop = cents(engine, 1.1)  # above the price: protects no long position
    handle = engine.bracket("IBM", "BUY", 50, stop=stop)

    assert (handle.refusal, handle.state) == ("no_stop", "refused")
    assert (handle.orders, handle.order_ids) == ((), ())
    with pytest.raises(UserError, match=r"^bracket bracket-.* was refused: no_stop$"):
        handle.wait("open")
    with pytest.raises(UserError, match="no_stop"):
        handle.cancel()
    assert pair(engine, quantity=0).refusal == "no_size"


def test_a_refused_double_does_not_touch_what_has_its_reference(engine: Engine) -> None:
    first = bracket(engine, entry=0.95, reference="mine")
    second = bracket(engine, entry=0.95, reference="mine")

    assert (first.refusal, second.refusal) == (None, "duplicate_reference")
    with pytest.raises(UserError, match="duplicate_reference"):
        second.cancel()
    assert first.wait("entry_live") == "entry_live"
    assert first.state == "entry_live"


def test_what_is_not_reached_in_time_says_so(engine: Engine) -> None:
    handle = bracket(engine, entry=0.95)
    with pytest.raises(TimeoutError, match=r"bracket .* was not open in 0 s"):
        handle.wait("open", timeout_s=0)


def test_a_state_that_does_not_exist_is_refused(engine: Engine) -> None:
    with pytest.raises(UserError, match=r"a bracket is never 'opened'; its states: draft, sending"):
        bracket(engine).wait("opened")


def test_one_that_waits_is_told_when_the_engine_stops(engine: Engine) -> None:
    handle = bracket(engine, entry=0.95)
    timer = threading.Timer(0.2, engine.stop)
    timer.start()
    with pytest.raises(LimitError, match="stopped"):
        handle.wait("open")
    timer.join()


def test_a_handle_reads_as_its_reference(engine: Engine) -> None:
    handle = bracket(engine, entry=0.95, reference="mine")
    assert (str(handle), repr(handle)) == ("mine", "BracketOrder('mine')")
    assert repr(bracket(engine, reference="mine")) == (
        "BracketOrder('mine', refused: duplicate_reference)"
    )
    assert isinstance(handle, OrderGroup)


def told(first: int, states: Sequence[str]) -> list[OrderGroupEvent]:
    return [
        OrderGroupEvent(
            *(0, number, first, 0, "ref", "IBM", "BUY", ZERO, ZERO, ZERO, None, "silent", "leg"),
            group="g",
            kind="oco",
            state=state,
            order_ids=(first, first + 1),
        )
        for number, state in enumerate(states)
    ]


class Scripted(GroupWatch):
    """A writer that says what the test says, and a bus that has told of the first bracket."""

    def __init__(self, states: Sequence[str]) -> None:
        super().__init__(Inbox(), EventBus())
        self._states = list(states)

    def look(self, reference: str, timeout_s: float = 0.0) -> GroupView:
        state = self._states.pop(0) if len(self._states) > 1 else self._states[0]
        order = OrderView(1, "IBM", "entry", "BUY", ZERO, ZERO, "MKT", None, "filled")
        return GroupView("bracket", state, (order,))

    def passed(self, first: int) -> tuple[str, ...]:
        return ("sending", "open", "exiting", "done")


def test_that_one_of_several_brackets_is_over_does_not_end_the_whole() -> None:
    """What rules have added is still held when the first bracket's target has filled."""
    handle = BracketOrder("mine", None, Scripted(["open", "open", "done"]))
    assert handle.wait() == "done"

    held = BracketOrder("mine", None, Scripted(["open"]))
    assert held.wait("exiting", timeout_s=0) == "exiting"  # the first one was
    with pytest.raises(TimeoutError, match="was not done or failed in 0 s"):
        held.wait(timeout_s=0)


def test_passed_states_are_remembered_of_a_bounded_number_of_groups() -> None:
    bus = EventBus()
    watch = GroupWatch(Inbox(), bus)
    watch.begin()
    watch.begin()  # listens once
    events = [*told(1, ["sending"]), *told(2, ["sending"]), *told(1, ["live"])]
    events += [event for first in range(3, GROUPS_MAX + 2) for event in told(first, ["sending"])]
    bus.publish(events)
    bus.start()
    bus.stop()

    assert watch.passed(1) == ("sending", "live")
    assert watch.passed(2) == ()  # the one that was told of the longest time ago
    assert watch.passed(GROUPS_MAX + 1) == ("sending",)

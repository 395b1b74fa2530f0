"""Orders that are called dead too soon: what contradicts a death brings them back."""

from __future__ import annotations

from decimal import Decimal

import attrs
import pytest

from engine.commands import Cancel, Place, Snapshot
from engine.events import AlertEvent, RefusalEvent
from engine.inputs import (
    CloseRequested,
    ErrorReported,
    ExecutionReported,
    Input,
    MarketView,
    OcoLeg,
    OcoRequested,
    OrderOpened,
    OrderStatusReported,
    PositionReported,
)
from engine.orders import Order, Role
from engine.sim.policies import Policies
from engine.sim.records import OrderNotice
from engine.sim.wireless import order_of, translate
from engine.view import orders_at_broker
from statecharts.vocabulary import OcoState, OrderAsk, OrderReport
from tests.core.desk import ACCOUNT, CLIENT, Desk
from tests.core.test_core import desk, placed, sent

SECOND_NS = 1_000_000_000


def executed(d: Desk, order: Order, shares: int) -> ExecutionReported:
    """An execution of one of our orders, as the broker would tell it."""
    return ExecutionReported(
        f"0001.late.{order.order_id}.01", order.order_id, 4711, CLIENT, order.spec.order_ref,
        ACCOUNT, d.instruments[order.symbol].con_id, order.symbol, order.spec.action,
        Decimal(shares), Decimal(100), Decimal(shares), "SIM", "", False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("shares", "then"), [(100, OrderReport.UNKNOWN), (300, OrderReport.FILLED)]
)
def test_an_order_proven_absent_lives_if_it_fills_in_part(shares: int, then: OrderReport) -> None:
    """TWS held it behind a dialog. What has filled contradicts the proof, so the rest may live:
    only a fill of all of it is its end."""
    d = desk()
    d.courier.requests_to_lose = 3
    d.signal("AAPL", "BUY")
    entry = next(o for o in d.core.state.orders.values() if o.role is Role.ENTRY)
    for _ in range(100):
        if entry.reported == OrderReport.ABSENT:
            break
        d.wait(0.1)
    assert entry.reported == OrderReport.ABSENT
    d.linked = False  # what the core asks because of it is not the theme here
    d.core.step((executed(d, entry, shares),), d.now_ns)
    assert entry.reported == then


@pytest.mark.parametrize("times", [1, 2, 3])
def test_a_stale_word_on_a_refused_stop_is_not_believed_because_it_comes_again(times: int) -> None:
    """The second time the stop was believed to stand, until the broker had been asked."""
    d = desk()
    d.signal("AAPL", "BUY")
    stop = placed(d, Role.STOP)[0].order_id
    order = d.core.state.orders[stop]
    d.courier.used = True
    d.feed(ErrorReported(stop, 201, "refused"))
    stale = OrderStatusReported(
        stop, 0, CLIENT, 0, "PreSubmitted", Decimal(0), Decimal(300), Decimal(0), "trigger"
    )
    d.courier.requests_to_lose = 1000  # the round that is asked takes its time
    for _ in range(times):
        d.feed(stale)
        assert order.reported in (OrderReport.UNKNOWN, OrderReport.REJECTED)
        assert not order.active


def test_no_trade_begins_while_an_order_of_the_one_before_may_have_come_back() -> None:
    """It would fill beside the entry, on either side of it."""
    d = desk()
    d.signal("AAPL", "BUY")
    target = placed(d, Role.TARGET)[0].order_id
    d.courier.used = True
    d.feed(ErrorReported(target, 201, "refused"))
    d.feed(CloseRequested("AAPL", "operator"))
    d.wait(0.2)  # within the grace of the dead
    assert d.context_state("AAPL") == "flat"
    d.courier.requests_to_lose = 3  # the questions are on their way
    d.feed(
        OrderStatusReported(
            target, 0, CLIENT, 0, "Submitted", Decimal(0), Decimal(300), Decimal(0), ""
        )
    )
    d.signal("AAPL", "SHORT")
    assert d.said(RefusalEvent)[-1].reason == "busy"
    assert d.context_state("AAPL") == "flat"
    d.courier.requests_to_lose = 0
    d.wait(60)
    d.signal("AAPL", "SHORT")

    assert d.context_state("AAPL") == "protected"


def test_a_refused_amendment_under_a_cancel_is_not_the_end_of_its_order() -> None:
    """Error 201 answers a request, not an order: here the amendment before the cancel."""
    slow = 60 * SECOND_NS
    d = desk(Policies(modify_delay_ns=slow, cancel_delay_ns=slow))
    seen = d.quotes["AAPL"]
    assert seen.ask is not None
    d.quotes["AAPL"] = attrs.evolve(seen, ask=seen.ask - 0.5, bid=seen.ask - 0.51)
    d.signal("AAPL", "BUY")  # it fills at another price than decided: both exits are amended
    target = next(o for o in d.core.state.orders.values() if o.role is Role.TARGET)
    assert target.asked == OrderAsk.AMENDING
    d.courier.requests_to_lose = 2  # the cancel and the close, so that nothing else ends it
    d.feed(CloseRequested("AAPL", "operator"))
    assert target.asked == OrderAsk.CANCELLING

    d.feed(ErrorReported(target.order_id, 201, "Order rejected - reason:no"))

    assert not target.dead
    d.heal()
    assert (d.context_state("AAPL"), d.live("AAPL")) == ("flat", [])


def test_a_leg_that_dies_part_filled_has_not_filled() -> None:
    d = desk()
    legs = OcoLeg("BUY", "LMT", Decimal(90)), OcoLeg("BUY", "STP", Decimal(110))
    view: MarketView = d.quotes["AAPL"]
    d.feed(OcoRequested("pair", "AAPL", Decimal(10), legs, view))
    (group,) = d.core.state.groups.values()
    first = next(iter(group.orders.values()))
    d.courier.used = True
    d.feed(executed(d, first, 4))
    assert group.state == OcoState.PART_FILLED
    for leg in list(group.orders.values()):
        d.deliver(d.exchange.cancel(CLIENT, leg.order_id))
    assert first.dead
    assert first.filled == 4
    assert group.state != OcoState.ONE_FILLED


def given_up(d: Desk) -> Place:
    """An entry that TWS holds behind a dialog, for longer than it takes to prove it absent."""
    d.courier.requests_to_lose = 3
    d.signal("AAPL", "BUY")
    d.wait(60)
    assert d.context_state("AAPL") == "flat"
    return placed(d, Role.ENTRY)[0]


def let_go(d: Desk, entry: Place) -> int:
    """TWS lets it work after all, at 90; its number there."""
    late = attrs.evolve(
        order_of(entry, CLIENT, d.instruments["AAPL"]),
        transmit=True, order_type="LMT", limit_price=Decimal(90),
        order_id=d.exchange.next_order_id(CLIENT),
    )  # fmt: skip
    d.deliver(d.exchange.place(CLIENT, late))
    return late.order_id


def test_an_order_given_up_that_a_sync_lists_is_taken_back_when_the_session_lives() -> None:
    """Until then nothing may be sent, and afterwards nothing else would make us ask."""
    d = desk()
    entry = given_up(d)
    d.lose()
    let_go(d, entry)
    d.connect()
    assert d.live("AAPL") == []
    d.wait(60)
    assert not any(one.risen_id for one in d.core.state.orders.values())
    d.wait(1000)
    assert not d.core.state.orders


def test_an_order_given_up_is_known_as_long_as_it_lives() -> None:
    """Each cancel gets lost, for longer than a trade that has ended is kept. It is told once and
    taken back again and again; and when it fills after all, its shares are ours, and go."""
    d = desk()
    entry = given_up(d)
    d.courier.requests_to_lose = 1000
    number = let_go(d, entry)
    d.wait(1500)
    told = [one for one in d.events if isinstance(one, AlertEvent) and "given up" in one.text]
    asked = [one for one in sent(d, Cancel) if isinstance(one, Cancel) and one.order_id == number]
    assert (len(told), len(asked) > 20) == (1, True)

    d.courier.requests_to_lose = 0
    d.quote("AAPL", 89.99, 90.0)

    assert not d.core.state.frozen
    d.heal()
    assert (d.exchange.position("AAPL"), d.live("AAPL")) == (0, [])


def test_of_two_orders_under_one_number_the_other_is_looked_for() -> None:
    """A change became a second order. One of them is cancelled, which says nothing of the other,
    and nothing else lives that would make us ask."""
    d = desk()
    legs = OcoLeg("BUY", "LMT", Decimal(90)), OcoLeg("BUY", "STP", Decimal(110))
    d.feed(OcoRequested("pair", "AAPL", Decimal(10), legs, d.quotes["AAPL"]))
    (group,) = d.core.state.groups.values()
    let_go(d, placed(d)[0])
    for leg in list(group.orders.values()):
        d.deliver(d.exchange.cancel(CLIENT, leg.order_id))
    assert (group.state, len(d.live("AAPL"))) == (OcoState.FAILED, 1)
    d.wait(10)
    assert (OcoState(group.state), d.live("AAPL")) == (OcoState.DONE, [])


@pytest.mark.parametrize("seconds", [1.0, 5.0])  # within the grace of the dead, and after it
def test_a_stop_that_was_given_up_stays_until_another_one_stands(seconds: float) -> None:
    """A TWS that has just begun lists nothing yet, then its orders, and the position last: while
    that is in doubt no other stop is placed, and the one that has come back is all there is."""
    d = desk()
    d.signal("AAPL", "BUY")
    unlisted = (OrderOpened, OrderStatusReported, PositionReported)

    def loading(asked: Snapshot, answer: list[Input]) -> list[Input]:
        return [told for told in answer if not isinstance(told, unlisted)]

    d.retell = loading
    d.lose()
    d.connect()
    d.wait(seconds)
    assert d.context_state("AAPL") == "frozen"
    assert all(one.dead for one in d.core.state.orders.values())

    unlisted = (PositionReported,)
    d.wait(60)
    assert d.context_state("AAPL") == "frozen"
    assert d.live("AAPL") == ["SELL 300 STP 94.00"]
    (shown,) = orders_at_broker(d.core.state)
    assert (shown.role, shown.status) == ("stop", "held" if seconds == 1.0 else "risen")

    unlisted = ()
    d.wait(60)
    assert (d.context_state("AAPL"), len(placed(d, Role.STOP))) == ("protected", 2)
    assert d.live("AAPL") == ["SELL 300 LMT 104.00", "SELL 300 STP 94.00"]
    assert not any(one.revived or one.risen_id for one in d.core.state.orders.values())


def test_a_stop_that_came_back_is_needed_while_it_protects_and_another_can_follow() -> None:
    d = desk()
    d.signal("AAPL", "BUY")
    (context,) = d.core.state.current.values()
    (stop,) = context.of(Role.STOP)
    stop.asked = OrderAsk.RESTED  # as of one that was given up
    assert context.needs(stop)
    assert not context.needs(context.of(Role.TARGET)[0])

    context.tranches[0].oca_group = "renewed"  # the next one would add up with it
    assert not context.needs(stop)

    context.tranches[0].oca_group = stop.spec.oca_group
    context.ledger.position.quantity = Decimal(0)  # another tranche has sold what this one holds
    assert not context.needs(stop)


def test_a_leg_that_lives_although_the_other_has_filled_while_we_were_away_is_taken_back() -> None:
    """What the answers tell while the session begins is settled when it has begun."""
    d = desk()
    legs = OcoLeg("BUY", "LMT", Decimal(95)), OcoLeg("BUY", "STP", Decimal(110))
    d.feed(OcoRequested("pair", "AAPL", Decimal(10), legs, d.quotes["AAPL"]))
    (group,) = d.core.state.groups.values()
    first, second = group.orders.values()
    alive = [told for one in d.exchange.open_orders() for told in translate(OrderNotice(one))]
    d.lose()
    d.quote("AAPL", 94.0, 94.5)
    before = d.retell

    def stale(asked: Snapshot, answer: list[Input]) -> list[Input]:
        told = before(asked, answer)
        if asked.kind != "open_orders":
            return told
        return [told[0], *(one for one in alive if one.order_id == second.order_id), *told[1:]]

    d.retell = stale
    d.courier.used = True  # the broker knows better
    d.connect()
    assert first.filled == 10
    assert [one.order_id for one in sent(d, Cancel)] == [second.order_id]


def test_one_that_came_back_and_is_unknown_is_not_taken_back_before_it_is_known() -> None:
    """The round of questions decides: whatever touches the trade meanwhile asks nothing again."""
    d = desk()
    d.signal("AAPL", "BUY")
    target = next(o for o in d.core.state.orders.values() if o.role is Role.TARGET)
    target.asked, target.reported = OrderAsk.RESTED, OrderReport.UNKNOWN
    d.linked = False  # what the core asks because of it is not the theme here
    d.core.state.dirty.add(target.owner)
    commands = d.core.step((), d.now_ns).commands
    assert [one for one in commands if isinstance(one, Cancel)] == []
    d.linked = True
    d.core.state.doubts = True
    d.wait(10)
    assert [one.order_id for one in sent(d, Cancel)] == [target.order_id]


def test_one_that_comes_back_is_asked_to_go_at_once_and_again_when_it_is_known() -> None:
    d = desk()
    d.signal("AAPL", "BUY")
    target = next(o for o in d.core.state.orders.values() if o.role is Role.TARGET)
    d.feed(ErrorReported(target.order_id, 201, "Order rejected - reason: no"))
    assert target.dead
    d.linked = False  # what the core asks because of it is not the theme here

    def cancels(*inputs: Input) -> list[int]:
        found = d.core.step(inputs, d.now_ns).commands
        return [one.order_id for one in found if isinstance(one, Cancel)]

    owner, zero = (target.order_id, 0, CLIENT, 0), Decimal(0)
    told = OrderStatusReported(*owner, "Submitted", zero, Decimal(300), zero, "")
    assert cancels(told) == [target.order_id]
    assert target.reported == OrderReport.UNKNOWN
    d.now_ns += 10 * SECOND_NS  # nobody answers
    assert cancels() == []
    assert cancels(told) == []  # it may be as stale
    d.linked = True
    d.wait(60)
    assert [one.order_id for one in sent(d, Cancel)] == [target.order_id]
    assert d.live("AAPL") == ["SELL 300 LMT 104.00", "SELL 300 STP 94.00"]


def test_a_refusal_of_one_at_work_is_not_believed_without_a_look() -> None:
    """A change of it was refused, and seemed to be confirmed meanwhile: its group had made it as
    small by itself."""
    d = desk()
    d.signal("AAPL", "BUY")
    target = next(o for o in d.core.state.orders.values() if o.role is Role.TARGET)
    d.feed(ErrorReported(target.order_id, 201, "Order rejected - reason: no"))
    d.wait(1)
    assert d.live("AAPL") == ["SELL 300 LMT 104.00", "SELL 300 STP 94.00"]
    assert target.dead

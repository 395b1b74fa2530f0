"""Cover as a table: for each state and each report of the stop, what should be sent."""

from __future__ import annotations

from decimal import Decimal

import attrs
import pytest

from engine import plans
from engine.commands import OrderSpec
from engine.contexts import Context
from engine.exits import wants
from engine.money import CENTS
from engine.orders import Order, Role
from engine.rivals import exposed
from engine.tranches import Aim, Intent, Plan, Tranche
from engine.wants import AmendExit, PlaceExit, Terms, WaitUntil, Withdraw
from statecharts.vocabulary import ContextState, OrderEvent, OrderReport
from tests.core.test_positions import execution

E = OrderEvent
NOW = 1_000_000_000_000
CANCEL_MS = 500
TERMS = Terms(CENTS, NOW, 250_000_000, CANCEL_MS * 1_000_000, 3)
HELD_BACK = (E.PLACE, E.HELD_BACK)
STOP, TARGET, CLOSE, ENTRY = Role.STOP, Role.TARGET, Role.CLOSE, Role.ENTRY


class Trade:
    """A context put together order by order; ``side`` -1 is the mirror of every long case."""

    def __init__(self, side: int, state: ContextState) -> None:
        self.side = side
        plan = Plan(
            side, Decimal(300), Decimal(100), Decimal(6), None,
            (Aim(Decimal(100), Decimal(4)),), "market", None, plans.Trade(), "signal", "one",
        )  # fmt: skip
        self.context = Context(1, "AAPL", plan, 0, state)
        self.context.intents.append(Intent("entry"))
        self.tranche = self.context.open_tranche("g", 0, 0)
        self.tranche.entry_filled_ns = NOW

    def order(
        self, role: Role, quantity: int, *events: OrderEvent, filled: int = 0,
        attached: bool = False, why_held: str = "", price: int | None = None, group: str = "g",
    ) -> Order:  # fmt: skip
        number = len(self.context.orders) + 1
        away = {STOP: -6, TARGET: 4}.get(role)
        at = None if away is None else Decimal(100 + self.side * away) if price is None else price
        side = self.side if role is ENTRY else -self.side
        spec = OrderSpec(
            "BUY" if side > 0 else "SELL", Decimal(quantity),
            "STP" if role is STOP else "MKT" if at is None else "LMT",
            None if role is STOP else at, at if role is STOP else None, "GTC", False, "DU1",
            f"sx1-1-{number}", "" if role is ENTRY else group, 2, 1 if attached else 0, False,
        )  # fmt: skip
        one = Order(number, "AAPL", role, 1, spec, attached=attached, why_held=why_held)
        self.context.enlist(one)
        for event in events or HELD_BACK:
            assert one.step(event), event
        if one.reported not in (OrderReport.SILENT, OrderReport.UNKNOWN):
            one.confirmed_quantity, one.confirmed_price = Decimal(quantity), at
        if filled:
            self.fill(one, filled)
        return one

    def fill(self, order: Order, quantity: int) -> None:
        name = f"e{len(self.context.ledger.fills)}.01"
        fill = execution(name, order.spec.action, quantity, 100, order.order_id)
        self.context.ledger.add(fill, order.order_id)
        order.filled = self.context.ledger.filled(order.order_id)
        full = order.filled >= order.spec.quantity
        assert order.step(E.FILLED_FULL if full else E.FILLED_PART)

    def said(self, terms: Terms = TERMS) -> list[str]:
        """What is wanted, with sides told from a long position's point of view."""
        words = []
        for want in wants(self.context, terms):
            if isinstance(want, Withdraw):
                words.append(f"withdraw {want.order.order_id}")
            elif isinstance(want, AmendExit):
                words.append(f"amend {want.order.order_id} to {want.spec.quantity}")
            elif isinstance(want, WaitUntil):
                words.append(f"wait {(want.at_ns - NOW) // 1_000_000}")
            else:
                assert isinstance(want, PlaceExit)
                closes = (want.action == "SELL") == (self.side > 0)
                grouped = "" if want.grouped else " alone"
                words.append(
                    f"{'close' if closes else 'reopen'} {want.role} {want.quantity}{grouped}"
                )
        return words


def trade(side: int, state: ContextState, held: int = 300) -> Trade:
    made = Trade(side, state)
    made.order(ENTRY, 300, E.PLACE, E.WENT_WORKING, filled=held)
    return made


HOLDING = [ContextState.PROTECTED, ContextState.ADDING]


@pytest.mark.parametrize("state", HOLDING)
def test_nothing_is_missing(side: int, state: ContextState) -> None:
    t = trade(side, state)
    t.order(STOP, 300, attached=True, why_held="trigger")
    t.order(TARGET, 300, E.PLACE, E.WENT_WORKING, attached=True)
    assert t.said() == []


def test_a_target_that_leaves_goes_before_another_stop_comes(side: int) -> None:
    """No group joins the two: both could trade. Only where exits are replaced, never revised."""
    t = Trade(side, ContextState.ENTERING)
    t.order(ENTRY, 300, E.PLACE, E.WENT_WORKING, filled=100)
    t.order(STOP, 300, E.PLACE, E.REJECTED, attached=True)
    t.order(TARGET, 300, E.PLACE, E.WENT_WORKING, attached=True)
    replacing = attrs.evolve(TERMS, amends=False)
    assert t.said(replacing) == ["withdraw 3", "close stop 100"]


@pytest.mark.parametrize("state", HOLDING)
def test_naked_shares_are_covered(side: int, state: ContextState) -> None:
    t = trade(side, state)
    assert t.said() == ["close stop 300", "close target 300"]


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ((E.PLACE,), []),  # asked a moment ago: not asked twice
        ((E.PLACE, E.PENDED), []),
        ((E.PLACE, E.WENT_WORKING), []),
        ((E.PLACE, E.ANSWER_OVERDUE), []),  # unknown is neither amended nor doubled
        ((E.PLACE, E.LINK_LOST), []),
        ((E.PLACE, E.INACTIVATED), ["withdraw 2", "close stop 300"]),
        ((E.PLACE, E.REJECTED), ["close stop 300"]),
        ((E.PLACE, E.CANCELLED), ["close stop 300"]),
        ((E.PLACE, E.ANSWER_OVERDUE, E.PROVEN_ABSENT), ["close stop 300"]),
        ((E.PLACE, E.HELD_BACK, E.CANCEL), ["close stop 300"]),
    ],
)
def test_each_report_of_the_stop(
    side: int, events: tuple[OrderEvent, ...], expected: list[str]
) -> None:
    t = trade(side, ContextState.PROTECTED)
    t.order(STOP, 300, *events)
    t.order(TARGET, 300, E.PLACE, E.WENT_WORKING)
    assert t.said() == expected


def test_a_part_filled_exit_leaves_the_others_exactly_the_rest(side: int) -> None:
    t = trade(side, ContextState.PROTECTED)
    t.order(STOP, 300)
    t.order(TARGET, 300, E.PLACE, E.WENT_WORKING, filled=50)
    assert t.said() == ["amend 2 to 250"]


def test_an_attached_stop_grows_with_the_entry(side: int) -> None:
    t = trade(side, ContextState.ENTERING, held=100)
    t.order(STOP, 300, attached=True, why_held="trigger")
    t.order(TARGET, 300, attached=True, why_held="")
    assert t.said() == []


def test_a_stop_that_stays_held_by_its_parent_is_covered_after_a_moment(side: int) -> None:
    t = trade(side, ContextState.ENTERING, held=100)
    t.order(STOP, 300, attached=True, why_held="child,trigger")
    t.order(TARGET, 300, attached=True, why_held="child")
    assert t.said() == ["wait 250"]
    t.tranche.entry_filled_ns = NOW - 250_000_000
    assert t.said() == ["close stop 100"]
    t.order(STOP, 100)
    assert t.said() == []
    t.context.orders[2].why_held = "trigger"  # it came alive after all: the own one goes
    assert t.said() == ["withdraw 4"]


def test_an_entry_without_a_stop_at_the_broker_is_taken_back(side: int) -> None:
    """Failure 3, later than the gate: the stop was refused, so the entry must not fill."""
    t = Trade(side, ContextState.ENTERING)
    t.order(ENTRY, 300, E.PLACE, E.WENT_WORKING)
    t.order(STOP, 300, E.PLACE, E.REJECTED, attached=True)
    assert t.said() == ["withdraw 1"]


def test_the_rest_of_an_entry_goes_when_an_exit_trades(side: int) -> None:
    t = trade(side, ContextState.ENTERING, held=100)
    t.order(STOP, 300, attached=True, why_held="trigger", filled=40)
    assert "withdraw 1" in t.said()


def test_a_dead_entry_leaves_nothing_behind(side: int) -> None:
    """Failure 4."""
    t = Trade(side, ContextState.ENTERING)
    t.order(ENTRY, 300, E.PLACE, E.CANCELLED)
    t.order(STOP, 300, attached=True, why_held="child,trigger")
    t.order(TARGET, 300, attached=True, why_held="child")
    assert t.said() == ["withdraw 2", "withdraw 3"]


ENDING = [ContextState.CLOSING, ContextState.REVERSING, ContextState.CONCLUDING]


@pytest.mark.parametrize("state", HOLDING)
def test_a_part_that_leaves_is_for_no_more_than_is_left(side: int, state: ContextState) -> None:
    """The target had sold some of it when the order for the part arrived: together they would have
    turned the trade over."""
    t = trade(side, state)
    t.order(STOP, 300)
    target = t.order(TARGET, 300, E.PLACE, E.WENT_WORKING)
    t.tranche.trim = Decimal(200)
    assert t.said() == ["close trim 200"]
    trim = t.order(Role.TRIM, 200, E.PLACE, E.WENT_WORKING)
    assert t.said() == []
    t.fill(target, 180)
    assert "amend 4 to 120" in t.said()
    trim.refused = trim.spec_with(Decimal(120), None)
    assert "withdraw 4" in t.said()
    t.fill(target, 120)
    assert t.said() == ["withdraw 2", "withdraw 4"]


@pytest.mark.parametrize("state", ENDING)
def test_the_stop_goes_last(side: int, state: ContextState) -> None:
    t = trade(side, state)
    t.order(STOP, 300)
    t.order(TARGET, 300, E.PLACE, E.WENT_WORKING)
    assert t.said() == ["withdraw 3", f"wait {CANCEL_MS}"]
    t.context.orders[3].step(E.CANCEL)
    t.context.orders[3].step(E.CANCELLED)
    assert t.said() == ["close close 300"]
    t.order(CLOSE, 300, E.PLACE, E.WENT_WORKING)
    assert t.said() == []
    t.fill(t.context.orders[4], 300)
    assert t.said() == ["withdraw 2"]


@pytest.mark.parametrize("state", ENDING)
def test_what_a_target_traded_before_its_cancel_is_not_closed_again(
    side: int, state: ContextState
) -> None:
    """A close that joins the group behind a fill knows nothing of it; a cancel that is not answered
    holds it up for a moment only."""
    t = trade(side, state)
    t.order(STOP, 300)
    target = t.order(TARGET, 300, E.PLACE, E.WENT_WORKING)
    assert t.said() == ["withdraw 3", f"wait {CANCEL_MS}"]
    target.step(E.CANCEL)
    t.fill(target, 120)
    later = attrs.evolve(TERMS, now_ns=NOW + CANCEL_MS * 1_000_000)
    assert t.said(later) == ["amend 2 to 180", "close close 180"]
    target.step(E.CANCELLED)
    assert t.said() == ["amend 2 to 180", "close close 180"]


@pytest.mark.parametrize("state", ENDING)
def test_the_closing_order_covers_what_is_held_now(side: int, state: ContextState) -> None:
    t = trade(side, state)
    stop = t.order(STOP, 300)
    t.order(CLOSE, 300, E.PLACE, E.WENT_WORKING)
    t.fill(stop, 120)
    assert t.said() == ["amend 3 to 180"]


@pytest.mark.parametrize("state", ENDING)
def test_shares_on_the_wrong_side_go_alone(side: int, state: ContextState) -> None:
    """Failure 18: both exits filled. The excess is closed outside the old group."""
    t = trade(side, state, held=100)
    t.context.orders[1].step(E.CANCELLED)
    t.order(STOP, 150, E.PLACE, E.WENT_WORKING, filled=150)
    t.order(TARGET, 300, E.PLACE, E.WENT_WORKING)
    assert t.said() == ["withdraw 3", "reopen close 50 alone"]


@pytest.mark.parametrize("state", ENDING)
def test_a_refused_close_waits_for_its_turn(side: int, state: ContextState) -> None:
    t = trade(side, state)
    t.order(STOP, 300)
    t.order(CLOSE, 300, E.PLACE, E.REJECTED)
    t.tranche.retry_ns = NOW + 500_000_000
    assert t.said() == ["wait 500"]
    t.tranche.retry_ns = NOW
    assert t.said() == ["close close 300"]


@pytest.mark.parametrize("state", ENDING)
def test_a_stop_gives_way_before_a_close_is_sent_and_not_beside_it(
    side: int, state: ContextState
) -> None:
    """The closes of several parts leave together. Each made the side more crowded for those before
    it, whose stops were then taken back while the closes were on their way."""
    t = trade(side, state)
    stop = t.order(STOP, 300)
    t.order(CLOSE, 300, E.PLACE, E.REJECTED)
    t.tranche.failures[CLOSE] = 1
    terms = attrs.evolve(TERMS, crowd=plans.SIDE_MOST)
    assert t.said(terms) == ["withdraw 2"]
    close = t.order(CLOSE, 300, E.PLACE)
    assert t.said(terms) == []
    close.step(E.INACTIVATED)
    assert t.said(terms) == ["withdraw 2"]
    stop.step(E.CANCELLED)
    close.step(E.WENT_WORKING)
    assert t.said(terms) == []  # nor does another one come then


@pytest.mark.parametrize("state", [ContextState.FROZEN, ContextState.FLAT])
def test_nothing_is_done_on_doubtful_truth_or_in_a_settled_context(
    side: int, state: ContextState
) -> None:
    t = trade(side, state)
    t.order(TARGET, 300, E.PLACE, E.WENT_WORKING)
    assert t.said() == []


def test_an_amendment_waits_for_the_one_under_way(side: int) -> None:
    t = trade(side, ContextState.PROTECTED, held=200)
    t.context.orders[1].step(E.CANCELLED)
    stop = t.order(STOP, 300)
    t.order(TARGET, 200, E.PLACE, E.WENT_WORKING)
    assert t.said() == ["amend 2 to 200"]
    stop.step(E.AMEND)
    stop.spec = stop.spec_with(Decimal(250), None)
    assert t.said() == []


def test_an_amendment_is_transmitted(side: int) -> None:
    """A leg leaves with transmit off; TWS would keep an amendment of it to itself."""
    t = trade(side, ContextState.PROTECTED, held=200)
    t.order(STOP, 300)
    found = [w for w in wants(t.context, TERMS) if isinstance(w, AmendExit)]
    assert found
    assert all(want.spec.transmit for want in found)


def test_what_cannot_be_amended_is_replaced_before_it_goes(side: int) -> None:
    """Fault 21: error 10326 keeps the old stop, which is too large."""
    t = trade(side, ContextState.PROTECTED, held=200)
    t.context.orders[1].step(E.CANCELLED)
    stop = t.order(STOP, 300)
    t.order(TARGET, 200, E.PLACE, E.WENT_WORKING)
    stop.refused = attrs.evolve(stop.spec_with(Decimal(200), None), transmit=True)
    assert t.said() == ["close stop 200"]
    new = t.order(STOP, 200, E.PLACE)
    assert t.said() == []
    new.step(E.HELD_BACK)
    assert t.said() == ["withdraw 2"]


def test_a_stop_beside_one_that_grows_stays_until_that_is_confirmed(side: int) -> None:
    """It was taken back as soon as the amendment had been sent, which the broker may refuse."""
    t = trade(side, ContextState.PROTECTED)
    stop = t.order(STOP, 200)
    t.order(STOP, 300, E.PLACE)
    t.order(TARGET, 300, E.PLACE, E.WENT_WORKING)
    assert t.said() == ["amend 2 to 300"]
    stop.step(E.AMEND)
    stop.spec = stop.spec_with(Decimal(300), None)
    assert t.said() == []
    stop.step(E.AMEND_CONFIRMED)
    stop.confirmed_quantity = Decimal(300)
    assert t.said() == ["withdraw 3"]


def test_no_more_stops_than_attempts(side: int) -> None:
    """Unless the shares would go on without one: then its failure is what ends them."""
    t = trade(side, ContextState.CLOSING)
    t.order(CLOSE, 300)
    t.tranche.failures[STOP] = 2
    assert t.said() == ["close stop 300"]
    t.tranche.failures[STOP] = 3
    assert t.said() == []
    t = trade(side, ContextState.PROTECTED)
    t.order(TARGET, 300, E.PLACE, E.WENT_WORKING)
    t.tranche.failures[STOP] = 3
    assert t.said() == ["close stop 300"]


def test_no_more_targets_than_attempts(side: int) -> None:
    t = trade(side, ContextState.PROTECTED)
    t.order(STOP, 300)
    t.tranche.failures[TARGET] = 3
    assert t.said() == []


def test_exposure_counts_what_a_status_has_filled_ahead(side: int) -> None:
    t = trade(side, ContextState.CLOSING)
    stop = t.order(STOP, 300)
    action = stop.spec.action
    assert exposed(t.context, t.tranche, action, Decimal(300), "g") == 0
    assert exposed(t.context, t.tranche, action, Decimal(300), "") == 300
    stop.status_filled = Decimal(300)
    assert exposed(t.context, t.tranche, action, Decimal(300), "g") == 300


def _second_part(t: Trade, *stop: OrderEvent) -> Tranche:
    """Another 300 shares, whose exits have one group of their own."""
    part = t.context.open_tranche("g", 0, 0)
    for role in (ENTRY, STOP, TARGET):
        events = stop if role is STOP else HELD_BACK
        order = t.order(role, 300, *events, group=part.oca_group)
        del t.tranche.orders[order.order_id]
        order.tranche = part.number
        part.orders[order.order_id] = order
        if role is ENTRY:
            t.fill(order, 300)
    return part


def _overfilled(side: int) -> Trade:
    """A race has sold the 300 shares of the first part twice."""
    t = trade(side, ContextState.PROTECTED)
    t.order(STOP, 300, E.PLACE, E.WENT_WORKING, filled=300)
    t.order(TARGET, 300, E.PLACE, E.WENT_WORKING, filled=300)
    return t


@pytest.mark.parametrize("unguarded", [2, 3])
@pytest.mark.parametrize("stop", [(E.PLACE,), (*HELD_BACK, E.CANCELLED)], ids=["comes", "gone"])
def test_shares_are_taken_from_the_part_whose_stop_does_not_stand(
    side: int, unguarded: int, stop: tuple[OrderEvent, ...]
) -> None:
    """The latest gave first: its stop went while one had to come for the other part."""
    t = _overfilled(side)
    for number in (2, 3):
        _second_part(t, *(stop if number == unguarded else HELD_BACK))
    assert t.context.held == side * 300
    shares = {part.number: held for part, held in t.context.shares()}
    assert shares == {1: 0, unguarded: 0, 5 - unguarded: side * 300}


def test_exits_of_a_part_that_has_lost_its_shares_count_until_they_are_gone(side: int) -> None:
    """The stop of one part has to make room before that of another grows, or comes."""
    t = _overfilled(side)
    second, third = _second_part(t), _second_part(t)
    assert t.context.shares()[2] == (third, 0)
    action = second.of(STOP)[0].spec.action

    def beside(quantity: int) -> Decimal:
        size = Decimal(quantity)
        return exposed(t.context, second, action, size, second.oca_group)

    assert beside(300) == 0  # its target is for as many already
    assert beside(301) == 300
    for order in (*third.of(STOP), *third.of(TARGET)):
        assert beside(301) == 300
        order.step(E.CANCELLED)
    assert beside(301) == 0


def test_a_group_that_has_no_living_member_gets_a_new_name() -> None:
    t = trade(1, ContextState.PROTECTED)
    t.tranche.renew_group()
    assert t.tranche.oca_group == "g"  # never used
    t.order(STOP, 300)
    t.order(TARGET, 300, E.PLACE, E.CANCELLED)
    t.tranche.renew_group()
    assert t.tranche.oca_group == "g"
    t.context.orders[2].step(E.CANCELLED)
    t.tranche.renew_group()
    assert t.tranche.oca_group == "g-2"
    t.order(STOP, 300, E.PLACE, E.CANCELLED, group="g-2")
    t.tranche.renew_group()
    assert t.tranche.oca_group == "g-3"

"""Answers, positions and errors at their worst; numbers are those of the fault matrix."""

from __future__ import annotations

import itertools
from decimal import Decimal

import attrs
import pytest

from engine.commands import Amend, Cancel, Place, Snapshot
from engine.events import AlertEvent, CancelEvent, RefusalEvent
from engine.inputs import (
    ErrorReported,
    ExecutionReported,
    Input,
    OrderOpened,
    OrderRequested,
    OrderStatusReported,
    PositionReported,
    SnapshotEnded,
    SnapshotStarted,
)
from engine.orders import Order, Role
from engine.sim.exchange import Exchange
from engine.sim.policies import Policies
from engine.sim.records import ExecutionNotice
from engine.sim.wireless import translate
from statecharts.vocabulary import OrderReport
from tests.core.bracketed import PROTECTED, order
from tests.core.by_hand import answered
from tests.core.desk import ACCOUNT, CLIENT, Desk
from tests.core.test_core import bracket, desk, placed, sent


def omit(d: Desk, missing: Order, listings: int) -> None:
    """So many answers of the broker leave an order out that lives."""
    before, left = d.retell, [listings]

    def forgetful(asked: Snapshot, answer: list[Input]) -> list[Input]:
        told = before(asked, answer)
        if asked.kind == "open_orders" and left[0]:
            left[0] -= 1
            told = [t for t in told if getattr(t, "order_id", 0) != missing.order_id]
        return told

    d.retell = forgetful


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

    def endless(asked: Snapshot, answer: list[Input]) -> list[Input]:
        return [
            told for told in answer if not (isinstance(told, SnapshotEnded) and told.kind == kind)
        ]

    with answered(d, endless):
        d.wait(40)
        entry = order(d, Role.ENTRY)
        assert entry.reported == OrderReport.UNKNOWN
        assert any(kind in e.text for e in d.said(AlertEvent))
    d.wait(20)
    assert entry.reported in (OrderReport.ABSENT, OrderReport.CLOSED)
    assert d.context_state("AAPL") == "flat"


def test_43_the_end_of_another_epoch_proves_nothing() -> None:
    d = desk()
    d.courier.requests_to_lose = 3
    d.signal("AAPL", "BUY")
    d.retell = lambda asked, _: [SnapshotEnded(asked.kind, d.epoch - 1)]
    d.wait(60)
    assert order(d, Role.ENTRY).reported == OrderReport.UNKNOWN


def test_44_executions_that_no_answer_brings() -> None:
    """The position says what is missing: the symbol is frozen and told, and free again when the
    execution arrives. Meanwhile the questions are few."""
    d = desk()
    d.signal("AAPL", "BUY")
    lost = d.exchange.executions
    d.courier.executions_to_lose = 1
    nothing = [SnapshotStarted("executions", d.epoch), SnapshotEnded("executions", d.epoch)]
    d.retell = lambda asked, answer: [*nothing] if asked.kind == "executions" else answer
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

    def lying(asked: Snapshot, told: list[Input]) -> list[Input]:
        if asked.kind != "positions":
            return told
        if what == "none":
            return [told[0], told[-1]]
        return [attrs.evolve(t, account="U7") if hasattr(t, "account") else t for t in told]

    with answered(d, lying):
        d.wait(70)
        assert d.core.state.held("AAPL") == 300
        assert d.context_state("AAPL") == "frozen"
        assert d.live("AAPL") == PROTECTED  # what protects stays
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


def test_45_a_position_that_differs_otherwise_with_each_answer() -> None:
    """Somebody whom we do not hear trades the symbol all the time: nothing of ours is sent on such
    a truth, and after half a minute a person is told."""
    d = desk()
    d.signal("AAPL", "BUY")
    d.courier.used = True
    answers = itertools.count()

    def trading(asked: Snapshot, told: list[Input]) -> list[Input]:
        if asked.kind != "positions":
            return told
        away = 10 + 10 * (next(answers) % 7)
        return [
            attrs.evolve(one, quantity=one.quantity - away)
            if isinstance(one, PositionReported) and one.symbol == "AAPL"
            else one
            for one in told
        ]

    with answered(d, trading):
        d.lose()
        d.connect()
        d.broker_cancels("AAPL", "STP")
        d.wait(20)
        assert d.context_state("AAPL") == "protected"
        d.wait(20)
        assert d.context_state("AAPL") == "frozen"
        assert any(one.level == "critical" for one in d.said(AlertEvent))
    d.wait(20)
    assert (d.context_state("AAPL"), d.live("AAPL")) == ("protected", PROTECTED)


@pytest.mark.parametrize("seconds", [5, 30])
@pytest.mark.parametrize("policy", ["keep", "flatten"])
def test_45_the_rest_of_an_entry_has_its_time_also_when_its_symbol_was_frozen(
    policy: str, seconds: int
) -> None:
    """Whether the time ends while the symbol is frozen or later, the rest is given up."""
    d = desk(entry_partial=policy, entry_partial_timeout_s=20.0)
    d.quote("AAPL", 99.99, 100.0, size=120)
    d.signal("AAPL", "BUY")
    d.courier.used = True

    def lying(asked: Snapshot, told: list[Input]) -> list[Input]:
        return [told[0], told[-1]] if asked.kind == "positions" else told

    with answered(d, lying):
        d.lose()
        d.connect()
        d.wait(seconds)
        assert d.context_state("AAPL") == "frozen"
    d.wait(45)
    left = ["SELL 120 LMT 104.00", "SELL 120 STP 94.00"]
    state, live = ("protected", left) if policy == "keep" else ("flat", [])
    assert (d.context_state("AAPL"), d.live("AAPL")) == (state, live)


def _split(told: Input) -> Input:
    """Two shares for one: what the broker lists in the morning."""
    if isinstance(told, PositionReported) and told.symbol == "AAPL":
        return attrs.evolve(told, quantity=2 * told.quantity)
    if isinstance(told, OrderOpened) and told.aux_price is not None:
        return attrs.evolve(told, quantity=Decimal(600), aux_price=told.aux_price / 2)
    return told


@pytest.mark.parametrize("stop", ["adjusted", "cancelled"])
@pytest.mark.parametrize("side", [1, -1])
def test_62_shares_are_split_overnight(side: int, stop: str) -> None:
    """A stop at the price of yesterday is far beyond the market of today. It would trade at once:
    none is sent before a second answer has told whether the shares are those that we know."""
    d = desk()
    d.signal("AAPL", "BUY" if side > 0 else "SHORT")
    d.courier.used = True
    d.lose()
    if stop == "cancelled":
        d.exchange.cancel(CLIENT, d.oldest("AAPL", "STP").order_id)
    before = len(d.commands)
    d.retell = lambda _, answer: [_split(told) for told in answer]
    d.connect()
    d.wait(5)
    assert d.context_state("AAPL") == "frozen"
    assert [c for c in d.commands[before:] if isinstance(c, Place | Amend | Cancel)] == []


def test_45_no_entry_on_a_position_that_nothing_explains() -> None:
    d = desk()
    d.signal("AAPL", "BUY")
    d.signal("AAPL", "SELL")
    d.wait(200)
    assert d.context_state("AAPL") == "flat"

    def lying(asked: Snapshot, told: list[Input]) -> list[Input]:
        if asked.kind == "positions":
            con_id = d.instruments["AAPL"].con_id
            told.insert(1, PositionReported(ACCOUNT, con_id, "AAPL", Decimal(100), Decimal(0)))
        return told

    with answered(d, lying):
        d.lose()
        d.connect()
        d.signal("AAPL", "BUY")
        assert d.said(RefusalEvent)[-1].reason == "frozen"
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


def test_a_stop_that_was_unknown_and_is_inactive_gets_a_successor_at_once() -> None:
    """Neither of the two protects, and only one of them may come back: the word that tells them
    apart has something to settle."""
    d = desk()
    d.signal("AAPL", "BUY")
    stop = order(d, Role.STOP)
    omit(d, stop, 1)
    d.lose()
    d.connect()
    assert stop.reported == OrderReport.UNKNOWN
    before, left = len(placed(d, Role.STOP)), stop.remaining
    owner, zero = (stop.order_id, 0, CLIENT, 0), Decimal(0)
    d.feed(OrderStatusReported(*owner, "Inactive", zero, left, zero, stop.why_held))
    assert (stop.resting, len(placed(d, Role.STOP))) == (False, before + 1)

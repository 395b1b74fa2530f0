"""What happens once, is judged once, and is counted as whose it is."""

from __future__ import annotations

from decimal import Decimal

import attrs
import pytest

from engine.commands import Command, Snapshot
from engine.config import from_mapping
from engine.events import AlertEvent, RefusalEvent
from engine.inputs import (
    CloseRequested,
    ExecutionReported,
    Input,
    OrderOpened,
    OrderStatusReported,
    PositionReported,
    SnapshotEnded,
    SnapshotStarted,
    TimerElapsed,
)
from engine.orders import Role
from engine.sim.records import ExecutionNotice, OrderNotice
from engine.sim.wireless import translate
from statecharts.vocabulary import OrderReport
from tests.core.desk import ACCOUNT, Desk
from tests.core.test_core import config, desk

AT_TEN = {
    "id": "ten",
    "when": {"kind": "time", "start": "10:00", "end": "11:00"},
    "then": {"kind": "log", "level": "info", "text": "it is ten"},
}


def test_a_time_of_day_comes_once_to_each_symbol() -> None:
    d = Desk(from_mapping({"strategy": {"symbols": ["AAPL", "MSFT"], "rules": [AT_TEN]}}))

    d.wait(3600)

    told = [event for event in d.said(AlertEvent) if event.text == "it is ten"]
    assert [event.symbol for event in told] == ["AAPL", "MSFT"]


@pytest.mark.parametrize("kind", ["BUY", "SHORT"])
def test_an_order_that_is_younger_than_the_question_is_not_missed_in_the_answer(kind: str) -> None:
    """The listing was made before the order arrived: that it is not in there says nothing."""

    class Slow(Desk):
        asked: tuple[Snapshot, ...] = ()

        def carry_out(self, command: Command) -> list[Input]:
            if isinstance(command, Snapshot):
                self.asked = (*self.asked, command)
                return []
            return super().carry_out(command)

    d = Slow(config())
    d.quote("AAPL", 99.99, 100.0, size=1)
    d.core.state.doubts = True
    d.wait(1)
    d.feed(TimerElapsed())
    assert [one.kind for one in d.asked] == ["open_orders", "executions", "positions"]
    d.courier.lost = {OrderOpened, OrderStatusReported, ExecutionReported}
    d.signal("AAPL", kind)
    for one in d.asked:
        d.feed(SnapshotStarted(one.kind, d.epoch), SnapshotEnded(one.kind, d.epoch))

    orders = list(d.core.state.orders.values())
    assert len(orders) == 3
    assert {order.reported for order in orders} == {OrderReport.SILENT}
    assert not d.core.state.doubts


def test_a_position_that_a_round_has_found_already_is_asked_about_once() -> None:
    """TWS tells positions again and again; each time it was asked a second later, instead of when
    the next look was due."""
    d = desk()
    d.signal("AAPL", "BUY")
    con_id = d.instruments["AAPL"].con_id
    d.courier.used = True

    def more(told: Input) -> Input:
        ours = isinstance(told, PositionReported) and told.symbol == "AAPL"
        return attrs.evolve(told, quantity=Decimal(400)) if ours else told

    d.retell = lambda _, answer: [more(told) for told in answer]
    d.lose()
    d.connect()
    d.wait(20)
    assert d.context_state("AAPL") == "frozen"
    due_ns = d.core.state.deadlines["ask"]
    for _ in range(3):
        d.feed(PositionReported(ACCOUNT, con_id, "AAPL", Decimal(400), Decimal(100)))

    assert d.core.state.deadlines["ask"] == due_ns
    d.feed(PositionReported(ACCOUNT, con_id, "AAPL", Decimal(500), Decimal(100)))
    assert d.core.state.deadlines["ask"] < due_ns  # that is another difference


@pytest.mark.parametrize("kind", ["BUY", "SHORT"])
def test_another_clients_execution_of_our_order_id_is_not_ours(kind: str) -> None:
    d = desk()
    d.signal("AAPL", kind)
    held = d.core.state.held("AAPL")
    (told,) = translate(ExecutionNotice(d.exchange.executions()[0]))
    assert isinstance(told, ExecutionReported)

    d.courier.used = True
    d.feed(attrs.evolve(told, execution_id="f00d.1.01", client_id=99, perm_id=99, order_ref=""))

    assert abs(held) == 300
    assert d.core.state.held("AAPL") == held
    assert d.core.state.foreign[told.con_id] == held


@pytest.mark.parametrize(
    ("name", "ours", "frozen"), [("AAPL  240315C00150000", True, ["AAPL"]), ("AAPL", False, [])]
)
def test_an_execution_of_an_order_we_do_not_know_freezes_the_symbol_of_its_contract(
    name: str, ours: bool, frozen: list[str]
) -> None:
    """An option is called like its stock: that symbol was frozen, and one under another name was
    frozen for ever in place of ours."""
    d = desk()
    d.signal("AAPL", "BUY")
    (told,) = translate(ExecutionNotice(d.exchange.executions()[0]))
    assert isinstance(told, ExecutionReported)
    d.courier.used = True
    state = d.core.state
    reference = f"{state.tag}-99-E999"
    d.feed(
        attrs.evolve(
            told, execution_id="f00d.1.01", order_id=999, perm_id=99, order_ref=reference,
            symbol=name, con_id=told.con_id if ours else 12345,
        )
    )  # fmt: skip

    assert list(state.frozen) == frozen
    assert any("an order we do not know" in one.text for one in d.said(AlertEvent))
    d.wait(60)
    assert not state.frozen  # what the broker holds is what we know


@pytest.mark.parametrize("kind", ["BUY", "SHORT"])
def test_levels_that_the_limits_refuse_are_refused_when_their_time_has_come(kind: str) -> None:
    """The second one waited for whatever touched the trade next, be it a word told twice."""
    strategy = {
        "symbols": ["AAPL"],
        "sizing": {"shares": 300},
        "double_down": {"levels": [0.25, 0.5]},
    }
    d = Desk(from_mapping({"strategy": strategy, "limits": {"gross_notional_max": 40_000}}))
    d.quote("AAPL", 99.99, 100.0)
    d.signal("AAPL", kind)

    assert abs(d.core.state.held("AAPL")) == 300
    told = [event.detail for event in d.said(RefusalEvent)]
    assert told == ["double_down 1", "double_down 2"]
    d.wait(60)
    assert len(d.said(RefusalEvent)) == 2


@pytest.mark.parametrize("kind", ["BUY", "SHORT"])
def test_nothing_is_added_while_no_stop_is_known_to_stand(kind: str) -> None:
    d = desk(double_down={"levels": [0.5]})
    d.courier.lost = {OrderOpened, OrderStatusReported}
    d.signal("AAPL", kind)
    d.wait(0.2)
    assert abs(d.core.state.held("AAPL")) == 300
    assert not d.core.state.current["AAPL"].of(Role.ADD)

    d.heal()

    assert len(d.core.state.current["AAPL"].of(Role.ADD)) == 1


@pytest.mark.parametrize("kind", ["BUY", "SHORT"])
@pytest.mark.parametrize("stale", [False, True], ids=["before", "after"])
def test_shares_that_a_status_counted_and_a_correction_took_back_are_not_waited_for(
    kind: str, stale: bool
) -> None:
    """Only the corrected execution was ever heard. The ten that seemed to be on their way kept
    every stop and close away from what was held."""
    d = desk()
    side = 1 if kind == "BUY" else -1
    d.quote("AAPL", 99.99, 100.0)
    d.signal("AAPL", kind)
    assert d.core.state.held("AAPL") == 300 * side
    d.quote("AAPL", 99.99, 100.0, size=60)
    d.courier.lost = {ExecutionReported} | ({OrderStatusReported} if stale else set())
    d.feed(CloseRequested("AAPL", "operator"))
    close = d.oldest("AAPL", "MKT")
    counted = translate(OrderNotice(attrs.evolve(close), with_open_order=False))
    (fill,) = [one for one in d.exchange.executions() if one.order_id == close.order_id]
    live = d.exchange._registry.find(fill.client_id, fill.order_id)
    corrected = d.exchange._floor.ledger.correct(fill, fill.quantity - 10, fill.price, live)
    d.courier.lost.clear()
    d.deliver([corrected])
    if stale:
        d.feed(*counted)
    d.broker_cancels("AAPL", "MKT")
    d.wait(5)
    d.quote("AAPL", 99.99, 100.0)
    d.wait(30)

    assert d.exchange.position("AAPL") == d.core.state.held("AAPL") == 0
    assert d.live("AAPL") == []

"""What every round of truth brings again is recorded once."""

from __future__ import annotations

from decimal import Decimal

import attrs
import pytest

from engine.config import from_mapping
from engine.events import AlertEvent
from engine.executions import known
from engine.inputs import (
    CloseRequested,
    CommissionReported,
    ExecutionReported,
    OrderStatusReported,
)
from engine.sim.records import ExecutionNotice, SimExecution
from engine.sim.wireless import translate
from tests.core.desk import Desk


@pytest.fixture
def d() -> Desk:
    strategy = {"symbols": ["AAPL"], "sizing": {"shares": 100}, "stop": {"percent": 5}}
    made = Desk(from_mapping({"strategy": strategy}))
    made.quote("AAPL", 100.0, 100.0)
    made.signal("AAPL", "BUY")
    return made


def told(d: Desk) -> list[ExecutionReported | CommissionReported]:
    items = [one for _, inputs in d.records for one in inputs]
    return [one for one in items if isinstance(one, ExecutionReported | CommissionReported)]


def test_what_is_counted_is_known_and_changes_nothing(d: Desk) -> None:
    again = told(d)
    assert {type(one) for one in again} == {ExecutionReported, CommissionReported}
    state = d.core.state
    assert all(known(state, one) for one in again)
    before = state.digest()
    d.feed(*again)
    assert state.digest() == before


def test_what_says_anything_else_is_not(d: Desk) -> None:
    fill = next(one for one in told(d) if isinstance(one, ExecutionReported))
    fee = next(one for one in told(d) if isinstance(one, CommissionReported))
    head, _, tail = fill.execution_id.rpartition(".")
    corrected = f"{head}.{int(tail) + 1:02d}"
    state = d.core.state
    for news in (
        attrs.evolve(fill, execution_id=corrected),
        attrs.evolve(fill, execution_id="other.01"),
        attrs.evolve(fee, commission=Decimal(7)),
        attrs.evolve(fee, execution_id="other.01"),
        OrderStatusReported(1, 1, 17, 0, "Filled", Decimal(1), Decimal(0), Decimal(1), ""),
    ):
        assert not known(state, news)


def test_strangers_and_what_is_forgotten_are_known_by_their_revision(d: Desk) -> None:
    fill = next(one for one in told(d) if isinstance(one, ExecutionReported))
    theirs = attrs.evolve(
        fill, execution_id="x.01", order_ref="", order_id=0, client_id=0, perm_id=9
    )
    assert not known(d.core.state, theirs)
    d.feed(theirs)
    assert known(d.core.state, theirs)
    assert not known(d.core.state, attrs.evolve(theirs, execution_id="x.02"))


def test_an_execution_that_is_busted_when_its_trade_is_forgotten_freezes_the_symbol(
    d: Desk,
) -> None:
    """An exchange takes trades back hours later. It was passed over in silence, and the next trade
    went on beside shares of which nobody knew."""
    d.feed(CloseRequested("AAPL", "operator"))
    d.wait(1500)
    assert not d.core.state.contexts
    entry, exit_ = d.exchange.executions()
    assert known(d.core.state, _of(d, entry))
    before = len(_alerts(d))
    d.courier.used = True  # until it has asked it knows less than the broker
    d.deliver([d.exchange._floor.ledger.correct(entry, Decimal(0), entry.price, None)])
    d.wait(20)

    assert list(d.core.state.frozen) == ["AAPL"]
    assert [one.level for one in _alerts(d)[before:]].count("critical") >= 1
    assert any("a trade that is over was corrected" in one.text for one in _alerts(d))
    d.wait(300)
    told = [one for one in _alerts(d) if "a trade that is over was corrected" in one.text]
    assert len(told) == 1  # though each round lists it
    assert not known(d.core.state, attrs.evolve(_of(d, exit_), execution_id="0001.02"))


def test_what_was_corrected_before_its_trade_was_forgotten_is_known(d: Desk) -> None:
    entry = d.exchange.executions()[0]
    order = d.exchange._registry.find(17, entry.order_id)
    d.deliver([d.exchange._floor.ledger.correct(entry, Decimal(90), entry.price, order)])
    assert d.core.state.held("AAPL") == 90
    d.feed(CloseRequested("AAPL", "operator"))
    d.wait(1500)
    assert not d.core.state.contexts
    corrected = next(one for one in d.exchange.executions() if one.order_id == entry.order_id)

    assert known(d.core.state, _of(d, corrected))
    d.lose()
    d.connect()
    d.wait(60)
    assert not any("that is over was corrected" in one.text for one in _alerts(d))
    assert not d.core.state.frozen


def _of(d: Desk, told: SimExecution) -> ExecutionReported:
    (fill,) = translate(ExecutionNotice(told))
    assert isinstance(fill, ExecutionReported)
    return fill


def _alerts(d: Desk) -> list[AlertEvent]:
    return d.said(AlertEvent)


def test_a_commission_that_came_first_is_known_once(d: Desk) -> None:
    early = CommissionReported("y.01", Decimal(1), "USD", None)
    assert not known(d.core.state, early)
    d.feed(early)
    assert known(d.core.state, early)
    assert not known(d.core.state, attrs.evolve(early, commission=Decimal(2)))

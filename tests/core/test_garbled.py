"""Messages that were damaged on their way: each is well formed, and says what nobody meant."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

import attrs
import pytest

from engine.events import AlertEvent, RefusalEvent
from engine.executions import known
from engine.inputs import (
    AccountReported,
    AccountValue,
    CommissionReported,
    ErrorReported,
    ExecutionReported,
    Input,
    MarketView,
    OrderOpened,
    OrderStatusReported,
    PositionReported,
)
from engine.orders import Role
from engine.sim.records import OrderNotice
from engine.sim.wireless import translate
from tests.core.bracketed import execution
from tests.core.by_hand import by_hand, changed, desk, enter
from tests.core.desk import ACCOUNT
from tests.core.test_shared_account import STEPS, Liquidated

WALKS: Final = 30
OF_THE_BROKER: Final = (
    *(ExecutionReported, OrderOpened, OrderStatusReported),
    *(CommissionReported, ErrorReported, PositionReported),
)
ODD: Final[dict[type, tuple[Any, ...]]] = {
    Decimal: (Decimal(0), Decimal(-5), Decimal("0.0001"), Decimal(10) ** 12),
    int: (0, -1, 1, 2, 2**31 - 1),
    str: ("", "X", "Submitted", "MSFT"),
}


class Garbled(Liquidated):
    """One message in seven has a field of another one, or an odd one."""

    def __init__(self, seed: int, policy: str) -> None:
        self.seen: dict[tuple[type, str], list[Any]] = {}
        super().__init__(seed, policy)

    def tell(self, *inputs: Input) -> None:
        super().tell(*map(self._damaged, inputs))

    def _damaged(self, item: Input) -> Input:
        if not isinstance(item, OF_THE_BROKER):
            return item
        names = [one.name for one in attrs.fields(type(item))]
        for name in names:
            self.seen.setdefault((type(item), name), []).append(getattr(item, name))
        if self.random.random() > 0.15:
            return item
        name = self.random.choice(names)
        value = self.random.choice(self.seen[type(item), name])
        if self.random.random() < 0.3:
            value = self.random.choice(ODD.get(type(value), (value,)))
        return attrs.evolve(item, **{name: value})


@pytest.mark.parametrize("policy", ["ignore", "freeze", "adopt"])
@pytest.mark.parametrize("seed", range(WALKS))
def test_it_ends_nobody(seed: int, policy: str) -> None:
    Garbled(seed, policy).run(STEPS)


def misfits() -> list[Callable[[ExecutionReported], ExecutionReported]]:
    return [
        lambda fill: attrs.evolve(fill, side="BUY"),
        lambda fill: attrs.evolve(fill, con_id=fill.con_id + 1),
        lambda fill: attrs.evolve(fill, account="U9"),
        lambda fill: attrs.evolve(fill, quantity=-fill.quantity),
    ]


@pytest.mark.parametrize("damaged", misfits())
def test_an_execution_that_does_not_fit_its_order_is_asked_for_again(
    damaged: Callable[[ExecutionReported], ExecutionReported],
) -> None:
    d = desk("ignore")
    enter(d, 1)
    with changed(
        d, lambda one: damaged(one) if isinstance(one, ExecutionReported) else one
    ) as told:
        d.trade("AAPL", 95.0)
    assert d.core.state.held("AAPL") == 100
    assert any("does not fit order" in one.text for one in d.said(AlertEvent))
    (fill,) = [one for one in told if isinstance(one, ExecutionReported)]
    assert not known(d.core.state, fill)
    d.wait(120)
    assert not d.core.state.current
    assert not d.core.state.frozen
    assert not d.live("AAPL")


@pytest.mark.parametrize("field", [{"account": "U9"}, {"con_id": 7}])
@pytest.mark.parametrize("policy", ["ignore", "freeze", "adopt"])
def test_an_execution_of_others_that_seemed_to_be_of_elsewhere_counts_when_it_is_told_again(
    policy: str, field: dict[str, Any]
) -> None:
    """It was of an account or a contract that is nothing to us (seed 820 of liveness)."""
    d = desk(policy)
    d.wait(120)
    (con_id,) = d.core.state.foreign
    with changed(
        d, lambda one: attrs.evolve(one, **field) if isinstance(one, ExecutionReported) else one
    ):
        by_hand(d, "SELL", 50)
    d.wait(120)
    assert d.core.state.foreign[con_id] + d.core.state.held("AAPL") == -50
    assert d.core.state.held("AAPL") == (-50 if policy == "adopt" else 0)
    assert list(d.core.state.frozen) == (["AAPL"] if policy == "freeze" else [])


@pytest.mark.parametrize("first", ["garbled", "sound"])
def test_a_fill_whose_id_was_garbled_is_told_again_and_again(first: str) -> None:
    """The broker repeats what it has told with every answer, also what it has told wrongly."""
    d = desk("ignore")
    with changed(
        d,
        lambda one: (
            attrs.evolve(one, execution_id="nonsense")
            if first == "garbled" and isinstance(one, ExecutionReported)
            else one
        ),
    ):
        enter(d, 1)
    sound = execution(d, 0)
    garbled = attrs.evolve(sound, execution_id="nonsense")
    d.feed(sound, garbled, garbled)
    d.feed(garbled, sound, garbled)
    assert (d.core.state.held("AAPL"), d.context_state("AAPL")) == (100, "protected")
    # Another fill that is damaged in the same way is another fill.
    d.courier.used = True
    more = attrs.evolve(garbled, quantity=Decimal(50), cumulative_quantity=Decimal(150))
    d.feed(more)
    assert d.core.state.held("AAPL") == 150


UNSET: Final = 1.7976931348623157e308  # what TWS writes where it has no number


@pytest.mark.parametrize("told", ["1.7976931348623157E308", "1E+40", "-1E+40"])
def test_an_equity_that_is_not_set_is_none(told: str) -> None:
    d = desk("ignore", sizing={"risk_percent": 1})
    d.feed(AccountReported(ACCOUNT, (AccountValue("NetLiquidation", told, "USD"),)))
    d.signal("AAPL", "BUY")
    assert d.said(RefusalEvent)[-1].reason == "no_equity"


@pytest.mark.parametrize("sizing", [{"dollars": 10_000}, {"shares": 100}])
@pytest.mark.parametrize(
    ("price", "atr"), [(UNSET, 1.0), (1e-300, 1.0), (100.0, UNSET), (100.0, 1e25), (100.0, 1e-300)]
)
def test_no_price_and_no_range_are_too_far_away(
    price: float, atr: float, sizing: dict[str, int]
) -> None:
    """It is refused, or decided without the range; whatever it is, the engine goes on."""
    d = desk("ignore", sizing=sizing, stop={"atr": 6.0}, target=[{"atr": 4.0}])
    d.quotes["AAPL"] = MarketView("AAPL", price, price, price, 0, atr)
    d.signal("AAPL", "BUY")
    assert d.said(RefusalEvent)[-1].reason in ("no_price", "no_stop")


@pytest.mark.parametrize("field", ["price", "quantity"])
def test_an_execution_that_is_too_far_away_is_asked_for_again(field: str) -> None:
    d = desk("ignore")
    enter(d, 1)
    d.courier.used = True
    far = attrs.evolve(execution(d, 0), execution_id="far.1.01", **{field: Decimal(UNSET)})
    d.feed(far)
    assert any("does not fit order" in one.text for one in d.said(AlertEvent))
    assert (d.core.state.held("AAPL"), d.context_state("AAPL")) == (100, "protected")


def test_a_trailing_stop_that_is_told_too_far_away_is_where_it_was(side: int) -> None:
    d = desk("ignore", trailing={"amount": 5.0}, target=[])
    enter(d, side)
    (trail,) = [one for one in d.core.state.orders.values() if one.role is Role.STOP]
    told, _ = translate(OrderNotice(d.oldest("AAPL", "TRAIL")))
    d.feed(attrs.evolve(told, trail_stop_price=Decimal(UNSET)))
    d.broker_cancels("AAPL", "TRAIL")
    assert trail.dead
    assert d.context_state("AAPL") == "protected"

"""Messages that were damaged on their way: each is well formed, and says what nobody meant."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

import attrs
import pytest

from engine.events import AlertEvent
from engine.executions import known
from engine.inputs import (
    CommissionReported,
    ErrorReported,
    ExecutionReported,
    Input,
    OrderOpened,
    OrderStatusReported,
    PositionReported,
)
from tests.core.bracketed import execution
from tests.core.by_hand import by_hand, changed, desk, enter
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

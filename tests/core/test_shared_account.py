"""The core in an account that others trade as well, told of it in any order and in part."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import attrs
import pytest

from engine.inputs import ExecutionReported, Input, OrderOpened
from engine.positions import revision
from tests.core.desk import ACCOUNT
from tests.core.unruly import LIVELY, Unruly
from tests.core.walk import SYMBOLS

WALKS, STEPS = 40, 600
ELSEWHERE = "U9"


class Shared(Unruly):
    """Others order, trade and are corrected; what is ours may come without its name at first."""

    def __init__(self, seed: int, policy: str) -> None:
        super().__init__(seed, **LIVELY, foreign_orders=policy)

    def moves(self) -> list[tuple[Callable[[], list[Input]], int]]:
        return [
            *super().moves(),
            (self.traded, 3),
            (self.traded_elsewhere, 1),
            (self.ordered, 2),
            (self.corrected, 1),
            (self.nameless, 2),
        ]

    def _of_others(self, account: str = ACCOUNT) -> ExecutionReported:
        self.count += 1
        symbol = self.random.choice(SYMBOLS)
        return ExecutionReported(
            f"x{self.count}.01", 900 + self.count % 5, 7_000 + self.count % 5, 0, "", account,
            self._contract(symbol).con_id, symbol, self.random.choice(("BUY", "SELL")),
            Decimal(self.random.choice((1, 10, 15, 30))), Decimal(100), Decimal(0), "SIM", "",
            False,
        )  # fmt: skip

    def traded(self) -> list[Input]:
        """Told at once, or by the next answer about executions."""
        fill = self._executed(self._of_others())
        return [fill] if self.random.random() < 0.5 else []

    def traded_elsewhere(self) -> list[Input]:
        return [self._of_others(ELSEWHERE)]

    def ordered(self) -> list[Input]:
        seen = self._of_others(self.random.choice((ACCOUNT, ACCOUNT, ELSEWHERE)))
        status = self.random.choice(("Submitted", "Submitted", "Cancelled"))
        return [
            OrderOpened(
                seen.order_id, seen.perm_id, 0, 0, "", seen.account, seen.con_id, seen.symbol,
                seen.side, seen.quantity, "LMT", Decimal(90), None, "DAY", "", 0, status, None,
                None,
            )
        ]  # fmt: skip

    def corrected(self) -> list[Input]:
        others = [one for name, one in self.executions.items() if name.startswith("x")]
        if not others:
            return []
        one = self.random.choice(others)
        identity, number = revision(one.execution_id)
        shares = self.random.choice((Decimal(0), Decimal(1), one.quantity))
        again = f"{identity}.{number + 1:02d}"
        return [self._executed(attrs.evolve(one, execution_id=again, quantity=shares))]

    def nameless(self) -> list[Input]:
        return [
            attrs.evolve(
                one, order_id=0, perm_id=0, client_id=0, order_ref="",
                account=self.random.choice((ACCOUNT, ELSEWHERE)),
            )
            if isinstance(one, ExecutionReported) else one
            for one in self.fill()
        ]  # fmt: skip


class Liquidated(Shared):
    """The broker closes what it likes by force: then nobody can say what of it is ours."""

    def moves(self) -> list[tuple[Callable[[], list[Input]], int]]:
        return [*super().moves(), (self.liquidated, 2)]

    def liquidated(self) -> list[Input]:
        return [self._executed(attrs.evolve(self._of_others(), liquidation=True))]

    def check(self, symbol: str, own: Decimal) -> None:
        pass


@pytest.mark.parametrize("policy", ["ignore", "freeze", "adopt"])
@pytest.mark.parametrize("seed", range(WALKS))
def test_it_counts_what_is_ours_and_comes_to_rest(seed: int, policy: str) -> None:
    """What is held is the fold of all executions that are ours, after every word. Again:
    ``pytest tests/core/test_shared_account.py -k "[SEED-POLICY]"``."""
    shared = Shared(seed, policy)
    shared.run(STEPS)

    assert shared.strange == []


@pytest.mark.parametrize("policy", ["ignore", "freeze", "adopt"])
@pytest.mark.parametrize("seed", range(WALKS))
def test_it_comes_to_rest_whatever_the_broker_liquidates(seed: int, policy: str) -> None:
    shared = Liquidated(seed, policy)
    shared.run(STEPS)

    assert shared.strange == []

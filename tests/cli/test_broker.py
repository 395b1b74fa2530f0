"""Whether the journal's simulator outlives a run."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from engine.cli.broker import BrokerChoice
from engine.inputs import MarketView
from engine.sim.child import Market, SimChild
from engine.view import EngineView, OrderView, SymbolView

FLAT = {"position": {"IBM": 0}, "open_orders": []}


@pytest.fixture(scope="module")
def simulator() -> Iterator[SimChild]:
    market = Market(ticks=(), symbols=("IBM",), seed=1)
    launch = SimChild.start(
        market, day="20240103", speed=1.0, account="DU1", instance=1, kept=False
    )
    with launch:
        child = launch.wait()
    yield child
    child.stop()


def view(quantity: int = 0, frozen: str = "", working: bool = False) -> EngineView:
    symbol = SymbolView(
        symbol="IBM",
        state="closing",
        side="long",
        quantity=Decimal(quantity),
        average_price=Decimal(100),
        stops=(),
        targets=(),
        adds=(),
        brackets=("exiting",),
        rule="",
        unrealised=0.0,
        realised=Decimal(0),
        commission=Decimal(0),
        frozen=frozen,
        market=MarketView("IBM"),
        data_refused="",
    )
    close = OrderView(7, "IBM", "close", "SELL", Decimal(100), Decimal(0), "MKT", None, "working")
    orders = (close,) if working else ()
    return EngineView("live", 0, "DU1", "", (symbol,), orders, 0, (), (), ())


@pytest.mark.parametrize(
    ("seen", "note"),
    [
        pytest.param(view(), None, id="settled"),
        pytest.param(view(100), "executions that came after the end", id="close-filled-late"),
        pytest.param(view(working=True), "executions that came after the end", id="unanswered"),
        pytest.param(None, "executions that came after the end", id="never-seen"),
        pytest.param(view(100, "why", working=True), None, id="frozen"),
    ],
)
def test_a_flat_simulator_is_kept_while_the_journal_waits_for_its_word(
    simulator: SimChild, tmp_path: Path, seen: EngineView | None, note: str | None
) -> None:
    choice = BrokerChoice(simulator, tmp_path / "J-sim", [])
    choice.settle(FLAT, seen)
    assert [note in told for told in choice.notes] == ([True] if note else [])


def test_a_simulator_that_holds_something_is_kept_whatever_the_engine_thinks(
    simulator: SimChild, tmp_path: Path
) -> None:
    choice = BrokerChoice(simulator, tmp_path / "J-sim", [])
    choice.settle({"position": {"IBM": 5}, "open_orders": []}, view())
    choice.settle({"position": {"IBM": 0}, "open_orders": [{}]}, view())
    assert ["holding IBM" in choice.notes[0], "open orders" in choice.notes[1]] == [True, True]

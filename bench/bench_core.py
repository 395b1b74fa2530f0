"""One step of the core on an order event, with five positions and ten live orders around it.

Every round steps a fresh core: the recorded inputs of a real exchange are played to it first,
which is not timed. So each figure is of a first time, as in trading. One more is of a warm loop:
the difference is what memory costs that was not touched lately.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import attrs
import pytest

from bench.conftest import Stage
from bench.ledger import Figure, Ledger, Target
from engine.config import from_mapping
from engine.core import Core, Output
from engine.inputs import (
    ExecutionReported,
    Input,
    MarketView,
    OrderStatusReported,
    Signal,
    SignalArrived,
)
from engine.sim.records import ExecutionNotice, OrderNotice
from engine.sim.wireless import translate
from tests.core.desk import Desk

SYMBOLS = ("AAA", "BBB", "CCC", "DDD", "EEE", "FFF")
CONFIG = from_mapping({"strategy": {"symbols": SYMBOLS, "sizing": {"shares": 300}}})
ROUNDS = 150
TARGET = Target("ours", 20e-6)


@pytest.fixture(scope="module")
def desk() -> Desk:
    """Five of six symbols held, each with its stop and its target at the exchange."""
    made = Desk(CONFIG)
    for number, symbol in enumerate(SYMBOLS):
        made.quote(symbol, 100.0 + number, 100.02 + number)
    for symbol in SYMBOLS[:5]:
        made.signal(symbol, "BUY")
    made.wait(1)
    assert len(made.exchange.open_orders(17)) == 10
    return made


def fresh(desk: Desk) -> Core:
    core = Core(CONFIG)
    for now_ns, inputs in desk.records:
        core.step(inputs, now_ns)
    return core


def status(desk: Desk) -> list[Input]:
    """A stop that reports once more: the commonest event there is."""
    order = next(o for o in desk.exchange.open_orders(17) if o.order_type == "STP")
    return [i for i in translate(OrderNotice(order)) if isinstance(i, OrderStatusReported)]


def working(desk: Desk) -> list[Input]:
    """A stop that changes its state: triggered and working."""
    found = status(desk)
    assert isinstance(found[0], OrderStatusReported)
    return [attrs.evolve(found[0], status="Submitted")]


def fill(desk: Desk, shares: int) -> list[Input]:
    """An execution of a target: with less than all shares, cover has to follow."""
    order = next(o for o in desk.exchange.open_orders(17) if o.order_type == "LMT")
    price = order.limit_price
    assert price is not None
    one = desk.exchange.executions(17)[0]
    execution = attrs.evolve(
        one,
        execution_id="0001.bench.01.01",
        order_id=order.order_id,
        perm_id=order.perm_id,
        instrument=order.instrument,
        side=order.action,
        quantity=Decimal(shares),
        price=price,
        cumulative_quantity=Decimal(shares),
        average_price=price,
        order_ref=order.order_ref,
    )
    found = translate(ExecutionNotice(execution))
    assert isinstance(found[0], ExecutionReported)
    return found


def signal(desk: Desk) -> list[Input]:
    """A prediction for the symbol that is flat, which becomes a bracket of three orders."""
    quoted = MarketView("FFF", 105.0, 105.02, 105.01, 0, 1.0)
    return [SignalArrived(Signal("s-1", "bench", "FFF", "BUY", 0.9, desk.now_ns), quoted)]


CASES: dict[str, tuple[Callable[[Desk], list[Input]], int]] = {
    "orderStatus, nothing new": (status, 0),
    "orderStatus, state changes": (working, 0),
    "execution, part of a target": (lambda desk: fill(desk, 100), 0),
    "execution, all of a target": (lambda desk: fill(desk, 300), 0),
    "signal -> entry with its exits": (signal, 1),
}


@pytest.mark.parametrize("name", list(CASES))
def test_step(benchmark: Any, ledger: Ledger, desk: Desk, name: str) -> None:
    make, commands_min = CASES[name]
    inputs = make(desk)
    now_ns = desk.now_ns + 1_000_000
    outputs: list[Output] = []

    def setup() -> tuple[tuple[Core], dict[str, Any]]:
        return (fresh(desk),), {}

    def work(core: Core) -> None:
        outputs.append(core.step(inputs, now_ns))

    benchmark.group = "core"
    benchmark.pedantic(work, setup=setup, rounds=ROUNDS, warmup_rounds=10)
    assert len(outputs[-1].commands) >= commands_min
    ledger.add(Figure("core", f"step: {name}", benchmark.stats.stats.median, target=TARGET))


def test_warm_step(stage: Stage, desk: Desk) -> None:
    core = fresh(desk)
    both = [status(desk), working(desk)]
    now_ns = desk.now_ns + 1_000_000

    def work() -> None:
        for inputs in both:
            core.step(inputs, now_ns)

    stage("core", "step: orderStatus, state changes, in a loop", work, count=2, target=TARGET)

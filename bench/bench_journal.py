"""Making one step durable: an execution and the amendment that follows from it."""

from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

import pytest

from bench.conftest import Stage
from bench.ledger import Figure, Ledger
from bench.wire import EXECUTION
from engine.commands import Amend, OrderSpec
from engine.inputs import ExecutionReported
from engine.journal import Journal

D = Decimal
NOW = EXECUTION.time_ns
INPUTS = [
    ExecutionReported(
        EXECUTION.execution_id,
        EXECUTION.order_id,
        EXECUTION.perm_id,
        17,
        EXECUTION.order_ref,
        EXECUTION.account,
        EXECUTION.instrument.con_id,
        "IBM",
        "SELL",
        D(100),
        D("157.11"),
        D(100),
        "ISLAND",
        "20240103-14:30:00Z",
        False,
    )
]
SPEC = OrderSpec(
    "SELL", D(200), "STP", None, D("157.12"), "GTC", False, "DU0000001", "sx1-7-stop", "sx1-7", 3
)
COMMANDS = [Amend(EXECUTION.order_id, "IBM", SPEC)]
ROUNDS = 200


def test_append(stage: Stage) -> None:
    with Journal.memory() as journal:
        stage("journal", "append", lambda: journal.append(NOW, INPUTS, COMMANDS))


@pytest.mark.parametrize("durability", ["normal", "full"])
def test_commit(
    benchmark: Any, ledger: Ledger, disk: Path, durability: Literal["normal", "full"]
) -> None:
    with Journal.open(disk / "bench.journal", durability) as journal:

        def work() -> None:
            journal.append(NOW, INPUTS, COMMANDS)
            journal.commit()

        benchmark.group = "journal"
        benchmark.pedantic(work, rounds=ROUNDS, warmup_rounds=5)
    ledger.add(Figure("journal", f"append + commit, {durability}", benchmark.stats.stats.median))

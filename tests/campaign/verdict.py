"""What must be true after a day of kills: the journal and the exchange's own record agree, and
neither shows anything that happened twice."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs

from engine.commands import Place
from engine.config import Config
from engine.core import Core
from engine.errors import JournalError
from engine.events import AlertEvent, RefusalEvent
from engine.inputs import ExecutionReported, SignalArrived, Started
from engine.journal import Journal
from engine.recovery import rebuild

# TWS's words for something that was sent twice, or about an order that was never there.
SENT_TWICE = frozenset({103})


@attrs.define
class Findings:
    """``faults`` break a promise; the rest is for whoever reads along."""

    faults: list[str] = attrs.field(factory=list)
    alerts: Counter[str] = attrs.field(factory=Counter)
    records: int = 0
    orders: int = 0
    executions: int = 0
    signals: int = 0  # that acted
    uncovered_ms: float = 0.0  # the longest, while the exchange's clock ran, in real time


def examine(
    path: Path, config: Config, exchange: dict[str, Any], *, uncovered_max_ms: float
) -> Findings:
    """Everything that can be proven from the closed journal at ``path`` and the last report of
    the exchange it traded at."""
    found = Findings()
    try:
        with Journal.open(path, "normal") as journal:
            found.records = journal.verify()
            first, second = rebuild(journal, config), rebuild(journal, config)
            if first.state.digest() != second.state.digest():
                found.faults.append("two replays of the journal end in different states")
            _replay(journal, config, exchange, found)
    except JournalError as problem:
        found.faults.append(str(problem))
    _exchange(exchange, found, uncovered_max_ms)
    return found


def _replay(journal: Journal, config: Config, exchange: dict[str, Any], found: Findings) -> None:
    core = Core(config)
    acted: Counter[str] = Counter()
    entered: Counter[str] = Counter()
    numbers: set[int] = set()
    refs: dict[str, Place] = {}
    known: set[str] = set()
    last_id = runs = 0
    for record in journal.records():
        output = core.step(record.inputs, record.now_ns)
        runs += sum(isinstance(one, Started) for one in record.inputs)
        arrived = [one.signal.identity for one in record.inputs if isinstance(one, SignalArrived)]
        refused = Counter(
            event.identity for event in output.events if isinstance(event, RefusalEvent)
        )
        acted.update(arrived)
        for identity in arrived:
            if refused[identity]:
                refused[identity] -= 1
                acted[identity] -= 1
        for number, context in core.state.contexts.items():
            if number not in numbers:
                numbers.add(number)
                entered[context.plan.identity] += 1
        known |= {one.execution_id for one in record.inputs if isinstance(one, ExecutionReported)}
        for event in output.events:
            if isinstance(event, AlertEvent):
                found.alerts[f"{event.level}: {event.text}"] += 1
        for command in record.commands:
            if not isinstance(command, Place):
                continue
            if command.order_id <= last_id:
                found.faults.append(f"order id {command.order_id} follows {last_id}")
            last_id = max(last_id, command.order_id)
            if command.spec.order_ref in refs:
                found.faults.append(f"order reference {command.spec.order_ref} was given twice")
            refs[command.spec.order_ref] = command
    found.orders, found.signals = len(refs), sum(1 for count in acted.values() if count > 0)
    found.faults += [f"signal {name} acted {n} times" for name, n in acted.items() if n > 1]
    found.faults += [f"signal {name} entered {n} times" for name, n in entered.items() if n > 1]
    _compare_executions(core, exchange, known, refs, found)


def _compare_executions(
    core: Core,
    exchange: dict[str, Any],
    known: set[str],
    refs: dict[str, Place],
    found: Findings,
) -> None:
    filled: Counter[str] = Counter()
    permanent: dict[str, set[int]] = {}
    for one in exchange["executions"]:
        ref = one["order_ref"]
        if one["execution_id"] not in known:
            found.faults.append(f"execution {one['execution_id']} is not in the journal")
        if ref not in refs:
            found.faults.append(f"order {ref} executed, and the journal never placed it")
            continue
        filled[ref] += one["quantity"]
        permanent.setdefault(ref, set()).add(one["perm_id"])
    found.executions = len(exchange["executions"])
    for ref, ids in permanent.items():
        if len(ids) > 1:
            found.faults.append(f"order {ref} was at the exchange {len(ids)} times")
        # An exit may have been amended to more than it was placed with; an entry never is.
        if "-E" in ref and Decimal(filled[ref]) > refs[ref].spec.quantity:
            found.faults.append(f"entry {ref} filled {filled[ref]}")
    if exchange["orders"] > len(refs):
        found.faults.append(f"the exchange took {exchange['orders']} orders, placed {len(refs)}")
    for symbol, held in exchange["position"].items():
        if Decimal(str(held)) != core.state.held(symbol):
            ours = core.state.held(symbol)
            found.faults.append(f"{symbol}: the exchange holds {held}, the journal {ours}")


def _exchange(exchange: dict[str, Any], found: Findings, uncovered_max_ms: float) -> None:
    held = {symbol: held for symbol, held in exchange["position"].items() if held}
    if held:
        found.faults.append(f"ends with {held}")
    if exchange["open_orders"]:
        left = [one["order_ref"] for one in exchange["open_orders"]]
        found.faults.append(f"ends with open orders {left}")
    if exchange["crossings_of_zero"]:
        found.faults.append(f"{exchange['crossings_of_zero']} crossings of zero")
    for one in exchange["worst_intervals"]:
        # While nobody is connected its clock stands, so this leaves out the time of being dead.
        lasted_ms = one["exchange_ms"] / exchange["speed"]
        found.uncovered_ms = max(found.uncovered_ms, lasted_ms)
        if lasted_ms > uncovered_max_ms:
            found.faults.append(
                f"{one['symbol']} stood with {one['shares_max']} shares uncovered for "
                f"{lasted_ms:.0f} ms at {one['start']}"
            )

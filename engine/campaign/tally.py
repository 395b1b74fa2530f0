"""What a campaign has really met: how often each fault, prompt, end and chart row, and what never.

A campaign in which a fault never happened has said nothing about it.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

import attrs

from engine.campaign.scenario import DAY_HOURS, PROMPTS, WEEK_HOURS, Mode
from engine.campaign.trial import Outcome, Violation
from engine.charts import LIFECYCLES
from engine.sim.faults import KINDS
from engine.verify.rows import Counts, add, every, tree

COLUMNS: Final = 4


@attrs.frozen
class Failure:
    seed: int
    mode: Mode
    hours: float
    violation: Violation

    @property
    def again(self) -> str:
        lasts = f"--hours {self.hours:g}"
        if self.hours > DAY_HOURS:
            lasts = f"--weeks {math.ceil(self.hours / WEEK_HOURS)}"
        return f"engine simulate --seeds {self.seed}..{self.seed} --mode {self.mode} {lasts}"


@attrs.define
class Tally:
    seeds: int = 0
    failures: list[Failure] = attrs.field(factory=list)
    counts: Counter[str] = attrs.field(factory=Counter)
    rows: Counts = attrs.field(factory=dict)
    seconds: float = 0.0  # of the exchange
    records: int = 0
    executions: int = 0
    orders: int = 0

    def take(self, seed: int, mode: Mode, hours: float, outcome: Outcome, rows: Counts) -> None:
        self.seeds += 1
        if outcome.violation is not None:
            self.failures.append(Failure(seed, mode, hours, outcome.violation))
            self.failures.sort(key=lambda one: one.seed)
        self.counts.update(outcome.counts)
        add(self.rows, rows)
        self.seconds += outcome.seconds
        self.records += outcome.records
        self.executions += outcome.executions
        self.orders += outcome.orders

    def never(self, kind: str) -> list[str]:
        """What of a kind ("fault", "prompt") there is and has not happened."""
        known = KINDS if kind == "fault" else PROMPTS
        return [name for name in known if not self.counts[f"{kind} {name}"] and name != "gap"]

    @property
    def rows_never(self) -> list[str]:
        return [" ".join(row) for row in every() if row not in self.rows]

    def data(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "seeds": self.seeds,
            "hours": round(self.seconds / 3600, 2),
            "records": self.records,
            "orders": self.orders,
            "executions": self.executions,
            "failures": [
                {
                    "seed": one.seed,
                    "mode": one.mode,
                    "hours": one.hours,
                    "law": one.violation.law,
                    "text": one.violation.text,
                    "at_s": round(one.violation.at_s, 3),
                    "again": one.again,
                }
                for one in self.failures
            ],
            "counts": dict(sorted(self.counts.items())),
            "faults_never": self.never("fault"),
            "rows": tree(self.rows),
            "rows_never": self.rows_never,
        }


def lines(tally: Tally) -> Iterator[str]:
    """The counters for people."""
    happened = Counter({name: tally.counts[f"fault {name}"] for name in KINDS})
    there = sum(times > 0 for times in happened.values())
    yield f"faults: {there} of {len(KINDS)} happened"
    yield from _columns(happened)
    for kind, title in (("trade ended by", "ends of trades"), ("refused", "refusals"),
                        ("prompt", "prompts"), ("ended", "engines that gave up")):  # fmt: skip
        found = {
            name.removeprefix(f"{kind} "): times
            for name, times in tally.counts.items()
            if name.startswith(f"{kind} ")
        }
        if found:
            yield f"{title}: {sum(found.values()):,}"
            yield from _columns(Counter(found))
    for one in LIFECYCLES:
        mine = [row for row in every() if row[0] == one.name]
        taken = sum(row in tally.rows for row in mine)
        yield f"{one.name}: {taken} of {len(mine)} rows taken"
    never = tally.never("fault")
    yield f"never happened: {', '.join(never) if never else 'no fault'}"


def _columns(counts: Counter[str]) -> Iterator[str]:
    cells = [f"{name} {times:,}" for name, times in sorted(counts.items())]
    width = max(map(len, cells)) + 2
    for at in range(0, len(cells), COLUMNS):
        yield "  " + "".join(f"{cell:{width}}" for cell in cells[at : at + COLUMNS]).rstrip()

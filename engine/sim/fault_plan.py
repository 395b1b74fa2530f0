"""Which faults are armed now, which acts are due, and how often each really happened.

The plan knows times, numbers and chances, and nothing of orders or clients: those who are asked
to misbehave take from it what they shall do, and it counts that.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Final

import attrs

from engine.errors import ConfigError
from engine.sim.faults import EVENTS, Fault, Moment
from engine.sim.instruments import local_time, midnight_ns
from engine.sim.timers import Timers

DAY_NS: Final = 86_400_000_000_000
Matches = Callable[[Fault], bool]


@attrs.define(eq=False)
class Armed:
    """A rule while it may act. ``until_ns`` None: for ever; ``left`` None: without a limit."""

    fault: Fault
    since_ns: int
    until_ns: int | None
    left: int | None


class FaultPlan:
    """The faults of one run.

    Args:
        faults: what is to go wrong.
        seed: decides chances, and the order of what is reordered.
        start_ns: the exchange's clock at the beginning; times of day are those of its day.
    """

    def __init__(self, faults: Iterable[Fault], seed: int, start_ns: int) -> None:
        self.random = random.Random(f"faults/{seed}")
        self.counts: Counter[str] = Counter()  # fault line -> how often it happened
        self.counted = 0  # all of them together
        self.now_ns = start_ns
        self._start_ns = start_ns
        self._midnight_ns = midnight_ns(local_time(start_ns).date())
        self._timers = Timers()
        self.rules: dict[str, list[Armed]] = {}  # that may still act, by name
        self._waiting: dict[tuple[str, int], list[Fault]] = {}  # for an event
        self._seen: Counter[str] = Counter()  # events so far
        self.due_acts: list[Fault] = []
        self.lines: dict[str, None] = {}
        for fault in faults:
            self.add(fault)

    def add(self, fault: Fault) -> None:
        """One more fault, also while it runs; a moment that has passed is now.

        Raises:
            ConfigError: it waits for an event that has been.
        """
        self.lines[fault.line] = None
        when = fault.when
        if when.event:
            if self._seen[when.event] >= when.number:
                raise ConfigError(
                    f"{fault.line}: there have been {self._seen[when.event]} of {when.event};"
                    " name a later one"
                )
            self._waiting.setdefault((when.event, when.number), []).append(fault)
            return
        begin_ns = self._ns(when.begin) if when.begin is not None else self._start_ns
        end_ns = self._ns(when.end) if when.end is not None else None
        if begin_ns <= self.now_ns:
            self._begin(fault, end_ns)
        else:
            self._timers.at(begin_ns, partial(self._begin, fault, end_ns))

    def _ns(self, moment: Moment) -> int:
        if moment.since_start:
            return self._start_ns + moment.ns
        at_ns = self._midnight_ns + moment.ns
        return at_ns if at_ns >= self._start_ns else at_ns + DAY_NS

    def _begin(self, fault: Fault, end_ns: int | None = None) -> None:
        if fault.kind.nature == "rule":
            self.arm(fault, end_ns)
            return
        times, every_ns = fault["times"] or 1, fault["every"]
        self._fall_due(fault)
        for later in range(1, times):
            self._timers.at(self.now_ns + later * every_ns, partial(self._fall_due, fault))

    def _fall_due(self, fault: Fault) -> None:
        self.due_acts.append(fault)

    def arm(self, fault: Fault, until_ns: int | None = None) -> None:
        """Let a rule act from now on."""
        lasts_ns = fault.arguments.get("for")
        if until_ns is None and lasts_ns is not None:
            until_ns = self.now_ns + lasts_ns
        armed = Armed(fault, self.now_ns, until_ns, fault.arguments.get("count"))
        self.rules.setdefault(fault.kind.name, []).append(armed)

    def stop(self) -> None:
        """Nothing more begins, and no rule acts any more; what an act has begun ends in its time,
        and a policy that was changed for good stays."""
        self.rules.clear()
        self._waiting.clear()
        self.due_acts.clear()
        self._timers = Timers()

    # -- time and events -----------------------------------------------------------------------

    @property
    def next_ns(self) -> int | None:
        """When something begins by the clock."""
        return self.now_ns if self.due_acts else self._timers.next_ns

    def reach(self, now_ns: int) -> None:
        """The exchange's clock has come this far; it never goes back."""
        while (due := self._timers.pop(now_ns)) is not None:
            self.now_ns = max(self.now_ns, due[0])
            due[1]()
        self.now_ns = max(self.now_ns, now_ns)

    def happened(self, event: str) -> None:
        """One more of what faults may wait for."""
        assert event in EVENTS, event
        self._seen[event] += 1
        for fault in self._waiting.pop((event, self._seen[event]), ()):
            self._begin(fault)

    def due(self) -> list[Fault]:
        """The acts whose moment has come; each is handed out once."""
        found, self.due_acts = self.due_acts, []
        return found

    # -- asking --------------------------------------------------------------------------------

    def armed(self, name: str) -> list[Armed]:
        """The rules of this name that may act now."""
        rules = self.rules.get(name)
        if not rules:
            return []
        alive = [
            one
            for one in rules
            if one.left != 0 and (one.until_ns is None or self.now_ns < one.until_ns)
        ]
        if not alive:
            del self.rules[name]
        elif len(alive) < len(rules):
            self.rules[name] = alive
        return alive

    def take(self, name: str, matches: Matches = lambda fault: True) -> Armed | None:
        """The first rule of this name that wants to act on what is at hand, counted; or None."""
        if name not in self.rules:
            return None
        for one in self.armed(name):
            if matches(one.fault) and self._wins(one.fault["chance"]):
                if one.left is not None:
                    one.left -= 1
                self.count(one.fault)
                return one
        return None

    def _wins(self, chance: float) -> bool:
        return chance >= 1 or self.random.random() < chance

    def count(self, fault: Fault) -> None:
        """It has really happened."""
        self.counts[fault.line] += 1
        self.counted += 1

    def report(self) -> list[dict[str, Any]]:
        """Every fault with how often it happened, in the order of the script."""
        return [{"fault": line, "happened": self.counts[line]} for line in self.lines]

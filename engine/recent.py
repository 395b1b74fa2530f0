"""Facts that must be known again when they are told twice, and that nobody tells for ever.

TWS repeats the executions of some days with each connection, and senders repeat predictions until
those are too old. A fact is kept for at least one period and less than three, in two generations:
when the younger one is a period old it becomes the older one, whose facts are forgotten as a
whole. So it costs the same however many there are, and what is kept has a bound.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import attrs


@attrs.define(slots=True)
class Recent:
    """By name. ``since_ns``: when the younger generation began, on the clock of ``keep``."""

    since_ns: int = 0
    young: dict[str, Any] = attrs.field(factory=dict)
    old: dict[str, Any] = attrs.field(factory=dict)

    def keep(self, name: str, fact: Any, now_ns: int, period_ns: int) -> None:
        """Know it for a period from now on, in place of what was known of that name."""
        if now_ns - self.since_ns >= period_ns:
            self.old = self.young if now_ns - self.since_ns < 2 * period_ns else {}
            self.young, self.since_ns = {}, now_ns
        self.young[name] = fact

    def get(self, name: str, default: Any = None) -> Any:
        found = self.young.get(name)
        return self.old.get(name, default) if found is None else found

    def __contains__(self, name: object) -> bool:
        return name in self.young or name in self.old

    def __iter__(self) -> Iterator[str]:
        yield from self.old.keys() - self.young.keys()
        yield from self.young

    def __len__(self) -> int:
        return len(self.old.keys() | self.young.keys())

    def items(self) -> Iterator[tuple[str, Any]]:
        for name in self:
            yield name, self.get(name)

    def copy(self) -> Recent:
        return Recent(self.since_ns, self.young.copy(), self.old.copy())

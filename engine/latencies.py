"""How long orders took, in microseconds: from what caused them, to think, and to record; and those
that were armed, from their price until they were handed to the system, and until it answered."""

from __future__ import annotations

from collections import deque
from typing import Final

import attrs

SAMPLES_MAX: Final = 100_000


@attrs.define(slots=True)
class Samples:
    """Microseconds, the latest SAMPLES_MAX of each."""

    order_us: deque[float] = attrs.field(factory=lambda: deque(maxlen=SAMPLES_MAX))
    step_us: deque[float] = attrs.field(factory=lambda: deque(maxlen=SAMPLES_MAX))
    journal_us: deque[float] = attrs.field(factory=lambda: deque(maxlen=SAMPLES_MAX))
    armed_us: deque[float] = attrs.field(factory=lambda: deque(maxlen=SAMPLES_MAX))
    answered_us: deque[float] = attrs.field(factory=lambda: deque(maxlen=SAMPLES_MAX))

    def add(self, order_ns: int, step_ns: int, journal_ns: int) -> None:
        self.order_us.append(order_ns / 1000)
        self.step_us.append(step_ns / 1000)
        self.journal_us.append(journal_ns / 1000)

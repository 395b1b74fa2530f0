"""How long orders took, of the latest ones."""

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

"""How fast is too fast, and how long to wait. Pure: time comes in, answers come out.

Seconds are of any clock that never goes back.
"""

from __future__ import annotations

import random
from typing import Final

DOUBLINGS_MAX: Final = 30


class TokenBucket:
    """At most ``burst`` at once, and ``per_s`` a second in the long run."""

    def __init__(self, per_s: float, burst: int) -> None:
        assert per_s > 0
        assert burst >= 1
        self._per_s = per_s
        self._burst = float(burst)
        self._tokens = float(burst)
        self._at_s: float | None = None

    def take(self, now_s: float) -> bool:
        """Whether one more may pass now."""
        if self._at_s is not None:
            gained = max(now_s - self._at_s, 0.0) * self._per_s
            self._tokens = min(self._tokens + gained, self._burst)
        self._at_s = now_s
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True

    @property
    def wait_s(self) -> float:
        """From the last ``take`` until one may pass; 0 if one may."""
        return max(1.0 - self._tokens, 0.0) / self._per_s


class Backoff:
    """Pauses after failures: each about twice the one before, up to a maximum.

    The jitter takes up to half of a pause away. Without it, what failed together would be tried
    again together, for ever.
    """

    def __init__(self, first_s: float, max_s: float, chance: random.Random) -> None:
        assert 0 < first_s <= max_s
        self._first_s = first_s
        self._max_s = max_s
        self._chance = chance
        self.failures = 0  # in a row

    def failed(self) -> float:
        """Count a failure; how many seconds to wait."""
        pause_s = min(self._first_s * 2.0 ** min(self.failures, DOUBLINGS_MAX), self._max_s)
        self.failures += 1
        return pause_s * self._chance.uniform(0.5, 1.0)

    def worked(self) -> None:
        self.failures = 0

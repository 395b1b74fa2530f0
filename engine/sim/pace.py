"""The exchange's clock as a function of a real, monotonic clock.

The schedule is absolute: exchange time is a straight line through the moment it last began to run,
so that lateness is made up for and never adds up. While held, it stands still.
"""

from __future__ import annotations

import attrs


@attrs.define
class Pace:
    """``speed`` exchange seconds pass in one real second while it runs."""

    speed: float
    exchange_ns: int  # where the line begins
    running: bool = False
    _since_real_ns: int = 0

    def now_ns(self, real_ns: int) -> int:
        if not self.running:
            return self.exchange_ns
        return self.exchange_ns + int((real_ns - self._since_real_ns) * self.speed)

    def run(self, real_ns: int) -> None:
        if not self.running:
            self.running, self._since_real_ns = True, real_ns

    def hold(self, real_ns: int) -> None:
        self.exchange_ns, self.running = self.now_ns(real_ns), False

    def real_until(self, exchange_ns: int, real_ns: int) -> float:
        """Real seconds until the exchange's clock shows ``exchange_ns``; 0 if it has passed."""
        return max(0.0, (exchange_ns - self.now_ns(real_ns)) / self.speed / 1e9)

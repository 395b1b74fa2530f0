"""How much a client may ask for: messages in a second, bars in ten minutes.

Times are those of the exchange, so that a market played faster allows more in a real second.
"""

from __future__ import annotations

from collections import deque
from typing import Final

import attrs

SECOND_NS: Final = 1_000_000_000
BREACHES_MAX: Final = 3  # seconds with too many messages, after which TWS may disconnect
# Small bars: what IB publishes of their pacing.
SMALL_BAR_NS: Final = 30 * SECOND_NS
SAME_NS: Final = 15 * SECOND_NS
ALIKE_NS, ALIKE_MAX = 2 * SECOND_NS, 6
WINDOW_NS, WINDOW_MAX = 600 * SECOND_NS, 60


@attrs.define
class Rate:
    """The messages of a client within the last second; ``breaches`` counts seconds of excess."""

    breaches: int = 0
    _times: deque[int] = attrs.field(factory=deque)
    _breach_ns: int = -SECOND_NS

    def count(self, now_ns: int) -> int:
        """One more; how many they are now."""
        times = self._times
        times.append(now_ns)
        while times[0] <= now_ns - SECOND_NS:
            times.popleft()
        return len(times)

    def breach(self, now_ns: int) -> None:
        """There have been too many; all of one second are one breach."""
        if now_ns >= self._breach_ns + SECOND_NS:
            self._breach_ns = now_ns
            self.breaches += 1


@attrs.define
class BarPace:
    """Requests of one client for small bars: (when, which market, which request, weight)."""

    _asked: deque[tuple[int, str, str, int]] = attrs.field(factory=deque)

    def violates(self, now_ns: int, market: str, request: str, weight: int) -> bool:
        """Whether one more breaks a rule: the same within 15 seconds, six of one market within
        two, sixty within ten minutes, where bars of both sides count twice. What does not, is
        counted."""
        asked = self._asked
        while asked and asked[0][0] <= now_ns - WINDOW_NS:
            asked.popleft()
        same = any(now_ns - at < SAME_NS and request == one for at, _, one, _ in asked)
        alike = sum(now_ns - at < ALIKE_NS and market == one for at, one, _, _ in asked)
        total = sum(one for _, _, _, one in asked)
        if same or alike + 1 >= ALIKE_MAX or total + weight > WINDOW_MAX:
            return True
        asked.append((now_ns, market, request, weight))
        return False

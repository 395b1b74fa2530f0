"""How fast the market comes."""

from __future__ import annotations

from collections import deque
from typing import Final

RATE_WINDOW_S: Final = 2.0


class TickRate:
    """Market messages a second, over the last RATE_WINDOW_S."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()

    def add(self, now_s: float, ticks: int) -> float:
        self._seen.append((now_s, ticks))
        while now_s - self._seen[0][0] > RATE_WINDOW_S:
            self._seen.popleft()
        began_s, before = self._seen[0]
        return (ticks - before) / (now_s - began_s) if now_s > began_s else 0.0

"""What a day has made by the record of the exchange, and for how long it has been too little.

Only what lasts is told: prices come and go before an engine has heard of them, and it looks at
them a few times a minute.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Final

import attrs

from engine.campaign.books import Books
from engine.money import ZERO
from engine.sim import instruments

LASTS_NS: Final = 60_000_000_000  # what stands so long must have been seen


@attrs.frozen
class Result:
    """Since the day began, and since its best: at least so much, for a while."""

    lost: Decimal
    fallen: Decimal


class DayCurve:
    """``mark`` is the price at which shares of a symbol could be closed, None without one."""

    def __init__(self, books: Books, mark: Callable[[str, Decimal], Decimal | None]) -> None:
        self._books = books
        self._mark = mark
        self._ends_ns = 0  # of the day; 0: it has not begun
        self._base: Decimal | None = ZERO  # what was made before the day; None: nobody can say
        self._peak = ZERO
        self._recent: deque[tuple[int, Decimal]] = deque()
        self.guarded = False  # its result has pulled the kill switch: once a day is enough

    def forget(self) -> None:
        """The engine begins anew: of its best it knows what executions say, if anything."""
        self._peak = ZERO
        self._recent.clear()

    def look(self, watched: bool, now_ns: int) -> Result | None:
        """What has stood all the last while, if the engine has ``watched`` all the while."""
        made = self._books.profit(self._mark)
        self._turn(made, now_ns)
        if not watched or made is None or self._base is None:
            self._recent.clear()
            return None
        recent, profit = self._recent, made - self._base
        if not recent or recent[-1][1] != profit:
            recent.append((now_ns, profit))
        while len(recent) > 1 and recent[1][0] <= now_ns - LASTS_NS:
            recent.popleft()
        if recent[0][0] > now_ns - LASTS_NS:
            return None
        most = max(profit for _, profit in recent)
        self._peak = max(self._peak, min(profit for _, profit in recent))
        return Result(-most, self._peak - most)

    def _turn(self, made: Decimal | None, now_ns: int) -> None:
        """A trade counts whole on the day on which it ends: one that is held over night would
        belong to two."""
        if now_ns < self._ends_ns:
            return
        if self._ends_ns:
            self._base = None if self._books.held_any else made
            self.guarded = False
            self.forget()
        tomorrow = instruments.local_time(now_ns).date() + timedelta(days=1)
        self._ends_ns = instruments.midnight_ns(tomorrow)

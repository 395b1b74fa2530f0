"""The exchange's clock as a function of a real one, and the market played by it.

The schedule is absolute: exchange time is a straight line through the moment it last began to run,
so that lateness is made up for and never adds up. While held, it stands still.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

import attrs

from engine.loggers import logger
from engine.sim.bursts import Bursts
from engine.sim.gateway import Gateway
from engine.sim.records import MarketTick

TICKS_PER_TURN_MAX: Final = 256  # when late; then clients get their turn
_LOG: Final = logger("engine.sim")


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


class Player:
    """Plays ``source`` to a gateway at a pace; ``clock`` gives real, monotonic nanoseconds."""

    def __init__(
        self,
        gateway: Gateway,
        source: Iterator[MarketTick],
        pace: Pace,
        clock: Callable[[], int],
    ) -> None:
        self.pace = pace
        self.over = False
        self._gateway = gateway
        self._bursts = Bursts(gateway, clock)
        self._exchange = gateway.exchange
        self._source = source
        self._next: MarketTick | None = None
        self._begun = False
        self._clock = clock

    def advance(self) -> None:
        """Bring the exchange to the present, but not past a tick that is still to be played."""
        real_ns = self._clock()
        now_ns = self.pace.now_ns(real_ns)
        if self._next is not None and self._next.time_ns < now_ns:
            now_ns = max(self._next.time_ns, self._exchange.now_ns)
        self._exchange.observe(now_ns, real_ns)
        self._gateway.advance(now_ns)

    def play(self) -> None:
        """Play the ticks that are due, some of them when it is late, then let time pass.

        Raises:
            UserError: the source is damaged, or has a symbol that the exchange does not know.
        """
        if not self._begun:
            self._begun, self._next = True, next(self._source, None)
        due: list[MarketTick] = []
        try:
            self._take(due)
        finally:  # a source that is damaged there was good so far
            self._bursts.play(due)
        if self._next is None and not self.over:
            self.over = True
            _LOG.info("the market data have ended; the clock runs on")
        self.advance()

    def _take(self, due: list[MarketTick]) -> None:
        """The ticks that are due and have their turn."""
        now_ns = self.pace.now_ns(self._clock())
        while (
            self.pace.running
            and len(due) < TICKS_PER_TURN_MAX
            and self._next is not None
            and self._next.time_ns <= now_ns
        ):
            due.append(self._next)
            self._next = next(self._source, None)

    def wait_s(self, longest_s: float) -> float:
        """Real seconds until the next tick or timer of the exchange, but not more than this."""
        if not self.pace.running:
            return longest_s
        due_ns = self._gateway.next_timer_ns
        if self._next is not None and (due_ns is None or self._next.time_ns < due_ns):
            due_ns = self._next.time_ns
        if due_ns is None:
            return longest_s
        return min(self.pace.real_until(due_ns, self._clock()), longest_s)

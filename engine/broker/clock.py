"""The exchange's clock, kept here between its answers. Pure: monotonic time comes in.

An answer says the time was somewhere in a second (or a millisecond) when it was written. As long
as our estimate lies inside, nothing moves; else it moves to the nearest edge. It never goes
back: after a correction backwards it goes at half its rate until the exchange has caught up. If
it stood still, nothing would be overdue meanwhile: a TWS whose clock was an hour ahead for a moment
would have taken away, for an hour, whatever happens after a time.
"""

from __future__ import annotations

from typing import Final, Protocol

from engine.inputs import Input, Noticed

SECOND_NS: Final = 1_000_000_000
JUMP_S: Final = 10.0  # a correction that a person should know of
TOLERANCE_NS: Final = 250_000_000  # an answer may have waited so long on the way, or in a burst


class Clocked(Protocol):
    """Dates by the same clock what it reads."""

    def set_clock(
        self, mono_anchor_ns: int, exchange_anchor_ns: int, rate: float = ...
    ) -> None: ...


class ExchangeClock:
    """UTC nanoseconds at the exchange. ``rate`` is exchange seconds per second (1 but in an
    accelerated simulation)."""

    def __init__(self, rate: float = 1.0) -> None:
        assert rate > 0
        self.rate = rate
        self._anchor: tuple[int, int] | None = None  # (monotonic, exchange)
        self._latest_ns = 0
        self._ahead = (0, 0)  # (monotonic, ours) at the latest correction backwards

    @property
    def set(self) -> bool:
        """Whether the exchange has told its time at all."""
        return self._anchor is not None

    @property
    def anchor(self) -> tuple[int, int]:
        """(monotonic ns, exchange ns): from there on time runs at ``rate``."""
        assert self._anchor is not None, "the exchange has not told its time"
        return self._anchor

    def now_ns(self, mono_ns: int) -> int:
        """Never less than what it returned before."""
        self._latest_ns = max(self._latest_ns, self._estimate(mono_ns), self._slowed(mono_ns))
        return self._latest_ns

    def runs(self, mono_ns: int) -> bool:
        """Whether it goes with monotonic time, second by second: it is set, not sped up, and not
        slowed down to be caught up with."""
        if self._anchor is None or self.rate != 1.0:
            return False
        return self._latest_ns <= self._estimate(mono_ns)

    def told(self, mono_ns: int, time_ns: int, resolution_ns: int) -> int | None:
        """The exchange's clock showed ``time_ns`` (rounded down to ``resolution_ns``), and its
        answer arrived at ``mono_ns``. Returns by how much that moves us, None if we agree."""
        moved_ns = 0
        if self._anchor is not None:
            estimate = self._estimate(mono_ns)
            slack = max(resolution_ns, round(TOLERANCE_NS * self.rate))
            if time_ns <= estimate < time_ns + slack:
                return None
            if estimate >= time_ns + slack:
                time_ns += slack
                self._ahead = mono_ns, self.now_ns(mono_ns)
            moved_ns = time_ns - estimate
        self._anchor = (mono_ns, time_ns)
        return moved_ns

    def follow(
        self, reader: Clocked, mono_ns: int, time_ns: int, resolution_ns: int
    ) -> list[Input]:
        """The same, and the reader's clock with it; what a person should know of it."""
        moved_ns = self.told(mono_ns, time_ns, resolution_ns)
        if moved_ns is None:
            return []
        reader.set_clock(*self.anchor, self.rate)
        seconds = moved_ns / self.rate / SECOND_NS
        if abs(seconds) < JUMP_S:
            return []
        way = "ahead" if seconds > 0 else "back"
        return [Noticed("warning", f"the clock of TWS went {way} by {abs(seconds):.0f} s")]

    def slept(self, asleep_ns: int) -> None:
        """Monotonic time stood still for so long, and the exchange did not."""
        if self._anchor is not None:
            mono, exchange = self._anchor
            self._anchor = (mono, exchange + round(asleep_ns * self.rate))

    def _slowed(self, mono_ns: int) -> int:
        """Where it is at half its rate since it was found ahead."""
        mono, ours = self._ahead
        return ours + round((mono_ns - mono) * self.rate / 2) if ours else 0

    def _estimate(self, mono_ns: int) -> int:
        assert self._anchor is not None, "the exchange has not told its time"
        mono, exchange = self._anchor
        passed_ns = mono_ns - mono
        return exchange + (passed_ns if self.rate == 1.0 else round(passed_ns * self.rate))


def due(deadline: int | None, mono_ns: int) -> bool:
    return deadline is not None and deadline <= mono_ns


def pause(first_s: float, max_s: float, failures: int) -> int:
    """Nanoseconds to wait after so many failures: doubling, up to a bound."""
    return round(min(max_s, first_s * 2.0 ** min(failures, 32)) * SECOND_NS)

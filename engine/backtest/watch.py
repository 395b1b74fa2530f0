"""The ticks of all days as the exchange takes them, and what is done with each on the way."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import date, timedelta
from typing import Final

from engine.backtest.excursions import Excursions
from engine.sim import instruments
from engine.sim.quiet import Measured
from engine.sim.records import MarketTick
from engine.sim.tape import Tape

SECOND_NS: Final = 1_000_000_000
TOLD_EACH: Final = 4_096  # ticks between two words to whoever watches


class Watch:
    """The exchange asks for the next tick when it is about to play the one before, which is then
    looked at here: ``look`` is told of it, and ``day_over`` of the last one of a day. ``ticks``
    counts them, ``begins_ns`` is the second in which the day of the newest one began."""

    def __init__(
        self,
        tape: Tape,
        days: Sequence[date],
        excursions: Excursions,
        look: Callable[[MarketTick, date], None],
        day_over: Callable[[MarketTick], None],
    ) -> None:
        self.tape = tape
        self.ticks = 0
        self.begins_ns = 0
        self.one_by_one = False  # the next tick is waited for, whatever it is
        self._days = tuple(days)
        self._ends_ns = [instruments.midnight_ns(day + timedelta(days=1)) for day in days]
        self._excursions = excursions
        self._look, self._day_over = look, day_over
        self._day = 0
        self._known = tape.times, -1, 0  # of these times and this day, the row behind the last
        self._begun = False
        self._tick: MarketTick | None = None  # given out, and not played yet

    def __iter__(self) -> Iterator[MarketTick]:
        return self

    def __next__(self) -> MarketTick:
        tick = self._tick
        if tick is not None:
            self.ticks += 1
            self._look(tick, self._days[self._day])
        self._tick = following = next(self.tape, None)
        if tick is not None and (
            following is None or following.time_ns >= self._ends_ns[self._day]
        ):
            self._day_over(tick)
        if following is None:
            raise StopIteration
        while following.time_ns >= self._ends_ns[self._day]:
            self._day += 1
            self._begun = False
        if not self._begun:
            self._begun = True
            self.begins_ns = following.time_ns - following.time_ns % SECOND_NS
        return following

    # -- many at once --------------------------------------------------------------------------

    def free(self) -> int:
        tape, row = self.tape, self.tape.at - 1
        if self.one_by_one:
            return row
        # The last row that is known, the last one of the day, and every so many are told of.
        times, day, ends = self._known
        if times is not tape.times or day != self._day:
            ends = int(tape.times.searchsorted(self._ends_ns[self._day]))
            self._known = tape.times, self._day, ends
        told = row + (TOLD_EACH - 1 - self.ticks % TOLD_EACH)
        return min(ends - 1, told, len(tape.times) - 1)

    def measured(self, symbol: str) -> Measured:
        return self._excursions.measured(symbol)

    def quoted(self, symbol: str) -> None:
        self._excursions.quoted(symbol)

    def skip(self, rows: int) -> MarketTick:
        self.ticks += rows
        self.tape.at += rows
        self._tick = tick = self.tape.tick(self.tape.at - 1)
        return tick

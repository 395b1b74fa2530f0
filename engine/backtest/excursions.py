"""How far each trade went for and against, looked at with every tick."""

from __future__ import annotations

from collections import deque

import attrs

from engine.daybook import Excursion
from engine.events import (
    FillEvent,
    PositionCloseEvent,
    PositionEvent,
    PositionOpenEvent,
    TradeEvent,
)
from engine.sim.quiet import Measured
from engine.sim.records import MarketTick


@attrs.define
class _Held(Measured):
    """``mark`` is the kind of tick at which it could be closed: the other side of the quote, or
    the last trade where nothing is quoted."""

    def see(self, price: float) -> None:
        gain = (price - self.average) * self.sign
        if gain > self.favourable:
            self.favourable = gain
        elif -gain > self.adverse:
            self.adverse = -gain


class Excursions:
    """Of every symbol the open trade, and those that have ended and were not told yet. As in the
    engine's own day book, a trade is marked where it filled and where it could be closed."""

    def __init__(self) -> None:
        self._held: dict[str, _Held] = {}
        self._quoted: set[str] = set()
        self._ended: dict[str, deque[tuple[int, Excursion]]] = {}

    def look(self, tick: MarketTick) -> None:
        kind = tick.kind
        if kind != "T":
            self._quoted.add(tick.symbol)
        held = self._held.get(tick.symbol)
        if held is None:
            return
        if held.mark == "T" and kind == _side(held.sign):
            held.mark = kind
        if held.mark == kind:
            held.see(tick.price)

    def measured(self, symbol: str) -> Measured:
        """The open trade of a symbol, for who looks at many ticks at once, as ``look`` does."""
        return self._held.get(symbol) or Measured()

    def quoted(self, symbol: str) -> None:
        """One of those many was a quote."""
        self._quoted.add(symbol)

    def filled(self, event: FillEvent) -> None:
        """A price that was traded at, seen by what was held before."""
        held = self._held.get(event.symbol)
        if held is not None:
            held.see(float(event.fill_price))

    def moved(self, event: PositionEvent) -> None:
        sign, average = (1 if event.side == "long" else -1), float(event.average_price)
        held = self._held.get(event.symbol)
        if isinstance(event, PositionCloseEvent):
            if held is not None:
                del self._held[event.symbol]
                ended = self._ended.setdefault(event.symbol, deque())
                ended.append((event.time_ns, Excursion(held.adverse, held.favourable)))
        elif held is None or isinstance(event, PositionOpenEvent) or held.sign != sign:
            mark = _side(sign) if event.symbol in self._quoted else "T"
            self._held[event.symbol] = _Held(sign, average, mark)
        else:
            held.average = average

    def told(self, event: TradeEvent) -> Excursion:
        """Of a finished trade; shares that came late and went again belong to it."""
        found = Excursion()
        ended = self._ended.get(event.symbol, deque())
        while ended and ended[0][0] <= event.closed_ns:
            _, one = ended.popleft()
            found = Excursion(
                max(found.adverse, one.adverse), max(found.favourable, one.favourable)
            )
        return found


def _side(sign: int) -> str:
    return "B" if sign > 0 else "A"

"""A market with gaps: from a moment on everything of a symbol trades so much higher or lower. And
the prices that there were."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Final, get_args

import attrs

from engine.sim.records import MarketTick, TickKind

PRICE_MIN: Final = 1.0  # the tick size of cheaper stocks is another one
KEPT: Final = 300  # ticks of a symbol: of more time than anybody remembers a price
_SIZE: Final = 300


@attrs.frozen(order=True)
class Gap:
    time_ns: int
    symbol: str
    dollars: float


def with_gaps(source: Iterable[MarketTick], gaps: Sequence[Gap]) -> Iterator[MarketTick]:
    """The ticks of ``source`` after all gaps before them; a gap itself moves both sides of the
    quote, the one that makes room first, and is printed as a trade."""
    waiting = sorted(gaps)
    shift: dict[str, float] = {}
    latest: dict[tuple[str, str], float] = {}
    for tick in source:
        while waiting and waiting[0].time_ns <= tick.time_ns:
            gap = waiting.pop(0)
            shift[gap.symbol] = shift.get(gap.symbol, 0.0) + gap.dollars
            kinds: tuple[TickKind, ...] = ("A", "B", "T") if gap.dollars > 0 else ("B", "A", "T")
            for kind in kinds:
                price = latest.get((gap.symbol, "B" if kind == "T" else kind))
                if price is not None:
                    moved = _moved(price, shift[gap.symbol], kind)
                    yield MarketTick(gap.time_ns, gap.symbol, kind, moved, _SIZE)
        latest[tick.symbol, tick.kind] = tick.price
        by = shift.get(tick.symbol)
        yield tick if by is None else _at(tick, _moved(tick.price, by, tick.kind))


def _at(tick: MarketTick, price: float) -> MarketTick:
    return MarketTick(tick.time_ns, tick.symbol, tick.kind, price, tick.size)


def _moved(price: float, dollars: float, kind: str) -> float:
    """Never below the floor, where an ask stays above a bid."""
    return round(max(price + dollars, PRICE_MIN + (0.01 if kind == "A" else 0.0)), 2)


class Tape:
    """What was quoted and traded: the lowest price of each symbol, and all of the last while."""

    def __init__(self) -> None:
        self.lowest: dict[str, Decimal] = {}
        self._floor: dict[str, float] = {}
        self._recent: dict[str, deque[MarketTick]] = {}

    def noting(self, source: Iterable[MarketTick]) -> Iterator[MarketTick]:
        """The same ticks; each is noted before anybody sees it."""
        floor, recent = self._floor, self._recent
        for tick in source:
            symbol = tick.symbol
            if symbol not in recent:
                recent[symbol] = deque(maxlen=KEPT)
                floor[symbol] = tick.price + 1.0
            recent[symbol].append(tick)
            if tick.price < floor[symbol]:
                floor[symbol] = tick.price
                self.lowest[symbol] = Decimal(repr(tick.price))
            yield tick

    def between(self, symbol: str, since_ns: int) -> tuple[Decimal, Decimal] | None:
        """The lowest and the highest price that somebody could see since then, with what stood at
        that moment; None if that is forgotten."""
        seen: list[float] = []
        stood: set[TickKind] = set()
        recent = self._recent.get(symbol, deque())
        for tick in reversed(recent):
            if tick.time_ns >= since_ns:
                seen.append(tick.price)
            elif tick.kind not in stood:
                seen.append(tick.price)
                stood.add(tick.kind)
                if len(stood) == len(get_args(TickKind)):
                    break
        else:
            if not seen or len(recent) == KEPT:
                return None
        return Decimal(repr(min(seen))), Decimal(repr(max(seen)))

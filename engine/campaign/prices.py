"""A market with gaps: from a moment on everything of a symbol trades so much higher or lower."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Final

import attrs

from engine.sim.records import MarketTick, TickKind

PRICE_MIN: Final = 1.0  # the tick size of cheaper stocks is another one
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
        yield tick if by is None else attrs.evolve(tick, price=_moved(tick.price, by, tick.kind))


def noting(source: Iterable[MarketTick], lowest: dict[str, Decimal]) -> Iterator[MarketTick]:
    """The same ticks; the lowest price of each symbol is noted before anybody sees it."""
    known: dict[str, float] = {}
    for tick in source:
        if tick.price < known.get(tick.symbol, tick.price + 1.0):
            known[tick.symbol] = tick.price
            lowest[tick.symbol] = Decimal(repr(tick.price))
        yield tick


def _moved(price: float, dollars: float, kind: str) -> float:
    """Never below the floor, where an ask stays above a bid."""
    return round(max(price + dollars, PRICE_MIN + (0.01 if kind == "A" else 0.0)), 2)

"""How much was held, and for how long, while there was a market."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

import attrs

from engine.events import PositionCloseEvent, PositionEvent
from engine.money import ZERO

SECOND_NS: Final = 1_000_000_000


@attrs.define
class _Span:
    """Of one symbol, or of all: what is held now at its average price, and its sum over time."""

    notional: Decimal = ZERO
    since_ns: int = 0
    held_ns: int = 0
    most: Decimal = ZERO
    weighted: Decimal = ZERO  # dollars times nanoseconds

    def until(self, now_ns: int) -> None:
        lasted_ns = max(now_ns - self.since_ns, 0)
        if self.notional:
            self.held_ns += lasted_ns
            self.weighted += self.notional * lasted_ns
        self.since_ns = now_ns

    def becomes(self, notional: Decimal, now_ns: int) -> None:
        self.until(now_ns)
        self.notional = notional
        self.most = max(self.most, notional)


class Exposure:
    """A fold over what positions became. Nights do not count: between ``end`` and ``begin`` there
    is no market."""

    def __init__(self) -> None:
        self._symbols: dict[str, _Span] = {}
        self._all = _Span()
        self._began_ns = 0
        self.played_ns = 0

    def begin(self, now_ns: int) -> None:
        self._began_ns = now_ns
        for span in (self._all, *self._symbols.values()):
            span.since_ns = now_ns

    def end(self, now_ns: int) -> None:
        self.played_ns += now_ns - self._began_ns
        for span in (self._all, *self._symbols.values()):
            span.until(now_ns)

    def moved(self, event: PositionEvent, now_ns: int) -> None:
        held = not isinstance(event, PositionCloseEvent)
        notional = event.quantity * event.average_price if held else ZERO
        span = self._symbols.get(event.symbol)
        if span is None:
            span = self._symbols[event.symbol] = _Span(since_ns=now_ns)
        span.becomes(notional, now_ns)
        self._all.becomes(sum((one.notional for one in self._symbols.values()), ZERO), now_ns)

    def data(self) -> dict[str, Any]:
        """Seconds, shares of the time played, dollars at average prices; of all, and by symbol."""
        by_symbol = {name: self._row(span) for name, span in sorted(self._symbols.items())}
        return {**self._row(self._all), "symbols": by_symbol}

    def _row(self, span: _Span) -> dict[str, float]:
        played = Decimal(self.played_ns)
        return {
            "held_s": span.held_ns / SECOND_NS,
            "held_share": float(span.held_ns / played) if played else 0.0,
            "notional_max": float(span.most),
            "notional_mean": float(span.weighted / played) if played else 0.0,
        }

"""A desk that shows a short trade as if it were long, so that one test plays both."""

from __future__ import annotations

from decimal import Decimal

from engine.events import AlertEvent
from engine.inputs import BracketRequested, CloseRequested, Side
from engine.sim.policies import Policies
from tests.core.desk import Desk
from tests.core.test_core import config

WORDS: dict[int, dict[str, Side]] = {
    1: {"BUY": "BUY", "SELL": "SELL"},
    -1: {"BUY": "SELL", "SELL": "BUY"},
}
SIGNALS = {"BUY": "SHORT", "SHORT": "BUY"}
PROTECTED = ["SELL 300 LMT 104.00", "SELL 300 STP 94.00"]


class SidedDesk(Desk):
    """A desk seen from a long trade: of a short one, prices are mirrored at 100 and sides are
    swapped, on the way in and on the way out."""

    side = 1

    def price(self, price: Decimal | float | str) -> Decimal:
        """What this price is on the other side of 100, if the trade is short."""
        exact = Decimal(str(price))
        return exact if self.side > 0 else 200 - exact

    def word(self, action: str) -> Side:
        return WORDS[self.side][action]

    def quote(
        self, symbol: str, bid: float, ask: float, size: int = 100_000, atr: float | None = 1.0
    ) -> None:
        low, high = sorted((float(self.price(bid)), float(self.price(ask))))
        super().quote(symbol, low, high, size, atr)

    def trade(self, symbol: str, price: float, size: int = 100_000) -> None:
        super().trade(symbol, float(self.price(price)), size)

    def signal(
        self, symbol: str, kind: str, confidence: float = 1.0, identity: str | None = None
    ) -> None:
        kind = kind if self.side > 0 else SIGNALS[kind]
        super().signal(symbol, kind, confidence, identity)

    def bracket(
        self, symbol: str, entry: str | None, stop: str, reference: str = "b1", quantity: int = 300
    ) -> None:
        view = self.quotes[symbol]
        at = None if entry is None else self.price(entry)
        side = self.word("BUY")
        shares, stop_at, target = Decimal(quantity), self.price(stop), self.price(104)
        self.feed(BracketRequested(reference, symbol, side, shares, stop_at, target, at, view))

    def close(self, symbol: str | None) -> None:
        self.feed(CloseRequested(symbol, "operator"))

    def held(self, symbol: str) -> Decimal:
        return self.side * self.core.state.held(symbol)

    def position(self, symbol: str) -> Decimal:
        return self.side * self.exchange.position(symbol)

    def live(self, symbol: str) -> list[str]:
        lines = [line.split() for line in super().live(symbol)]
        return sorted(
            " ".join(
                [self.word(words[0]), *words[1:3], *(f"{self.price(p):.2f}" for p in words[3:])]
            )
            for words in lines
        )


def desk(side: int, policies: Policies | None = None, **strategy: object) -> SidedDesk:
    made = SidedDesk(config(**strategy), policies)
    made.side = side
    for symbol in made.instruments:
        made.quote(symbol, 99.99, 100.0)
    return made


def told(d: Desk, *levels: str) -> list[str]:
    return [e.text for e in d.events if isinstance(e, AlertEvent) and e.level in levels]

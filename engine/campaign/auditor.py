"""Whether an engine keeps its limits, judged by the exchange's truth at each order that arrives.

Nothing of what the engine believes is asked: shares are those that executions have brought, orders
those that live at the exchange. All that may open does, each share as cheap as it has ever been:
whatever is too much then was too much for anybody who decided it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Final

import attrs

from engine.campaign.books import DIRECT, ENTRY, OPENING, Book, Books, role, trade
from engine.config import Config, Guards, Limits
from engine.money import ZERO
from engine.sim.exchange import Exchange
from engine.sim.records import SimOrder

SECOND_NS: Final = 1_000_000_000
UNDER_WAY_NS: Final = 5 * SECOND_NS  # an order may have been sent under the limits of then
MINUTE_NS: Final = 58 * SECOND_NS  # what is sent within a minute arrives in one a little longer
INSTANT_NS: Final = 900_000_000  # and what is sent within a second
LOSS_TOLD_NS: Final = 60 * SECOND_NS  # a loss that stands so long must have been seen
LOSS_BEYOND: Final = Decimal("1.1")  # times the limit: the engine knows other prices than we


@attrs.define
class Span:
    """Signed notional: what it comes to when all that buys fills, and when all that sells does."""

    most: Decimal = ZERO
    least: Decimal = ZERO

    @property
    def gross(self) -> Decimal:
        return max(abs(self.most), abs(self.least))


class Auditor:
    """Of one client at one exchange. ``lowest`` are the lowest prices so far, by symbol."""

    def __init__(
        self, exchange: Exchange, books: Books, lowest: dict[str, Decimal], client_id: int
    ) -> None:
        self.found: list[str] = []  # laws that were broken, with their words
        self.judging = True  # False: the broker has brought shares that nobody ordered
        self.halted_ns: int | None = None  # since when nothing may be opened
        self.guarded = False  # a loss has pulled the kill switch once
        self._exchange = exchange
        self._books = books
        self._lowest = lowest
        self._client_id = client_id
        self._governing: list[tuple[int, Limits]] = []  # since when
        self._guards = Guards()
        self._sent: deque[int] = deque()  # when orders arrived, of the last minute
        self._equity = ZERO  # the highest so far
        self._loss_ns: int | None = None  # since when the day has lost too much

    def govern(self, config: Config, now_ns: int) -> None:
        """Settings hold from now on."""
        self._governing.append((now_ns, config.limits))
        self._guards = config.guards

    def arrived(self, order: SimOrder) -> None:
        """An order was accepted: after it, do the limits hold?"""
        if order.client_id != self._client_id:
            return
        now_ns = self._exchange.now_ns
        self._sent.append(now_ns)
        opens = role(order.order_ref) in OPENING + DIRECT
        if opens and self.halted_ns is not None and now_ns - self.halted_ns > UNDER_WAY_NS:
            self.found.append(f"34: {order.order_ref} arrives although trading is halted")
        if not self.judging or not (opens or order.parent_id):
            return
        self._books.read()
        while len(self._governing) > 1 and self._governing[1][0] < now_ns - UNDER_WAY_NS:
            del self._governing[0]
        broken = [list(self._beyond(order, one, now_ns)) for _, one in self._governing]
        if all(broken):  # none of the settings that may have held allow it
            self.found += broken[-1]

    # -- one order -----------------------------------------------------------------------------

    def _beyond(self, order: SimOrder, limits: Limits, now_ns: int) -> Iterator[str]:
        name = f"35: with {order.order_ref}"
        for text in self._too_fast(limits, now_ns):
            yield f"{name}, {text}"
        if order.parent_id:
            return
        if order.quantity > limits.order_shares_max:
            yield f"{name}, an order of {order.quantity} shares"
        if order.quantity * self._price(order) > limits.order_notional_max:
            yield f"{name}, an order of {order.quantity * self._price(order):.0f}"
        if order.instrument.symbol in limits.restricted:
            yield f"{name}, an order of a restricted symbol"
        living = self._exchange.open_orders(self._client_id)
        for text in (*self._worst(order, living, limits), *self._trades(order, living, limits)):
            yield f"{name}, {text}"

    def _too_fast(self, limits: Limits, now_ns: int) -> Iterator[str]:
        while self._sent and self._sent[0] <= now_ns - MINUTE_NS:
            self._sent.popleft()
        if len(self._sent) > limits.orders_per_minute_max:
            yield f"{len(self._sent)} orders within a minute"
        lately = sum(at_ns > now_ns - INSTANT_NS for at_ns in self._sent)
        if lately > limits.orders_per_second_max:
            yield f"{lately} orders within a second"

    def _worst(self, order: SimOrder, living: Sequence[SimOrder], limits: Limits) -> Iterator[str]:
        """Everything that may fill, fills."""
        symbols = {one.instrument.symbol for one in living}
        symbols |= self._books.trades.keys() | self._books.direct.keys()
        spans = {symbol: self._spans(symbol, living) for symbol in symbols}
        gross = {symbol: sum((one.gross for one in two), ZERO) for symbol, two in spans.items()}
        total = sum(gross.values(), ZERO)
        yield from _more("gross", total, limits.gross_notional_max)
        # The side that the order is not on had its own moment.
        flat = [one for two in spans.values() for one in two]
        side = sum((one.most for one in flat), ZERO)
        if order.action == "SELL":
            side = -sum((one.least for one in flat), ZERO)
        yield from _more("net", side, limits.net_notional_max)
        symbol = order.instrument.symbol
        yield from _more(symbol, gross[symbol], limits.position_notional_max)
        for group in limits.groups:
            if symbol in group.symbols:
                held = sum((gross.get(one, ZERO) for one in group.symbols), ZERO)
                yield from _more(group.name, held, group.notional_max)
        yield from _more("leverage", total, self._equity_most() * Decimal(str(limits.leverage_max)))

    def _spans(self, symbol: str, living: Sequence[SimOrder]) -> tuple[Span, Span]:
        """Of its trade, and of what was placed directly."""
        mine = [one for one in living if one.instrument.symbol == symbol]
        trade_, placed = (
            Span(*[self._value(symbol, books.get(symbol))] * 2)
            for books in (self._books.trades, self._books.direct)
        )
        for one in mine:
            if role(one.order_ref) in OPENING:
                value = one.remaining * self._price(one)
                _add(trade_, one.action, value)
        legs: dict[tuple[str, str], Decimal] = {}  # of a group, one on each side
        for one in mine:
            if role(one.order_ref) == DIRECT:
                key = trade(one.order_ref), one.action
                value = one.remaining * self._price(one)
                legs[key] = max(legs.get(key, ZERO), value)
        for (_, action), value in legs.items():
            _add(placed, action, value)
        return trade_, placed

    def _trades(self, order: SimOrder, living: Sequence[SimOrder], limits: Limits) -> Iterator[str]:
        """An entry is one trade more."""
        if role(order.order_ref) != ENTRY:
            return
        symbols = {one.instrument.symbol for one in living if role(one.order_ref) == ENTRY}
        symbols |= {symbol for symbol, book in self._books.trades.items() if book.shares}
        if len(symbols) > limits.positions_max:
            yield f"{len(symbols)} trades where {limits.positions_max} are the limit"
        since_ns = self._exchange.now_ns - round(limits.window_s * SECOND_NS) + UNDER_WAY_NS
        own = trade(order.order_ref), order.instrument.symbol
        lately = sum(
            name != own[0] and symbol == own[1] and at_ns > since_ns
            for name, (symbol, at_ns) in self._books.begun.items()
        )
        if lately >= limits.entries_in_window_max:
            yield f"{lately + 1} entries of {own[1]} within {limits.window_s:g} s"

    # -- prices --------------------------------------------------------------------------------

    def _price(self, order: SimOrder) -> Decimal:
        """A share of it costs at least this."""
        stated = order.limit_price or order.aux_price
        low = self._lowest.get(order.instrument.symbol, ZERO)
        return low if stated is None else stated

    def _value(self, symbol: str, book: Book | None) -> Decimal:
        """What is held, signed: at what it cost, or less."""
        if book is None:
            return ZERO
        cheapest = book.shares * self._lowest.get(symbol, ZERO)
        return min(book.cost, cheapest) if book.shares > 0 else max(book.cost, cheapest)

    def _equity_most(self) -> Decimal:
        """The engine knows an older one."""
        self._equity = max(self._equity, self._exchange.equity)
        return self._equity

    # -- the day -------------------------------------------------------------------------------

    def look(self, live: bool, now_ns: int) -> None:
        """Now and then: a day that has lost too much must have pulled the kill switch."""
        self._books.read()
        self._equity_most()
        lost = None if self.guarded or not self.judging else self._books.profit(self._mark)
        if not live or lost is None or -lost <= self._guards.day_loss_max * LOSS_BEYOND:
            self._loss_ns = None
            return
        self._loss_ns = self._loss_ns or now_ns
        if now_ns - self._loss_ns > LOSS_TOLD_NS:
            self.found.append(
                f"35: the day has lost {-lost:.0f} where {self._guards.day_loss_max} is the limit, "
                f"and trading goes on"
            )
            self.guarded = True

    def _mark(self, symbol: str) -> Decimal | None:
        quote = self._exchange.quote(symbol)
        if quote.halted or quote.bid is None or quote.ask is None:
            return None
        return Decimal(str(quote.bid))


def _add(span: Span, action: str, value: Decimal) -> None:
    if action == "BUY":
        span.most += value
    else:
        span.least -= value


def _more(what: str, used: Decimal, most: Decimal) -> Iterator[str]:
    if used > most:
        yield f"{what} {used:.0f} where {most:.0f} is the limit"

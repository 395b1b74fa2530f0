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
from engine.campaign.day_curve import DayCurve
from engine.campaign.prices import Tape
from engine.campaign.stakes import STOP, Stakes
from engine.config import Config, Guards, Limits
from engine.money import ZERO
from engine.sim.exchange import Exchange
from engine.sim.records import SimExecution, SimOrder

SECOND_NS: Final = 1_000_000_000
UNDER_WAY_NS: Final = 5 * SECOND_NS  # an order may have been sent under the limits of then
MINUTE_NS: Final = 58 * SECOND_NS  # what is sent within a minute arrives in one a little longer
INSTANT_NS: Final = 900_000_000  # and what is sent within a second
BEYOND: Final = Decimal("1.1")  # times the limit of a day: the engine knows other prices than we


@attrs.define
class Span:
    """Signed notional: what it comes to when all that buys fills, and when all that sells does."""

    most: Decimal = ZERO
    least: Decimal = ZERO

    @property
    def gross(self) -> Decimal:
        return max(abs(self.most), abs(self.least))


class Auditor:
    """Of one client at one exchange, whose prices are on ``tape``."""

    def __init__(self, exchange: Exchange, books: Books, tape: Tape, client_id: int) -> None:
        self.found: list[str] = []  # laws that were broken, with their words
        self.judging = True  # False: the broker has brought shares that nobody ordered
        self.halted_ns: int | None = None  # since when nothing may be opened
        self._exchange = exchange
        self._books = books
        self._lowest = tape.lowest
        self._stakes = Stakes(tape)
        self._client_id = client_id
        self._governing: list[tuple[int, Limits]] = []  # since when
        self._guards = Guards()
        self._sent: deque[int] = deque()  # when orders arrived, of the last minute
        self._equity = ZERO  # the highest so far
        self._day = DayCurve(books, self._mark)

    def govern(self, config: Config, now_ns: int) -> None:
        """Settings hold from now on."""
        self._governing.append((now_ns, config.limits))
        self._guards = config.guards

    def executed(self, one: SimExecution) -> None:
        """A trade has got or given shares."""
        self._stakes.executed(one)

    def halted(self, who: str, why: str, now_ns: int) -> None:
        """The kill switch was pulled, maybe not for the first time."""
        self.halted_ns = self.halted_ns or now_ns
        if who == "guard" and "day" in why:
            self._day.guarded = True

    def arrived(self, order: SimOrder) -> None:
        """An order was accepted: after it, do the limits hold?"""
        if order.client_id != self._client_id:
            return
        now_ns = self._exchange.now_ns
        self._sent.append(now_ns)
        self._books.read()
        opens = role(order.order_ref) in OPENING + DIRECT and not self._reduces(order)
        if role(order.order_ref) in OPENING:
            self._stakes.ordered(order, now_ns)
        if opens and self.halted_ns is not None and now_ns - self.halted_ns > UNDER_WAY_NS:
            self.found.append(f"34: {order.order_ref} arrives although trading is halted")
        if not self.judging or not (opens or order.parent_id):
            return
        while len(self._governing) > 1 and self._governing[1][0] < now_ns - UNDER_WAY_NS:
            del self._governing[0]
        broken = [list(self._beyond(order, one, now_ns)) for _, one in self._governing]
        if all(broken):  # none of the settings that may have held allow it
            self.found += broken[-1]

    def _reduces(self, order: SimOrder) -> bool:
        """Whether it only closes what was placed directly, even if all others like it fill. What
        the other leg of its pair has closed is not missing: one of the two was to do it."""
        symbol, own = order.instrument.symbol, trade(order.order_ref)
        sign = 1 if order.action == "BUY" else -1
        to_close = self._taken(order) - sign * self._books.direct.get(symbol, Book()).shares
        if role(order.order_ref) != DIRECT or to_close <= 0:
            return False
        rests: dict[str, Decimal] = {}  # of each group one fills
        for one in self._exchange.open_orders(self._client_id):
            name = trade(one.order_ref)
            alike = role(one.order_ref) == DIRECT and one.action == order.action and name != own
            if alike and one.instrument.symbol == symbol:
                rests[name] = max(rests.get(name, ZERO), one.remaining)
        return order.quantity <= to_close - sum(rests.values(), ZERO)

    # -- one order -----------------------------------------------------------------------------

    def _beyond(self, order: SimOrder, limits: Limits, now_ns: int) -> Iterator[str]:
        name = f"35: with {order.order_ref}"
        for text in self._too_fast(limits, now_ns):
            yield f"{name}, {text}"
        living = self._exchange.open_orders(self._client_id)
        if role(order.order_ref) == STOP:  # its trade is there with what protects it
            for text in self._at_stops(order, living, limits):
                yield f"{name}, {text}"
        if order.parent_id:
            return
        if order.quantity > limits.order_shares_max:
            yield f"{name}, an order of {order.quantity} shares"
        if order.quantity * self._price(order) > limits.order_notional_max:
            yield f"{name}, an order of {order.quantity * self._price(order):.0f}"
        if order.instrument.symbol in limits.restricted:
            yield f"{name}, an order of a restricted symbol"
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
        """Everything that may fill, fills. The side that the order is not on had its own moment:
        it may be beyond limits that were less strict then."""
        symbols = {one.instrument.symbol for one in living}
        symbols |= self._books.trades.keys() | self._books.direct.keys()
        spans = {symbol: self._spans(symbol, living) for symbol in symbols}
        gross = {symbol: sum((one.gross for one in two), ZERO) for symbol, two in spans.items()}
        own = spans[order.instrument.symbol][role(order.order_ref) == DIRECT]
        reach = own.most if order.action == "BUY" else -own.least
        gross[order.instrument.symbol] += max(reach, ZERO) - own.gross
        total = sum(gross.values(), ZERO)
        yield from _more("gross", total, limits.gross_notional_max)
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
                value = max(one.remaining - self._taken(one), ZERO) * self._price(one)
                legs[key] = max(legs.get(key, ZERO), value)
        for (_, action), value in legs.items():
            _add(placed, action, value)
        return trade_, placed

    def _taken(self, leg: SimOrder) -> Decimal:
        """What the other leg of its pair has brought: that is not wanted twice, although nobody
        could take the second leg back before it arrived."""
        return sum(
            (
                one.quantity
                for one in self._books.executions.values()
                if one.order_ref != leg.order_ref
                and trade(one.order_ref) == trade(leg.order_ref)
                and one.side == leg.action
            ),
            ZERO,
        )

    def _at_stops(
        self, order: SimOrder, living: Sequence[SimOrder], limits: Limits
    ) -> Iterator[str]:
        lost = self._stakes.at_stops(living)
        own = lost.get(order.instrument.symbol, ZERO)
        yield from _more("a trade that loses at its stops", own, limits.position_risk_max)
        total = sum(lost.values(), ZERO)
        yield from _more("an account that loses at its stops", total, limits.risk_at_stops_max)

    def _trades(self, order: SimOrder, living: Sequence[SimOrder], limits: Limits) -> Iterator[str]:
        """An entry, or an order placed directly, may be in one symbol more."""
        symbol, books = order.instrument.symbol, (self._books.trades, self._books.direct)
        there = {
            one.instrument.symbol for one in living if _opens(one) and one.perm_id != order.perm_id
        }
        there |= {name for one in books for name, book in one.items() if book.shares}
        if symbol not in there and len(there) >= limits.positions_max:
            yield f"{len(there) + 1} positions where {limits.positions_max:.0f} is the limit"
        if role(order.order_ref) == ENTRY:
            yield from self._again(symbol, trade(order.order_ref), limits)

    def _again(self, symbol: str, own: str, limits: Limits) -> Iterator[str]:
        """What of its symbol has begun, and was stopped out, lately."""
        since_ns = self._exchange.now_ns - round(limits.window_s * SECOND_NS) + UNDER_WAY_NS
        begun = sum(
            name != own and at == symbol and at_ns > since_ns
            for name, (at, at_ns) in self._books.begun.items()
        )
        if begun >= limits.entries_in_window_max:
            yield f"{begun + 1} entries of {symbol} within {limits.window_s:g} s"
        stopped = self._stakes.stop_outs(symbol, since_ns, own)
        if stopped >= limits.stop_outs_in_window_max:
            yield f"an entry of {symbol} after {stopped} stop-outs within {limits.window_s:g} s"

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

    def begins(self) -> None:
        """An engine is started, for the first time or again."""
        self._day.forget()

    def look(self, live: bool, now_ns: int) -> None:
        """Now and then: a day that has made too little must have pulled the kill switch."""
        self._books.read()
        self._equity_most()
        made = self._day.look(live and self.judging, now_ns)
        if made is None or self._day.guarded:
            return
        guards = self._guards
        for what, lost, most in (
            ("has lost", made.lost, guards.day_loss_max),
            ("has fallen by", made.fallen, guards.day_drawdown_max),
        ):
            if lost > most * BEYOND:
                self.found.append(
                    f"35: the day {what} {lost:.0f} where {most} is the limit, and trading goes on"
                )

    def _mark(self, symbol: str, shares: Decimal) -> Decimal | None:
        quote = self._exchange.shown(symbol)
        if quote.halted or quote.bid is None or quote.ask is None:
            return None
        return Decimal(str(quote.bid if shares > 0 else quote.ask))


def _opens(order: SimOrder) -> bool:
    return role(order.order_ref) in ENTRY + DIRECT


def _add(span: Span, action: str, value: Decimal) -> None:
    if action == "BUY":
        span.most += value
    else:
        span.least -= value


def _more(what: str, used: Decimal, most: Decimal) -> Iterator[str]:
    if used > most:
        yield f"{what} {used:.0f} where {most:.0f} is the limit"

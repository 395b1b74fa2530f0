"""What trades have made: how far each went for and against, and the result of the day.

The writer keeps it, from the events of its own steps and from the market twice a second.
Replaying the journal gives the same events, so a program that is started again finds the day's
results and what its fills say of the open trades; prices that were sampled between fills are in
no journal, and begin anew.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

import attrs

from engine.calm import HeldLook
from engine.contexts import Context
from engine.events import (
    BaseEvent,
    FillEvent,
    PositionCloseEvent,
    PositionEvent,
    PositionOpenEvent,
    TradeEvent,
)
from engine.holdings import FLAT, Holding, Holdings, closing_price, holdings
from engine.inputs import MarketView
from engine.money import ZERO
from engine.orders import Role
from engine.records import frozen
from engine.state import State

EXCHANGE_ZONE: Final = ZoneInfo("America/New_York")
SECOND_NS: Final = 1_000_000_000
DAY_MAX_NS: Final = 25 * 3600 * SECOND_NS  # that on which summer time ends
MarketOf = Callable[[str, int], MarketView]
COMMISSION_S: Final = 10.0  # a commission follows its execution within this


@frozen
class Excursion:
    """How far a trade went, as far as it was seen. All are 0 or more.

    ``adverse`` (MAE) and ``favourable`` (MFE) are per share, from the average price of the time;
    the mark is a price at which it filled, or at which it could be closed: the bid of a long, the
    ask of a short. ``drawdown`` is the largest fall of the trade's profit, realised and not, from
    ``peak``, its highest so far (a trade begins at 0), in the instrument's currency.
    """

    adverse: float = 0.0
    favourable: float = 0.0
    drawdown: float = 0.0
    peak: float = 0.0
    samples: int = 0

    def sampled(self, gain: float, profit: float) -> Excursion:
        """With one more sample: ``gain`` a share, ``profit`` of the whole trade."""
        peak = max(self.peak, profit)
        return Excursion(
            max(self.adverse, -gain),
            max(self.favourable, gain),
            max(self.drawdown, peak - profit),
            peak,
            self.samples + 1,
        )


NOTHING_SEEN: Final = Excursion()


@frozen
class DayResult:
    """What the day has made at one symbol, or at all, after ``commission``.

    Trades count whole on the day on which they end, those under way at what they stand at, and
    shares of direct orders with what they realised since the day began. ``drawdown`` is the
    largest fall of the profit from ``peak``, its highest of the day, as far as it was seen. The
    day is that of New York.
    """

    realised: Decimal
    unrealised: float
    commission: Decimal
    trades: int
    wins: int
    peak: float
    drawdown: float

    @property
    def profit(self) -> float:
        return float(self.realised) + self.unrealised


@attrs.define
class _Curve:
    """A profit over the day."""

    peak: float = 0.0
    drawdown: float = 0.0

    def see(self, profit: float) -> None:
        self.peak = max(self.peak, profit)
        self.drawdown = max(self.drawdown, self.peak - profit)


@attrs.define
class _Book:
    """Of one symbol: the trade under way as it was last told, and the day so far."""

    excursion: Excursion = NOTHING_SEEN
    sign: int = 0
    quantity: float = 0.0
    average: float = 0.0
    realised: float = 0.0
    price: float = 0.0  # of the latest fill
    quoted: bool = False  # the trade's side was quoted; a last trade is no substitute any more
    # What finished trades have told.
    told: Decimal = ZERO
    commission: Decimal = ZERO
    trades: int = 0
    wins: int = 0
    # The rest of the day's profit: trades that will be told in a moment, what the trade under
    # way stands at, and what direct orders made.
    waiting: deque[float] = attrs.field(factory=deque)
    open: float = 0.0
    aside: float = 0.0
    profit: float = 0.0  # of the day, the sum of all that
    curve: _Curve = attrs.field(factory=_Curve)
    # Shares of direct orders, now and when the day began.
    direct: Holding = FLAT
    direct_before: Holding = FLAT
    direct_until_ns: int = 0  # it may change by itself until then: commissions follow fills

    def see(self, price: float) -> None:
        """The trade under way at a price."""
        gain = (price - self.average) * self.sign
        self.open = self.realised + gain * self.quantity
        self.excursion = self.excursion.sampled(gain, self.open)

    def add_up(self) -> float:
        """By how much the day's profit has changed."""
        before = self.profit
        self.profit = float(self.told) + sum(self.waiting) + self.open + self.aside
        self.curve.see(self.profit)
        return self.profit - before

    def look(self, symbol: str, row: int, context: Context) -> HeldLook:
        position, trade = context.ledger.position, self.excursion
        return HeldLook(
            symbol=symbol,
            row=row,
            sign=1 if position.quantity > 0 else -1,
            quantity=float(abs(position.quantity)),
            average=float(position.average_price),
            realised=_booked(context),
            told=float(self.told) + sum(self.waiting),
            aside=self.aside,
            open=self.open,
            profit=self.profit,
            peak=self.curve.peak,
            drawdown=self.curve.drawdown,
            adverse=trade.adverse,
            favourable=trade.favourable,
            trade_drawdown=trade.drawdown,
            trade_peak=trade.peak,
            samples=trade.samples,
            quoted=self.quoted,
        )

    def looked(self, look: HeldLook) -> None:
        self.quoted = look.quoted
        if look.seen:
            self.sign, self.quantity, self.average = look.sign, look.quantity, look.average
            self.realised, self.open = look.realised, look.open
            self.excursion = Excursion(
                look.adverse, look.favourable, look.trade_drawdown, look.trade_peak, look.samples
            )
        self.profit = look.profit
        self.curve.peak, self.curve.drawdown = look.peak, look.drawdown

    def begin_day(self, direct: Holding) -> None:
        self.told, self.commission, self.trades, self.wins = ZERO, ZERO, 0, 0
        self.direct = self.direct_before = direct
        self.aside = 0.0
        self.add_up()
        self.curve = _Curve(peak=self.profit)


@attrs.define
class DayBook:
    """Belongs to the writer, like all state."""

    _books: dict[str, _Book] = attrs.field(factory=dict)
    _profit: float = 0.0  # of all books
    _total: _Curve = attrs.field(factory=_Curve)
    day_ends_ns: int = 0

    # -- the fold --------------------------------------------------------------------------------

    def take(self, state: State, events: Sequence[BaseEvent], now_ns: int) -> None:
        """The events of one step, after it."""
        if not self._is_of_the_day(now_ns):
            self._turn(state, now_ns)
        if not events:
            return  # as nearly always
        for event in events:
            if isinstance(event, FillEvent):
                if event.role == Role.LEG:
                    until_ns = now_ns + state.scaled(COMMISSION_S)
                    self._of(event.symbol).direct_until_ns = until_ns
                else:
                    self._filled(event)
            elif isinstance(event, PositionEvent):
                self._moved(state, event)
            elif isinstance(event, TradeEvent):
                self._told(event)
        self._total.see(self._profit)

    def _is_of_the_day(self, now_ns: int) -> bool:
        """A clock that was ahead, and was set right, must not leave a day that lasts for many."""
        return self.day_ends_ns - DAY_MAX_NS <= now_ns < self.day_ends_ns

    def _turn(self, state: State, now_ns: int) -> None:
        """A new day: what was told is history, what is open goes on."""
        local = datetime.fromtimestamp(now_ns // SECOND_NS, UTC).astimezone(EXCHANGE_ZONE)
        midnight = local.replace(hour=0, minute=0, second=0) + timedelta(days=1)
        self.day_ends_ns = int(midnight.timestamp()) * SECOND_NS
        found = holdings(state)
        for symbol in found:
            self._of(symbol)
        for symbol, book in self._books.items():
            book.begin_day(found.get(symbol, Holdings()).direct)
        self._profit = sum(book.profit for book in self._books.values())
        self._total = _Curve(peak=self._profit)

    def _filled(self, event: FillEvent) -> None:
        """A price that was really traded at, seen by what was held before."""
        book = self._of(event.symbol)
        book.price = float(event.fill_price)
        if book.quantity:
            book.see(book.price)
            self._profit += book.add_up()

    def _moved(self, state: State, event: PositionEvent) -> None:
        book = self._of(event.symbol)
        sign = 1 if event.side == "long" else -1
        if isinstance(event, PositionOpenEvent) or (book.quantity and book.sign != sign):
            book.excursion, book.quoted = NOTHING_SEEN, False
        book.sign = sign
        book.quantity, book.average = float(event.quantity), float(event.average_price)
        book.realised = float(event.realised - _told_before(state, event.symbol))
        book.see(book.price or book.average)
        if isinstance(event, PositionCloseEvent):
            book.waiting.append(book.realised)
            book.open = 0.0
        self._profit += book.add_up()

    def _told(self, event: TradeEvent) -> None:
        book = self._of(event.symbol)
        if book.waiting:
            book.waiting.popleft()
        book.told += event.realised
        book.commission += event.commission
        book.trades += 1
        book.wins += event.realised > 0
        self._profit += book.add_up()

    # -- the market ------------------------------------------------------------------------------

    def sample(self, state: State, market_of: MarketOf, now_ns: int) -> None:
        """Look at what is held, at the price where it could be closed."""
        if not self._is_of_the_day(now_ns):
            self._turn(state, now_ns)
        self._look_at_direct(state, now_ns)
        for symbol, book in self._books.items():
            context = state.current.get(symbol)
            held = context is not None and context.held
            if not held and not book.direct.quantity:
                continue
            market = market_of(symbol, now_ns)
            if context is not None and held:
                _look(book, context, market)
            if book.direct.quantity:
                book.aside = _aside(book, market)
            self._profit += book.add_up()
        self._total.see(self._profit)

    def looks(self, state: State, rows: Mapping[str, int]) -> list[HeldLook] | None:
        """What ``sample`` would do as long as nothing is decided, as numbers; None: it is more."""
        found = []
        for symbol, book in self._books.items():
            context = state.current.get(symbol)
            if book.direct_until_ns or book.direct.quantity or symbol not in rows:
                return None
            if context is not None and context.held:
                found.append(book.look(symbol, rows[symbol], context))
        return found

    def looked(
        self, looks: Sequence[HeldLook], profit: float, peak: float, drawdown: float
    ) -> None:
        """What became of them."""
        for look in looks:
            self._books[look.symbol].looked(look)
        self._profit = profit
        self._total.peak, self._total.drawdown = peak, drawdown

    @property
    def total(self) -> tuple[float, float]:
        """The best of the day, and its largest fall."""
        return self._total.peak, self._total.drawdown

    def _look_at_direct(self, state: State, now_ns: int) -> None:
        """Anew only where something may have changed: such orders are never forgotten, and
        there may be many."""
        if not any(book.direct_until_ns for book in self._books.values()):
            return
        found = holdings(state)
        for symbol, book in self._books.items():
            if book.direct_until_ns:
                book.direct = found.get(symbol, Holdings()).direct
                book.aside = float(book.direct.realised - book.direct_before.realised)
                self._profit += book.add_up()
                if now_ns >= book.direct_until_ns:
                    book.direct_until_ns = 0

    # -- what it says ----------------------------------------------------------------------------

    def excursion(self, symbol: str) -> Excursion:
        """Of the open trade or, when flat, of the last one."""
        return self._books[symbol].excursion if symbol in self._books else NOTHING_SEEN

    def day(
        self, state: State, symbol: str, found: Holdings, unrealised: float, now_ns: int
    ) -> DayResult:
        """The day's result of a symbol, exact in what it realised."""
        if not self._is_of_the_day(now_ns):
            self._turn(state, now_ns)
        book = self._of(symbol)
        direct, before = found.direct, book.direct_before
        return DayResult(
            realised=book.told
            + found.trade.realised
            + found.ended.realised
            + (direct.realised - before.realised),
            unrealised=unrealised,
            commission=book.commission
            + found.trade.commission
            + found.ended.commission
            + (direct.commission - before.commission),
            trades=book.trades,
            wins=book.wins,
            peak=book.curve.peak,
            drawdown=book.curve.drawdown,
        )

    def whole(self, days: Sequence[DayResult]) -> DayResult:
        """Of all symbols together: the curve is that of their sum."""
        return DayResult(
            realised=sum((one.realised for one in days), ZERO),
            unrealised=sum(one.unrealised for one in days),
            commission=sum((one.commission for one in days), ZERO),
            trades=sum(one.trades for one in days),
            wins=sum(one.wins for one in days),
            peak=self._total.peak,
            drawdown=self._total.drawdown,
        )

    def _of(self, symbol: str) -> _Book:
        book = self._books.get(symbol)
        if book is None:
            book = self._books[symbol] = _Book()
        return book

    @property
    def profit(self) -> float:
        """Of the day, all symbols, what is open at its last sampled price."""
        return self._profit

    @property
    def fall(self) -> float:
        """How far the day's profit is below its best so far."""
        return self._total.peak - self._profit


def _look(book: _Book, context: Context, market: MarketView) -> None:
    """TWS says when a quote has gone; what was traded last would then be an old price."""
    position = context.ledger.position
    long = position.quantity > 0
    price = market.bid if long else market.ask
    book.quoted = book.quoted or bool(price)
    if not book.quoted:
        price = market.last
    if price:
        book.sign, book.quantity = 1 if long else -1, float(abs(position.quantity))
        book.average = float(position.average_price)
        book.realised = _booked(context)
        book.see(price)


def _booked(context: Context) -> float:
    """What the trade under way has realised, after commission."""
    ledger = context.ledger
    booked = ledger.position.realised - context.trade_realised
    return float(booked - (ledger.commission - context.trade_commission))


def _aside(book: _Book, market: MarketView) -> float:
    direct = book.direct
    realised = float(direct.realised - book.direct_before.realised)
    return realised + direct.unrealised(closing_price(direct, market))


def _told_before(state: State, symbol: str) -> Decimal:
    """Profit that the context of a position has told as a finished trade already: something only
    if shares came to it late."""
    context = state.current.get(symbol)
    return context.trade_realised - context.trade_commission if context else ZERO

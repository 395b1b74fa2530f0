"""Positions by symbol, with how far each trade has gone for and against.

Quantity, cost and profit are the writer's own, asked when they are wanted. Only the excursions
are kept here: they are samples of the market's events (two a second) while a position is open,
plus the price it was closed at, so a spike between two samples is not in them.
"""

from __future__ import annotations

import threading
from collections import deque
from concurrent.futures import Future
from decimal import Decimal
from typing import Any, Final

import attrs

from engine.bus import EventBus, Subscription
from engine.errors import UserError
from engine.events import PositionCloseEvent, PositionEvent, PositionOpenEvent, PriceEvent
from engine.inbox import Inbox
from engine.state import State
from engine.view import EngineView, Question, SymbolView, Watched, average_price, engine_view

ANSWER_S: Final = 5.0


@attrs.frozen
class Excursion:
    """How far a trade went, as far as it was sampled. All are 0 or more.

    ``adverse`` (MAE) and ``favourable`` (MFE) are per share, from the average price of the time;
    the mark is the price at which the position could be closed, bid of a long, ask of a short.
    ``drawdown`` is the largest fall of the trade's profit, realised and not, from ``peak``, its
    highest so far (a trade begins at 0), in the instrument's currency.
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


@attrs.frozen
class StockPosition:
    """Shares of one symbol. ``quantity`` is never negative; ``side`` is empty when flat.

    ``realised`` is of the open trade, after ``commission``; ``unrealised`` is at the price where
    it could be closed now, 0 without one. ``excursion`` is of the open trade or, when flat, of
    the last one.
    """

    symbol: str
    side: str
    quantity: Decimal
    average_price: Decimal
    realised: Decimal
    unrealised: float
    commission: Decimal
    stop: Decimal | None
    target: Decimal | None
    excursion: Excursion

    @property
    def profit(self) -> float:
        return float(self.realised) + self.unrealised


@attrs.define
class _Trade:
    """What a sample is measured against; belongs to the delivery thread."""

    sequence: int
    sign: int
    quantity: float
    average: float
    realised: float
    quoted: bool = False  # a mark of its side was seen; trades are no substitute any more


class PositionTracker:
    """``Engine.position_tracker``; excursions are sampled from its first use on.

    Methods may be called from any thread. They raise LimitError when the engine has stopped and
    TimeoutError while it is connecting.
    """

    def __init__(self, inbox: Inbox, bus: EventBus) -> None:
        self._inbox = inbox
        self._trades: dict[str, _Trade] = {}
        self._excursions: dict[str, Excursion] = {}
        self._found: deque[tuple[str, _Trade]] = deque()  # open before we listened
        self._bus = bus
        self._subscriptions: list[Subscription] = []
        self._beginning = threading.Lock()

    def begin(self) -> None:
        """Sample from now on; idempotent. Not before it is wanted: a bus without observers
        costs nothing.

        Raises:
            LimitError: the engine has stopped.
        """
        with self._beginning:
            if self._subscriptions:
                return
            self._subscriptions = [
                self._bus.subscribe(PositionEvent, self._on_position),
                self._bus.subscribe(PriceEvent, self._on_price),
            ]
            self._inbox.put(Question(_open_trades)).add_done_callback(self._take_found)

    def get(self, symbol: str) -> StockPosition:
        """Raises UserError for a symbol that the strategy does not name."""
        for position in self.all():
            if position.symbol == symbol:
                return position
        raise UserError(f"{symbol} is not among the symbols of the strategy")

    def all(self) -> tuple[StockPosition, ...]:
        """Of every symbol of the strategy, in its order, of one instant."""
        view: EngineView = self._inbox.put(Question(engine_view)).result(ANSWER_S)
        return tuple(self._position(one) for one in view.symbols)

    def open(self) -> tuple[StockPosition, ...]:
        """Of the symbols that are held."""
        return tuple(position for position in self.all() if position.quantity)

    def _position(self, one: SymbolView) -> StockPosition:
        return StockPosition(
            symbol=one.symbol,
            side=one.side,
            quantity=one.quantity,
            average_price=one.average_price,
            realised=one.realised,
            unrealised=one.unrealised,
            commission=one.commission,
            stop=one.stop,
            target=one.target,
            excursion=self._excursions.get(one.symbol, Excursion()),
        )

    # -- on the delivery thread ------------------------------------------------------------------

    def _take_found(self, answer: Future[Any]) -> None:
        """On the writer's thread: hands over and returns. An engine that ends before it has
        answered has nothing to sample."""
        if answer.exception() is None:
            self._found.extend(answer.result())

    def _adopt_found(self) -> None:
        while self._found:
            symbol, trade = self._found.popleft()
            self._trades.setdefault(symbol, trade)

    def _on_position(self, event: PositionEvent) -> None:
        self._adopt_found()
        before = self._trades.get(event.symbol)
        if before is not None and event.sequence <= before.sequence:
            return  # part of what was found
        sign = 1 if event.side == "long" else -1
        realised = float(event.realised)
        trade = _Trade(
            event.sequence, sign, float(event.quantity), float(event.average_price), realised
        )
        self._trades[event.symbol] = trade
        if isinstance(event, PositionOpenEvent) or (before is not None and before.sign != sign):
            self._excursions[event.symbol] = Excursion()
        elif before is not None:
            trade.quoted = before.quoted
        if isinstance(event, PositionCloseEvent):
            self._sample(event.symbol, trade, float(event.exit_price))

    def _on_price(self, event: PriceEvent) -> None:
        self._adopt_found()
        trade = self._trades.get(event.symbol)
        if trade is None or not trade.quantity or event.price <= 0:
            return  # TWS says -1 or 0 when there is no price
        if event.kind == ("bid" if trade.sign > 0 else "ask"):
            trade.quoted = True
        elif event.kind != "last" or trade.quoted:
            return
        self._sample(event.symbol, trade, event.price)

    def _sample(self, symbol: str, trade: _Trade, price: float) -> None:
        gain = (price - trade.average) * trade.sign
        profit = trade.realised + gain * trade.quantity
        before = self._excursions.get(symbol, Excursion())
        self._excursions[symbol] = before.sampled(gain, profit)


def _open_trades(state: State, _: Watched) -> list[tuple[str, _Trade]]:
    """What is held already, as of the latest event."""
    found = []
    for symbol, context in state.current.items():
        held = context.held
        if held:
            position = context.ledger.position
            realised = float(position.realised - context.ledger.commission)
            average = float(average_price(state, symbol))
            sign = 1 if held > 0 else -1
            found.append(
                (symbol, _Trade(state.sequence, sign, float(abs(held)), average, realised))
            )
    return found

"""Positions by symbol, with how far each trade has gone and what the day has made.

Everything is the writer's own, asked when it is wanted, of one instant. What is *seen* rather
than booked (excursions, drawdowns) comes from fills and from the market, twice a second: a
spike between two looks is not in it.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import attrs

from engine.daybook import DayResult, Excursion
from engine.errors import UserError
from engine.holdings import Holding, Holdings, holdings
from engine.inbox import Inbox
from engine.money import ZERO
from engine.state import State
from engine.view import Question, Resting, Watched, symbol_view

ANSWER_S: Final = 5.0


@attrs.frozen
class StockPosition:
    """Shares of one symbol. ``quantity`` is never negative; ``side`` is empty when flat.

    ``realised`` is of the trade under way, after ``commission``; ``unrealised`` is at the price
    where the shares could be closed now, 0 without one. ``excursion`` is of that trade or, when
    flat, of the last one. ``direct`` are the shares, signed, that single orders and OCO pairs
    brought: they count in quantity, average and ``unrealised``, no trade protects them, and what
    they realised since the journal began is theirs.
    """

    symbol: str
    side: str
    quantity: Decimal
    average_price: Decimal
    realised: Decimal
    unrealised: float
    commission: Decimal
    stops: tuple[Resting, ...]
    targets: tuple[Resting, ...]
    adds: tuple[Resting, ...]
    excursion: Excursion
    day: DayResult
    direct: Holding

    @property
    def profit(self) -> float:
        return float(self.realised) + self.unrealised

    @property
    def drawdown(self) -> float:
        """How far the trade stands below its best so far; 0 when flat. The largest that was seen
        is ``excursion.drawdown``."""
        return max(self.excursion.peak - self.profit, 0.0) if self.quantity else 0.0

    @property
    def stop(self) -> Decimal | None:
        """Of several the nearest."""
        return self.stops[0].price if self.stops else None

    @property
    def target(self) -> Decimal | None:
        """Of several the nearest."""
        return self.targets[0].price if self.targets else None


@attrs.frozen
class PositionTotal:
    """All symbols together: ``open`` of them are held. Profits of several currencies are added
    as they are."""

    open: int
    realised: Decimal
    unrealised: float
    commission: Decimal
    day: DayResult

    @property
    def profit(self) -> float:
        return float(self.realised) + self.unrealised


class PositionTracker:
    """``Engine.position_tracker``.

    Methods may be called from any thread. They raise LimitError when the engine has stopped and
    TimeoutError while it is connecting.
    """

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox

    def get(self, symbol: str) -> StockPosition:
        """Raises UserError for a symbol that the strategy does not name."""
        for position in self.all():
            if position.symbol == symbol:
                return position
        raise UserError(f"{symbol} is not among the symbols of the strategy")

    def all(self) -> tuple[StockPosition, ...]:
        """Of every symbol of the strategy, in its order, of one instant."""
        found: tuple[StockPosition, ...] = self._inbox.ask(Question(positions), ANSWER_S)
        return found

    def open(self) -> tuple[StockPosition, ...]:
        """Of the symbols that are held."""
        return tuple(position for position in self.all() if position.quantity)

    def total(self) -> PositionTotal:
        """Of all symbols of the strategy together."""
        found: PositionTotal = self._inbox.ask(Question(total), ANSWER_S)
        return found


# -- on the writer's thread --------------------------------------------------------------------


def positions(state: State, runtime: Watched) -> tuple[StockPosition, ...]:
    now_ns, found = runtime.now_ns(), holdings(state)
    return tuple(
        _position(state, runtime, symbol, found.get(symbol, Holdings()), now_ns)
        for symbol in state.config.strategy.symbols
    )


def total(state: State, runtime: Watched) -> PositionTotal:
    every = positions(state, runtime)
    return PositionTotal(
        open=sum(1 for one in every if one.quantity),
        realised=sum((one.realised for one in every), ZERO),
        unrealised=sum(one.unrealised for one in every),
        commission=sum((one.commission for one in every), ZERO),
        day=runtime.book.whole([one.day for one in every]),
    )


def _position(
    state: State, runtime: Watched, symbol: str, found: Holdings, now_ns: int
) -> StockPosition:
    market, refused = runtime.market_view(symbol, now_ns), runtime.data_refused(symbol)
    view = symbol_view(state, symbol, found, market, refused)
    return StockPosition(
        symbol=symbol,
        side=view.side,
        quantity=view.quantity,
        average_price=view.average_price,
        realised=view.realised,
        unrealised=view.unrealised,
        commission=view.commission,
        stops=view.stops,
        targets=view.targets,
        adds=view.adds,
        excursion=runtime.book.excursion(symbol),
        day=runtime.book.day(state, symbol, found, view.unrealised, now_ns),
        direct=found.direct,
    )

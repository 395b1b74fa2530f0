"""The shares that orders of one client have brought, as the exchange knows them.

Shares of trades and shares of orders placed directly are kept apart: only the first are for the
engine to protect. An order's reference says which it is, and for what.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Final

import attrs

from engine.money import ZERO
from engine.positions import revision
from engine.sim.exchange import Exchange
from engine.sim.records import SimExecution

ENTRY: Final = "E"
OPENING: Final = "EA"  # an entry, an add
EXITS: Final = "STRC"  # a stop, a target, a part taken out, a close
DIRECT: Final = "L"


def role(order_ref: str) -> str:
    """The letter of an order: what it is for."""
    return order_ref.rpartition("-")[2][:1]


def trade(order_ref: str) -> str:
    """What all orders of one trade begin with."""
    return order_ref.rpartition("-")[0]


@attrs.define
class Book:
    """Signed shares of a symbol with what they cost (signed like them), and what was earned by
    those that are gone, before commissions."""

    shares: Decimal = ZERO
    cost: Decimal = ZERO
    cash: Decimal = ZERO  # what all executions have brought less what they have cost

    def count(self, signed: Decimal, price: Decimal) -> None:
        before, after = self.shares, self.shares + signed
        self.cash -= signed * price
        if before * signed >= 0:
            self.cost += signed * price
        elif before * after > 0:
            self.cost = self.cost * after / before
        else:
            self.cost = after * price
        self.shares = after

    def profit(self, price: Decimal) -> Decimal:
        """Realised and not, at a price."""
        return self.cash + self.shares * price


Moved = Callable[[SimExecution, Decimal, Decimal, bool], None]


class Books:
    """``moved`` is told of each execution of a trade: the shares before and after it, and whether
    it corrects another."""

    def __init__(self, exchange: Exchange, client_id: int, moved: Moved) -> None:
        self._exchange = exchange
        self._client_id = client_id
        self._moved = moved
        self._read = 0
        self.executions: dict[str, SimExecution] = {}  # newest revision, by identity
        self.trades: dict[str, Book] = {}  # by symbol
        self.direct: dict[str, Book] = {}
        self._shared: set[str] = set()  # symbols that others have traded
        self.begun: dict[str, tuple[str, int]] = {}  # by trade: its symbol, its first share

    def read(self) -> None:
        """Count what has happened since the last time."""
        if self._exchange.execution_count == self._read:
            return
        for one in self._exchange.executions()[self._read :]:
            identity, _ = revision(one.execution_id)
            before = self.executions.get(identity)
            self.executions[identity] = one
            if one.client_id == self._client_id and one.order_ref:
                self._count(one, before)
            else:
                self._shared.add(one.instrument.symbol)
                if one.liquidation and before is None:
                    self._liquidated(one)
        self._read = self._exchange.execution_count

    def _count(self, one: SimExecution, before: SimExecution | None) -> None:
        symbol = one.instrument.symbol
        direct = role(one.order_ref) == DIRECT
        book = (self.direct if direct else self.trades).setdefault(symbol, Book())
        held = book.shares
        if before is not None:
            book.count(-signed(before), before.price)
        book.count(signed(one), one.price)
        if not direct:
            if role(one.order_ref) == ENTRY:
                self.begun.setdefault(trade(one.order_ref), (symbol, one.time_ns))
            self._moved(one, held, book.shares, before is not None)

    def _liquidated(self, one: SimExecution) -> None:
        """What the broker takes by force of a trade is gone from it for good, whatever comes to
        the account later."""
        book = self.trades.get(one.instrument.symbol, Book())
        taken = signed(one)
        if book.shares * taken < 0:
            book.count(max(min(taken, abs(book.shares)), -abs(book.shares)), one.price)

    def own(self, symbol: str) -> Decimal:
        """Shares of trades, which are to be protected."""
        return self.trades[symbol].shares if symbol in self.trades else ZERO

    def held(self, symbol: str) -> Decimal:
        """Of these, what is there: others at the account may have taken some, of these or of
        those that were placed directly."""
        own = self.own(symbol)
        if not own:
            return ZERO  # nobody can have taken any
        position = self._exchange.position(symbol)
        placed = self.direct[symbol].shares if symbol in self.direct else ZERO
        amounts = [own, position - placed]
        if symbol in self._shared:
            amounts.append(position)
        least, most = min(amounts), max(amounts)
        return least if least > 0 else min(most, ZERO)

    def shared(self, symbol: str) -> bool:
        """Whether others have traded it."""
        return symbol in self._shared

    @property
    def held_any(self) -> bool:
        return any(one.shares for books in (self.trades, self.direct) for one in books.values())

    def profit(self, price: Callable[[str, Decimal], Decimal | None]) -> Decimal | None:
        """Of all trades and direct orders, realised and not; None without a price of so many
        shares."""
        total = ZERO
        for books in (self.trades, self.direct):
            for symbol, book in books.items():
                at = price(symbol, book.shares) if book.shares else ZERO
                if at is None:
                    return None
                total += book.profit(at)
        return total


def signed(one: SimExecution) -> Decimal:
    return one.quantity if one.side == "BUY" else -one.quantity

"""What trades lose when every stop of them is hit, and which were ended by theirs, by the record of
the exchange alone.

What the engine could not know yet never counts against it: a share costs what it was bought at or,
if that was less, what its order could be decided at; and of several stops the nearest is the one
that ends the trade. So an engine that counts right counts at least as much.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

import attrs

from engine.campaign.books import EXITS, OPENING, Book, role, signed, trade
from engine.campaign.prices import Tape
from engine.money import ZERO
from engine.sim.records import SimExecution, SimOrder

STOP: Final = "S"
REMEMBERED_NS: Final = 70_000_000_000  # no decision rests on a price that is older


@attrs.define
class _Stake:
    """Of one trade. ``book`` counts its shares at their kindest price."""

    symbol: str
    sign: int
    book: Book = attrs.field(factory=Book)
    decided: dict[str, Decimal | None] = attrs.field(factory=dict)  # by order; None: forgotten
    stopped_ns: int | None = None  # when a stop has ended it, if one has

    def kindest(self, order_ref: str, price: Decimal) -> Decimal:
        """What its sender may have thought that a share costs which was bought at ``price``."""
        decided = self.decided.get(order_ref)
        if decided is None:
            return price
        return min(price, decided) if self.sign > 0 else max(price, decided)


class Stakes:
    """Of all trades of one client. ``tape`` knows what prices there were."""

    def __init__(self, tape: Tape) -> None:
        self._tape = tape
        self._stakes: dict[str, _Stake] = {}

    def ordered(self, order: SimOrder, now_ns: int) -> None:
        """An order that opens has arrived: whoever sent it has seen one of the last prices."""
        symbol, sign = order.instrument.symbol, 1 if order.action == "BUY" else -1
        price = order.limit_price or order.aux_price
        if price is None:
            seen = self._tape.between(symbol, now_ns - REMEMBERED_NS)
            price = None if seen is None else seen[0] if sign > 0 else seen[1]
        stake = self._stakes.setdefault(trade(order.order_ref), _Stake(symbol, sign))
        stake.decided[order.order_ref] = price

    def executed(self, one: SimExecution) -> None:
        """In the order in which they happened."""
        letter, stake = role(one.order_ref), self._stakes.get(trade(one.order_ref))
        if stake is None or letter not in OPENING + EXITS:
            return
        stake.book.count(signed(one), stake.kindest(one.order_ref, one.price))
        ended = letter == STOP and not stake.book.shares
        stake.stopped_ns = one.time_ns if ended else None

    # -- what it comes to ----------------------------------------------------------------------

    def stop_outs(self, symbol: str, since_ns: int, but: str) -> int:
        """How many trades of a symbol, another one than ``but``, a stop has ended since then."""
        return sum(
            one.symbol == symbol and one.stopped_ns is not None and one.stopped_ns > since_ns
            for name, one in self._stakes.items()
            if name != but
        )

    def at_stops(self, living: Sequence[SimOrder]) -> dict[str, Decimal]:
        """By symbol, of every trade that has a stop there; 0 of one that is in profit at it."""
        mine: dict[str, list[SimOrder]] = {}
        for order in living:
            mine.setdefault(trade(order.order_ref), []).append(order)
        found: dict[str, Decimal] = {}
        for name, orders in mine.items():
            if (stake := self._stakes.get(name)) is not None:
                found[stake.symbol] = found.get(stake.symbol, ZERO) + _lost(stake, orders)
        return found


def _lost(stake: _Stake, orders: Sequence[SimOrder]) -> Decimal:
    stops = [at for one in orders if role(one.order_ref) == STOP if (at := _trigger(one))]
    if not stops:
        return ZERO
    nearest = max(stops) if stake.sign > 0 else min(stops)
    shares, cost = stake.book.shares, stake.book.cost
    for one in orders:
        price = stake.decided.get(one.order_ref)
        if price is not None:
            shares += one.remaining * stake.sign
            cost += one.remaining * price * stake.sign
    return max(cost - shares * nearest, ZERO) if shares * stake.sign > 0 else ZERO


def _trigger(order: SimOrder) -> Decimal | None:
    return order.trail_stop_price if order.order_type == "TRAIL" else order.aux_price

"""A position is the fold of unique executions; nothing else may change one.

TWS may deliver an execution twice, late, out of order, or corrected: a correction carries the
same id except for the digits behind the last dot, and the highest revision counts. Commissions
arrive separately, in any order, and touch profit only.

Average cost: opening fills move the average by their weight; closing fills realise against it
and leave it; a fill that crosses zero closes all and opens the rest at its own price.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from functools import lru_cache
from typing import Final

import attrs

from engine.inputs import ExecutionReported
from engine.money import ZERO

IDS_KEPT: Final = 1 << 14


@attrs.define(slots=True)
class Position:
    """Signed quantity (long above 0), average cost per share, realised profit before
    commissions, and the average prices of everything that opened and closed it."""

    quantity: Decimal = ZERO
    average_price: Decimal = ZERO
    realised: Decimal = ZERO
    opened_quantity: Decimal = ZERO
    opened_value: Decimal = ZERO
    closed_quantity: Decimal = ZERO
    closed_value: Decimal = ZERO
    cash: Decimal = ZERO  # what all fills have brought less what they have cost

    def apply(self, signed: Decimal, price: Decimal) -> None:
        if signed == 0:
            return  # a busted execution: a correction to nothing
        held = self.quantity
        after = held + signed
        self.cash -= signed * price
        if held == 0 or (held > 0) == (signed > 0):
            self._open(abs(signed), price, held, after)
        else:
            closing = min(abs(signed), abs(held))
            direction = 1 if held > 0 else -1
            self.realised += (price - self.average_price) * closing * direction
            self.closed_quantity += closing
            self.closed_value += closing * price
            if after == 0:
                # Thirds of an average price are cut off, what came in and went out is not.
                self.average_price, self.realised = ZERO, self.cash
            elif (after > 0) != (held > 0):
                self._open(abs(after), price, ZERO, after)
        self.quantity = after

    def _open(self, size: Decimal, price: Decimal, held: Decimal, after: Decimal) -> None:
        self.opened_quantity += size
        self.opened_value += size * price
        self.average_price = (abs(held) * self.average_price + size * price) / abs(after)

    def unrealised(self, price: Decimal) -> Decimal:
        return (price - self.average_price) * self.quantity

    @property
    def entry_price(self) -> Decimal:
        """Average of all opening fills; 0 when there was none."""
        return self.opened_value / self.opened_quantity if self.opened_quantity else ZERO

    @property
    def exit_price(self) -> Decimal:
        """Average of all closing fills; 0 when there was none."""
        return self.closed_value / self.closed_quantity if self.closed_quantity else ZERO


def fold(fills: Iterable[ExecutionReported]) -> Position:
    position = Position()
    for fill in fills:
        position.apply(signed(fill), fill.price)
    return position


def signed(fill: ExecutionReported) -> Decimal:
    return fill.quantity if fill.side == "BUY" else -fill.quantity


@lru_cache(maxsize=IDS_KEPT)  # every round of questions brings the ids of the day again
def revision(execution_id: str) -> tuple[str, int]:
    """(identity of the fill, revision): ``0000e0d5.6543.01.02`` is revision 2 of ``….01``.

    An id whose last part is no number is its own identity, revision 0.
    """
    head, _, tail = execution_id.rpartition(".")
    return (head, int(tail)) if head and tail.isdigit() else (execution_id, 0)


def correction(fill: ExecutionReported) -> str:
    """The name under which a corrected execution is remembered when its trade is forgotten."""
    return f"corrected {fill.execution_id}"


@attrs.define(slots=True)
class Ledger:
    """The unique executions of one context, by identity, in order of first arrival."""

    fills: dict[str, ExecutionReported] = attrs.field(factory=dict)
    revisions: dict[str, int] = attrs.field(factory=dict)
    order_of: dict[str, int] = attrs.field(factory=dict)
    totals: dict[int, tuple[Decimal, Decimal]] = attrs.field(factory=dict)  # shares, value
    commissions: dict[str, tuple[int, Decimal]] = attrs.field(factory=dict)  # revision, amount
    retracted: dict[str, Decimal] = attrs.field(factory=dict)  # by side, by corrections
    position: Position = attrs.field(factory=Position)

    def add(self, fill: ExecutionReported, order_id: int) -> Decimal | None:
        """Count an execution of our order ``order_id``; the change of signed quantity, or None
        if it was known.

        A correction replaces its earlier revision and the position is folded anew; an older
        revision that arrives late is ignored.
        """
        identity, number = revision(fill.execution_id)
        known = self.revisions.get(identity)
        if known is not None and number <= known:
            return None
        if known is None and (twin := self.twin(fill, order_id)) is not None:
            if number:
                self._rename(twin, identity, number, fill)
            return None
        before = self.position.quantity
        owner = self.order_of.get(identity, order_id)
        if known is not None:
            self._retract(self.fills[identity], fill)
        self.revisions[identity] = number
        self.fills[identity] = fill
        self.order_of[identity] = order_id
        if known is None:
            self.position.apply(signed(fill), fill.price)
            shares, value = self.totals.get(order_id, (ZERO, ZERO))
            self.totals[order_id] = shares + fill.quantity, value + fill.quantity * fill.price
        else:
            self.position = fold(self.fills.values())
            for one in dict.fromkeys((owner, order_id)):  # a correction may name another order
                self.totals[one] = self._total(one)
        return self.position.quantity - before

    def _retract(self, old: ExecutionReported, new: ExecutionReported) -> None:
        if (old.side, old.quantity) == (new.side, new.quantity):
            return  # another price
        for side, shares in ((old.side, old.quantity), (new.side, -new.quantity)):
            self.retracted[side] = self.retracted.get(side, ZERO) + shares

    def twin(self, fill: ExecutionReported, order_id: int) -> str | None:
        """What has been counted is this very fill, although one of their ids has lost its form:
        an order has the same running total only once. One that has none says nothing."""
        if fill.cumulative_quantity <= 0:
            return None
        formed = revision(fill.execution_id)[1] > 0
        for identity, other in self.fills.items():
            if (
                (self.revisions[identity] > 0) != formed
                and self.order_of[identity] == order_id
                and (other.side, other.quantity, other.price, other.cumulative_quantity)
                == (fill.side, fill.quantity, fill.price, fill.cumulative_quantity)
            ):
                return identity
        return None

    def _rename(self, old: str, new: str, number: int, fill: ExecutionReported) -> None:
        """A fill has its true id at last."""
        del self.fills[old], self.revisions[old]
        self.fills[new], self.revisions[new] = fill, number
        self.order_of[new] = self.order_of.pop(old)
        if (charged := self.commissions.pop(old, None)) is not None:
            self.commissions.setdefault(new, charged)

    def _total(self, order_id: int) -> tuple[Decimal, Decimal]:
        fills = [self.fills[key] for key, owner in self.order_of.items() if owner == order_id]
        return (
            sum((fill.quantity for fill in fills), ZERO),
            sum((fill.quantity * fill.price for fill in fills), ZERO),
        )

    def filled(self, order_id: int) -> Decimal:
        """Sum of the latest revisions of the executions of one order."""
        return self.totals.get(order_id, (ZERO, ZERO))[0]

    def average(self, order_id: int) -> Decimal:
        """Average price of what one order has filled; 0 when nothing."""
        quantity, value = self.totals.get(order_id, (ZERO, ZERO))
        return value / quantity if quantity else ZERO

    def charge(self, execution_id: str, commission: Decimal) -> None:
        """The commission of an execution, or of a correction of one: the highest revision counts,
        whatever comes first, and of equals the last word."""
        identity, number = revision(execution_id)
        known = self.commissions.get(identity)
        if known is None or number >= known[0]:
            self.commissions[identity] = number, commission

    @property
    def commission(self) -> Decimal:
        return sum((amount for _, amount in self.commissions.values()), ZERO)

    @property
    def commissions_complete(self) -> bool:
        return len(self.commissions) >= len(self.fills)

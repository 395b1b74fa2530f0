"""One order at the small broker, and what this broker is like."""

from __future__ import annotations

from collections.abc import Hashable
from decimal import Decimal
from typing import Final, NamedTuple

UNSENT, PENDING, HELD, WORKING, ENDING = "unsent", "pending", "held", "working", "ending"
INACTIVE = "inactive"
FILLED, CANCELLED, REJECTED = "filled", "cancelled", "rejected"
LIVE: Final = frozenset({UNSENT, PENDING, HELD, WORKING, ENDING, INACTIVE})
TRADING: Final = frozenset({WORKING, ENDING})  # a cancel that is pending may lose
CLIENT, ACCOUNT, SYMBOL, CON_ID = 17, "DU1", "XYZ", 7
STOPS: Final = frozenset({"STP", "TRAIL"})
CANCEL_ALL, REDUCE = 1, 2  # types of one-cancels-all groups, both with block

Message = tuple[Hashable, ...]


class Fill(NamedTuple):
    """An execution in its latest revision; a busted one has no shares any more."""

    shares: int
    price: Decimal
    revision: int = 1


class Ticket(NamedTuple):
    """``sign`` is 1 for buying."""

    order_id: int
    ref: str
    sign: int
    kind: str  # MKT, LMT, STP, TRAIL
    percent: bool  # its price is the percentage by which it trails
    quantity: int
    price: Decimal | None
    group: str
    group_type: int
    parent: int
    phase: str
    fills: tuple[Fill, ...] = ()

    @property
    def filled(self) -> int:
        return sum(fill.shares for fill in self.fills)

    @property
    def remaining(self) -> int:
        return self.quantity - self.filled

    @property
    def live(self) -> bool:
        return self.phase in LIVE

    def execution(self, number: int) -> Message:
        """What is told of one of its fills."""
        upto = sum(fill.shares for fill in self.fills[: number + 1])
        return ("execution", self.order_id, number, *self.fills[number], upto)

    def said(self) -> Message:
        """What is told of it as it is now."""
        status, why = self._status()
        return (
            self.order_id,
            self.quantity,
            self.price,
            status,
            why,
            self.filled,
            self.remaining,
        )

    def _status(self) -> tuple[str, str]:
        """Status and why_held, as TWS words them."""
        if self.phase == HELD:
            return "PreSubmitted", "child,trigger" if self.kind in STOPS else "child"
        if self.phase == WORKING:
            return ("PreSubmitted", "trigger") if self.kind in STOPS else ("Submitted", "")
        return _STATUS[self.phase], ""


_STATUS: Final = {
    PENDING: "PendingSubmit",
    ENDING: "PendingCancel",
    INACTIVE: "Inactive",
    FILLED: "Filled",
    CANCELLED: "Cancelled",
    REJECTED: "Inactive",
}


class Rules(NamedTuple):
    """What IB leaves open, as constants of a situation."""

    children_survive: bool = True  # for what a cancelled parent has brought in
    forced: bool = False  # children have their parent's quantity, whatever it brings
    oca_cancels: bool = False  # a part fill cancels the group instead of reducing it
    slow: bool = False  # orders and cancels are pending for a while
    whole_parent: bool = False  # children wait for all of their parent, not for its first share
    fill_price: Decimal = Decimal(100)  # of market orders

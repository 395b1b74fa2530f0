"""What is wanted of the exits of a trade: orders to place, to change, to take back, or to wait."""

from __future__ import annotations

from decimal import Decimal

from engine.commands import OrderSpec
from engine.contexts import Context
from engine.inputs import Side
from engine.money import Grid
from engine.orders import Order, Role
from engine.records import frozen
from engine.tranches import Tranche


@frozen
class PlaceExit:
    tranche: Tranche
    held: Decimal  # signed shares of the tranche
    role: Role
    action: Side
    quantity: Decimal
    price: Decimal | None  # None: market
    grouped: bool


@frozen
class AmendExit:
    order: Order
    spec: OrderSpec


@frozen
class Withdraw:
    order: Order


@frozen
class WaitUntil:
    """Nothing to send now; look again at this time."""

    at_ns: int


Want = PlaceExit | AmendExit | Withdraw | WaitUntil


@frozen
class Terms:
    """What the computation needs to know besides the context."""

    grid: Grid
    now_ns: int
    activation_ns: int  # how long an attached stop may stay held after the entry filled
    cancel_ns: int  # how long exits may wait for the end of what is being cancelled
    failures_max: int
    amends: bool = True  # False: exits are replaced, never revised
    crowd: int = 0  # orders on the side of the exits, while a close has been refused


@frozen
class Part:
    """A tranche with the shares it has to protect, as whoever computes its exits sees it."""

    context: Context
    tranche: Tranche
    held: Decimal  # signed
    terms: Terms
    leaves: bool = False  # the rest of its entry or add, or all of it, is about to be cancelled
    stop_comes: bool = False  # one is about to be placed

    @property
    def size(self) -> Decimal:
        return abs(self.held)

    @property
    def exit_action(self) -> Side:
        return "SELL" if self.context.side > 0 else "BUY"

    @property
    def on_side(self) -> bool:
        return self.held * self.context.side > 0

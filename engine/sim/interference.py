"""Where something may go wrong: the questions that the broker asks before it does its duty.

Here is the broker that does it; ``incidents`` and ``fault_desk`` are those that do not.
"""

from __future__ import annotations

from engine.inputs import Instrument
from engine.sim.checks import Refusal
from engine.sim.orders import LiveOrder
from engine.sim.records import (
    CommissionNotice,
    PositionNotice,
    SimExecution,
    SimOrder,
)


class Interference:
    """What the exchange asks."""

    def refuses_new(self, order: SimOrder) -> Refusal | None:
        """Why a sound order is not taken."""
        return None

    def refuses_change(self, live: LiveOrder, asked: SimOrder) -> Refusal | None:
        """Why a sound modification is not taken."""
        return None

    def refuses_cancel(self, live: LiveOrder) -> Refusal | None:
        """Why a live order is not cancelled."""
        return None

    def doubles(self, live: LiveOrder) -> bool:
        """Whether a modification becomes a second working order beside the first."""
        return False

    def transmitted(self, live: LiveOrder) -> None:
        """An order has been announced, and is about to work."""

    def may_elect(self, live: LiveOrder) -> bool:
        """Whether an order may be set off by the market now."""
        return True

    def may_fill(self, live: LiveOrder) -> bool:
        """Whether an order may trade now."""
        return True

    def executed(self, execution: SimExecution) -> None:
        """An order has traded."""

    def cancelled(self, live: LiveOrder) -> None:
        """An order has been cancelled, by whoever's wish."""


class Distortion:
    """What the desk asks about what it is about to tell."""

    def mutes(self, symbol: str) -> bool:
        """Whether ticks of ``symbol`` are kept from all clients."""
        return False

    def darkens(self, symbol: str) -> bool:
        """Whether TWS has no data of ``symbol`` itself, also for who subscribes now."""
        return False

    def silences(self, symbol: str) -> bool:
        """Whether no tick of ``symbol`` reaches a client for now; to ask costs nothing."""
        return False

    def hides(self, order: SimOrder) -> bool:
        """Whether an open order is left out of an answer."""
        return False

    def first_id(self, order_id: int) -> int:
        """The next order id as a new connection is told it."""
        return order_id

    def positions(self, held: list[PositionNotice]) -> list[PositionNotice]:
        """The answer to a request for positions."""
        return held

    def order(self, order: SimOrder) -> SimOrder:
        """An order as its owner is told of it."""
        return order

    def execution(self, execution: SimExecution) -> SimExecution:
        """An execution as its owner is told of it."""
        return execution

    def commission(self, notice: CommissionNotice) -> CommissionNotice:
        """A commission as the owner of the order is told of it."""
        return notice

    def instrument(self, instrument: Instrument) -> Instrument | None:
        """A contract as a client that asks for it finds it; None: it is not known any more."""
        return instrument

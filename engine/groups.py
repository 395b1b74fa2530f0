"""Orders placed directly: an OCO, two of which one may fill; or one by itself.

Its shares are the caller's: no context protects them, and reports say so. Type 1 (cancel, with
block): the broker cancels the sibling as soon as a leg trades.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

import attrs

from engine.charts import NO_ROW, OCO
from engine.money import ZERO
from engine.orders import Order
from engine.positions import Ledger
from engine.records import frozen
from statecharts.vocabulary import OcoEvent, OcoState

OCA_CANCEL_WITH_BLOCK = 1


@frozen
class Past:
    """What those groups of a symbol have brought that are forgotten: signed shares and their
    average cost, the money that came in less what went out, and the commissions."""

    quantity: Decimal = ZERO
    average_price: Decimal = ZERO
    cash: Decimal = ZERO
    commission: Decimal = ZERO


NO_PAST = Past()


@attrs.define(slots=True, eq=False)
class Group:
    number: int
    symbol: str
    oca_group: str
    state: int = OcoState.DRAFT
    orders: dict[int, Order] = attrs.field(factory=dict)
    ledger: Ledger = attrs.field(factory=Ledger)
    identity: str = ""  # of who asked for it
    rule: str = ""  # that decided it
    price: Decimal = ZERO  # of a share when it was placed, for orders that state none
    reduces: bool = False  # it closes what others have brought, and opens nothing
    ended_ns: int = 0  # 0: it has not

    @property
    def kind(self) -> Literal["oco", "order"]:
        return "oco" if len(self.orders) > 1 else "order"

    def step(self, event: OcoEvent) -> None:
        after = OCO.step(self.state, event)
        assert after != NO_ROW, f"group {self.number} in {self.state} met {event.name}"
        self.state = after

    @property
    def held(self) -> Decimal:
        return self.ledger.position.quantity

    def name_event(self) -> OcoEvent | None:
        """What the legs' present reports mean for the group; None when they mean nothing new."""
        state, legs = self.state, list(self.orders.values())
        if state == OcoState.DONE:
            return None
        filled = sum((leg.filled for leg in legs), ZERO)
        full = any(leg.filled and leg.complete for leg in legs)
        dead = all(leg.dead for leg in legs)
        begun = state in (OcoState.SENDING, OcoState.LIVE)
        if full and (begun or state in (OcoState.PART_FILLED, OcoState.FAILED)):
            return OcoEvent.LEG_FILLED
        if filled and begun:
            return OcoEvent.LEG_PART_FILLED
        if filled > legs[0].spec.quantity and state != OcoState.OVERFILLED:
            return OcoEvent.OTHER_LEG_FILLED
        if not dead:
            working = state == OcoState.SENDING and all(leg.active for leg in legs)
            return OcoEvent.LEGS_WORKING if working else None
        if begun or state == OcoState.PART_FILLED:
            return OcoEvent.ALL_DIED
        return None if any(leg.may_fill for leg in legs) else OcoEvent.SETTLED

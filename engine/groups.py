"""Orders placed directly: an OCO, two of which one may fill; or one by itself.

Its shares are the caller's: no context protects them, and reports say so. Type 1 (cancel, with
block): the broker cancels the sibling as soon as a leg trades.
"""

from __future__ import annotations

from decimal import Decimal

import attrs

from engine.charts import NO_ROW, OCO
from engine.orders import Order
from engine.positions import Ledger
from statecharts.vocabulary import OcoEvent, OcoState

OCA_CANCEL_WITH_BLOCK = 1


@attrs.define(slots=True, eq=False)
class Group:
    number: int
    symbol: str
    oca_group: str
    state: int = OcoState.DRAFT
    orders: dict[int, Order] = attrs.field(factory=dict)
    ledger: Ledger = attrs.field(factory=Ledger)
    rule: str = ""  # that decided it

    def step(self, event: OcoEvent) -> bool:
        after = OCO.step(self.state, event)
        if after == NO_ROW:
            return False
        self.state = after
        return True

    @property
    def held(self) -> Decimal:
        return self.ledger.position.quantity

    def name_event(self) -> OcoEvent | None:
        """What the legs' present reports mean for the group; None when they mean nothing new."""
        legs = list(self.orders.values())
        filled = sum(leg.filled > 0 and leg.complete for leg in legs)
        dead = all(leg.dead for leg in legs)
        state = self.state
        if state in (OcoState.DRAFT, OcoState.DONE):
            return None
        if filled and state in (OcoState.SENDING, OcoState.LIVE, OcoState.PART_FILLED):
            return OcoEvent.LEG_FILLED
        if filled == len(legs) > 1 and state == OcoState.ONE_FILLED:
            return OcoEvent.OTHER_LEG_FILLED
        if dead and state in (OcoState.SENDING, OcoState.LIVE, OcoState.PART_FILLED):
            return OcoEvent.ALL_DIED
        if dead and not any(leg.may_fill for leg in legs):
            return OcoEvent.SETTLED
        if self.ledger.fills and state in (OcoState.SENDING, OcoState.LIVE):
            return OcoEvent.LEG_PART_FILLED
        if state == OcoState.SENDING and all(leg.active for leg in legs):
            return OcoEvent.LEGS_WORKING
        return None

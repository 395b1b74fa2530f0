"""The linked context: every order of one trade of one symbol, with its side and its plan.

A context lives from one entry to the moment when the broker says flat and nothing may fill any
more. A new trade is a new context; one that has come to rest is kept until the grace for late
fills of its orders is over, so that a share that arrives late still finds who it belongs to.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

import attrs

from engine.charts import CONTEXT, NO_ROW
from engine.inputs import SignalArrived
from engine.money import ZERO, Grid
from engine.orders import Order, Role
from engine.positions import Ledger
from statecharts.vocabulary import BracketState, ContextEvent, ContextState

Origin = Literal["signal", "trigger", "bracket"]
SETTLED_STATES = frozenset({ContextState.FLAT, ContextState.RETIRED})
ENDING_STATES = frozenset({ContextState.CONCLUDING, ContextState.CLOSING, ContextState.REVERSING})


@attrs.frozen
class Plan:
    """What an entry is for and how it will be protected; fixed when the entry is decided.

    Distances are taken from the average fill price once there is one (never from a quote that
    has moved on); absolute prices, of a bracket placed directly, stay as given. ``side`` is 1
    for long, -1 for short.
    """

    side: int
    quantity: Decimal
    decision_price: Decimal
    stop_distance: Decimal | None
    stop_price: Decimal | None
    target_distance: Decimal | None
    target_price: Decimal | None
    entry_price: Decimal | None  # None: market order
    origin: Origin
    identity: str

    def stop_at(self, basis: Decimal, grid: Grid) -> Decimal:
        """Trigger of the protective stop for shares bought or sold at ``basis`` on average.

        Rounded towards the entry: the loss at the stop is never larger than planned.
        """
        if self.stop_price is not None:
            return self.stop_price
        assert self.stop_distance is not None
        return grid.round(basis - self.side * self.stop_distance, "up" if self.side > 0 else "down")

    def target_at(self, basis: Decimal, grid: Grid) -> Decimal | None:
        """Limit of the target; rounded towards the entry, so that it is reached no later."""
        if self.target_price is not None or self.target_distance is None:
            return self.target_price
        return grid.round(
            basis + self.side * self.target_distance, "down" if self.side > 0 else "up"
        )


@attrs.define(slots=True, eq=False)
class Context:
    number: int
    symbol: str
    plan: Plan
    oca_group: str
    opened_ns: int
    state: int = ContextState.FLAT
    frozen_from: int = ContextState.FLAT  # what it was doing when the truth was lost
    generation: int = 1  # of its OCA group
    orders: dict[int, Order] = attrs.field(factory=dict)
    ledger: Ledger = attrs.field(factory=Ledger)
    entry_filled_ns: int = 0  # when the entry last filled
    exit_reason: str = ""
    reverse_to: SignalArrived | None = None
    reverse_before_ns: int = 0
    failures: dict[Role, int] = attrs.field(factory=dict)  # refused attempts in a row
    retry_ns: int = 0  # a closing order may be tried again from here on
    rested_ns: int = 0
    trade_realised: Decimal = ZERO  # what trade events have told so far
    trade_closed: Decimal = ZERO
    trade_commission: Decimal = ZERO
    bracket: int = BracketState.DRAFT  # of entry, stop and target, as one group

    def step(self, event: ContextEvent) -> bool:
        """Take an event; False when the chart has no row for it, and nothing changed."""
        after = CONTEXT.step(self.state, event)
        if after == NO_ROW:
            return False
        if after == ContextState.FROZEN != self.state:
            self.frozen_from = self.state
        self.state = after
        return True

    def renew_group(self) -> None:
        """TWS refuses a one-cancels-all name once it has traded and nothing of it lives (B6):
        then the next exits get a new one."""
        members = [o for o in self.orders.values() if o.spec.oca_group == self.oca_group]
        if members and all(order.dead for order in members):
            stem = self.oca_group if self.generation == 1 else self.oca_group.rpartition("-")[0]
            self.generation += 1
            self.oca_group = f"{stem}-{self.generation}"

    @property
    def side(self) -> int:
        return self.plan.side

    @property
    def held(self) -> Decimal:
        """Signed shares of this context."""
        return self.ledger.position.quantity

    @property
    def settled(self) -> bool:
        return self.state in SETTLED_STATES

    def of(self, role: Role) -> list[Order]:
        return [order for order in self.orders.values() if order.role is role]

    @property
    def entry_rest(self) -> Decimal:
        """What the entry may still add."""
        rest = ZERO
        for order in self.orders.values():
            if order.role is Role.ENTRY and not order.dead:
                rest += order.remaining
        return rest

    @property
    def all_dead(self) -> bool:
        return all(order.dead for order in self.orders.values())

    @property
    def basis(self) -> Decimal:
        """The price that protection is computed from: average fill, else the decision's."""
        return self.ledger.position.average_price or self.plan.decision_price


def name_fill(context: Context, order: Order) -> ContextEvent:
    """What an execution of ``order``, already counted, means for its context."""
    held = context.held
    if held * context.side < 0:
        return ContextEvent.SIDE_FLIPPED
    if context.settled or (context.state == ContextState.CONCLUDING and held):
        return ContextEvent.LATE_FILLED
    if held == 0:
        return ContextEvent.WENT_FLAT
    if order.role is Role.ENTRY:
        return ContextEvent.ENTRY_PART_FILLED if order.remaining else ContextEvent.ENTRY_FILLED
    return ContextEvent.EXIT_PART_FILLED


def name_rest(context: Context) -> ContextEvent | None:
    """What the death of orders means, if anything: an entry that is over, or rest."""
    state = context.state
    if state == ContextState.ENTERING and all(o.dead for o in context.of(Role.ENTRY)):
        if context.held:
            return ContextEvent.ENTRY_FILLED
        if not context.ledger.fills and context.all_dead:  # its children too
            return ContextEvent.ENTRY_DIED
    if state in ENDING_STATES and context.held == 0 and context.all_dead:
        return ContextEvent.CAME_TO_REST
    return None

"""The linked context: every order of one trade of one symbol, with its side and its plan.

A context lives from one entry to the moment when the broker says flat and nothing may fill any
more. A new trade is a new context; one that has come to rest is kept until the grace for late
fills of its orders is over, so that a share that arrives late still finds who it belongs to.
"""

from __future__ import annotations

from decimal import Decimal

import attrs

from engine.charts import CONTEXT, NO_ROW
from engine.money import ZERO, Grid
from engine.orders import EXIT_ROLES, OPENING_ROLES, Order, Role, living
from engine.plans import Trade
from engine.positions import Ledger
from engine.records import frozen
from engine.tranches import Intent, Origin, Plan, Tranche, allocate
from statecharts.vocabulary import ContextEvent, ContextState

ENDING_STATES = frozenset({ContextState.CONCLUDING, ContextState.CLOSING, ContextState.REVERSING})
PROTECTING_STATES = frozenset({ContextState.ENTERING, ContextState.PROTECTED, ContextState.ADDING})


@frozen
class Wish:
    """An entry that somebody wants: on which side, how, and who decided it."""

    symbol: str
    side: int
    trade: Trade
    origin: Origin
    identity: str
    rule: str = ""


@attrs.define(slots=True, eq=False)
class Context:
    number: int
    symbol: str
    plan: Plan
    opened_ns: int
    state: int = ContextState.FLAT
    frozen_from: int = ContextState.FLAT  # what it was doing when the truth was lost
    orders: dict[int, Order] = attrs.field(factory=dict)
    tranches: list[Tranche] = attrs.field(factory=list)
    intents: list[Intent] = attrs.field(factory=list)
    anchors: tuple[int, ...] = (0,)  # intents whose fills make the basis of protection
    ledger: Ledger = attrs.field(factory=Ledger)
    exit_reason: str = ""
    reverse_to: Wish | None = None
    reverse_before_ns: int = 0
    entry_over: bool = False  # the rest of a part-filled entry is not wanted any more
    adds_over: bool = False  # nor any add that rests
    levels_used: int = 0  # of the plan's double-downs
    trail_level: Decimal | None = None  # the best that a trailing stop has reached
    trail_told_ns: int = 0  # when the broker last said where it is
    escalated: bool = False  # its stop has triggered and does not fill
    rested_ns: int = 0
    trade_realised: Decimal = ZERO  # what trade events have told so far
    trade_closed: Decimal = ZERO
    trade_commission: Decimal = ZERO

    def step(self, event: ContextEvent) -> bool:
        """Take an event; False when the chart has no row for it, and nothing changed."""
        after = CONTEXT.step(self.state, event)
        if after == NO_ROW:
            return False
        if after == ContextState.FROZEN != self.state:
            self.frozen_from = self.state
        self.state = after
        return True

    def open_tranche(self, stem: str, intent: int, aim: int | None) -> Tranche:
        """A new tranche; ``stem`` begins the name of its OCA group, which nothing else has."""
        number = len(self.tranches) + 1
        name = stem if number == 1 else f"{stem}t{number}"
        tranche = Tranche(number, intent, aim, name)
        self.tranches.append(tranche)
        return tranche

    def enlist(self, order: Order) -> None:
        self.orders[order.order_id] = order
        self.tranches[order.tranche - 1].orders[order.order_id] = order

    @property
    def side(self) -> int:
        return self.plan.side

    @property
    def held(self) -> Decimal:
        """Signed shares of this context."""
        return self.ledger.position.quantity

    @property
    def settled(self) -> bool:
        return self.state == ContextState.FLAT

    def of(self, role: Role) -> list[Order]:
        return [order for order in self.orders.values() if order.role is role]

    def tranche_of(self, order: Order) -> Tranche:
        return self.tranches[order.tranche - 1]

    def intent_of(self, order: Order) -> Intent:
        return self.intents[self.tranche_of(order).intent]

    def rest(self, *roles: Role) -> Decimal:
        """What living orders of these roles may still bring."""
        return sum((o.remaining for o in living(self.orders) if o.role in roles), ZERO)

    @property
    def opening_rest(self) -> Decimal:
        """What the entry and adds may still bring."""
        return self.rest(*OPENING_ROLES)

    @property
    def all_dead(self) -> bool:
        return not living(self.orders)

    @property
    def adds(self) -> int:
        """How often it has been added to, or was asked to be."""
        return len(self.intents) - 1

    @property
    def exits_traded(self) -> bool:
        """The trade has begun to end: a stop, a target or a close has filled in part."""
        traded = (self.orders[number] for number in self.ledger.totals)
        return any(
            order.filled and order.role in EXIT_ROLES and order.role is not Role.TRIM
            for order in traded
        )

    def needs(self, stop: Order) -> bool:
        """Whether one that was given up, and lives, is all that protects the shares of its tranche:
        another one may have to wait until the broker confirms them. Of several the newest stays."""
        if stop.role is not Role.STOP or self.state in ENDING_STATES:
            return False  # what ends may have to go without it
        tranche = self.tranche_of(stop)
        if min(self.held * self.side, tranche.own * self.side) <= 0:
            return False
        if stop.revived and stop.spec.oca_group != tranche.oca_group:
            return False  # the next one could not stand beside it
        others = [o for o in tranche.of(Role.STOP) if (o.active or o.risen_id) and o is not stop]
        return all((o.revived or o.risen_id) and o.order_id < stop.order_id for o in others)

    def shares(self) -> list[tuple[Tranche, Decimal]]:
        """Each tranche with the signed shares that it has to protect."""
        return list(zip(self.tranches, allocate(self.tranches, self.side), strict=True))

    # -- prices ------------------------------------------------------------------------------

    @property
    def basis(self) -> Decimal:
        """The price that protection is computed from: the average fill of the entry, and of
        those adds that move it; before there is one, the decision's."""
        quantity, value = ZERO, ZERO
        for order_id, (shares, worth) in self.ledger.totals.items():
            order = self.orders[order_id]
            if order.role in OPENING_ROLES and self.tranche_of(order).intent in self.anchors:
                quantity += shares
                value += worth
        return value / quantity if quantity else self.plan.decision_price

    def planned_stop(self, grid: Grid) -> Decimal:
        """Trigger of the stop for what is held now. No entry is made whose stop is not above
        zero; shares that came cheaper than decided have theirs at the lowest price there is."""
        return max(self.plan.stop_at(self.basis, grid), grid.increment(ZERO))

    def stop_level(self, grid: Grid) -> Decimal:
        """Where the position ends: the planned stop, or what a trailing one is known to have
        reached, whichever is nearer. Never loosened; on the grid, also where a percentage of the
        price has brought it beside."""
        planned = self.planned_stop(grid)
        if self.trail_level is None:
            return planned
        if self.side > 0:
            return max(planned, grid.round(self.trail_level, "up"))
        return min(planned, grid.round(self.trail_level, "down"))

    def count_fill(self, number: int) -> bool:
        """An intent has filled; True the first time. What an add brings with it holds from then
        on: its distances (a target's only where there is one target), and the new average."""
        intent = self.intents[number]
        if intent.filled:
            return False
        self.intents[number] = attrs.evolve(intent, filled=True)
        if intent.reanchors:
            filled = [n for n, one in enumerate(self.intents) if one.filled]
            self.anchors = tuple(sorted({*self.anchors, *filled}))
            aims = self.plan.aims
            if intent.target_distance is not None and len(aims) == 1:
                aims = (attrs.evolve(aims[0], distance=intent.target_distance, price=None),)
            distance = intent.stop_distance or self.plan.stop_distance
            self.plan = attrs.evolve(self.plan, stop_distance=distance, aims=aims)
        return True


def name_fill(context: Context, order: Order) -> ContextEvent:
    """What an execution of ``order``, already counted, means for its context."""
    held = context.held
    if held * context.side < 0:
        return ContextEvent.SIDE_FLIPPED
    if context.settled or (context.state == ContextState.CONCLUDING and held):
        return ContextEvent.LATE_FILLED
    if held == 0:
        return ContextEvent.WENT_FLAT
    rest = context.rest(order.role)
    if order.role is Role.ENTRY:
        return ContextEvent.ENTRY_PART_FILLED if rest else ContextEvent.ENTRY_FILLED
    if order.role is Role.ADD:
        return ContextEvent.ADD_PART_FILLED if rest else ContextEvent.ADD_FILLED
    return ContextEvent.EXIT_PART_FILLED


def name_rest(context: Context) -> ContextEvent | None:
    """What the death of orders means, if anything: an entry or adds that are over, or rest."""
    state = context.state
    if state == ContextState.ENTERING and all(o.dead for o in context.of(Role.ENTRY)):
        if context.held:
            return ContextEvent.ENTRY_FILLED
        if not context.ledger.fills and context.all_dead:  # its children too
            return ContextEvent.ENTRY_DIED
    if state == ContextState.ADDING and all(o.dead for o in context.of(Role.ADD)):
        return ContextEvent.ADD_FILLED if context.intents[-1].filled else ContextEvent.ADD_DIED
    if state in ENDING_STATES and context.held == 0 and context.all_dead:
        return ContextEvent.CAME_TO_REST
    return None

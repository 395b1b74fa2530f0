"""A plan of a trade, and the tranches that carry it out.

A tranche is one bracket: an order that opens (a part of the entry, or of an add), its stop, its
target, and one OCA group of their own. Whatever a trade has more than one of (targets, adds)
becomes more tranches, never more orders in one: the broker lets one member of a reducing group
trade and takes the same number from all others, so two stops in one group do not add up.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_FLOOR, Decimal
from typing import Literal

import attrs

from engine.money import ZERO, Direction, Grid
from engine.orders import OPENING_ROLES, Order, Role, living
from engine.plans import DoubleDown, EntryType, Target, Trade
from engine.records import frozen
from statecharts.vocabulary import BracketState, OrderReport

Origin = Literal["signal", "trigger", "bracket", "foreign"]
IntentKind = Literal["entry", "double_down", "scale_in", "adjust"]
HUNDRED = Decimal(100)


@frozen
class Aim:
    """Where a part of the shares leaves with profit; ``portion`` is that part, per cent."""

    portion: Decimal
    distance: Decimal | None
    price: Decimal | None = None


@frozen
class Trail:
    """A native trailing stop: by an amount, else by per cent of the price."""

    amount: Decimal | None
    percent: Decimal | None

    def price_of(self, stop: Decimal, side: int) -> Decimal:
        """The price that brings the stop to ``stop``, but for the rounding to the grid."""
        if self.amount is not None:
            return stop + side * self.amount
        assert self.percent is not None
        return stop / (1 - side * self.percent / 100)


@frozen
class Plan:
    """What an entry is for and how it will be protected; fixed when the entry is decided, but
    for distances that an add brings with it.

    Distances are taken from the average fill price once there is one (never from a quote that
    has moved on); absolute prices, of a bracket placed directly, stay as given. ``side`` is 1
    for long, -1 for short.
    """

    side: int
    quantity: Decimal
    decision_price: Decimal
    stop_distance: Decimal | None
    stop_price: Decimal | None
    aims: tuple[Aim, ...]
    entry_type: EntryType
    entry_price: Decimal | None  # None: market order
    trade: Trade
    origin: Origin
    identity: str
    rule: str = ""
    trail: Trail | None = None
    double_down: DoubleDown | None = None
    add_rule: str = ""  # the rule that gave it those

    def stop_at(self, basis: Decimal, grid: Grid) -> Decimal:
        """Trigger of the protective stop for shares bought or sold at ``basis`` on average.

        Rounded towards the entry: the loss at the stop is never larger than planned. A stated price
        was on the grid of its day.
        """
        if self.stop_price is not None:
            return _on_grid(self.stop_price, grid, "up" if self.side > 0 else "down")
        assert self.stop_distance is not None
        return grid.round(basis - self.side * self.stop_distance, "up" if self.side > 0 else "down")

    def target_at(self, aim: int | None, basis: Decimal, grid: Grid) -> Decimal | None:
        """Limit of a target; rounded towards the entry, so that it is reached no later. None:
        there is none, or it would be below the lowest price, which a short never reaches."""
        if aim is None:
            return None
        wanted = self.aims[aim]
        if wanted.price is not None:
            return _on_grid(wanted.price, grid, "down" if self.side > 0 else "up")
        if wanted.distance is None:
            return None
        price = grid.round(basis + self.side * wanted.distance, "down" if self.side > 0 else "up")
        return price if price > ZERO else None


def _on_grid(price: Decimal, grid: Grid, direction: Direction) -> Decimal:
    return price if grid.on(price) else grid.round(price, direction)


@frozen
class Intent:
    """Why some tranches exist: the entry, or one add. ``rule`` decided it, asked by ``identity``;
    its cooldown begins with the first execution. An add may bring new distances, which hold once
    it fills."""

    kind: IntentKind
    rule: str = ""
    level: int = 0  # of a double-down, from 0
    reanchors: bool = False
    stop_distance: Decimal | None = None
    target_distance: Decimal | None = None
    filled: bool = False
    identity: str = attrs.field(default="", eq=False)  # told, and nothing hangs on it


@attrs.define(slots=True, eq=False)
class Tranche:
    number: int  # within its context, from 1
    intent: int  # index into the context's intents
    aim: int | None  # index into the plan's aims; None: a part without a target
    oca_group: str
    generation: int = 1  # of its OCA group
    bracket: int = BracketState.DRAFT  # of its orders, as one group
    orders: dict[int, Order] = attrs.field(factory=dict)
    entry_filled_ns: int = 0  # when its entry last filled
    failures: dict[Role, int] = attrs.field(factory=dict)  # refused attempts in a row
    retry_ns: int = 0  # a closing order may be tried again from here on
    trim: Decimal = ZERO  # shares asked to leave before the trade ends, in all

    def of(self, role: Role) -> list[Order]:
        return [order for order in self.orders.values() if order.role is role]

    @property
    def own(self) -> Decimal:
        """Signed shares that its own orders have brought and taken."""
        own = ZERO
        for order in self.orders.values():
            if order.filled:  # of a close that is refused all day, there are very many
                own += order.sign * order.filled
        return own

    @property
    def entry_rest(self) -> Decimal:
        """What its entry or add may still bring."""
        rest = ZERO
        for order in living(self.orders):
            if order.role in OPENING_ROLES:
                rest += order.remaining
        return rest

    @property
    def guard(self) -> int:
        """2: a stop of its own stands. 1: one is on its way, or nobody knows. 0: there is none."""
        stops = (order for order in self.of(Role.STOP) if order.resting)
        ranks = (1 + stop.active for stop in stops if stop.reported != OrderReport.INACTIVE)
        return max(ranks, default=0)

    @property
    def all_dead(self) -> bool:
        return not living(self.orders)

    def renew_group(self) -> None:
        """TWS refuses a one-cancels-all name once it has traded and nothing of it lives (B6):
        then the next exits get a new one."""
        members = [o for o in self.orders.values() if o.spec.oca_group == self.oca_group]
        if members and all(order.dead for order in members):
            stem = self.oca_group if self.generation == 1 else self.oca_group.rpartition("-")[0]
            self.generation += 1
            self.oca_group = f"{stem}-{self.generation}"


def allocate(tranches: Sequence[Tranche], side: int) -> list[Decimal]:
    """Signed shares that each tranche has to protect; their sum is what is held.

    A tranche holds what its own orders have brought. One whose exits have traded more than that
    (both legs of a race, a fill behind a cancel) has taken it from the others: those whose
    stop does not stand give first, so that none has to go while another one has to come, and of
    those the latest. Nothing is traded back and forth between two tranches of one symbol.
    """
    if len(tranches) == 1:
        return [tranches[0].own]
    shares = [tranche.own * side for tranche in tranches]
    lack = -sum((one for one in shares if one < 0), ZERO)
    if lack:
        shares = [max(one, ZERO) for one in shares]
        latest_first = range(len(shares) - 1, -1, -1)
        for index in sorted(latest_first, key=lambda one: tranches[one].guard):
            given = min(shares[index], lack)
            shares[index] -= given
            lack -= given
        shares[0] -= lack  # more has gone than there was: one tranche buys all of it back
    return [one * side for one in shares]


def portions(targets: Sequence[Target]) -> list[Decimal]:
    """Per cent of the shares for each target."""
    if any(one.portion is None for one in targets):
        return [HUNDRED / len(targets)] * len(targets)
    return [Decimal(repr(one.portion)) for one in targets]


def split(quantity: Decimal, aims: Sequence[Aim], lot: Decimal) -> list[tuple[Decimal, int | None]]:
    """(shares, aim) of each tranche: whole lots, nothing lost. What the portions leave over has
    no target; a part of less than a lot goes to the next."""
    parts: list[tuple[Decimal, int | None]] = []
    share, given = ZERO, ZERO
    for index, aim in enumerate(aims):
        share += aim.portion
        whole = (quantity * min(share, HUNDRED) / HUNDRED / lot).quantize(Decimal(1), ROUND_FLOOR)
        upto = quantity if share >= HUNDRED - Decimal("1e-9") else whole * lot
        if upto > given:
            parts.append((upto - given, index))
            given = upto
    if quantity > given:
        parts.append((quantity - given, None))
    return parts

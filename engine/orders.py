"""One order as the core keeps it: what we asked, what the broker says, what has executed.

Asked and reported are two regions of one chart and never overwrite each other. A name that TWS
gives a status is translated to an event here, with the decision on data already made; the table
knows the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from operator import attrgetter
from typing import Any, Final

import attrs

from engine.charts import NO_ROW, ORDER_ASKED, ORDER_REPORTED
from engine.commands import OrderSpec
from engine.inputs import OrderOpened
from engine.money import ZERO
from statecharts.order import MAY_FILL, MILESTONE
from statecharts.vocabulary import Milestone, OrderAsk, OrderEvent, OrderReport


class Role(StrEnum):
    ENTRY = "entry"
    ADD = "add"  # a double-down, a scale-in
    STOP = "stop"
    TARGET = "target"
    TRIM = "trim"  # takes a part out of a trade that goes on
    CLOSE = "close"
    LEG = "leg"  # of orders placed directly, without protection


OPENING_ROLES: Final = frozenset({Role.ENTRY, Role.ADD})
EXIT_ROLES: Final = frozenset({Role.STOP, Role.TARGET, Role.TRIM, Role.CLOSE})

# Status texts of orderStatus and openOrder. "Filled" is absent on purpose: only executions fill
# an order; a status that runs ahead of them starts a query instead.
STATUS_EVENTS: Final = {
    "ApiPending": OrderEvent.PENDED,
    "PendingSubmit": OrderEvent.PENDED,
    "PreSubmitted": OrderEvent.HELD_BACK,
    "Submitted": OrderEvent.WENT_WORKING,
    "PendingCancel": OrderEvent.CANCEL_PENDED,
    "ApiCancelled": OrderEvent.CANCELLED,
    "Cancelled": OrderEvent.CANCELLED,
    "Inactive": OrderEvent.INACTIVATED,
}

LIMITS: Final = frozenset({"LMT", "MKT"})  # whose price is the limit, if they have one

DEAD: Final = frozenset(
    {
        OrderReport.FILLED,
        OrderReport.CANCELLED,
        OrderReport.REJECTED,
        OrderReport.ABSENT,
        OrderReport.CLOSED,
    }
)

ABSENCES_TO_PROVE: Final = 2  # complete snapshots in a row in which an order is missing

_SPEC_FIELDS: Final = tuple(attribute.name for attribute in attrs.fields(OrderSpec))
_spec_values: Final = attrgetter(*_SPEC_FIELDS)
_UNSEEN: Final = frozenset({OrderReport.SILENT, OrderReport.PENDING})
_IDLE: Final = frozenset({OrderReport.PENDING, OrderReport.CANCEL_PENDING})
_AT_WORK: Final = frozenset({OrderReport.HELD, OrderReport.WORKING, OrderReport.PART_FILLED})


@attrs.define(slots=True, eq=False)
class Order:
    """Mutable record of one order. ``owner`` numbers its context or directly placed group,
    ``tranche`` the bracket within the context.

    ``confirmed_*`` are what the broker last echoed; cover is computed from them, and a change is
    wanted when they differ from the desired state, not when our last request does (B10).
    """

    order_id: int
    symbol: str
    role: Role
    owner: int
    spec: OrderSpec
    tranche: int = 1
    placed_ns: int = 0
    asked_ns: int = 0  # when we last asked anything of the broker about it
    asked: int = OrderAsk.DRAFT
    reported: int = OrderReport.SILENT
    filled: Decimal = ZERO
    status_filled: Decimal = ZERO
    said_filled: bool = False  # a status called it complete, maybe ahead of its executions
    average_price: Decimal = ZERO
    perm_ids: tuple[int, ...] = ()
    why_held: str = ""
    confirmed_quantity: Decimal | None = None
    confirmed_price: Decimal | None = None
    refused: OrderSpec | None = None  # an amendment the broker would not take; not asked again
    deadline_ns: int = 0  # an answer is due; 0 = none
    absences: int = 0  # complete snapshots in which it was missing
    overtold_ns: int = 0  # since when a status counts more and nothing is missing; 0 = it does not
    attached: bool = False  # a child: the broker holds it until its parent fills
    contradicted: bool = False  # its death was, and it has not been asked to go since then
    risen_id: int = 0  # it was given up, and the broker lists it under this number; 0 = it does not

    def step(self, event: OrderEvent) -> bool:
        """Take an event into both regions; False when neither has a row, and nothing changed."""
        asked = ORDER_ASKED.step(self.asked, event)
        reported = ORDER_REPORTED.step(self.reported, event)
        if asked == NO_ROW and reported == NO_ROW:
            return False
        if asked != NO_ROW:
            self.asked = asked
        if reported != NO_ROW:
            self.reported = reported
        return True

    @property
    def stands_in(self) -> bool:
        """Never on the wire: somebody else's order whose shares have become ours."""
        return self.order_id < 0

    @property
    def dead(self) -> bool:
        return self.reported in DEAD

    @property
    def may_fill(self) -> bool:
        """True until nothing, not even a late fill within the grace, can come of it."""
        return MAY_FILL[self.reported] or self.risen_id != 0

    @property
    def milestone(self) -> Milestone:
        return Milestone.PREPARED if self.asked == OrderAsk.DRAFT else MILESTONE[self.reported]

    def standing_at(self, asked: int, reported: int) -> tuple[int, bool, Milestone, int | None]:
        """All that cover and siblings see of the two regions: while it is the same, a report
        has nothing to settle. Only reports of an order at work are alike to them."""
        apart = None if reported in _AT_WORK else reported
        return asked, self._active_at(reported), MILESTONE[reported], apart

    @property
    def sign(self) -> int:
        return 1 if self.spec.action == "BUY" else -1

    @property
    def remaining(self) -> Decimal:
        """The most that may still fill: the larger of asked and confirmed, because an order
        works under its old terms until an amendment is accepted (B8)."""
        if self.reported in DEAD:
            return ZERO
        total = self.spec.quantity
        if self.asked == OrderAsk.AMENDING and self.confirmed_quantity is not None:
            total = max(total, self.confirmed_quantity)
        elif self.confirmed_quantity is not None:
            total = self.confirmed_quantity
        return max(total - self.filled, ZERO)

    @property
    def certain(self) -> Decimal:
        """The least that it is for: while an amendment is under way, the smaller of asked and
        confirmed, because the broker may refuse it."""
        if self.asked != OrderAsk.AMENDING or self.confirmed_quantity is None:
            return self.remaining
        return min(self.remaining, max(self.confirmed_quantity - self.filled, ZERO))

    @property
    def complete(self) -> bool:
        """Everything that it was for has executed. Of a dead order nothing remains, whatever it
        has filled: then its size decides, as the broker last echoed it, else as we asked it."""
        if not self.dead:
            return self.remaining == 0
        return self.filled >= (self.confirmed_quantity or self.spec.quantity)

    @property
    def resting(self) -> bool:
        """Alive at the broker and not being taken back."""
        return not self.dead and self.asked not in (OrderAsk.CANCELLING, OrderAsk.RESTED)

    @property
    def revived(self) -> bool:
        """Alive after its death was believed; nobody wants it any more."""
        return self.asked == OrderAsk.RESTED and not self.dead

    @property
    def unwanted(self) -> bool:
        """Such an order has to be taken back now: once at once, and again when the question that is
        under way has shown that it lives. In between its answers would be asked for again and
        again."""
        known = self.contradicted or self.reported != OrderReport.UNKNOWN
        return self.revived and not self.deadline_ns and known

    @property
    def given_up(self) -> bool:
        """Proven absent, and nobody has asked for its end: it may live all the same."""
        return self.dead and self.absences >= ABSENCES_TO_PROVE and not self.risen_id

    @property
    def held_by_parent(self) -> bool:
        return self.attached and (self.reported in _UNSEEN or "child" in self.why_held)

    @property
    def active(self) -> bool:
        """The broker has it and would execute it: it protects."""
        return self._active_at(self.reported)

    def _active_at(self, reported: int) -> bool:
        return reported in _AT_WORK and not (self.attached and "child" in self.why_held)

    @property
    def idle(self) -> bool:
        """The broker has it, and is not about to execute it, though it is to wait for nothing. An
        exit that is inactive is taken back by who wanted it, without another look."""
        if self.reported == OrderReport.INACTIVE:
            return self.resting and self.role not in EXIT_ROLES and "locate" not in self.why_held
        return self.resting and self.reported in _IDLE and not self.held_by_parent

    @property
    def price(self) -> Decimal | None:
        """The price that was asked: of a stop its trigger, of a limit its limit; of a trailing
        stop the amount or percentage by which it trails."""
        return stated_price(self.spec)

    def price_in(self, seen: OrderOpened) -> Decimal | None:
        """The same price as the broker states it."""
        if self.spec.trail_percent is not None:
            return seen.trail_percent
        return seen.limit_price if self.spec.order_type in LIMITS else seen.aux_price

    @property
    def confirmed(self) -> bool:
        return self.confirmed_quantity is not None

    def amendment_refused(self) -> None:
        """The order goes on under the terms that the broker last echoed. What was refused is
        remembered, so that it is not asked again."""
        self.refused = self.spec
        if self.confirmed_quantity is not None:
            self.spec = self.spec_with(self.confirmed_quantity, self.confirmed_price)

    def spec_with(
        self, total: Decimal, price: Decimal | None, level: Decimal | None = None
    ) -> OrderSpec:
        """What we asked, with another size and, unless it has none or None is given, price.
        ``level``: where a trailing stop is by now; where it began, it would begin once more.

        A leg that was placed to wait for the last of its bracket does not wait any more: TWS
        would keep the changed order to itself.
        """
        spec = self.spec
        fields = dict(zip(_SPEC_FIELDS, _spec_values(spec), strict=True))
        fields["quantity"], fields["transmit"] = total, True
        if price is not None and stated_price(spec) is not None:
            fields[_price_field(spec)] = price
        if level is not None and spec.trail_stop_price is not None:
            fields["trail_stop_price"] = level
        return OrderSpec(**fields)


def living(orders: Mapping[int, Order]) -> list[Order]:
    """Those that are not dead. Of an exit that is refused all day there are very many that are,
    and this is asked at every step."""
    return [order for order in orders.values() if order.reported not in DEAD]


def stated_price(spec: OrderSpec) -> Decimal | None:
    """The price that makes an order what it is; None of a market order."""
    if spec.trail_percent is not None:
        return spec.trail_percent
    return spec.limit_price if spec.order_type in LIMITS else spec.aux_price


def priced(spec: OrderSpec, price: Decimal | None) -> OrderSpec:
    """The same order at another price, as ``stated_price`` understands it."""
    changes: dict[str, Any] = {_price_field(spec): price}
    return attrs.evolve(spec, **changes)


def _price_field(spec: OrderSpec) -> str:
    if spec.order_type == "LMT":
        return "limit_price"
    return "aux_price" if spec.trail_percent is None else "trail_percent"

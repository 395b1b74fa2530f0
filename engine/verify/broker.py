"""A broker with a few shares and no clock: what it may do next is a list, not a chance.

It keeps orders with their ties (parent and children, one-cancels-all of type 1 and 2), what is
on its way to it and what is on its way to the core. Both ways keep their order, as a socket
does. Prices are constants, because a stop, a limit and a market order can all fill or not.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from decimal import Decimal
from typing import Final, NamedTuple

from engine.commands import Amend, Cancel, Command, Place, Snapshot
from engine.orders import stated_price

UNSENT, HELD, WORKING = "unsent", "held", "working"
FILLED, CANCELLED, REJECTED = "filled", "cancelled", "rejected"
LIVE: Final = frozenset({UNSENT, HELD, WORKING})
CLIENT, ACCOUNT, SYMBOL, CON_ID = 17, "DU1", "XYZ", 7
STOPS: Final = frozenset({"STP", "TRAIL"})
CANCEL_ALL, REDUCE = 1, 2  # types of one-cancels-all groups, both with block

Message = tuple[Hashable, ...]


class Ticket(NamedTuple):
    """One order at the broker. ``sign`` is 1 for buying; ``fills`` are shares and price of each."""

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
    fills: tuple[tuple[int, Decimal], ...] = ()

    @property
    def filled(self) -> int:
        return sum(shares for shares, _ in self.fills)

    @property
    def remaining(self) -> int:
        return self.quantity - self.filled

    @property
    def live(self) -> bool:
        return self.phase in LIVE


class Rules(NamedTuple):
    """What IB leaves open, as constants of a situation."""

    children_survive: bool = True  # for what a cancelled parent has brought in
    fill_price: Decimal = Decimal(100)  # of market orders


class Broker:
    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.tickets: dict[int, Ticket] = {}
        self.requests: tuple[Message, ...] = ()  # on their way to the broker
        self.messages: tuple[Message, ...] = ()  # on their way to the core
        self.linked = False  # the socket is open
        self.synced = False  # the core has asked for, and may not yet have, the truth of this link
        self.highest_id = 0  # that arrived
        self.last_sent = 0  # order id that the core has used
        self._printed: tuple[dict[int, Ticket], int] = (self.tickets, hash(()))

    def copy(self) -> Broker:
        """A copy that shares what is never changed in place: everything."""
        new = Broker.__new__(Broker)
        new.__dict__.update(self.__dict__)
        return new

    def fingerprint(self) -> Hashable:
        printed, tickets = self._printed
        if printed is not self.tickets:
            tickets = hash(tuple(sorted(self.tickets.items())))
            self._printed = self.tickets, tickets
        return tickets, self.requests, self.messages, self.linked, self.synced

    def _put(self, ticket: Ticket) -> Ticket:
        """The only way a ticket changes."""
        self.tickets = {**self.tickets, ticket.order_id: ticket}
        return ticket

    @property
    def position(self) -> int:
        return sum(ticket.sign * ticket.filled for ticket in self.tickets.values())

    def live(self) -> Iterator[Ticket]:
        return (ticket for ticket in self.tickets.values() if ticket.live)

    def sent(self) -> Iterator[Ticket]:
        """Live orders that can trade: one that was never transmitted waits in vain."""
        return (ticket for ticket in self.live() if ticket.phase != UNSENT)

    def lives(self, order_id: int) -> bool:
        ticket = self.tickets.get(order_id)
        return ticket is not None and ticket.live

    @property
    def idle(self) -> bool:
        return self.linked and self.synced and not (self.requests or self.messages)

    # -- the wire ----------------------------------------------------------------------------

    def send(self, command: Command) -> None:
        """A command leaves the core."""
        message: Message
        if isinstance(command, Place):
            spec = command.spec
            price = stated_price(spec)
            self.last_sent = command.order_id
            message = (
                "place", command.order_id, spec.order_ref, 1 if spec.action == "BUY" else -1,
                spec.order_type, spec.trail_percent is not None, int(spec.quantity), price,
                spec.oca_group, spec.oca_type, spec.parent_id, spec.transmit,
            )  # fmt: skip
        elif isinstance(command, Amend):
            spec = command.spec
            price = stated_price(spec)
            message = ("amend", command.order_id, int(spec.quantity), price)
        elif isinstance(command, Cancel):
            message = ("cancel", command.order_id)
        else:
            assert isinstance(command, Snapshot)
            message = ("ask", command.kind)
        self.requests += (message,)

    def tell(self, *message: Hashable) -> None:
        if self.linked:  # else it is said into a dead socket
            self.messages += (message,)

    def tell_status(self, ticket: Ticket, opened: bool = False) -> None:
        self.tell("opened" if opened else "status", *_said(ticket))

    def cut(self) -> None:
        """The link dies with everything on it; what was not transmitted is forgotten."""
        self.linked = self.synced = False
        self.requests = self.messages = ()
        for ticket in list(self.live()):
            if ticket.phase == UNSENT:
                self._put(ticket._replace(phase=CANCELLED))

    def answer(self, kind: str) -> Message:
        """A complete snapshot of one kind, as it is now."""
        if kind == "open_orders":
            return ("snapshot", kind, *(_said(t) for t in self.sent()))
        if kind == "executions":
            return (
                "snapshot", kind,
                *((t.order_id, n) for t in self.tickets.values() for n in range(len(t.fills))),
            )  # fmt: skip
        return ("snapshot", kind, *([self.position] if kind == "positions" else []))

    # -- requests ----------------------------------------------------------------------------

    def take(self, refuse: bool = False) -> None:
        """The next request arrives and is carried out, or is refused."""
        request, self.requests = self.requests[0], self.requests[1:]
        kind = request[0]
        if kind == "place":
            self._place(request, refuse)
        elif kind == "amend":
            self._amend(request, refuse)
        elif kind == "cancel":
            self._cancel(request)
        else:
            self.tell(*self.answer(str(request[1])))

    def _place(self, request: Message, refuse: bool) -> None:
        *fields, transmit = request[1:]
        ticket = Ticket._make((*fields, UNSENT, ()))
        self.highest_id = max(self.highest_id, ticket.order_id)
        parent = self.tickets.get(ticket.parent)
        spent = ticket.group and not any(t.live for t in self.group(ticket)) and any(
            t.fills for t in self.group(ticket)
        )  # fmt: skip  # TWS refuses a group name that has traded and has no member left
        orphaned = ticket.parent and (parent is None or not parent.live)
        if refuse or spent or orphaned:
            ticket = self._put(ticket._replace(phase=REJECTED))
            self.tell("error", ticket.order_id, 201)
            self.tell_status(ticket)
        else:
            self._put(ticket)
        if transmit:
            for one in [parent, *self.children(ticket.parent)] if parent else [ticket]:
                self._transmit(one.order_id)

    def _transmit(self, order_id: int) -> None:
        ticket = self.tickets[order_id]
        if ticket.phase == UNSENT:
            waits = ticket.parent and not self.tickets[ticket.parent].fills
            ticket = self._put(ticket._replace(phase=HELD if waits else WORKING))
            self.tell_status(ticket, opened=True)

    def _amend(self, request: Message, refuse: bool) -> None:
        _, order_id, quantity, price = request
        ticket = self.tickets.get(order_id)  # type: ignore[call-overload]
        if ticket is None or not ticket.live:
            filled = ticket is not None and ticket.phase == FILLED
            self.tell("error", order_id, 104 if filled else 10147)
        elif refuse or quantity <= ticket.filled:
            self.tell("error", order_id, 201)
        else:
            ticket = self._put(ticket._replace(quantity=quantity, price=price))
            self.tell_status(ticket, opened=True)

    def grows(self, request: Message) -> bool:
        """Whether an amendment asks for more than the order is for now."""
        _, order_id, quantity, _ = request
        ticket = self.tickets.get(order_id)  # type: ignore[call-overload]
        return ticket is not None and bool(quantity > ticket.quantity)

    def refusable(self) -> bool:
        """Whether the next request is one that a broker refuses: an order, or an amendment that
        would still change something when it arrives."""
        kind, *rest = self.requests[0]
        if kind != "amend":
            return kind == "place"
        ticket = self.tickets.get(rest[0])  # type: ignore[call-overload]
        return ticket is not None and (ticket.quantity, ticket.price) != (rest[1], rest[2])

    def _cancel(self, request: Message) -> None:
        ticket = self.tickets.get(request[1])  # type: ignore[call-overload]
        if ticket is None:
            self.tell("error", request[1], 10147)
        elif not ticket.live:
            self.tell("error", ticket.order_id, 10148)
        else:
            self.end(ticket.order_id)

    # -- what happens by itself --------------------------------------------------------------

    def group(self, ticket: Ticket) -> list[Ticket]:
        """The other members of its one-cancels-all group, dead ones too."""
        return [
            other
            for other in self.tickets.values()
            if other.group == ticket.group != "" and other.order_id != ticket.order_id
        ]

    def children(self, parent: int) -> list[Ticket]:
        return [t for t in self.tickets.values() if t.parent == parent != 0]

    def fillable(self, ticket: Ticket) -> int:
        """A child fills no more than its parent has brought in."""
        if ticket.phase != WORKING:
            return 0
        parent = self.tickets.get(ticket.parent)
        if parent is None or not parent.live:
            return ticket.remaining
        return min(ticket.remaining, self._brought(parent))

    def _brought(self, parent: Ticket) -> int:
        used = sum(child.filled for child in self.children(parent.order_id))
        return max(parent.filled - used, 0)

    def fill(self, order_id: int, shares: int, siblings: bool = True) -> None:
        """An execution; ``siblings``: its group hears of it, as it should."""
        ticket = self.tickets[order_id]
        price = self.rules.fill_price if ticket.price is None else ticket.price
        ticket = ticket._replace(fills=(*ticket.fills, (shares, price)))
        if ticket.live and ticket.remaining == 0:
            ticket = ticket._replace(phase=FILLED)
        self._put(ticket)
        self.tell("execution", order_id, len(ticket.fills) - 1)
        if ticket.phase != CANCELLED:
            self.tell_status(ticket)
        if siblings:
            for other in self.group(ticket):
                if other.live:
                    self._reduce(other, shares if ticket.group_type == REDUCE else other.remaining)
        for child in self.children(order_id):
            if child.phase == HELD:
                self.tell_status(self._put(child._replace(phase=WORKING)))

    def _reduce(self, ticket: Ticket, shares: int) -> None:
        if shares >= ticket.remaining:
            self.end(ticket.order_id)
        elif shares > 0:
            ticket = self._put(ticket._replace(quantity=ticket.quantity - shares))
            self.tell_status(ticket, opened=True)

    def reject(self, order_id: int) -> None:
        """An order is refused after it was acknowledged; a parent takes its children along."""
        ticket = self._put(self.tickets[order_id]._replace(phase=REJECTED))
        self.tell("error", order_id, 201)
        self.tell_status(ticket)
        for child in self.children(order_id):
            if child.live:
                self.end(child.order_id)

    def end(self, order_id: int) -> None:
        """An order is cancelled, by whoever's wish."""
        ticket = self._put(self.tickets[order_id]._replace(phase=CANCELLED))
        self.tell_status(ticket)
        self.tell("error", order_id, 202)
        for child in self.children(order_id):
            if not child.live:
                continue
            brought = self._brought(ticket) if self.rules.children_survive else 0
            self._reduce(child, child.remaining - brought)


def _said(ticket: Ticket) -> Message:
    return (
        ticket.order_id,
        ticket.quantity,
        ticket.price,
        *_status(ticket),
        ticket.filled,
        ticket.remaining,
    )


def _status(ticket: Ticket) -> tuple[str, str]:
    """Status and why_held, as TWS words them."""
    if ticket.phase == HELD:
        return "PreSubmitted", "child,trigger" if ticket.kind in STOPS else "child"
    if ticket.phase == WORKING:
        return ("PreSubmitted", "trigger") if ticket.kind in STOPS else ("Submitted", "")
    return {FILLED: "Filled", CANCELLED: "Cancelled", REJECTED: "Inactive"}[ticket.phase], ""

"""A broker with a few shares and no clock: what it may do next is a list, not a chance.

It keeps orders with their ties (parent and children, one-cancels-all of type 1 and 2), what is
on its way to it and what is on its way to the core. Both ways keep their order, as a socket
does. Prices are constants, because a stop, a limit and a market order can all fill or not.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator

from engine.commands import Amend, Cancel, Command, Place, Snapshot
from engine.orders import stated_price
from engine.verify.tickets import (
    CANCELLED,
    ENDING,
    FILLED,
    HELD,
    INACTIVE,
    PENDING,
    REDUCE,
    REJECTED,
    TRADING,
    UNSENT,
    WORKING,
    Fill,
    Message,
    Rules,
    Ticket,
)

_NOT_CANCELLABLE, _REVISION_REFUSED = 161, 10326


class Broker:
    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.tickets: dict[int, Ticket] = {}
        self.requests: tuple[Message, ...] = ()  # on their way to the broker
        self.messages: tuple[Message, ...] = ()  # on their way to the core
        self.aside: tuple[Message, ...] = ()  # orders that wait behind a dialog of TWS
        self.strange: tuple[int, ...] = ()  # signed shares that strangers have traded, one by one
        self.strange_open = False  # an order of theirs lives
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
        return (
            tickets,
            self.requests,
            self.messages,
            self.aside,
            self.strange,
            self.strange_open,
            self.linked,
            self.synced,
        )

    def _put(self, ticket: Ticket) -> Ticket:
        """The only way a ticket changes."""
        self.tickets = {**self.tickets, ticket.order_id: ticket}
        return ticket

    @property
    def position(self) -> int:
        """Of the account, strangers included."""
        own = sum(ticket.sign * ticket.filled for ticket in self.tickets.values())
        return own + sum(self.strange)

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
        self.tell("opened" if opened else "status", *ticket.said())

    def cut(self) -> None:
        """The link dies with everything on it; what was not transmitted is forgotten."""
        self.linked = self.synced = False
        self.requests = self.messages = ()
        for ticket in list(self.live()):
            if ticket.phase == UNSENT:
                self._put(ticket._replace(phase=CANCELLED))

    def ask_anew(self) -> None:
        """The core asks for everything on this link: the ends of earlier answers do not count."""
        self.synced = False
        self.requests = tuple(one for one in self.requests if one[0] != "ask")
        self.messages = tuple(one for one in self.messages if one[0] not in ("snapshot", "synced"))

    def answer(self, kind: str, but: int = 0) -> Message:
        """A complete snapshot of one kind, as it is now; ``but`` for an order that is left out."""
        if kind == "open_orders":
            listed = (ticket for ticket in self.sent() if ticket.order_id != but)
            orders: list[Message] = [ticket.said() for ticket in listed]
            if self.strange_open:
                orders.append(("strange order", True))
            return ("snapshot", kind, *orders)
        if kind == "executions":
            fills: list[Message] = [
                ticket.execution(number)
                for ticket in self.tickets.values()
                for number in range(len(ticket.fills))
            ]
            fills += [("strange fill", n, shares) for n, shares in enumerate(self.strange)]
            return ("snapshot", kind, *fills)
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
            if self.rules.slow:
                self.tell_status(self._put(ticket._replace(phase=PENDING)), opened=True)
            else:
                self.accept(order_id)

    def accept(self, order_id: int) -> None:
        """It works from now on, or waits for its parent: it was on its way inside the broker, or
        held back, or its cancel has failed."""
        ticket = self.tickets[order_id]
        waits = ticket.parent and not self._sets_free(self.tickets[ticket.parent])
        self.tell_status(self._put(ticket._replace(phase=HELD if waits else WORKING)), opened=True)

    def _sets_free(self, parent: Ticket) -> bool:
        """Whether children need not wait any more; how a part fill counts is not documented."""
        return bool(parent.fills) and not (self.rules.whole_parent and parent.live)

    def _amend(self, request: Message, refuse: bool) -> None:
        _, order_id, quantity, price = request
        ticket = self.tickets.get(order_id)  # type: ignore[call-overload]
        if ticket is None or not ticket.live:
            filled = ticket is not None and ticket.phase == FILLED
            self.tell("error", order_id, 104 if filled else 10147)
        elif refuse or quantity <= ticket.filled:
            self.tell("error", order_id, 201)
        else:
            parent = self.tickets.get(ticket.parent)
            if self.rules.forced and parent is not None and parent.live:
                quantity = parent.quantity
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
        elif self.rules.slow and ticket.phase not in (UNSENT, INACTIVE):
            self.tell_status(self._put(ticket._replace(phase=ENDING)))
        else:
            self.end(ticket.order_id)

    def omit(self, order_id: int) -> None:
        """The listing that is asked for leaves an order out."""
        request, self.requests = self.requests[0], self.requests[1:]
        self.tell(*self.answer(str(request[1]), order_id))

    def deny(self) -> None:
        """The next request, a cancel, fails, and its order goes on."""
        request, self.requests = self.requests[0], self.requests[1:]
        self.tell("error", request[1], _NOT_CANCELLABLE)

    def refuse_revision(self, ends: bool) -> None:
        """No member of a group is revised; the order goes on as it was, or ends with it."""
        request, self.requests = self.requests[0], self.requests[1:]
        order_id: int = request[1]  # type: ignore[assignment]
        self.tell("error", order_id, _REVISION_REFUSED)
        if ends:
            self.end(order_id)

    def target(self, kind: str) -> Ticket | None:
        """The living order that the next request is about, if it is one of this kind."""
        asked, *rest = self.requests[0] if self.requests else ("",)
        ticket = self.tickets.get(rest[0]) if asked == kind else None  # type: ignore[call-overload]
        return ticket if ticket is not None and ticket.live else None

    def put_aside(self) -> None:
        """A dialog of TWS holds the next order back; somebody may confirm it later."""
        self.aside += self.requests[:1]
        self.requests = self.requests[1:]

    def release(self) -> None:
        request, self.aside = self.aside[0], self.aside[1:]
        self._place(request, refuse=False)

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
        if ticket.phase not in TRADING:
            return 0
        parent = self.tickets.get(ticket.parent)
        if parent is None or not parent.live:
            return ticket.remaining
        return min(ticket.remaining, self._brought(parent))

    def due(self, order_id: int) -> int:
        """What an order may fill by the letter, however its broker treats children: what others of
        their group have traded of what the parent has brought, is gone."""
        ticket = self.tickets[order_id]
        parent = self.tickets.get(ticket.parent)
        if parent is None:
            return ticket.remaining
        gone = sum(one.filled for one in self.group(ticket) if one.parent != ticket.parent)
        return min(ticket.remaining, max(self._brought(parent) - gone, 0))

    def _brought(self, parent: Ticket) -> int:
        used = sum(child.filled for child in self.children(parent.order_id))
        return max(parent.filled - used, 0)

    def fill(self, order_id: int, shares: int, siblings: bool = True) -> None:
        """An execution; ``siblings``: its group hears of it, as it should."""
        ticket = self.tickets[order_id]
        price = self.rules.fill_price if ticket.price is None else ticket.price
        ticket = ticket._replace(fills=(*ticket.fills, Fill(shares, price)))
        if ticket.live and ticket.remaining == 0:
            ticket = ticket._replace(phase=FILLED)
        self._put(ticket)
        self.tell(*ticket.execution(len(ticket.fills) - 1))
        if ticket.live or ticket.phase == FILLED:
            self.tell_status(ticket)
        if siblings:
            for other in self.group(ticket):
                if other.live:
                    reduces = ticket.group_type == REDUCE and not self.rules.oca_cancels
                    self._reduce(other, shares if reduces else other.remaining)
        self._free_children(ticket)

    def _free_children(self, parent: Ticket) -> None:
        for child in self.children(parent.order_id) if self._sets_free(parent) else ():
            if child.phase == HELD:
                self.tell_status(self._put(child._replace(phase=WORKING)))

    def _reduce(self, ticket: Ticket, shares: int) -> None:
        if shares >= ticket.remaining:
            self.end(ticket.order_id)
        elif shares > 0:
            ticket = self._put(ticket._replace(quantity=ticket.quantity - shares))
            if ticket.phase != UNSENT:  # of which nothing is told
                self.tell_status(ticket, opened=True)

    def correct(self, order_id: int, bust: bool) -> None:
        """The exchange takes the last execution back, or gives it another price."""
        ticket = self.tickets[order_id]
        *others, last = ticket.fills
        shares, price = (0, last.price) if bust else (last.shares, last.price + 1)
        fills = (*others, Fill(shares, price, last.revision + 1))
        ticket = self._put(ticket._replace(fills=fills))
        self.tell(*ticket.execution(len(fills) - 1))

    def hold(self, order_id: int) -> None:
        """A locate, a precaution or a closed exchange holds it back for now."""
        self.tell_status(self._put(self.tickets[order_id]._replace(phase=INACTIVE)))

    def change(self, order_id: int, what: str) -> None:
        """A person gives it another size or price in TWS."""
        ticket = self.tickets[order_id]
        if what == "larger":
            ticket = ticket._replace(quantity=ticket.quantity + 1)
        elif what == "smaller":
            ticket = ticket._replace(quantity=ticket.quantity - 1)
        else:
            assert ticket.price is not None
            ticket = ticket._replace(price=ticket.price + 1)
        self.tell_status(self._put(ticket), opened=True)

    def say(self, order_id: int, word: str | int) -> None:
        """A status that was true once, or that nobody knows; or an error, by its code."""
        ticket = self.tickets[order_id]
        if isinstance(word, int):
            self.tell("error", order_id, word)
        else:
            said = ticket.said()
            self.tell("status", *said[:3], word, *said[4:])

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
            if not child.live or (self.rules.forced and ticket.filled):
                continue
            brought = self._brought(ticket) if self.rules.children_survive else 0
            self._reduce(child, child.remaining - brought)
        self._free_children(ticket)

    # -- strangers ---------------------------------------------------------------------------

    def strange_order(self, opens: bool) -> None:
        self.strange_open = opens
        self.tell("strange order", opens)

    def strange_fill(self, shares: int) -> None:
        self.strange = (*self.strange, shares)
        self.tell("strange fill", len(self.strange) - 1, shares)
        self.tell("position", self.position)

"""Requests for orders as the broker takes them: checked, accepted or refused, modified, cancelled.

What follows from an accepted request is the floor's and the release's business.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Final

from engine.money import ZERO, exact
from engine.sim import checks
from engine.sim.account import signed
from engine.sim.checks import Refusal
from engine.sim.floor import Floor
from engine.sim.orders import LiveOrder, snapshot
from engine.sim.policies import Policies
from engine.sim.preview import preview
from engine.sim.records import ErrorNotice, SimOrder
from engine.sim.release import Release

GENERATIONS_MAX: Final = 10  # parents above an order: a cancel goes down from one to the next
_AMENDED: Final = (
    *("quantity", "limit_price", "aux_price", "trailing_percent", "limit_offset", "tif"),
    *("good_till_ns", "good_after_ns", "outside_rth", "conditions", "conditions_cancel"),
    "conditions_ignore_rth",
)


class OrderEntry:
    """The door of one floor. Everything that it has to say goes to the floor's ``out``."""

    def __init__(self, floor: Floor, release: Release) -> None:
        self._floor = floor
        self._release = release
        self._registry = floor.registry
        self._con_ids = frozenset(book.instrument.con_id for book in floor.books.values())

    @property
    def _policies(self) -> Policies:
        return self._floor.policies

    def place(self, client_id: int, order: SimOrder) -> None:
        """A new order, or a modification when the client has a live order of this id.

        The record is copied; its ``client_id`` is taken from the session, never from the order.
        """
        asked = snapshot(order)
        asked.client_id = client_id
        live = self._registry.find(client_id, asked.order_id)
        if live is not None and not live.ended:
            self._modify(live, asked)
        elif self._registry.used(client_id, asked.order_id):
            self._refuse_used(live, asked)
        else:
            self._registry.use(client_id, asked.order_id)
            self._accept(asked)

    def cancel(self, client_id: int, order_id: int) -> None:
        """Cancel one of the client's own orders, or say why that cannot be."""
        live = self._registry.find(client_id, order_id)
        refusal: Refusal | None
        if live is None or live.ended or live.pending_cancel:
            refusal = checks.cancel_refusal(order_id, live, self._policies)
        else:
            refusal = self._floor.interference.refuses_cancel(live)
            if refusal is None:
                self._request_cancel(live)
        if refusal is not None:
            self._floor.out.append(ErrorNotice(client_id, order_id, refusal.code, refusal.text))

    def what_if(self, client_id: int, order: SimOrder) -> None:
        """What an order would do to margin and cash; nothing is placed and no id is used."""
        asked = snapshot(order)
        asked.client_id, asked.tif = client_id, asked.tif or "DAY"
        refusal = self._order_refusal(asked)
        if refusal is not None:
            self._floor.error(asked, refusal.code, refusal.text)
        else:
            self._floor.out.append(preview(self._floor, asked))

    def cancel_all(self) -> None:
        """Cancel every order of every client; parents take their children with them."""
        for live in self._registry.live():
            if not live.ended and not live.pending_cancel:
                self._request_cancel(live)

    def _request_cancel(self, live: LiveOrder) -> None:
        floor, policies = self._floor, self._policies
        if policies.pending_cancel or policies.cancel_delay_ns:
            live.pending_cancel = True
            floor.restatus(live)
            floor.tell(live, with_open_order=False)
        if policies.cancel_delay_ns:
            floor.at(floor.now_ns + policies.cancel_delay_ns, partial(self._cancelled, live))
        else:
            self._cancelled(live)

    def _cancelled(self, live: LiveOrder) -> None:
        """The cancel of a client takes effect, unless the order has filled meanwhile."""
        if live.ended:
            return
        group = live.group
        self._floor.cancel(live)
        if group is not None and self._policies.oca_on_cancel == "cancel_all":
            for member in list(group.members):
                self._floor.cancel(member)

    # -- accepting -----------------------------------------------------------------------------

    def _refuse_used(self, ended: LiveOrder | None, asked: SimOrder) -> None:
        """An id that is not new and not live: a late modification, or a reuse."""
        if (
            ended is not None
            and ended.order.status == "Filled"
            and ended.order.action == asked.action
            and checks.same_contract(asked.instrument, ended.order.instrument)
        ):
            self._floor.error(asked, 104, "Cannot modify a filled order.")
        else:
            self._floor.error(asked, 103, "Duplicate order id")

    def _accept(self, order: SimOrder) -> None:
        """Check a new order and register it, or refuse it with nothing else changed."""
        floor = self._floor
        book = self._floor.books.get(order.instrument.symbol)
        self._set_tif(order)
        refusal = self._order_refusal(order)
        parent: LiveOrder | None = None
        if refusal is None and order.parent_id:
            parent = self._registry.find(order.client_id, order.parent_id)
            if parent is None:
                refusal = Refusal(135, f"Can't find order with id ={order.parent_id}")
            elif len(list(_ancestors(parent))) > GENERATIONS_MAX:
                refusal = checks.invalid(f"An order has at most {GENERATIONS_MAX} parents in a row")
        if refusal is not None:
            floor.error(order, refusal.code, refusal.text)
            return
        assert book is not None
        order.instrument, order.account = book.instrument, floor.account.name
        _blank(order)
        if parent is not None and self._policies.child_quantity == "force_parent":
            order.quantity = parent.order.quantity
        live = LiveOrder(order, book, self._registry.next_sequence(), parent)
        refusal = self._risk_refusal(live) or floor.interference.refuses_new(order)
        if refusal is not None and refusal.code != 201:
            floor.error(order, refusal.code, refusal.text)
            return
        order.perm_id = floor.next_perm_id()
        if refusal is None:
            self._enter(live)
        else:
            self._reject(live, refusal)

    def _set_tif(self, order: SimOrder) -> None:
        """What the presets of TWS's user make of a time in force, which may be left out."""
        policies, given = self._policies, order.tif
        if not given or (given == "GTC" and policies.tif_preset == "DAY"):
            order.tif = "DAY"
            if given or policies.tif_notice:
                text = "Order TIF was set to DAY based on order preset."
                self._floor.error(order, 10349, text)

    def _enter(self, live: LiveOrder) -> None:
        """An order begins to live, and goes to the market unless it waits for its last leg."""
        floor, order, parent = self._floor, live.order, live.parent
        self._registry.add(live)
        floor.oracle.accepted(order, self._registry.live_count)
        if parent is not None:
            parent.children = (*parent.children, live)
        if order.oca_group:
            floor.join(live, order.oca_group, order.oca_type or 3)
        if order.transmit:
            self._release.transmit(_chain(live))

    def enter_by_hand(self, order: SimOrder) -> None:
        """An order of the user of TWS, under whatever number it has."""
        self._accept(snapshot(order))

    def _order_refusal(self, order: SimOrder) -> Refusal | None:
        book = self._floor.books.get(order.instrument.symbol)
        known = book.instrument if book else None
        refusal = checks.order_refusal(order, known, self._floor.account.name, self._policies)
        if refusal is None and order.conditions:
            refusal = checks.condition_refusal(order, self._con_ids, self._floor.books)
        return refusal

    def _risk_refusal(self, live: LiveOrder) -> Refusal | None:
        """What the broker's own checks refuse although the order is well formed."""
        order, parent, policies = live.order, live.parent, self._floor.policies
        if parent is not None and parent.ended:
            return checks.rejected("Parent order is being cancelled.")
        refusal = checks.late_refusal(live, self._floor.now_ns, policies)
        if refusal is not None:
            return refusal
        if order.oca_group and policies.oca_reuse == "refuse":
            group = self._floor.groups.get(order.oca_group)
            if group is not None and group.executed and not group.members:
                return checks.rejected("OCA group is already filled.")
        most, active = policies.active_orders_max, live.book.active
        if len(active) >= most and sum(one.buys == live.buys for one in active) >= most:
            return checks.rejected(
                f"The limit of {most} working orders on one side of"
                " this contract in this account has been reached."
            )
        if policies.margin == "refuse" and parent is None and self._beyond_means(live):
            return checks.rejected(
                "YOUR ORDER IS NOT ACCEPTED. The buying power of the account is exceeded."
            )
        if policies.shortable == "no" and parent is None and self._opens_short(live):
            return checks.rejected("The contract is not available for short sale.")
        return None

    def _opens_short(self, live: LiveOrder) -> bool:
        held = self._floor.account.position(live.order.instrument.symbol)
        return held + signed(live.order.action, live.order.quantity) < min(held, ZERO)

    def _beyond_means(self, live: LiveOrder) -> bool:
        """Whether the part of the order that opens a position needs more than there is."""
        order, account = live.order, self._floor.account
        held = account.position(order.instrument.symbol)
        closing = (
            min(order.quantity, abs(held))
            if held * signed(order.action, order.quantity) < 0
            else ZERO
        )
        mark = live.book.mark()
        price = order.limit_price or order.aux_price or (exact(mark) if mark else ZERO)
        return (order.quantity - closing) * price > account.buying_power()

    def _reject(self, live: LiveOrder, refusal: Refusal) -> None:
        """The order never lived, and stays on record in the state that the policy names."""
        self._registry.record(live)
        self._floor.reject(live, refusal.code, refusal.text)

    # -- modifying -----------------------------------------------------------------------------

    def _modify(self, live: LiveOrder, asked: SimOrder) -> None:
        """Check a modification, and apply it now or after the policy's delay (B8)."""
        floor = self._floor
        asked.tif = asked.tif or live.order.tif
        self._set_tif(asked)
        refusal = (
            self._order_refusal(asked)
            or checks.modification_refusal(live, asked, self._policies)
            or floor.interference.refuses_change(live, asked)
        )
        if refusal is not None:
            floor.error(asked, refusal.code, refusal.text)
            if refusal.cancels:
                floor.cancel(live)
        elif live.transmitted and floor.interference.doubles(live):
            self._double(live, asked)
        elif self._policies.modify_delay_ns and live.transmitted:
            due_ns = floor.now_ns + self._policies.modify_delay_ns
            floor.at(due_ns, partial(self.apply, live, asked))
        else:
            self.apply(live, asked)

    def _double(self, live: LiveOrder, asked: SimOrder) -> None:
        """The new version works beside the old one, which nobody can reach by its id any more."""
        asked.instrument, asked.account = live.book.instrument, live.order.account
        asked.quantity -= live.order.filled
        asked.perm_id = self._floor.next_perm_id()
        _blank(asked)
        self._enter(LiveOrder(asked, live.book, self._registry.next_sequence(), live.parent))

    def apply(self, live: LiveOrder, asked: SimOrder) -> None:
        """The new version takes over; whatever the old one filled meanwhile counts."""
        floor, order = self._floor, live.order
        if live.ended:
            self._refuse_used(live, asked)
            return
        refusal = checks.size_refusal(live, asked)
        if refusal is not None:
            floor.error(order, refusal.code, refusal.text)
            return
        moved = (asked.limit_price, asked.outside_rth) != (order.limit_price, order.outside_rth)
        for name in _AMENDED:
            setattr(order, name, getattr(asked, name))
        if asked.trail_stop_price is not None and live.kind.trigger == "trail":
            order.trail_stop_price = asked.trail_stop_price
        live.take_over()
        if moved:
            live.rests_since_ns = -1
        if not live.transmitted:
            order.transmit = asked.transmit
            if asked.transmit:
                self._release.transmit(_chain(live))
            return
        self._release.arrange(live)
        floor.restatus(live)
        floor.tell(live)
        self._release.warn(live)
        floor.work(live)


def _ancestors(live: LiveOrder | None) -> Iterator[LiveOrder]:
    """An order, its parent, and so on."""
    while live is not None:
        yield live
        live = live.parent


def _chain(live: LiveOrder) -> list[LiveOrder]:
    """What transmitting ``live`` releases: its parent and earlier legs, then itself."""
    parent = live.parent
    if parent is None:
        return [live]
    legs = [leg for leg in parent.children if leg.sequence < live.sequence]
    waiting = [one for one in (parent, *legs) if not one.transmitted and not one.ended]
    return [*waiting, live]


def _blank(order: SimOrder) -> None:
    """A new order starts without a history, whatever the client's record said."""
    order.status, order.why_held, order.stop_elected = "PendingSubmit", "", False
    order.filled = order.average_price = order.last_price = ZERO

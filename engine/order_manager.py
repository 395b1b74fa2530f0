"""Orders of an embedding program: placing, finding and taking back, without signals or rules.

The requests go through the same gates, journal and charts as the strategy's own.
"""

from __future__ import annotations

import itertools
import os
import secrets
import threading
from decimal import Decimal
from typing import Final, Literal, TypeVar, get_args

from engine.bus import EventBus
from engine.errors import UserError
from engine.handles import (
    ANSWER_S,
    BracketOrder,
    GroupWatch,
    OCOGroup,
    Order,
    OrderGroup,
    Request,
)
from engine.inbox import Inbox
from engine.inputs import BracketRequested, OcoLeg, OcoRequested, OrderRequested, Side
from engine.money import exact
from engine.state import State
from engine.view import OrderView, Question, Watched, order_view

Price = Decimal | str | int | float
LegType = Literal["LMT", "STP"]
OrderType = Literal["MKT", "LMT", "STP"]
Tif = Literal["DAY", "GTC"]
Leg = tuple[Side, LegType, Price]
SIDES: Final = get_args(Side)
LEG_TYPES: Final = get_args(LegType)
ORDER_TYPES: Final = get_args(OrderType)
TIFS: Final = get_args(Tif)
HANDLES: Final[dict[str, type[BracketOrder | OCOGroup | Order]]] = {
    kind.kind: kind for kind in (BracketOrder, OCOGroup, Order)
}
T = TypeVar("T", bound=str)


class OrderManager:
    """``Engine.order_manager``. Everything may be called from any thread.

    All methods raise LimitError when the engine has stopped.
    """

    def __init__(self, inbox: Inbox, bus: EventBus) -> None:
        self._inbox = inbox
        self._watch = GroupWatch(inbox, bus)
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self._under_way: set[str] = set()  # references whose answer is still out

    def bracket(
        self,
        symbol: str,
        side: Side,
        quantity: Price,
        stop: Price,
        target: Price | None = None,
        entry: Price | None = None,
        reference: str | None = None,
    ) -> BracketOrder:
        """Place entry (at the market without ``entry``), stop and target in one burst.

        Returns when the request is durable; ``refusal`` of the handle tells at once whether the
        engine refused it.

        Raises:
            UserError: the side is neither BUY nor SELL, or ``reference`` is under way.
            ValueError: a price or quantity is not a finite number.
        """
        name = reference or self._reference("bracket")
        request = BracketRequested(
            name,
            symbol,
            _one_of("side", side, SIDES),
            exact(quantity),
            exact(stop),
            exact(target) if target is not None else None,
            exact(entry) if entry is not None else None,
        )
        return BracketOrder(name, self._place(request), self._watch)

    def oco(
        self, symbol: str, quantity: Price, first: Leg, second: Leg, reference: str | None = None
    ) -> OCOGroup:
        """Place two orders of which one may fill, each (side, LMT or STP, price); the shares
        are the caller's to protect. Returns and raises like ``bracket``."""
        name = reference or self._reference("oco")
        legs = [
            OcoLeg(
                _one_of("side", side, SIDES),
                _one_of("order type", kind, LEG_TYPES),
                exact(price),
            )
            for side, kind, price in (first, second)
        ]
        request = OcoRequested(name, symbol, exact(quantity), (legs[0], legs[1]))
        return OCOGroup(name, self._place(request), self._watch)

    def order(
        self,
        symbol: str,
        side: Side,
        quantity: Price,
        order_type: OrderType = "MKT",
        price: Price | None = None,
        tif: Tif = "DAY",
        reference: str | None = None,
    ) -> Order:
        """Place one order without protection; the shares are the caller's. ``price`` is the limit
        of an LMT, the trigger of a STP. Returns and raises like ``bracket``; UserError also for a
        price that is missing, or given to a MKT."""
        name = reference or self._reference("order")
        kind = _one_of("order type", order_type, ORDER_TYPES)
        if (kind == "MKT") != (price is None):
            what = "takes no price" if kind == "MKT" else "needs a price"
            raise UserError(f"an order of type {kind} {what}")
        request = OrderRequested(
            name,
            symbol,
            _one_of("side", side, SIDES),
            exact(quantity),
            kind,
            exact(price) if price is not None else None,
            _one_of("time in force", tif, TIFS),
        )
        return Order(name, self._place(request), self._watch)

    def cancel(self, group: OrderGroup | str) -> None:
        """Take back what has not filled of a handle or a reference; what is held stays
        protected, and what is over stays over.

        Raises:
            UserError: nothing was placed under it, or the session is not live.
        """
        if isinstance(group, OrderGroup):
            group.cancel()
        else:
            self._watch.cancel(group)

    def get(self, reference: str) -> BracketOrder | OCOGroup | Order:
        """The handle of what was placed under a reference, also before a restart.

        Raises:
            UserError: nothing was placed under it, or it was refused.
        """
        self._watch.begin()
        view = self._watch.look(reference)
        if view is None:
            raise UserError(f"nothing was placed under the reference {reference!r}")
        return HANDLES[view.kind](reference, None, self._watch)

    def find(self, order_id: int) -> OrderView:
        """One order, also a finished one for some time (15 minutes after its trade).

        Raises:
            UserError: there is no such order.
        """

        def look(state: State, _: Watched) -> OrderView | None:
            order = state.orders.get(order_id)
            return order_view(state, order) if order is not None else None

        found: OrderView | None = self._inbox.ask(Question(look), ANSWER_S)
        if found is None:
            raise UserError(f"there is no order {order_id}")
        return found

    def open_orders(self, symbol: str | None = None) -> tuple[OrderView, ...]:
        """Orders that are not finished, of one symbol or all, the strategy's own as well."""

        def alive(state: State, _: Watched) -> tuple[OrderView, ...]:
            return tuple(
                order_view(state, order)
                for order in state.orders.values()
                if not order.dead and symbol in (None, order.symbol)
            )

        found: tuple[OrderView, ...] = self._inbox.ask(Question(alive), ANSWER_S)
        return found

    def _place(self, request: Request) -> str | None:
        """Two requests of one reference must not meet in one step of the writer: which of them
        was refused could not be told."""
        self._watch.begin()
        name = request.reference
        with self._lock:
            if name in self._under_way:
                raise UserError(f"the reference {name!r} is just being placed; give another")
            self._under_way.add(name)
        try:
            return self._watch.request(request)
        finally:
            with self._lock:
                self._under_way.discard(name)

    def _reference(self, kind: str) -> str:
        return f"{kind}-{os.getpid()}-{next(self._numbers)}-{secrets.token_hex(2)}"


def _one_of(what: str, value: T, allowed: tuple[str, ...]) -> T:
    """A word that the core will branch on: ``buy`` must not be taken for not ``BUY``."""
    if value not in allowed:
        raise UserError(f"{what} is {' or '.join(allowed)}, not {value!r}")
    return value

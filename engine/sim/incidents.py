"""The exchange at its worst: what the faults of a plan do to orders, executions and trading."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from functools import partial
from typing import Any, Final

import attrs

from engine.inputs import Side
from engine.money import ZERO, exact
from engine.sim.account import signed
from engine.sim.checks import Refusal
from engine.sim.fault_plan import FaultPlan
from engine.sim.faults import Fault
from engine.sim.floor import Floor
from engine.sim.interference import Interference
from engine.sim.matching import Deal
from engine.sim.order_entry import OrderEntry
from engine.sim.orders import LiveOrder, snapshot
from engine.sim.records import HaltNotice, SimExecution, SimOrder

# What TWS says with the codes that faults use most.
TEXTS: Final = {
    103: "Duplicate order id",
    104: "Cannot modify a filled order.",
    105: "Order being modified does not match original order.",
    110: "The price does not conform to the minimum price variation for this contract.",
    161: "Cancel attempted when order is not in a cancellable state.",
    200: "No security definition has been found for the request",
    201: "Order rejected - reason:The exchange refuses this order.",
    399: "Order Message:\nWarning: your order will not be placed at the exchange until later",
    404: "Order held while securities are located.",
    1100: "Connectivity between IBKR and Trader Workstation has been lost.",
    1101: "Connectivity between IBKR and Trader Workstation has been restored - data lost.",
    1102: "Connectivity between IBKR and Trader Workstation has been restored - data maintained.",
    2102: "Unable to modify this order as it is still being processed.",
    2103: "Market data farm connection is broken:usfarm",
    2109: "Order Event Warning:Attribute 'Outside Regular Trading Hours' is ignored",
    2110: "Connectivity between Trader Workstation and server is broken. It will be restored"
    " automatically.",
    10147: "OrderId that needs to be cancelled is not found.",
    10148: "OrderId that needs to be cancelled can not be cancelled, state: Filled.",
    10197: "No market data during competing live session",
    10326: "OCA group revision is not allowed.",
    10349: "Order TIF was set to DAY based on order preset.",
}


def text_of(fault: Fault) -> str:
    """The words of an error that a fault sends."""
    return str(fault["text"]) or TEXTS.get(fault["code"], f"Message {fault['code']}")


class Incidents(Interference):
    """Asked by the floor and the door; acts on both when it is told to."""

    def __init__(self, floor: Floor, entry: OrderEntry, plan: FaultPlan) -> None:
        self._floor = floor
        self._entry = entry
        self._plan = plan
        self._by_hand = 0  # orders of the user of TWS
        self._stuck: set[int] = set()  # permIds that have been counted
        self._frozen_until_ns = 0

    # -- what the exchange asks ----------------------------------------------------------------

    def refuses_new(self, order: SimOrder) -> Refusal | None:
        return self._refusal("new")

    def refuses_change(self, live: LiveOrder, asked: SimOrder) -> Refusal | None:
        return self._refusal("change")

    def refuses_cancel(self, live: LiveOrder) -> Refusal | None:
        return self._refusal("cancel")

    def _refusal(self, what: str) -> Refusal | None:
        taken = self._plan.take("reject", lambda fault: fault["what"] == what)
        if taken is None:
            return None
        fault = taken.fault
        return Refusal(fault["code"], text_of(fault), fault["cancels"])

    def doubles(self, live: LiveOrder) -> bool:
        return self._plan.take("double") is not None

    def transmitted(self, live: LiveOrder) -> None:
        floor, order = self._floor, live.order
        if order.client_id == 0 and order.order_id < 0:
            return
        held = floor.account.position(order.instrument.symbol)
        if held + signed(order.action, order.quantity) < min(held, ZERO):
            taken = self._plan.take("locate")
            if taken is not None:
                floor.error(order, 404, TEXTS[404])
                self._hold(live, "locate", taken.fault["hold"])
        inactive = self._take("inactive", live)
        if inactive is not None:
            self._hold(live, "inactive", inactive["hold"])
        late = self._take("reject-late", live)
        if late is not None:
            floor.at(floor.now_ns + late["after"], partial(self._reject, live, late))

    def _take(self, name: str, live: LiveOrder) -> Fault | None:
        """A fault of this name for orders of this type."""
        taken = self._plan.take(name, lambda fault: live.order.order_type in fault["types"])
        return None if taken is None else taken.fault

    def _hold(self, live: LiveOrder, why: str, lasts_ns: int) -> None:
        live.hold = why
        self._show(live)
        self._floor.at(self._floor.now_ns + lasts_ns, partial(self._let_go, live, why))

    def _let_go(self, live: LiveOrder, why: str) -> None:
        if not live.ended and live.hold == why:
            live.hold = ""
            self._show(live)
            self._floor.work(live)

    def _show(self, live: LiveOrder) -> None:
        self._floor.restatus(live)
        self._floor.tell(live)

    def _reject(self, live: LiveOrder, fault: Fault) -> None:
        if not live.ended:
            self._floor.reject(live, fault["code"], text_of(fault))

    def may_elect(self, live: LiveOrder) -> bool:
        return self._floor.now_ns >= self._frozen_until_ns

    def may_fill(self, live: LiveOrder) -> bool:
        for armed in self._plan.armed("stuck"):
            if live.order.order_type in armed.fault["types"]:
                if live.order.perm_id not in self._stuck:
                    self._stuck.add(live.order.perm_id)
                    self._plan.count(armed.fault)
                return False
        return True

    def executed(self, execution: SimExecution) -> None:
        self._plan.happened("fill")
        taken = self._plan.take("correct")
        if taken is not None:
            due_ns = self._floor.now_ns + taken.fault["after"]
            self._floor.at(due_ns, partial(self._correct, execution, taken.fault))

    def cancelled(self, live: LiveOrder) -> None:
        if not live.transmitted or live.order.remaining <= 0:
            return
        taken = self._plan.take("late-fill")
        if taken is not None:
            due_ns = self._floor.now_ns + taken.fault["after"]
            self._floor.at(due_ns, partial(self._fill_late, live, taken.fault["part"]))

    # -- executions that nobody expects --------------------------------------------------------

    def _fill_late(self, live: LiveOrder, part: float) -> None:
        """The cancel came too late for a part of the order, after all."""
        order, lot = live.order, live.book.instrument.lot
        shares = max(order.remaining * Decimal(str(part)) // lot * lot, lot)
        stop = None if live.trigger is None else exact(live.trigger)
        price = live.price or stop or self._worth(live)
        if price is None:
            return
        self._book(live, Deal(min(shares, order.remaining), price, True))

    def _book(self, live: LiveOrder, found: Deal, liquidation: bool = False) -> None:
        """Let an order that does not live trade, and tell of it as of any other."""
        floor, order = self._floor, live.order
        executed, charged = floor.ledger.fill(live, found, floor.now_ns, liquidation)
        floor.out.append(executed)
        if order.remaining == 0:
            order.status = "Filled"
        floor.tell(live)
        floor.out += [charged, floor.account.notice(order.instrument.symbol)]

    def _worth(self, live: LiveOrder) -> Decimal | None:
        mark = live.book.mark()
        return None if mark is None else exact(mark)

    def _correct(self, old: SimExecution, fault: Fault) -> None:
        """Replace an execution by its next revision, in the account as well."""
        floor = self._floor
        symbol = old.instrument.symbol
        shares = ZERO if fault["bust"] else max(old.quantity + fault["quantity"], ZERO)
        price = max(old.price + fault["price"], old.instrument.grid.increment(old.price))
        live = floor.registry.traded(old)
        floor.out.append(floor.ledger.correct(old, shares, price, live))
        if live is not None:
            floor.tell(live)
        floor.out.append(floor.account.notice(symbol))

    # -- acts ----------------------------------------------------------------------------------

    def _matching(self, fault: Fault) -> Iterator[LiveOrder]:
        for live in self._floor.registry.live():
            symbol = fault["symbol"]
            fits = symbol is None or live.order.instrument.symbol == symbol
            if fits and live.transmitted and live.order.order_type in fault["types"]:
                yield live

    def cancel_by_hand(self, fault: Fault) -> bool:
        """Whether there was anything to cancel."""
        found = list(self._matching(fault))
        for live in found:
            self._floor.cancel(live)
        return bool(found)

    def change_by_hand(self, fault: Fault) -> bool:
        found = list(self._matching(fault))
        for live in found:
            asked = snapshot(live.order)
            asked.quantity += fault["quantity"]
            for name in ("limit_price", "aux_price", "trail_stop_price"):
                price = getattr(asked, name)
                if price is not None and (name != "aux_price" or live.kind.trigger != "trail"):
                    setattr(asked, name, max(price + fault["price"], Decimal("0.01")))
            self._entry.apply(live, asked)
        return bool(found)

    def order_by_hand(self, fault: Fault) -> bool:
        """Bound to client 0 under a negative number, as TWS binds them."""
        book = self._floor.books.get(fault["symbol"])
        if book is None:
            return False
        order = self._foreign(book.instrument.symbol, fault["side"], fault["quantity"])
        order.order_type = fault["type"]
        price = fault["price"] or None
        order.limit_price, order.aux_price = price, price
        self._entry.enter_by_hand(order)
        return True

    def _foreign(self, symbol: str, side: Side, quantity: Decimal) -> SimOrder:
        self._by_hand += 1
        return SimOrder(
            order_id=-self._by_hand,
            client_id=0,
            perm_id=0,
            instrument=self._floor.books[symbol].instrument,
            account=self._floor.account.name,
            action=side,
            quantity=quantity,
            order_type="MKT",
            tif="DAY",
        )

    def liquidate(self, fault: Fault) -> bool:
        """Close what is held, at what the market shows or says it is worth."""
        closed = False
        for held in self._floor.account.positions():
            symbol = held.instrument.symbol
            if fault["symbol"] not in (None, symbol):
                continue
            side: Side = "SELL" if held.quantity > 0 else "BUY"
            order = self._foreign(symbol, side, abs(held.quantity))
            order.perm_id = self._floor.next_perm_id()
            live = LiveOrder(order, self._floor.books[symbol], self._floor.registry.next_sequence())
            price = self._worth(live)
            if price is None:
                continue
            live.ended_ns = self._floor.now_ns
            self._floor.registry.record(live)
            self._book(live, Deal(order.quantity, price, False), liquidation=True)
            closed = True
        return closed

    def halt(self, fault: Fault) -> bool:
        book = self._floor.books.get(fault["symbol"])
        if book is None:
            return False
        book.halted = fault["kind"] or 0
        self._floor.out.append(HaltNotice(fault["symbol"], book.halted))
        if fault["for"] is not None:
            self._floor.at(
                self._floor.now_ns + fault["for"], partial(self._resume, fault["symbol"])
            )
        return True

    def _resume(self, symbol: str) -> None:
        book = self._floor.books[symbol]
        book.halted = 0
        self._floor.out.append(HaltNotice(symbol, 0))
        for live in list(book.active):
            self._floor.work(live)

    def freeze_stops(self, until_ns: int) -> None:
        """Orders that the broker simulates are not set off before then."""
        self._frozen_until_ns = max(self._frozen_until_ns, until_ns)
        self._floor.at(until_ns, self._thaw)

    def _thaw(self) -> None:
        for live in self._floor.registry.live():
            if live.waits:
                self._floor.work(live)

    def answer(self, answers: dict[str, Any]) -> dict[str, Any]:
        """Change policies; returns what they were."""
        policies = self._floor.policies
        before = {name: getattr(policies, name) for name in answers}
        self._floor.adopt(attrs.evolve(policies, **answers))
        return before

"""The trading floor: lives of orders, their bracket and one-cancels-all ties, and fills.

``Exchange`` takes requests and checks them, ``Release`` lets an order trade when its time has
come; the floor does what follows. Everything that a client would see is appended to ``out`` in
the order in which it would see it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import ROUND_CEILING, Decimal
from functools import partial

from engine.inputs import Instrument
from engine.money import ZERO, exact
from engine.sim import matching
from engine.sim.account import Account
from engine.sim.book import Book
from engine.sim.interference import Interference
from engine.sim.ledger import Ledger
from engine.sim.oracle import Cover, Oracle
from engine.sim.orders import Group, LiveOrder, Registry, snapshot
from engine.sim.policies import Policies
from engine.sim.records import (
    ErrorNotice,
    Notice,
    OrderNotice,
    SimExecution,
    SimOrder,
)
from engine.sim.timers import Timers


class Floor:
    """State and rules of trading; time only moves through ``now_ns`` and ``run_timers``."""

    def __init__(
        self,
        instruments: Sequence[Instrument],
        account: str,
        policies: Policies,
        seed: int,
        start_ns: int,
        instance: int,
    ) -> None:
        self.policies = policies
        self.interference = Interference()
        self.now_ns = start_ns
        self.instance = instance
        self.books = {one.symbol: Book(one, seed, start_ns) for one in instruments}
        self.account = Account(account, policies, self._mark)
        self.registry = Registry()
        self.groups: dict[str, Group] = {}
        self.out: list[Notice] = []
        self.oracle = Oracle(self.open_orders, start_ns)
        self.ledger = Ledger(self.account, self.oracle, instance)
        self.timers = Timers()
        self._perm_count = 0
        self._touched: dict[str, None] = {}  # a set that keeps its order
        self._deferred: list[Callable[[], None]] = []

    # -- small services ------------------------------------------------------------------------

    def _mark(self, symbol: str) -> Decimal | None:
        price = self.books[symbol].mark()
        return None if price is None else exact(price)

    @property
    def executions(self) -> list[SimExecution]:
        return self.ledger.executions

    def open_orders(self) -> list[SimOrder]:
        return [snapshot(live.order) for live in self.registry.live()]

    def next_perm_id(self) -> int:
        """Distinct between exchange instances, and within 31 bits for old wire versions."""
        self._perm_count += 1
        return (self.instance % 1000) * 1_000_000 + self._perm_count

    def error(self, order: SimOrder, code: int, text: str) -> None:
        self.out.append(ErrorNotice(order.client_id, order.order_id, code, text))

    def tell(self, live: LiveOrder, with_open_order: bool = True) -> None:
        self.out.append(OrderNotice(snapshot(live.order), with_open_order))
        self._touched[live.book.instrument.symbol] = None

    def at(self, time_ns: int, what: Callable[[], object]) -> None:
        self.timers.at(time_ns, what)

    @property
    def next_timer_ns(self) -> int | None:
        return self.timers.next_ns

    def run_timers(self, now_ns: int) -> None:
        """What is due until ``now_ns``, each at its own moment; then it is ``now_ns``."""
        timers = self.timers
        while timers.next_ns is not None and (due := timers.pop(now_ns)) is not None:
            self.now_ns = max(self.now_ns, due[0])
            due[1]()
            self.finish()
        self.now_ns = max(self.now_ns, now_ns)

    def finish(self) -> list[Notice]:
        """End of one instant: deferred sibling effects, then the oracle; hands ``out`` over."""
        while self._deferred:
            effects, self._deferred = self._deferred, []
            for effect in effects:
                effect()
        if self._touched:
            for symbol in self._touched:
                self.oracle.settle(
                    self.now_ns, symbol, self.account.position(symbol), self.covers(symbol)
                )
            self._touched.clear()
        return self.out

    def drain(self) -> list[Notice]:
        out, self.out = self.out, []
        return out

    def covers(self, symbol: str) -> list[Cover]:
        """Live orders of the symbol that would close a position whatever the price does."""
        return [
            Cover(live.order.action, self.fillable(live), live.group.name if live.group else "")
            for live in self.books[symbol].active
            if not (live.held or live.conditioned or live.hold)
            and (live.kind.stops or live.order.order_type == "MKT")
        ]

    def adopt(self, policies: Policies) -> None:
        """From now on the broker answers the open questions in this way."""
        self.policies = self.account.policies = policies

    # -- where an order stands -----------------------------------------------------------------

    def join(self, live: LiveOrder, name: str, kind: int) -> None:
        """Make the order a member of a one-cancels-all group."""
        group = self.groups.get(name)
        if group is None or (group.executed and not group.members):
            group = self.groups[name] = Group(name, kind)
        group.members.append(live)
        live.group = group
        live.order.oca_group, live.order.oca_type = group.name, group.kind

    def released(self, parent: LiveOrder) -> bool:
        """Whether children of ``parent`` may trade at all."""
        if parent.ended or self.policies.child_activation == "on_full":
            return parent.ended
        return parent.order.filled > 0

    def restatus(self, live: LiveOrder) -> bool:
        """Derive status and why_held from where the order stands; True when they changed."""
        order = live.order
        status, why = "Submitted", ""
        if live.held:
            status, why = "PreSubmitted", "child,trigger" if live.waits else "child"
        elif live.conditioned:
            status = "PreSubmitted"
        elif live.hold:
            status, why = (
                ("Inactive", "") if live.hold == "inactive" else ("PreSubmitted", live.hold)
            )
        elif live.waits:
            status = self.policies.stop_status
            why = "trigger" if status == "PreSubmitted" else ""
        elif self.since(live) is None or live.auctions:
            status = self.policies.waiting_status
        if live.pending_cancel:
            status = "PendingCancel"
        changed = (status, why) != (order.status, order.why_held)
        order.status, order.why_held = status, why
        return changed

    def since(self, live: LiveOrder) -> int | None:
        return live.book.hours.since(self.now_ns, live.outside)

    # -- trading -------------------------------------------------------------------------------

    def fillable(self, live: LiveOrder) -> Decimal:
        """What may fill: a child of a part-filled parent no more than the parent brought in."""
        order, parent = live.order, live.parent
        remaining = order.remaining
        if parent is None or parent.ended:
            return remaining
        if self.policies.child_activation != "on_partial_filled_size":
            return remaining
        return min(remaining, self._brought_in(parent, live))

    def _brought_in(self, parent: LiveOrder, live: LiveOrder) -> Decimal:
        """Filled size of the parent that its children on the side of ``live`` have not used."""
        used = sum(
            (c.order.filled for c in parent.children if c.order.action == live.order.action), ZERO
        )
        return max(parent.order.filled - used, ZERO)

    def work(self, live: LiveOrder, printed: bool = False) -> None:
        """Let one order trade with what the market shows now."""
        kind, book = live.kind, live.book
        if not self._free(live) or kind.trigger == "close":
            return
        since_ns = book.hours.since(self.now_ns, live.outside)
        if since_ns is None or (live.waits and not self._triggered(live, since_ns)):
            return
        opens_ns = live.opens_ns
        if opens_ns is not None and (since_ns < opens_ns or not printed):
            return  # the opening auction is the first trade of its session
        most = self._most(live)
        if most <= 0 or (kind.pricing == "pegged" and not self._pegged(live, since_ns)):
            return
        if not self.interference.may_fill(live):
            return
        if opens_ns is not None:
            found = self._auctioned(live, most)
        else:
            found = matching.deal(live, most, since_ns, printed)
        if found is not None and not (live.in_force.whole and found.quantity < most):
            if found.display:
                book.take(live.buys, found.display)
            book.print_left -= found.printed
            self._fill(live, found)
        if live.in_force.once and not live.ended:
            self.cancel(live)

    def close(self, live: LiveOrder) -> None:
        """The closing auction of this session: one price, for any size."""
        if self._free(live):
            most = self._most(live)
            found = self._auctioned(live, most) if most > 0 else None
            if found is not None:
                self._fill(live, found)

    def _free(self, live: LiveOrder) -> bool:
        """Whether nothing but the market keeps the order from trading."""
        if live.held or live.conditioned or live.hold:
            return False
        return live.active and not live.book.halted

    def _auctioned(self, live: LiveOrder, most: Decimal) -> matching.Deal | None:
        last = live.book.last
        return None if last is None else matching.auctioned(live, most, exact(last))

    def _most(self, live: LiveOrder) -> Decimal:
        """What may fill now: nothing while another member of its group is being filled."""
        group = live.group
        if group is not None and group.trading not in (None, live) and group.blocks:
            return ZERO
        return self.fillable(live)

    def _pegged(self, live: LiveOrder, since_ns: int) -> bool:
        """Follow the quote; whether there is a price to work at."""
        price = matching.pegged(live, since_ns)
        if price is not None and price != live.price:
            live.rests_since_ns = -1
            live.work_at(price)
        return price is not None

    def _triggered(self, live: LiveOrder, since_ns: int) -> bool:
        """Trail a trailing stop, then see whether the last trade elects the order."""
        order, book = live.order, live.book
        trails = live.kind.trigger == "trail"
        if trails and book.last is not None and book.last_ns >= since_ns:
            stop = matching.trailed(order, book.last, book.instrument.grid)
            if stop is not None:
                order.trail_stop_price = stop
                live.reprice()
        if not matching.elected(live, since_ns) or not self.interference.may_elect(live):
            return False
        live.elect()
        self.restatus(live)
        self.tell(live)
        return True

    def _fill(self, live: LiveOrder, found: matching.Deal) -> None:
        order, before = live.order, live.order.remaining
        assert ZERO < found.quantity <= before, (order, found)
        executed, charged = self.ledger.fill(live, found, self.now_ns)
        self.out.append(executed)
        if order.remaining == 0:
            order.status, order.why_held = "Filled", ""
            self._leave(live)
        else:
            self.restatus(live)
        self.tell(live)
        self.out += [charged, self.account.notice(order.instrument.symbol)]
        self._tell_group(live, found.quantity, before)
        self._tell_children(live)
        self.interference.executed(executed.execution)

    # -- one cancels all -----------------------------------------------------------------------

    def _tell_group(self, live: LiveOrder, quantity: Decimal, before: Decimal) -> None:
        """A member has filled: cancel or reduce the others, now, at the end of this instant
        (type 3 without overfill protection), or after the policy's delay."""
        group = live.group
        if group is None:
            return
        group.executed = True
        policies = self.policies
        if policies.oca_siblings == "forget":
            return
        effect = partial(self._affect_group, group, live, quantity, before)
        if policies.oca_delay_ns:
            group.trading = live
            group.pending += 1
            self.at(self.now_ns + policies.oca_delay_ns, effect)
        elif not group.blocks and policies.oca3_same_tick == "overfill":
            self._deferred.append(effect)
        else:
            effect()

    def _affect_group(
        self, group: Group, live: LiveOrder, quantity: Decimal, before: Decimal
    ) -> None:
        group.pending = max(group.pending - 1, 0)
        if not group.pending:
            group.trading = None
        others = [member for member in group.members if member is not live]
        if group.kind == 1:
            if quantity == before or self.policies.oca1_partial == "cancel_all":
                for other in others:
                    self.cancel(other)
            return
        for other in others:
            if other.ended:  # ended by what happened to an earlier one, such as its parent
                continue
            if self.policies.oca_reduction == "by_quantity":
                self.reduce(other, quantity)
            else:
                share = other.order.remaining * quantity / before
                self.reduce(other, share)

    def reduce(self, live: LiveOrder, amount: Decimal) -> None:
        """Lower the total quantity by ``amount``, up to whole lots; nothing left: cancelled."""
        lot = live.book.instrument.lot
        lots = (amount / lot).to_integral_value(ROUND_CEILING)
        taken = min(lots * lot, live.order.remaining)
        if taken == live.order.remaining:
            self.cancel(live)
        elif taken > 0:
            live.order.quantity -= taken
            if live.transmitted:
                self.tell(live)

    # -- parent and children -------------------------------------------------------------------

    def _tell_children(self, parent: LiveOrder) -> None:
        """The parent has filled, in part or in full."""
        if not parent.children or not self.released(parent):
            return
        waiting = [child for child in parent.children if child.active and child.held]
        for child in waiting:
            child.held = False
            self.restatus(child)
            self.tell(child)
        # Those that worked already may now fill what the parent has just brought in.
        for child in [child for child in parent.children if child.active]:
            self.work(child)

    def _orphan(self, parent: LiveOrder) -> None:
        """The parent ended without filling in full."""
        keep = parent.order.filled > 0 and self.policies.children_on_parent_cancel != "cancel"
        for child in [child for child in parent.children if not child.ended]:
            if child.ended:  # by what happened to an earlier child
                continue
            if not keep or not child.transmitted:
                self.cancel(child)
                continue
            self.reduce(child, child.order.remaining - self._brought_in(parent, child))
        if keep:
            self._tell_children(parent)

    # -- ending --------------------------------------------------------------------------------

    def cancel(self, live: LiveOrder) -> None:
        """End an order as cancelled, by whoever's wish, with what follows for its children."""
        if live.ended:
            return
        live.order.status, live.order.why_held = "Cancelled", ""
        self._leave(live)
        self.tell(live, with_open_order=False)
        self.error(live.order, 202, "Order Canceled - reason:")
        self.interference.cancelled(live)
        self._orphan(live)

    def reject(self, live: LiveOrder, code: int, text: str) -> None:
        """An error, and the order stays on record in the state that the policy names."""
        self.error(live.order, code, text)
        status = self.policies.rejected_status
        live.order.status = "Inactive" if status == "none" else status
        live.order.why_held = ""
        if self.registry.lives(live):
            self._leave(live)
        live.ended_ns = self.now_ns
        if status != "none":
            self.tell(live)
        self._orphan(live)

    def _leave(self, live: LiveOrder) -> None:
        live.ended_ns = self.now_ns
        self.registry.end(live)
        if live.active:
            live.active = live.held = False
            live.book.active.remove(live)
        if live.group is not None:
            live.group.members.remove(live)

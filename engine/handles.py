"""Handles of what an embedding program has placed: a bracket, a pair of which one may fill, or a
single order.

A handle keeps no state of its own. What is true now is asked of the writer; which states were
passed on the way there is what the bus has told, because a state may be over before anybody
looks.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Mapping
from decimal import Decimal
from enum import IntEnum
from typing import ClassVar, Final

from engine.bus import EventBus
from engine.errors import UserError
from engine.events import OrderGroupEvent, RefusalEvent
from engine.inbox import Inbox
from engine.inputs import BracketRequested, CancelRequested, OcoRequested, OrderRequested
from engine.reasons import Reason
from engine.view import GroupView, OrderView, Question, group_view
from statecharts.vocabulary import BracketState, Milestone, OcoState

ANSWER_S: Final = 5.0  # the writer answers in microseconds, unless it is connecting
LOOK_S: Final = 0.1  # between looks while waiting, in case an event was dropped
TOLD_S: Final = 1.0  # the bus delivers within this, unless a handler is slow
GROUPS_MAX: Final = 4_096  # whose passed states are remembered
REFUSED: Final = "refused"
ENDED: Final = frozenset({"done", "failed"})
Request = BracketRequested | OcoRequested | OrderRequested


class GroupWatch:
    """The engine as handles need it: its inbox, and what its bus has told of groups.

    A group is known by its first order id, which it has from the beginning and keeps; the names
    of its one-cancels-all groups change.
    """

    def __init__(self, inbox: Inbox, bus: EventBus) -> None:
        self._inbox = inbox
        self._bus = bus
        self._passed: dict[int, tuple[str, ...]] = {}  # the latest told last
        self._changed = threading.Condition()
        self._begun = False

    def begin(self) -> None:
        """Listen from now on. Not before it is needed: a bus without observers costs nothing."""
        with self._changed:
            if not self._begun:
                self._begun = True
                self._bus.subscribe(OrderGroupEvent, self._told)

    def _told(self, event: OrderGroupEvent) -> None:
        first = event.order_ids[0]
        with self._changed:
            self._passed[first] = (*self._passed.pop(first, ()), event.state)
            if len(self._passed) > GROUPS_MAX:
                del self._passed[next(iter(self._passed))]
            self._changed.notify_all()

    def passed(self, first: int) -> tuple[str, ...]:
        with self._changed:
            return self._passed.get(first, ())

    def more_than(self, known: int, first: int, timeout_s: float) -> None:
        """Until a group was told to have passed more than ``known`` states."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._passed.get(first, ())) > known, timeout_s)

    def told_up_to(self, state: str, first: int, timeout_s: float) -> tuple[str, ...]:
        """All states of a group once ``state`` was told, which the writer knows already."""
        with self._changed:
            self._changed.wait_for(lambda: state in self._passed.get(first, ()), timeout_s)
            return self._passed.get(first, ())

    def request(self, request: Request | CancelRequested) -> str | None:
        """Hand in a request and wait until it is durable; the reason if it was refused."""
        refusal: RefusalEvent | None = self._inbox.ask(request)
        return refusal.reason if refusal is not None else None

    def look(self, reference: str, timeout_s: float = ANSWER_S) -> GroupView | None:
        question = Question(lambda state, _: group_view(state, reference))
        view: GroupView | None = self._inbox.ask(question, timeout_s)
        return view

    def cancel(self, reference: str) -> None:
        """Take back what has not filled; nothing to do if all of it is over.

        Raises:
            UserError: nothing was placed under this reference, or the session is not live.
        """
        reason = self.request(CancelRequested(reference))
        if reason is None:
            return
        if reason != Reason.NOTHING_TO_CANCEL:
            raise UserError(f"{reference} was not cancelled: {reason}")
        if self.look(reference) is None:
            raise UserError(f"nothing was placed under the reference {reference!r}")


class OrderGroup:
    """Orders that were placed together under one reference; ``str`` gives the reference.

    ``refusal`` is the reason if the request was refused (one of ``engine.reasons.Reason``, as
    text), else None. Everything else asks the writer, from any thread, and may raise
    LimitError when the engine has stopped and TimeoutError while it is connecting.
    """

    kind: ClassVar[str]
    state_names: ClassVar[type[IntEnum]]
    ended: ClassVar[frozenset[str]] = ENDED
    words: ClassVar[Mapping[str, str]] = {}  # its own for what its events tell; "" is nothing

    def __init__(self, reference: str, refusal: str | None, watch: GroupWatch) -> None:
        self.reference: Final = reference
        self.refusal: Final = refusal
        self._watch = watch
        self._first = 0  # order id; 0 until it is known

    def __str__(self) -> str:
        return self.reference

    def __repr__(self) -> str:
        refused = f", refused: {self.refusal}" if self.refusal is not None else ""
        return f"{type(self).__name__}({self.reference!r}{refused})"

    @property
    def state(self) -> str:
        """Its state in its chart, in lower case (``open``), or ``refused``."""
        return REFUSED if self.refusal is not None else self._look().state

    @property
    def orders(self) -> tuple[OrderView, ...]:
        """All its orders, also finished ones, in order of placing; the entry or first leg comes
        first. Empty if refused, and some time (15 minutes) after a bracket is done."""
        return () if self.refusal is not None else self._look().orders

    @property
    def order_ids(self) -> tuple[int, ...]:
        return tuple(order.order_id for order in self.orders)

    def wait(self, states: str | Collection[str] = (), timeout_s: float = 30.0) -> str:
        """Until it has reached one of ``states``; which one. It may have moved on since.

        Without ``states``: until it is over. Not for a handler of the bus, which must not wait.

        Raises:
            UserError: it was refused; it is over and was in none of ``states``; or there is no
                such state.
            TimeoutError: none of them was reached in ``timeout_s``.
            LimitError: the engine has stopped.
        """
        wanted = self._named({states} if isinstance(states, str) else set(states)) or self.ended
        if self.refusal is not None:
            raise UserError(f"{self.kind} {self.reference} was refused: {self.refusal}")
        deadline = time.monotonic() + timeout_s
        while True:
            known = len(self._watch.passed(self._first))
            left_s = deadline - time.monotonic()
            reached = wanted.intersection(self._passed()) - self.ended
            now = "" if reached else self._now(max(left_s, LOOK_S))
            if now in self.ended and wanted != {now}:  # what it passed may still be on its way
                self._watch.told_up_to(self._told_as(now), self._first, TOLD_S)
            # That it is over is the writer's to say: one bracket of several ends by itself.
            passed = [one for one in self._passed() if now in self.ended or one not in self.ended]
            for state in (*passed, now):
                if state in wanted:
                    return state
            names = " or ".join(sorted(wanted))
            if now in self.ended:
                raise UserError(
                    f"{self.kind} {self.reference} is over and never was {names}, but "
                    + (", ".join(passed) or now)
                )
            if left_s <= 0:
                raise TimeoutError(
                    f"{self.kind} {self.reference} was not {names} in {timeout_s:g} s"
                )
            self._watch.more_than(known, self._first, min(left_s, LOOK_S))

    def cancel(self) -> None:
        """Take back what has not filled; what is held stays protected. Asks, and does not wait.

        Raises:
            UserError: it was refused, so there is nothing of it; or the session is not live.
        """
        if self.refusal is not None:
            raise UserError(f"{self.kind} {self.reference} was refused: {self.refusal}")
        self._watch.cancel(self.reference)

    def _look(self, timeout_s: float = ANSWER_S) -> GroupView:
        view = self._watch.look(self.reference, timeout_s)
        assert view is not None, f"{self.reference} was accepted and is unknown"
        if view.orders:
            self._first = view.orders[0].order_id
        return view

    def _passed(self) -> tuple[str, ...]:
        """The states that were told of it, in its own words."""
        told = self._watch.passed(self._first)
        return tuple(own for state in told if (own := self.words.get(state, state)))

    def _told_as(self, state: str) -> str:
        return next((told for told, own in self.words.items() if own == state), state)

    def _now(self, timeout_s: float) -> str:
        try:
            return self._look(min(timeout_s, ANSWER_S)).state
        except TimeoutError:  # the writer is connecting; it will be back
            return ""

    def _named(self, states: set[str]) -> set[str]:
        names = [state.name.lower() for state in self.state_names]
        for state in states:
            if state not in names:
                article = "a" if self.kind == "bracket" else "an"
                raise UserError(
                    f"{article} {self.kind} is never {state!r}; its states: {', '.join(names)}"
                )
        return states


class BracketOrder(OrderGroup):
    """An entry with its stop and target; see ``docs/statecharts`` for its states."""

    kind = "bracket"
    state_names = BracketState


class OCOGroup(OrderGroup):
    """Two orders of which one may fill."""

    kind = "oco"
    state_names = OcoState


class Order(OrderGroup):
    """One order by itself: a group of one. Its shares are the caller's to protect.

    ``state`` is one of ``asked``, ``working``, ``part_filled``, ``filled``, ``dead`` (cancelled,
    rejected or expired with a rest) and ``unknown`` (the broker does not answer), or ``refused``.
    Its events are those of any order, and an ``OrderGroupEvent`` of a pair with one leg.
    """

    kind = "order"
    state_names = Milestone
    ended = frozenset({"filled", "dead"})
    words: ClassVar[Mapping[str, str]] = {
        OcoState(group).name.lower(): milestone.name.lower()
        for group, milestone in (
            (OcoState.SENDING, Milestone.ASKED),
            (OcoState.LIVE, Milestone.WORKING),
            (OcoState.ONE_FILLED, Milestone.FILLED),
            (OcoState.FAILED, Milestone.DEAD),
        )
    } | {OcoState.DONE.name.lower(): ""}  # the grace for late fills is over: no news

    @property
    def order(self) -> OrderView:
        """As it is now.

        Raises:
            UserError: it was refused, so there is none.
        """
        if self.refusal is not None:
            raise UserError(f"{self.kind} {self.reference} was refused: {self.refusal}")
        (order,) = self.orders
        return order

    @property
    def filled(self) -> Decimal:
        """Shares that have executed; 0 if it was refused."""
        return self.order.filled if self.refusal is None else Decimal(0)

    @property
    def average_price(self) -> Decimal:
        """Of what has executed; 0 while that is nothing."""
        return self.order.average_price if self.refusal is None else Decimal(0)

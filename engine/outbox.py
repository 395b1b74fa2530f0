"""What one step of the core hands back: commands to carry out, events to tell.

Order commands go through here and nowhere else, so that a place, an amendment or a cancellation
always steps its order's chart before a byte can exist, and is always told.
"""

from __future__ import annotations

from typing import Any, Final, TypeVar

import attrs

from engine import invariants
from engine.commands import Amend, Cancel, Command, OrderSpec, Place
from engine.contexts import Context
from engine.events import (
    AlertEvent,
    AlertLevel,
    BaseEvent,
    ContextChangedEvent,
    NewOrderEvent,
    OrderStatusEvent,
    RefusalEvent,
)
from engine.orders import DEAD, Order, stated_price
from engine.reasons import Reason
from engine.state import State
from statecharts.vocabulary import ContextEvent, ContextState, OrderAsk, OrderEvent, OrderReport

E = TypeVar("E", bound=BaseEvent)
_ASK_WORDS: Final = tuple(ask.name.lower() for ask in OrderAsk)
_REPORT_WORDS: Final = tuple(report.name.lower() for report in OrderReport)
_UNDER_WAY: Final = frozenset({OrderAsk.AMENDING, OrderAsk.CANCELLING})


@attrs.define(slots=True)
class Outbox:
    state: State
    now_ns: int
    commands: list[Command]
    events: list[BaseEvent]

    def say(self, event_class: type[E], /, **fields: Any) -> E:
        self.state.sequence += 1
        event = event_class(time_ns=self.now_ns, sequence=self.state.sequence, **fields)
        self.events.append(event)
        return event

    def say_of(self, order: Order, event_class: type[BaseEvent], /, **more: Any) -> None:
        """Tell something of an order as it is now."""
        state = self.state
        state.sequence += 1
        own = _order_fields(state, order)
        event = event_class(time_ns=self.now_ns, sequence=state.sequence, **own, **more)
        self.events.append(event)

    def alert(self, level: AlertLevel, text: str, symbol: str = "") -> None:
        context = self.state.current.get(symbol)
        joins = {} if context is None else bound(self.state, context.number)
        self.say(AlertEvent, level=level, text=text, symbol=symbol, **joins)

    def refuse(
        self,
        reason: Reason | str,
        symbol: str,
        detail: str = "",
        identity: str = "",
        rule: str = "",
    ) -> None:
        self.say(
            RefusalEvent,
            reason=str(reason),
            symbol=symbol,
            detail=detail,
            identity=identity,
            rule=rule,
        )

    # -- orders ------------------------------------------------------------------------------

    def place(self, order: Order) -> None:
        invariants.before_placing(self.state, order)
        self.state.highest_sent = order.order_id
        taken = order.step(OrderEvent.PLACE)
        assert taken, f"order {order.order_id} cannot be placed from its state"
        order.placed_ns = self.now_ns
        self._await_answer(order)
        self.commands.append(Place(order.order_id, order.symbol, order.spec))
        # Every word on an order can get lost, and then nothing else would make us ask.
        routine_s = self.state.config.timing.routine_s
        self.state.deadlines.setdefault("ask", self.now_ns + self.state.scaled(routine_s))
        minute_ago = self.now_ns - self.state.scaled(60.0)
        recent = [at_ns for at_ns in self.state.order_times if at_ns > minute_ago]
        self.state.order_times = [*recent, self.now_ns]
        self.say_of(order, NewOrderEvent, order_type=order.spec.order_type)

    def amend(self, order: Order, spec: OrderSpec) -> None:
        invariants.before_sending(self.state, order, spec)
        taken = order.step(OrderEvent.AMEND)
        assert taken, f"order {order.order_id} cannot be amended from its state"
        order.spec = spec
        self._await_answer(order)
        self.commands.append(Amend(order.order_id, order.symbol, spec))
        self.say_of(order, OrderStatusEvent, previous="placed")

    def cancel(self, order: Order) -> None:
        assert self.state.live, f"order {order.order_id} would be cancelled without a session"
        taken = order.step(OrderEvent.CANCEL)
        assert taken, f"order {order.order_id} cannot be cancelled from its state"
        order.contradicted = False
        self._await_answer(order)
        self.commands.append(Cancel(order.order_id))
        self.say_of(order, OrderStatusEvent, previous="placed")

    def _await_answer(self, order: Order) -> None:
        order.asked_ns = self.now_ns
        order.deadline_ns = self.now_ns + self.state.scaled(self.state.config.timing.answer_s)
        self.state.deadlines[f"answer:{order.order_id}"] = order.deadline_ns

    # -- contexts ----------------------------------------------------------------------------

    def advance(
        self, context: Context, event: ContextEvent, asked_by: str = "", decided_by: str = ""
    ) -> bool:
        """Step a context and tell it, with the signal that asked and the rule. A pair without a
        row quarantines the symbol: our picture of it is wrong, and acting on a wrong picture is
        how money is lost."""
        before = context.state
        if context.step(event):
            if context.state != before:
                self._tell(context, before, event.name.lower(), asked_by, decided_by)
            return True
        self.alert(
            "critical",
            f"context {context.number} in {ContextState(before).name} met {event.name}: "
            "no such row; the symbol is frozen",
            context.symbol,
        )
        self.freeze(context, f"{event.name.lower()} in {ContextState(before).name.lower()}")
        return False

    def freeze(self, context: Context, why: str) -> None:
        before = context.state
        self.state.frozen[context.symbol] = why
        self.state.doubts = True
        if before != ContextState.FROZEN:
            context.frozen_from, context.state = before, ContextState.FROZEN
            self.state.current.setdefault(context.symbol, context)
            self._tell(context, before, why)

    def _tell(
        self, context: Context, before: int, cause: str, asked_by: str = "", decided_by: str = ""
    ) -> None:
        self.say(
            ContextChangedEvent,
            symbol=context.symbol,
            side="long" if context.side > 0 else "short",
            old=ContextState(before).name.lower(),
            new=ContextState(context.state).name.lower(),
            cause=cause,
            reason=context.exit_reason,
            asked_by=asked_by,
            decided_by=decided_by,
            **bound(self.state, context.number),
        )


def bound(state: State, number: int, intent: int = 0) -> dict[str, Any]:
    """What joins an event to a trade or a group, and to what was asked for (``TradeBound``)."""
    trade = f"{state.tag}-{number}"
    context = state.contexts.get(number)
    if context is not None:
        plan, asked = context.plan, context.intents[intent]
        return {
            "trade": trade,
            "identity": asked.identity or plan.identity,
            "rule": asked.rule or plan.rule,
        }
    group = state.groups.get(number)
    if group is not None:
        return {"trade": trade, "identity": group.identity, "rule": group.rule}
    return {"trade": trade}


def _order_fields(state: State, order: Order) -> dict[str, Any]:
    """The fields that all order events share, from the order as it is now."""
    context, spec = state.contexts.get(order.owner), order.spec
    fields = bound(state, order.owner, 0 if context is None else context.tranche_of(order).intent)
    fields["order_id"] = order.order_id
    fields["perm_id"] = order.perm_ids[-1] if order.perm_ids else 0
    fields["order_ref"] = spec.order_ref
    fields["symbol"] = order.symbol
    fields["side"] = spec.action
    fields["quantity"] = spec.quantity
    fields["filled"] = order.filled
    fields["remaining"] = order.remaining
    fields["price"] = stated_price(spec)
    fields["status"] = status_word(order.asked, order.reported)
    fields["role"] = str(order.role)
    return fields


def status_word(asked: int, reported: int) -> str:
    """One word for an order: what we are asking of it, else what the broker says."""
    if asked in _UNDER_WAY and reported not in DEAD:
        return _ASK_WORDS[asked]
    return _REPORT_WORDS[reported]

"""Intents that are armed: decided ahead, and sent by the reader the moment their price comes.

What was decided ahead was of a state. So a set of them holds until the next step of the core,
whatever that is, and only one of them may leave. Their numbers and order ids are beside each
other: whichever leaves, its orders bear names that no other has.

A run that ends with a set armed leaves open whether one has left. Then each is taken as sent: its
orders are as unknown as any whose bytes may not have arrived, the broker tells which are there,
and the others are proven absent (law 8).
"""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from engine.events import BaseEvent
from engine.inputs import ArmedIntent, IntentsArmed
from engine.outbox import Outbox
from engine.state import State


def on_armed(state: State, _: Outbox, armed: IntentsArmed) -> None:
    state.armed = armed.intents


def take(state: State, number: int) -> None:
    """The intent of this watch has left: what it orders has the names that it was given."""
    intent = next((one for one in state.armed if one.number == number), None)
    assert intent is not None, f"what left for watch {number} was not armed"
    state.next_order_id = max(state.next_order_id, intent.order_ids[0])
    state.next_number = max(state.next_number, intent.context)


def tell_doubt(state: State, out: Outbox) -> None:
    named = ", ".join(f"{one.rule} on {one.market.symbol}" for one in state.armed)
    text = f"the last run ended while orders were armed: {named}; asking whether any has left"
    out.alert("warning", text)


def adopt(
    state: State, out: Outbox, intent: ArmedIntent, other: State, events: Iterable[BaseEvent]
) -> None:
    """Take over what an intent has begun in ``other``, a copy of before that went on with it."""
    context = other.contexts[intent.context]
    assert tuple(context.orders) == intent.order_ids, f"armed as {intent.order_ids}"
    state.contexts[context.number] = state.current[context.symbol] = context
    for order in context.orders.values():
        state.orders[order.order_id] = state.by_ref[order.spec.order_ref] = order
    state.order_times = sorted([*state.order_times, *[intent.now_ns] * len(context.orders)])
    state.next_order_id = max(state.next_order_id, other.next_order_id)
    state.highest_sent = max(state.highest_sent, other.highest_sent)
    state.next_number = max(state.next_number, other.next_number)
    for event in events:
        state.sequence += 1
        out.events.append(attrs.evolve(event, time_ns=out.now_ns, sequence=state.sequence))

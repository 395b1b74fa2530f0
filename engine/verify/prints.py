"""Fingerprints of the core's state: equal for states from which the same can happen.

Moments count from now, those that lie too far back to matter are alike, and what is only told to
people is left out. Whatever a fingerprint does not look at stands in ``LEFT_OUT`` with the reason;
the tests hold that against the fields there are.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Final

import attrs

from engine.config import SECOND_NS
from engine.contexts import Context
from engine.groups import Group
from engine.orders import Order
from engine.positions import Ledger, Position
from engine.state import Round, State
from engine.tranches import Tranche

STEADY_NS: Final = 61 * SECOND_NS  # the longest age that the core ever asks about
LOOKED_NS: Final = 301 * SECOND_NS  # but for that of the first look at what others hold
FAR_NS: Final = 3600 * SECOND_NS  # a deadline beyond this is not waited for

_SAME: Final = "the same in all of a situation"
_FOUND: Final = "another way to find what is looked at elsewhere"
_TOLD: Final = "told to people and to nobody else"
_NAME: Final = "a name for what is looked at by its content"
_PACE: Final = "counted against limits that no situation comes near"
_FOLD: Final = "a sum of the fills that are looked at"

LEFT_OUT: Final[dict[type, dict[str, str]]] = {
    State: {
        "config": _SAME,
        "run": _SAME,
        "tag": _SAME,
        "account": _SAME,
        "foreign_of": _SAME,
        "client_id": _SAME,
        "rules": _SAME,
        "profit_rules": _SAME,
        "event_rules": _SAME,
        "closing_margins": _SAME,
        "followed": _SAME,
        "instruments": "defined by the broker, always alike; which are known, the symbols tell",
        "epoch": "what arrives carries the epoch it belongs to",
        "sequence": _TOLD,
        "told": _TOLD,
        "day_start_ns": _TOLD,
        "highest_sent": "an order in itself",
        "by_ref": _FOUND,
        "by_perm": _FOUND,
        "watch_names": _FOUND,
        "next_watch": _NAME,
        "early_commissions": "profit only, and here they come with their executions",
        "armed": "until the next step, and the small broker's engine arms nothing",
        "consumed": "every prompt is a new signal",
        "account_values": "the small broker tells none",
        "account_told_ns": "the small broker tells none",
        "cooldown_until": "cooldowns are off",
        "executions_today": _PACE,
        "entry_times": _PACE,
        "stop_out_times": _PACE,
        "order_times": _PACE,
    },
    Order: {
        "symbol": _SAME,
        "average_price": _TOLD,
    },
    Context: {
        "symbol": _SAME,
        "opened_ns": _TOLD,
        "rested_ns": _TOLD,
        "exit_reason": "told, and it ends cooldowns, which are off",
        "trade_realised": _TOLD,
        "trade_commission": _TOLD,
        "orders": "each order names its owner",
    },
    Tranche: {
        "number": "its place",
        "generation": "a part of the group's name",
        "orders": "each order names its tranche",
    },
    Group: {
        "symbol": _SAME,
        "oca_group": "named after its number",
        "ended_ns": "the deadline of its symbol says when it is forgotten",
        "orders": "each order names its owner",
        "identity": _TOLD,
        "rule": _TOLD,
    },
    Ledger: {
        "fills": "the same keys as the revisions, and their sums",
        "order_of": "a part of the execution's name",
    },
    Position: {
        "realised": _TOLD,
        "cash": _TOLD,
        "opened_quantity": _FOLD,
        "opened_value": _FOLD,
        "closed_quantity": _FOLD,
        "closed_value": _FOLD,
    },
    Round: {
        "started_ns": "each order is compared with it",
    },
}


def fingerprint(state: State, now_ns: int) -> Hashable:
    """Equal for states that behave alike from ``now_ns`` on."""
    asked = state.round
    since_ns = asked.started_ns if asked.running else None
    return (
        state.session,
        state.next_order_id,
        state.next_number,
        tuple(state.symbols.values()),
        tuple([_order(order, now_ns, since_ns) for order in state.orders.values()]),
        tuple([_context(context, now_ns) for context in state.contexts.values()]),
        tuple([_group(one) for one in state.groups.values()]),
        tuple([(symbol, context.number) for symbol, context in state.current.items()]),
        tuple(state.references.items()),
        frozenset(state.used_references.items()),
        tuple(state.direct_past.items()),
        tuple(state.shares.items()),
        frozenset(state.execution_owner.items()),
        tuple(state.looking.items()),
        tuple(
            [
                (symbol, tuple([(one.rule_id, len(one.fired)) for one in waiting]))
                for symbol, waiting in state.asked_rules.items()
            ]
        ),
        tuple([(name, watch.level) for name, watch in state.watches.items()]),
        None if state.halt is None else state.halt.level,
        tuple(state.frozen),
        tuple(
            [
                (
                    *(symbol, one.difference, one.held),
                    max(one.since_ns - now_ns, -STEADY_NS),
                    max(one.began_ns - now_ns, -STEADY_NS),
                )
                for symbol, one in state.suspects.items()
            ]
        ),
        tuple(state.foreign.items()),
        tuple(state.foreign_found.items()),
        tuple(
            [
                (con_id, *attrs.astuple(one)[:-1], max(one.looked_ns - now_ns, -LOOKED_NS))
                for con_id, one in state.foreign_early.items()
            ]
        ),
        frozenset(state.foreign_fills.items()),
        frozenset(state.foreign_orders.items()),
        tuple(
            [
                (max(at_ns - now_ns, 0), name)
                for name, at_ns in sorted(state.deadlines.items())
                if at_ns - now_ns < FAR_NS
            ]
        ),
        None
        if since_ns is None
        else (frozenset(asked.waiting), frozenset(asked.seen), tuple(asked.positions.items())),
        asked.epoch == state.epoch,
        state.oca_amendable,
        state.doubts,
        max(state.ask_from_ns - now_ns, -STEADY_NS),
        state.ask_pause_s,
        frozenset(state.dirty),
    )


def _order(order: Order, now_ns: int, since_ns: int | None) -> Hashable:
    spec = order.spec
    refused = order.refused
    return (
        order.order_id,
        order.role,
        order.owner,
        order.tranche,
        order.attached,
        # What it does not say of the spec follows from the role and from the context's plan.
        spec.action,
        spec.order_type,
        spec.quantity,
        spec.aux_price,
        spec.limit_price,
        spec.oca_group,
        order.asked,
        order.reported,
        order.filled,
        order.status_filled,
        order.said_filled,
        len(order.perm_ids),
        order.why_held,
        order.confirmed_quantity,
        order.confirmed_price,
        None
        if refused is None
        else (refused.quantity, refused.aux_price, refused.limit_price, refused.trail_stop_price),
        bool(order.deadline_ns),
        order.absences,
        order.contradicted,
        order.risen_id,
        order.overtold_ns and max(order.overtold_ns - now_ns, -STEADY_NS),
        None if order.dead else max(order.placed_ns - now_ns, -STEADY_NS),
        None if order.dead else max(order.asked_ns - now_ns, -STEADY_NS),
        not order.dead and order.asked_ns > order.placed_ns,
        since_ns is not None and (order.placed_ns >= since_ns, order.asked_ns < since_ns),
    )


def _context(context: Context, now_ns: int) -> Hashable:
    plan = context.plan
    reverses = context.reverse_to is not None
    return (
        context.number,
        # The rest of a plan is the situation's; of distances and aims, the intents tell.
        (plan.side, plan.quantity, plan.decision_price, plan.stop_distance, plan.entry_price),
        context.state,
        context.frozen_from,
        max(context.reverse_before_ns - now_ns, -1) if reverses else None,
        tuple([_tranche(tranche, now_ns) for tranche in context.tranches]),
        tuple(context.intents),
        context.anchors,
        context.entry_over,
        context.adds_over,
        context.levels_used,
        context.trail_level,
        max(context.trail_told_ns - now_ns, -STEADY_NS),
        context.escalated,
        context.trade_closed,
        _ledger(context.ledger),
    )


def _group(group: Group) -> Hashable:
    return group.number, group.state, group.price, group.reduces, _ledger(group.ledger)


def _tranche(tranche: Tranche, now_ns: int) -> Hashable:
    return (
        tranche.intent,
        tranche.aim,
        tranche.oca_group,
        tranche.bracket,
        tranche.trim,
        max(tranche.entry_filled_ns - now_ns, -STEADY_NS) if tranche.own else 0,
        max(tranche.retry_ns - now_ns, 0),
        tuple(sorted(tranche.failures.items())),
    )


def _ledger(ledger: Ledger) -> Hashable:
    """Which executions are known, not in which order they came."""
    position = ledger.position
    return (
        frozenset(ledger.revisions.items()),
        frozenset(ledger.totals.items()),
        frozenset(ledger.commissions),
        tuple(sorted(ledger.retracted.items())),
        position.quantity,
        position.average_price,
    )

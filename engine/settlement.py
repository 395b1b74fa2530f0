"""How a trade ends: rest, the telling of it, and when nothing of it can happen any more.

Also the groups: a bracket is told as it moves, an OCO is kept from filling twice.
"""

from __future__ import annotations

from typing import Final, Literal

from engine import brackets, invariants
from engine.contexts import Context
from engine.decisions import ask_for_reversal
from engine.events import OrderGroupEvent, TradeEvent
from engine.groups import NO_PAST, Group
from engine.halts import TAKE_BACK
from engine.holdings import past_with
from engine.orders import Order
from engine.outbox import Outbox, bound
from engine.portfolio import note_stop_out
from engine.positions import Ledger, correction
from engine.rulebook import clear_cooldowns
from engine.state import DAY_NS, State
from statecharts.vocabulary import BracketState, OcoState, OrderReport

KEPT_S: Final = 900.0  # how long a finished context can still be found


def came_to_rest(state: State, out: Outbox, context: Context) -> None:
    """Flat, and nothing alive: the symbol is free again."""
    invariants.at_rest(context)
    symbol = context.symbol
    context.rested_ns = out.now_ns
    if state.current.get(symbol) is context:
        del state.current[symbol]
        # Late shares of an earlier trade may still be on their way out: nothing else begins then.
        for other in state.contexts.values():
            if other.symbol == symbol and not other.settled:
                state.current[symbol] = other
                break
    if context.exit_reason in ("stop", "stop_unfilled"):
        clear_cooldowns(state, symbol)
        note_stop_out(state, symbol, out.now_ns)
    ask_for_reversal(state, out, context)
    if symbol not in state.current:
        for other in state.contexts.values():
            if other.symbol == symbol and other.settled and other is not context:
                ask_for_reversal(state, out, other)  # it has waited for this one


def report_trade(state: State, out: Outbox, context: Context) -> None:
    """Tell the finished trade once its commissions are in, or will not come any more."""
    position = context.ledger.position
    quantity = position.closed_quantity - context.trade_closed
    graced = not any(order.may_fill for order in context.orders.values())
    if quantity and (context.ledger.commissions_complete or graced):
        realised = position.realised - context.trade_realised
        context.trade_closed = position.closed_quantity
        context.trade_realised = position.realised
        commission = context.ledger.commission - context.trade_commission
        context.trade_commission = context.ledger.commission
        out.say(
            TradeEvent,
            symbol=context.symbol,
            side="long" if context.side > 0 else "short",
            quantity=quantity,
            entry_price=position.entry_price,
            exit_price=position.exit_price,
            reason=context.exit_reason,
            realised=realised - commission,
            commission=commission,
            opened_ns=context.opened_ns,
            closed_ns=context.rested_ns,
            **bound(state, context.number),
        )
    if graced and context.reverse_to is None:
        state.deadlines.setdefault(f"drop:{context.number}", out.now_ns + state.scaled(KEPT_S))


def drop(state: State, context: Context, now_ns: int) -> None:
    """Forget a finished context. Fills ten minutes after a cancel have been seen, and each must
    find whom it belongs to; after that nothing of it is expected any more. While the link is away
    nothing can be heard, and nothing is forgotten: the next sync gives it its time anew."""
    if not context.settled or any(order.may_fill for order in context.orders.values()):
        return
    if not state.live:
        return
    _forget_orders(state, context.orders)
    _keep_corrections(state, context.ledger, now_ns)
    _forget_reference(state, context.plan.identity, context.number, "bracket", now_ns)
    del state.contexts[context.number]


def forget_groups(state: State, symbol: str, now_ns: int) -> None:
    """Those of a symbol that ended long ago, the oldest first: what they have brought is kept as
    one sum. One that lives keeps later ones here, for each counts after those before it."""
    kept_ns = state.scaled(KEPT_S)
    for group in [one for one in state.groups.values() if one.symbol == symbol]:
        if group.state != OcoState.DONE:
            return  # its end will bring us back
        busy = not state.live or any(order.may_fill for order in group.orders.values())
        due_ns = (now_ns if busy else group.ended_ns) + kept_ns
        if due_ns > now_ns:
            state.deadlines[f"past:{symbol}"] = due_ns
            return
        if group.ledger.fills:
            past = state.direct_past.get(symbol, NO_PAST)
            state.direct_past[symbol] = past_with(past, group)
        _forget_orders(state, group.orders)
        _keep_corrections(state, group.ledger, now_ns)
        _forget_reference(state, group.identity, group.number, group.kind, now_ns)
        del state.groups[group.number]


def _forget_orders(state: State, orders: dict[int, Order]) -> None:
    for order in orders.values():
        del state.orders[order.order_id]
        del state.by_ref[order.spec.order_ref]
        for perm_id in order.perm_ids:
            state.by_perm.pop(perm_id, None)


def _keep_corrections(state: State, ledger: Ledger, now_ns: int) -> None:
    """What was corrected and counted is no news when a round brings it again."""
    for identity, number in ledger.revisions.items():
        if number > 1:
            state.first_told(correction(ledger.fills[identity]), now_ns)


def _forget_reference(state: State, reference: str, number: int, kind: str, now_ns: int) -> None:
    """That it was used is known for another day."""
    if state.references.get(reference) == number:
        del state.references[reference]
        state.used_references.keep(reference, kind, now_ns, DAY_NS)


def tell_brackets(out: Outbox, context: Context) -> None:
    for tranche in context.tranches:
        while brackets.advance(context, tranche):
            name = BracketState(tranche.bracket).name
            _tell_group(out, "bracket", name, tranche.oca_group, tranche.orders)


def settle_group(state: State, out: Outbox, group: Group) -> None:
    """Step an OCO by what its legs report, and see to it that only one of them fills."""
    while (event := group.name_event()) is not None:
        group.step(event)
        _tell_group(out, group.kind, OcoState(group.state).name, group.oca_group, group.orders)
        if group.state == OcoState.DONE:
            group.ended_ns = out.now_ns
            due_ns = out.now_ns + state.scaled(KEPT_S)
            state.deadlines.setdefault(f"past:{group.symbol}", due_ns)
        if group.state == OcoState.OVERFILLED:
            if sum(leg.filled > 0 for leg in group.orders.values()) > 1:
                out.alert("critical", "both legs of an OCO filled", group.symbol)
            else:
                out.alert("critical", "an order filled more than asked", group.symbol)
    if not state.live:
        return
    # The broker cancels the sibling of a leg that fills; if it does not, we do. Of what is too
    # much already nothing more is wanted, nor when halted, nor of what was called dead.
    decided = group.state in (OcoState.ONE_FILLED, OcoState.PART_FILLED, OcoState.FAILED)
    halted = state.halt is not None and state.halt.level >= TAKE_BACK
    none_wanted = (halted and not group.reduces) or group.state == OcoState.OVERFILLED
    for leg in group.orders.values():
        unwanted = none_wanted or (decided and not leg.filled)
        living = leg.resting and leg.reported != OrderReport.UNKNOWN
        if (unwanted and living) or leg.unwanted:
            out.cancel(leg)


def _tell_group(
    out: Outbox,
    kind: Literal["bracket", "oco", "order"],
    name: str,
    oca_group: str,
    orders: dict[int, Order],
) -> None:
    first = next(iter(orders.values()))
    out.say_of(
        first,
        OrderGroupEvent,
        group=oca_group,
        kind=kind,
        state=name.lower(),
        order_ids=tuple(orders),
    )

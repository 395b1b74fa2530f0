"""A tranche as a bracket: what opens it, stop and target seen as one group.

The bracket drives nothing; it is how the three orders are reported and drawn. Its events are
named from the orders' own reports, one at a time, until they mean nothing new.
"""

from __future__ import annotations

from engine.charts import BRACKET, NO_ROW
from engine.contexts import Context
from engine.orders import EXIT_ROLES, OPENING_ROLES, Order
from engine.tranches import Tranche
from statecharts.vocabulary import BracketEvent, BracketState, ContextState, OrderReport

_BEFORE_ENTRY = (BracketState.SENDING, BracketState.ENTRY_LIVE)
_UNDER_WAY = (*_BEFORE_ENTRY, BracketState.PART_OPEN, BracketState.OPEN)
_LEAVING = (ContextState.CLOSING, ContextState.REVERSING, ContextState.CONCLUDING)


def advance(context: Context, tranche: Tranche) -> bool:
    """Take one event, if there is one; True when the bracket's state changed."""
    event = _name(context, tranche)
    if event is None:
        return False
    after = BRACKET.step(tranche.bracket, event)
    assert after != NO_ROW, f"bracket in {tranche.bracket} met {event.name}"
    tranche.bracket = after
    return True


def _name(context: Context, tranche: Tranche) -> BracketEvent | None:
    state = tranche.bracket
    if state == BracketState.DRAFT:
        return BracketEvent.SEND
    if state == BracketState.DONE:
        return None
    opening = [o for o in tranche.orders.values() if o.role in OPENING_ROLES]
    if not opening:
        return None
    entry, gone = opening[0], tranche.own == 0
    over = context.settled or (state == BracketState.EXITING and gone and tranche.all_dead)
    if over and state not in _BEFORE_ENTRY:
        return BracketEvent.SETTLED
    if state == BracketState.EXITING:
        return None
    if state in _UNDER_WAY and gone and _exited(tranche):
        return BracketEvent.EXIT_FILLED
    if entry.dead and not entry.filled:
        return BracketEvent.PARENT_DIED if state in _BEFORE_ENTRY else None
    if state in _UNDER_WAY and context.state in _LEAVING:
        return BracketEvent.CANCEL
    return None if state == BracketState.OPEN else _name_parent(entry, state)


def _name_parent(entry: Order, state: int) -> BracketEvent | None:
    if entry.dead:
        complete = entry.reported == OrderReport.FILLED
        return BracketEvent.PARENT_FILLED if complete else BracketEvent.PARENT_DIED_PART_FILLED
    if entry.filled:
        begins = state != BracketState.PART_OPEN
        return BracketEvent.PARENT_PART_FILLED if begins else None
    if entry.active and state in (BracketState.SENDING, BracketState.FAILED):
        return BracketEvent.PARENT_WORKING
    return None


def _exited(tranche: Tranche) -> bool:
    return any(order.filled for order in tranche.orders.values() if order.role in EXIT_ROLES)

"""A stop that the price has passed and that does not fill.

Triggered is not filled: a halt, a gap through a stop-limit, an exchange that lost it. When the
price has stayed behind the stop for longer than the policy allows, in a market that trades, the
stop is taken back and what is held leaves at the market. Never both at once: what the stop works
on would block the market order, or double it. Nor is the stop made into a market order: TWS refuses
changes of type that it does not like (329), and changes of a member of a group, now with the order
kept and now with it dropped; to find out would take longer than the way that is always open.
"""

from __future__ import annotations

from engine.contexts import PROTECTING_STATES, Context
from engine.inputs import MarketView, Side
from engine.money import exact
from engine.outbox import Outbox
from engine.portfolio import open_until
from engine.risk import market_reason
from engine.state import State
from engine.watches import look
from statecharts.vocabulary import ContextEvent


def passed(state: State, out: Outbox, number: int) -> None:
    """The price has reached the stop of a context: it has its time to fill."""
    context = state.contexts.get(number)
    if context is None or context.state not in PROTECTING_STATES:
        return
    _look_later(state, out, context)


def overdue(state: State, out: Outbox, number: str) -> None:
    """Its time is over: see where the price is now."""
    context = state.contexts.get(int(number))
    if context is not None and context.state in PROTECTING_STATES and context.held:
        look(state, out, context.symbol, f"stop:{context.number}")


def judge(state: State, out: Outbox, context: Context, market: MarketView) -> None:
    """Escalate if the price is still behind the stop; wait on if nobody can tell, or trade."""
    if context.state not in PROTECTING_STATES or not context.held:
        return
    instrument = state.instruments[context.symbol]
    leaving: Side = "SELL" if context.side > 0 else "BUY"
    if (
        not state.live
        or open_until(state, instrument, out.now_ns) is None
        or market_reason(market, leaving, state.config.limits) is not None
    ):
        _look_later(state, out, context)
        return
    price = market.price(leaving)
    assert price is not None
    level = context.stop_level(instrument.grid)
    if (exact(price) - level) * context.side > 0:
        return  # it came back; the watch fires anew if it passes again
    context.escalated = True
    context.exit_reason = "stop_unfilled"
    out.alert(
        "critical",
        f"the price is behind the stop at {level} and it does not fill; closing by market",
        context.symbol,
    )
    out.advance(context, ContextEvent.CLOSE_REQUESTED)
    state.dirty.add(context.number)


def _look_later(state: State, out: Outbox, context: Context) -> None:
    patience = context.plan.trade.stop_unfilled_after_s
    if patience is not None:
        at_ns = out.now_ns + state.scaled(patience)
        state.deadlines.setdefault(f"beyond:{context.number}", at_ns)

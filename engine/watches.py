"""What the market is watched for, so that the core hears of a price without seeing each tick.

A watch has a name in the core (who wants it) and a number outside; the runtime evaluates it in
compiled code. Watches are desired state like exits: after every step those that should exist are
compared with those that do. A run begins with all of them told anew.
"""

from __future__ import annotations

from typing import Literal

from engine.commands import Follow, LookAtMarket, Unwatch, Watch
from engine.contexts import PROTECTING_STATES, Context
from engine.orders import Role
from engine.outbox import Outbox
from engine.records import frozen
from engine.state import State

Op = Literal["above", "below", "over", "under"]


@frozen
class Level:
    """A price or an indicator to watch for. ``at_once``: it counts also if it is reached already.
    ``against``: the indicator at which the level is, instead of ``level``."""

    field: str
    op: Op
    level: float
    at_once: bool = True
    against: str = ""


def set_watch(state: State, out: Outbox, name: str, symbol: str, wanted: Level) -> None:
    known = state.watches.get(name)
    if known is not None and (known.field, known.op, known.level, known.against) == (
        wanted.field,
        wanted.op,
        wanted.level,
        wanted.against,
    ):
        return
    drop_watch(state, out, name)
    number = state.next_watch
    state.next_watch = number + 1
    watch = Watch(
        number, symbol, wanted.field, wanted.op, wanted.level, wanted.at_once, wanted.against
    )
    state.watches[name] = watch
    state.watch_names[number] = name
    out.commands.append(watch)


def drop_watch(state: State, out: Outbox, name: str) -> None:
    known = state.watches.pop(name, None)
    if known is not None:
        del state.watch_names[known.number]
        out.commands.append(Unwatch(known.number))


def follow(state: State, out: Outbox, symbol: str, wanted: tuple[str, ...]) -> None:
    """These are the indicators that a symbol's rules ask for."""
    if state.followed.get(symbol, ()) != wanted:
        state.followed[symbol] = wanted
        out.commands.append(Follow(symbol, wanted))


def tell_all(state: State, out: Outbox) -> None:
    """A run begins: the market outside knows of no watch, and follows no indicator. It has no
    symbols but those of today's settings."""
    symbols = state.config.strategy.symbols
    for symbol in state.followed.keys() - set(symbols):
        del state.followed[symbol]
    for name in [name for name, one in state.watches.items() if one.symbol not in symbols]:
        del state.watch_names[state.watches.pop(name).number]
    out.commands += [Follow(symbol, names) for symbol, names in state.followed.items()]
    out.commands += list(state.watches.values())


def watch_stop(state: State, out: Outbox, context: Context) -> None:
    """A stop that the price has passed should be filling: see that it does."""
    name = f"stop:{context.number}"
    patience = context.plan.trade.stop_unfilled_after_s
    wanted = context.state in PROTECTING_STATES and context.held * context.side > 0
    if not wanted or patience is None:
        drop_watch(state, out, name)
        return
    level = float(context.stop_level(state.instruments[context.symbol].grid))
    if context.side > 0:
        set_watch(state, out, name, context.symbol, Level("bid", "below", level))
    else:
        set_watch(state, out, name, context.symbol, Level("ask", "above", level))


def watch_adds(state: State, out: Outbox, context: Context) -> None:
    """A trailing stop moves without a word from the broker: see when it comes up to an add."""
    name, trail = f"add:{context.number}", context.plan.trail
    if trail is None:
        return
    limits = [
        order.spec.limit_price
        for order in context.of(Role.ADD)
        if not order.dead and order.spec.limit_price is not None
    ]
    if not limits or context.state not in PROTECTING_STATES:
        drop_watch(state, out, name)
    elif context.side > 0:
        reached = trail.price_of(max(limits), context.side)
        set_watch(state, out, name, context.symbol, Level("last", "above", float(reached)))
    else:
        reached = trail.price_of(min(limits), context.side)
        set_watch(state, out, name, context.symbol, Level("last", "below", float(reached)))


def look(state: State, out: Outbox, symbol: str, purpose: str) -> None:
    """Ask for the market as it is now; ``purpose`` says who waits for it."""
    waiting = state.looking.get(symbol, ())
    if purpose not in waiting:
        state.looking[symbol] = (*waiting, purpose)
        out.commands.append(LookAtMarket(symbol))

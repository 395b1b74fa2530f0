"""A picture of the engine for people and programs, made by the writer when it is asked.

Observers never hold a second copy of the truth: they ask through the inbox and get plain values
of one instant.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, Literal, Protocol

import attrs

from engine.contexts import Context
from engine.daybook import DayBook
from engine.groups import Group
from engine.holdings import Holdings, holdings
from engine.inputs import MarketView
from engine.money import ZERO
from engine.orders import Order, Role
from engine.outbox import status_word
from engine.state import State
from statecharts.vocabulary import (
    BracketState,
    ContextState,
    Milestone,
    OcoState,
    OrderReport,
    SessionState,
)


class Latencies(Protocol):
    """Microseconds of the latest orders."""

    @property
    def order_us(self) -> Sequence[float]: ...
    @property
    def step_us(self) -> Sequence[float]: ...
    @property
    def journal_us(self) -> Sequence[float]: ...
    @property
    def armed_us(self) -> Sequence[float]: ...


class Armed(Protocol):
    @property
    def armed(self) -> tuple[tuple[str, str], ...]:
        """(rule, symbol) of the orders that leave by themselves when their price comes."""


class Watched(Protocol):
    """What a view needs of the writer besides the core's state."""

    @property
    def latencies(self) -> Latencies: ...
    @property
    def armory(self) -> Armed: ...
    @property
    def book(self) -> DayBook: ...
    @property
    def ticks(self) -> int: ...
    @property
    def unreadable(self) -> int:
        """Messages of TWS that could not be read."""

    def now_ns(self) -> int: ...
    def market_view(self, symbol: str, now_ns: int) -> MarketView: ...
    def data_refused(self, symbol: str) -> str:
        """What TWS has said against its market data; empty: nothing."""


@attrs.frozen
class Question:
    """What the writer evaluates between two steps."""

    ask: Callable[[State, Watched], Any]


@attrs.frozen
class OrderView:
    """One order. ``price`` is the limit or the trigger, None of a market order, and of a trailing
    stop what it trails by; ``average_price`` of what it has filled is 0 while that is nothing. One
    that was given up, and that the broker lists all the same, is ``risen``."""

    order_id: int
    symbol: str
    role: str
    side: str
    quantity: Decimal
    filled: Decimal
    order_type: str
    price: Decimal | None
    status: str
    average_price: Decimal = ZERO


@attrs.frozen
class GroupView:
    """A bracket, an OCO or a single order that was placed by reference, with its orders in order
    of placing."""

    kind: Literal["bracket", "oco", "order"]
    state: str
    orders: tuple[OrderView, ...]


@attrs.frozen
class Resting:
    """An order of a trade that waits at the broker: where it acts, and for how many shares. The
    price of a ``trailing`` stop is the nearest that it is known to have reached."""

    order_id: int
    price: Decimal | None
    quantity: Decimal
    trailing: bool = False


@attrs.frozen
class SymbolView:
    """One symbol: market, context, position with its protection, profit of the open trade.

    ``quantity``, ``average_price`` and ``unrealised`` are of all its shares, also of those that
    direct orders brought; ``realised`` and ``commission`` of the trade under way, which ``rule``
    decided. Orders stand nearest first. ``brackets`` are the states of the trade's brackets: its
    entry's, one for each target, and those of its adds. ``data_refused`` is what TWS has said
    against its market data since they were asked for last; empty: nothing.
    """

    symbol: str
    state: str
    side: str
    quantity: Decimal
    average_price: Decimal
    stops: tuple[Resting, ...]
    targets: tuple[Resting, ...]
    adds: tuple[Resting, ...]
    brackets: tuple[str, ...]
    rule: str
    unrealised: float
    realised: Decimal  # so far, after its commissions
    commission: Decimal
    frozen: str
    market: MarketView
    data_refused: str

    @property
    def stop(self) -> Decimal | None:
        """Of several the nearest."""
        return self.stops[0].price if self.stops else None

    @property
    def target(self) -> Decimal | None:
        """Of several the nearest."""
        return self.targets[0].price if self.targets else None


@attrs.frozen
class EngineView:
    session: str
    now_ns: int
    account: str
    halt: str  # what the kill switch holds, and why; empty: nothing
    symbols: tuple[SymbolView, ...]
    orders: tuple[OrderView, ...]
    ticks: int
    order_us: tuple[float, ...]  # receive to sent, unsorted
    step_us: tuple[float, ...]
    journal_us: tuple[float, ...]
    armed_us: tuple[float, ...] = ()  # receive to handed to the system, of what was armed
    armed: tuple[tuple[str, str], ...] = ()  # rule and symbol of what may leave at once
    unreadable: int = 0  # messages of TWS that could not be read

    @property
    def flat(self) -> bool:
        return all(symbol.quantity == 0 for symbol in self.symbols)


def _halted(state: State) -> str:
    halt = state.halt
    return "" if halt is None else f"level {halt.level} by {halt.who}: {halt.why}"


def engine_view(state: State, runtime: Watched) -> EngineView:
    now_ns = runtime.now_ns()
    latencies = runtime.latencies
    found = holdings(state)
    return EngineView(
        session=SessionState(state.session).name.lower(),
        now_ns=now_ns,
        account=state.account,
        halt=_halted(state),
        symbols=tuple(
            symbol_view(
                state,
                name,
                found.get(name, Holdings()),
                runtime.market_view(name, now_ns),
                runtime.data_refused(name),
            )
            for name in state.config.strategy.symbols
        ),
        orders=orders_at_broker(state),
        ticks=runtime.ticks,
        order_us=tuple(latencies.order_us),
        step_us=tuple(latencies.step_us),
        journal_us=tuple(latencies.journal_us),
        armed_us=tuple(latencies.armed_us),
        armed=runtime.armory.armed,
        unreadable=runtime.unreadable,
    )


# -- one symbol ------------------------------------------------------------------------------


def symbol_view(
    state: State, name: str, found: Holdings, market: MarketView, data_refused: str
) -> SymbolView:
    context, total = found.context, found.all
    held = total.quantity
    return SymbolView(
        symbol=name,
        state=ContextState(context.state).name.lower() if context else "flat",
        side="long" if held > 0 else "short" if held < 0 else "",
        quantity=abs(held),
        average_price=total.average_price if held else ZERO,
        stops=resting(context, Role.STOP) if context else (),
        targets=resting(context, Role.TARGET) if context else (),
        adds=resting(context, Role.ADD) if context else (),
        brackets=_brackets(context) if context else (),
        rule=context.plan.rule if context else "",
        unrealised=found.unrealised(market),
        realised=found.trade.realised,
        commission=found.trade.commission,
        frozen=state.frozen.get(name, ""),
        market=market,
        data_refused=data_refused,
    )


def resting(context: Context, role: Role) -> tuple[Resting, ...]:
    """The exits of an add that has not filled wait for it at the broker and protect nothing:
    they are not told while the trade holds something."""
    found = [
        Resting(order.order_id, _acts_at(context, order), order.remaining, _trails(order))
        for order in context.of(role)
        if order.resting
        if role is Role.ADD or not context.held or context.tranche_of(order).own
    ]
    # Of a long trade the highest stop, the lowest target and the highest add come first.
    falls = (context.side > 0) == (role is not Role.TARGET)
    return tuple(sorted(found, key=lambda one: one.price or ZERO, reverse=falls))


def _trails(order: Order) -> bool:
    return order.spec.order_type == "TRAIL"


def _acts_at(context: Context, order: Order) -> Decimal | None:
    if not _trails(order):
        return order.price
    begun, reached = order.spec.trail_stop_price, context.trail_level
    if begun is None or reached is None:
        return begun or reached
    return max(begun, reached) if context.side > 0 else min(begun, reached)


def _brackets(context: Context) -> tuple[str, ...]:
    return tuple(BracketState(one.bracket).name.lower() for one in context.tranches)


# -- orders and groups -----------------------------------------------------------------------


def group_view(state: State, reference: str) -> GroupView | None:
    """What was placed under ``reference``; None if nothing was.

    Of what ended so long ago that nothing of it can happen any more, only that it is done is
    known, for a day.
    """
    number = state.references.get(reference)
    if number is None:
        kind = state.used_references.get(reference)
        return None if kind is None else GroupView(kind, BracketState.DONE.name.lower(), ())
    owner = state.contexts.get(number) or state.groups[number]
    orders = tuple(order_view(state, order) for order in owner.orders.values())
    if isinstance(owner, Context):
        return GroupView("bracket", _whole(owner), orders)
    if len(orders) == 1:
        (order,) = owner.orders.values()
        return GroupView("order", _milestone(order), orders)
    return GroupView("oco", OcoState(owner.state).name.lower(), orders)


_OVER = (BracketState.DONE, BracketState.FAILED)


def _whole(context: Context) -> str:
    """Of a trade that has been added to there are several brackets: the first that is not over
    stands for all; when all are, they are done if any was ever filled."""
    states = [BracketState(one.bracket) for one in context.tranches]
    left = [one for one in states if one not in _OVER]
    found = left[0] if left else min(states)  # done before failed
    return found.name.lower()


def _milestone(order: Order) -> str:
    """Of an order whose late grace is over, what it came to is still told."""
    if order.reported == OrderReport.CLOSED:
        full = order.filled >= order.spec.quantity
        return (Milestone.FILLED if full else Milestone.DEAD).name.lower()
    return order.milestone.name.lower()


def orders_at_broker(state: State) -> tuple[OrderView, ...]:
    """Those that are not dead, and those that were given up and live all the same."""
    orders = state.orders.values()
    return tuple(order_view(state, one) for one in orders if not one.dead or one.risen_id)


def order_view(state: State, order: Order) -> OrderView:
    owner: Context | Group | None
    owner = state.contexts.get(order.owner) or state.groups.get(order.owner)
    return OrderView(
        order_id=order.order_id,
        symbol=order.symbol,
        role=str(order.role),
        side=order.spec.action,
        quantity=order.spec.quantity,
        filled=order.filled,
        order_type=order.spec.order_type,
        price=order.price,
        status="risen" if order.risen_id else status_word(order.asked, order.reported),
        average_price=owner.ledger.average(order.order_id) if owner is not None else ZERO,
    )

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
from engine.groups import Group
from engine.inputs import MarketView
from engine.money import ZERO
from engine.orders import Order, Role
from engine.outbox import status_of
from engine.state import State
from statecharts.vocabulary import BracketState, ContextState, OcoState, SessionState


class Latencies(Protocol):
    """Microseconds of the latest orders."""

    @property
    def order_us(self) -> Sequence[float]: ...
    @property
    def step_us(self) -> Sequence[float]: ...
    @property
    def journal_us(self) -> Sequence[float]: ...


class Watched(Protocol):
    """What a view needs of the writer besides the core's state."""

    @property
    def latencies(self) -> Latencies: ...
    @property
    def ticks(self) -> int: ...
    def now_ns(self) -> int: ...
    def market_view(self, symbol: str, now_ns: int) -> MarketView: ...


@attrs.frozen
class Question:
    """What the writer evaluates between two steps."""

    ask: Callable[[State, Watched], Any]


@attrs.frozen
class OrderView:
    order_id: int
    symbol: str
    role: str
    side: str
    quantity: Decimal
    filled: Decimal
    order_type: str
    price: Decimal | None
    status: str


@attrs.frozen
class GroupView:
    """A bracket or an OCO that was placed by reference, with its orders in order of placing."""

    kind: Literal["bracket", "oco"]
    state: str
    orders: tuple[OrderView, ...]


@attrs.frozen
class SymbolView:
    """One symbol: market, context, position with its protection, profit of the open trade."""

    symbol: str
    state: str
    bracket: str
    side: str
    quantity: Decimal
    average_price: Decimal
    stop: Decimal | None
    target: Decimal | None
    unrealised: float
    realised: Decimal  # of the open trade so far, after its commissions
    commission: Decimal
    frozen: str
    market: MarketView


@attrs.frozen
class EngineView:
    session: str
    now_ns: int
    account: str
    symbols: tuple[SymbolView, ...]
    orders: tuple[OrderView, ...]
    ticks: int
    order_us: tuple[float, ...]  # receive to sent, unsorted
    step_us: tuple[float, ...]
    journal_us: tuple[float, ...]

    @property
    def flat(self) -> bool:
        return all(symbol.quantity == 0 for symbol in self.symbols)


def engine_view(state: State, runtime: Watched) -> EngineView:
    now_ns = runtime.now_ns()
    latencies = runtime.latencies
    return EngineView(
        session=SessionState(state.session).name.lower(),
        now_ns=now_ns,
        account=state.account,
        symbols=tuple(
            _symbol(state, name, runtime.market_view(name, now_ns))
            for name in state.config.strategy.symbols
        ),
        orders=tuple(order_view(order) for order in state.orders.values() if not order.dead),
        ticks=runtime.ticks,
        order_us=tuple(latencies.order_us),
        step_us=tuple(latencies.step_us),
        journal_us=tuple(latencies.journal_us),
    )


def group_view(state: State, reference: str) -> GroupView | None:
    """What was placed under ``reference``; None if nothing was.

    Of a bracket that ended so long ago that nothing of it can happen any more, only that it is
    done is still known.
    """
    number = state.references.get(reference)
    if number is None:
        return None
    owner = state.contexts.get(number) or state.groups.get(number)
    if owner is None:
        return GroupView("bracket", BracketState.DONE.name.lower(), ())
    orders = tuple(order_view(order) for order in owner.orders.values())
    if isinstance(owner, Group):
        return GroupView("oco", OcoState(owner.state).name.lower(), orders)
    return GroupView("bracket", BracketState(owner.tranches[0].bracket).name.lower(), orders)


def _symbol(state: State, name: str, market: MarketView) -> SymbolView:
    context = state.current.get(name)
    held = state.held(name)
    average = average_price(state, name)
    price = (market.bid if held > 0 else market.ask) or market.last
    commission = context.ledger.commission - context.trade_commission if context else Decimal(0)
    profit = context.ledger.position.realised - context.trade_realised if context else Decimal(0)
    return SymbolView(
        symbol=name,
        state=ContextState(context.state).name.lower() if context else "flat",
        bracket=BracketState(context.tranches[0].bracket).name.lower() if context else "",
        side="long" if held > 0 else "short" if held < 0 else "",
        quantity=abs(held),
        average_price=average,
        stop=_resting_price(context.of(Role.STOP)) if context else None,
        target=_resting_price(context.of(Role.TARGET)) if context else None,
        unrealised=float(held) * (price - float(average)) if price and held else 0.0,
        realised=profit - commission,
        commission=commission,
        frozen=state.frozen.get(name, ""),
        market=market,
    )


def average_price(state: State, symbol: str) -> Decimal:
    """Average cost of the shares held of a symbol, also of those that an OCO bought; 0: flat."""
    owners: list[Context | Group] = [*state.contexts.values(), *state.groups.values()]
    parts = [(o.held, o.ledger.position.average_price) for o in owners if o.symbol == symbol]
    held = sum((quantity for quantity, _ in parts), ZERO)
    if len(parts) == 1 or not held:
        return parts[0][1] if held else ZERO
    return sum((quantity * price for quantity, price in parts), ZERO) / held


def _resting_price(orders: list[Order]) -> Decimal | None:
    return next((order.price for order in orders if order.resting), None)


def order_view(order: Order) -> OrderView:
    return OrderView(
        order_id=order.order_id,
        symbol=order.symbol,
        role=str(order.role),
        side=order.spec.action,
        quantity=order.spec.quantity,
        filled=order.filled,
        order_type=order.spec.order_type,
        price=order.price,
        status=status_of(order),
    )

"""A core and the simulated exchange without a wire between them: each other's words, translated."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Final

from engine.commands import Amend, Place, Unwatch, Watch
from engine.inputs import (
    CommissionReported,
    ConditionFired,
    ErrorReported,
    ExecutionReported,
    Input,
    Instrument,
    MarketView,
    OrderOpened,
    OrderStatusReported,
    PositionReported,
    SnapshotEnded,
    SnapshotKind,
    SnapshotStarted,
)
from engine.rules import WATCHED
from engine.rules.readings import reading
from engine.sim.exchange import Exchange
from engine.sim.records import (
    CommissionNotice,
    ErrorNotice,
    ExecutionNotice,
    Notice,
    OrderNotice,
    PositionNotice,
    SimOrder,
)

ASKED = 99  # the request id of executions that were asked for


class Watches:
    """The prices that a core waits for, with what was true of them when last seen."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[Watch, bool]] = {}

    def set(self, watch: Watch) -> None:
        self._known[watch.number] = (watch, not watch.at_once)

    def unset(self, command: Unwatch) -> None:
        del self._known[command.number]

    def clear(self) -> None:
        self._known.clear()

    def fired(self, view: MarketView) -> list[Input]:
        """Those of the symbol that have just become true."""
        found: list[Input] = []
        for number, (watch, was) in self._known.items():
            value = _said(watch.field, view)
            level = _said(watch.against, view) if watch.against else watch.level
            if watch.symbol != view.symbol or value is None or level is None:
                continue
            now = _REACHED[watch.op](value, level)
            self._known[number] = (watch, now)
            if now and not was:
                found.append(ConditionFired(number, view))
        return found


_REACHED: Final[dict[str, Callable[[float, float], bool]]] = {
    "above": operator.ge,
    "below": operator.le,
    "over": operator.gt,
    "under": operator.lt,
}


def _said(name: str, view: MarketView) -> float | None:
    """A price of the market, or what an indicator says."""
    if name in WATCHED:
        price: float | None = getattr(view, name)
        return price
    found = reading(name, view)
    return None if found is None else found.value


def truth(exchange: Exchange, kind: SnapshotKind, epoch: int) -> list[Input]:
    """The whole answer to a question, of all clients."""
    found: list[Input] = [SnapshotStarted(kind, epoch)]
    if kind == "open_orders":
        for order in exchange.open_orders():
            found += translate(OrderNotice(order))
    elif kind == "executions":
        for execution in exchange.executions():
            found += translate(ExecutionNotice(execution), ASKED)
    elif kind == "positions":
        for position in exchange.positions():
            found += translate(position)
    return [*found, SnapshotEnded(kind, epoch)]


def order_of(command: Place | Amend, client_id: int, instrument: Instrument) -> SimOrder:
    """What the exchange gets to see of a command."""
    spec = command.spec
    return SimOrder(
        order_id=command.order_id,
        client_id=client_id,
        perm_id=0,
        instrument=instrument,
        account=spec.account,
        action=spec.action,
        quantity=spec.quantity,
        order_type=spec.order_type,
        limit_price=spec.limit_price,
        aux_price=spec.aux_price,
        trailing_percent=spec.trail_percent,
        trail_stop_price=spec.trail_stop_price,
        tif=spec.tif,
        outside_rth=spec.outside_rth,
        oca_group=spec.oca_group,
        oca_type=spec.oca_type,
        parent_id=spec.parent_id,
        order_ref=spec.order_ref,
        transmit=spec.transmit,
    )


def translate(notice: Notice, request_id: int = -1) -> list[Input]:
    """What the broker layer makes of the wire's rendering of a notice."""
    if isinstance(notice, OrderNotice):
        order = notice.order
        status = OrderStatusReported(
            order.order_id,
            order.perm_id,
            order.client_id,
            order.parent_id,
            order.status,
            order.filled,
            order.remaining,
            order.average_price,
            order.why_held,
        )
        if not notice.with_open_order:
            return [status]
        return [
            OrderOpened(
                order.order_id,
                order.perm_id,
                order.client_id,
                order.parent_id,
                order.order_ref,
                order.account,
                order.instrument.con_id,
                order.instrument.symbol,
                order.action,
                order.quantity,
                order.order_type,
                order.limit_price,
                order.aux_price,
                order.tif,
                order.oca_group,
                order.oca_type,
                order.status,
                order.trail_stop_price,
                order.trailing_percent,
            ),
            status,
        ]
    if isinstance(notice, ExecutionNotice):
        e = notice.execution
        return [
            ExecutionReported(
                e.execution_id,
                e.order_id,
                e.perm_id,
                e.client_id,
                e.order_ref,
                e.account,
                e.instrument.con_id,
                e.instrument.symbol,
                e.side,
                e.quantity,
                e.price,
                e.cumulative_quantity,
                e.exchange,
                str(e.time_ns),
                e.liquidation,
                request_id,
            )
        ]
    if isinstance(notice, CommissionNotice):
        return [
            CommissionReported(
                notice.execution_id, notice.commission, notice.currency, notice.realised
            )
        ]
    if isinstance(notice, PositionNotice):
        contract = notice.instrument
        return [
            PositionReported(
                notice.account,
                contract.con_id,
                contract.symbol,
                notice.quantity,
                notice.average_cost,
            )
        ]
    if isinstance(notice, ErrorNotice):
        return [ErrorReported(notice.order_id, notice.code, notice.text)]
    return []

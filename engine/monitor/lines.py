"""One line for each event: the log of a run without a terminal, and the table's last lines."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from engine.events import (
    AlertEvent,
    BaseEvent,
    CancelEvent,
    ContextChangedEvent,
    FillEvent,
    FlowThresholdEvent,
    NewOrderEvent,
    OrderGroupEvent,
    OrderStatusEvent,
    PositionCloseEvent,
    PositionOpenEvent,
    PositionUpdateEvent,
    PredictionSignalEvent,
    ReconciledEvent,
    RefusalEvent,
    RejectEvent,
    SessionChangedEvent,
    TradeEvent,
    TradingHaltedEvent,
    TradingResumedEvent,
)

EXCHANGE_ZONE: Final = ZoneInfo("America/New_York")


def line(event: BaseEvent) -> str | None:
    """Time of the exchange, symbol, what happened; None for what a person need not read."""
    if not is_read(event):
        return None
    symbol = getattr(event, "symbol", "")
    return f"{clock(event.time_ns)} {symbol:<6}{words(event)}"


def is_read(event: BaseEvent) -> bool:
    """Whether a person should read it."""
    return type(event) in _WORDS and type(event) not in _UNREAD


def words(event: BaseEvent) -> str:
    """What happened, of every event but those of the market."""
    return _WORDS[type(event)](event)


def clock(time_ns: int) -> str:
    local = datetime.fromtimestamp(time_ns / 1e9, UTC).astimezone(EXCHANGE_ZONE)
    return local.strftime("%H:%M:%S.") + f"{local.microsecond // 1000:03d}"


def money(amount: Decimal | float) -> str:
    return f"{amount:+,.2f}"


def price(amount: Decimal | float | None) -> str:
    """As finely as US stocks are quoted: below a dollar in hundredths of a cent."""
    if amount is None:
        return "-"
    return f"{amount:.4f}" if -1 < amount < 1 else f"{amount:.2f}"


def _new(event: NewOrderEvent) -> str:
    at = "" if event.price is None else f" at {price(event.price)}"
    return (
        f"order {event.order_id} {event.role}: {event.side} {event.quantity} "
        f"{event.order_type}{at} sent"
    )


def _status(event: OrderStatusEvent) -> str:
    return f"order {event.order_id} {event.role}: {event.previous} -> {event.status}"


def _fill(event: FillEvent) -> str:
    return (
        f"order {event.order_id} {event.role}: filled {event.fill_quantity} at "
        f"{price(event.fill_price)}, {event.remaining} left"
    )


def _cancelled(event: CancelEvent) -> str:
    why = f" ({event.reason})" if event.reason and event.reason != "Cancelled" else ""
    return f"order {event.order_id} {event.role}: cancelled{why}"


def _rejected(event: RejectEvent) -> str:
    return f"order {event.order_id} {event.role}: rejected, {event.reason}"


def _group(event: OrderGroupEvent) -> str:
    return f"{event.kind} {event.group}: {event.state}"


def _position(event: PositionOpenEvent | PositionUpdateEvent) -> str:
    return f"position {event.side} {event.quantity} at {price(event.average_price)}"


def _closed(event: PositionCloseEvent) -> str:
    return f"position closed at {price(event.exit_price)}: {event.reason}"


def _trade(event: TradeEvent) -> str:
    return (
        f"trade {event.side} {event.quantity}: {price(event.entry_price)} -> "
        f"{price(event.exit_price)}, {event.reason}, {money(event.realised)}"
    )


def _signal(event: PredictionSignalEvent) -> str:
    return f"signal {event.signal} {event.confidence:.2f} from {event.source}"


def _refusal(event: RefusalEvent) -> str:
    return f"refused: {event.reason}" + (f" ({event.detail})" if event.detail else "")


def _context(event: ContextChangedEvent) -> str:
    ending = f", {event.reason}" if event.reason else ""
    return f"context {event.old} -> {event.new} ({event.cause}{ending})"


def _session(event: SessionChangedEvent) -> str:
    return f"session {event.old} -> {event.new} ({event.cause})"


def _reconciled(event: ReconciledEvent) -> str:
    frozen = f"; frozen: {', '.join(event.frozen)}" if event.frozen else ""
    return f"reconciled: {event.orders} orders live, {event.missing} of them not listed{frozen}"


def _threshold(event: FlowThresholdEvent) -> str:
    return f"{event.measure} {event.value:g} of {event.signal} reached {event.threshold:g}"


def _halted(event: TradingHaltedEvent) -> str:
    return f"halted at level {event.level} by {event.who}: {event.why}"


def _resumed(event: TradingResumedEvent) -> str:
    return f"resumed by {event.who}: {event.why}"


def _alert(event: AlertEvent) -> str:
    return f"{event.level}: {event.text}"


_WORDS: Final[dict[type[BaseEvent], Callable[[Any], str]]] = {
    NewOrderEvent: _new,
    OrderStatusEvent: _status,
    FillEvent: _fill,
    CancelEvent: _cancelled,
    RejectEvent: _rejected,
    OrderGroupEvent: _group,
    PositionOpenEvent: _position,
    PositionUpdateEvent: _position,
    PositionCloseEvent: _closed,
    TradeEvent: _trade,
    PredictionSignalEvent: _signal,
    RefusalEvent: _refusal,
    ContextChangedEvent: _context,
    SessionChangedEvent: _session,
    AlertEvent: _alert,
    ReconciledEvent: _reconciled,
    FlowThresholdEvent: _threshold,
    TradingHaltedEvent: _halted,
    TradingResumedEvent: _resumed,
}
# Routine, or said by a signal or an alert as well.
_UNREAD: Final = frozenset(
    {ReconciledEvent, FlowThresholdEvent, TradingHaltedEvent, TradingResumedEvent}
)

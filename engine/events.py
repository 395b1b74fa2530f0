"""What the engine tells its observers, as frozen classes.

Subscribing to a class of the bus gives its subclasses too: ``OrderEvent`` is every order event.
``time_ns`` is UTC nanoseconds of the exchange's clock; ``sequence`` rises by one with every
event of a run and is given by whoever creates the event. Prices of orders, quantities and money
are exact; market data and indicators are doubles.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from operator import attrgetter
from typing import Any, Final, Literal

import attrs
import orjson

from engine.inputs import Side, SignalKind
from engine.records import frozen

PositionSide = Literal["long", "short"]
AlertLevel = Literal["info", "warning", "critical"]


@frozen
class BaseEvent:
    """Base of all events."""

    time_ns: int
    sequence: int

    def to_json(self) -> bytes:
        """One object: ``type`` (the class's name), then the fields in their order.

        Decimals are strings. A double that is not a number is null, as JSON has none.
        """
        return orjson.dumps({"type": type(self).__name__, **values_of(self)}, default=_plain)


@frozen
class TradeBound(BaseEvent):
    """What belongs to one trade, or to orders that were placed together, with what joins it to
    the rest of their life.

    ``trade`` names it, and begins the reference of each of its orders; ``identity`` is the
    signal, the request or the moment that asked for it, ``rule`` the rule that decided it. Each
    is empty where there is none.
    """

    trade: str = attrs.field(default="", kw_only=True)
    identity: str = attrs.field(default="", kw_only=True)
    rule: str = attrs.field(default="", kw_only=True)


# -- market ------------------------------------------------------------------------------------


@frozen
class MarketEvent(BaseEvent):
    symbol: str


@frozen
class PriceEvent(MarketEvent):
    """A quote or a trade. ``size`` is in shares, None when TWS gave the price alone."""

    kind: Literal["bid", "ask", "last"]
    price: float
    size: float | None = None


@frozen
class VolumeEvent(MarketEvent):
    """Shares traded so far in this session."""

    volume: float


@frozen
class IndicatorEvent(MarketEvent):
    """An indicator has a new value, for instance ``atr(14)`` at the end of a bar."""

    name: str
    value: float


# -- orders ------------------------------------------------------------------------------------


@frozen
class OrderEvent(TradeBound):
    """One order as it stands after what happened.

    ``perm_id`` is 0 until the broker has named it; ``price`` is the limit or stop price, None for
    a market order; ``role`` says what the order is for (entry, add, stop, target, close, …).
    """

    order_id: int
    perm_id: int
    order_ref: str
    symbol: str
    side: Side
    quantity: Decimal
    filled: Decimal
    remaining: Decimal
    price: Decimal | None
    status: str
    role: str


@frozen
class NewOrderEvent(OrderEvent):
    """An order was sent."""

    order_type: str


@frozen
class OrderStatusEvent(OrderEvent):
    """The order's state in its chart changed."""

    previous: str


@frozen
class FillEvent(OrderEvent):
    """A unique execution, or a broker's correction of one (same id but a later last part)."""

    execution_id: str
    fill_quantity: Decimal
    fill_price: Decimal
    average_price: Decimal  # of everything this order has filled


@frozen
class CancelEvent(OrderEvent):
    """The order ended with a remainder: by us, by the broker, by expiry, by its group."""

    reason: str


@frozen
class RejectEvent(OrderEvent):
    """The broker refused the order. ``code`` is the error number of TWS, 0 if it gave none."""

    code: int
    reason: str


@frozen
class OrderGroupEvent(OrderEvent):
    """A group of linked orders changed state; the order's own fields are those of its first."""

    group: str
    kind: Literal["bracket", "oco", "order"]
    state: str
    order_ids: tuple[int, ...]


# -- positions ---------------------------------------------------------------------------------


@frozen
class PositionEvent(TradeBound):
    """A position after the executions so far. ``quantity`` is never negative; ``realised`` is
    profit after commissions in the instrument's currency, since the position was opened."""

    symbol: str
    side: PositionSide
    quantity: Decimal
    average_price: Decimal
    realised: Decimal


@frozen
class PositionOpenEvent(PositionEvent):
    """It was flat before."""


@frozen
class PositionUpdateEvent(PositionEvent):
    """More, less, or the same at another price (a corrected execution)."""

    previous_quantity: Decimal


@frozen
class PositionCloseEvent(PositionEvent):
    """It is flat now; ``side`` and ``average_price`` are those it had."""

    exit_price: Decimal
    reason: str


# -- options flow ------------------------------------------------------------------------------


@frozen
class OptionsFlowEvent(BaseEvent):
    symbol: str
    source: str


@frozen
class PredictionSignalEvent(OptionsFlowEvent):
    """A new prediction passed the schema; whether it acts is for the rules to say."""

    identity: str
    signal: SignalKind
    confidence: float
    model_time_ns: int
    price: float | None


@frozen
class FlowThresholdEvent(OptionsFlowEvent):
    """A measure of the flow (``confidence``, …) reached its threshold."""

    measure: str
    value: float
    threshold: float
    signal: SignalKind


# -- what the engine has to say ----------------------------------------------------------------


@frozen
class RefusalEvent(BaseEvent):
    """Something was asked for and not done. ``identity`` is empty when no signal asked."""

    reason: str
    symbol: str
    detail: str
    identity: str = ""
    rule: str = ""  # the rule that was asked, if one was


@frozen
class ContextChangedEvent(TradeBound):
    """The linked context of a symbol moved from one state of its chart to another.

    ``reason`` is why its trade is ending, once it is. What asked for just this move is
    ``asked_by``, and the rule that let it ``decided_by``, if it was not what asked for the trade.
    """

    symbol: str
    side: PositionSide | None
    old: str
    new: str
    cause: str
    reason: str = ""
    asked_by: str = ""
    decided_by: str = ""


@frozen
class SessionChangedEvent(BaseEvent):
    """The session with the broker moved from one state of its chart to another."""

    old: str
    new: str
    cause: str


@frozen
class ReconciledEvent(BaseEvent):
    """A round of questions to the broker was judged. Of ``orders`` that may still execute it did
    not list ``missing``; ``frozen`` are the symbols whose truth is not known."""

    orders: int
    missing: int
    frozen: tuple[str, ...]


@frozen
class TradingHaltedEvent(BaseEvent):
    """The kill switch holds at ``level`` (1 nothing is opened, 2 entries are taken back, 3 all
    is closed), until it is taken back."""

    level: int
    who: str
    why: str


@frozen
class TradingResumedEvent(BaseEvent):
    """A person has taken the kill switch back."""

    who: str
    why: str


@frozen
class AlertEvent(TradeBound):
    """A person should know. ``symbol`` is empty when it concerns the whole engine."""

    level: AlertLevel
    text: str
    symbol: str = ""


@frozen
class TradeEvent(TradeBound):
    """A finished trade, from flat to flat. ``realised`` is after ``commission``."""

    symbol: str
    side: PositionSide
    quantity: Decimal
    entry_price: Decimal
    exit_price: Decimal
    reason: str
    realised: Decimal
    commission: Decimal
    opened_ns: int
    closed_ns: int


_Layout = tuple[tuple[str, ...], Callable[[Any], tuple[Any, ...]]]
_LAYOUTS: Final[dict[type, _Layout]] = {}


def _layout(cls: type) -> _Layout:
    """Names and values of the fields, worked out once per class."""
    if cls not in _LAYOUTS:
        names = tuple(attribute.name for attribute in attrs.fields(cls))
        _LAYOUTS[cls] = names, attrgetter(*names)
    return _LAYOUTS[cls]


def values_of(event: BaseEvent) -> dict[str, Any]:
    """The fields of an event, by name, in their order."""
    names, values = _layout(type(event))
    return dict(zip(names, values(event), strict=True))


def _plain(value: object) -> str:
    if isinstance(value, Decimal):
        return str(value)
    raise TypeError  # orjson says which type it was

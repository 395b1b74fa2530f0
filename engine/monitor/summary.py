"""What a run did, collected from its events, and told at its end: as JSON, and for people."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

import attrs

from engine.events import (
    AlertEvent,
    BaseEvent,
    FillEvent,
    NewOrderEvent,
    OrderEvent,
    OrderGroupEvent,
    OrderStatusEvent,
    PredictionSignalEvent,
    RefusalEvent,
    SessionChangedEvent,
    TradeEvent,
)
from engine.monitor.lines import is_read, line, money, price
from engine.version import VERSION
from engine.view import EngineView, Latencies

ALERTS_MAX: Final = 50
RECENT_MAX: Final = 200
CLOSED: Final = "closed"  # nothing of the order is expected any more
PERCENTILES: Final = (50, 90, 99)
UNCOVERED: Final = ("uncovered_share_seconds", "uncovered_max_ms")


@attrs.define
class _Known:
    """An order as events have told it. Most orders are told of often, and read once: at the end."""

    first_ns: int
    last: OrderEvent
    sent: bool = False  # or taken over from an earlier run
    perm_id: int = 0
    order_type: str | None = None


class Record:
    """Everything a report needs. ``add`` is a handler for all events of the bus."""

    def __init__(self) -> None:
        self.signals = 0
        self.refusals: Counter[str] = Counter()
        self._orders: dict[int, _Known] = {}
        self._fills: list[FillEvent] = []
        self.trades: list[TradeEvent] = []
        self.alert_levels: Counter[str] = Counter()
        self.alerts: deque[AlertEvent] = deque(maxlen=ALERTS_MAX)
        self._recent: deque[BaseEvent | str] = deque(maxlen=RECENT_MAX)
        self.sessions = 0  # how often a session became live
        self._identities: set[str] = set()

    def add(self, event: BaseEvent) -> None:
        if is_read(event) and not isinstance(event, OrderStatusEvent | OrderGroupEvent):
            self._recent.append(event)  # few are ever shown
        if isinstance(event, OrderEvent):
            self._order(event)
        elif isinstance(event, PredictionSignalEvent):
            self.signals += 1
            self._identities.add(event.identity)
        elif isinstance(event, RefusalEvent):
            self.refusals[event.reason] += 1
            if event.identity and event.identity not in self._identities:
                self.signals += 1  # it did not fit the schema, so it was never a prediction
        elif isinstance(event, TradeEvent):
            self.trades.append(event)
        elif isinstance(event, AlertEvent):
            self.alert_levels[event.level] += 1
            self.alerts.append(event)
        elif isinstance(event, SessionChangedEvent):
            self.sessions += event.new == "live"

    def note(self, text: str) -> None:
        """A line for the reader of the live table."""
        self._recent.append(text)

    def recent(self, most: int) -> list[str]:
        """The latest of what happened, as lines."""
        shown = list(self._recent)[-most:]
        return [one if isinstance(one, str) else str(line(one)) for one in shown]

    def _order(self, event: OrderEvent) -> None:
        if isinstance(event, OrderGroupEvent) or event.status == CLOSED:
            return  # what became of a closed order was told before, maybe to an earlier run
        known = self._orders.get(event.order_id)
        if known is None:
            known = self._orders[event.order_id] = _Known(event.time_ns, event)
        known.last = event
        known.perm_id = event.perm_id or known.perm_id
        if isinstance(event, NewOrderEvent):
            known.sent, known.order_type = True, event.order_type
        elif isinstance(event, FillEvent):
            self._fills.append(event)

    @property
    def orders(self) -> list[dict[str, Any]]:
        """Those that were sent in this run or taken over from an earlier one, as JSON data."""
        return [_order(known) for known in self._orders.values()]

    @property
    def executions(self) -> list[dict[str, Any]]:
        return [_execution(event) for event in self._fills]

    @property
    def realised(self) -> Decimal:
        return sum((trade.realised for trade in self.trades), Decimal(0))

    @property
    def commission(self) -> Decimal:
        return sum((trade.commission for trade in self.trades), Decimal(0))


@attrs.frozen(kw_only=True)
class Ending:
    """How a run ended, besides its events."""

    reason: str
    view: EngineView | None  # as it was just before the end
    exchange: dict[str, Any] | None  # the simulator's own report
    dropped: int  # events that did not reach the record
    seconds: float


def report(record: Record, ending: Ending) -> dict[str, Any]:
    """The run as JSON data. Times are exchange time, money is in the instruments' currency."""
    view = ending.view
    exchange = ending.exchange or {}
    held = [one for one in view.symbols if one.quantity] if view else []
    return {
        "engine": VERSION,
        "exit": ending.reason,
        "seconds": round(ending.seconds, 3),
        "account": view.account if view else "",
        "signals": record.signals,
        "refusals": dict(sorted(record.refusals.items())),
        "orders": record.orders,
        "executions": record.executions,
        "trades": [_trade(one) for one in record.trades],
        "open_positions": [
            {
                "symbol": one.symbol,
                "side": one.side,
                "quantity": _number(one.quantity),
                "average_price": float(one.average_price),
                "stop": None if one.stop is None else float(one.stop),
                "target": None if one.target is None else float(one.target),
                "unrealised_pnl": round(one.unrealised, 6),
                "state": one.state,
            }
            for one in held
        ],
        "frozen": {one.symbol: one.frozen for one in view.symbols if one.frozen} if view else {},
        "realised_pnl": float(record.realised + sum((one.realised for one in held), Decimal(0))),
        "commissions": float(record.commission + sum((o.commission for o in held), Decimal(0))),
        **{name: exchange.get(name) for name in UNCOVERED},
        **{f"{name}_exchange": exchange.get(f"{name}_exchange") for name in UNCOVERED},
        "uncovered_intervals": exchange.get("worst_intervals"),
        "ticks": view.ticks if view else 0,
        "latency_us": latencies(view),
        "alerts": {
            **dict(sorted(record.alert_levels.items())),
            "last": [
                {"time": _iso(one.time_ns), "level": one.level, "symbol": one.symbol}
                | {"text": one.text}
                for one in record.alerts
            ],
        },
        "events_dropped": ending.dropped,
        "sessions": record.sessions,
    }


def latencies(view: Latencies | None) -> dict[str, dict[str, float] | None]:
    """Microseconds: ``order`` from the receive that caused it to its bytes sent, of which
    ``step`` in the core and ``journal`` until durable; ``armed`` the same of orders that were
    armed. None: there was none."""
    names = ("order", "step", "journal", "armed")
    return {name: percentiles(getattr(view, f"{name}_us") if view else ()) for name in names}


def percentiles(samples: Sequence[float]) -> dict[str, float] | None:
    """p50, p90, p99 and max by nearest rank, with the count; None of nothing."""
    if not samples:
        return None
    found = ranked(samples, [share / 100 for share in (*PERCENTILES, 100)])
    names = (*(f"p{share}" for share in PERCENTILES), "max")
    rounded = (round(one, 1) for one in found)
    return {**dict(zip(names, rounded, strict=True)), "count": len(samples)}


def ranked(samples: Iterable[float], shares: Sequence[float]) -> list[float]:
    """The samples at these shares of the way from the least to the most, by nearest rank; nothing
    of nothing."""
    found = sorted(samples)
    return [found[round((len(found) - 1) * share)] for share in shares] if found else []


def sentences(record: Record, ending: Ending) -> list[tuple[str, str]]:
    """The run in a dozen pairs of name and value."""
    data = report(record, ending)
    wins = sum(1 for trade in record.trades if trade.realised > 0)
    latency = data["latency_us"]["order"]
    refused = ", ".join(f"{name} {count}" for name, count in data["refusals"].items())
    pairs = [
        ("ended", f"{ending.reason}, after {ending.seconds:.1f} s"),
        ("signals", f"{data['signals']}, refused: {refused or 'none'}"),
        ("orders", f"{len(data['orders'])}, executions {len(data['executions'])}"),
        ("trades", f"{len(record.trades)}, of which {wins} with a profit"),
        ("realised", f"{money(data['realised_pnl'])}, commissions {data['commissions']:.2f}"),
        ("open", ", ".join(_held(one) for one in data["open_positions"]) or "nothing"),
        ("ticks", f"{data['ticks']:,}"),
    ]
    if latency is not None:
        pairs.append(
            ("order latency", f"p50 {latency['p50']:,.0f} µs, p99 {latency['p99']:,.0f} µs")
        )
    if data["uncovered_share_seconds"] is not None:
        shares = f"{data['uncovered_share_seconds']:g} share-seconds"
        longest = f"longest {data['uncovered_max_ms']:.1f} ms"
        pairs.append(("unprotected", f"{shares}, {longest}, by the simulator's record"))
    pairs += [("frozen", f"{symbol}: {why}") for symbol, why in data["frozen"].items()]
    levels = ", ".join(f"{level} {count}" for level, count in sorted(record.alert_levels.items()))
    if levels:
        pairs.append(("alerts", levels))
    return pairs


def _held(one: dict[str, Any]) -> str:
    stop = "no stop" if one["stop"] is None else f"stop {price(one['stop'])}"
    return (
        f"{one['symbol']} {one['side']} {one['quantity']} at {price(one['average_price'])} ({stop})"
    )


def _order(known: _Known) -> dict[str, Any]:
    event = known.last
    return {
        "order_id": event.order_id,
        "sent": known.sent,
        "first_ns": known.first_ns,
        "perm_id": known.perm_id,
        "order_ref": event.order_ref,
        "symbol": event.symbol,
        "side": event.side,
        "role": event.role,
        "order_type": known.order_type,
        "quantity": _number(event.quantity),
        "filled": _number(event.filled),
        "price": None if event.price is None else float(event.price),
        "status": event.status,
        "last_ns": event.time_ns,
    }


def _execution(event: FillEvent) -> dict[str, Any]:
    return {
        "time": _iso(event.time_ns),
        "time_ns": event.time_ns,
        "symbol": event.symbol,
        "side": event.side,
        "role": event.role,
        "order_id": event.order_id,
        "execution_id": event.execution_id,
        "quantity": _number(event.fill_quantity),
        "price": float(event.fill_price),
    }


def _trade(one: TradeEvent) -> dict[str, Any]:
    return {
        "symbol": one.symbol,
        "side": one.side,
        "quantity": _number(one.quantity),
        "entry": float(one.entry_price),
        "exit": float(one.exit_price),
        "reason": one.reason,
        "realised_pnl": float(one.realised),
        "commission": float(one.commission),
        "opened": _iso(one.opened_ns),
        "opened_ns": one.opened_ns,
        "closed": _iso(one.closed_ns),
        "closed_ns": one.closed_ns,
    }


def _number(value: Decimal) -> int | float:
    return int(value) if value == value.to_integral_value() else float(value)


def _iso(time_ns: int) -> str:
    return datetime.fromtimestamp(time_ns / 1e9, UTC).isoformat(timespec="microseconds")

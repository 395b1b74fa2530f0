"""Figures for Prometheus, in its text format: counted from events, and read off the latest look.

Latencies are quantiles of the latest thousand orders. What is uncovered is looked at as often as
everything else is (once a second, four times while somebody watches): the simulator's own record is
exact, this one is for an alarm.
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any, Final

import attrs

from engine.events import (
    AlertEvent,
    BaseEvent,
    FillEvent,
    NewOrderEvent,
    OrderEvent,
    PositionCloseEvent,
    PositionEvent,
    PredictionSignalEvent,
    RefusalEvent,
    RejectEvent,
    TradeEvent,
)
from engine.money import ZERO
from engine.monitor.summary import ranked
from engine.orders import Role
from engine.web.look import SAMPLES_MAX, Look, SymbolLook
from statecharts.vocabulary import SessionState

QUANTILES: Final = (0.5, 0.9, 0.99, 1.0)
STALL_S: Final = 0.1  # an answer of the writer that takes longer counts as a stall
RESTING: Final = frozenset({"held", "working", "part_filled", "amending"})
COUNTED: Final[tuple[tuple[type[BaseEvent], str], ...]] = (
    (PredictionSignalEvent, "signals"),
    (NewOrderEvent, "orders"),
    (FillEvent, "fills"),
    (RejectEvent, "rejects"),
    (TradeEvent, "trades"),
)
HELP: Final = {
    "up": "gauge 1 while the writer answers",
    "session_state": "gauge 1 of the state that the session with the broker is in",
    "halt_level": "gauge Level of the kill switch, 0 for none",
    "tick_to_order_seconds": "gauge From the receive that caused it until an order was sent",
    "decision_seconds": "gauge Of that, the step of the core",
    "journal_seconds": "gauge Of that, until it was durable",
    "armed_order_seconds": "gauge From the receipt of a price until armed orders had been sent",
    "fill_to_protection_seconds": "gauge From a fill that opens until stops cover all that is held",
    "writer_answer_seconds": "gauge How long the writer took for the latest question",
    "writer_stalls_total": "counter Questions that it took longer than 0.1 s for",
    "queue_depth": "gauge What waits: letters for the writer, events for observers",
    "events_dropped_total": "counter Events that observers did not get",
    "ticks_total": "counter Market messages applied",
    "unreadable_messages_total": "counter Messages of TWS that could not be read",
    "signals_total": "counter Predictions that passed the schema",
    "orders_total": "counter Orders sent",
    "fills_total": "counter Unique executions",
    "rejects_total": "counter Orders that the broker refused",
    "trades_total": "counter Trades that have ended",
    "refusals_total": "counter What was asked for and not done, by reason",
    "alerts_total": "counter Alerts, by level",
    "held_shares": "gauge Signed shares of a symbol",
    "uncovered_shares": "gauge Shares that no confirmed stop covers",
    "uncovered_share_seconds_total": "counter The same over time, as it was looked at",
    "frozen": "gauge 1 of a symbol whose truth is lost",
    "market_data_refused": "gauge 1 of a symbol whose market data TWS refuses, or sends delayed",
    "quote_age_seconds": "gauge Since the newest quote or trade of a symbol",
    "day_profit": "gauge Of the day: realised and open",
    "day_drawdown": "gauge The largest fall of the day's profit",
    "limit_used_ratio": "gauge How much of a limit is used, worst case",
    "viewers": "gauge Pages that are open",
    "wrong_keys_total": "counter Requests with a wrong key or none",
}


@attrs.define
class _Cover:
    """Of one symbol, as events tell it."""

    held: Decimal = ZERO
    stops: dict[int, Decimal] = attrs.field(factory=dict)
    since_ns: int = 0  # when something was first not covered

    @property
    def whole(self) -> bool:
        return sum(self.stops.values(), ZERO) >= self.held


class Metrics:
    """``add`` is called with every event, ``seen`` with every look; ``text`` says it all."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter(dict.fromkeys((name for _, name in COUNTED), 0))
        self._refusals: Counter[str] = Counter()
        self._alerts: Counter[str] = Counter()
        self._covers: dict[str, _Cover] = {}
        self._protected_s: deque[float] = deque(maxlen=SAMPLES_MAX)
        self._uncovered: dict[str, float] = {}
        self._look: Look | None = None  # of now
        self._before: Look | None = None  # the latest there was
        self._answer_s = 0.0
        self._stalls = 0

    def add(self, event: BaseEvent) -> None:
        with self._lock:
            for kind, name in COUNTED:
                if isinstance(event, kind):
                    self._counts[name] += 1
            if isinstance(event, RefusalEvent):
                self._refusals[event.reason] += 1
            elif isinstance(event, AlertEvent):
                self._alerts[event.level] += 1
            elif isinstance(event, OrderEvent | PositionEvent):
                self._follow(event)

    def seen(self, look: Look | None, answer_s: float) -> None:
        """``look`` is None while the writer does not answer."""
        with self._lock:
            self._look, self._answer_s = look, answer_s
            if look is None:
                return
            self._stalls += answer_s > STALL_S  # once, when it has answered
            before, self._before = self._before, look
            if before is None:
                return
            took_s = max(look.now_ns - before.now_ns, 0) / 1e9
            for one in look.symbols:
                name = one.view.symbol
                shares = uncovered(one)
                self._uncovered[name] = self._uncovered.get(name, 0.0) + float(shares) * took_s

    def text(self, now: Mapping[str, Any]) -> str:
        """All of it; ``now`` has what others know: queues, viewers, dropped, wrong_keys."""
        with self._lock:
            lines: list[str] = []
            said = ""
            for name, labels, value in self._samples(now):
                if name != said:
                    said = name
                    kind, _, words = HELP[name].partition(" ")
                    lines += [f"# HELP engine_{name} {words}", f"# TYPE engine_{name} {kind}"]
                lines.append(f"engine_{name}{_labels(labels)} {float(value):.10g}")
        return "\n".join(lines) + "\n"

    # -- from events -----------------------------------------------------------------------------

    def _follow(self, event: OrderEvent | PositionEvent) -> None:
        cover = self._covers.setdefault(event.symbol, _Cover())
        before = cover.held
        if isinstance(event, PositionEvent):
            cover.held = ZERO if isinstance(event, PositionCloseEvent) else event.quantity
        elif event.role == Role.STOP:
            cover.stops.pop(event.order_id, None)
            if event.status in RESTING:
                cover.stops[event.order_id] = event.remaining
        if not cover.whole:
            cover.since_ns = cover.since_ns or event.time_ns
            return
        began_ns, cover.since_ns = cover.since_ns, 0
        if cover.held and (began_ns or cover.held > before):
            self._protected_s.append((event.time_ns - (began_ns or event.time_ns)) / 1e9)

    # -- as samples ------------------------------------------------------------------------------

    def _samples(self, now: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, str], Any]]:
        look = self._look
        yield "up", {}, look is not None
        yield "writer_answer_seconds", {}, self._answer_s
        yield "writer_stalls_total", {}, self._stalls
        for name, depth in now["queues"].items():
            yield "queue_depth", {"queue": name}, depth
        yield "events_dropped_total", {}, now["dropped"]
        for name, count in self._counts.items():
            yield f"{name}_total", {}, count
        for reason, count in sorted(self._refusals.items()):
            yield "refusals_total", {"reason": reason}, count
        for level, count in sorted(self._alerts.items()):
            yield "alerts_total", {"level": level}, count
        yield from _quantiles("fill_to_protection_seconds", self._protected_s)
        for symbol, shares in self._uncovered.items():
            yield "uncovered_share_seconds_total", {"symbol": symbol}, shares
        yield "viewers", {}, now["viewers"]
        yield "wrong_keys_total", {}, now["wrong_keys"]
        if look is not None:
            yield from _of_look(look)


def uncovered(one: SymbolLook) -> Decimal:
    """Shares that are held and that no confirmed stop covers."""
    stops = sum((stop.quantity for stop in one.view.stops), ZERO)
    return max(one.view.quantity - stops, ZERO)


def _of_look(look: Look) -> Iterator[tuple[str, dict[str, str], Any]]:
    for state in SessionState:
        name = state.name.lower()
        yield "session_state", {"state": name}, name == look.session
    yield "halt_level", {}, look.halt_level
    yield "ticks_total", {}, look.ticks
    yield "unreadable_messages_total", {}, look.unreadable
    for name, samples in (
        ("tick_to_order", look.order_us),
        ("decision", look.step_us),
        ("journal", look.journal_us),
        ("armed_order", look.armed_us),
    ):
        yield from _quantiles(f"{name}_seconds", [one / 1e6 for one in samples])
    views = [one.view for one in look.symbols]
    for view in views:
        sign = -1 if view.side == "short" else 1
        yield "held_shares", {"symbol": view.symbol}, view.quantity * sign
    for one in look.symbols:
        yield "uncovered_shares", {"symbol": one.view.symbol}, uncovered(one)
    for view in views:
        yield "frozen", {"symbol": view.symbol}, bool(view.frozen)
    for view in views:
        yield "market_data_refused", {"symbol": view.symbol}, bool(view.data_refused)
    for view in views:
        if view.market.quote_age_ns is not None:
            yield "quote_age_seconds", {"symbol": view.symbol}, view.market.quote_age_ns / 1e9
    yield "day_profit", {"part": "realised"}, look.day.realised
    yield "day_profit", {"part": "open"}, look.day.unrealised
    yield "day_drawdown", {}, look.day.drawdown
    for use in look.limits:
        if use.share is not None:
            yield "limit_used_ratio", {"limit": use.name}, use.share


def _quantiles(name: str, samples: Iterable[float]) -> Iterator[tuple[str, dict[str, str], float]]:
    for quantile, found in zip(QUANTILES, ranked(samples, QUANTILES), strict=False):
        yield name, {"quantile": f"{quantile:g}"}, found


def _labels(labels: Mapping[str, str]) -> str:
    if not labels:
        return ""
    told = (f'{name}="{_escaped(value)}"' for name, value in labels.items())
    return "{" + ",".join(told) + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")

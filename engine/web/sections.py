"""A look at the engine as pieces of JSON, each of which is sent only when it has changed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import orjson

from engine.daybook import DayResult
from engine.events import BaseEvent
from engine.monitor.lines import clock, line
from engine.monitor.summary import latencies
from engine.rule_engine import RuleView
from engine.rules import Rule
from engine.rules.wording import to_expression
from engine.view import OrderView, Resting
from engine.web.look import Look, SymbolLook
from engine.web.plain import MS_NS, as_json

TEXT_CHARS_MAX: Final = 500  # of a line of the log


def sections(look: Look) -> Iterator[tuple[str, bytes]]:
    """Name and JSON of everything that a look tells."""
    yield "engine", as_json(_engine(look))
    for one in look.symbols:
        yield f"symbol:{one.view.symbol}", as_json(_symbol(one))
    yield "orders", as_json([_order(one) for one in look.orders])
    yield "rules", as_json([_rule(one) for one in look.rules])
    yield "limits", as_json([
        {"name": one.name, "used": one.used, "max": one.most, "share": one.share}
        for one in look.limits
    ])  # fmt: skip
    yield "latency", as_json(latencies(look))


def entry(number: int, event: BaseEvent) -> bytes:
    """An event with its place in the order of all, and its line if it has one."""
    return orjson.dumps(
        {
            "n": number,
            "at": event.time_ns / MS_NS,
            "clock": clock(event.time_ns),
            "line": (line(event) or "")[:TEXT_CHARS_MAX],
            "event": orjson.Fragment(event.to_json()),
        }
    )


def note(number: int, at_ns: int, level: str, text: str) -> bytes:
    """A line of the program's own log."""
    words = " ".join(text.split())[:TEXT_CHARS_MAX]
    event = {"type": "Log", "level": level, "text": words}
    return orjson.dumps(
        {
            "n": number,
            "at": at_ns / MS_NS,
            "clock": clock(at_ns),
            "line": f"{clock(at_ns)} log: {level}: {words}",
            "event": event,
        }
    )


def _engine(look: Look) -> dict[str, Any]:
    return {
        "now": look.now_ns / MS_NS,
        "clock": clock(look.now_ns)[:8],
        "session": look.session,
        "account": look.account,
        "halt": look.halt,
        "halt_level": look.halt_level,
        "day": _day(look.day),
        "symbols": [one.view.symbol for one in look.symbols],
        "unreadable": look.unreadable,
    }


def _day(day: DayResult) -> dict[str, Any]:
    return {
        "realised": day.realised,
        "unrealised": day.unrealised,
        "commission": day.commission,
        "trades": day.trades,
        "wins": day.wins,
        "peak": day.peak,
        "drawdown": day.drawdown,
    }


def _symbol(one: SymbolLook) -> dict[str, Any]:
    view, market, excursion = one.view, one.view.market, one.excursion
    return {
        "symbol": view.symbol,
        "state": view.state,
        "side": view.side,
        "quantity": view.quantity,
        "average": view.average_price,
        "stops": [_resting(resting) for resting in view.stops],
        "targets": [_resting(resting) for resting in view.targets],
        "adds": [_resting(resting) for resting in view.adds],
        "brackets": view.brackets,
        "rule": view.rule,
        "unrealised": view.unrealised,
        "realised": view.realised,
        "frozen": view.frozen,
        "bid": market.bid,
        "ask": market.ask,
        "last": market.last,
        "atr": market.atr,
        "quote_age": None if market.quote_age_ns is None else market.quote_age_ns // 1_000_000_000,
        "halted": market.halted,
        "live": market.live,
        "data_refused": view.data_refused,
        "day": _day(one.day),
        "adverse": excursion.adverse,
        "favourable": excursion.favourable,
    }


def _resting(one: Resting) -> dict[str, Any]:
    return {
        "id": one.order_id,
        "price": one.price,
        "quantity": one.quantity,
        "trailing": one.trailing,
    }


def _order(one: OrderView) -> dict[str, Any]:
    return {
        "id": one.order_id,
        "symbol": one.symbol,
        "role": one.role,
        "side": one.side,
        "quantity": one.quantity,
        "filled": one.filled,
        "type": one.order_type,
        "price": one.price,
        "status": one.status,
    }


def _rule(view: RuleView) -> dict[str, Any]:
    rule = view.rule
    return {
        "id": rule.id,
        "when": _words(rule),
        "symbols": rule.symbols,
        "enabled": rule.enabled,
        "armed": view.armed,
        "cooldown": round(view.cooldown_s),
        "rests": rule.cooldown_s,
        "executions": view.executions,
        "executions_max": rule.executions_per_day_max,
    }


def _words(rule: Rule) -> str:
    return to_expression(rule.when)[:TEXT_CHARS_MAX]

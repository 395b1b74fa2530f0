"""What the host of an engine does, drawn: its limits, orders placed directly, other settings."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from typing import Any, Final

import orjson

from engine.campaign.scenario import Prompt

LIMITED: Final = 0.7  # of the seeds
ARMED: Final = 0.08  # of the seeds: they take several times as long
BEGIN: Final = 100.0  # the price at which every symbol begins where rules wait for one
CALM_S: Final = 30.0  # after the opening: prices first
Tables = dict[str, Any]

# A trade here is worth 20,000 to 150,000 dollars, and an account a million.
_LIMITS: Final[Mapping[str, tuple[Any, ...]]] = {
    "gross_notional_max": (30_000, 60_000, 120_000, 250_000),
    "net_notional_max": (30_000, 60_000, 120_000),
    "position_notional_max": (25_000, 60_000, 120_000),
    "order_notional_max": (20_000, 50_000, 100_000),
    "order_shares_max": (60, 150, 250),
    "position_risk_max": (50, 200, 1_000),
    "risk_at_stops_max": (100, 400, 1_500),
    "positions_max": (1, 1, 2),
    "leverage_max": (0.03, 0.06, 0.12, 0.25),
    "orders_per_minute_max": (4, 8, 20),
    "orders_per_second_max": (3, 6, 10),
    "entries_in_window_max": (1, 2, 4),
    "stop_outs_in_window_max": (1, 2),
    "quote_age_max_s": (5.0, 20.0),
    "account_age_max_s": (200.0, 400.0),
    "short_needs": ("available", "nothing"),
    "collar_percent": (0.01, 1.0),
}
_GUARDS: Final[Mapping[str, tuple[Any, ...]]] = {
    "day_loss_max": (50, 200, 800),
    "day_drawdown_max": (100, 400),
    "loss_level": (1, 2, 3),
    "throttled_per_minute_max": (2, 5),
}
_CHANGES: Final[tuple[Tables, ...]] = (
    {"sizing": {"shares": 50}},
    {"sizing": {"shares": 200}},
    {"stop": {"percent": 0.6}},
    {"target": {"percent": 0.3}},
    {"target": []},
    {"trailing": {"percent": 0.5}},
    {"on_opposite": "close"},
    {"on_opposite": "reverse"},
    {"entry": {"type": "limit", "offset": {"percent": 0.05}}},
    {"scale_in": {"trigger_percent": 0.1, "portion": 50}},
    {"double_down": {"levels": [0.3]}},
    {"resize": "replace"},
    {"pattern": False},
    {"pattern": True},
    {"rules": []},
    {"rules": [{"id": "take", "when": "long and profit_percent >= 0.2%",
                "then": {"kind": "close", "reason": "take"}}]},
    {"rules": [{"id": "again", "when": 'PositionCloseEvent(reason == "stop")', "cooldown_s": 60,
                "then": {"kind": "enter", "side": "BUY"}}]},
    {"rules": [{"id": "more", "when": 'signal == "BUY" and flat',
                "then": {"kind": "bracket", "side": "BUY", "quantity": 40,
                         "stop": {"percent": 0.5}}},
               {"id": "less", "when": 'signal == "SHORT" and held',
                "then": {"kind": "adjust", "quantity": 30}}]},
)  # fmt: skip


def drawn_limits(stream: random.Random, symbols: tuple[str, ...]) -> Tables:
    """Some of the limits, near what trades need; in some seeds none."""
    if stream.random() >= LIMITED:
        return {}
    names = stream.sample(sorted(_LIMITS), stream.choice((2, 4, 8)))
    found: Tables = {name: stream.choice(_LIMITS[name]) for name in names}
    if stream.random() < 0.3:
        most = stream.choice((40_000, 90_000))
        found["groups"] = [{"name": "some", "symbols": list(symbols[:2]), "notional_max": most}]
    if stream.random() < 0.1:
        found["restricted"] = [symbols[-1]]
    return found


def drawn_guards(stream: random.Random) -> Tables:
    if stream.random() >= 0.4:
        return {}
    names = stream.sample(sorted(_GUARDS), stream.choice((1, 2, 4)))
    return {name: stream.choice(_GUARDS[name]) for name in names}


def drawn_requests(
    stream: random.Random, symbols: tuple[str, ...], span_s: float, limits: Tables
) -> list[Prompt]:
    """Orders that no rule has decided, and settings that change while the engine runs."""
    hours = span_s / 3600
    found: list[Prompt] = []

    def at() -> float:
        return round(stream.uniform(CALM_S, span_s), 1)

    for symbol in symbols:
        for _ in range(_times(stream, stream.choice((0.0, 1.0, 3.0)) * hours)):
            kind = stream.choice(("breakout", "range", "sell", "buy"))
            shares, away = stream.choice(("10", "60", "200")), stream.choice(("0.1", "0.5", "2"))
            found.append(Prompt(at(), "oco", (symbol, kind, shares, away)))
        for _ in range(_times(stream, stream.choice((0.0, 0.0, 1.0)) * hours)):
            side, shares = stream.choice(("BUY", "SELL")), stream.choice(("10", "100"))
            found.append(Prompt(at(), "order", (symbol, side, shares)))
        cancels = _times(stream, stream.choice((0.0, 0.7)) * hours)
        found += [Prompt(at(), "cancel", (symbol,)) for _ in range(cancels)]
    pauses = _times(stream, stream.choice((0.0, 0.0, 1.0)) * hours)
    found += [Prompt(at(), "pause", (stream.choice(("3", "12", "45")),)) for _ in range(pauses)]
    changes = _changes(stream, stream.choice((0.0, 0.5, 2.0)) * hours, symbols, limits)
    return found + [Prompt(at(), "settings", (orjson.dumps(one).decode(),)) for one in changes]


def _changes(
    stream: random.Random, expected: float, symbols: tuple[str, ...], limits: Tables
) -> Iterator[Tables]:
    """Limits are lowered and raised in the midst of everything, most of all while shares are
    held: what protects them must go on."""
    for _ in range(_times(stream, expected)):
        if limits and stream.random() < 0.5:
            yield {"limits": drawn_limits(stream, symbols)}
        else:
            yield {"strategy": stream.choice(_CHANGES)}


def _times(stream: random.Random, expected: float) -> int:
    return int(expected) + (stream.random() < expected % 1)


def drawn_armed(stream: random.Random, symbols: tuple[str, ...]) -> Tables:
    """Settings with rules whose orders are ready, on both sides of where prices begin; or none."""
    if stream.random() >= ARMED:
        return {}
    rules = []
    for symbol in symbols:
        for side, word, sign in (("BUY", ">=", 1), ("SELL", "<=", -1)):
            level = round(BEGIN * (1 + sign * stream.choice((0.0005, 0.001, 0.003))), 2)
            field = stream.choice(("last", "bid", "ask"))
            rule = {
                "id": f"armed-{side}-{symbol}",
                "symbols": [symbol],
                "when": f"{field} {word} {level}",
                "then": {"kind": "enter", "side": side},
                "armed": True,
                "armed_gap_percent": stream.choice((0.05, 0.5)),
                "cooldown_s": stream.choice((0.0, 60.0)),
            }
            rules.append(rule)
    return {"rules": rules}

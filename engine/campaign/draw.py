"""A scenario from a seed: everything in it is drawn, so that a campaign meets every behaviour.

Each seed has its own share of the faults and of the strategy's features (all of them at once would
only ever show their mixture), its own broker (policies, version, latency) and its own market.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any, Final

import attrs

from engine.campaign.draw_host import (
    BEGIN,
    drawn_armed,
    drawn_guards,
    drawn_limits,
    drawn_requests,
)
from engine.campaign.scenario import DAY_HOURS, Mode, Prompt, Scenario, in_time, sessions
from engine.sim.fault_draw import drawn_line
from engine.sim.faults import KINDS, SECOND_NS
from engine.sim.policies import LATER, choices, draw

SYMBOLS: Final = ("IBM", "AAPL", "SPY", "MSFT")
FAULTS_PER_HOUR: Final = (4, 12, 30, 60)
NEAR: Final = 0.6  # of the faults begin when something is happening
SIGNALS_PER_HOUR: Final = (4, 10, 20)  # of each symbol
VERSIONS: Final = (178, 200, 215, 226)
DAY_S: Final = DAY_HOURS * 3600
CALM_S: Final = 30.0  # after the opening: prices first
RESET_S: Final = 7.5 * 3600  # after the close, near midnight
REST_S: Final = 3 * 3600.0  # after the close of a week: the machine is switched off
NIGHT_S: Final = 24 * 3600.0

_SIGNALS: Final = ("BUY", "BUY", "SHORT", "SHORT", "SELL", "NEUTRAL")
_CONFIDENCES: Final = ("0.9", "0.9", "0.9", "0.5", "0.3")
_SIZINGS: Final = (
    {"shares": 100},
    {"shares": 300},
    {"dollars": 30_000, "shares_max": 500},
    {"risk_percent": 0.2, "shares_max": 500},
)
_STOPS: Final = (
    {"percent": 0.3}, {"percent": 1.0}, {"atr": 6.0, "percent": 1.0}, {"atr": 3.0, "percent": 0.5},
    {"amount": 0.5},
)  # fmt: skip
_TARGETS: Final[tuple[Any, ...]] = (
    {"percent": 0.4},
    {"atr": 4.0, "percent": 0.5},
    {"percent": 3.0},
    [],
    [{"percent": 0.3, "portion": 50}, {"percent": 0.8, "portion": 50}],
    [{"atr": 3.0, "percent": 0.2, "portion": 30}, {"percent": 0.5, "portion": 33}],
)
_TRAILS: Final = (None, None, {"atr": 6.0, "percent": 0.5}, {"percent": 0.4}, {"amount": 0.4})
_ENTRIES: Final = (
    {"type": "market"},
    {"type": "market"},
    {"type": "market"},
    {"type": "limit", "offset": {"percent": 0.05}},
    {"type": "stop", "offset": {"percent": 0.1}},
)
_DOUBLE_DOWNS: Final = (
    None,
    None,
    {"levels": [0.5]},
    {"levels": [0.2, 0.6], "multiplier": 0.5, "reanchor": "average"},
    {"levels": [0.1, 0.3, 0.7], "multiplier": 0.3},
)
_SCALE_INS: Final = (
    None,
    None,
    {"trigger_percent": 0.2, "portion": 50},
    {"trigger_percent": 0.1, "shares": 70, "times_max": 3, "reanchor": "keep"},
    {"trigger_percent": 0.15, "portion": 30, "times_max": 2, "stop": {"percent": 0.5}},
)
_DELAYS_NS: Final = (0, 0, 5_000_000, 200_000_000)


def drawn(seed: int, mode: Mode, hours: float) -> Scenario:
    """The scenario of a seed. More than a day has nights, in which TWS does what it does then, and
    weekends, over which the machine of the engine is off."""
    stream = random.Random(f"campaign/{seed}")
    symbols = tuple(stream.sample(SYMBOLS, stream.choice((1, 2, 3))))
    span_s = min(hours, DAY_HOURS) * 3600
    prompts = _prompts(stream, symbols, span_s)
    settings = _settings(stream, symbols, span_s)
    host = random.Random(f"campaign/{seed}/host")
    limits = settings["limits"] | drawn_limits(host, symbols)
    settings = settings | {
        "limits": limits,
        "guards": settings["guards"] | drawn_guards(host),
    }
    armed = drawn_armed(random.Random(f"campaign/{seed}/armed"), symbols)
    settings = settings | {"strategy": settings["strategy"] | armed}
    asked = (*prompts, *drawn_requests(host, symbols, span_s, limits))
    first = Scenario(
        seed=seed,
        mode=mode,
        hours=hours,
        symbols=symbols,
        rate=stream.choice((0.05, 0.1, 0.2)),
        volatility=stream.choice((0.0001, 0.0002, 0.0004)),
        latency_ms=stream.choice((0.5, 5.0, 40.0, 150.0)),
        version=stream.choice(VERSIONS),
        price=BEGIN if armed else None,
        policies=_policies(stream, seed),
        settings=settings,
        prompts=in_time(asked),
        faults=_faults(stream, symbols, span_s, prompts),
    )
    return first if hours <= DAY_HOURS else _continued(first)


def _continued(first: Scenario) -> Scenario:
    """The same engine on further days."""
    prompts, faults = list(first.prompts), list(first.faults)
    days = sessions(first.hours)
    limits = first.settings["limits"]
    for number, (opens_ns, closes_ns) in enumerate(days):
        stream = random.Random(f"campaign/{first.seed}/day/{number}")
        opens_s, closes_s = ((one - days[0][0]) / SECOND_NS for one in (opens_ns, closes_ns))
        if number:
            asked = _prompts(stream, first.symbols, DAY_S)
            wanted = (*asked, *drawn_requests(stream, first.symbols, DAY_S, limits))
            prompts += [attrs.evolve(one, at_s=round(one.at_s + opens_s, 1)) for one in wanted]
            faults += [
                _later(line, opens_s) for line in _faults(stream, first.symbols, DAY_S, asked)
            ]
        if number + 1 < len(days):
            next_s = (days[number + 1][0] - days[0][0]) / SECOND_NS
            faults += _night(stream, closes_s)
            if next_s - closes_s > 2 * NIGHT_S:
                off_s = round(next_s - closes_s - stream.uniform(1.0, 14.0) * 3600 - REST_S)
                prompts.append(Prompt(closes_s + REST_S, "kill", (str(off_s),)))
                faults.append(f"+{closes_s + NIGHT_S:.0f}s restart for=600s")
    return attrs.evolve(first, prompts=in_time(prompts), faults=tuple(faults))


def _night(stream: random.Random, closes_s: float) -> Iterator[str]:
    """The reset of the servers, and most nights the restart of TWS; its ids may begin lower."""
    reset_s = closes_s + RESET_S + stream.uniform(0.0, 1800.0)
    yield f"+{reset_s:.0f}s reset-window for={stream.choice((60, 600, 1800))}s"
    if stream.random() < 0.5:
        yield f"+{reset_s + 60:.0f}s link-down for=120s restored={stream.choice(('1101', '1102'))}"
    if stream.random() < 0.8:
        lower = stream.choice((0, 0, 0, 4))
        yield f"+{reset_s + 3600:.0f}s restart for={stream.choice((5, 60, 300))}s lower={lower}"


def _later(line: str, by_s: float) -> str:
    """A fault of a later day; what counts events goes on counting from the first."""
    when, _, rest = line.partition(" ")
    if not when.startswith("+"):
        return line
    return f"+{float(when[1:-1]) + by_s:.2f}s {rest}"


def _policies(stream: random.Random, seed: int) -> tuple[str, ...]:
    """In half of the seeds this broker answers like the documents say."""
    if stream.random() < 0.5:
        return ()
    profile = draw(seed, empty_account="default")
    names = [name for name in choices() if name not in LATER]
    names += ["oca_delay_ns", "modify_delay_ns", "cancel_delay_ns"]
    chosen = [*stream.sample(names, 8), LATER[seed % len(LATER)]]
    found = {name: getattr(profile, name) for name in chosen}
    return tuple(f"{name}={value}" for name, value in found.items())


def _faults(
    stream: random.Random, symbols: tuple[str, ...], span_s: float, prompts: tuple[Prompt, ...]
) -> tuple[str, ...]:
    kinds = stream.sample(sorted(KINDS), stream.choice((3, 8, len(KINDS))))
    count = max(round(stream.choice(FAULTS_PER_HOUR) * span_s / 3600), 3)
    horizon_ns = int(span_s) * SECOND_NS
    lines = [drawn_line(stream, symbols, horizon_ns, kinds) for _ in range(count)]
    return tuple(_near(stream, line, prompts) for line in lines)


def _near(stream: random.Random, line: str, prompts: tuple[Prompt, ...]) -> str:
    """Most faults meet nothing unless they come when orders are on their way."""
    when, _, rest = line.partition(" ")
    if not when.startswith("+") or stream.random() >= NEAR:
        return line
    at_s = max(stream.choice(prompts).at_s + stream.uniform(-2.0, 2.0), 0.0)
    return f"+{at_s:.2f}s {rest}"


def _settings(stream: random.Random, symbols: tuple[str, ...], span_s: float) -> dict[str, Any]:
    end_s = stream.choice((60.0, 60.0, DAY_S - span_s * stream.uniform(0.6, 0.9)))
    strategy: dict[str, Any] = {
        "symbols": list(symbols),
        "sizing": stream.choice(_SIZINGS),
        "entry": stream.choice(_ENTRIES),
        "stop": stream.choice(_STOPS),
        "target": stream.choice(_TARGETS),
        "trailing": stream.choice(_TRAILS),
        "double_down": stream.choice(_DOUBLE_DOWNS),
        "scale_in": stream.choice(_SCALE_INS),
        "cooldown_s": stream.choice((0.0, 0.0, 60.0)),
        "close_before_end_s": end_s,
        "on_opposite": stream.choice(("reverse", "reverse", "close", "ignore")),
        "sell_means": stream.choice(("close", "short")),
        "entry_partial": stream.choice(("keep", "flatten")),
        "entry_partial_timeout_s": stream.choice((None, None, 20.0)),
        "late_fill": stream.choice(("flatten", "protect")),
        "stop_unfilled_after_s": stream.choice((10.0, 2.0, None)),
        "target_tif": stream.choice(("GTC", "DAY")),
        "foreign_orders": stream.choice(("ignore",) * 4 + ("freeze", "adopt")),
        "resize": stream.choice(("amend", "replace")),
    }
    strategy = {name: value for name, value in strategy.items() if value is not None}
    limits = {"entries_in_window_max": 1000, "stop_outs_in_window_max": 1000}
    guards = {} if stream.random() < 0.3 else {"rejects_per_minute_max": 1000, "frozen_s_max": 1e6}
    broker = {"heartbeat_s": stream.choice((5.0, 20.0, 20.0))}
    return {"strategy": strategy, "limits": limits, "guards": guards, "broker": broker}


def _prompts(stream: random.Random, symbols: tuple[str, ...], span_s: float) -> tuple[Prompt, ...]:
    found: list[Prompt] = []
    per_hour = stream.choice(SIGNALS_PER_HOUR)

    def now_and_then(times_per_hour: float, kind: str, *words: str) -> None:
        expected = times_per_hour * span_s / 3600
        times = int(expected) + (stream.random() < expected % 1)
        for _ in range(times):
            at_s = round(stream.uniform(CALM_S, span_s), 1)
            found.append(Prompt(at_s, kind, tuple(words)))

    for symbol in symbols:
        for _ in range(max(round(per_hour * span_s / 3600), 2)):
            words = symbol, stream.choice(_SIGNALS), stream.choice(_CONFIDENCES)
            now_and_then(3600 / span_s, "signal", *words)
        cents = stream.choice((-300, -150, -40, 40, 150, 300))
        now_and_then(stream.choice((0.0, 0.5, 2.0)), "gap", symbol, f"{cents / 100:.2f}")
        now_and_then(0.5, "close", symbol)
        side = stream.choice(("BUY", "SELL"))
        now_and_then(0.7, "bracket", symbol, side, stream.choice(("10", "200")), "0.5")
    now_and_then(0.2, "close", "all")
    now_and_then(stream.choice((0.0, 0.3)), "halt", stream.choice(("1", "2", "3")))
    now_and_then(2.0, "resume")
    now_and_then(stream.choice((0.0, 0.0, 0.5, 2.0)), "kill", stream.choice(("0", "3", "60")))
    return in_time(found)

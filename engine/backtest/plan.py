"""What a backtest is given: settings, ticks, signals, and how the exchange behaves."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Final

import attrs

from engine.config import Broker, Config
from engine.errors import ConfigError, UserError
from engine.sim.policies import Policies
from engine.sources import SignalSources
from engine.ticks import files
from engine.ticks.part import Part, check_distinct

LATENCY_MS: Final = 5.0
LATENCY_MS_MAX: Final = 60_000.0
PATIENCE: Final = 20  # times the latency: for the handshake, and for what begins a session
HEARTBEAT_S: Final = 900.0
ROUTINE_S: Final = 3600.0  # nothing is lost on the way: what is asked is what was told


@attrs.frozen(kw_only=True)
class Plan:
    """``ticks`` are those of the strategy's symbols only; ``left_out`` the others that were given.
    ``latency_ms`` is what bytes need on their way to the exchange, and back; ``size_share`` how
    much of every size in the ticks there is."""

    config: Config
    ticks: tuple[Part, ...]
    signals: Path | None
    seed: int
    latency_ms: float
    policies: Policies
    size_share: float = 1.0
    left_out: tuple[Part, ...] = ()

    @property
    def days(self) -> tuple[date, ...]:
        return tuple(sorted({one.day for one in self.ticks}))


def planned(
    config: Config,
    ticks: Sequence[Path | Part],
    signals: Path | None = None,
    *,
    symbols: tuple[str, ...] = (),
    seed: int = 1,
    latency_ms: float = LATENCY_MS,
    policies: Policies | None = None,
    size_share: float = 1.0,
) -> Plan:
    """A backtest of the settings of a live engine. Whatever in them reaches outside (TWS, sources
    of signals, the halt file) is left out. ``ticks``: files with all that is in them, or parts of
    files. ``symbols``: only these of the strategy's.

    Raises:
        UserError: the ticks do not fit the strategy, or a value is out of range.
    """
    if not ticks:
        raise UserError("name the tick files: --ticks SYMBOL-YYYYMMDD.csv ...")
    if not (math.isfinite(latency_ms) and 0 <= latency_ms <= LATENCY_MS_MAX):
        raise UserError(f"--latency-ms {latency_ms:g}: 0 to {LATENCY_MS_MAX:g}")
    if not 0 < size_share <= 1:
        raise UserError(f"size_share {size_share:g}: above 0, and at most 1")
    strategy = config.strategy
    if symbols:
        if unknown := [one for one in symbols if one not in strategy.symbols]:
            known = ", ".join(strategy.symbols)
            raise ConfigError(f"--symbols: {unknown[0]} is not among the strategy's: {known}")
        try:
            strategy = strategy.only(symbols)
        except ValueError as problem:
            raise ConfigError(f"--symbols: {problem}") from None
    parts = files.parts(ticks)
    check_distinct(parts)
    there = {one.symbol for one in parts}
    if missing := [one for one in strategy.symbols if one not in there]:
        raise UserError(
            f"no ticks of {', '.join(missing)}, which the strategy trades: give them with --ticks, "
            "or choose others with --symbols"
        )
    inside = attrs.evolve(
        config,
        strategy=strategy,
        broker=_simulated(config.broker, latency_ms),
        timing=attrs.evolve(config.timing, routine_s=ROUTINE_S),
        guards=attrs.evolve(config.guards, halt_file=""),
        signals=SignalSources(max_age_s=config.signals.max_age_s),
    )
    return Plan(
        config=inside,
        ticks=tuple(one for one in parts if one.symbol in strategy.symbols),
        signals=signals,
        seed=seed,
        latency_ms=latency_ms,
        policies=policies or Policies(),
        size_share=size_share,
        left_out=tuple(one for one in parts if one.symbol not in strategy.symbols),
    )


def _simulated(broker: Broker, latency_ms: float) -> Broker:
    """The same pace, at a simulated account whose clock is the engine's own, and patience enough
    to connect over so long a way. The connection cannot be lost, so it is seldom asked whether it
    lives."""
    plain = Broker()
    least_s = PATIENCE * latency_ms / 1000
    return attrs.evolve(
        broker,
        host=plain.host,
        port=plain.port,
        account="",
        live=False,
        clock_rate=1.0,
        handshake_timeout_s=max(broker.handshake_timeout_s, least_s),
        sync_timeout_s=max(broker.sync_timeout_s, least_s),
        heartbeat_s=HEARTBEAT_S,
    )

"""What can be asked of a running simulator from outside, and done to it: prices, faults, its end.

Each operation gets the object that asked for it and answers with plain JSON data; a UserError is
answered with its text.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any, Final, cast, get_args

from engine.errors import ConfigError
from engine.sim.checks import PRICE_MAX
from engine.sim.control import Operation
from engine.sim.fault_plan import FaultPlan
from engine.sim.fault_script import parse
from engine.sim.gateway import Gateway
from engine.sim.pace import Pace, Player
from engine.sim.records import MarketTick, TickKind

SIZE: Final = 100  # of a scripted tick that states none


class Operations:
    """The operations of one server; ``now_ns`` reads its real clock, ``stop`` ends it."""

    def __init__(
        self,
        gateway: Gateway,
        player: Player,
        pace: Pace,
        seed: int,
        now_ns: Callable[[], int],
        stop: Callable[[], None],
    ) -> None:
        self._gateway = gateway
        self._player = player
        self._pace = pace
        self._seed = seed
        self._now_ns = now_ns
        self._stop = stop

    def table(self) -> dict[str, Operation]:
        return {
            "report": lambda asked: self.report(),
            "clock": lambda asked: self.clock(),
            "about": lambda asked: self.about(),
            "faults": lambda asked: {"faults": self.faults()},
            "fault": lambda asked: self.add_fault(_word(asked, "line")),
            "bulletin": lambda asked: self.bulletin(_word(asked, "text")),
            "tick": self._tick,
            "quote": self._quote,
            "stop": lambda asked: self.end(),
        }

    # -- asking --------------------------------------------------------------------------------

    def report(self, present: bool = True) -> dict[str, Any]:
        """The oracle's report with the state of clock, market, faults and clients; ``present``:
        as of now, otherwise as of the last that happened."""
        if present:
            self._player.advance()
        return {
            **self._gateway.exchange.oracle.report(),
            "clock_ns": self._gateway.exchange.now_ns,
            "speed": self._pace.speed,
            "market_over": self._player.over,
            "faults": self.faults(),
            "clients": [
                {
                    "client_id": client.client_id,
                    "address": client.label,
                    "version": client.wire.version,
                    "requests": client.requests_total,
                    "frames": client.wire.delivery.frames_total,
                    "backlog_bytes": len(client.wire.delivery),
                    "streams": len(client.streams),
                }
                for client in self._gateway.clients
            ],
        }

    def clock(self) -> dict[str, Any]:
        real_ns = self._now_ns()
        return {
            "exchange_ns": self._pace.now_ns(real_ns),
            "monotonic_ns": real_ns,
            "speed": self._pace.speed,
            "running": self._pace.running,
        }

    def about(self) -> dict[str, Any]:
        """Which simulator this is, and whether its market goes on: cheap enough to ask often."""
        return {
            "pid": os.getpid(),
            "instance": self._gateway.exchange.instance,
            "market_over": self._player.over,
            "clients": sum(1 for c in self._gateway.clients if c.client_id is not None),
        }

    def faults(self) -> list[dict[str, Any]]:
        """Every fault with how often it happened."""
        faults = self._gateway.faults
        return [] if faults is None else faults.plan.report()

    # -- doing ---------------------------------------------------------------------------------

    def add_fault(self, line: str) -> dict[str, Any]:
        """One more line of a script. Raises ConfigError saying what is wrong with it."""
        gateway = self._gateway
        found = parse([line], "fault")
        if not found:
            raise ConfigError("fault: the line is empty")
        self._player.advance()
        if gateway.faults is None:
            gateway.break_by(FaultPlan((), self._seed, gateway.exchange.now_ns))
        assert gateway.faults is not None
        for fault in found:
            gateway.faults.plan.add(fault)
        gateway.advance(gateway.exchange.now_ns)
        return {"added": found[0].line}

    def bulletin(self, text: str) -> dict[str, Any]:
        """TWS publishes a news bulletin."""
        desk = self._gateway.desk
        desk.bulletin(text)
        return {"bulletins": len(desk.bulletins)}

    def tick(self, symbol: str, kind: TickKind, price: float, size: int = SIZE) -> None:
        """One change of the market, now. Raises ConfigError: no such symbol, or no price."""
        if self._gateway.exchange.instrument(symbol) is None:
            raise ConfigError(f"{symbol}: the exchange has no such instrument")
        if not 0 < price < PRICE_MAX:
            raise ConfigError(f"{symbol}: {price} is no price above 0 and below {PRICE_MAX}")
        self._player.advance()
        now_ns = self._gateway.exchange.now_ns
        self._gateway.tick(MarketTick(now_ns, symbol, kind, price, size))

    def quote(self, symbol: str, bid: float, ask: float, size: int = SIZE) -> None:
        """Bid and ask change, one after the other; the side that makes room goes first. Raises
        ConfigError as ``tick`` does."""
        held = self._gateway.exchange.quote(symbol)
        sides: list[tuple[TickKind, float]] = [("B", bid), ("A", ask)]
        if held.ask is not None and bid >= held.ask:
            sides.reverse()
        for kind, price in sides:
            self.tick(symbol, kind, price, size)

    def _tick(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        kind = _word(asked, "kind")
        if kind not in get_args(TickKind):
            raise ConfigError(f"kind {kind!r}: write one of {', '.join(get_args(TickKind))}")
        self.tick(
            _word(asked, "symbol"), cast(TickKind, kind), _price(asked, "price"), _size(asked)
        )
        return {"clock_ns": self._gateway.exchange.now_ns}

    def _quote(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        bid, ask = _price(asked, "bid"), _price(asked, "ask")
        self.quote(_word(asked, "symbol"), bid, ask, _size(asked))
        return {"clock_ns": self._gateway.exchange.now_ns}

    def end(self) -> dict[str, Any]:
        self._stop()
        return {"stopping": True}


def _word(asked: Mapping[str, Any], name: str) -> str:
    value = asked.get(name)
    if not isinstance(value, str):
        raise ConfigError(f'"{name}" is missing, or is no text')
    if any(one == "\0" or "\ud800" <= one <= "\udfff" for one in value):
        raise ConfigError(f'"{name}" has a character that no message can carry')
    return value


def _price(asked: Mapping[str, Any], name: str) -> float:
    value = asked.get(name)
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not number or not 0 < value < PRICE_MAX:  # type: ignore[operator]
        raise ConfigError(f'"{name}" is missing, or is no price above 0 and below {PRICE_MAX}')
    return float(cast(float, value))


def _size(asked: Mapping[str, Any]) -> int:
    value = asked.get("size", SIZE)
    if type(value) is not int or not 0 <= value < 1 << 31:
        raise ConfigError('"size" is no number of shares')
    return value

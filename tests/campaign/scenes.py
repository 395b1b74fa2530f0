"""Short trades that a crash is to meet: each a market, what is asked, and the settings.

Times are seconds from the start; prices are those of the long side and are mirrored at 100 for
the short one. Stops are 6 and targets 4 away from an entry at 100.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, Final, Literal

import attrs

from engine.config import Config, from_mapping
from engine.inputs import CloseRequested, Input, OcoLeg, OcoRequested
from engine.sim.exchange import Exchange
from engine.sim.instruments import instruments, session
from engine.sim.launch import DAY
from engine.sim.memory import MemoryTws
from engine.sim.policies import Policies
from engine.sim.records import MarketTick

SYMBOL: Final = "IBM"
ACCOUNT: Final = "DU1234567"
SECOND: Final = 1_000_000_000
PIVOT: Final = 100.0
QUOTE_EACH_S: Final = 4.0
LATENCY_NS: Final = 5_000_000
PLENTY: Final = 100_000

Act = tuple[float, str]  # when, and what: a signal (BUY, SELL), close, oco
Side = Literal["long", "short"]


@attrs.frozen(kw_only=True)
class Scene:
    name: str
    market: tuple[tuple[float, float, int], ...]  # from when, the price, shares at each quote
    acts: tuple[Act, ...]
    opens: frozenset[int]  # how many shares a run may have opened in all, whatever it missed
    strategy: Mapping[str, Any] = {}
    faults: tuple[str, ...] = ()
    lasts_s: float = 60.0
    ends_flat: bool = False  # whatever happened; else what is held at the end must be protected
    before_close_s: float | None = None  # where in the day it begins; None: an hour after the open

    @property
    def start_ns(self) -> int:
        opens_ns, closes_ns = session(DAY)
        if self.before_close_s is None:
            return opens_ns + 3600 * SECOND
        return closes_ns - int(self.before_close_s * SECOND)

    def config(self) -> Config:
        strategy = {
            "symbols": [SYMBOL],
            "sizing": {"shares": 300},
            "stop": {"amount": 6.0},
            "target": {"amount": 4.0},
            "cooldown_s": 0.0,
            "sell_means": "short",
            **self.strategy,
        }
        return from_mapping({"strategy": strategy, "broker": {"account": ACCOUNT}})

    def tws(self, side: Side, seed: int) -> MemoryTws:
        hours = (session(DAY),)
        exchange = Exchange(
            instruments([SYMBOL], hours), ACCOUNT, Policies(), seed, self.start_ns, 1
        )
        tws = MemoryTws(exchange, self._ticks(side), seed=seed, latency_ns=LATENCY_NS)
        for line in self.faults:
            tws.fault(line)
        return tws

    def _ticks(self, side: Side) -> Iterator[MarketTick]:
        at_s, market = 0.0, list(self.market)
        while at_s < self.lasts_s + 600.0:
            while len(market) > 1 and market[1][0] <= at_s:
                market.pop(0)
            _, price, size = market[0]
            middle = mirrored(price, side)
            now_ns = self.start_ns + int(at_s * SECOND)
            yield MarketTick(now_ns, SYMBOL, "B", round(middle - 0.01, 2), size)
            yield MarketTick(now_ns, SYMBOL, "A", round(middle + 0.01, 2), size)
            traded = round(middle + (0.01 if side == "long" else -0.01), 2)
            yield MarketTick(now_ns, SYMBOL, "T", traded, size)
            following = at_s + QUOTE_EACH_S
            at_s = min(market[1][0], following) if len(market) > 1 else following

    def asked(self, what: str, side: Side, at_ns: int) -> Input | dict[str, Any]:
        """What an act hands to the engine: an input, or a prediction."""
        if what == "close":
            return CloseRequested(None, "host")
        if what == "oco":
            legs = (
                OcoLeg("BUY", "LMT", _price(98, side)),
                OcoLeg("BUY", "STP", _price(102, side)),
            )
            if side == "short":
                legs = (attrs.evolve(legs[0], side="SELL"), attrs.evolve(legs[1], side="SELL"))
            return OcoRequested("oco-1", SYMBOL, Decimal(100), legs)
        signal = what
        if side == "short":
            signal = {"BUY": "SHORT", "SHORT": "BUY"}[what]
        return {
            "ticker": SYMBOL,
            "signal": signal,
            "confidence": 0.9,
            "timestamp": at_ns // 1_000_000,
        }


def mirrored(price: float, side: Side) -> float:
    return price if side == "long" else round(2 * PIVOT - price, 2)


def _price(price: float, side: Side) -> Decimal:
    return Decimal(str(mirrored(price, side)))


def _breakout(side: str, when: str) -> dict[str, Any]:
    """A rule whose orders are ready when its price comes. After a restart the price is beyond its
    level: only what has executed holds it back."""
    enter = {"kind": "enter", "side": side}
    named = {"id": f"breakout-{side}", "symbols": [SYMBOL], "executions_per_day_max": 1}
    return {**named, "when": f"last {when}", "then": enter, "armed": True}


BUY: Final = (10.0, "BUY")
SCENES: Final = (
    Scene(
        name="target",
        market=((0, 100, PLENTY), (30, 104.5, PLENTY)),
        acts=(BUY,),
        opens=frozenset({0, 300}),
    ),
    Scene(
        name="stop-out",
        market=((0, 100, PLENTY), (30, 93.5, PLENTY)),
        acts=(BUY,),
        opens=frozenset({0, 300}),
    ),
    Scene(
        name="partial-fills",
        market=((0, 100, 70), (32, 104.5, 90)),
        acts=(BUY,),
        opens=frozenset(range(0, 301, 10)),
        lasts_s=75,
    ),
    Scene(
        name="double-down",
        market=((0, 100, PLENTY), (25, 96.9, PLENTY), (40, 104.5, PLENTY)),
        acts=(BUY,),
        opens=frozenset({0, 300, 600}),
        strategy={"double_down": {"levels": [0.5]}},
    ),
    Scene(
        name="scale-in",
        market=((0, 100, PLENTY), (25, 103, PLENTY), (40, 93, PLENTY)),
        acts=(BUY,),
        opens=frozenset({0, 300, 450}),
        strategy={"scale_in": {"trigger_percent": 2, "portion": 50}},
    ),
    Scene(
        name="reversal",
        market=((0, 100, PLENTY), (40, 106.5, PLENTY)),
        acts=(BUY, (25.0, "SHORT")),
        opens=frozenset({0, 300, 600}),
    ),
    Scene(
        name="close-all",
        market=((0, 100, PLENTY),),
        acts=(BUY, (25.0, "close")),
        opens=frozenset({0, 300}),
        ends_flat=True,
        strategy={"double_down": {"levels": [0.5]}},
    ),
    Scene(
        name="end-of-day",
        market=((0, 100, PLENTY),),
        acts=(BUY,),
        opens=frozenset({0, 300}),
        ends_flat=True,
        before_close_s=95.0,
        lasts_s=70,
    ),
    Scene(
        name="oco",
        market=((0, 100, PLENTY), (25, 102.5, PLENTY)),
        acts=((10.0, "oco"),),
        opens=frozenset({0, 100}),
        lasts_s=45,
    ),
    Scene(
        name="broken-link",
        market=((0, 100, PLENTY), (40, 93.5, PLENTY)),
        acts=(BUY,),
        opens=frozenset({0, 300}),
        faults=("+20s reset",),
    ),
    Scene(
        name="limit-entry",
        market=((0, 100, PLENTY), (20, 99.5, 40), (35, 104.5, PLENTY)),
        acts=(BUY,),
        opens=frozenset(range(0, 301, 10)),
        strategy={"entry": {"type": "limit", "offset": {"amount": 0.5}}},
        lasts_s=65,
    ),
    Scene(
        name="armed",
        market=((0, 100, PLENTY), (12, 101.5, PLENTY), (16, 101.9, PLENTY), (30, 106.5, PLENTY)),
        acts=(),
        opens=frozenset({0, 300}),
        strategy={"rules": [_breakout("BUY", ">= 101.9"), _breakout("SELL", "<= 98.1")]},
        lasts_s=45,
    ),
    Scene(
        name="targets",
        market=((0, 100, PLENTY), (25, 102.5, PLENTY), (38, 93.5, PLENTY)),
        acts=(BUY,),
        opens=frozenset({0, 150, 300}),
        strategy={
            "target": [{"amount": 2.0, "portion": 50}, {"amount": 8.0, "portion": 50}],
        },
    ),
)

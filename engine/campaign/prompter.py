"""What happens to an engine that is no fault of the broker: signals, requests of its host, other
settings, the end of its process."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final

import orjson

from engine.campaign.scenario import Prompt
from engine.config import CONVERTER, Config, from_mapping
from engine.engine import Engine
from engine.errors import ConfigError, LimitError
from engine.inputs import (
    BracketRequested,
    CancelRequested,
    CloseRequested,
    HaltRequested,
    OcoLeg,
    OcoRequested,
    OrderRequested,
    ResumeRequested,
    SettingsChanged,
    Side,
)
from engine.signals.schema import SignalRefusedError
from engine.sim.memory import SECOND_NS, MemoryTws
from engine.sim.virtual import VirtualTransport

CENT: Final = Decimal("0.01")
Settings = dict[str, dict[str, Any]]  # tables


class Killed(BaseException):
    """The process of the engine is gone, between two of its waits."""

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = seconds


class Prompter:
    """``config`` are the settings as they are in the file now: an engine that is started reads
    them, ``governed`` hears when they change. Raises UserError: they make no sense."""

    def __init__(
        self,
        tws: MemoryTws,
        transport: VirtualTransport,
        settings: Settings,
        governed: Callable[[Config], None],
    ) -> None:
        self.settings = settings
        self.config = from_mapping(settings, "settings")
        self._governed = governed
        self._tws = tws
        self._transport = transport
        self._placed: dict[str, str] = {}  # the newest that was placed directly, by symbol

    def say(self, engine: Engine, prompt: Prompt) -> None:
        """Let it happen. Raises Killed."""
        if prompt.kind == "kill":
            raise Killed(float(prompt.words[0]))
        with contextlib.suppress(SignalRefusedError, LimitError):
            getattr(self, f"_{prompt.kind}")(engine, *prompt.words)

    def _signal(self, engine: Engine, symbol: str, signal: str, confidence: str) -> None:
        said = {"ticker": symbol, "signal": signal, "confidence": float(confidence)}
        engine.publish(said, source="campaign")

    def _close(self, engine: Engine, symbol: str) -> None:
        engine.submit(CloseRequested(None if symbol == "all" else symbol, "host"))

    def _halt(self, engine: Engine, level: str) -> None:
        engine.submit(HaltRequested(int(level), "campaign", "prompted"))

    def _resume(self, engine: Engine) -> None:
        engine.submit(ResumeRequested("campaign", "prompted"))

    def _bracket(
        self, engine: Engine, symbol: str, side: str, shares: str, stop_percent: str
    ) -> None:
        """At the market, its stop so many per cent away and its target as far."""
        quote = self._tws.exchange.quote(symbol)
        if quote.bid is None or quote.ask is None:
            return
        price = Decimal(str(quote.ask if side == "BUY" else quote.bid))
        away = price * Decimal(stop_percent) / 100 * (1 if side == "BUY" else -1)
        stop, target = (one.quantize(CENT, ROUND_HALF_UP) for one in (price - away, price + away))
        reference = self._reference("bracket", symbol)
        request = BracketRequested(reference, symbol, _side(side), Decimal(shares), stop, target)
        engine.submit(request)

    def _oco(self, engine: Engine, symbol: str, kind: str, shares: str, percent: str) -> None:
        """Two legs around the market, of which one may fill."""
        quote = self._tws.exchange.quote(symbol)
        if quote.bid is None or quote.ask is None:
            return
        price = Decimal(str(quote.bid))
        away = price * Decimal(percent) / 100
        above, below = (one.quantize(CENT, ROUND_HALF_UP) for one in (price + away, price - away))
        first, second = {
            "breakout": (OcoLeg("BUY", "STP", above), OcoLeg("SELL", "STP", below)),
            "range": (OcoLeg("SELL", "LMT", above), OcoLeg("BUY", "LMT", below)),
            "sell": (OcoLeg("SELL", "LMT", above), OcoLeg("SELL", "STP", below)),
            "buy": (OcoLeg("BUY", "STP", above), OcoLeg("BUY", "LMT", below)),
        }[kind]
        reference = self._reference("oco", symbol)
        engine.submit(OcoRequested(reference, symbol, Decimal(shares), (first, second)))

    def _order(self, engine: Engine, symbol: str, side: str, shares: str) -> None:
        reference, action = self._reference("order", symbol), _side(side)
        engine.submit(OrderRequested(reference, symbol, action, Decimal(shares), "MKT"))

    def _reference(self, kind: str, symbol: str) -> str:
        self._placed[symbol] = f"{kind}-{self._tws.now_ns}-{symbol}"
        return self._placed[symbol]

    def _cancel(self, engine: Engine, symbol: str) -> None:
        if symbol in self._placed:
            engine.submit(CancelRequested(self._placed[symbol]))

    def _pause(self, _engine: Engine, seconds: str) -> None:
        self._transport.stand_still(round(float(seconds) * SECOND_NS))

    def _settings(self, engine: Engine, text: str) -> None:
        """Somebody has changed the file, and lets the engine read it again. A version with a
        mistake is refused, and put back."""
        wanted = merged(self.settings, orjson.loads(text))
        try:
            self.config = from_mapping(wanted, "settings")
        except ConfigError:
            return
        self.settings = wanted
        said = orjson.dumps(CONVERTER.unstructure(self.config)).decode()
        engine.submit(SettingsChanged(said, "campaign", f"{self._tws.now_ns}"))
        self._governed(self.config)


def merged(settings: Settings, changes: Settings) -> Settings:
    """Settings with others in the place of those that they name."""
    tables = {**settings, **changes}
    return {name: {**settings.get(name, {}), **tables[name]} for name in tables}


def _side(word: str) -> Side:
    return "BUY" if word == "BUY" else "SELL"

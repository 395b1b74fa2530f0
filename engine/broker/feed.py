"""Market data of the strategy's symbols: subscriptions, their proof, and the warm-up bars.

The data itself never comes through here: the compiled reader applies it to the market by the
request ids that are bound here.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from typing import Final

from _fast.market import Market
from engine.broker.clock import pause
from engine.broker.historical_data import Bar
from engine.broker.history import HistoryQueue, bars_array, warm_up
from engine.broker.requests import Requests
from engine.broker.sync import RequestIds
from engine.capture import Capture
from engine.commands import Watch
from engine.config import Strategy
from engine.errors import DecodeError
from engine.inputs import Instrument, Reading
from engine.loggers import logger
from engine.rules.indicators import QUOTED, RUN_IN, Indicator, read_indicator

TRADES_FROM_LAST: Final = 0
TRADES_FROM_TICKS: Final = 1
BARS_MAX: Final = 20_000  # of one answer: the newest; a warm-up asks for fewer
SECOND_NS: Final = 1_000_000_000
NEVER_NS: Final = 1 << 62
PROOF_S: Final = 20.0  # how long a kept subscription may stay mute
REFUSED_MAX_S: Final = 600.0  # between two attempts to get what is refused
_LOG = logger("engine.broker")
Operand = tuple[str, tuple[float, ...], int]  # family, parameters, line


class Feed:
    """``rows`` are the market's rows by symbol, added once and kept over all connections."""

    def __init__(self, strategy: Strategy, tick_by_tick_max: int, market: Market) -> None:
        self._strategy = strategy
        self._market = market
        self.capture: Capture | None = None
        self.outside_rth = strategy.outside_rth
        self._ticking = frozenset(strategy.symbols[:tick_by_tick_max])
        self.rows = {
            symbol: market.add(
                strategy.bar_s,
                strategy.atr_period,
                strategy.atr_mean,
                TRADES_FROM_TICKS if symbol in self._ticking else TRADES_FROM_LAST,
            )
            for symbol in strategy.symbols
        }
        # Symbol -> latest error of its data since they were asked for.
        self.refused: dict[str, tuple[int, str]] = {}
        self.unwarmed: dict[str, str] = {}  # symbol -> why its history is missing
        self.warmed = 0  # histories that have come
        self._subscribed: dict[int, tuple[str, bool]] = {}  # request id -> (symbol, by ticks)
        self._history = HistoryQueue()
        self._bars: dict[int, deque[Bar]] = {}
        self._proof: tuple[int, dict[str, int]] | None = None  # (due, ticks by symbol)
        self._refusals = 0  # of subscriptions, since all of them had data
        self._followed: dict[str, tuple[Indicator, ...]] = {}  # by symbol
        self._shown: dict[str, list[tuple[str, int, int]]] = {}  # name, study and line of each

    # -- subscriptions -----------------------------------------------------------------------

    def subscribe(
        self, instruments: dict[str, Instrument], requests: Requests, ids: RequestIds
    ) -> list[bytes]:
        """Frames that subscribe every symbol that is not, and queue its history."""
        have = {symbol for symbol, _ in self._subscribed.values()}
        frames: list[bytes] = []
        for symbol in self.rows:
            if symbol not in have and symbol in instruments:
                frames += self._subscribe(symbol, instruments[symbol], requests, ids)
                if self._warm_up(symbol) is not None:
                    self._history.want(symbol)
        return frames

    def drop(self) -> None:
        """The connection is gone, and all its subscriptions."""
        self.forget()
        self._history.reset()
        self._bars.clear()

    def forget(self) -> None:
        """TWS has lost the subscriptions (1101); the connection and its history remain."""
        for request_id in self._subscribed:
            self._market.unbind(request_id)
        self._subscribed.clear()
        self._proof = None

    def _subscribe(
        self, symbol: str, instrument: Instrument, requests: Requests, ids: RequestIds
    ) -> list[bytes]:
        self.refused.pop(symbol, None)
        frames = [requests.market_data(self._bound(symbol, False, ids), instrument)]
        if symbol in self._ticking:
            self._market.feed_from(self.rows[symbol], TRADES_FROM_TICKS)
            frames.append(requests.tick_by_tick(self._bound(symbol, True, ids), instrument))
        return frames

    def _bound(self, symbol: str, by_ticks: bool, ids: RequestIds) -> int:
        request_id = ids.take()
        self._subscribed[request_id] = (symbol, by_ticks)
        self._market.bind(request_id, self.rows[symbol])
        if self.capture is not None:
            self.capture.subscribed(request_id, symbol)
        return request_id

    def bar_ends_ns(self) -> int:
        """When the first of the bars in progress ends."""
        bars = [self._market.bar_in_progress(row) for row in self.rows.values()]
        begun = [int(bar["time_ns"]) for bar in bars if bar is not None]
        return min(begun, default=NEVER_NS) + self._strategy.bar_s * SECOND_NS

    # -- proof that data flow ----------------------------------------------------------------

    def ticks(self) -> dict[str, int]:
        """Messages applied so far, by symbol."""
        counts = self._market.instruments["ticks"]
        return {symbol: int(counts[row]) for symbol, row in self.rows.items()}

    def demand_proof(self, mono_ns: int) -> None:
        """TWS says that it kept the subscriptions (1102), which is not always true."""
        self._proof = mono_ns + round(PROOF_S * SECOND_NS), self.ticks()

    @property
    def proof_due_ns(self) -> int | None:
        return None if self._proof is None else self._proof[0]

    def resubscribe_mute(
        self,
        mono_ns: int,
        instruments: dict[str, Instrument],
        requests: Requests,
        ids: RequestIds,
    ) -> list[bytes]:
        """Frames that cancel and renew what has not ticked since the proof was demanded. At
        night that is everything, which costs a few messages and no data."""
        if self._proof is None or mono_ns < self._proof[0]:
            return []
        before, now = self._proof[1], self.ticks()
        self._proof = None
        mute = {symbol for symbol in self.rows if now[symbol] == before[symbol]}
        if not mute:
            self._refusals = 0
        frames: list[bytes] = []
        for request_id, (symbol, by_ticks) in list(self._subscribed.items()):
            if symbol in mute and symbol in instruments:
                self._market.unbind(request_id)
                del self._subscribed[request_id]
                cancel = requests.cancel_tick_by_tick if by_ticks else requests.cancel_market_data
                frames.append(cancel(request_id))
        for symbol in sorted(mute & set(instruments)):
            frames += self._subscribe(symbol, instruments[symbol], requests, ids)
        return frames

    # -- indicators --------------------------------------------------------------------------

    def follow(self, symbol: str, names: tuple[str, ...]) -> None:
        """Keep these up with the bars of the symbol. What the bars that are kept do not warm, its
        history does, if it is subscribed already; else with everything else."""
        wanted = tuple(map(read_indicator, names))
        row = self.rows[symbol]
        self._market.follow(row, [one.study for one in wanted])
        self._followed[symbol] = wanted
        # Where each stands in the market's answer: several lines of one indicator are one study.
        kept = list(dict.fromkeys(one.study for one in wanted))
        self._shown[symbol] = [
            (name, kept.index(one.study), one.kind.line)
            for name, one in zip(names, wanted, strict=True)
        ]
        subscribed = any(symbol == one for one, _ in self._subscribed.values())
        cold = any(
            now.bars < one.run_in for one, now in zip(wanted, self.readings(symbol), strict=True)
        )
        if subscribed and cold and self._warm_up(symbol) is not None:
            self._history.want(symbol)

    def readings(self, symbol: str) -> tuple[Reading, ...]:
        """What the indicators of a symbol say now."""
        shown = self._shown.get(symbol)
        if not shown:
            return ()
        found = self._market.studies(self.rows[symbol])
        return tuple(
            [
                Reading(name, _number(now[line]), _number(before[line]), bars)
                for name, at, line in shown
                for now, before, bars, _ in (found[at],)
            ]
        )

    def watch(self, wanted: Watch) -> int:
        """Set a condition of the market for it; its number there."""
        row, left = self.rows[wanted.symbol], _operand(wanted.field)
        if isinstance(left, str) and not wanted.against:
            return self._market.when(row, left, wanted.op, wanted.level, wanted.at_once)
        right = _operand(wanted.against) if wanted.against else wanted.level
        assert not isinstance(right, str), wanted
        return self._market.when_study(row, left, wanted.op, right, wanted.at_once)

    def _warm_up(self, symbol: str) -> tuple[str, str] | None:
        """What history to ask for."""
        bars = max(
            RUN_IN * self._strategy.atr_period,
            *(one.run_in for one in self._followed.get(symbol, ())),
            0,
        )
        return warm_up(self._strategy.bar_s, bars)

    # -- history -----------------------------------------------------------------------------

    def next_history_ns(self) -> int | None:
        return self._history.next_ns()

    def ask_history(
        self,
        mono_ns: int,
        instruments: dict[str, Instrument],
        requests: Requests,
        ids: RequestIds,
    ) -> list[bytes]:
        """Frames for the warm-up requests that TWS's limits allow now."""
        frames: list[bytes] = []
        while (ready := self._history.next_ns()) is not None and ready <= mono_ns:
            request_id = ids.take()
            symbol = self._history.take(mono_ns, request_id)
            assert symbol in instruments, "history is wanted of what was subscribed"
            self._bars[request_id] = deque(maxlen=BARS_MAX)
            wanted = self._warm_up(symbol)
            assert wanted is not None, "only what there is is wanted"
            length, size = wanted
            frames.append(
                requests.historical_bars(
                    request_id,
                    instruments[symbol],
                    length,
                    size,
                    outside_rth=self._strategy.outside_rth,
                )
            )
        return frames

    def bars(self, request_id: int, bars: Sequence[Bar]) -> None:
        known = self._bars.get(request_id)
        if known is not None:
            known.extend(bars)

    def bars_ended(self, request_id: int, exchange_ns: int) -> None:
        """Warm the symbol's indicators with what came, if it can be used."""
        bars = list(self._bars.pop(request_id, ()))
        symbol = self._history.closed(request_id)
        if symbol is None:
            return
        self.warmed += 1
        try:
            self._market.warm(
                self.rows[symbol], bars_array(bars, self._strategy.bar_s, exchange_ns)
            )
        except (DecodeError, ValueError) as problem:
            self.unwarmed[symbol] = str(problem)
            _LOG.warning("%s: its history cannot be used: %s", symbol, problem)
        else:
            self.unwarmed.pop(symbol, None)

    def failed(self, request_id: int, code: int, text: str, mono_ns: int) -> bool:
        """An error under ``request_id``; False if that is none of ours."""
        if request_id in self._bars:
            del self._bars[request_id]
            given_up = self._history.failed(request_id, mono_ns)
            if given_up is not None:
                self.unwarmed[given_up] = f"{code}: {text}"
                _LOG.warning("%s: no history to warm with (%s: %s)", given_up, code, text)
            return True
        if request_id not in self._subscribed:
            return False
        symbol, by_ticks = self._subscribed[request_id]
        if by_ticks:  # bars without trades would stand still, and indicators with them
            self._market.feed_from(self.rows[symbol], TRADES_FROM_LAST)
        self.refused[symbol] = (code, text)
        _LOG.warning("%s: market data: %s: %s", symbol, code, text)
        if self._proof is None:  # what stays mute is asked for again
            due_ns = mono_ns + pause(PROOF_S, REFUSED_MAX_S, self._refusals)
            self._proof = due_ns, self.ticks()
            self._refusals += 1
        return True


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value


def _operand(name: str) -> str | Operand:
    """A column of the market, or an indicator with the line that is meant."""
    if name in QUOTED:
        return name
    found = read_indicator(name)
    return (*found.study, found.kind.line)

"""The core and the simulated exchange joined without a wire: what would happen, and nothing sent.

What the exchange tells becomes inputs of one step, what the core wants goes to the exchange, and
so on until both are quiet. Prices and time move only when they are told to.
"""

from __future__ import annotations

from datetime import date, datetime, time
from decimal import Decimal
from typing import Final

import attrs
import orjson

from engine.commands import (
    Amend,
    AskAccount,
    Cancel,
    Command,
    Follow,
    LookAtMarket,
    Place,
    Snapshot,
    Unwatch,
    Watch,
)
from engine.config import CONVERTER, SECOND_NS, Config
from engine.contexts import Context
from engine.core import Core
from engine.events import BaseEvent
from engine.inputs import (
    AccountReported,
    AccountsListed,
    AccountValue,
    Input,
    Instrument,
    InstrumentDefined,
    MarketSeen,
    MarketView,
    OrderIdGranted,
    Reading,
    SessionChanged,
    Signal,
    SignalArrived,
    SignalKind,
    Started,
    TimerElapsed,
)
from engine.sim.exchange import Exchange
from engine.sim.instruments import instrument, known, session, utc_ns, zone
from engine.sim.policies import Policies
from engine.sim.records import (
    MarketTick,
    Notice,
    TickKind,
)
from engine.sim.wireless import Watches, order_of, translate, truth

DAY: Final = date(2024, 1, 3)  # a Wednesday like any other
CLIENT: Final = 17
ACCOUNT: Final = "DU0000001"
SIZE: Final = 1_000_000  # of every quote: nothing fills in part
EPOCH: Final = 1
ROUNDS_MAX: Final = 100  # of question and answer within one instant


class Rehearsal:
    """One symbol of a strategy, on a day on which everybody behaves."""

    def __init__(
        self,
        config: Config,
        symbol: str,
        at: time,
        equity: Decimal,
        indicators: tuple[Reading, ...] = (),
    ) -> None:
        self.symbol = symbol
        self._indicators = indicators
        self.events: list[BaseEvent] = []
        self.commands: list[Command] = []
        self.view = MarketView(symbol)
        self.instrument: Final = _instrument(symbol)
        self.now_ns = utc_ns(datetime.combine(DAY, at, zone()))
        self.core: Final = Core(config)
        free = Policies(commission_per_share=Decimal(0), commission_min=Decimal(0))
        self._exchange: Final = Exchange([self.instrument], ACCOUNT, free, 1, self.now_ns, 7)
        self._watches: Final = Watches()
        self._signals = 0
        values = (AccountValue("NetLiquidation", str(equity), "USD"),)
        self._worth: Final = AccountReported(ACCOUNT, values)
        self._begin(config)

    @property
    def context(self) -> Context | None:
        """The trade under way."""
        return self.core.state.current.get(self.symbol)

    def _begin(self, config: Config) -> None:
        settings = orjson.dumps(CONVERTER.unstructure(config)).decode()
        self._feed(Started("try", "rehearsal", settings, CLIENT, ACCOUNT))
        self._feed(SessionChanged("START", EPOCH))
        self._feed(
            SessionChanged("SOCKET_OPENED", EPOCH),
            OrderIdGranted(1),
            AccountsListed((ACCOUNT,)),
            SessionChanged("HANDSHAKE_DONE", EPOCH),
            self._worth,
        )
        told: list[Input] = [InstrumentDefined(self.instrument)]
        for kind in ("open_orders", "executions", "completed_orders", "positions"):
            told += truth(self._exchange, kind, EPOCH)
        self._feed(*told, SessionChanged("SYNCED", EPOCH))

    # -- what happens --------------------------------------------------------------------------

    def show(self, bid: Decimal, ask: Decimal, atr: float | None) -> None:
        """The market as it is from now on."""
        last = float((bid + ask) / 2)
        self.view = MarketView(
            self.symbol, float(bid), float(ask), last, 0, atr, indicators=self._indicators
        )
        ticks: list[tuple[TickKind, float]] = [("B", float(bid)), ("A", float(ask))]
        before = self._exchange.quote(self.symbol).ask
        if before is not None and float(bid) >= before:
            ticks.reverse()  # on the way, too, the quotes do not cross
        for kind, price in (*ticks, ("T", last)):
            tick = MarketTick(self.now_ns, self.symbol, kind, price, SIZE)
            self._tell(self._exchange.on_tick(tick))
        if fired := self._watches.fired(self.view):
            self._feed(*fired)

    def signal(self, kind: SignalKind, confidence: float) -> None:
        self._signals += 1
        identity = f"rehearsal:{self.symbol}:{self._signals}:{kind}"
        signal = Signal(identity, "rehearsal", self.symbol, kind, confidence, self.now_ns)
        self._feed(SignalArrived(signal, self.view))

    def wait(self, seconds: float) -> None:
        self.wait_until(self.now_ns + int(seconds * SECOND_NS))

    def wait_until(self, end_ns: int) -> None:
        """Let time pass, stopping wherever the core or the exchange has something to do."""
        while True:
            due = [self.core.next_deadline_ns, self._exchange.next_timer_ns]
            known_ns = [at_ns for at_ns in due if at_ns is not None and at_ns <= end_ns]
            if not known_ns:
                break
            self.now_ns = max(self.now_ns, min(known_ns))
            self._tell(self._exchange.advance(self.now_ns))
            self._feed(TimerElapsed())
        self.now_ns = end_ns
        self._tell(self._exchange.advance(end_ns))

    # -- the loop ------------------------------------------------------------------------------

    def _tell(self, notices: list[Notice]) -> None:
        if told := [item for notice in notices for item in translate(notice)]:
            self._feed(*told)

    def _feed(self, *inputs: Input) -> None:
        waiting: list[Input] = list(inputs)
        for _ in range(ROUNDS_MAX):
            if not waiting:
                return
            output = self.core.step(tuple(waiting), self.now_ns)
            self.events += output.events
            self.commands += output.commands
            waiting = [item for one in output.commands for item in self._carry_out(one)]
        raise AssertionError(f"core and exchange do not come to rest: {waiting}")

    def _carry_out(self, command: Command) -> list[Input]:
        if isinstance(command, LookAtMarket):
            return [MarketSeen(self.view)]
        if isinstance(command, Watch):
            self._watches.set(command)
            return self._watches.fired(self.view)
        if isinstance(command, Unwatch):
            self._watches.unset(command)
            return []
        if isinstance(command, Follow):
            return []  # what they say is supposed
        if isinstance(command, Snapshot):
            return truth(self._exchange, command.kind, EPOCH)
        if isinstance(command, AskAccount):
            return [self._worth]
        if isinstance(command, Cancel):
            notices = self._exchange.cancel(CLIENT, command.order_id)
        else:
            assert isinstance(command, Place | Amend)
            notices = self._exchange.place(CLIENT, order_of(command, CLIENT, self.instrument))
        return [item for notice in notices for item in translate(notice)]


def _instrument(symbol: str) -> Instrument:
    """As TWS would define it, if it is like a US stock; with the hours of the day."""
    like = instrument(symbol) if known(symbol) else instrument("X")
    return attrs.evolve(like, symbol=symbol, sessions=(session(DAY),))

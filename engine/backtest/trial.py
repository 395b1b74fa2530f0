"""One backtest: an engine for each day, one after another, at one exchange in virtual time."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date
from typing import Any, Final

import attrs

from engine.backtest.excursions import Excursions
from engine.backtest.exposure import Exposure
from engine.backtest.ledger import LedgerTrade
from engine.backtest.plan import Plan
from engine.backtest.watch import TOLD_EACH, Watch
from engine.config import Config
from engine.engine import Engine
from engine.errors import UserError
from engine.events import (
    AlertEvent,
    FillEvent,
    OrderEvent,
    PositionEvent,
    PredictionSignalEvent,
    RefusalEvent,
    SessionChangedEvent,
    TradeEvent,
)
from engine.journal_chain import Record as Step
from engine.monitor.summary import Record
from engine.sim import instruments
from engine.sim.kept_journal import DayJournal
from engine.sim.launch import from_files
from engine.sim.memory import MemoryTws
from engine.sim.quiet import Quiet
from engine.sim.records import MarketTick
from engine.sim.virtual import VirtualTransport
from engine.view import EngineView

SECOND_NS: Final = 1_000_000_000
# From the last tick of a day until its engine ends: orders expire, commissions come.
AFTER_NS: Final = 60 * SECOND_NS
# How often the engine looks at its guards, its day book and the bars that time alone ends.
IDLE_NS: Final = SECOND_NS
REST_NS: Final = 10 * SECOND_NS  # the same for a backtest that is ended early
_RECORDED: Final = (
    *(OrderEvent, TradeEvent, PredictionSignalEvent, RefusalEvent, AlertEvent),
    SessionChangedEvent,
)


@attrs.define
class Progress:
    """``done`` of 1 by the exchange's clock."""

    day: date
    now_ns: int
    ticks: int
    trades: int
    done: float


Show = Callable[[Progress], None]
Read = Callable[[Iterable[Step]], None]


@attrs.frozen(kw_only=True)
class Outcome:
    """``whole`` is False if it was ended early; ``view`` is of just before the last engine's end,
    ``exchange`` the simulator's own report; ``unheard`` counts signals of the file whose time did
    not come."""

    plan: Plan
    whole: bool
    trades: tuple[LedgerTrade, ...]
    record: Record
    exposure: Exposure
    view: EngineView
    exchange: dict[str, Any]
    ticks: int
    days: int
    unheard: int
    journal: str


class Backtest:
    """``run`` plays it, once. ``stop`` may be called from a signal handler: it ends soon, with
    what was done. ``read`` is given the records of each day's journal when the day is over."""

    def __init__(
        self, plan: Plan, show: Show = lambda progress: None, read: Read | None = None
    ) -> None:
        self.plan = plan
        self._show, self._read = show, read
        self._days = plan.days
        exchange, tape = from_files(
            plan.ticks, seed=plan.seed, policies=plan.policies, size_share=plan.size_share
        )
        self._excursions, self._exposure = Excursions(), Exposure()
        self._engine: Engine | None = None
        self._asked = self._stopping = False
        self._watch = Watch(tape, self._days, self._excursions, self._look, self._day_over)
        self._tws = MemoryTws(
            exchange,
            self._watch,
            seed=plan.seed,
            latency_ns=round(plan.latency_ms * 1e6),
        )
        self._transport = VirtualTransport(self._tws, IDLE_NS)
        self._transport.quiet = Quiet(self._tws, self._watch)
        self._record = Record()
        self._trades: list[LedgerTrade] = []
        self._view: EngineView | None = None
        self._unheard = 0

    def run(self) -> Outcome:
        """Raises UserError: the ticks cannot be read to their end, or the signals at all."""
        self._journal = DayJournal.memory()
        played, engine = 0, None
        while not self._stopping and played < len(self._days):
            if engine is not None:
                self._journal = self._journal.gone_on(engine.core, engine.day_book)
                self._transport.hang_up()
                self._transport.sleep(self._watch.begins_ns - 1 - self._transport.now_ns)
            engine = self._live(f"{played + 1:06x}")
            played += 1
        assert self._view is not None
        return Outcome(
            plan=self.plan,
            whole=self._tws.market_over and not self._asked,
            trades=tuple(self._trades),
            record=self._record,
            exposure=self._exposure,
            view=self._view,
            exchange=self._tws.report(),
            ticks=self._watch.ticks,
            days=played,
            unheard=self._unheard,
            journal=self._journal.head_hash.hex(),
        )

    def stop(self) -> None:
        self._asked = self._watch.one_by_one = True

    def _live(self, run: str) -> Engine:
        """One day of an engine."""
        plan, transport = self.plan, self._transport
        engine = Engine(
            unarmed(plan.config), self._journal, plan.signals, transport=transport, run=run
        )
        engine.subscribe(FillEvent, self._excursions.filled)
        engine.subscribe(PositionEvent, self._moved)
        engine.subscribe(TradeEvent, self._told)
        for kind in _RECORDED:
            engine.subscribe(kind, self._record.add)
        self._engine = engine
        self._exposure.begin(transport.now_ns)
        try:
            engine.run()
        finally:
            self._engine = None
        self._exposure.end(transport.now_ns)
        self._view = engine.last_view
        self._unheard += len(engine.signals or ())
        if self._read is not None:
            self._read(self._journal.records(self._journal.begins_after))
        if engine.bus.failures:
            raise AssertionError("an observer of the backtest failed; its log says how")
        return engine

    # -- events --------------------------------------------------------------------------------

    def _moved(self, event: PositionEvent) -> None:
        self._excursions.moved(event)
        self._exposure.moved(event, self._transport.now_ns)

    def _told(self, event: TradeEvent) -> None:
        self._trades.append(LedgerTrade.of(event, self._excursions.told(event)))

    # -- the market ----------------------------------------------------------------------------

    def _look(self, tick: MarketTick, day: date) -> None:
        """It is about to be played."""
        self._excursions.look(tick)
        if self._asked and not self._stopping:
            self._stopping, self._watch.one_by_one = True, False
            self._at(tick.time_ns + REST_NS)
        if self._watch.ticks % TOLD_EACH:
            return
        opens_ns, closes_ns = instruments.session(day)
        done = min(max((tick.time_ns - opens_ns) / (closes_ns - opens_ns), 0.0), 1.0)
        done = (self._days.index(day) + done) / len(self._days)
        self._show(Progress(day, tick.time_ns, self._watch.ticks, len(self._trades), done))

    def _day_over(self, last: MarketTick) -> None:
        self._at(last.time_ns + AFTER_NS)

    def _at(self, time_ns: int) -> None:
        """The day's engine ends then."""
        self._transport.at(time_ns, self._end)

    def _end(self) -> None:
        if self._engine is None:
            raise UserError(f"{self.plan.ticks[0].path}: too few ticks to trade a day")
        self._engine.stop()


def unarmed(config: Config) -> Config:
    """Thinking takes no time here, so nothing needs to be ready: every rule decides on the prices
    that have come."""
    rules = tuple([attrs.evolve(rule, armed=False) for rule in config.strategy.rules])
    return attrs.evolve(config, strategy=attrs.evolve(config.strategy, rules=rules))

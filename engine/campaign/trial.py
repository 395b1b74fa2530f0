"""One scenario, played: an engine in all its lives at a TWS in memory, and what came of it."""

from __future__ import annotations

import contextlib
import logging
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from typing import Final

import attrs

from engine.campaign.prices import Gap, Tape, with_gaps
from engine.campaign.prompter import Killed, Prompter, Settings, merged
from engine.campaign.scenario import DAY, DAY_HOURS, Prompt, Scenario, sessions
from engine.campaign.witness import SECOND_NS, Broken, Witness
from engine.config import Config
from engine.engine import Engine
from engine.errors import JournalError, UserError
from engine.events import (
    AlertEvent,
    BaseEvent,
    PositionCloseEvent,
    RefusalEvent,
    TradingHaltedEvent,
    TradingResumedEvent,
)
from engine.recovery import rebuild
from engine.sim import fault_script, instruments
from engine.sim.kept_journal import KeptJournal
from engine.sim.launch import generated
from engine.sim.memory import MemoryTws
from engine.sim.policies import Policies, answers
from engine.sim.virtual import VirtualTransport

CALM_S: Final = 900.0  # at most, until everything has come to rest after the last fault
POLL_S: Final = 5.0
PRINTS: Final = 0.5  # of the ticks are trades: stops are set off by trades
AFTER_CLOSE_S: Final = 300.0  # of a whole day
IDLE_NS: Final = 10 * SECOND_NS  # the less, the slower, and nothing else
RESTART_S: Final = 10.0  # until an engine that could not begin is started again
LIVES_MAX: Final = 500


@attrs.frozen
class Violation:
    law: int
    text: str
    at_s: float  # since the opening


@attrs.define
class Outcome:
    """``counts`` says how often each thing really happened: faults by their kind, prompts, ends
    of trades, refusals, alerts."""

    violation: Violation | None = None
    counts: Counter[str] = attrs.field(factory=Counter)
    fault_lines: dict[str, int] = attrs.field(factory=dict)
    seconds: float = 0.0  # of the exchange
    records: int = 0
    executions: int = 0
    orders: int = 0
    held: dict[str, str] = attrs.field(factory=dict)  # at the broker, at the end
    frozen: tuple[str, ...] = ()  # what waits for a person


def play(scenario: Scenario, look: Callable[[Engine, float], None] | None = None) -> Outcome:
    """Let a scenario happen. ``look`` is shown the engine, and the time since the opening, before
    each of its waits.

    Raises:
        UserError: the scenario says what nobody can do.
    """
    with _quiet():
        return _Trial(scenario, look).play()


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """What an engine writes about a broker that misbehaves is no news here. Whoever plays a
    scenario within a larger program hears their own engines again afterwards."""
    told = logging.getLogger("engine")
    level = told.level
    told.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        told.setLevel(level)


class _Trial:
    def __init__(
        self, scenario: Scenario, look: Callable[[Engine, float], None] | None = None
    ) -> None:
        self.scenario = scenario
        exchange, market = generated(
            scenario.symbols,
            seed=scenario.seed,
            day=DAY,
            last=instruments.local_time(sessions(scenario.hours)[-1][0]).date(),
            ticks_per_s=scenario.rate,
            volatility=scenario.volatility,
            prints=PRINTS,
            prices=scenario.prices,
            policies=Policies(**answers(scenario.policies)),
        )
        self.start_ns = exchange.now_ns
        gaps = [self._gap(one) for one in scenario.prompts if one.kind == "gap"]
        tape = Tape()
        self.tws = MemoryTws(
            exchange,
            tape.noting(with_gaps(market, gaps)),
            faults=fault_script.parse(scenario.faults, "fault"),
            seed=scenario.seed,
            max_server_version=scenario.version,
            latency_ns=round(scenario.latency_ms * 1e6),
            beat_ns=IDLE_NS,
        )
        self.transport = VirtualTransport(self.tws, IDLE_NS)
        self.transport.before_wait = self._before_wait
        symbols: Settings = {"strategy": {"symbols": list(scenario.symbols)}}
        self.prompter = Prompter(
            self.tws, self.transport, merged(scenario.settings, symbols), self._governed
        )
        self.journal = KeptJournal.memory()
        client_id = self.prompter.config.broker.client_id
        self.witness = Witness(self.tws, client_id, tape, scenario.policies)
        self._governed(self.prompter.config)
        self.outcome = Outcome()
        self.engine: Engine | None = None
        self._look = look
        self._over = False
        self._calm_from_s = 0.0
        self._digest = ""  # of the last state, if the engine ended in good order

    def _gap(self, prompt: Prompt) -> Gap:
        symbol, dollars = prompt.words
        return Gap(self._ns(prompt.at_s), symbol, float(dollars))

    def _governed(self, config: Config) -> None:
        self.witness.auditor.govern(config, self.transport.now_ns)

    def _ns(self, at_s: float) -> int:
        return self.start_ns + round(at_s * SECOND_NS)

    @property
    def now_s(self) -> float:
        return (self.transport.now_ns - self.start_ns) / SECOND_NS

    # -- the whole -----------------------------------------------------------------------------

    def play(self) -> Outcome:
        scenario, outcome = self.scenario, self.outcome
        end_s = scenario.hours * 3600
        if scenario.mode == "liveness":
            end_s = max(end_s - CALM_S, end_s / 2)
            self.transport.at(self._ns(end_s), self._calm)
        else:
            end_s += AFTER_CLOSE_S if scenario.hours >= DAY_HOURS else 0.0
            self.transport.at(self._ns(end_s), self._end)
        for prompt in scenario.prompts:
            if prompt.kind != "gap" and prompt.at_s < end_s:
                self.transport.at(self._ns(prompt.at_s), partial(self._prompt, prompt))
        try:
            self._live_and_die()
            self._judge()
        except Broken as broken:
            outcome.violation = Violation(broken.law, broken.text, self.now_s)
        self._count()
        return outcome

    def _live_and_die(self) -> None:
        for life in range(1, LIVES_MAX + 1):
            pause_s = self._live(f"{life:06x}")
            if self._over:
                return
            self.transport.hang_up()
            self.journal = self.journal.found_again()
            try:
                self.transport.sleep(round(pause_s * SECOND_NS))
            except Killed:  # the end came before the next life
                return
        raise Broken(27, f"the engine was started {LIVES_MAX} times")

    def _live(self, run: str) -> float:
        """One life; how long the engine stays dead after it."""
        try:
            engine = Engine(self.prompter.config, self.journal, transport=self.transport, run=run)
            for kind in (AlertEvent, PositionCloseEvent, RefusalEvent, TradingHaltedEvent,
                         TradingResumedEvent):  # fmt: skip
                engine.subscribe(kind, self._told)
            self.journal.keep(engine.core, engine.day_book)
            self.engine = engine
            self.witness.auditor.begins()
            engine.run()
            self._digest = engine.core.state.digest()
        except Killed as killed:
            return killed.seconds
        except JournalError as problem:
            raise Broken(21, str(problem)) from None
        except UserError as problem:
            # Whoever watches over it reads this and starts it again.
            self.outcome.counts[f"ended {type(problem).__name__}"] += 1
            return RESTART_S
        except Broken:
            raise
        except (Exception, AssertionError) as problem:
            raise Broken(0, _said(problem)) from problem
        finally:
            self.engine = None
        return 0.0

    def _before_wait(self) -> None:
        if (engine := self.engine) is None:
            return
        self.witness.watch(engine.core.state, self.journal.count, self.transport.now_ns)
        if self._look is not None:
            self._look(engine, self.now_s)

    # -- prompts -------------------------------------------------------------------------------

    def _prompt(self, prompt: Prompt) -> None:
        if self.engine is None:
            return  # nobody is there
        self.outcome.counts[f"prompt {prompt.kind}"] += 1
        self.prompter.say(self.engine, prompt)

    # -- the end -------------------------------------------------------------------------------

    def _end(self) -> None:
        self._over = True
        if self.engine is None:
            raise Killed(0.0)
        self.engine.stop()

    def _calm(self) -> None:
        """Faults stop; from now on everything has to come to rest."""
        self._calm_from_s = self.now_s
        if self.tws.gateway.faults is not None:
            self.tws.gateway.faults.plan.stop()
        self.transport.at(self._ns(self.now_s + POLL_S), self._poll)

    def _poll(self) -> None:
        found = ["27: the engine does not run"]
        if self.engine is not None:
            found = self.witness.unsettled(self.engine.core.state)
        if not found:
            self.outcome.counts["settled"] += 1
            self._end()
        elif self.now_s - self._calm_from_s > CALM_S:
            law, _, words = found[0].partition(": ")
            raise Broken(int(law), f"{words} ({CALM_S:g} s after the last fault)")
        else:
            self.transport.at(self._ns(self.now_s + POLL_S), self._poll)

    def _judge(self) -> None:
        """What can only be said at the end: the journal replays, nothing was done twice."""
        try:
            core = rebuild(self.journal.found_again(), self.prompter.config)
        except JournalError as problem:
            raise Broken(21, str(problem)) from None
        if self._digest and core.state.digest() != self._digest:
            raise Broken(21, "the journal replays to another state")
        self.outcome.frozen = tuple(sorted(core.state.frozen))
        for text in self.witness.verdict(core.state):
            law, _, words = text.partition(": ")
            raise Broken(int(law), words)

    # -- counting ------------------------------------------------------------------------------

    def _told(self, event: BaseEvent) -> None:
        counts = self.outcome.counts
        if isinstance(event, AlertEvent):
            counts[f"alert {event.level}"] += 1
        elif isinstance(event, PositionCloseEvent):
            counts[f"trade ended by {event.reason}"] += 1
        elif isinstance(event, RefusalEvent):
            counts[f"refused {event.reason}"] += 1
        elif isinstance(event, TradingHaltedEvent):
            counts[f"halted by {event.who}"] += 1
            self.witness.auditor.halted(event.who, event.why, self.transport.now_ns)
        elif isinstance(event, TradingResumedEvent):
            self.witness.auditor.halted_ns = None

    def _faults(self) -> dict[str, int]:
        """How often each kind of fault really happened."""
        found: Counter[str] = Counter()
        if self.tws.gateway.faults is not None:
            for line, times in self.tws.gateway.faults.plan.counts.items():
                found[line.split()[1]] += times
        return dict(found)

    def _count(self) -> None:
        outcome, exchange = self.outcome, self.tws.exchange
        for kind, times in self._faults().items():
            outcome.counts[f"fault {kind}"] += times
        if self.tws.gateway.faults is not None:
            outcome.fault_lines = dict(self.tws.gateway.faults.plan.counts)
        outcome.seconds = self.now_s
        outcome.records = self.journal.count
        outcome.executions = exchange.execution_count
        outcome.orders = exchange.oracle.orders
        outcome.held = {one.instrument.symbol: str(one.quantity) for one in exchange.positions()}


def _said(problem: BaseException) -> str:
    """An exception with the place where it was raised."""
    where = traceback.extract_tb(problem.__traceback__)[-1]
    place = f"{where.filename.rpartition('/')[2]}:{where.name}"
    return f"{type(problem).__name__} in {place}: {problem}".splitlines()[0]

"""The writer thread: one loop that reads, decides, records and sends.

It sleeps in the compiled reader until something concerns Python, gathers everything that came
together into one step of the core, makes that step durable if orders come out of it, and only
then lets their bytes leave. Nothing else writes to the socket or touches the core.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import perf_counter_ns
from typing import Any, Final

import attrs

from _fast.market import Market
from _fast.reader import BROKEN, CLOSED, FIRED, FRAMES, WAKE
from engine.answers import Answers
from engine.armory import Armory, Shot
from engine.broker.clock import due
from engine.broker.session import Session
from engine.bus import EventBus
from engine.calm import Calm
from engine.collector import Collector
from engine.commands import Command, Follow, LookAtMarket, OrderCommand, Unwatch, Watch
from engine.config import Config
from engine.core import Core, Output
from engine.daybook import DayBook
from engine.events import MarketEvent
from engine.guards import Guards
from engine.halt_file import HaltFile
from engine.idling import calm, look, looked
from engine.inbox import Inbox, Letter
from engine.inputs import (
    BracketRequested,
    ConditionFired,
    Input,
    IntentsArmed,
    MarketSeen,
    MarketView,
    OcoRequested,
    OrderRequested,
    Signal,
    SignalArrived,
    TimerElapsed,
)
from engine.journal import Journal
from engine.latencies import Samples
from engine.loggers import logger
from engine.market_views import seen
from engine.patience import Patience
from engine.recorder import Recorder
from engine.sampler import MarketSampler
from engine.stillness import Still
from engine.view import Question

log = logger("engine.runtime")

BAR_CHECK_NS: Final = 1_000_000_000
SEE_OFF_NS: Final = 5_000_000_000
SUSPENDED_NS: Final = 5_000_000_000  # a shorter one is noticed by nobody


class Runtime:
    def __init__(
        self,
        config: Config,
        core: Core,
        journal: Journal,
        session: Session,
        market: Market,
        bus: EventBus,
        inbox: Inbox,
        book: DayBook,
        snapshot: int = 0,
    ) -> None:
        self.core = core  # its settings are those of the run before, until the first step
        self.book = book
        self.guards = Guards(config.guards)
        self.latencies = Samples()
        self.halt_file: HaltFile | None = None
        self.connected_once = False
        self.bound = False  # something is held or ordered since an earlier run
        self._recorder = Recorder(core, journal, book, snapshot)
        self._session = session
        self._transport = session.transport
        self._market = market
        self._bus = bus
        self._inbox = inbox
        self._stop: Callable[[], bool] = lambda: False
        self._waiting: list[Input] = []  # for the next step
        self._answers = Answers()
        self._signals_waited = False  # for what the broker had said, in the latest turn
        self._asleep_ns = self._transport.asleep_ns()
        self._calm: Calm | None = None  # what looks do during the present wait
        self._cause_ns = 0  # when what causes the present step arrived
        self._bars_closed_ns = 0
        self._sampled_ns = 0
        period = config.strategy.atr_period
        self._sampler = MarketSampler(market, session.rows, period, session.feed.readings)
        self._ticks_before = 0  # of readers that ended
        self._symbols = {row: symbol for symbol, row in session.rows.items()}
        self._watches: dict[int, int] = {}  # condition of the market -> number of the watch
        self.armory = Armory(core, session, market, self.market_view, self._watches)
        self.patience = Patience(core, session, self._answers, self.armory)
        self._collector = Collector()
        self._stepped: int | None = None  # the condition whose fire has been stepped already

    # -- the loop ----------------------------------------------------------------------------

    def run(self, first: list[Input], should_stop: Callable[[], bool]) -> None:
        """Until ``should_stop``; ``first`` are the inputs that begin the run.

        Raises:
            ConnectError: TWS could not be reached at all, before the first session, and nothing
                is held or ordered.
            JournalError: nothing can be made durable any more.
        """
        self._stop = should_stop
        self._waiting += first
        try:
            while not should_stop():
                if self._session.wants_connect:
                    self._connect()
                self.turn()
            self._see_off()
        except BaseException:
            self._answers.fail()
            raise
        finally:
            self._collector.release()

    def _see_off(self) -> None:
        """What was decided leaves before the end, as fast as the pacing lets it: a stop that was
        thrown away would protect nobody until the next start."""
        until_ns = self._transport.monotonic_ns() + SEE_OFF_NS
        while (link := self._session.link) is not None and link.urgent:
            if self._transport.monotonic_ns() >= until_ns:
                return
            self.turn()

    def turn(self) -> None:
        """Wait for whatever comes first, then take all of it in one step."""
        flags = self._wait()
        if (shot := self.armory.take()) is not None:
            self._fired(shot)
        self._wake_up()
        mono_ns = self._transport.monotonic_ns()
        reader = self._session.reader
        received = reader is not None and flags & (FRAMES | FIRED)
        self._cause_ns = reader.last_receive_ns if reader is not None and received else mono_ns
        self._gather(flags, mono_ns)
        if self._waiting:
            self._step()
        elif self._answers.due(mono_ns):
            self._recorder.commit()
            self._recorded()
        self._answers.tell(self.core.state, self)
        if mono_ns - self._sampled_ns >= self._transport.idle_ns:
            self._sample(mono_ns)
        self._waiting += self._session.flush(self._transport.monotonic_ns())

    def _sample(self, mono_ns: int) -> None:
        """Look after the record, and tell observers what the market did: after everything that
        matters more."""
        self._sampled_ns = mono_ns
        self._recorder.look(mono_ns)
        self._recorded()
        if self.halt_file is not None:
            self._waiting += self.halt_file.look()
        if self._bus.wanted(MarketEvent):
            sequence = self.core.state.sequence
            self._bus.publish(self._sampler.sample(self.now_ns(), sequence))
        own = self.core.state, self.book, self.guards
        self._waiting += look(*own, self.market_view, self.now_ns())

    def finish(self, last: Input) -> None:
        """Record the end of the run and what it means for what is open."""
        self._waiting.append(last)
        self._waiting += self._session.stop()
        self._step()
        self._recorder.keep_snapshot()
        self._recorded()

    def _connect(self) -> None:
        if not self._transport.virtual:
            self._recorder.prepare()
        self._waiting += self._session.connect(self._stop)
        self.patience.session_ns = 0
        self._inbox.wake()  # a wake-up during the handshake was swallowed
        problem = self._session.problem
        if problem is None:
            if not (self.connected_once or self._transport.virtual):
                self._collector.spare()
            self.connected_once = True
        elif not (self.connected_once or self.bound or self._stop()):
            # Before the first session this is the user's mistake; later it is the weather, and
            # where there is something to look after it always is.
            raise problem
        else:
            log.warning("%s", problem)

    def _wait(self) -> int:
        mono_ns = self._transport.monotonic_ns()
        if not (self._waiting or self._market.fired):
            self._arm(mono_ns)
        ready = self._waiting or self._market.fired
        if ready:
            self.armory.disarm()  # a step comes first
        timeout_ns = 0 if ready else self.patience.lasts_ns(mono_ns)
        reader = self._session.reader
        if reader is None:
            self._transport.sleep(timeout_ns, self._inbox.wake_fd)
            return 0
        self._calm = None
        bars_ns = self._bars_closed_ns, BAR_CHECK_NS
        others_ns = self.patience.others_ns
        still = self.armory.still(mono_ns, timeout_ns, others_ns, self._sampled_ns, bars_ns)
        flags = self._transport.wait(reader, timeout_ns, lambda: self._ask_calm(mono_ns), still)
        self._looked(self._calm)
        self._left_out(still)
        return flags

    def _left_out(self, taken: Still | None) -> None:
        if taken is not None and taken.passed:
            self.armory.left_out(taken.passed)
            if taken.checked_ns is not None:
                ago_ns = self._transport.monotonic_ns() - taken.checked_ns
                self._bars_closed_ns = self.now_ns() - ago_ns

    def _ask_calm(self, mono_ns: int) -> Calm | None:
        """What looks around would do from now on, if they do nothing else."""
        session, recorder = self._session, self._recorder
        if self.patience.due_ns - mono_ns <= self._transport.idle_ns:
            return None  # something else is due before the next look
        waits = self._waiting or self._answers.due_ns() is not None or not recorder.at_rest
        tells = self.halt_file is not None or self._bus.wanted(MarketEvent)
        if waits or tells or session.capture or not session.exchange_clock.runs(mono_ns):
            return None
        own, bars_ns = (self.core.state, self.book), (self._bars_closed_ns, BAR_CHECK_NS)
        now_ns = session.exchange_clock.now_ns(mono_ns)
        times = now_ns, self.patience.due_ns, self._transport.idle_ns
        self._calm = calm(*own, self.guards, session.rows, *times, bars_ns)
        return self._calm

    def _looked(self, taken: Calm | None) -> None:
        if taken is not None and taken.turns:
            self._sampled_ns, self._bars_closed_ns = taken.looked_ns, taken.bars_closed_ns
            now_ns = self._session.exchange_clock.now_ns(taken.looked_ns)
            looked(taken, self.core.state, self.book, self.guards, now_ns)

    def _arm(self, mono_ns: int) -> None:
        """Nothing waits: have ready what armed rules will order, once that is on record."""
        if not self.armory.due(mono_ns) or self._recorder.failure is not None:
            return
        now_ns = self.now_ns()
        ready = self.armory.rehearse(mono_ns, now_ns)
        if not ready:
            self.armory.withdraw()
        else:
            output = self._decide(
                [IntentsArmed(tuple([one.intent for one in ready]))], now_ns, True
            )
            if not (output.commands or self._waiting):
                self.armory.load(ready, mono_ns, now_ns)

    def _fired(self, shot: Shot) -> None:
        """The reader has sent what was armed: what it could not send goes on its way before
        anything else, and the core takes the step as it was rehearsed."""
        link, mono_ns = self._session.link, self._transport.monotonic_ns()
        assert link is not None, "there was a connection to send it on"
        link.left(len(shot.ready.commands), shot.rest, mono_ns)
        lost = self._session.flush(mono_ns)
        self._decide([shot.fired], shot.ready.intent.now_ns, shot=shot)
        self._waiting = [*lost, *self._waiting]
        self._stepped = shot.ready.condition
        intent, took_us = shot.ready.intent, shot.latency_us
        if took_us is not None and shot.answered_us is not None:
            self.latencies.armed_us.append(took_us)
            self.latencies.answered_us.append(shot.answered_us)
        after = "" if took_us is None else f", {took_us:.1f} us after the price"
        log.info("fired armed: %s on %s%s", intent.rule, intent.market.symbol, after)

    def _wake_up(self) -> None:
        """After the machine was suspended nothing that was read before can be relied on: what the
        socket kept may be hours old, and its other end may be gone. A new connection knows."""
        asleep_ns = self._transport.asleep_ns() - self._asleep_ns
        if asleep_ns < SUSPENDED_NS:
            return
        self._asleep_ns += asleep_ns
        self._ticks_before = self.ticks
        self._session.exchange_clock.slept(asleep_ns)
        seconds = asleep_ns / 1e9
        log.error("the machine was suspended for %.0f s; everything is asked anew", seconds)
        self._waiting += self._session.closed(f"the machine was suspended for {seconds:.0f} s")

    # -- what came -----------------------------------------------------------------------------

    def _gather(self, flags: int, mono_ns: int) -> None:
        waiting, session = self._waiting, self._session
        reader = session.reader
        if flags & FRAMES and reader is not None:
            waiting += session.hear(reader.take())
        if self._market.fired:  # also by a watch that was true when it was set
            now_ns = self.now_ns()
            for condition, row, _, _ in self._market.fires():
                number = self._watches.get(condition)
                if condition == self._stepped:
                    self._stepped = None
                elif number is not None:  # else it was given up before this was drained
                    view = self.market_view(self._symbols[row], now_ns)
                    waiting.append(ConditionFired(number, view))
        if flags & (CLOSED | BROKEN):
            self._ticks_before = self.ticks
            waiting += session.closed("closed by TWS" if flags & CLOSED else "bytes out of step")
        if due(self.patience.session_ns, mono_ns):
            waiting += session.on_time(mono_ns)
        if flags & WAKE or reader is None:
            # Signals let pass what the broker says, but for one turn only.
            self._signals_waited = bool(waiting) and not self._signals_waited
            for letter in self._inbox.take(signals=not self._signals_waited):
                self._open(letter)
        if session.exchange_clock.set:
            self._take_due(session.exchange_clock.now_ns(mono_ns))

    def _take_due(self, now_ns: int) -> None:
        if now_ns - self._bars_closed_ns >= BAR_CHECK_NS:
            self._bars_closed_ns = now_ns
            if self._market.close_bars(now_ns):
                self.armory.stir()
            if (reader := self._session.reader) is not None and self._session.capture is not None:
                self._session.capture.look(reader)
        source = self.patience.source
        for item in [] if source is None else source.due(now_ns):
            self._waiting.append(self._seen(item, now_ns))
        deadline = self.core.next_deadline_ns
        if deadline is not None and deadline <= now_ns and not self._waiting:
            self._waiting.append(TimerElapsed())

    def _open(self, letter: Letter) -> None:
        content, answer = letter.content, letter.answer
        if isinstance(content, Question):
            assert answer is not None
            self._answers.ask(content, answer)
            return
        seen = self._seen(content, self.now_ns())
        self._waiting.append(seen)
        if answer is not None:
            self._answers.add(seen, answer, letter.patient)

    def _seen(self, item: Any, now_ns: int) -> Input:
        """Put the market as it is now beside what has to be decided on it."""
        if isinstance(item, Signal):
            return SignalArrived(item, self.market_view(item.ticker, now_ns))
        if isinstance(item, BracketRequested | OcoRequested | OrderRequested):
            return attrs.evolve(item, market=self.market_view(item.symbol, now_ns))
        assert isinstance(item, Input), type(item)
        return item

    def market_view(self, symbol: str, now_ns: int) -> MarketView:
        """The market of a symbol as conditions and prices see it, dated by the exchange."""
        return seen(self._session, self._market, symbol, now_ns)

    def now_ns(self) -> int:
        """The exchange's time; before the first session, this machine's."""
        clock = self._session.exchange_clock
        outside = self._transport
        return clock.now_ns(outside.monotonic_ns()) if clock.set else outside.time_ns()

    def data_refused(self, symbol: str) -> str:
        """What TWS has said against the market data of a symbol; empty: nothing."""
        code, text = self._session.feed.refused.get(symbol, (0, ""))
        return f"{code}: {text}" if code else ""

    @property
    def unreadable(self) -> int:
        """Messages of TWS that could not be read."""
        return self._session.unreadable.total()

    @property
    def ticks(self) -> int:
        """Market messages applied in this run."""
        reader = self._session.reader
        return self._ticks_before + (reader.ticks if reader is not None else 0)

    # -- decide, record, send --------------------------------------------------------------------

    def _step(self) -> None:
        inputs, self._waiting = self._waiting, []
        self._decide(inputs, self.now_ns(), self._answers.due(self._transport.monotonic_ns()))

    def _decide(
        self,
        inputs: Sequence[Input],
        now_ns: int,
        at_once: bool = False,
        shot: Shot | None = None,
    ) -> Output:
        """One step of the core, and what comes of it. What a ``shot`` has sent is not sent."""
        self.armory.disarm()
        began_ns = perf_counter_ns()
        output = self._recorder.step(inputs, now_ns, at_once, left=shot is not None)
        orders = tuple([one for one in output.commands if isinstance(one, OrderCommand)])
        assert shot is None or orders == shot.ready.commands, "decided otherwise than rehearsed"
        if orders and shot is None:
            self._send(orders, began_ns)
        # Their bytes have left; everything else comes after them.
        self._answers.take(output.events)
        self._recorded()
        if len(output.commands) > len(orders):
            for command in output.commands:
                if not isinstance(command, OrderCommand):
                    self._perform(command, now_ns)
            self._waiting += self._session.flush(self._transport.monotonic_ns())
        self.book.take(self.core.state, output.events, now_ns)
        self.guards.take(output.events)
        self._bus.publish(output.events)
        return output

    def _send(self, orders: Sequence[OrderCommand], began_ns: int) -> None:
        session, journaled_ns = self._session, perf_counter_ns()
        for command in orders:
            self._waiting += session.perform(command)
        self._waiting += session.flush(self._transport.monotonic_ns())
        stepped_ns = self._recorder.stepped_ns
        whole_ns = self._transport.monotonic_ns() - self._cause_ns
        self.latencies.add(whole_ns, stepped_ns - began_ns, journaled_ns - stepped_ns)

    def _perform(self, command: Command, now_ns: int) -> None:
        if isinstance(command, LookAtMarket):
            self._waiting.append(MarketSeen(self.market_view(command.symbol, now_ns)))
        elif isinstance(command, Watch):
            self._watches[self._session.feed.watch(command)] = command.number
        elif isinstance(command, Follow):
            self._session.feed.follow(command.symbol, command.indicators)
        elif isinstance(command, Unwatch):
            for condition in [c for c, n in self._watches.items() if n == command.number]:
                self._market.drop(condition)
                del self._watches[condition]
        else:
            self._waiting += self._session.perform(command)

    def _recorded(self) -> None:
        """What the recorder has to say, and since when something waits to become durable."""
        self._waiting += self._recorder.notices
        self._recorder.notices.clear()
        failure, mono_ns = self._recorder.failure, self._transport.monotonic_ns()
        self._answers.recorded(self._recorder.pending, failure, mono_ns)

"""The engine as an object: for ``engine run`` and for other programs that embed it.

Everything public may be called from any thread; it reaches the writer through the inbox. From
asyncio, wrap futures with ``asyncio.wrap_future`` and iterate ``bus.stream``.
"""

from __future__ import annotations

import contextlib
import secrets
import sys
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypeVar

from _fast.market import Market
from engine.broker.session import Session
from engine.broker.sockets import SOCKETS
from engine.broker.transport import Transport
from engine.bus import EventBus, Subscription
from engine.capture import Capture
from engine.config import Config, record_of
from engine.controller import StrategyController
from engine.core import Core
from engine.daybook import DayBook
from engine.errors import EngineError, LimitError, UserError
from engine.events import AlertLevel, BaseEvent
from engine.halt_file import HaltFile
from engine.halts import LEVELS
from engine.handles import ANSWER_S, BracketOrder, OCOGroup, Order, OrderGroup
from engine.headroom import Use, uses
from engine.inbox import Inbox, SignalLane
from engine.inputs import (
    CloseRequested,
    HaltRequested,
    Input,
    Noticed,
    ResumeRequested,
    Side,
    Started,
    Stopped,
)
from engine.journal import Journal
from engine.journal_files import Durability
from engine.order_manager import Leg, OrderManager, OrderType, Price, Tif
from engine.readiness import Readiness
from engine.recovery import Progress, bound_account, check_symbols, recover
from engine.rule_engine import RuleEngine
from engine.runtime import Runtime
from engine.scheduled_signals import ScheduledSignals
from engine.settings_change import SettingsChanger
from engine.signals.envelope import bare
from engine.signals.files import SignalFile
from engine.signals.schema import SignalRefusedError, parse_signal
from engine.signals.ways import Ways
from engine.tracker import PositionTracker
from engine.version import VERSION
from engine.view import EngineView, Question, engine_view
from statecharts.vocabulary import SessionState

E = TypeVar("E", bound=BaseEvent)
# Without this a busy Python thread of the host delays the writer by 5 ms at a time.
SWITCH_INTERVAL_S: Final = 0.0005


def _journal(journal: str | Path | Journal | None, durability: Durability) -> Journal:
    if isinstance(journal, Journal):
        return journal
    return Journal.memory() if journal is None else Journal.open(journal, durability)


class Engine:
    """One engine: one journal, one session with TWS, one writer thread.

    Args:
        config: see ``engine.settings_file.load`` and ``engine.config.from_mapping``.
        journal: file that survives, or an open journal; None keeps it in memory (a trial: nothing
            survives).
        signals: a signal file, given out by the exchange's clock.
        record: new file that gets every byte TWS sends, with its time.
        progress: told how many records of how many have been replayed, while it starts.
        transport: its clock and its way to TWS; that of a simulation needs no thread, and gives
            the same run again when ``run`` is given too.
        run: names this run in what it places; drawn if it is not given.

    Raises:
        JournalError: the journal is in use, damaged or of another version.
        DataFileError: the signal file cannot be read, or the record exists.
        ConfigError: a way in for signals (``config.signals``) has a key or address of no use.
    """

    def __init__(
        self,
        config: Config,
        journal: str | Path | Journal | None = None,
        signals: str | Path | None = None,
        durability: Durability = "full",
        record: str | Path | None = None,
        progress: Progress | None = None,
        transport: Transport = SOCKETS,
        run: str = "",
    ) -> None:
        self.config = config
        self.bus = EventBus(threaded=not transport.virtual)
        self._run = run or secrets.token_hex(3)
        self._inbox = Inbox()
        self.order_manager: Final = OrderManager(self._inbox, self.bus)
        self.rules: Final = RuleEngine(self._inbox, config.strategy.symbols)
        self.strategies: Final = StrategyController(self.rules, self._inbox, config)
        self._prepared: list[str] = []  # rules of strategies that were started before it ran
        self._tracker = PositionTracker(self._inbox)
        self._stopping = threading.Event()
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        self._problem: BaseException | None = None
        self.last_view: EngineView | None = None  # as it was when the run was asked to end
        self._readiness = Readiness(self._inbox.put)
        self.ways: Final = Ways(
            config.signals,
            config.strategy.symbols,
            SignalLane(self._inbox),
            self.now_ns,
            config.broker.clock_rate,
            self._readiness,
        )
        max_age_ns = self.ways.freshness.max_age_ns
        file = None
        with contextlib.ExitStack() as opened:  # to be closed again, if there is to be no engine
            opened.callback(self._inbox.close)
            opened.callback(self.ways.stop)
            if signals is not None:
                file = SignalFile(signals, config.strategy.symbols, max_age_ns)
                file.load()
            self._capture = Capture(record) if record is not None else None
            if self._capture is not None:
                opened.callback(self._capture.close)
            self._journal = _journal(journal, durability)
            opened.callback(self._journal.close)
            recovered = recover(self._journal, config, progress)
            check_symbols(recovered.core, config)
            account = bound_account(recovered.core, config.broker)
            opened.pop_all()
        self._core, book = recovered.core, recovered.book
        self.ways.freshness.recall(self._core.state.consumed)
        self._notes: Final = recovered.notes  # what has to be told of the way back
        market = Market(capacity=max(len(config.strategy.symbols), 1))
        own = market, self._inbox.wake_fd, self._core.state.epoch
        session = Session(config.broker, config.strategy, *own, transport)
        session.account = session.account or account
        session.definitions.known = dict(self._core.state.instruments)
        parts = self._core, self._journal, session, market, self.bus, self._inbox, book
        self._runtime = Runtime(config, *parts, recovered.snapshot)
        self._runtime.bound = bool(account)
        named = config.guards.halt_file
        if named or self._journal.on_disk:
            self._runtime.halt_file = HaltFile(Path(named or f"{self._journal.path}.halt"))
        session.capture = session.feed.capture = self._capture
        self._session = session
        self.signals = ScheduledSignals(file, self._core, session) if file is not None else None
        self._runtime.patience.source = self.signals

    # -- life ----------------------------------------------------------------------------------

    def run(self) -> None:
        """In the foreground, until ``stop`` is called from a handler, a signal or a thread.

        Raises:
            UserError: TWS could not be reached, or something else a person must mend.
        """
        assert not self._ended.is_set(), "an engine runs once; build another"
        self.bus.start()
        sys.setswitchinterval(SWITCH_INTERVAL_S)
        with contextlib.ExitStack() as ends:  # the last is the first, and each comes for certain
            ends.callback(self._ended.set)
            ends.callback(self.bus.stop)
            if self._capture is not None:
                ends.callback(self._capture.close)
            ends.callback(self._journal.close)  # raises where the disk still refuses
            ends.callback(self.ways.stop)
            ends.callback(self._readiness.stop)
            ends.callback(
                self._inbox.close
            )  # whoever waits for an answer on another thread gets one
            own = {rule.id for rule in self.config.strategy.rules}
            self.config = self.strategies.begin()
            self._prepared += [r.id for r in self.config.strategy.rules if r.id not in own]
            if self.ways:
                self._readiness.start()
                self.ways.start()
            notes = [Noticed("warning", note) for note in self._notes]
            self._runtime.run([self._started(), *notes], self._stopping.is_set)
            self.last_view = engine_view(self._core.state, self._runtime)
            self._runtime.finish(Stopped("asked to"))

    def start(self, timeout_s: float = 30.0) -> Self:
        """In the background; returns when the session is live.

        Raises:
            UserError: it did not become live in ``timeout_s``, or a person must mend something.
        """
        assert self._thread is None, "an engine starts once; build another"
        self._thread = threading.Thread(target=self._run_guarded, name="engine", daemon=True)
        self._thread.start()
        deadline = time.monotonic() + timeout_s
        while not self._ended.is_set() and time.monotonic() < deadline:
            if self._is_live():
                return self
            self._ended.wait(0.01)
        self.stop()  # waits for the thread, so that its problem is known
        if self._problem is not None:
            raise self._problem
        raise UserError(f"the session did not become live in {timeout_s:g} s")

    def _is_live(self) -> bool:
        if self._session.state is not SessionState.LIVE:
            return False  # a journal that ended live replays to a core that is
        try:
            return self.view(1.0).session == "live"
        except (TimeoutError, LimitError):  # it is connecting, or has ended
            return False

    def wait_for_prices(self, timeout_s: float = 30.0) -> bool:
        """Until every symbol has a bid and an ask; whether that came in time. A signal that is
        published before is refused as ``no_price``: decisions are made once, and never kept.

        Raises:
            LimitError: the engine has stopped.
        """
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            if all(one.market.bid and one.market.ask for one in self.view().symbols):
                return True
            self._ended.wait(0.01)
        return False

    def stop(self, flatten: bool = False, timeout_s: float = 30.0) -> None:
        """End in good order. Positions stay protected by their orders at the broker, unless
        ``flatten`` closes them first (waiting at most ``timeout_s`` for it)."""
        try:
            if flatten:
                self._flatten(time.monotonic() + timeout_s)
        finally:
            self._stopping.set()
            self._inbox.wake()
            if self._thread is not None and self._thread is not threading.current_thread():
                self._thread.join(timeout_s)

    def _flatten(self, deadline: float) -> None:
        with contextlib.suppress(LimitError):  # it has ended
            self.close()
            while time.monotonic() < deadline:
                with contextlib.suppress(TimeoutError):  # it is connecting
                    if self.view().flat:
                        return
                self._ended.wait(0.02)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def problem(self) -> BaseException | None:
        """Why the background thread ended, if not by ``stop``."""
        return self._problem

    def _run_guarded(self) -> None:
        try:
            self.run()
        except BaseException as problem:
            self._problem = problem
            if not isinstance(problem, EngineError):
                raise

    def now_ns(self) -> int:
        """The exchange's time; before the first session, this machine's."""
        return self._runtime.now_ns()

    def _started(self) -> Started:
        return Started(
            run=self._run,
            version=VERSION,
            settings=record_of(self.config),
            client_id=self.config.broker.client_id,
            account=self._session.account,
        )

    # -- asking for things -----------------------------------------------------------------------

    def publish(self, prediction: Mapping[str, Any] | bytes, source: str = "host") -> Future[Any]:
        """Hand in a prediction (ticker, signal, confidence, …), as it is or as an API's answer has
        it, in its envelope. The future is done when the signal is durable; what became of it comes
        as events.

        A prediction that does not fit the schema is refused on record, and raises.

        Raises:
            SignalError: it does not fit the schema; carries the reason.
            LimitError: the inbox is full, or the engine has stopped.
        """
        now_ns = self._runtime.now_ns()
        try:
            signal = parse_signal(
                bare(prediction),
                source,
                now_ns,
                self.config.strategy.symbols,
                max_age_ns=self.ways.freshness.max_age_ns,
                model_time_ns=now_ns,
            )
        except SignalRefusedError as refused:
            self._inbox.put(refused.as_input(source))
            raise
        return self._inbox.put(signal)

    def bracket(
        self,
        symbol: str,
        side: Side,
        quantity: Price,
        stop: Price,
        target: Price | None = None,
        entry: Price | None = None,
        reference: str | None = None,
    ) -> BracketOrder:
        """Place entry, stop and target directly; see ``OrderManager.bracket``."""
        return self.order_manager.bracket(symbol, side, quantity, stop, target, entry, reference)

    def oco(
        self, symbol: str, quantity: Price, first: Leg, second: Leg, reference: str | None = None
    ) -> OCOGroup:
        """Place two orders of which one may fill; see ``OrderManager.oco``."""
        return self.order_manager.oco(symbol, quantity, first, second, reference)

    def order(
        self,
        symbol: str,
        side: Side,
        quantity: Price,
        order_type: OrderType = "MKT",
        price: Price | None = None,
        tif: Tif = "DAY",
        reference: str | None = None,
    ) -> Order:
        """Place one order without protection; see ``OrderManager.order``."""
        return self.order_manager.order(symbol, side, quantity, order_type, price, tif, reference)

    def cancel(self, group: OrderGroup | str) -> None:
        """Take back what has not filled; see ``OrderManager.cancel``."""
        self.order_manager.cancel(group)

    def submit(self, request: Input | Question) -> Future[Any]:
        """Hand in a request and do not wait for it, as one must who runs on the writer's thread.

        Raises:
            LimitError: the inbox is full, or the engine has stopped.
        """
        return self._inbox.put(request)

    def close(self, symbol: str | None = None, reason: str = "host") -> None:
        """Close what is held of one symbol, or of all, and end its context."""
        self._inbox.ask(CloseRequested(symbol, str(reason)))

    def halt(self, level: int, why: str, who: str = "host") -> None:
        """Pull the kill switch: 1 nothing is opened, 2 entries and adds are taken back as well,
        3 all that is held is closed. Latched, also over a restart, until ``resume``.

        Raises:
            UserError: there is no such level.
        """
        if level not in LEVELS:
            raise UserError(f"there is no level {level!r}: 1 to 3")
        # Whoever pulls it may have an exception at hand, or a number of another kind.
        self._inbox.ask(HaltRequested(int(level), str(who), str(why)), ANSWER_S)

    def resume(self, why: str, who: str = "host") -> None:
        """Take the kill switch back.

        Raises:
            UserError: it was not pulled.
        """
        if self._inbox.ask(ResumeRequested(str(who), str(why)), ANSWER_S) is not None:
            raise UserError("nothing is halted")

    def reload(self, config: Config, source: str = "host", digest: str = "") -> tuple[str, ...]:
        """Go on with other settings; the paths of those that have changed. Rules and limits hold
        at once, a trade under way stays as it began. On record with ``source`` and ``digest``.

        Raises:
            UserError: nothing has changed: it is something that cannot while the engine runs.
            TimeoutError: it is connecting, and may take them afterwards.
        """
        changer = SettingsChanger(self.rules, self._inbox, self._prepared)
        self.config, changed = changer.change(config, source, digest)
        return tuple(changed)

    def notice(self, level: AlertLevel, text: str) -> None:
        """Tell a person something, on record."""
        self._inbox.put(Noticed(level, str(text)))

    def risk(self) -> tuple[Use, ...]:
        """How much of each limit is used, worst case, and what is left."""
        question = Question(lambda state, runtime: uses(state, runtime.now_ns(), runtime.book))
        found: tuple[Use, ...] = self._inbox.ask(question, ANSWER_S)
        return found

    # -- looking at things -----------------------------------------------------------------------

    def subscribe(self, event_class: type[E], handler: Callable[[E], object]) -> Subscription:
        """Call ``handler`` with every event of a class and its subclasses, on the bus's thread."""
        return self.bus.subscribe(event_class, handler)

    @property
    def waiting(self) -> int:
        """What was handed in and the writer has not taken."""
        return self._inbox.waiting

    @property
    def core(self) -> Core:
        """What decides. Only for who runs on the writer's thread, between two waits."""
        return self._core

    @property
    def day_book(self) -> DayBook:
        """What the day has made. As ``core``."""
        return self._runtime.book

    @property
    def position_tracker(self) -> PositionTracker:
        """Positions with what their trades and the day have made."""
        return self._tracker

    def view(self, timeout_s: float = 5.0) -> EngineView:
        """What everything looks like now; answered by the writer between two steps.

        Raises:
            LimitError: the engine has stopped.
            TimeoutError: the writer is connecting and did not answer in ``timeout_s``.
        """
        view: EngineView = self._inbox.ask(Question(engine_view), timeout_s)
        return view

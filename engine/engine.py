"""The engine as an object: for ``engine run`` and for other programs that embed it.

Everything public may be called from any thread; it reaches the writer through the inbox. From
asyncio, wrap futures with ``asyncio.wrap_future`` and iterate ``bus.stream``.
"""

from __future__ import annotations

import secrets
import sys
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Literal, Self, TypeVar

import orjson

from _fast.market import Market
from engine.broker.session import Session
from engine.bus import EventBus, Subscription
from engine.capture import Capture
from engine.config import CONVERTER, Config
from engine.controller import StrategyController
from engine.core import Core
from engine.daybook import EXCHANGE_ZONE, DayBook
from engine.errors import EngineError, LimitError, UserError
from engine.events import AlertLevel, BaseEvent
from engine.halts import LEVELS
from engine.handles import ANSWER_S, BracketOrder, OCOGroup, Order, OrderGroup
from engine.headroom import Use, uses
from engine.inbox import Inbox
from engine.inputs import (
    CloseRequested,
    HaltRequested,
    Noticed,
    ResumeRequested,
    Side,
    Signal,
    SignalRefused,
    Started,
    Stopped,
)
from engine.journal import Journal
from engine.order_manager import Leg, OrderManager, OrderType, Price, Tif
from engine.readiness import Readiness
from engine.recovery import rebuild
from engine.rule_engine import RuleEngine
from engine.runtime import Runtime
from engine.settings_change import SettingsChanger
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


class ScheduledSignals:
    """A signal file on the exchange's clock: seconds count from the day's first live session,
    so that a run that is started again does not move them."""

    def __init__(self, file: SignalFile, core: Core, session: Session) -> None:
        self._file = file
        self._core = core
        self._session = session

    def next_due_ns(self) -> int | None:
        """When to look; None while nothing is given out, or the writer would never sleep."""
        start_ns = self._core.state.day_start_ns
        return self._file.next_due_ns(start_ns, _day(start_ns)) if self._live else None

    def due(self, exchange_ns: int) -> list[Signal | SignalRefused]:
        start_ns = self._core.state.day_start_ns
        return self._file.due(exchange_ns, start_ns, _day(start_ns)) if self._live else []

    @property
    def _live(self) -> bool:
        # Both: a journal that ended live replays to a core that is, before its session is.
        return self._core.state.live and self._session.state is SessionState.LIVE

    def __len__(self) -> int:
        return len(self._file)


def _day(time_ns: int) -> Any:
    return datetime.fromtimestamp(time_ns / 1e9, UTC).astimezone(EXCHANGE_ZONE).date()


class Engine:
    """One engine: one journal, one session with TWS, one writer thread.

    Args:
        config: see ``engine.settings_file.load`` and ``engine.config.from_mapping``.
        journal: file that survives; None keeps the journal in memory (a trial: nothing does).
        signals: a signal file, given out by the exchange's clock.
        record: new file that gets every byte TWS sends, with its time.

    Raises:
        JournalError: the journal is in use, damaged or of another version.
        DataFileError: the signal file cannot be read, or the record exists.
        ConfigError: a way in for signals (``config.signals``) has a key or address of no use.
    """

    def __init__(
        self,
        config: Config,
        journal: str | Path | None = None,
        signals: str | Path | None = None,
        durability: Literal["full", "normal"] = "full",
        record: str | Path | None = None,
    ) -> None:
        self.config = config
        self.bus = EventBus()
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
            self._inbox.put,
            self.now_ns,
            config.broker.clock_rate,
            self._readiness,
        )
        max_age_ns = self.ways.freshness.max_age_ns
        file = None
        if signals is not None:
            file = SignalFile(signals, config.strategy.symbols, max_age_ns)
            file.load()
        try:
            self._capture = Capture(record) if record is not None else None
            self._journal = (
                Journal.open(journal, durability) if journal is not None else Journal.memory()
            )
        except BaseException:
            self.ways.stop()
            raise
        book = DayBook()
        try:
            self._core = rebuild(self._journal, config, book)
        except BaseException:
            self._journal.close()
            self.ways.stop()
            raise
        market = Market(capacity=max(len(config.strategy.symbols), 1))
        session = Session(
            config.broker, config.strategy, market, self._inbox.wake_fd, self._core.state.epoch
        )
        self._runtime = Runtime(
            self._core, self._journal, session, market, self.bus, self._inbox, book
        )
        session.capture = self._capture
        self._session = session
        self.signals = ScheduledSignals(file, self._core, session) if file is not None else None
        self._runtime.source = self.signals

    # -- life ----------------------------------------------------------------------------------

    def run(self) -> None:
        """In the foreground, until ``stop`` is called from a handler, a signal or a thread.

        Raises:
            UserError: TWS could not be reached, or something else a person must mend.
        """
        assert not self._ended.is_set(), "an engine runs once; build another"
        self.bus.start()
        sys.setswitchinterval(SWITCH_INTERVAL_S)
        try:
            own = {rule.id for rule in self.config.strategy.rules}
            self.config = self.strategies.begin()
            self._prepared += [r.id for r in self.config.strategy.rules if r.id not in own]
            if self.ways:
                self._readiness.start()
                self.ways.start()
            self._runtime.run([self._started()], self._stopping.is_set)
            self.last_view = engine_view(self._core.state, self._runtime)
            self._runtime.finish(Stopped("asked to"))
        finally:
            self._inbox.close()  # first: whoever waits for an answer on another thread gets one
            self._readiness.stop()
            self.ways.stop()
            self._journal.close()
            if self._capture is not None:
                self._capture.close()
            self.bus.stop()
            self._ended.set()

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
        if flatten and not self._ended.is_set():
            self.close()
            deadline = time.monotonic() + timeout_s
            while time.monotonic() < deadline and not self._ended.is_set():
                if self.view().flat:
                    break
                self._ended.wait(0.02)
        self._stopping.set()
        self._inbox.wake()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout_s)

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
        settings = orjson.dumps(CONVERTER.unstructure(self.config), option=orjson.OPT_SORT_KEYS)
        return Started(
            run=secrets.token_hex(3),
            version=VERSION,
            settings=settings.decode(),
            client_id=self.config.broker.client_id,
            account=self.config.broker.account,
        )

    # -- asking for things -----------------------------------------------------------------------

    def publish(self, prediction: Mapping[str, Any] | bytes, source: str = "host") -> Future[Any]:
        """Hand in a prediction (behaviour: ticker, signal, confidence, …). The future is done
        when the signal is durable; what became of it comes as events.

        A prediction that does not fit the schema is refused on record, and raises.

        Raises:
            SignalError: it does not fit the schema; carries the reason.
            LimitError: the inbox is full, or the engine has stopped.
        """
        now_ns = self._runtime.now_ns()
        try:
            signal = parse_signal(
                prediction,
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
        """Take back what of a bracket, OCO or order has not filled; what is held stays protected.

        Raises:
            UserError: nothing was placed under this reference, or the session is not live.
        """
        self.order_manager.cancel(group)

    def close(self, symbol: str | None = None, reason: str = "host") -> None:
        """Close what is held of one symbol, or of all, and end its context."""
        self._inbox.ask(CloseRequested(symbol, reason))

    def halt(self, level: int, why: str, who: str = "host") -> None:
        """Pull the kill switch: 1 nothing is opened, 2 entries and adds are taken back as well,
        3 all that is held is closed. Latched, also over a restart, until ``resume``.

        Raises:
            UserError: there is no such level.
        """
        if level not in LEVELS:
            raise UserError(f"there is no level {level!r}: 1 to 3")
        self._inbox.ask(HaltRequested(level, who, why), ANSWER_S)

    def resume(self, why: str, who: str = "host") -> None:
        """Take the kill switch back.

        Raises:
            UserError: it was not pulled.
        """
        if self._inbox.ask(ResumeRequested(who, why), ANSWER_S) is not None:
            raise UserError("nothing is halted")

    def reload(self, config: Config, source: str = "host", digest: str = "") -> tuple[str, ...]:
        """Go on with other settings; the paths of those that have changed. Rules and limits hold
        at once, a trade under way stays as it began. On record with ``source`` and ``digest``.

        Raises:
            UserError: nothing has changed: it is something that cannot while the engine runs.
        """
        changer = SettingsChanger(self.rules, self._inbox, self._prepared)
        self.config, changed = changer.change(self.config, config, source, digest)
        return tuple(changed)

    def notice(self, level: AlertLevel, text: str) -> None:
        """Tell a person something, on record."""
        self._inbox.put(Noticed(level, text))

    def risk(self) -> tuple[Use, ...]:
        """How much of each limit is used, worst case, and what is left."""
        question = Question(lambda state, runtime: uses(state, runtime.now_ns()))
        found: tuple[Use, ...] = self._inbox.ask(question, ANSWER_S)
        return found

    # -- looking at things -----------------------------------------------------------------------

    def subscribe(self, event_class: type[E], handler: Callable[[E], object]) -> Subscription:
        """Call ``handler`` with every event of a class and its subclasses, on the bus's thread."""
        return self.bus.subscribe(event_class, handler)

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

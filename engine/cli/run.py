"""``engine run``: settings, a broker, the engine, somebody watching, and a report at the end."""

from __future__ import annotations

import logging
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any, Final, Self, TextIO

from engine.cli.broker import choose_broker
from engine.cli.halt_signals import HaltSignals
from engine.cli.handlers import Handler, Handlers
from engine.cli.options import RunOptions
from engine.cli.progress import bar
from engine.cli.reload import Reloader
from engine.cli.settings import made_up, settings_of
from engine.control import ControlServer, control_path
from engine.errors import LimitError, OutputError, UserError
from engine.monitor.files import check_outputs, write_json
from engine.monitor.log import Log, check_places
from engine.monitor.remarks import Remark, Remarks
from engine.monitor.summary import Ending, Record, report, sentences
from engine.monitor.supervision import Supervision
from engine.operations import operations
from engine.redaction import Redaction
from engine.signals.files import SignalFile
from engine.sim.child import SimChild

if TYPE_CHECKING:
    from engine.config import Config
    from engine.engine import Engine
    from engine.view import EngineView

REFRESH_S: Final = 0.25
ASK_SIM_S: Final = 0.5
REMARKS_MAX: Final = 1_000  # that wait to be shown
VIEW_TIMEOUT_S: Final = 0.2
OVER_GRACE_S: Final = 5.0  # from the last tick until everything should be flat
END_TIMEOUT_S: Final = 30.0


def run(options: RunOptions) -> int:
    """Run until told to end; the exit code.

    Raises:
        UserError: one line on what a person must mend.
    """
    settings = settings_of(options)
    others = options.config, options.journal, options.signals, options.record, *options.ticks
    check_outputs([options.json], others)  # now, not after a day of trading
    if options.signals is not None:
        SignalFile(options.signals, settings.config.strategy.symbols).load()
    if settings.config.log is not None:
        check_places(settings.config.log)
    with (
        Interrupts(reloads=options.config is not None) as interrupts,
        choose_broker(options, settings) as broker,
        made_up(options, settings) as predictions,
    ):
        engine = _engine(options, broker.configured(predictions.polled(settings.config)))
        predictions.follow(engine.now_ns)
        reload = Reloader(options, settings, engine)
        control = ControlServer(
            options.control or control_path(options.journal), operations(engine, reload)
        )
        broker.started()
        with _log(engine) as redaction:
            watch = Watch(engine, broker.simulator, options, interrupts, reload, redaction)
            control.start()
            try:
                with _dashboard(options, engine, reload), HaltSignals(engine):
                    reason = watch.until_the_end()
            finally:
                watch.close()
                control.close()
        ending = Ending(
            reason=reason,
            view=engine.last_view,
            exchange=broker.report(),
            dropped=engine.bus.dropped,
            seconds=time.monotonic() - interrupts.since,
        )
        broker.settle(ending.exchange, ending.view)
        _tell(options, watch.record, ending, broker.notes, engine.ways.counts())
    return 0


def _engine(options: RunOptions, config: Config) -> Engine:
    from engine.engine import Engine

    with bar("replaying the journal") as show:
        return Engine(
            config,
            journal=options.journal,
            signals=options.signals,
            durability=options.durability,
            record=options.record,
            progress=show,
        )


@contextmanager
def _log(engine: Engine) -> Iterator[Redaction]:
    """What it leaves out of the log, to be told which account is traded."""
    if engine.config.log is None:
        yield Redaction()
        return
    with Log(engine.config.log, engine, [engine.config.broker.account]) as log:
        yield log.redaction


@contextmanager
def _dashboard(options: RunOptions, engine: Engine, reload: Reloader) -> Iterator[None]:
    web = engine.config.web
    if web is None:
        yield
        return
    from engine.web.dashboard import Dashboard

    able = operations(engine, reload, "dashboard")
    with Dashboard(engine, web, able, options.journal) as dashboard:
        _Stream(options).write(f"dashboard: {dashboard.link}\n")
        yield


class Interrupts(Handlers):
    """Ctrl-C and SIGTERM ask for an end in order, and ``then`` is called; a second one ends at
    once. SIGHUP asks to read the settings again, where they are in a file (``reloads``); else a
    terminal was closed, which is one more way to ask for the end."""

    def __init__(self, then: Callable[[], object] = lambda: None, *, reloads: bool = False) -> None:
        handlers: dict[signal.Signals, Handler] = dict.fromkeys(
            (signal.SIGINT, signal.SIGTERM), self._told
        )
        if reloads:
            handlers[signal.SIGHUP] = lambda _number, _frame: self.hangup.set()
        elif signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as nohup leaves it
            handlers[signal.SIGHUP] = self._hung_up
        super().__init__(handlers)
        self.event = threading.Event()
        self.hangup = threading.Event()
        self.name = ""
        self.since = time.monotonic()
        self._then = then

    def _told(self, number: int, _frame: FrameType | None) -> None:
        if self.event.is_set():
            raise KeyboardInterrupt
        self.name = signal.Signals(number).name
        self.event.set()
        self._then()

    def _hung_up(self, number: int, frame: FrameType | None) -> None:
        if not self.event.is_set():  # the kernel says so, and the shell says it again
            self._told(number, frame)


class Watch:
    """Runs the engine in a thread of its own and shows it, until there is a reason to end."""

    def __init__(
        self,
        engine: Engine,
        simulator: SimChild | None,
        options: RunOptions,
        interrupts: Interrupts,
        reload: Reloader,
        redaction: Redaction,
    ) -> None:
        from engine.events import BaseEvent

        self.record = Record()
        self._engine = engine
        self._simulator = simulator
        self._options = options
        self._interrupts = interrupts
        self._reload = reload
        self._redaction = redaction
        self._problem: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)
        self._supervision = Supervision(options.heartbeat)
        self._asked_s = 0.0
        self._over_s: float | None = None
        self._view: EngineView | None = None
        self._screen: Screen = _screen(options)
        self._remarks: deque[Remark] = deque(maxlen=REMARKS_MAX)
        # (The warnings are events.) Whoever remarks does not wait for the screen: the writer does.
        self._errors = Remarks(logging.ERROR, self._remarks.append)
        engine.subscribe(BaseEvent, self.record.add)
        engine.subscribe(BaseEvent, self._screen.event)

    def _run(self) -> None:
        try:
            self._engine.run()
        except BaseException as problem:  # raised again where it can be told
            self._problem = problem

    def _tell_remarks(self) -> None:
        while self._remarks:
            remark = self._remarks.popleft()
            text = " ".join(f"log: {remark.level}: {remark.text}".split())
            self.record.note(text)
            self._screen.note(text)

    def until_the_end(self) -> str:
        """Why it ended, in words. Raises what ended it, if that was a problem."""
        limit_s = self._options.seconds
        self._thread.start()
        with self._screen, self._errors:
            while self._thread.is_alive():
                if self._interrupts.event.wait(REFRESH_S):
                    return self._end(f"asked to ({self._interrupts.name})")
                if self._interrupts.hangup.is_set():
                    self._interrupts.hangup.clear()
                    with suppress(UserError):  # it is told, and on record
                        self._reload()
                self._tell_remarks()
                now_s = time.monotonic()
                self._look(now_s)
                if limit_s is not None and now_s - self._interrupts.since >= limit_s:
                    return self._end(f"after {limit_s:g} s as asked")
                if (reason := self._market_over(now_s)) is not None:
                    return self._end(reason)
        self._thread.join()
        assert self._problem is not None, "the engine ended without being asked to"
        raise self._problem

    def close(self) -> None:
        """Whatever happened: no thread of the engine is left behind."""
        if self._thread.is_alive():
            self._engine.stop()
            self._thread.join(END_TIMEOUT_S)
        self._tell_remarks()

    def _end(self, reason: str) -> str:
        self._supervision.stopping()
        self._engine.stop(flatten=self._options.flatten)
        self._thread.join(END_TIMEOUT_S)
        if self._problem is not None:
            raise self._problem
        if self._thread.is_alive():
            raise UserError(
                f"{reason}, and the engine did not end in {END_TIMEOUT_S:g} s (does its disk "
                "answer?): it is ended as by a kill; start it again to look after what it holds"
            )
        return reason

    def _look(self, now_s: float) -> None:
        try:
            self._view = self._engine.view(VIEW_TIMEOUT_S)
        except (TimeoutError, LimitError):
            return  # it is connecting, or ending; the next look will tell
        self._redaction.learn(self._view.account)
        self._supervision.seen(self._view, now_s)
        self._screen.show(self._view, self.record, now_s)

    def _market_over(self, now_s: float) -> str | None:
        """Once the simulator's market has ended and nothing is held any more."""
        if self._simulator is None or now_s - self._asked_s < ASK_SIM_S:
            return None
        self._asked_s = now_s
        over = self._simulator.about()["market_over"]
        if not over or self._view is None or self._view.session != "live":
            return None
        self._over_s = self._over_s or now_s
        if self._view.flat and not self._view.orders:
            return "the market data are over and everything is flat"
        if now_s - self._over_s > OVER_GRACE_S:
            return "the market data are over; a position is left open"
        return None


# -- what is shown -----------------------------------------------------------------------------


class Screen(AbstractContextManager["Screen"]):
    """Lines, for everything that is not a terminal."""

    def __init__(self, write: Callable[[str], object]) -> None:
        self._write = write

    def event(self, event: Any) -> None:
        from engine.monitor.lines import line

        if (text := line(event)) is not None:
            self._write(text + "\n")

    def note(self, text: str) -> None:
        self._write(text + "\n")

    def show(self, view: EngineView, record: Record, now_s: float) -> None:
        """Lines come with the events."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        return None


class TableScreen(Screen):
    """The live table on a terminal."""

    def __init__(self, title: str) -> None:
        from rich.live import Live

        from engine.monitor.tick_rate import TickRate

        super().__init__(lambda text: None)
        self._live = Live(auto_refresh=False, vertical_overflow="crop")
        self._rate = TickRate()
        self._title = title

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def show(self, view: EngineView, record: Record, now_s: float) -> None:
        from engine.monitor.table import live_table

        rate = self._rate.add(now_s, view.ticks)
        try:
            self._live.update(live_table(view, record, self._title, rate), refresh=True)
        except OutputError as problem:  # the terminal was closed
            _go_on_without(problem)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with suppress(OutputError):
            self._live.stop()


def _screen(options: RunOptions) -> Screen:
    if options.plain or not sys.stdout.isatty() or str(options.json) == "-":
        return Screen(_Stream(options).write)
    return TableScreen("engine run: Ctrl-C ends")


def _go_on_without(problem: OutputError) -> None:
    why = "nobody reads the output any more" if problem.enough else str(problem)
    with suppress(OSError):
        # The live table lends its name to standard error while it is shown.
        (sys.__stderr__ or sys.stderr).write(f"engine: {why}; going on without it\n")


class _Stream:
    """Where lines go: standard output, or standard error where the report takes the former.

    A full disk, or a reader that goes away (``| head``, a dead ``tee``, a terminal that hangs up),
    must not take the engine with it: it guards positions, seen or not. It goes on in silence, and
    says so on standard error once.
    """

    def __init__(self, options: RunOptions) -> None:
        self._stream: TextIO | None = sys.stderr if str(options.json) == "-" else sys.stdout

    def write(self, text: str) -> None:
        if self._stream is None:
            return
        try:
            self._stream.write(text)
            self._stream.flush()
        except OutputError as problem:
            self._stream = None
            _go_on_without(problem)


def _tell(
    options: RunOptions, record: Record, ending: Ending, notes: list[str], ways: dict[str, Any]
) -> None:
    pairs = [*sentences(record, ending), *(("note", note) for note in notes)]
    _Stream(options).write("\n" + "".join(f"{name:<14} {value}\n" for name, value in pairs))
    if options.json is not None:
        write_json(options.json, {**report(record, ending), **({"ways": ways} if ways else {})})

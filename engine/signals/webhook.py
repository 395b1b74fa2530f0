"""Predictions that are sent to us: signed, each taken once, answered when they are durable.

A process of its own listens, reads, and turns away what is not signed, not lately, not new, not
as agreed or not in the schema: all of that would take the interpreter from the writer. What it
hands over is judged here by age and turn, goes to the engine, and is answered when it is durable.
The process is started, watched, and started again if it ends; the port is ours and stays open
meanwhile. When we end, the end of its stream tells it.
"""

from __future__ import annotations

import base64
import contextlib
import itertools
import random
import socket
import threading
import time
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import CancelledError
from types import TracebackType
from typing import Final, Self

from engine.child_process import ChildProcess
from engine.errors import ConfigError, LimitError
from engine.loggers import logger
from engine.redaction import Secret
from engine.signals.intake import Checked, Freshness, Intake, Offer, Sink, Together
from engine.signals.keys import webhook_keys
from engine.signals.listening import listening
from engine.signals.rates import Backoff
from engine.signals.schema import SignalRefusedError
from engine.signals.webhook_stream import (
    LINE_BYTES_MAX,
    SILENCE_S,
    USUAL,
    Counts,
    DamagedLineError,
    Opening,
    Patience,
    Told,
    Verdict,
    read_told,
    verdicts_line,
)
from engine.sources import Webhook

LOG: Final = logger("engine.signals.webhook")

MODULE: Final = "engine.signals.webhook_child"
RETRY_FIRST_S: Final = 0.2
RETRY_MAX_S: Final = 60.0
WELL_S: Final = 60.0  # a process that served so long has not failed at its start
END_TIMEOUT_S: Final = 5.0


class SignalWebhook:
    """Takes signed predictions.

    Args:
        settings: where it listens, for whom, how much of each.
        sink: gets every Signal and SignalRefused; what it returns tells when they are durable.
        symbols: the tickers that are traded.
        freshness: shared with the other ways in.
        together: takes several signals at once, in place of ``sink``.
        ready: while it says no, senders are told to come again.
        warn: gets what a person should know.
        environment: in place of the process's own.
        patience: with senders, and with the disk.

    Raises:
        ConfigError: a sender has no key, one that cannot be used, or another sender's.
    """

    def __init__(
        self,
        settings: Webhook,
        sink: Sink,
        symbols: Collection[str],
        *,
        freshness: Freshness | None = None,
        together: Together | None = None,
        ready: Callable[[], bool] = lambda: True,
        warn: Callable[[str], object] = LOG.warning,
        environment: Mapping[str, str] | None = None,
        patience: Patience = USUAL,
    ) -> None:
        self.settings: Final = settings
        self.intake: Final = Intake(sink, symbols, freshness, together=together)
        self.restarts = 0  # of the process, after it had ended by itself
        self.damaged = 0  # lines that were none of its
        self._ready = ready
        self._warn = warn
        self._patience = patience
        self._symbols = tuple(symbols)
        self._keys = {one.source: webhook_keys(one, environment) for one in settings.senders}
        _check_keys(self._keys)
        self._now: Counts = {}  # of the process that runs
        self._before: Counts = {source: {"repeats": 0} for source in self._keys}  # of others
        self._listener: socket.socket | None = None
        self._stream: socket.socket | None = None
        self._child: ChildProcess | None = None
        self._thread: threading.Thread | None = None
        self._ending = threading.Event()

    def counts(self) -> Counts:
        """By sender: answers by HTTP status, and ``repeats``."""
        return _sum(self._before, self._now)

    @property
    def pid(self) -> int | None:
        """Of the process that listens; None: there is none just now."""
        child = self._child
        return None if child is None else child.process.pid

    # -- life ----------------------------------------------------------------------------------

    @property
    def port(self) -> int:
        assert self._listener is not None, "it does not listen yet"
        number: int = self._listener.getsockname()[1]
        return number

    def listen(self) -> None:
        """Raises UserError if the port is in use."""
        self._listener = listening(self.settings.host, self.settings.port)

    def start(self) -> Self:
        if self._listener is None:
            self.listen()
        assert self._thread is None, "a webhook starts once; build another"
        self._thread = threading.Thread(target=self._run, name="signals-webhook", daemon=True)
        self._thread.start()
        return self

    def stop(self) -> None:
        """Answer what is under way, and end. Idempotent."""
        self._ending.set()
        stream, thread = self._stream, self._thread
        if stream is not None:
            with contextlib.suppress(OSError):
                stream.shutdown(socket.SHUT_WR)
        if thread is not None:
            thread.join(2 * END_TIMEOUT_S)
        if self._listener is not None:
            self._listener.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self.stop()

    # -- its process -----------------------------------------------------------------------------

    def _run(self) -> None:
        backoff = Backoff(RETRY_FIRST_S, RETRY_MAX_S, random.Random())
        while not self._ending.is_set():
            began_s = time.monotonic()
            try:
                words = self._serve()
            except Exception as problem:  # a defect of ours must not end the way in for ever
                LOG.exception("the webhook")
                words = str(problem)
            if self._ending.is_set():
                return
            if time.monotonic() - began_s >= WELL_S:
                backoff.worked()
            pause_s = backoff.failed()
            self.restarts += 1
            with contextlib.suppress(LimitError):  # the engine has ended
                self._warn(
                    f"the webhook's process has ended ({words}); it is started again: "
                    "senders whose predictions were under way send them again"
                )
            self._ending.wait(pause_s)

    def _serve(self) -> str:
        """Start a process and take what it says; why it has ended."""
        ours, theirs = socket.socketpair()
        assert self._listener is not None
        try:
            with theirs:
                given = [theirs.fileno(), self._listener.fileno()]
                child = ChildProcess(MODULE, [str(one) for one in given], pass_fds=given)
        except OSError as problem:
            ours.close()
            return f"it cannot be started: {problem.strerror}"
        self._child, self._stream = child, ours
        if self._ending.is_set():  # it was too early for ``stop`` to see it
            ours.shutdown(socket.SHUT_WR)
        try:
            ours.settimeout(SILENCE_S)
            words = self._listen_to(ours)
        finally:
            self._child = self._stream = None
            self._before, self._now = self.counts(), {}
            ours.close()
            said = child.end(END_TIMEOUT_S)
        return words or said or "without a word"

    def _listen_to(self, stream: socket.socket) -> str:
        """Until it has ended; what is wrong with it, if we know."""
        keys = {
            source: [base64.b64encode(key.reveal()).decode() for key in of]
            for source, of in self._keys.items()
        }
        opening = Opening.of(self.settings, keys, self._symbols, self._patience)
        try:
            with contextlib.suppress(BrokenPipeError):  # it was stopped at its start
                stream.sendall(opening.line())
            heard = bytearray()
            while got := stream.recv(65_536):
                heard += got
                while (end := heard.find(b"\n")) >= 0:
                    line = bytes(heard[:end])
                    del heard[: end + 1]
                    answer = self._answer(line)
                    with contextlib.suppress(BrokenPipeError):  # what is the last one
                        stream.sendall(answer)
                if len(heard) > LINE_BYTES_MAX:
                    self.damaged += 1
                    return "what it says has no end"
        except TimeoutError:
            return f"it said nothing for {SILENCE_S:g} s"
        except ConnectionResetError:
            return ""  # it has gone with something of ours unread; its end says why
        except OSError as problem:
            return str(problem.strerror)
        return ""

    # -- what it says ----------------------------------------------------------------------------

    def _answer(self, line: bytes) -> bytes:
        try:
            told = read_told(line)
            self._check(told)
        except DamagedLineError as problem:
            self.damaged += 1
            LOG.error("a line of the webhook's process was refused: %s", problem)
            return verdicts_line(None)
        self._now = told.counts
        for note in told.notes:
            refusal = SignalRefusedError(note.reason, note.detail)
            self.intake.refuse(refusal, note.source, times=note.times)
        return verdicts_line(self._verdicts(told.items))

    def _check(self, told: Told) -> None:
        """Nobody else's predictions, and nothing that is not traded."""
        sources = {*told.counts, *(one.source for one in told.notes)}
        if not sources.union([one.source for one in told.items]) <= self._keys.keys():
            raise DamagedLineError("no such sender")
        for one in told.items:
            if one.signal is not None and one.signal.ticker not in self._symbols:
                raise DamagedLineError("no such ticker")

    def _verdicts(self, items: list[Checked]) -> list[Verdict]:
        if not items:
            return []
        if not self._ready():
            return [_later("the engine takes no signals now")] * len(items)
        try:
            offers = self.intake.offer_all(items)
        except LimitError as problem:
            return [_later(str(problem))] * len(items)
        until_s = time.monotonic() + self._patience.durable_s
        return [self._verdict(one, until_s) for one in offers]

    def _verdict(self, offer: Offer, until_s: float) -> Verdict:
        if offer.refusal is not None:
            return Verdict(422, dict(offer.refusal.words()))
        assert offer.signal is not None
        if offer.answer is not None:
            try:
                offer.answer.result(max(until_s - time.monotonic(), 0.0))
            except TimeoutError:
                return _later(f"not durable after {self._patience.durable_s:g} s; come again")
            except (Exception, CancelledError) as problem:
                return _later(f"not taken: {problem}")
        return Verdict(200, {"identity": offer.signal.identity, "repeat": offer.repeat})


def _later(words: str) -> Verdict:
    return Verdict(503, {"error": words})


def _sum(one: Counts, other: Counts) -> Counts:
    found = {source: dict(numbers) for source, numbers in one.items()}
    for source, numbers in other.items():
        own = found.setdefault(source, {})
        for name, number in numbers.items():
            own[name] = own.get(name, 0) + number
    return found


def _check_keys(keys: Mapping[str, tuple[Secret, ...]]) -> None:
    for one, other in itertools.combinations(keys, 2):
        if {key.reveal() for key in keys[one]} & {key.reveal() for key in keys[other]}:
            raise ConfigError(
                f"signals.webhook: {one} and {other} have the same key, so each "
                "could send for the other; give each its own"
            )

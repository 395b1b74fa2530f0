"""Predictions that scripts append to a file, one JSON object a line: each new line, once.

What stands in the file at the start is old. A last line without its end waits for it. A file that
was renamed away is read on for some seconds, before the one that took its name; a file that was
emptied or written anew is read from its beginning. While the engine takes nothing, lines wait in
the file.
"""

from __future__ import annotations

import contextlib
import os
import stat
import threading
from collections.abc import Callable, Collection
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from engine.errors import DataFileError, LimitError
from engine.loggers import logger
from engine.signals.intake import Freshness, Intake, Sink
from engine.signals.schema import SIGNAL_BYTES_MAX, RefusalReason, refuse
from engine.sources import Tail

LOG: Final = logger("engine.signals.tail")

LOOK_S: Final = 0.2
READ_BYTES: Final = 65_536
LOOK_BYTES_MAX: Final = 4 * 1024 * 1024  # of one look; the rest comes with the next
FORMER_LOOKS: Final = 25  # five seconds
# The bytes before the place where reading goes on. If they are others, the file was written anew.
FOOTPRINT_BYTES: Final = 64
END_TIMEOUT_S: Final = 5.0


class _Open:
    """One file, whatever its name is by now. ``place`` is the beginning of the first line that
    has not been taken."""

    def __init__(self, descriptor: int) -> None:
        status = os.fstat(descriptor)
        self.descriptor = descriptor
        self.identity: Final = (status.st_dev, status.st_ino)
        self.place = 0
        self.skipping = False  # the rest of a line that is too long
        self._before = b""

    @property
    def size(self) -> int:
        return os.fstat(self.descriptor).st_size

    def to_end(self) -> None:
        """Behind the last line that is whole."""
        size = self.size
        start = max(size - SIGNAL_BYTES_MAX - 1, 0)
        tail = os.pread(self.descriptor, size - start, start)
        end = tail.rfind(b"\n")
        self.skipping = end < 0 and start > 0
        self.advance(size if self.skipping else start + end + 1)

    def advance(self, place: int) -> None:
        self.place = place
        start = max(place - FOOTPRINT_BYTES, 0)
        self._before = os.pread(self.descriptor, place - start, start)

    def written_anew(self) -> bool:
        start = self.place - len(self._before)
        return os.pread(self.descriptor, len(self._before), start) != self._before

    def restart(self) -> None:
        self.place, self._before, self.skipping = 0, b"", False

    def close(self) -> None:
        os.close(self.descriptor)


class SignalTail:
    """Follows a file on a thread of its own, or by calls of ``look``.

    Args:
        settings: the file and whose predictions they are.
        sink: gets every Signal and SignalRefused.
        symbols: the tickers that are traded.
        freshness: shared with the other ways in.
        ready: nothing is read while it says no.

    Raises:
        DataFileError: the name is of something else than a file.
    """

    def __init__(
        self,
        settings: Tail,
        sink: Sink,
        symbols: Collection[str],
        *,
        freshness: Freshness | None = None,
        ready: Callable[[], bool] = lambda: True,
    ) -> None:
        self.path: Final = Path(settings.path)
        self.source: Final = settings.source
        self.intake: Final = Intake(sink, symbols, freshness)
        self.lines = 0
        self.restarts = 0  # because it was emptied or written anew
        self._ready = ready
        self._open: _Open | None = None
        self._former: _Open | None = None  # renamed away; somebody may still append to it
        self._former_looks = 0
        self._said = ""
        self._ending = threading.Event()
        self._thread: threading.Thread | None = None
        self._open_at_end()

    def _open_at_end(self) -> None:
        try:
            self._open = _opened(self.path)
        except OSError as problem:
            raise DataFileError(f"{self.path}: cannot be read: {problem.strerror}") from None
        if self._open is not None:
            self._open.to_end()

    # -- life ----------------------------------------------------------------------------------

    def start(self) -> Self:
        assert self._thread is None, "a tail starts once; build another"
        self._thread = threading.Thread(target=self._run, name="signals-tail", daemon=True)
        self._thread.start()
        return self

    def stop(self) -> None:
        self._ending.set()
        if self._thread is not None:
            self._thread.join(END_TIMEOUT_S)
        for file in (self._open, self._former):
            if file is not None:
                file.close()
        self._open = self._former = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self.stop()

    def _run(self) -> None:
        while not self._ending.wait(LOOK_S):
            if self._ready():
                self.look()

    # -- looking -------------------------------------------------------------------------------

    def look(self) -> None:
        """Take every whole line that is new. Trouble with the file is logged, once each kind; a
        full inbox leaves the rest for the next look."""
        try:
            with contextlib.suppress(LimitError):
                self._follow()
            self._said = ""
        except OSError as problem:
            self._say(f"{self.path}: cannot be followed: {problem.strerror}")
        except DataFileError as problem:
            self._say(str(problem))

    def _say(self, text: str) -> None:
        if text != self._said:
            self._said = text
            LOG.error("%s", text)

    def _follow(self) -> None:
        if self._former is not None:
            self._read(self._former)
            self._former_looks -= 1
            if self._former_looks <= 0:
                self._give_up(self._former)
                self._former = None
        if self._open is None:
            self._open = _opened(self.path)  # it is new, all of it
        if self._open is None:
            return
        self._read(self._open)
        if self._named(self._open):
            return
        following = _opened(self.path)  # as long as it cannot be read, nothing else changes
        if self._former is not None:
            self._give_up(self._former)
        self._former, self._former_looks, self._open = self._open, FORMER_LOOKS, following
        self._read(self._former)  # what was appended before it lost its name
        if self._open is not None:
            self._read(self._open)

    def _give_up(self, file: _Open) -> None:
        """The last line of a file that was renamed away, if nobody has ended it."""
        if file.size > file.place and not file.skipping:
            refusal = refuse(RefusalReason.MALFORMED, "a last line that never came to its end")
            self.intake.refuse(refusal, self.source, str(file.identity))
            self.lines += 1
        file.close()

    def _named(self, file: _Open) -> bool:
        try:
            status = self.path.stat()
        except FileNotFoundError:
            # Somebody is about to put another in its place; until then this one is it.
            return True
        return (status.st_dev, status.st_ino) == file.identity

    def _read(self, file: _Open) -> None:
        if file.size < file.place or file.written_anew():
            self.restarts += 1
            file.restart()
        budget = LOOK_BYTES_MAX
        while budget > 0:
            # A line and its end, or a part of it that is already too long.
            chunk = os.pread(file.descriptor, max(READ_BYTES, SIGNAL_BYTES_MAX + 2), file.place)
            end = chunk.rfind(b"\n") + 1
            budget -= len(chunk)
            if not chunk:
                return
            if end:
                self._take(file, chunk[:end])
            elif len(chunk) > SIGNAL_BYTES_MAX + 1:
                self._take_long(file, len(chunk))
            elif file.skipping:
                file.advance(file.place + len(chunk))
            else:
                return

    def _take(self, file: _Open, whole: bytes) -> None:
        """Lines with their ends, each counted as taken only once it has been."""
        start = file.place
        done = 0
        try:
            for line in whole.split(b"\n")[:-1]:
                if file.skipping:
                    file.skipping = False
                elif text := _text(line, first=start + done == 0):
                    self.intake.offer(text, self.source)
                    self.lines += 1
                done += len(line) + 1
        finally:
            file.advance(start + done)

    def _take_long(self, file: _Open, size: int) -> None:
        if not file.skipping:
            words = f"a line of more than {SIGNAL_BYTES_MAX} bytes"
            refusal = refuse(RefusalReason.TOO_LARGE, words)
            self.intake.refuse(refusal, self.source, str(file.place))
            self.lines += 1
        file.skipping = True
        file.advance(file.place + size)


def _text(line: bytes, first: bool) -> bytes:
    if first:
        line = line.removeprefix(b"\xef\xbb\xbf")  # a mark of byte order
    return line.strip()


def _opened(path: Path) -> _Open | None:
    """None if there is no such file.

    Raises:
        OSError: it cannot be read.
        DataFileError: it is something else than a file.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise DataFileError(f"{path}: not a regular file; name a file that scripts append to")
    return _Open(descriptor)

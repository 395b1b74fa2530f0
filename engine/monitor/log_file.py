"""A file of lines that is put away each day and before it grows too large.

``engine.log`` is written, ``engine.log.1`` is the one before, and so on; the oldest goes. The
handlers of ``logging`` rotate by size or by day, not by both, and leave half a line on a full
disk. Here a batch of lines stands in the file whole, or not at all.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

from engine.errors import UserError


def _today() -> date:
    return datetime.now(UTC).date()


class LogFile:
    """Closed until the first ``write``, and again after one that failed."""

    def __init__(
        self,
        path: Path,
        bytes_max: int,
        files_max: int,
        today: Callable[[], date] = _today,
    ) -> None:
        assert files_max >= 2, files_max
        self.path = path
        self._bytes_max = bytes_max
        self._files_max = files_max
        self._today = today
        self._day = date.min
        self._fd = -1

    def check(self) -> None:
        """Raises UserError, in one line, if nothing can be written."""
        try:
            self._open()
            if self.path.is_file() and not os.access(self.path.absolute().parent, os.W_OK):
                said = "its directory cannot be written, and it could not be put away"
                raise UserError(f"{self.path}: {said}")
        except BlockingIOError:
            raise UserError(f"{self.path}: another engine writes its log there") from None
        except OSError as problem:
            raise UserError(f"{self.path}: cannot be written: {problem.strerror}") from None

    def write(self, lines: bytes) -> None:
        """Append whole lines. Raises OSError; then none of them is there."""
        self._reopen_if_moved()
        size, today = os.fstat(self._fd).st_size, self._today()
        if size and (size + len(lines) > self._bytes_max or today != self._day):
            self._rotate()
            size = 0
        self._day = today
        try:
            view = memoryview(lines)
            while view:
                view = view[os.write(self._fd, view) :]
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(self._fd, size)
            self.close()
            raise

    def close(self) -> None:
        """Idempotent."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _open(self) -> None:
        self.close()
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK
        fd = os.open(self.path, flags, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            raise
        except OSError:
            pass  # not every file system has locks
        self._fd = fd
        # What is there already is of the day on which it was last written.
        self._day = datetime.fromtimestamp(os.fstat(fd).st_mtime, UTC).date()
        self._end_line()

    def _end_line(self) -> None:
        """A power cut may have left half of one."""
        if not self.path.is_file():
            return
        with self.path.open("rb") as file:
            if file.seek(0, os.SEEK_END):
                file.seek(-1, os.SEEK_END)
                if file.read(1) != b"\n":
                    os.write(self._fd, b"\n")

    def _reopen_if_moved(self) -> None:
        """Somebody else may put the file away, too: then a new one is begun."""
        if self._fd >= 0:
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(self._fd), self.path.stat()):
                    return
        self._open()

    def _rotate(self) -> None:
        self.close()
        for number in range(self._files_max - 1, 0, -1):
            older = self._named(number)
            with contextlib.suppress(FileNotFoundError):
                self._named(number - 1).replace(older)
        self._open()

    def _named(self, number: int) -> Path:
        return self.path.with_name(f"{self.path.name}.{number}") if number else self.path

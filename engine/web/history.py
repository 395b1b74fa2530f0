"""Past trades for the dashboard, read from the journal by a process of its own."""

from __future__ import annotations

import contextlib
import subprocess
import threading
from pathlib import Path
from typing import Any, Final

import orjson

from engine.child_process import ChildProcess
from engine.errors import UserError
from engine.loggers import logger

END_S: Final = 2.0
LOG: Final = logger("engine")


class History:
    """``ask`` may be called from any thread; one question is answered at a time."""

    def __init__(self, journal: Path | None) -> None:
        self._journal = journal
        self._lock = threading.Lock()
        self._child: ChildProcess | None = None
        self._ended = False

    def ask(self, asked: dict[str, Any]) -> bytes:
        """One JSON object.

        Raises:
            UserError: there is no journal on disk, or it cannot be read; says why.
        """
        if self._journal is None:
            raise UserError("this run keeps no journal on disk: start it with --journal FILE")
        with self._lock:
            line = self._answer(orjson.dumps(asked))
            if not line.endswith(b"\n"):
                if not self._ended and self._child is not None:
                    words = self._child.last_words() or "without a word"
                    LOG.error("the process that reads the history ended: %s", words)
                raise UserError("the history could not be read: ask again")
        return line

    def _answer(self, line: bytes) -> bytes:
        child = self._child
        if child is None or child.process.poll() is not None:
            if child is not None:
                child.end(END_S)
            child = self._child = self._started()
        process = child.process
        assert process.stdin is not None
        assert process.stdout is not None
        with contextlib.suppress(OSError):
            process.stdin.write(line + b"\n")
            process.stdin.flush()
            return process.stdout.readline()
        return b""

    def _started(self) -> ChildProcess:
        if self._ended:
            raise UserError("the dashboard has ended")
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        return ChildProcess("engine.web.history_child", [str(self._journal)], **pipes)

    def stop(self) -> None:
        """Idempotent; whoever still waits for an answer gets none."""
        self._ended = True
        child, self._child = self._child, None
        if child is not None:
            child.end(END_S)

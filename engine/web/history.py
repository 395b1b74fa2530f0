"""Past trades for the dashboard, read from the journal by a process of its own."""

from __future__ import annotations

import contextlib
import logging
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any, Final

import orjson

from engine.errors import UserError

END_S: Final = 2.0
LOG: Final = logging.getLogger("engine")


class History:
    """``ask`` may be called from any thread; one question is answered at a time."""

    def __init__(self, journal: Path | None) -> None:
        self._journal = journal
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._ended = False
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed at the end

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
            if not self._ended:
                LOG.error("the process that reads the history ended: %s", self._last_words())
            raise UserError("the history could not be read: ask again")
        return line

    def _last_words(self) -> str:
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else "without a word"

    def _answer(self, line: bytes) -> bytes:
        process = self._process
        if process is None or process.poll() is not None:
            process = self._process = self._started()
        assert process.stdin is not None
        assert process.stdout is not None
        with contextlib.suppress(OSError):
            process.stdin.write(line + b"\n")
            process.stdin.flush()
            return process.stdout.readline()
        return b""

    def _started(self) -> subprocess.Popen[bytes]:
        if self._ended:
            raise UserError("the dashboard has ended")
        return subprocess.Popen(  # noqa: S603 - our own interpreter and module
            [sys.executable, "-m", "engine.web.history_child", str(self._journal)],
            stdin=subprocess.PIPE,  # its end tells the child that we have gone
            stdout=subprocess.PIPE,
            stderr=self._errors,
            start_new_session=True,
        )

    def stop(self) -> None:
        """Idempotent; whoever still waits for an answer gets none."""
        self._ended = True
        process = self._process
        if process is None:
            self._errors.close()
            return
        process.terminate()
        try:
            process.wait(END_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
        self._errors.close()

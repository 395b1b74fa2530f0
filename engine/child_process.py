"""Processes of our own interpreter: how one is begun, what it said last, and how it is ended."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any, Final


def command(module: str) -> list[str]:
    """What runs ``module`` in a process of its own."""
    # -P: a file in the user's directory must not pass for a module of ours. From a source tree
    # the directory is where we come from ourselves.
    from_here = sys.path[0] in ("", str(Path.cwd()), os.curdir)
    return [sys.executable, *([] if from_here else ["-P"]), "-m", module]


def last_line(errors: IO[bytes]) -> str:
    """The last line that a child wrote to its standard error, without the name before it."""
    errors.seek(0)
    lines = errors.read().decode(errors="replace").strip().splitlines()
    return lines[-1].removeprefix("engine: ") if lines else ""


class ChildProcess:
    """A process that must not outlive us: the end of what it reads from us tells it that we have
    gone. In a session of its own, because Ctrl-C is for us, and we end it in good order."""

    def __init__(self, module: str, arguments: Sequence[str], **popen: Any) -> None:
        self._errors: Final = tempfile.TemporaryFile()  # noqa: SIM115 - for the child's whole life
        self.process: Final[subprocess.Popen[bytes]] = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            [*command(module), *arguments], stderr=self._errors, start_new_session=True, **popen
        )

    @property
    def pid(self) -> int:
        return self.process.pid

    def last_words(self) -> str:
        return last_line(self._errors)

    def end(self, patience_s: float) -> str:
        """Ask it to end, wait until it is gone, if need be by force; its last words, or the signal
        that ended it. Once only."""
        self.process.terminate()
        try:
            self.process.wait(patience_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        code = self.process.returncode
        words = self.last_words() or (f"by signal {-code}" if code < 0 else "")
        for stream in (self.process.stdin, self.process.stdout, self._errors):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
        return words

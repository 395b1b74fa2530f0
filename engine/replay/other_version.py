"""Another version of the engine, as a child process that decides."""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Final

import orjson

from engine.errors import UserError
from engine.replay.decider import Failed, Recorded, Tree, read_frame, write_frame

MODULE: Final = "engine.replay.decider"
INTERPRETERS: Final = (".venv/bin/python", "bin/python", ".venv/Scripts/python.exe")


class OtherVersion:
    """``place`` is a checkout or environment of it, or its interpreter. Close it.

    Raises:
        UserError: there is none, or it does not start.
    """

    def __init__(self, place: Path) -> None:
        self.place: Final = place
        command = [str(_interpreter(place)), "-m", MODULE]
        # A checkout is what is to be run, whatever its interpreter has installed.
        cwd = place if (place / "engine").is_dir() else None
        environment = {name: told for name, told in os.environ.items() if name != "PYTHONPATH"}
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the child
        try:
            self._child = subprocess.Popen(  # noqa: S603 - the user names it, no shell
                command,
                cwd=cwd,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._said,
            )
        except OSError as problem:
            self._said.close()
            raise UserError(f"{command[0]}: cannot be started: {problem.strerror}") from None
        try:
            kind, body = self._frame()
            assert kind == b"H", kind
            self.shape: Final = body.decode()
        except BaseException:
            self.close()
            raise

    def decide(self, record: Recorded) -> Tree:
        tree: Tree = orjson.loads(self._ask(b"S", record.payload))
        return tree

    def image(self) -> bytes:
        return self._ask(b"G")

    def go_on_from(self, data: bytes) -> None:
        self._ask(b"L", data)

    def _ask(self, kind: bytes, body: bytes = b"") -> bytes:
        assert self._child.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # reading tells why
            write_frame(self._child.stdin, kind, body)
        answer, said = self._frame()
        if answer == b"E":
            raise Failed(said.decode(errors="replace"))
        return said

    def _frame(self) -> tuple[bytes, bytes]:
        assert self._child.stdout is not None
        try:
            return read_frame(self._child.stdout)
        except EOFError:
            self._child.wait()
            self._said.seek(0)
            lines = self._said.read().decode(errors="replace").strip().splitlines()
            why = lines[-1] if lines else f"it ended with {self._child.returncode}"
            raise UserError(
                f"{self.place}: does not decide: {why}; name a checkout in which make build has"
                " been run, of a version that has engine replay"
            ) from None

    def close(self) -> None:
        for stream in (self._child.stdin, self._child.stdout):
            with contextlib.suppress(OSError):
                if stream is not None:
                    stream.close()
        self._child.wait()
        self._said.close()


def _interpreter(place: Path) -> Path:
    if place.is_file():
        return place.absolute()
    for name in INTERPRETERS:
        if (place / name).is_file():
            return (place / name).absolute()
    raise UserError(
        f"{place}: has no Python interpreter; name a checkout with its .venv, or the interpreter"
    )

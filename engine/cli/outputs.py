"""Standard output and standard error as a command has them: what refuses is told once.

A disk that is full is one line, a reader that has enough (``| head``) ends the command in silence.
Either would be met again, as a traceback, by whatever is still kept back when the interpreter ends;
so what has refused leads nowhere from then on.
"""

from __future__ import annotations

import io
import os
import sys
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self, TextIO

from engine.errors import OutputError

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

NAMES: Final = ("stdout", "stderr")


class _Raw(io.FileIO):
    """The end of one of them; ``told``: what it refuses is raised."""

    def __init__(self, descriptor: int, told: bool) -> None:
        super().__init__(descriptor, "wb", closefd=False)
        self._told = told

    def write(self, data: ReadableBuffer, /) -> int:
        if not memoryview(data).nbytes:
            return 0  # somebody tries what kind of stream it is
        try:
            return super().write(data)
        except OSError as problem:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.fileno())
            os.close(nowhere)
            if self._told:
                why = f"standard output cannot be written: {problem.strerror}"
                raise OutputError(why, enough=isinstance(problem, BrokenPipeError)) from None
            return super().write(data)


class Outputs:
    """While it is entered, standard output raises OutputError where it refuses, and standard error
    says nothing where it cannot: there is no third place. One that is closed leads nowhere."""

    def __init__(self) -> None:
        self._before: Final = {name: getattr(sys, name) for name in NAMES}

    def __enter__(self) -> Self:
        for name, stream in self._before.items():
            if stream is None:
                setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))
            elif isinstance(_end(stream), io.FileIO):
                setattr(sys, name, _watched(stream, told=name == "stdout"))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for name, stream in self._before.items():
            with suppress(OutputError):  # it has been told, or something else is being told
                getattr(sys, name).flush()
            setattr(sys, name, stream)


def _end(stream: TextIO) -> object:
    """Where its bytes leave; what stands in for it in tests has no such end."""
    buffer = getattr(stream, "buffer", None)
    return getattr(buffer, "raw", buffer)


def _watched(stream: io.TextIOWrapper, told: bool) -> io.TextIOWrapper:
    stream.flush()
    raw = _Raw(stream.fileno(), told)
    return io.TextIOWrapper(
        raw if stream.buffer is _end(stream) else io.BufferedWriter(raw),
        encoding=stream.encoding,
        errors=stream.errors,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )

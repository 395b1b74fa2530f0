"""Reports on disk: whole or not at all."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final, TextIO

import orjson

from engine.errors import UserError

STDOUT: Final = Path("-")


def write_json(path: Path, data: Any) -> None:
    """As ``write_whole``, of ``data`` as JSON."""
    write_whole(path, orjson.dumps(data, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))


def words_beside(*outputs: Path | None) -> TextIO:
    """Where words for people go when these are written."""
    return sys.stderr if STDOUT in outputs else sys.stdout


def check_outputs(outputs: Iterable[Path | None], others: Iterable[Path | None]) -> None:
    """Raises UserError: one cannot be written, two are the same, or one is of the ``others``."""
    used = {one.resolve() for one in others if one is not None}
    there: set[Path] = set()
    for path in outputs:
        if path is None:
            continue
        check_writable(path)
        if path != STDOUT and not _plain(path):
            continue
        place = path if path == STDOUT else path.resolve()
        if place in there:
            raise UserError(f"{path}: named for two outputs; name a file for each")
        if place in used:
            raise UserError(f"{path}: is used here; name another file to write")
        there.add(place)


def check_writable(path: Path) -> None:
    """Raises UserError if ``write_whole`` could not write there."""
    if path == STDOUT:
        return
    if path.is_dir():
        raise UserError(f"{path}: is a directory; name a file")
    if _plain(path) and not os.access(path.resolve().parent, os.W_OK | os.X_OK):
        raise UserError(f"{path}: cannot be written: {path.parent} is no directory to write in")


def write_whole(path: Path, body: bytes, mode: int = 0o644) -> None:
    """Replace a file by one with these bytes in one moment, or leave it as it was; ``-`` is
    standard output. A device or a pipe is written to, and what a link leads to is replaced.

    Raises:
        UserError: the file cannot be written.
    """
    try:
        if path == STDOUT:
            sys.stdout.buffer.write(body)
            sys.stdout.flush()
            return
        if not _plain(path):
            path.write_bytes(body)
            return
        path = path.resolve()
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
        try:
            with os.fdopen(descriptor, "wb") as file:
                os.fchmod(file.fileno(), mode)
                file.write(body)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as problem:
        if path == STDOUT and isinstance(problem, BrokenPipeError):
            raise  # whoever reads it has enough
        raise UserError(f"{path}: cannot be written: {problem.strerror}") from None


def _plain(path: Path) -> bool:
    """A file, or nothing yet: not a device or a pipe."""
    return path.is_file() or not path.exists()

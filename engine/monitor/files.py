"""Reports on disk: whole or not at all."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import orjson

from engine.errors import UserError


def write_json(path: Path, data: Any) -> None:
    """Write ``data`` as JSON to ``path``, replacing it in one moment; ``-`` is standard output.

    Raises:
        UserError: the file cannot be written.
    """
    body = orjson.dumps(data, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    if str(path) == "-":
        sys.stdout.buffer.write(body)
        sys.stdout.flush()
        return
    write_whole(path, body)


def check_writable(path: Path) -> None:
    """Raises UserError if ``write_json`` could not write there."""
    if str(path) == "-":
        return
    if path.is_dir():
        raise UserError(f"{path}: is a directory; name a file")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise UserError(f"{path}: cannot be written: {path.parent} is no directory to write in")


def write_whole(path: Path, body: bytes, mode: int = 0o644) -> None:
    """Replace a file by one with these bytes, or leave it as it was.

    Raises:
        UserError: the file cannot be written.
    """
    try:
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
        raise UserError(f"{path}: cannot be written: {problem.strerror}") from None

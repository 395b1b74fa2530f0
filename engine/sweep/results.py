"""The records of finished cells: one JSON object a line, durable when it is there.

What was written before a kill stays; a line that was cut short by it is taken away. The file may
hold cells of other grids, too: a cell is known by its key.
"""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import orjson

from engine.disk import Disk, lock
from engine.errors import UserError

FILE: Final = "results.jsonl"


class Results:
    """Of one folder, which nobody else may write to meanwhile.

    Raises:
        UserError: it cannot be written, another sweep writes to it, or a line is damaged.
    """

    def __init__(self, folder: Path) -> None:
        self.path: Final = folder / FILE
        self.records: dict[str, dict[str, Any]] = {}
        self._disk = Disk()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
            self._descriptor = os.open(self.path, flags, 0o644)
        except OSError as problem:
            raise UserError(f"{self.path}: cannot be written: {problem.strerror}") from None
        try:
            self._lock()
            self._end = self._read()
            os.ftruncate(self._descriptor, self._end)
            self._disk.sync_directory(folder)
        except BaseException:
            os.close(self._descriptor)
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.close(self._descriptor)

    def add(self, key: str, made: dict[str, Any]) -> None:
        """Raises UserError: the disk refuses; what was there stays."""
        record = {"key": key, **made}
        body = orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE)
        try:
            self._disk.write_at(self._descriptor, body, self._end)
            self._disk.sync(self._descriptor)
        except OSError as problem:
            raise UserError(f"{self.path}: cannot be written: {problem.strerror}") from None
        self._end += len(body)
        self.records[key] = record

    def _lock(self) -> None:
        try:
            lock(self._descriptor)
        except BlockingIOError:
            raise UserError(
                f"{self.path}: another sweep writes to it; name another --out"
            ) from None
        except OSError as problem:
            raise UserError(f"{self.path}: cannot be locked: {problem.strerror}") from None

    def _read(self) -> int:
        """Where the last whole line ends."""
        with self.path.open("rb") as file:
            end = 0
            for number, line in enumerate(file, start=1):
                record = _record(line)
                if record is not None:
                    self._take(record)
                elif file.read(1):
                    raise UserError(
                        f"{self.path} line {number}: is damaged; take it out, and its cell is "
                        "played again"
                    )
                else:
                    break
                end += len(line)
        return end

    def _take(self, record: dict[str, Any]) -> None:
        """A cell whose process was killed is tried again with the next start."""
        if record.get("lost"):
            self.records.pop(record["key"], None)
        else:
            self.records[record["key"]] = record


def _record(line: bytes) -> dict[str, Any] | None:
    if not line.endswith(b"\n"):
        return None
    try:
        found = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    whole = isinstance(found, dict) and isinstance(found.get("key"), str)
    return found if whole and ("figures" in found or "failed" in found) else None

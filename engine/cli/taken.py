"""How often each row of the charts was taken: by a journal, or as somebody has counted it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import orjson

from engine.cli.progress import bar, counted
from engine.errors import UserError
from engine.journal_chain import JournalReader
from engine.retrace import Retrace
from engine.verify import rows
from engine.verify.rows import Counts

SQLITE = b"SQLite format 3\0"


def taken(paths: Iterable[Path]) -> Counts:
    """Of all of them together: journals, what ``pytest --rows`` writes, and the reports of
    ``engine verify --rows`` and ``engine simulate``.

    Raises:
        UserError: one cannot be read, or is neither.
    """
    counts: Counts = {}
    for path in paths:
        rows.add(counts, of_journal(path) if _is_journal(path) else of_report(path))
    return counts


def _is_journal(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(SQLITE)) == SQLITE
    except OSError as problem:
        raise UserError(f"{path}: cannot be read: {problem.strerror}") from None


def of_journal(path: Path) -> Counts:
    """Its records are decided once more, as they were. Raises JournalError."""
    with JournalReader(path) as reader, bar("reading") as show:
        retrace = Retrace.of(reader)
        counting = rows.Counting()
        try:
            for record in counted(reader.records(retrace.seq), reader.count - retrace.seq, show):
                retrace.step(record)
        finally:
            found = counting.end()
    return found


def of_report(path: Path) -> Counts:
    """Raises UserError: it is no such file."""
    try:
        data = orjson.loads(path.read_bytes())
    except (OSError, orjson.JSONDecodeError) as problem:
        raise UserError(f"{path}: cannot be read: {problem}") from None
    whole = isinstance(data, dict) and isinstance(data.get("rows"), dict)
    return rows.read(data["rows"] if whole else data, str(path))

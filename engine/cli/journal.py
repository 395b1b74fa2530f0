"""``engine journal check | show | export``: a journal for people and other programs.

All three only look, also while an engine writes it.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

import attrs

from engine.cli.progress import bar, counted
from engine.errors import JournalError, UserError
from engine.image import ImageError, from_image, shape
from engine.journal_chain import JournalReader, Record
from engine.journal_files import Head, read_head
from engine.journal_store import archives
from engine.monitor.journal_lines import Line, lines_of
from engine.snapshots import read_snapshot, snapshot_paths

STDOUT: Final = Path("-")


@attrs.frozen(kw_only=True)
class Wanted:
    """What ``show`` lets through; empty: everything."""

    symbols: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()  # names of inputs and commands
    last: int | None = None  # so many lines
    after: int = 0  # records behind this one


# -- check -------------------------------------------------------------------------------------


def check(place: Path) -> int:
    """Prove everything that is there and say what it is; the exit code.

    Raises:
        UserError: there is nothing.
    """
    if not place.is_file():
        raise UserError(f"{place}: there is no journal")
    code = 0
    for ok, told in _checked(place):
        sys.stdout.write(("" if ok else "DAMAGED: ") + told + "\n")
        sys.stdout.flush()
        code = code if ok else 1
    return code


def _checked(place: Path) -> Iterator[tuple[bool, str]]:
    head = _head(place)  # before the records: an engine that writes adds to both
    try:
        with JournalReader(place) as reader:
            yield _chain(reader, place)
            yield _ends(reader, head)
            for path in snapshot_paths(place):
                yield _snapshot(reader, path)
    except JournalError as problem:
        yield False, str(problem)


def _chain(reader: JournalReader, place: Path) -> tuple[bool, str]:
    first = reader.first
    total = reader.count - first + 1
    files = 1 + sum(first <= one.first <= reader.count for one in archives(place))
    try:
        with bar("checking") as show:
            for _ in counted(reader.records(first - 1), total, show):
                pass
        reader.check_structure()
    except JournalError as problem:
        return False, str(problem)
    before = " (those before are archived elsewhere, and not needed to start)" if first > 1 else ""
    files_told = f" in {files} files" if files > 1 else ""
    if not total:
        return True, "no records"
    return True, f"records {first} to {reader.count}{files_told}: the chain holds{before}"


def _head(place: Path) -> Head | str | None:
    try:
        return read_head(place)
    except JournalError as problem:
        return str(problem)


def _ends(reader: JournalReader, head: Head | str | None) -> tuple[bool, str]:
    if head is None or isinstance(head, str):
        return head is None, head or "the head is missing: that the end is there is not proven"
    try:
        reader.check_end(head)
    except JournalError as problem:
        return False, str(problem)
    return True, f"the last commit, record {head.count}, is there"


def _snapshot(reader: JournalReader, path: Path) -> tuple[bool, str]:
    try:
        found = read_snapshot(path)
        if found.shape != shape():
            return True, f"{path.name}: of another version of the engine ({found.engine}), unused"
        if found.count > reader.count or reader.hash_at(found.count) not in (found.hash, None):
            return False, f"{path}: belongs to another journal"
        from_image(found.image)
    except (JournalError, ImageError) as problem:
        return False, str(problem) if isinstance(problem, JournalError) else f"{path}: {problem}"
    return True, f"{path.name}: whole, a start replays {reader.count - found.count} records"


# -- show --------------------------------------------------------------------------------------


def show(place: Path, wanted: Wanted) -> int:
    """Print what was recorded, a line for each input and command; the exit code."""
    with JournalReader(place) as reader, bar("reading") as progress:
        last = wanted.last
        plain = not wanted.symbols and not wanted.kinds
        after = max(wanted.after, reader.first - 1)
        if plain and last is not None:  # a record has a line or more: no need to read them all
            after = max(after, reader.count - last)
        records = counted(reader.records(after), reader.count - after, progress)
        lines: Iterator[Line] | deque[Line] = _lines(records, wanted)
        if last is not None:
            lines = deque(lines, maxlen=last)
        for line in lines:
            sys.stdout.write(line.text + "\n")
        sys.stdout.flush()
    return 0


def _lines(records: Iterator[Record], wanted: Wanted) -> Iterator[Line]:
    symbols = frozenset(wanted.symbols)
    kinds = frozenset(kind.lower() for kind in wanted.kinds)
    placed: dict[int, str] = {}  # whose order it is: most of what is told names only its number
    for record in records:
        for line in lines_of(record, placed):
            if symbols and line.symbol not in symbols:
                continue
            if not kinds or line.kind.lower() in kinds:
                yield line


# -- export ------------------------------------------------------------------------------------


def export(place: Path, target: Path, after: int) -> int:
    """Write one JSON object a record; the exit code.

    Raises:
        UserError: the target exists, or cannot be written.
    """
    with JournalReader(place) as reader, _output(target) as out, bar("writing") as progress:
        after = max(after, reader.first - 1)
        rows = counted(reader.rows(after), reader.count - after, progress)
        for _, (seq, digest, payload) in rows:
            out.write(b'{"seq":%d,"hash":"%s",%s\n' % (seq, digest.hex().encode(), payload[1:]))
    return 0


@contextlib.contextmanager
def _output(target: Path) -> Iterator[BinaryIO]:
    if target == STDOUT:
        yield sys.stdout.buffer
        sys.stdout.flush()
        return
    try:
        # Accounts and orders are in it.
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as out:
            yield out
    except FileExistsError:
        raise UserError(f"{target}: is there already; name a new file") from None
    except OSError as problem:
        raise UserError(f"{target}: cannot be written: {problem.strerror}") from None

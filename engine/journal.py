"""The journal: every step of the core, in order, durable before what it allows leaves.

One record is one step: the inputs that were given at ``now_ns`` and the commands that came out.
Records are chained, each hash covering the one before and the payload, so that replay proves it
reads what was written. The store is SQLite in WAL mode: a torn tail is its business.

The head file (``<journal>-head``) holds the count and the hash that the last commit made
durable. SQLite ends its log at the first damaged frame without a word, and a log file that
somebody "tidied away" after a crash is not missed either: both look like a shorter, intact
journal. Trading on from there would use order ids again and repeat signals, so a journal behind
its head is refused.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self
from urllib.parse import quote

import attrs

from engine.codec import step_from_json, step_to_json
from engine.commands import Command
from engine.errors import JournalError
from engine.inputs import Input
from engine.journal_files import Durability, JournalFiles, boot_id

FORMAT: Final = "statechart order engine journal"
VERSION: Final = 1
MEMORY: Final = ":memory:"

# The first record is chained to this instead of to a record.
GENESIS: Final = hashlib.sha256(f"{FORMAT} {VERSION}".encode()).digest()
BATCH_ROWS: Final = 1024  # rows fetched at once when reading
# A checkpoint costs two more disk waits in the middle of some commit; every 16 MB is seldom
# enough for the tail of latencies and often enough to keep recovery after a crash short.
CHECKPOINT_PAGES: Final = 4096
LOCK_WAIT_S: Final = 1.0  # for a stranger's tool that holds SQLite's lock; readers never do

# The latter: SQLite quotes the damaged bytes in its own message, as if they were text.
_UNREADABLE: Final = (sqlite3.Error, UnicodeDecodeError)
_SCHEMA: Final = (
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL)",
    "CREATE TABLE record (seq INTEGER PRIMARY KEY, hash BLOB NOT NULL, payload BLOB NOT NULL)",
)
_META: Final = ("format", FORMAT, "version", str(VERSION))


class JournalFailed(JournalError):  # noqa: N818  a state of the journal rather than a kind of error
    """The disk refused. Nothing can be made durable any more, so nothing may be sent."""


@attrs.frozen
class Record:
    """One step of the core. ``seq`` counts from 1 without gaps."""

    seq: int
    now_ns: int
    inputs: tuple[Input, ...]
    commands: tuple[Command, ...]
    hash: bytes


class Journal:
    """An append-only file of steps with exactly one writer.

    Use from one thread at a time; opening in one and writing in another is fine.
    """

    def __init__(
        self,
        path: str,
        connection: sqlite3.Connection,
        files: JournalFiles | None,
        durability: Durability = "full",
    ) -> None:
        self.path: Final = path
        self._connection = connection
        self._files = files
        self._durability: Durability = durability
        self._failure: str | None = None
        self._closed = False
        self.count, self.head_hash = self._last()
        self.pending = False

    @classmethod
    def open(cls, path: str | Path, durability: Durability = "full") -> Journal:
        """Open or create the journal at ``path``, and lock it for this process.

        "full" survives a power cut, "normal" a killed process. ``":memory:"`` keeps nothing.

        Raises:
            JournalError: in use, a symbolic link, not a journal, of another version, behind its
                head, or not accessible; one line with the mend.
        """
        assert durability in ("full", "normal"), durability
        if str(path) == MEMORY:
            return cls.memory()
        place = Path(path)
        files = JournalFiles(place)
        try:
            connection = _connect(place, files, durability)
            try:
                journal = cls(str(place), connection, files, durability)
                journal._check_head()
            except BaseException:
                connection.close()
                raise
        except BaseException as problem:
            files.close()
            if isinstance(problem, (*_UNREADABLE, OSError)):
                raise JournalError(
                    f"{place}: not a journal, or damaged ({problem}); name another file"
                ) from None
            raise
        return journal

    @classmethod
    def memory(cls) -> Self:
        """A journal that lives and dies with the process, for simulations."""
        connection = sqlite3.connect(MEMORY, isolation_level=None, check_same_thread=False)
        _initialise(connection)
        return cls(MEMORY, connection, None)

    # -- writing -------------------------------------------------------------------------------

    def append(self, now_ns: int, inputs: Sequence[Input], commands: Sequence[Command]) -> int:
        """Add one step and return its sequence number; it is durable after the next commit.

        Raises:
            JournalFailed: the disk refused, now or earlier.
            AssertionError: a record holds a value that does not fit its field.
        """
        self._check_usable()
        return self._insert(step_to_json(now_ns, inputs, commands))

    def _insert(self, payload: bytes) -> int:
        head = hashlib.sha256(self.head_hash + payload).digest()
        seq = self.count + 1
        try:
            if not self.pending:
                self._connection.execute("BEGIN IMMEDIATE")
                self.pending = True
            self._connection.execute("INSERT INTO record VALUES (?, ?, ?)", (seq, head, payload))
        except sqlite3.Error as problem:
            raise self._failed(problem) from problem
        self.count, self.head_hash = seq, head
        return seq

    def commit(self) -> None:
        """Make everything appended durable before returning.

        Raises:
            JournalFailed: the disk refused; whether the last records survive is not known.
        """
        self._check_usable()
        if not self.pending:
            return
        try:
            self._connection.execute("COMMIT")
            if self._files is not None:
                self._files.write_head(self.count, self.head_hash, self._durability)
        except (sqlite3.Error, OSError) as problem:
            raise self._failed(problem) from problem
        self.pending = False

    def checkpoint(self) -> None:
        """Move the log into the main file, for a quiet moment: commits then seldom have to.

        Raises:
            JournalFailed: the disk refused.
        """
        self._check_usable()
        assert not self.pending, "commit first"
        try:
            self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        except sqlite3.Error as problem:
            raise self._failed(problem) from problem

    def close(self) -> None:
        """Commit what is pending and give the journal back. Idempotent.

        Raises:
            JournalFailed: what was pending could not be made durable; closed all the same.
        """
        if self._closed:
            return
        try:
            if self._failure is None:
                self.commit()
                if self._files is not None:
                    self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
                    self._files.sync_head()
        except (sqlite3.Error, OSError) as problem:
            raise self._failed(problem) from problem
        finally:
            self._closed = True
            self._connection.close()
            if self._files is not None:
                self._files.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    # -- reading -------------------------------------------------------------------------------

    def records(self) -> Iterator[Record]:
        """All steps in order, each proven against the chain before it is given out.

        Raises:
            JournalError: names the record at which the chain breaks or that cannot be read.
        """
        for seq, digest, payload in self._rows():
            try:
                now_ns, inputs, commands = step_from_json(payload)
            except JournalError as problem:
                raise JournalError(f"{self.path}: record {seq}: {problem}") from None
            yield Record(seq, now_ns, inputs, commands, digest)

    def verify(self) -> int:
        """Prove the chain and the file's structure; returns the number of records.

        Raises:
            JournalError: names the record at which the chain breaks.
        """
        count = 0
        for _ in self._rows():
            count += 1
        try:
            (found,) = self._connection.execute("PRAGMA quick_check(1)").fetchone()
        except _UNREADABLE as problem:
            raise self._unreadable(count, problem) from None
        if found != "ok":
            raise JournalError(f"{self.path}: the file is damaged ({found}); restore a copy")
        return count

    def _rows(self) -> Iterator[tuple[int, bytes, bytes]]:
        """(seq, hash, payload) of each record, after proving it."""
        done, chain = 0, GENESIS
        while done < self.count:
            try:
                rows = self._connection.execute(
                    "SELECT seq, hash, payload FROM record WHERE seq > ? ORDER BY seq LIMIT ?",
                    (done, BATCH_ROWS),
                ).fetchall()
            except _UNREADABLE as problem:
                raise self._unreadable(done, problem) from None
            for seq, digest, payload in rows:
                if seq != done + 1:
                    break
                if type(payload) is not bytes:
                    raise self._broken(seq)
                chain = hashlib.sha256(chain + payload).digest()
                if chain != digest:
                    raise self._broken(seq)
                yield seq, digest, payload
                done = seq
            if not rows or rows[-1][0] != done:
                raise JournalError(f"{self.path}: record {done + 1} is missing; restore a copy")
        if chain != self.head_hash:
            raise self._broken(self.count)

    def _last(self) -> tuple[int, bytes]:
        row = self._connection.execute(
            "SELECT seq, hash FROM record ORDER BY seq DESC LIMIT 1"
        ).fetchone()
        if row is None:
            return 0, GENESIS
        seq, digest = row
        if type(digest) is not bytes or type(seq) is not int or seq < 1:
            raise self._broken(seq)
        return seq, digest

    def _check_head(self) -> None:
        """Refuse a journal that has lost records which a commit had made durable."""
        assert self._files is not None
        head = self._files.read_head()
        if head is not None and not self._contains(head.count, head.hash):
            # "normal" does not promise to survive a power cut, and there may have been one
            # unless the machine is still up as it was.
            cut = head.durability == "normal" and head.boot_id != boot_id()
            if head.count <= self.count or not cut:
                raise JournalError(
                    f"{self.path}: {head.count} records were durable, {self.count} are here, and "
                    f"they do not fit: restore the file with its -wal, or remove "
                    f"{self._files.head_path.name} to go on with what is left"
                )
        self._files.write_head(self.count, self.head_hash, self._durability)
        self._files.sync_head()

    def _contains(self, count: int, digest: bytes) -> bool:
        if count == 0:
            return digest == GENESIS
        row = self._connection.execute("SELECT hash FROM record WHERE seq = ?", (count,)).fetchone()
        return row is not None and row[0] == digest

    # -- failing -------------------------------------------------------------------------------

    def _check_usable(self) -> None:
        assert not self._closed, "the journal is closed"
        if self._failure is not None:
            raise JournalFailed(self._failure)

    def _failed(self, problem: BaseException) -> JournalFailed:
        self._failure = f"{self.path}: cannot be written ({problem}); mend the disk and start again"
        return JournalFailed(self._failure)

    def _broken(self, seq: int) -> JournalError:
        return JournalError(
            f"{self.path}: the chain breaks at record {seq}: it was changed; restore a copy"
        )

    def _unreadable(self, done: int, problem: BaseException) -> JournalError:
        return JournalError(
            f"{self.path}: cannot be read after record {done} ({problem}); restore a copy"
        )


def _connect(place: Path, files: JournalFiles, durability: Durability) -> sqlite3.Connection:
    """Nothing is written before the file has been recognised as a journal, or as empty."""
    uri = f"file:{quote(str(place.absolute()))}?mode=rw"
    connection = sqlite3.connect(
        uri, timeout=LOCK_WAIT_S, uri=True, isolation_level=None, check_same_thread=False
    )
    try:
        files.check_same_file()
        connection.execute("PRAGMA cell_size_check=ON")
        connection.execute("PRAGMA trusted_schema=OFF")
        if _tables(connection):
            _check_version(connection, place)
        files.adopt()
        (mode,) = connection.execute("PRAGMA journal_mode=WAL").fetchone()
        if mode != "wal":
            raise JournalError(f"{place}: this file system keeps no write-ahead log; use another")
        connection.execute(f"PRAGMA synchronous={durability.upper()}")
        connection.execute(f"PRAGMA wal_autocheckpoint={CHECKPOINT_PAGES}")
        if not _tables(connection):
            _initialise(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _tables(connection: sqlite3.Connection) -> set[str]:
    return {name for (name,) in connection.execute("SELECT name FROM sqlite_schema")}


def _initialise(connection: sqlite3.Connection) -> None:
    connection.execute("BEGIN IMMEDIATE")
    for statement in _SCHEMA:
        connection.execute(statement)
    connection.execute("INSERT INTO meta VALUES (?, ?), (?, ?)", _META)
    connection.execute("COMMIT")


def _check_version(connection: sqlite3.Connection, place: Path) -> None:
    try:
        meta = dict(connection.execute("SELECT key, value FROM meta"))
    except (sqlite3.OperationalError, ValueError):
        meta = {}
    if meta.get("format") != FORMAT:
        raise JournalError(f"{place}: a database, but not a journal; name another file")
    if meta.get("version") != str(VERSION):
        raise JournalError(
            f"{place}: written in version {meta.get('version')} of the journal, this engine reads "
            f"{VERSION}; use the engine that wrote it, or start a new journal"
        )
    if "record" not in _tables(connection):
        raise JournalError(f"{place}: the journal has no records table; restore a copy")

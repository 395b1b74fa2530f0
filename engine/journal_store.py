"""One SQLite file of the journal: its form, and its records, proven as they are read.

A journal that has grown goes on in a new file and keeps the old ones beside it as archives
(``<journal>.<first>-<last>``). Each file says after which record it begins and with which hash,
so the chain goes on through all of them.
"""

from __future__ import annotations

import hashlib
import os
import re
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Self
from urllib.parse import quote

import attrs

from engine.disk import Disk, open_private
from engine.errors import JournalError
from engine.journal_files import Durability, JournalFiles

FORMAT: Final = "statechart order engine journal"
VERSION: Final = 3
MEMORY: Final = ":memory:"

BATCH_ROWS: Final = 1024  # rows fetched at once when reading
# A checkpoint costs two more disk waits in the middle of some commit; every 16 MB is seldom
# enough for the tail of latencies and often enough to keep recovery after a crash short.
CHECKPOINT_PAGES: Final = 4096
LOG_BYTES: Final = 4 << 20  # that many are there before the first commit of a session
LOCK_WAIT_S: Final = 1.0  # for a stranger's tool that holds SQLite's lock; readers never do
DIGITS: Final = 12  # of record numbers in names of files, so that names sort as they count

# The latter: SQLite quotes the damaged bytes in its own message, as if they were text.
UNREADABLE: Final = (sqlite3.Error, UnicodeDecodeError)
_SCHEMA: Final = (
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL)",
    "CREATE TABLE record (seq INTEGER PRIMARY KEY, hash BLOB NOT NULL, payload BLOB NOT NULL)",
)

_INSERT: Final = "INSERT INTO record VALUES (?, ?, ?)"

Row = tuple[int, bytes, bytes]  # number, hash, payload


# The first record of all is chained to this instead of to a record.
GENESIS: Final = hashlib.sha256(f"{FORMAT} {VERSION}".encode()).digest()


def chained(before: bytes, payload: bytes) -> bytes:
    """The hash of a record: of everything up to it."""
    return hashlib.sha256(before + payload).digest()


@attrs.frozen
class Base:
    """The record after which a file begins."""

    count: int = 0
    hash: bytes = GENESIS


class Store:
    """One file; use it from one thread at a time."""

    def __init__(self, place: str, connection: sqlite3.Connection) -> None:
        self.place: Final = place
        self._connection = connection
        self.base: Final = self._read_base()

    @classmethod
    def memory(cls, base: Base = Base()) -> Store:
        connection = sqlite3.connect(MEMORY, isolation_level=None, check_same_thread=False)
        _initialise(connection, base)
        return cls(MEMORY, connection)

    @classmethod
    def open(cls, place: Path, files: JournalFiles, durability: Durability) -> Store:
        """Open for writing. Nothing is written before the file has been recognised as a
        journal, or as empty.

        Raises:
            JournalError: it is something else, or of another version.
            sqlite3.Error, UnicodeDecodeError, OSError: it cannot be read.
        """
        connection = _connect(place, f"mode=rw{_layer(files.disk)}")
        try:
            files.check_same_file()
            if _tables(connection):
                _check_version(connection, place)
            files.adopt()
            _set_up(connection, place, durability)
            if not _tables(connection):
                _initialise(connection, Base())
            return cls(str(place), connection)
        except BaseException:
            connection.close()
            raise

    @classmethod
    def begin(cls, place: Path, base: Base, disk: Disk) -> None:
        """Write an empty file that goes on after ``base``. Raises sqlite3.Error."""
        connection = _connect(place, f"mode=rwc{_layer(disk)}")
        try:
            _set_up(connection, place, "full")
            _initialise(connection, base)
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        finally:
            connection.close()

    @classmethod
    def read_only(cls, place: Path) -> Store:
        """Open for reading, also while an engine writes it.

        Raises:
            JournalError: it is no journal, of another version, or cannot be read.
        """
        if not place.is_file():
            raise JournalError(f"{place}: there is no journal")
        # Without a log nobody has it open, and SQLite then must not want to make one.
        still = not place.with_name(place.name + "-wal").exists()
        with readable(place):
            connection = _connect(place, "immutable=1" if still else "mode=ro")
            try:
                _check_version(connection, place)
                return cls(str(place), connection)
            except BaseException:
                connection.close()
                raise

    # -- writing -------------------------------------------------------------------------------

    def write(self, rows: Sequence[Row]) -> None:
        """All of them or none, as durable as the file was opened. Raises sqlite3.Error."""
        if len(rows) == 1:  # as nearly always: a transaction by itself
            self._connection.execute(_INSERT, rows[0])
            return
        self._connection.execute("BEGIN IMMEDIATE")
        self._connection.executemany(_INSERT, rows)
        self._connection.execute("COMMIT")

    def lengthen_log(self, disk: Disk) -> None:
        """Write zeros, which SQLite takes for the end of its log. Raises OSError."""
        descriptor = open_private(Path(f"{self.place}-wal"))
        try:
            size = os.fstat(descriptor).st_size
            if size < LOG_BYTES:
                disk.write_at(descriptor, bytes(LOG_BYTES - size), size)
                disk.sync(descriptor)
        finally:
            os.close(descriptor)

    def checkpoint(self, whole: bool = False) -> bool:
        """Move the log into the file; whether all of it was moved. ``whole`` also waits for
        readers. Raises sqlite3.Error."""
        how = "TRUNCATE" if whole else "PASSIVE"
        busy, log, moved = self._connection.execute(f"PRAGMA wal_checkpoint({how})").fetchone()
        return not busy and log == moved

    def close(self) -> None:
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- reading -------------------------------------------------------------------------------

    def last(self) -> tuple[int, bytes]:
        """Number and hash of the last record.

        Raises:
            JournalError: they are no number and no hash.
        """
        row = self._connection.execute(
            "SELECT seq, hash FROM record ORDER BY seq DESC LIMIT 1"
        ).fetchone()
        if row is None:
            return self.base.count, self.base.hash
        seq, digest = row
        if type(digest) is not bytes or type(seq) is not int or seq <= self.base.count:
            raise self._broken(seq)
        return seq, digest

    def hash_at(self, seq: int) -> bytes | None:
        """What a record's hash is said to be; None if it is not here.

        Raises:
            JournalError: it cannot be read.
        """
        if seq == self.base.count:
            return self.base.hash
        try:
            row = self._connection.execute(
                "SELECT hash FROM record WHERE seq = ?", (seq,)
            ).fetchone()
        except UNREADABLE as problem:
            raise self._unreadable(seq - 1, problem) from None
        return row[0] if row is not None and type(row[0]) is bytes else None

    def rows(self, after: int, chain: bytes, upto: int) -> Iterator[Row]:
        """The records behind ``after``, whose hash is ``chain``, to ``upto``, each proven before
        it is given out.

        Raises:
            JournalError: names the record at which the chain breaks or that cannot be read.
        """
        done = after
        while done < upto:
            try:
                found = self._connection.execute(
                    "SELECT seq, hash, payload FROM record WHERE seq > ? ORDER BY seq LIMIT ?",
                    (done, min(BATCH_ROWS, upto - done)),
                ).fetchall()
            except UNREADABLE as problem:
                raise self._unreadable(done, problem) from None
            for seq, digest, payload in found:
                if seq != done + 1:
                    break
                if type(payload) is not bytes:
                    raise self._broken(seq)
                chain = chained(chain, payload)
                if chain != digest:
                    raise self._broken(seq)
                yield seq, digest, payload
                done = seq
            if not found or found[-1][0] != done:
                raise JournalError(f"{self.place}: record {done + 1} is missing; restore a copy")

    def check_structure(self, done: int) -> None:
        """SQLite's own check of the file; ``done`` records were read without complaint.

        Raises:
            JournalError: says what SQLite found.
        """
        try:
            (found,) = self._connection.execute("PRAGMA quick_check(1)").fetchone()
        except UNREADABLE as problem:
            raise self._unreadable(done, problem) from None
        if found != "ok":
            raise JournalError(f"{self.place}: the file is damaged ({found}); restore a copy")

    def _read_base(self) -> Base:
        meta = _meta(self._connection)
        try:
            base = Base(int(meta["base_count"]), bytes.fromhex(meta["base_hash"]))
        except (KeyError, ValueError):
            raise JournalError(
                f"{self.place}: does not say where it begins; restore a copy"
            ) from None
        return base

    def _broken(self, seq: int) -> JournalError:
        return JournalError(
            f"{self.place}: the chain breaks at record {seq}: it was changed; restore a copy"
        )

    def _unreadable(self, done: int, problem: BaseException) -> JournalError:
        return JournalError(
            f"{self.place}: cannot be read after record {done} ({problem}); restore a copy"
        )


@contextmanager
def readable(place: Path) -> Iterator[None]:
    """Raises JournalError: SQLite cannot read the file."""
    try:
        yield
    except UNREADABLE as problem:
        raise JournalError(f"{place}: not a journal, or damaged ({problem})") from None


# -- archives ----------------------------------------------------------------------------------


@attrs.frozen
class Archive:
    """An old file of a journal, with the records that its name promises."""

    path: Path
    first: int
    last: int


def archives(place: Path) -> list[Archive]:
    """Those beside a journal, oldest first."""
    form = re.compile(re.escape(place.name) + r"\.(\d{12})-(\d{12})")
    found = [
        Archive(path, int(match[1]), int(match[2]))
        for path in place.parent.glob("*")
        if (match := form.fullmatch(path.name)) is not None
    ]
    return sorted(found, key=lambda one: one.first)


def archive_path(place: Path, first: int, last: int) -> Path:
    return place.with_name(f"{place.name}.{first:0{DIGITS}}-{last:0{DIGITS}}")


# -- the form of a file ------------------------------------------------------------------------


def _layer(disk: Disk) -> str:
    return f"&vfs={disk.vfs}" if disk.vfs else ""


def _connect(place: Path, how: str) -> sqlite3.Connection:
    return sqlite3.connect(
        f"file:{quote(str(place.absolute()))}?{how}",
        timeout=LOCK_WAIT_S,
        uri=True,
        isolation_level=None,
        check_same_thread=False,
    )


def _set_up(connection: sqlite3.Connection, place: Path, durability: Durability) -> None:
    connection.execute("PRAGMA cell_size_check=ON")
    connection.execute("PRAGMA trusted_schema=OFF")
    (mode,) = connection.execute("PRAGMA journal_mode=WAL").fetchone()
    if mode != "wal":
        raise JournalError(f"{place}: this file system keeps no write-ahead log; use another")
    connection.execute(f"PRAGMA synchronous={durability.upper()}")
    connection.execute(f"PRAGMA wal_autocheckpoint={CHECKPOINT_PAGES}")


def _tables(connection: sqlite3.Connection) -> set[str]:
    return {name for (name,) in connection.execute("SELECT name FROM sqlite_schema")}


def _meta(connection: sqlite3.Connection) -> dict[str, str]:
    return dict(connection.execute("SELECT key, value FROM meta"))


def _initialise(connection: sqlite3.Connection, base: Base) -> None:
    connection.execute("BEGIN IMMEDIATE")
    for statement in _SCHEMA:
        connection.execute(statement)
    _put(connection, format=FORMAT, version=str(VERSION), **_based(base))
    connection.execute("COMMIT")


def _based(base: Base) -> dict[str, str]:
    return {"base_count": str(base.count), "base_hash": base.hash.hex()}


def _put(connection: sqlite3.Connection, **meta: str) -> None:
    connection.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", list(meta.items()))


def _check_version(connection: sqlite3.Connection, place: Path) -> None:
    try:
        meta = _meta(connection)
    except sqlite3.OperationalError as problem:
        if problem.sqlite_errorcode != sqlite3.SQLITE_ERROR:
            raise  # the disk's fault, and it may pass; else there is no such table
        meta = {}
    except ValueError:
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

"""The journal: every step of the core, in order, durable before what it allows leaves.

One record is one step: the inputs that were given at ``now_ns`` and the commands that came out.
Records are chained, each hash covering the one before and the payload, so that replay proves it
reads what was written. The store is SQLite in WAL mode: a torn tail is its business.

The head file (``<journal>-head``) holds the count and the hash that the last commit made
durable. SQLite ends its log at the first damaged frame without a word, and a log file that
somebody "tidied away" after a crash is not missed either: both look like a shorter, intact
journal. Trading on from there would use order ids again and repeat signals, so a journal behind
its head is refused.

When the disk refuses, what could not be written is kept, and so is what comes after it;
``recover`` writes all of it once the disk is back. Until then nothing is durable.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from engine.codec import step_to_json
from engine.commands import Command
from engine.disk import Disk
from engine.errors import JournalError
from engine.inputs import Input
from engine.journal_chain import Record, chain_of, hash_in, read_records
from engine.journal_files import Durability, JournalFiles, boot_id, inaccessible
from engine.journal_store import (
    MEMORY,
    UNREADABLE,
    Base,
    Row,
    Store,
    archive_path,
    archives,
    chained,
)
from engine.snapshots import StateSnapshot

UNWRITTEN_BYTES_MAX: Final = 256 * 1024 * 1024  # kept while the disk refuses


class JournalFailed(JournalError):  # noqa: N818  a state of the journal rather than a kind of error
    """The disk refused. Nothing can be made durable any more, so nothing may be sent."""


class Journal:
    """An append-only chain of steps with exactly one writer.

    Use from one thread at a time; opening in one and writing in another is fine.
    """

    def __init__(
        self,
        path: str,
        store: Store,
        files: JournalFiles | None,
        durability: Durability = "full",
    ) -> None:
        self.path: Final = path
        self.disk: Final = files.disk if files is not None else Disk()
        self._store = store
        self._files = files
        self._durability: Durability = durability
        self._unwritten: list[Row] = []
        self._unwritten_bytes = 0
        self._closed = False
        self.failure: str | None = None
        self.kept: StateSnapshot | None = None  # of a journal in memory, which has no files
        self.count, self.head_hash = self._durable = store.last()

    @classmethod
    def open(
        cls, path: str | Path, durability: Durability = "full", disk: Disk | None = None
    ) -> Journal:
        """Open or create the journal at ``path``, and lock it for this process.

        "full" survives a power cut, "normal" a killed process. ``":memory:"`` keeps nothing.

        Raises:
            JournalError: in use, a symbolic link, not a journal, of another version, behind its
                head, or not accessible; one line with the mend.
        """
        assert durability in ("full", "normal"), durability
        if str(path) == MEMORY:
            return cls.memory()
        place = Path(path).absolute()  # whoever opened it may go to another folder
        files = JournalFiles(place, disk or Disk())
        try:
            _forget_half_archived(place)
            store = Store.open(place, files, durability)
            try:
                journal = cls(str(place), store, files, durability)
                journal._check_head()
            except BaseException:
                store.close()
                raise
        except BaseException as problem:
            files.close()
            if isinstance(problem, OSError):
                raise inaccessible(place, problem) from None
            if isinstance(problem, UNREADABLE):
                raise JournalError(
                    f"{place}: not a journal, or damaged ({problem}); name another file"
                ) from None
            raise
        return journal

    @classmethod
    def memory(cls) -> Self:
        """A journal that lives and dies with the process, for simulations."""
        return cls(MEMORY, Store.memory(), None)

    @property
    def begins_after(self) -> int:
        """The last record that is in an archive instead of here."""
        return self._store.base.count

    @property
    def on_disk(self) -> bool:
        return self._files is not None

    @property
    def pending(self) -> bool:
        """Whether something was appended that is not durable."""
        return bool(self._unwritten)

    # -- writing -------------------------------------------------------------------------------

    def append(self, now_ns: int, inputs: Sequence[Input], commands: Sequence[Command]) -> int:
        """Add one step and return its sequence number; it is durable after the next commit.

        Raises:
            JournalFailed: the disk has refused for so long that no more can be kept.
            AssertionError: a record holds a value that does not fit its field.
        """
        assert not self._closed, "the journal is closed"
        return self._add(step_to_json(now_ns, inputs, commands))

    def _add(self, payload: bytes) -> int:
        if self._unwritten_bytes > UNWRITTEN_BYTES_MAX:
            raise JournalFailed(f"{self.failure}; {len(self._unwritten)} records wait for it")
        self.count, self.head_hash = self.count + 1, chained(self.head_hash, payload)
        self._unwritten.append((self.count, self.head_hash, payload))
        self._unwritten_bytes += len(payload)
        return self.count

    def commit(self) -> None:
        """Make everything appended durable before returning.

        Raises:
            JournalFailed: the disk refuses, now or since earlier; what was appended is kept.
        """
        assert not self._closed, "the journal is closed"
        if self.failure is not None:
            raise JournalFailed(self.failure)
        if not self._unwritten:
            return
        try:
            self._store.write(self._unwritten)
            self._written()
        except (sqlite3.Error, OSError) as problem:
            raise self._failed(problem) from problem

    def _written(self) -> None:
        if self._files is not None:
            self._files.write_head(self.count, self.head_hash, self._durability)
        self._durable = self.count, self.head_hash
        self._unwritten.clear()
        self._unwritten_bytes = 0

    def recover(self) -> None:
        """Try again after a failure: prove what the disk has, and write what it lacks.

        A commit that failed may have reached the disk in part of its files, and after a failed
        sync the system forgets that it still has something to write. So the file is opened anew
        and its log is moved into it, which writes it again.

        Raises:
            JournalFailed: the disk still refuses.
            JournalError: it is back, but with other records than those that were written.
        """
        assert self.failure is not None, "nothing has failed"
        assert self._files is not None, "memory does not fail"
        with contextlib.suppress(sqlite3.Error):
            self._store.close()
        self.check_place()
        try:
            self._store = Store.open(Path(self.path), self._files, self._durability)
            if not self._store.checkpoint(whole=True):
                raise sqlite3.OperationalError("somebody reads it and holds its log")
            self._drop_written(*self._store.last())
            if self._unwritten:
                self._store.write(self._unwritten)
            self._written()
            self._files.sync_head()
        except (sqlite3.Error, OSError) as problem:
            raise self._failed(problem) from problem
        self.failure = None

    def check_place(self) -> None:
        """What is written to a file that has lost its name is nowhere to be found at a start.

        Raises:
            JournalFailed: it was moved or removed, or the disk does not say.
        """
        try:
            if self._files is not None and not self._files.in_place:
                raise OSError("it was moved or removed: put it back")
        except OSError as problem:
            raise self._failed(problem) from problem

    def _drop_written(self, count: int, digest: bytes) -> None:
        """Of what is kept, the part that the failed commit did write."""
        known = {self._durable[0]: self._durable[1]}
        known |= {seq: hashed for seq, hashed, _ in self._unwritten}
        if known.get(count) != digest:
            raise JournalError(
                f"{self.path}: came back with other records than were written; restore a copy"
            )
        self._unwritten = [row for row in self._unwritten if row[0] > count]

    def lengthen_log(self) -> None:
        """For a commit that makes the log longer the disk is waited for twice, so it has its
        length before a session begins. Where it cannot have it, it grows as it goes."""
        if self._files is not None and self._durability == "full" and self.failure is None:
            with contextlib.suppress(OSError):
                self._store.lengthen_log(self.disk)

    def checkpoint(self) -> None:
        """Move the log into the main file, for a quiet moment: commits then seldom have to.

        Raises:
            JournalFailed: the disk refused.
        """
        if self.failure is not None:
            raise JournalFailed(self.failure)
        assert not self.pending, "commit first"
        try:
            self._store.checkpoint()
        except sqlite3.Error as problem:
            raise self._failed(problem) from problem

    def rotate(self) -> bool:
        """Go on in a new file and keep the old one as an archive; False: somebody reads it, so
        not now. Whoever asks has made a snapshot, and does not need what is archived to start.

        A crash at any point leaves the journal as it was or as it will be.

        Raises:
            JournalFailed: the disk refused.
        """
        assert not self.pending, "commit first"
        assert self._files is not None, "a journal in memory has no files"
        place, successor = Path(self.path), Path(f"{self.path}-next")
        try:
            self.disk.remove(successor)  # of an attempt that a crash ended
            self._forget_log(successor)
            if not self._store.checkpoint(whole=True):
                return False
            Store.begin(successor, Base(self.count, self.head_hash), self.disk)
            self._store.close()
            archive = archive_path(place, self.begins_after + 1, self.count)
            self.disk.link(place, archive)
            self.disk.sync_directory(place.parent)
            self._files.take_over(successor)
            self._forget_log(place)
            self.disk.sync_directory(place.parent)
            self._store = Store.open(place, self._files, self._durability)
        except (sqlite3.Error, OSError) as problem:
            _forget_half_archived(place)
            raise self._failed(problem) from problem
        return True

    def _forget_log(self, place: Path) -> None:
        """Remove a log of which all was moved, with its index. SQLite keeps both while anybody has
        the file open, and finds them by its name: the index says how long the file is, and that of
        an old file makes nonsense of a new one. Whoever has the old one open reads on in it."""
        for suffix in ("-wal", "-shm"):
            self.disk.remove(Path(f"{place}{suffix}"))

    def close(self) -> None:
        """Commit what is pending and give the journal back. Idempotent.

        Raises:
            JournalFailed: what was pending could not be made durable; closed all the same.
        """
        if self._closed:
            return
        try:
            if self.failure is not None:
                self.recover()
            self.commit()
            if self._files is not None:
                self._store.checkpoint(whole=True)
                self._files.sync_head()
        except (sqlite3.Error, OSError) as problem:
            raise self._failed(problem) from problem
        finally:
            self._closed = True
            with contextlib.suppress(sqlite3.Error):
                self._store.close()
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

    def _failed(self, problem: BaseException) -> JournalFailed:
        self.failure = f"{self.path}: cannot be written ({problem}); mend the disk"
        return JournalFailed(self.failure)

    # -- reading -------------------------------------------------------------------------------

    def records(self, after: int = 0) -> Iterator[Record]:
        """All steps behind ``after``, in order, each proven against the chain before it is given
        out. What is archived is read from the archives.

        Raises:
            JournalError: names the record at which the chain breaks or that cannot be read.
        """
        yield from read_records(self._rows(after))

    def verify(self) -> int:
        """Prove the chain of the present file, and its structure; returns the number of the last
        record. (``engine journal check`` looks at the archives, too.)

        Raises:
            JournalError: names the record at which the chain breaks.
        """
        for _ in self._rows(self.begins_after):
            pass
        self._store.check_structure(self.count)
        return self.count

    def _rows(self, after: int) -> Iterator[tuple[str, Row]]:
        count, digest = self._durable
        yield from chain_of(Path(self.path), self._store, after, count, digest)
        yield from [(self.path, row) for row in self._unwritten]

    # -- the head ------------------------------------------------------------------------------

    def hash_at(self, count: int) -> bytes | None:
        """What the hash of a record is said to be, here or in an archive; None if it is in
        neither. Raises JournalError: it cannot be read."""
        return hash_in(Path(self.path), self._store, count)

    def _check_head(self) -> None:
        """Refuse a journal that has lost records which a commit had made durable."""
        assert self._files is not None
        head = self._files.read_head()
        # A head older than the present file was left behind by a power cut.
        known = head is not None and head.count >= self.begins_after
        if head is not None and known and self._store.hash_at(head.count) != head.hash:
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


def _forget_half_archived(place: Path) -> None:
    """A rotation that a crash ended has given the journal a second name too many."""
    for archive in archives(place):
        with contextlib.suppress(OSError):
            if archive.path.samefile(place):
                archive.path.unlink()

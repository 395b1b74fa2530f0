"""The records of a journal as one chain, through its archives and its present file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from engine.codec import step_from_json
from engine.commands import Command
from engine.errors import JournalError
from engine.inputs import Input
from engine.journal_files import Head
from engine.journal_store import Row, Store, archives, readable
from engine.records import frozen


@frozen
class Record:
    """One step of the core. ``seq`` counts from 1 without gaps."""

    seq: int
    now_ns: int
    inputs: tuple[Input, ...]
    commands: tuple[Command, ...]
    hash: bytes


def read_records(rows: Iterator[tuple[str, Row]]) -> Iterator[Record]:
    """What proven rows say.

    Raises:
        JournalError: names the record that cannot be read.
    """
    for place, (seq, digest, payload) in rows:
        try:
            now_ns, inputs, commands = step_from_json(payload)
        except JournalError as problem:
            raise JournalError(f"{place}: record {seq}: {problem}") from None
        yield Record(seq, now_ns, inputs, commands, digest)


def chain_of(
    place: Path, store: Store, after: int, upto: int, ends: bytes
) -> Iterator[tuple[str, Row]]:
    """The records of a journal behind ``after``, from archives and the present ``store``, each
    with the file it is in; ``ends`` is the hash of record ``upto``.

    Raises:
        JournalError: names the record at which the chain breaks, or the archive that is missing.
    """
    chain: bytes | None = None
    for archive in archives(place) if after < store.base.count else ():
        if archive.last <= after or archive.last > store.base.count:
            continue
        with Store.read_only(archive.path) as old:
            if chain is None:
                chain = old.hash_at(after)
            if chain is None or after < old.base.count:
                break
            for row in old.rows(after, chain, archive.last):
                yield old.place, row
                after, chain = row[0], row[1]
    if after < store.base.count:
        raise JournalError(
            f"{place}: the archive with record {after + 1} is missing; put it back beside it"
        )
    known = store.hash_at(after)
    if known is None or (chain is not None and chain != known):
        raise JournalError(
            f"{place}: the chain breaks at record {after + 1}: it was changed; restore a copy"
        )
    chain = known
    for row in store.rows(after, chain, upto):
        yield store.place, row
        chain = row[1]
    if chain != ends:
        raise JournalError(
            f"{place}: the chain breaks at record {upto}: it was changed; restore a copy"
        )


def hash_in(place: Path, store: Store, seq: int) -> bytes | None:
    """What the hash of a record is said to be, in the present ``store`` or in an archive; None if
    it is in neither.

    Raises:
        JournalError: it cannot be read.
    """
    if seq >= store.base.count:
        return store.hash_at(seq)
    for archive in archives(place):
        if archive.first <= seq <= archive.last:
            with Store.read_only(archive.path) as old:
                return old.hash_at(seq)
    return None


class JournalReader:
    """A journal for looking at: without its lock, also while an engine writes it. What the
    engine has not committed when this is opened is not seen.

    Raises:
        JournalError: there is none, it is of another version, or damaged.
    """

    def __init__(self, place: Path) -> None:
        self.place: Final = place
        self._store = Store.read_only(place)
        try:
            with readable(place):
                self.count, self._ends = self._store.last()
        except JournalError:
            self._store.close()
            raise

    @property
    def first(self) -> int:
        """The oldest record that is here or in an archive beside it."""
        first = self._store.base.count + 1
        for archive in reversed(archives(self.place)):
            if archive.last != first - 1:
                break
            first = archive.first
        return first

    def rows(self, after: int = 0) -> Iterator[tuple[str, Row]]:
        """Raises as ``chain_of``."""
        yield from chain_of(self.place, self._store, after, self.count, self._ends)

    def records(self, after: int = 0) -> Iterator[Record]:
        """Raises as ``chain_of`` and ``read_records``."""
        yield from read_records(self.rows(after))

    def hash_at(self, seq: int) -> bytes | None:
        """Raises JournalError: it cannot be read."""
        return hash_in(self.place, self._store, seq)

    def check_end(self, head: Head) -> None:
        """``head`` was read before this was opened, as an engine that writes adds to both.

        Raises:
            JournalError: records that it has seen durable are not here.
        """
        # A head older than the present file was left behind by a power cut.
        if head.count >= self._store.base.count and self.hash_at(head.count) != head.hash:
            raise JournalError(
                f"{self.place}: {head.count} records were durable, {self.count} are here, and they "
                "do not fit: the end was lost or changed; restore the file with its -wal"
            )

    def check_structure(self) -> None:
        """Raises JournalError as ``Store.check_structure``."""
        self._store.check_structure(self.count)

    def close(self) -> None:
        self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

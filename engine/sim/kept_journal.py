"""A journal in memory that outlives its engine: a simulation starts several, one after another."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from engine.core import Core
from engine.daybook import DayBook
from engine.image import image, shape
from engine.journal import Journal
from engine.journal_chain import Record, read_records
from engine.journal_files import Durability, JournalFiles
from engine.journal_store import MEMORY, Base, Store
from engine.snapshots import StateSnapshot

SNAPSHOT_RECORDS: Final = 100


class KeptJournal(Journal):
    """It is found again by the next life of the engine: what was committed, no more. A record that
    one life has read is proven again by the next, and read no more."""

    def __init__(
        self, path: str, store: Store, files: JournalFiles | None, durability: Durability = "full"
    ) -> None:
        super().__init__(path, store, files, durability)
        self._known: dict[int, Record] = {}

    def close(self) -> None:
        """What was not committed is lost, as with the process."""

    def found_again(self) -> KeptJournal:
        found = KeptJournal(MEMORY, self._store, None)
        found._known = self._known
        found.kept = self.kept
        return found

    def keep(self, core: Core, book: DayBook) -> None:
        """The next life begins with the state that all records have led to, as one does that finds
        a snapshot on its disk; not for a few records more than the last time."""
        since = self.count - (0 if self.kept is None else self.kept.count)
        if since >= SNAPSHOT_RECORDS and not self.pending:
            self.kept = StateSnapshot(self.count, self.head_hash, shape(), image(core.state, book))

    def records(self, after: int = 0) -> Iterator[Record]:
        known = self._known
        for row in self._rows(after):
            seq, digest, _ = row[1]
            record = known.get(seq)
            if record is None or record.hash != digest:
                record = known[seq] = next(read_records(iter((row,))))
            yield record


class DayJournal(KeptJournal):
    """Of engines whose process does not end in the middle of a day: what is appended is kept, and
    nothing has to be hurried to a disk. Its store holds what came before the day, nothing of it."""

    @property
    def pending(self) -> bool:
        return False

    def gone_on(self, core: Core, book: DayBook) -> DayJournal:
        """Found again with nothing but the state that it led to. The chain goes on; what came
        before is forgotten, so that memory and starts do not grow with it."""
        found = DayJournal(MEMORY, Store.memory(Base(self.count, self.head_hash)), None)
        found.kept = StateSnapshot(self.count, self.head_hash, shape(), image(core.state, book))
        self._store.close()
        return found

    def commit(self) -> None:
        self._unwritten_bytes = 0  # what is kept is no arrears

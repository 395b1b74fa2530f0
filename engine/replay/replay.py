"""A journal, decided anew record by record, and compared with what it holds.

The records are proven against their chain as they are read. The version that decides as it was
recorded has the true state after each record; where the other one decides otherwise, it goes on
from that state, so that each difference stands for itself. Without a true state later ones may
follow from it (the numbers of orders alone are other ones), and are marked so.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

import attrs

from engine.daybook import DayBook
from engine.errors import JournalError
from engine.image import from_image, image
from engine.journal_chain import JournalReader
from engine.journal_files import read_head
from engine.replay.decider import Decider, Decides, Failed, Recorded, Tree
from engine.replay.difference import Difference, pairs_of, symbols_of
from engine.snapshots import StateSnapshot, read_snapshot, snapshot_paths

Show = Callable[[int, int], None]
FORMS_DIFFER: Final = (
    "the states of both versions differ in form: a difference may follow from an earlier one"
)


@attrs.define
class Replayed:
    """``runs`` are the versions of each run, ``snapshots`` those that the replayed state was
    compared with, and ``unequal`` those that it was not equal to."""

    first: int
    records: int = 0
    digest: str = ""
    runs: list[str] = attrs.field(factory=list)
    differences: list[Difference] = attrs.field(factory=list)
    snapshots: list[int] = attrs.field(factory=list)
    unequal: list[int] = attrs.field(factory=list)
    notes: list[str] = attrs.field(factory=list)


class Replay:
    """``other`` decides beside this version.

    Raises:
        JournalError: where the journal begins there is no snapshot to begin from.
    """

    def __init__(self, reader: JournalReader, other: Decides | None = None) -> None:
        self.decider = Decider()
        self.result = Replayed(reader.first)
        self._reader = reader
        self._other = other
        self._placed: dict[int, str] = {}
        # Since which record this version, and the other one, are not in the true state any more.
        self._strayed: dict[bool, int | None] = {False: None, True: None}
        self._snapshots = self._find_snapshots()
        if reader.first > 1:
            self._begin_with_snapshot()

    def run(self, show: Show = lambda done, total: None) -> Replayed:
        """Raises JournalError: the chain breaks, or the journal cannot be read."""
        result, reader = self.result, self._reader
        total = reader.count - result.first + 1
        for _, (seq, _, payload) in reader.rows(result.first - 1):
            self._take(seq, payload)
            result.records += 1
            show(result.records, total)
            if seq in self._snapshots:
                self._compare(self._snapshots[seq])
        result.digest = self.decider.core.state.digest()
        return result

    # -- snapshots -----------------------------------------------------------------------------

    def _find_snapshots(self) -> dict[int, StateSnapshot]:
        found: dict[int, StateSnapshot] = {}
        for path in snapshot_paths(self._reader.place):
            try:
                snapshot = read_snapshot(path)
            except JournalError as problem:
                self.result.notes.append(str(problem))
                continue
            if snapshot.shape != self.decider.shape:
                self.result.notes.append(f"{path}: of another version ({snapshot.engine})")
            elif self._reader.hash_at(snapshot.count) == snapshot.hash:
                found[snapshot.count] = snapshot
        return found

    def _begin_with_snapshot(self) -> None:
        """What was before the oldest record that is here is known from a snapshot alone."""
        first = self.result.first
        usable = [count for count in self._snapshots if count >= first - 1]
        if not usable:
            raise JournalError(
                f"{self._reader.place}: begins with record {first}, and no snapshot of this"
                " version says what was before; put the archives back beside it"
            )
        begins = self._snapshots.pop(min(usable))
        self.decider.go_on_from(begins.image)
        if self._other is not None:
            self._other.go_on_from(begins.image)
        self.result.first = begins.count + 1
        state = self.decider.core.state
        self._placed.update({number: one.symbol for number, one in state.orders.items()})

    def _compare(self, snapshot: StateSnapshot) -> None:
        """The state alone: the book of the day has also seen prices, which no journal holds."""
        if self._strayed[False] is not None:
            return
        kept, _ = from_image(snapshot.image)
        self.result.snapshots.append(snapshot.count)
        if image(self.decider.core.state, DayBook()) != image(kept, DayBook()):
            self.result.unequal.append(snapshot.count)

    # -- decisions -----------------------------------------------------------------------------

    def _take(self, seq: int, payload: bytes) -> None:
        record = Recorded(payload)
        for one in record.commands:
            if "Place" in one:
                self._placed[one["Place"]["order_id"]] = one["Place"]["symbol"]
        for item in record.step["inputs"]:
            if "Started" in item:
                self.result.runs.append(item["Started"]["version"])
        own = self._judge(self.decider, record)
        if own is not None:
            self._note(seq, record, own, other=False)
        if self._other is None:
            return
        theirs = self._judge(self._other, record)
        if theirs is not None:
            self._note(seq, record, theirs, other=True)
        if (own is None) != (theirs is None):
            both: tuple[Decides, Decides] = self.decider, self._other
            right, wrong = both if own is None else both[::-1]
            self._put_right(right, wrong, other=own is None)

    @staticmethod
    def _judge(decider: Decides, record: Recorded) -> Tree | str | None:
        """None: as it was recorded; else what it decides, or why it cannot."""
        try:
            decided = decider.decide(record)
        except Failed as problem:
            return str(problem)
        if decided == record.commands:
            return None
        return decided if pairs_of(record.commands, decided) else None

    def _note(self, seq: int, record: Recorded, decided: Tree | str, *, other: bool) -> None:
        recorded = record.commands
        if isinstance(decided, str):
            symbols = set(symbols_of(recorded, self._placed))
            pairs: tuple[tuple[str, str], ...] = (("", f"cannot decide: {decided}"),)
        else:
            symbols = set(symbols_of([*recorded, *decided], self._placed))
            pairs = pairs_of(recorded, decided)
        since = self._strayed[other]
        self.result.differences.append(
            Difference(seq, record.step["now_ns"], tuple(sorted(symbols)), pairs, other, since)
        )
        if since is None:
            self._strayed[other] = seq

    def _put_right(self, right: Decides, wrong: Decides, *, other: bool) -> None:
        """Let the one who decided otherwise go on from the state of the one who did not."""
        if self._strayed[not other] is not None:
            return  # whoever is right now has been wrong, so nobody has the true state
        if right.shape == wrong.shape:
            wrong.go_on_from(right.image())
            self._strayed[other] = None
        elif FORMS_DIFFER not in self.result.notes:
            self.result.notes.append(FORMS_DIFFER)


def replay(place: Path, other: Decides | None = None, show: Show | None = None) -> Replayed:
    """Raises JournalError: there is no journal, or it is damaged."""
    head = read_head(place)
    with JournalReader(place) as reader:
        if head is not None:
            reader.check_end(head)
        return Replay(reader, other).run(show or (lambda done, total: None))

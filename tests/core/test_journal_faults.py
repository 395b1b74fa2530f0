"""The disk refuses, or the process dies, at every single operation of a journal's life."""

from __future__ import annotations

import contextlib
import gc
import random
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine import journal_store
from engine.commands import Cancel
from engine.errors import JournalError
from engine.journal import Journal, JournalFailed
from engine.journal_store import archives
from tests.faulty_disk import Died, FaultyDisk


@pytest.fixture(scope="module", autouse=True)
def _only_what_lives_here_is_collected() -> None:
    """Hundreds of lives are buried with a collection each: what other tests have left to be looked
    through would take far longer than the lives."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def folder() -> Iterator[Path]:
    """In memory where there is such a place: thousands of syncs."""
    base = Path("/dev/shm") if Path("/dev/shm").is_dir() else None
    found = Path(tempfile.mkdtemp(dir=base))
    yield found
    shutil.rmtree(found)


class Life:
    """A journal that is opened, written, goes on in a new file, and is opened again."""

    def __init__(self, folder: Path, disk: FaultyDisk) -> None:
        self.place, self.disk = folder / "life" / "J", disk
        self.promised = self.appended = 0
        self.journal: Journal | None = None

    def run(self) -> None:
        for turn in range(2):
            self.journal = Journal.open(self.place, disk=self.disk)
            self.commits(1)
            self.journal.lengthen_log()
            self.commits(2)
            if turn == 0:
                self.journal.checkpoint()
                self.disk.die_if_dead()
                self.journal.rotate()
                self.disk.die_if_dead()
            self.commits(2)
            self.journal.close()
            self.disk.die_if_dead()

    def commits(self, count: int) -> None:
        assert self.journal is not None
        for number in range(count):
            for _ in range(1 + number % 2):
                self.appended += 1
                self.journal.append(self.appended, [], [Cancel(self.appended)])
            self.journal.commit()
            self.promised = self.appended

    def bury(self) -> None:
        """Close what a dead process had open."""
        if self.journal is not None:
            for close in (self.journal._store.close, self.journal._files.close):  # type: ignore[union-attr]
                with contextlib.suppress(Exception):
                    close()
        self.journal = None
        gc.collect()

    def check(self) -> int:
        """What was promised is there, and nothing that was not appended; and it goes on."""
        with Journal.open(self.place) as journal:
            count = journal.count
            assert self.promised <= count <= self.appended
            found = [(one.seq, one.now_ns, one.commands) for one in journal.records()]
            assert found == [(n, n, (Cancel(n),)) for n in range(1, count + 1)]
            assert journal.verify() == count
            journal.append(0, [], [])
            journal.commit()
            assert journal.rotate()
            journal.append(0, [], [])
        with Journal.open(self.place) as journal:
            assert [one.seq for one in journal.records()] == list(range(1, count + 3))
        assert all(not one.path.samefile(self.place) for one in archives(self.place))
        return count


def operations(folder: Path) -> FaultyDisk:
    disk = FaultyDisk()
    Life(folder, disk).run()
    shutil.rmtree(folder / "life")
    return disk


@pytest.mark.parametrize("power", [False, True], ids=["killed", "power-cut"])
def test_it_dies_in_every_operation_and_keeps_what_it_promised(folder: Path, power: bool) -> None:
    total = operations(folder).counts["any"]
    assert total > 80
    kept = set()
    for at in range(1, total + 1):
        disk = FaultyDisk(die_at=at, seed=at)
        life = Life(folder, disk)
        with contextlib.suppress(Died, JournalError):
            life.run()
        assert disk.dead, f"operation {at} of {total} was never reached"
        life.bury()
        if life.place.parent.exists():
            disk.crash(life.place.parent, power)
        try:
            kept.add(life.check())
        except (AssertionError, JournalError) as problem:
            told = f"died at {disk.log[-1]}, promised {life.promised}, power={power}"
            raise AssertionError(f"{told}: {problem}") from problem
        for path in folder.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert len(kept) > 10


@pytest.mark.parametrize("kind", ["write", "sync"])
@pytest.mark.parametrize("lasting", [1, 3, 1000])
def test_every_refused_write_and_sync_is_told_and_made_good(
    folder: Path, kind: str, lasting: int
) -> None:
    """After so many refusals the disk is well again. Then the power is cut: what a failed sync
    has made the system forget must have been written anew."""
    total = operations(folder).counts[kind]
    chance = random.Random(f"{kind}{lasting}")
    told = 0
    for at in range(1, total + 1):
        disk = FaultyDisk(refuse={kind: range(at, at + lasting)}, full=at % 2 == 0, seed=at)
        life = Life(folder, disk)
        try:
            life.run()
        except JournalFailed:
            told += 1
            journal = life.journal
            assert journal is not None
            if not journal._closed:
                assert journal.failure is not None
                with pytest.raises(JournalFailed):
                    journal.commit()
                more = chance.randint(0, 3)
                for _ in range(more):
                    life.appended += 1
                    journal.append(life.appended, [], [Cancel(life.appended)])
                for _ in range(200):
                    if lasting == 1000:
                        disk.heal()
                    with contextlib.suppress(JournalFailed):
                        journal.recover()
                        break
                assert journal.failure is None, disk.log[-3:]
                assert not journal.pending
                life.promised = life.appended
        except JournalError:
            pass  # while it was opened: nothing was promised
        life.bury()
        disk.crash(life.place.parent, power=True)
        try:
            life.check()
        except (AssertionError, JournalError) as problem:
            raise AssertionError(
                f"{kind} {at} of {total}, {lasting} refused: {problem}"
            ) from problem
        for path in folder.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert told > total // 3


def test_a_disk_that_is_back_to_be_written_and_not_to_be_read_is_tried_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was taken for a file that is no journal, which ended the engine."""
    disk = FaultyDisk()
    with Journal.open(folder / "J", disk=disk) as journal:
        journal.append(1, [], [])
        disk.refuse = {"any": range(1, 10**9)}
        with pytest.raises(JournalFailed):
            journal.commit()
        disk.heal()

        def unreadable(_: object) -> dict[str, str]:
            problem = sqlite3.OperationalError("disk I/O error")
            problem.sqlite_errorcode = sqlite3.SQLITE_IOERR
            raise problem

        with monkeypatch.context() as patch:
            patch.setattr(journal_store, "_meta", unreadable)
            with pytest.raises(JournalFailed, match="disk I/O error"):
                journal.recover()
        journal.recover()
        assert [one.seq for one in journal.records()] == [1]

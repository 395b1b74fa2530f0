"""A start reads the newest snapshot and what came after it, and falls back when it must."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path
from typing import Final

import attrs
import pytest

from engine import recovery, snapshots
from engine.config import from_mapping
from engine.core import Core
from engine.daybook import DayBook
from engine.disk import Disk
from engine.engine import Engine
from engine.errors import JournalError
from engine.journal import Journal
from engine.journal_store import archives
from engine.recovery import Recovered, rebuild, recover, take_snapshot
from engine.snapshots import read_snapshot, snapshot_paths, write_snapshot
from tests.core.desk import Desk
from tests.core.journals import ROOT, fill

CONFIG = from_mapping({"strategy": {"symbols": ["AAPL", "MSFT"], "sizing": {"shares": 100}}})


def traded() -> Desk:
    desk = Desk(CONFIG)
    desk.quote("AAPL", 99.99, 100.0)
    desk.signal("AAPL", "BUY")
    desk.quote("MSFT", 50.0, 50.01)
    desk.signal("MSFT", "SHORT")
    desk.trade("AAPL", 93.9, 10_000)
    desk.wait(120)
    return desk


class Kept:
    """A desk's steps in a journal, with snapshots and new files after some of them."""

    def __init__(self, path: Path, snaps: tuple[int, ...], turns: tuple[int, ...] = ()) -> None:
        self.path, self.desk = path, traded()
        core, book = Core(CONFIG), DayBook()
        with Journal.open(path) as journal:
            for number, (now_ns, inputs) in enumerate(self.desk.records, start=1):
                output = core.step(inputs, now_ns)
                journal.append(now_ns, inputs, output.commands)
                book.take(core.state, output.events, now_ns)
                if number in snaps:
                    journal.commit()
                    assert take_snapshot(journal, core, book) == number
                if number in turns:
                    assert journal.rotate()
        self.count, self.book = len(self.desk.records), book

    def recover(self) -> Recovered:
        """Equal to the run itself, from whatever it began."""
        with Journal.open(self.path) as journal:
            found = recover(journal, CONFIG)
            assert journal.count == self.count
        assert found.core.state.digest() == self.desk.core.state.digest()
        assert found.book == self.book
        return found


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "j"


def damage(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def reseal(path: Path, **changes: object) -> None:
    """The same snapshot, said to be another, with a checksum that fits."""
    path.write_bytes(snapshots._to_bytes(attrs.evolve(read_snapshot(path), **changes)))


def test_a_start_reads_the_newest_snapshot_and_the_rest(place: Path) -> None:
    kept = Kept(place, snaps=(5, 12))
    seen: list[tuple[int, int]] = []
    with Journal.open(place) as journal:
        found = recover(journal, CONFIG, lambda done, total: seen.append((done, total)))

    assert found.snapshot == 12
    assert found.notes == []
    rest = kept.count - 12
    assert seen == [(number, rest) for number in range(1, rest + 1)]
    assert kept.recover().snapshot == 12


def test_what_came_before_the_snapshot_is_not_read(place: Path) -> None:
    kept = Kept(place, snaps=(12,))
    connection = sqlite3.connect(place)
    with connection:
        connection.execute("DELETE FROM record WHERE seq < 12")
    connection.close()

    assert kept.recover().snapshot == 12


def test_a_snapshot_after_the_last_record_leaves_nothing_to_replay(place: Path) -> None:
    count = len(traded().records)
    kept = Kept(place, snaps=(count,))

    assert kept.recover().snapshot == count


def test_only_two_snapshots_are_kept(place: Path) -> None:
    Kept(place, snaps=(3, 5, 9, 12))

    assert [path.name for path in snapshot_paths(place)] == [
        "j-snapshot-000000000012",
        "j-snapshot-000000000009",
    ]
    assert {stat.S_IMODE(path.stat().st_mode) for path in snapshot_paths(place)} == {0o600}


def test_a_new_snapshot_is_kept_although_others_are_of_a_future_that_was_lost(
    place: Path, tmp_path: Path
) -> None:
    """An older copy of the journal was put back, and the snapshots of the lost one are there."""
    lost = Kept(place, snaps=(9, 12))
    ahead = {path.name: path.read_bytes() for path in snapshot_paths(place)}
    for path in tmp_path.iterdir():
        path.unlink()
    core, book = Core(CONFIG), DayBook()
    with Journal.open(place) as journal:
        for name, data in ahead.items():
            place.with_name(name).write_bytes(data)
        for now_ns, inputs in lost.desk.records[:6]:
            output = core.step(inputs, now_ns)
            journal.append(now_ns, inputs, output.commands)
            book.take(core.state, output.events, now_ns)
        journal.commit()
        take_snapshot(journal, core, book)
    with Journal.open(place) as journal:
        found = recover(journal, CONFIG)

    assert found.snapshot == 6
    assert [note.partition(": ")[2] for note in found.notes] == [
        "is ahead of the journal, which has 6 records; going on without this snapshot"
    ] * 2


def test_a_damaged_snapshot_is_told_and_the_one_before_is_used(place: Path) -> None:
    kept = Kept(place, snaps=(5, 12))
    newest, older = snapshot_paths(place)
    damage(newest)
    found = kept.recover()
    assert found.snapshot == 5
    assert found.notes == [f"{newest}: is damaged; going on without this snapshot"]

    damage(older)
    found = kept.recover()
    assert found.snapshot == 0
    assert len(found.notes) == 2


@pytest.mark.parametrize("position", range(0, 6000, 197))
def test_no_damaged_byte_goes_unnoticed(place: Path, position: int) -> None:
    kept = Kept(place, snaps=(12,))
    (path,) = snapshot_paths(place)
    data = bytearray(path.read_bytes())
    data[position % len(data)] ^= 1 << (position % 8)
    path.write_bytes(data)
    assert kept.recover().snapshot == 0
    path.write_bytes(path.read_bytes()[:position])
    assert kept.recover().snapshot == 0


def test_a_snapshot_of_another_version_is_told_and_not_read(place: Path) -> None:
    kept = Kept(place, snaps=(12,))
    (path,) = snapshot_paths(place)
    reseal(path, shape="0" * 32, engine="9.9")
    found = kept.recover()

    assert found.snapshot == 0
    assert found.notes == [
        f"{path}: was made by another version of the engine (9.9); going on without this snapshot"
    ]


def test_a_snapshot_of_another_form_is_told_and_not_read(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = Kept(place, snaps=(12,))
    monkeypatch.setattr(snapshots, "FORM", 2)
    found = kept.recover()

    assert found.snapshot == 0
    assert "is of another form (1, not 2)" in found.notes[0]


def test_a_snapshot_of_another_journal_is_not_used(place: Path) -> None:
    kept = Kept(place, snaps=(12,))
    (path,) = snapshot_paths(place)
    reseal(path, hash=b"\0" * 32)

    assert "belongs to another journal" in kept.recover().notes[0]


def test_a_snapshot_ahead_of_the_journal_is_not_used(place: Path) -> None:
    """ "normal" may lose records in a power cut that a snapshot had."""
    kept = Kept(place, snaps=(12,))
    (path,) = snapshot_paths(place)
    reseal(path, count=kept.count + 1)

    assert "is ahead of the journal" in kept.recover().notes[0]


def test_a_write_that_ends_half_way_leaves_the_older_snapshot(place: Path) -> None:
    kept = Kept(place, snaps=(12,))

    class Full(Disk):
        def write_at(self, descriptor: int, data: bytes, offset: int) -> None:
            os.pwrite(descriptor, data[: len(data) // 2], offset)
            raise OSError(28, "No space left on device")

    with Journal.open(place) as journal:
        found = recover(journal, CONFIG)
        journal.disk.__class__ = Full
        with pytest.raises(OSError, match="No space"):
            take_snapshot(journal, found.core, found.book)
        journal.disk.__class__ = Disk
    assert kept.recover().snapshot == 12
    with Journal.open(place) as journal:
        found = recover(journal, CONFIG)
        take_snapshot(journal, found.core, found.book)
    assert kept.recover().snapshot == kept.count


def test_an_older_engine_is_not_given_what_it_cannot_replay(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped in good order, a journal goes on under a core that decides otherwise: nothing is
    left to replay. A tail that it would decide otherwise is refused."""
    count = len(traded().records)
    Kept(place, snaps=(count,))
    monkeypatch.setattr(Core, "step", lambda *_: pytest.fail("nothing is to be replayed"))
    with Journal.open(place) as journal:
        assert recover(journal, CONFIG).snapshot == count


# -- files that have grown ---------------------------------------------------------------------


def test_a_new_file_goes_on_and_the_old_one_is_kept(place: Path) -> None:
    kept = Kept(place, snaps=(6, 12), turns=(6, 12))

    assert [(one.first, one.last) for one in archives(place)] == [(1, 6), (7, 12)]
    assert kept.recover().snapshot == 12
    with Journal.open(place) as journal:
        assert journal.begins_after == 12
        assert [record.seq for record in journal.records()] == list(range(1, kept.count + 1))
        assert [record.seq for record in journal.records(9)] == list(range(10, kept.count + 1))
        assert rebuild(journal, CONFIG).state.digest() == kept.desk.core.state.digest()
        assert journal.verify() == kept.count


def test_archives_are_not_needed_to_start(place: Path) -> None:
    kept = Kept(place, snaps=(6, 12), turns=(6, 12))
    for one in archives(place):
        one.path.unlink()

    assert kept.recover().snapshot == 12


def test_a_missing_archive_is_named_when_it_is_needed(place: Path) -> None:
    Kept(place, snaps=(6, 12), turns=(6, 12))
    for path in snapshot_paths(place):
        damage(path)
    first, second = archives(place)
    second.path.unlink()
    with (
        Journal.open(place) as journal,
        pytest.raises(JournalError, match="the archive with record 7 is missing; put it back"),
    ):
        recover(journal, CONFIG)
    first.path.unlink()
    with (
        Journal.open(place) as journal,
        pytest.raises(JournalError, match="the archive with record 1 is missing; put it back"),
    ):
        recover(journal, CONFIG)


def test_without_a_usable_snapshot_the_archives_are_replayed(place: Path) -> None:
    kept = Kept(place, snaps=(6, 12), turns=(6, 12))
    newest, older = snapshot_paths(place)
    damage(newest)
    assert kept.recover().snapshot == 6
    damage(older)
    assert kept.recover().snapshot == 0


def test_a_changed_archive_is_found(place: Path) -> None:
    Kept(place, snaps=(6,), turns=(6,))
    damage(*snapshot_paths(place))
    connection = sqlite3.connect(archives(place)[0].path)
    with connection:
        connection.execute("UPDATE record SET payload = payload || ' ' WHERE seq = 3")
    connection.close()
    with (
        Journal.open(place) as journal,
        pytest.raises(JournalError, match=r"j\.0+1-0+6: the chain breaks at record 3"),
    ):
        recover(journal, CONFIG)


def test_a_reader_keeps_the_file_from_being_changed(place: Path) -> None:
    Kept(place, snaps=())
    with Journal.open(place) as journal:
        journal.append(1, [], [])
        journal.commit()
        reader = sqlite3.connect(place)
        cursor = reader.execute("SELECT seq FROM record")
        assert cursor.fetchone() == (1,)
        assert journal.rotate() is False
        cursor.close()
        reader.close()
        assert journal.rotate() is True
        journal.append(2, [], [])
        journal.commit()
        assert [record.now_ns for record in journal.records()][-2:] == [1, 2]


READS: Final = """
import pathlib, sys
from engine.journal_chain import JournalReader
with JournalReader(pathlib.Path(sys.argv[1])) as reader:
    for _ in range(2):
        print(sum(1 for _ in reader.records()), flush=True)
        sys.stdin.readline()
"""


def test_a_reader_that_stays_sees_the_old_file_and_does_no_harm_to_the_new_one(
    place: Path,
) -> None:
    """SQLite's index of a log is found by the name of its file, and a program that has it open
    keeps it: the new file would be taken for as long as the old one, and no log could be moved
    into it any more."""
    with Journal.open(place) as journal:
        fill(journal, 500)
        journal.commit()
        child = subprocess.Popen(
            [sys.executable, "-c", READS, str(place)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert child.stdout is not None
        assert child.stdin is not None
        assert child.stdout.readline() == "500\n"
        assert journal.rotate()
        fill(journal, 20)
        journal.commit()
        journal.checkpoint()
        child.stdin.write("\n")
        child.stdin.flush()
        assert child.stdout.readline() == "500\n"
        child.communicate("\n", timeout=30)
        assert child.returncode == 0
        fill(journal, 20)
    with Journal.open(place) as journal:
        assert journal.verify() == 540


def test_a_second_engine_is_refused_after_a_new_file_too(place: Path) -> None:
    Kept(place, snaps=())
    with Journal.open(place) as journal:
        assert journal.rotate()
        with pytest.raises(JournalError, match="in use by another engine"):
            Journal.open(place)


def test_snapshots_are_written_beside_any_name(tmp_path: Path) -> None:
    place = tmp_path / "odd [name]* %41"
    kept = Kept(place, snaps=(6, 12), turns=(6,))

    assert kept.recover().snapshot == 12
    assert len(archives(place)) == 1


def test_the_draft_of_a_snapshot_is_no_snapshot(place: Path) -> None:
    kept = Kept(place, snaps=(12,))
    (path,) = snapshot_paths(place)
    snapshot = read_snapshot(path)
    path.rename(place.with_name("j-snapshot-new"))
    assert kept.recover().snapshot == 0

    write_snapshot(place, snapshot, Disk())
    assert kept.recover().snapshot == 12
    assert not place.with_name("j-snapshot-new").exists()


def test_recovery_says_nothing_of_a_journal_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    with Journal.memory() as journal:
        found = recovery.recover(journal, CONFIG)
    assert (found.snapshot, found.notes) == (0, [])


def test_an_engine_on_a_journal_that_ended_live_is_not_live_yet(place: Path) -> None:
    """``start`` would return before there is a session."""
    Kept(place, snaps=(12,))
    engine = Engine(CONFIG, place)
    try:
        assert engine._core.state.live
        assert not engine._is_live()
    finally:
        engine._inbox.close()
        engine._journal.close()


def test_what_the_way_back_has_to_tell_becomes_an_alert(place: Path) -> None:
    Kept(place, snaps=(5, 12))
    damage(snapshot_paths(place)[0])
    engine = Engine(CONFIG, place)
    try:
        assert len(engine._notes) == 1
        assert engine._notes[0].endswith("is damaged; going on without this snapshot")
    finally:
        engine._inbox.close()
        engine._journal.close()

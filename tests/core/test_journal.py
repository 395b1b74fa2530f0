"""What goes into the journal comes out of it, and nobody writes beside us."""

import os
import shutil
import sqlite3
import stat
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.commands import Cancel, Snapshot
from engine.errors import JournalError
from engine.inputs import TimerElapsed
from engine.journal import Journal, Record
from engine.journal_files import head_path
from engine.journal_store import GENESIS, LOG_BYTES, VERSION
from tests.core.journals import STATUS, fill, run, step, written
from tests.faulty_disk import FaultyDisk, closing_quietly

# -- what goes in comes out --------------------------------------------------------------------


@pytest.mark.parametrize("durability", ["full", "normal"])
def test_what_was_committed_is_read_again(place: Path, durability: str) -> None:
    with Journal.open(place, durability) as journal:
        assert (journal.count, journal.head_hash, journal.pending) == (0, GENESIS, False)
        assert journal.append(5, [STATUS, TimerElapsed()], [Cancel(1)]) == 1
        assert journal.append(6, [], []) == 2
        assert journal.pending
        journal.commit()
        assert not journal.pending
        head = journal.head_hash
    with Journal.open(place, durability) as journal:
        first, second = journal.records()

    assert first == Record(1, 5, (STATUS, TimerElapsed()), (Cancel(1),), first.hash)
    assert second == Record(2, 6, (), (), head)
    assert (journal.count, journal.head_hash) == (2, head)


def test_it_goes_on_where_it_ended(place: Path) -> None:
    written(place, 3)
    with Journal.open(place) as journal:
        assert journal.append(*step(4)) == 4
        journal.commit()
        assert [record.now_ns for record in journal.records()] == [1_000, 2_000, 3_000, 4_000]
        assert journal.verify() == 4


def test_closing_commits_and_leaves_no_log_behind(place: Path) -> None:
    journal = Journal.open(place)
    journal.append(*step(1))
    journal.close()
    journal.close()

    assert sorted(p.name for p in place.parent.iterdir()) == [
        "engine.journal",
        "engine.journal-head",
    ]
    with Journal.open(place) as journal:
        assert journal.count == 1


def test_the_same_steps_give_the_same_head_in_memory_and_on_disk(place: Path) -> None:
    """A simulation's head is its fingerprint."""
    written(place, 5)
    with Journal.memory() as one, Journal.open(":memory:") as other, Journal.open(place) as disk:
        fill(one, 5)
        fill(other, 5)

        assert one.head_hash == other.head_hash == disk.head_hash
        assert one.verify() == 5
        assert list(one.records()) == list(disk.records())
    assert not Path(":memory:").exists()


def test_many_records_are_read_in_batches(place: Path) -> None:
    written(place, 2_500)
    with Journal.open(place) as journal:
        assert [record.seq for record in journal.records()] == list(range(1, 2_501))


def test_a_checkpoint_changes_nothing(place: Path) -> None:
    with Journal.open(place) as journal:
        fill(journal, 10)
        journal.commit()
        journal.checkpoint()
        fill(journal, 1)
        journal.commit()
        assert journal.verify() == 11


def test_it_may_be_opened_in_one_thread_and_written_in_another(place: Path) -> None:
    journal = Journal.open(place)
    writer = threading.Thread(target=lambda: (fill(journal, 3), journal.commit()))
    writer.start()
    writer.join()
    journal.close()

    with Journal.open(place) as journal:
        assert journal.count == 3


def test_a_record_that_cannot_be_written_leaves_the_journal_as_it_was(place: Path) -> None:
    with Journal.open(place) as journal:
        fill(journal, 2)
        head = journal.head_hash
        with pytest.raises(AssertionError, match=r"Cancel\.order_id"):
            journal.append(1, [], [Cancel("seven")])  # type: ignore[arg-type]
        assert (journal.count, journal.head_hash) == (2, head)
        journal.append(1, [], [Snapshot("positions")])
        journal.commit()
        assert journal.verify() == 3


# -- who may use it ----------------------------------------------------------------------------


def test_the_files_are_private(place: Path) -> None:
    journal = Journal.open(place)
    fill(journal, 1)
    journal.commit()
    modes = {p.name: stat.S_IMODE(p.stat().st_mode) for p in place.parent.iterdir()}
    journal.close()

    assert "engine.journal-wal" in modes
    assert set(modes.values()) == {0o600}


def test_a_journal_that_others_could_read_is_made_private(place: Path) -> None:
    written(place, 1).chmod(0o644)
    Journal.open(place).close()

    assert stat.S_IMODE(place.stat().st_mode) == 0o600


def test_a_missing_folder_is_made_private(tmp_path: Path) -> None:
    Journal.open(tmp_path / "state" / "journal").close()

    assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o700


def test_a_second_one_is_refused_in_this_process(place: Path) -> None:
    with Journal.open(place), pytest.raises(JournalError, match="in use by another engine"):
        Journal.open(place)
    Journal.open(place).close()


def test_a_second_process_is_refused_in_one_line(place: Path) -> None:
    script = (
        "import sys\nfrom engine.journal import Journal\nfrom engine.errors import JournalError\n"
        "try:\n    Journal.open(sys.argv[1])\nexcept JournalError as problem:\n    print(problem)"
    )
    with Journal.open(place) as journal:
        fill(journal, 1)
        result = run(script, place)
        fill(journal, 1)

    assert result.stdout == (
        f"{place}: in use by another engine; stop that one or name another journal\n"
    )
    with Journal.open(place) as journal:
        assert journal.verify() == 2


@pytest.mark.parametrize("suffix", ["", "-head", "-wal"])
def test_symbolic_links_are_not_followed(place: Path, suffix: str) -> None:
    target = place.parent / "elsewhere"
    target.write_bytes(b"")
    target.chmod(0o644)
    place.with_name(place.name + suffix).symlink_to(target)

    with pytest.raises(JournalError, match="is a symbolic link"):
        Journal.open(place)
    assert (target.read_bytes(), stat.S_IMODE(target.stat().st_mode)) == (b"", 0o644)


def database(place: Path, *statements: str) -> None:
    connection = sqlite3.connect(place, isolation_level=None)
    for statement in statements:
        connection.execute(statement)
    connection.close()


def make_text(place: Path) -> None:
    place.write_text("time,price\n" * 100)


def make_foreign(place: Path) -> None:
    database(place, "CREATE TABLE meta (a, b, c)", "INSERT INTO meta VALUES (1, 2, 3)")


def make_other_version(place: Path) -> None:
    written(place, 1)
    database(place, "UPDATE meta SET value = '9' WHERE key = 'version'")


def make_folder(place: Path) -> None:
    place.mkdir()


def make_pipe(place: Path) -> None:
    os.mkfifo(place)


def make_no_records(place: Path) -> None:
    written(place, 1)
    database(place, "DROP TABLE record")


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (make_text, "not a journal"),
        (make_foreign, "a database, but not a journal; name another file"),
        (make_other_version, f"written in version 9 of the journal, this engine reads {VERSION}"),
        (make_folder, "cannot be opened"),
        (make_pipe, "not a regular file"),
        (make_no_records, "no records table"),
    ],
)
def test_what_is_no_journal_is_refused_in_one_line(
    place: Path, make: Callable[[Path], None], words: str
) -> None:
    make(place)
    before = place.read_bytes() if place.is_file() else None
    with pytest.raises(JournalError) as caught:
        Journal.open(place)

    assert str(caught.value).startswith(f"{place}: ")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    if before is not None:
        assert place.read_bytes() == before


def test_a_foreign_file_is_left_as_it_was(place: Path) -> None:
    make_text(place)
    place.chmod(0o644)
    with pytest.raises(JournalError):
        Journal.open(place)

    assert stat.S_IMODE(place.stat().st_mode) == 0o644
    assert [p.name for p in place.parent.iterdir()] == [place.name]


def test_an_empty_file_becomes_a_journal(place: Path) -> None:
    """A crash between creating the file and its tables leaves that."""
    place.touch()
    with Journal.open(place) as journal:
        assert journal.verify() == 0


# -- any history -------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.integers(0, 2**62), st.integers(0, 3), st.booleans()), max_size=30))
def test_any_mixture_of_appends_and_commits_reads_back(steps: list) -> None:
    expected = []
    with Journal.memory() as journal:
        for now_ns, count, commit in steps:
            commands = tuple(Cancel(number) for number in range(count))
            journal.append(now_ns, (), commands)
            expected.append((now_ns, (), commands))
            if commit:
                journal.commit()

        assert [(r.now_ns, r.inputs, r.commands) for r in journal.records()] == expected
        assert journal.verify() == len(expected)


def test_the_log_has_its_length_before_a_session_and_keeps_it(place: Path) -> None:
    log = place.with_name(place.name + "-wal")
    with Journal.open(place) as journal:
        fill(journal, 3)
        journal.commit()
        journal.lengthen_log()
        assert log.stat().st_size == LOG_BYTES
        for _ in range(3):
            fill(journal, 50)
            journal.commit()
            journal.checkpoint()
        assert log.stat().st_size == LOG_BYTES
        journal.lengthen_log()
        assert journal.verify() == 153
        copied = place.parent / "copied"  # as a crash leaves it
        for suffix in ("", "-wal"):
            shutil.copy(f"{place}{suffix}", f"{copied}{suffix}")
        shutil.copy(head_path(place), head_path(copied))
        with Journal.open(copied) as found:
            assert found.verify() == 153


def test_a_log_that_cannot_have_its_length_grows_as_it_goes(place: Path) -> None:
    disk = FaultyDisk(full=True)
    with closing_quietly(disk.close), Journal.open(place, "full", disk) as journal:
        disk.refuse = {"any": range(disk.counts["any"] + 1, disk.counts["any"] + 2)}
        journal.lengthen_log()
        assert disk.refused == 1
        fill(journal, 3)
        journal.commit()
        assert journal.failure is None
        assert journal.verify() == 3

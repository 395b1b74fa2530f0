"""What was committed is there after a crash, and what was lost or changed is found."""

import random
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from engine.commands import Cancel
from engine.errors import JournalError
from engine.journal import Journal, Record
from engine.journal_chain import JournalReader
from engine.journal_files import read_head
from tests.core.journals import ROOT, fill, run, written

PAGE_BYTES = 4096


def database(place: Path, *statements: str) -> None:
    connection = sqlite3.connect(place, isolation_level=None)
    for statement in statements:
        connection.execute(statement)
    connection.close()


# -- damage ------------------------------------------------------------------------------------


def payloads(place: Path) -> list[tuple[int, bytes]]:
    connection = sqlite3.connect(place)
    rows = connection.execute("SELECT seq, payload FROM record ORDER BY seq").fetchall()
    connection.close()
    return rows


def test_any_changed_byte_of_a_payload_is_found_and_named(place: Path) -> None:
    written(place, 4)
    original = place.read_bytes()
    for seq, payload in payloads(place):
        start = original.index(payload)
        for position in range(start, start + len(payload), 7):
            damaged = bytearray(original)
            damaged[position] ^= 1 << (position % 8)
            place.write_bytes(damaged)
            with Journal.open(place) as journal:
                with pytest.raises(JournalError, match=f"chain breaks at record {seq}:"):
                    journal.verify()
                with pytest.raises(JournalError, match=f"chain breaks at record {seq}:"):
                    list(journal.records())


def test_a_damaged_page_is_told_in_one_line_whatever_is_looked_for_in_it(place: Path) -> None:
    written(place, 400)
    data = bytearray(place.read_bytes())
    page = data.index(b"text 200 ") // PAGE_BYTES * PAGE_BYTES
    data[page : page + 8] = bytes(8)
    place.write_bytes(data)
    told = r"cannot be read after record 199 \(database disk image is malformed\)"
    with Journal.open(place) as journal:
        with pytest.raises(JournalError, match=told):
            journal.hash_at(200)
        with pytest.raises(JournalError, match=told):
            next(journal.records(200))
    with JournalReader(place) as reader:
        with pytest.raises(JournalError, match=told):
            reader.hash_at(200)
        with pytest.raises(JournalError, match=told):
            next(reader.records(200))


def read_all(place: Path) -> list[Record]:
    with Journal.open(place) as journal:
        journal.verify()
        return list(journal.records())


def refuses_or_is_whole(place: Path, whole: list[Record]) -> bool:
    """True: refused. A damaged file must never be read as another history."""
    try:
        assert read_all(place) == whole
    except JournalError as problem:
        assert "\n" not in str(problem)
        return True
    return False


def test_no_flipped_bit_anywhere_in_the_files_changes_the_history(place: Path) -> None:
    written(place, 30)
    whole = read_all(place)
    files = {path: path.read_bytes() for path in place.parent.iterdir()}
    chance = random.Random(5)
    refused = 0
    for _ in range(250):
        for path, content in files.items():
            path.write_bytes(content)
        path, content = chance.choice(list(files.items()))
        damaged = bytearray(content)
        damaged[chance.randrange(len(damaged))] ^= 1 << chance.randrange(8)
        path.write_bytes(damaged)
        refused += refuses_or_is_whole(place, whole)

    assert refused > 50


def test_whoever_only_reads_a_file_with_a_hole_is_told_in_one_line(place: Path) -> None:
    written(place, 30)
    whole = read_all(place)
    content = place.read_bytes()
    for begin in range(0, len(content), 512):
        place.write_bytes(content[:begin] + bytes(512) + content[begin + 512 :])
        try:
            with JournalReader(place) as reader:
                assert reader.hash_at(7) in (whole[6].hash, None)
                assert list(reader.records()) == whole
        except JournalError as problem:
            assert "\n" not in str(problem)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        # SQLite's own messages then hold bytes that are no text.
        (b"CREATE TABLE meta", b"CREAT\xc5 TABLE meta"),
        # The number is then an ordinary column, and NULL.
        (b"seq INTEGER PRIMARY KEY", b"seq INTEGER PRIMARY KEX"),
        (b"seq INTEGER PRIMARY KEY", b"seq INTEGES PRIMARY KEY"),
    ],
)
def test_a_damaged_table_definition_is_refused(place: Path, old: bytes, new: bytes) -> None:
    written(place, 3)
    content = place.read_bytes()
    assert content.count(old) == 1
    place.write_bytes(content.replace(old, new))

    with pytest.raises(JournalError):
        read_all(place)


def crashed(place: Path, count: int) -> dict[Path, bytes]:
    """The files as a killed process leaves them: the records still in the log."""
    script = (
        "import os, sys\nfrom engine.journal import Journal\nfrom engine.commands import Cancel\n"
        "journal = Journal.open(sys.argv[1])\n"
        "for number in range(int(sys.argv[2])):\n"
        "    journal.append(number, [], [Cancel(number)])\n"
        "    journal.commit()\n"
        "os.kill(os.getpid(), 9)"
    )
    assert run(script, place, count).returncode == -signal.SIGKILL
    return {path: path.read_bytes() for path in place.parent.iterdir()}


def restore(files: dict[Path, bytes]) -> None:
    for path in next(iter(files)).parent.iterdir():
        if path not in files:
            path.unlink()
    for path, content in files.items():
        path.write_bytes(content)


def test_a_flipped_bit_in_the_log_of_a_killed_process_is_not_taken_for_its_end(
    place: Path,
) -> None:
    """SQLite itself would silently end its log at the damaged frame."""
    files = crashed(place, 12)
    whole = read_all(place)
    log = place.with_name(place.name + "-wal")
    chance = random.Random(6)
    refused = 0
    for _ in range(60):
        restore(files)
        damaged = bytearray(files[log])
        damaged[chance.randrange(len(damaged))] ^= 1 << chance.randrange(8)
        log.write_bytes(damaged)
        refused += refuses_or_is_whole(place, whole)

    assert len(whole) == 12
    assert refused > 10


def test_a_log_that_was_tidied_away_is_missed(place: Path) -> None:
    files = crashed(place, 3)
    restore({path: content for path, content in files.items() if not path.name.endswith("-wal")})

    with pytest.raises(JournalError, match="restore the file with its -wal, or remove"):
        Journal.open(place)


def test_after_a_loss_removing_the_head_goes_on_with_what_is_left(place: Path) -> None:
    written(place, 5)
    older = place.read_bytes()
    with Journal.open(place) as journal:
        fill(journal, 2)
    place.write_bytes(older)
    with pytest.raises(JournalError, match="7 records were durable, 5 are here"):
        Journal.open(place)
    place.with_name(place.name + "-head").unlink()

    with Journal.open(place) as journal:
        assert journal.verify() == 5


def test_normal_durability_accepts_a_loss_by_a_power_cut_only(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Journal.open(place, "normal") as journal:
        fill(journal, 5)
    older = place.read_bytes()
    for module in ("engine.journal", "engine.journal_files"):
        monkeypatch.setattr(f"{module}.boot_id", lambda: "before-the-cut")
    with Journal.open(place, "normal") as journal:
        fill(journal, 2)
    place.write_bytes(older)
    with pytest.raises(JournalError, match="7 records were durable"):
        Journal.open(place, "normal")
    monkeypatch.undo()

    with Journal.open(place, "normal") as journal:
        assert journal.verify() == 5


def test_a_torn_head_leaves_the_one_before(place: Path) -> None:
    written(place, 5)
    head = place.with_name(place.name + "-head")
    whole = head.read_bytes()
    known = read_head(place)
    assert known is not None
    start = known.turn % 2 * 512
    for cut in (start + 511, start + 400, start):
        head.write_bytes(whole[:cut] + bytes(512 - cut % 512) + whole[start + 512 :])
        before = read_head(place)
        assert before is not None
        assert before.turn == known.turn - 1
        with Journal.open(place) as journal:
            assert journal.verify() == 5


def test_a_rewritten_history_is_refused(place: Path) -> None:
    """Hashes recomputed by whoever changed it do not help: the head does not fit."""
    written(place, 5)
    head = place.with_name(place.name + "-head").read_bytes()
    other = place.with_name("other")
    with Journal.open(other) as journal:
        for number in range(1, 6):
            journal.append(number, [], [])
    place.write_bytes(other.read_bytes())
    assert place.with_name(place.name + "-head").read_bytes() == head

    with pytest.raises(JournalError, match="do not fit"):
        Journal.open(place)


@pytest.mark.parametrize("content", [b"x" * 160, b"1 zz full a".ljust(160), b"short", b"\0" * 160])
def test_a_head_that_makes_no_sense_is_refused(place: Path, content: bytes) -> None:
    written(place, 1)
    place.with_name(place.name + "-head").write_bytes(content)

    with pytest.raises(JournalError, match="-head: cannot be read; remove it if"):
        Journal.open(place)


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("DELETE FROM record WHERE seq = 2", "record 2 is missing"),
        ("DELETE FROM record WHERE seq = 1", "record 1 is missing"),
        ("DELETE FROM record WHERE seq = 4", "4 records were durable, 3 are here"),
        ("UPDATE record SET payload = 'text' WHERE seq = 2", "chain breaks at record 2:"),
        ("UPDATE record SET payload = (SELECT payload FROM record WHERE seq = 1) WHERE seq = 2",
         "chain breaks at record 2:"),
        ("UPDATE record SET hash = x'00' WHERE seq = 3", "chain breaks at record 3:"),
        ("UPDATE record SET hash = x'00' WHERE seq = 4", "do not fit"),
        ("UPDATE record SET hash = 'text' WHERE seq = 4", "chain breaks at record 4:"),
        ("UPDATE record SET seq = -4 WHERE seq = 4", "4 records were durable, 3 are here"),
        ("INSERT INTO record SELECT 5, hash, payload FROM record WHERE seq = 4",
         "chain breaks at record 5:"),
    ],
)  # fmt: skip
def test_removed_swapped_and_added_records_are_found(
    place: Path, statement: str, words: str
) -> None:
    written(place, 4)
    database(place, statement)

    with pytest.raises(JournalError) as caught:
        read_all(place)
    assert words in str(caught.value)


def test_a_record_of_an_unknown_class_names_its_place(place: Path) -> None:
    """The chain is intact: some other engine wrote it."""
    with Journal.open(place) as journal:
        fill(journal, 1)
    payload = b'{"commands":[{"Hedge":{}}],"inputs":[],"now_ns":1}'
    with Journal.open(place) as journal:
        journal._add(payload)

    with (
        Journal.open(place) as journal,
        pytest.raises(JournalError, match="record 2: record cannot be read: unknown class 'Hedge'"),
    ):
        list(journal.records())


# -- crash and disk ----------------------------------------------------------------------------

WRITER = """
import sys
from engine.commands import Cancel
from engine.inputs import ErrorReported
from engine.journal import Journal
journal = Journal.open(sys.argv[1], sys.argv[2])
print("open", flush=True)
while True:
    for _ in range(3):
        number = journal.count + 1
        journal.append(number, [ErrorReported(number, 399, "text" * 50)], [Cancel(number)])
    journal.commit()
    print(journal.count, flush=True)
    if journal.count % 300 == 0:
        journal.checkpoint()
"""


@pytest.mark.parametrize("durability", ["full", "normal"])
def test_a_killed_process_loses_nothing_it_had_committed(place: Path, durability: str) -> None:
    chance = random.Random(7)
    acknowledged = 0
    for _ in range(8):
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, str(place), durability],
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "open\n"
            lines = [process.stdout.readline() for _ in range(chance.randrange(1, 150))]
            process.kill()
            lines += process.stdout.read().splitlines(keepends=True)
        # Complete lines only: the last one may have been cut off.
        acknowledged = max([acknowledged, *(int(s) for s in lines if s.endswith("\n"))])
        with Journal.open(place, durability) as journal:
            assert journal.count >= acknowledged
            assert journal.count % 3 == 0
            assert journal.verify() == journal.count
            assert all(r.commands == (Cancel(r.seq),) for r in journal.records())
            acknowledged = journal.count

    assert acknowledged > 8


FULL_DISK = """
import resource, sys
from engine.commands import Cancel
from engine.inputs import ErrorReported
from engine.journal import Journal, JournalFailed
journal = Journal.open(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
committed = 0
try:
    while True:
        journal.append(committed, [ErrorReported(1, 399, "text" * 200)], [Cancel(1)])
        journal.commit()
        committed += 1
except JournalFailed as problem:
    print(committed)
    print(problem)
journal.append(committed, [], [Cancel(2)])
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
for call in (journal.commit, journal.checkpoint, journal.recover):
    try:
        call()
    except JournalFailed as problem:
        print(problem)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
journal.recover()
print(journal.failure, journal.pending)
journal.append(committed, [], [Cancel(3)])
journal.close()
"""


def test_a_full_disk_keeps_what_was_durable_and_gets_the_rest_when_it_has_room(
    place: Path,
) -> None:
    result = run(FULL_DISK, place, 200_000)

    committed, *problems, recovered = result.stdout.splitlines()
    assert result.stderr == ""
    assert len(problems) == 4
    assert len(set(problems[:3])) == 1
    assert all(problem.startswith(f"{place}: cannot be written (") for problem in problems)
    assert all(problem.endswith("); mend the disk") for problem in problems)
    assert recovered == "None False"
    with Journal.open(place) as journal:
        assert int(committed) > 10
        assert journal.count == int(committed) + 3
        assert journal.verify() == journal.count
        *_, refused, meanwhile, after = journal.records()
    assert (refused.commands, meanwhile.commands) == ((Cancel(1),), (Cancel(2),))
    assert after.commands == (Cancel(3),)

"""``engine journal``: proven, shown, exported, also while an engine writes."""

from __future__ import annotations

import json
import os
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from engine.cli.journal import Wanted, check, export, show
from engine.codec import step_from_json
from engine.errors import UserError
from engine.journal import Journal
from engine.journal_chain import JournalReader
from engine.journal_store import archives
from engine.snapshots import snapshot_paths
from tests.runtime.test_snapshots import Kept, damage

ROOT = Path(__file__).parents[2]


def shell(*words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "engine.cli", "journal", *map(str, words)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "J"


def edit(path: Path, statement: str) -> None:
    connection = sqlite3.connect(path)
    with connection:
        connection.execute(statement)
    connection.close()


# -- check -------------------------------------------------------------------------------------


def test_a_whole_journal_is_said_to_be_whole(place: Path) -> None:
    count = Kept(place, snaps=(6, 12), turns=(6,)).count
    done = shell("check", place)

    assert done.returncode == 0
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        f"records 1 to {count} in 2 files: the chain holds",
        f"the last commit, record {count}, is there",
        f"J-snapshot-000000000012: whole, a start replays {count - 12} records",
        f"J-snapshot-000000000006: whole, a start replays {count - 6} records",
    ]


def test_the_first_damage_is_named_and_the_exit_code_is_1(place: Path) -> None:
    Kept(place, snaps=())
    edit(place, "UPDATE record SET payload = payload || ' ' WHERE seq IN (5, 9)")
    done = shell("check", place)

    assert done.returncode == 1
    assert (
        done.stdout.splitlines()[0]
        == f"DAMAGED: {place}: the chain breaks at record 5: it was changed; restore a copy"
    )


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("DELETE FROM record WHERE seq = 4", "record 4 is missing"),
        ("DELETE FROM record WHERE seq > 7", "records were durable, 7 are here"),
        ("UPDATE record SET payload = 'text' WHERE seq = 2", "the chain breaks at record 2"),
    ],
)
def test_what_is_missing_or_changed_is_found(
    place: Path, statement: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Kept(place, snaps=())
    edit(place, statement)

    assert check(place) == 1
    assert words in capsys.readouterr().out


def test_a_damaged_archive_is_found(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Kept(place, snaps=(6,), turns=(6,))
    archive = archives(place)[0].path
    edit(archive, "UPDATE record SET payload = payload || ' ' WHERE seq = 2")

    assert check(place) == 1
    assert f"DAMAGED: {archive}: the chain breaks at record 2" in capsys.readouterr().out


def test_archives_may_be_elsewhere(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    count = Kept(place, snaps=(6, 12), turns=(6, 12)).count
    archives(place)[0].path.unlink()
    assert check(place) == 0
    assert f"records 7 to {count} in 2 files: the chain holds (those before are" in (
        capsys.readouterr().out
    )
    archives(place)[0].path.unlink()
    assert check(place) == 0
    assert f"records 13 to {count}: the chain holds (those" in capsys.readouterr().out


def test_a_damaged_snapshot_and_head_are_found(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Kept(place, snaps=(6, 12))
    damage(snapshot_paths(place)[0])
    assert check(place) == 1
    assert f"DAMAGED: {snapshot_paths(place)[0]}: is damaged" in capsys.readouterr().out
    place.with_name("J-head").write_text("nonsense")
    assert check(place) == 1
    assert "J-head: cannot be read; remove it if" in capsys.readouterr().out


def test_an_empty_journal_is_whole(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Journal.open(place).close()
    assert check(place) == 0
    assert capsys.readouterr().out.startswith("no records\n")


@pytest.mark.parametrize("what", ["check", "show", "export"])
def test_what_is_no_journal_is_the_users_mistake(tmp_path: Path, what: str) -> None:
    done = shell(what, tmp_path / "nothing")
    assert (done.returncode, done.stderr) == (
        2,
        f"engine: {tmp_path / 'nothing'}: there is no journal\n",
    )


def test_looking_changes_nothing_and_needs_no_lock(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Beside an engine that writes, after one that was killed, and at rest."""
    kept = Kept(place, snaps=())
    with Journal.open(place) as journal:
        journal.append(1, [], [])
        journal.commit()
        assert check(place) == 0
        with JournalReader(place) as reader:
            assert reader.count == kept.count + 1
        journal.append(2, [], [])
        journal.commit()
        copies = {p: p.read_bytes() for p in place.parent.iterdir() if "-shm" not in p.name}
    for path in place.parent.iterdir():
        path.unlink()
    for path, content in copies.items():
        path.write_bytes(content)
    assert place.with_name("J-wal").stat().st_size > 0
    assert check(place) == 0
    assert f"records 1 to {kept.count + 2}: the chain holds" in capsys.readouterr().out
    for path, content in copies.items():
        assert path.read_bytes() == content
    with Journal.open(place) as journal:
        assert journal.verify() == kept.count + 2
    before = {path.name: path.read_bytes() for path in place.parent.iterdir()}
    assert check(place) == 0
    assert {path.name: path.read_bytes() for path in place.parent.iterdir()} == before


# -- show --------------------------------------------------------------------------------------


def shown(capsys: pytest.CaptureFixture[str], place: Path, **wanted: object) -> list[str]:
    assert show(place, Wanted(**wanted)) == 0  # type: ignore[arg-type]
    return capsys.readouterr().out.splitlines()


def test_every_input_and_command_has_a_line(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = Kept(place, snaps=(6,), turns=(6,))
    lines = shown(capsys, place)
    inputs = sum(len(one) for _, one in kept.desk.records)
    commands = sum(map(len, kept.desk.answers))

    assert len(lines) == inputs + commands
    assert lines[0].startswith("1 2024-03-05 14:31:00.000 in  Started - run=sx1 version=test ")
    place_line = next(line for line in lines if " out Place " in line)
    assert " out Place AAPL order_id=" in place_line
    assert "spec(action=BUY quantity=100 order_type=MKT " in place_line


def test_lines_are_chosen_by_symbol_and_type(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Kept(place, snaps=())
    everything = shown(capsys, place)
    of_msft = shown(capsys, place, symbols=("MSFT",))
    assert 0 < len(of_msft) < len(everything)
    # Statuses name an order only; whose it is was said when it was placed.
    assert any(" OrderStatusReported MSFT " in line for line in of_msft)
    assert not any(" AAPL " in line for line in of_msft)
    fills = shown(capsys, place, kinds=("executionreported", "Place"))
    assert {line.split()[4] for line in fills} == {"ExecutionReported", "Place"}
    assert len(shown(capsys, place, symbols=("MSFT",), kinds=("Place",))) == 3
    assert shown(capsys, place, symbols=("TSLA",)) == []


def test_the_last_lines_are_the_last(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kept = Kept(place, snaps=(6,), turns=(6,))
    everything = shown(capsys, place)
    assert shown(capsys, place, last=3) == everything[-3:]
    assert shown(capsys, place, last=10_000) == everything
    places = shown(capsys, place, kinds=("Place",))
    assert shown(capsys, place, kinds=("Place",), last=2) == places[-2:]
    tail = shown(capsys, place, after=kept.count - 1)
    assert {line.split()[0] for line in tail} == {str(kept.count)}


def test_a_reader_that_has_enough_is_no_error(place: Path) -> None:
    Kept(place, snaps=())
    done = subprocess.run(
        f"{sys.executable} -m engine.cli journal show {place} | head -1",
        shell=True,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.count("\n") == 1
    assert done.stderr == ""


# -- export ------------------------------------------------------------------------------------


def test_an_export_has_every_record_as_it_was_written(place: Path, tmp_path: Path) -> None:
    kept = Kept(place, snaps=(6,), turns=(6,))
    target = tmp_path / "out.jsonl"
    assert export(place, target, after=0) == 0
    rows = [json.loads(line) for line in target.read_text().splitlines()]

    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert [row["seq"] for row in rows] == list(range(1, kept.count + 1))
    with JournalReader(place) as reader:
        assert [row["hash"] for row in rows] == [one.hash.hex() for one in reader.records()]
    for row, (now_ns, inputs), answer in zip(
        rows, kept.desk.records, kept.desk.answers, strict=True
    ):
        step = {name: row[name] for name in ("commands", "inputs", "now_ns")}
        assert step_from_json(json.dumps(step).encode()) == (now_ns, inputs, tuple(answer))


def test_an_export_goes_to_standard_output_unless_told(place: Path) -> None:
    kept = Kept(place, snaps=())
    done = shell("export", place, "--after", kept.count - 2)
    assert done.returncode == 0
    assert [json.loads(line)["seq"] for line in done.stdout.splitlines()] == [
        kept.count - 1,
        kept.count,
    ]


def test_an_export_overwrites_nothing(place: Path, tmp_path: Path) -> None:
    Kept(place, snaps=())
    target = tmp_path / "out.jsonl"
    target.write_text("mine")
    with pytest.raises(UserError, match="is there already; name a new file"):
        export(place, target, after=0)
    assert target.read_text() == "mine"
    with pytest.raises(UserError, match="cannot be written"):
        export(place, tmp_path / "no" / "folder", after=0)


def test_help_names_the_three() -> None:
    told = shell("--help").stdout
    assert all(word in told for word in ("check", "show", "export"))
    assert os.linesep in told

"""A journal decided once more: by the same engine, and by one that decides otherwise."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import attrs
import pytest

from engine import snapshots
from engine.codec import step_from_json, step_to_json
from engine.commands import Place
from engine.errors import JournalError, UserError
from engine.inputs import ErrorReported
from engine.journal import Journal
from engine.journal_files import head_path
from engine.journal_store import archives, chained
from engine.replay.decider import Decider, Failed
from engine.replay.other_version import OtherVersion
from engine.replay.replay import FORMS_DIFFER, replay
from engine.snapshots import read_snapshot, snapshot_paths
from tests.sim.test_virtual import Day

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of an engine that traded two symbols, both sides of one."""
    place = tmp_path_factory.mktemp("replay") / "J"
    day = Day(journal=Journal.open(place))
    day.signal(60, "IBM", "BUY")
    day.signal(90, "SPY", "SHORT")
    day.signal(150, "IBM", "SELL")
    day.signal(240, "IBM", "SHORT")
    day.run(300)
    return place


@pytest.fixture
def changed(journal: Path, tmp_path: Path) -> Callable[[int, Callable[[bytes], bytes]], Path]:
    """A copy in which a record is another one, under hashes that fit."""

    def change(seq: int, edit: Callable[[bytes], bytes]) -> Path:
        place = tmp_path / "J"
        shutil.copy(journal, place)
        connection = sqlite3.connect(place)
        rows = connection.execute("SELECT seq, hash, payload FROM record ORDER BY seq").fetchall()
        digest = rows[seq - 2][1]
        for number, _, payload in rows[seq - 1 :]:
            told = edit(payload) if number == seq else payload
            digest = chained(digest, told)
            connection.execute(
                "UPDATE record SET hash = ?, payload = ? WHERE seq = ?", (digest, told, number)
            )
        connection.commit()
        connection.close()
        return place

    return change


@pytest.fixture(scope="module")
def version(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """A checkout of the engine in which words of a file are others."""

    def make(file: str, old: str, new: str) -> Path:
        place = tmp_path_factory.mktemp("version")
        for name in ("engine", "statecharts", "_fast"):
            ignored = shutil.ignore_patterns("__pycache__", "*.pyx")
            shutil.copytree(ROOT / name, place / name, ignore=ignored)
        (place / ".venv").symlink_to(sys.prefix)
        text = (place / file).read_text()
        assert text.count(old) == 1, "the engine has changed; write the change anew"
        (place / file).write_text(text.replace(old, new))
        return place

    return make


@pytest.fixture(scope="module")
def wider(version: Callable[..., Path]) -> Path:
    """A version whose stops are a dollar lower."""
    stop = "self.plan.stop_at(self.basis, grid)"
    return version("engine/contexts.py", f"max({stop}, ", f"max({stop} - 1, ")


def shell(*words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "engine.cli", "replay", *map(str, words)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def first_place(place: Path) -> int:
    with Journal.open(place) as journal:
        return next(
            one.seq for one in journal.records() if any(isinstance(c, Place) for c in one.commands)
        )


def smaller(payload: bytes) -> bytes:
    """The same record with one share less in its first order."""
    now_ns, inputs, commands = step_from_json(payload)
    spec = commands[0].spec
    less = attrs.evolve(commands[0], spec=attrs.evolve(spec, quantity=spec.quantity - 1))
    return step_to_json(now_ns, inputs, (less, *commands[1:]))


# -- one version -------------------------------------------------------------------------------


def test_the_same_engine_decides_the_same_to_the_last_bit(journal: Path) -> None:
    found = replay(journal)

    assert found.differences == []
    assert found.runs == ["0.1.0"]
    assert found.snapshots == [found.records]  # of the end of the run
    assert found.unequal == []


def test_a_recorded_order_that_is_not_what_follows_is_shown(
    changed: Callable[..., Path], journal: Path
) -> None:
    seq = first_place(journal)
    found = replay(changed(seq, smaller))
    (difference,) = found.differences

    assert (difference.seq, difference.symbols, difference.follows) == (seq, ("IBM",), None)
    (pair,) = difference.pairs
    assert [one.rpartition(" ")[2] for one in pair] == ["quantity=99", "quantity=100"]


def test_later_differences_may_follow_from_the_first(
    changed: Callable[..., Path], journal: Path
) -> None:
    """An order that was never decided on is unknown from there on."""
    seq = first_place(journal)

    def unheard(payload: bytes) -> bytes:
        now_ns, _, commands = step_from_json(payload)
        return step_to_json(now_ns, (), commands)

    first, *later = replay(changed(seq, unheard)).differences

    assert (first.seq, first.follows) == (seq, None)
    assert later
    assert {one.follows for one in later} == {seq}


def test_text_that_came_garbled_is_replayed(changed: Callable[..., Path], journal: Path) -> None:
    """The journal keeps it in a form of its own, which plain readers of JSON refuse."""

    def garbled(payload: bytes) -> bytes:
        now_ns, inputs, commands = step_from_json(payload)
        return step_to_json(now_ns, (*inputs, ErrorReported(-1, 2174, "zone \udcff")), commands)

    found = replay(changed(first_place(journal), garbled))

    assert (found.differences, found.records) == ([], replay(journal).records)


def test_a_record_that_was_changed_breaks_the_chain(journal: Path, tmp_path: Path) -> None:
    place = tmp_path / "J"
    shutil.copy(journal, place)
    connection = sqlite3.connect(place)
    with connection:
        connection.execute("UPDATE record SET payload = payload || ' ' WHERE seq = 5")
    connection.close()

    with pytest.raises(JournalError, match="the chain breaks at record 5"):
        replay(place)


def test_a_state_that_its_snapshot_does_not_equal_is_told(journal: Path, tmp_path: Path) -> None:
    for path in (journal, *snapshot_paths(journal)):
        shutil.copy(path, tmp_path / path.name)
    (path,) = snapshot_paths(tmp_path / "J")
    kept = read_snapshot(path)
    other = kept.image.replace(b'"a1b2c3"', b'"a1b2c4"', 1)
    assert other != kept.image
    path.write_bytes(snapshots._to_bytes(attrs.evolve(kept, image=other)))
    found = replay(tmp_path / "J")

    assert found.differences == []
    assert found.unequal == found.snapshots == [kept.count]


def test_without_its_first_archive_a_journal_begins_with_a_snapshot(tmp_path: Path) -> None:
    place = tmp_path / "J"
    day = Day(journal=Journal.open(place))
    day.signal(60, "IBM", "BUY")
    day.run(120)
    with Journal.open(place) as journal:
        assert journal.rotate()
    again = Day(tws=day.tws, journal=Journal.open(place))
    again.signal(1, "SPY", "BUY")
    again.run(60)
    whole = replay(place)
    for one in archives(place):
        one.path.unlink()
    rest = replay(place)

    assert rest.first > whole.first == 1
    assert rest.digest == whole.digest
    assert rest.differences == whole.differences == []
    for path in snapshot_paths(place):
        path.unlink()
    with pytest.raises(JournalError, match="put the archives back"):
        replay(place)


# -- two versions ------------------------------------------------------------------------------


def test_each_difference_of_another_version_stands_for_itself(journal: Path, wider: Path) -> None:
    with closing(OtherVersion(wider)) as other:
        found = replay(journal, other)

    assert found.differences
    assert all(one.other and one.follows is None for one in found.differences)
    places = [pair for one in found.differences for pair in one.pairs if "Place" in pair[0]]
    prices = [[float(side.rpartition("aux_price=")[2]) for side in pair] for pair in places]
    assert len(prices) == 2  # the stop of each trade, and nothing else of them
    assert [round(was - now, 2) for was, now in prices] == [1.0] * 2
    assert found.snapshots
    assert found.unequal == []


def test_the_version_that_wrote_it_may_be_the_other_one(
    journal: Path, wider: Path, tmp_path: Path
) -> None:
    """This engine decides otherwise; the other one's state puts it right."""
    command = [wider / ".venv/bin/python", "-c", _TRADE, tmp_path / "J"]
    subprocess.run(command, cwd=wider, check=True, timeout=120)
    with closing(OtherVersion(wider)) as other:
        found = replay(tmp_path / "J", other)

    assert found.differences
    assert not any(one.other or one.follows for one in found.differences)


_TRADE = """
import sys
from engine.config import from_mapping
from engine.engine import Engine
from engine.journal import Journal
from engine.sim.launch import generated
from engine.sim.memory import MemoryTws
from engine.sim.virtual import VirtualTransport
exchange, market = generated(["IBM"], seed=7, ticks_per_s=0.5)
transport = VirtualTransport(MemoryTws(exchange, market))
strategy = {"symbols": ["IBM"], "sizing": {"shares": 100}, "stop": {"percent": 2.0}}
settings, journal = from_mapping({"strategy": strategy}), Journal.open(sys.argv[1])
engine = Engine(settings, journal, transport=transport, run="a1b2c3")
said = {"ticker": "IBM", "signal": "BUY", "confidence": 0.9}
transport.at(exchange.now_ns + 60 * 10**9, lambda: engine.publish(said))
transport.at(exchange.now_ns + 90 * 10**9, engine.stop)
engine.run()
"""


def test_states_of_another_form_cannot_be_taken_over_and_that_is_said(
    journal: Path, version: Callable[..., Path]
) -> None:
    place = version(
        "engine/state.py",
        '    run: str = ""',
        '    another: int = 0\n    run: str = ""',
    )
    text = (place / "engine/contexts.py").read_text()
    stop = "self.plan.stop_at(self.basis, grid)"
    (place / "engine/contexts.py").write_text(text.replace(f"max({stop}, ", f"max({stop} - 1, "))
    with closing(OtherVersion(place)) as other:
        found = replay(journal, other)

    assert found.notes == [FORMS_DIFFER]
    assert found.differences[0].follows is None
    assert any(one.follows for one in found.differences)


def test_a_version_that_fails_at_a_record_is_a_difference(
    journal: Path, version: Callable[..., Path]
) -> None:
    place = version(
        "engine/core.py",
        "        for item in inputs:\n",
        '        assert not any(type(one).__name__ == "SignalArrived" for one in inputs), "no"\n'
        "        for item in inputs:\n",
    )
    with closing(OtherVersion(place)) as other:
        found = replay(journal, other)

    assert [one.pairs for one in found.differences] == [
        (("", "cannot decide: AssertionError: no"),)
    ] * 4
    assert all(one.follows is None for one in found.differences)


def test_who_cannot_decide_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="has no Python interpreter"):
        OtherVersion(tmp_path)
    (tmp_path / "python").touch()
    with pytest.raises(UserError, match="cannot be started"):
        OtherVersion(tmp_path / "python")
    (tmp_path / "engine/replay").mkdir(parents=True)
    for name in ("engine/__init__.py", "engine/replay/__init__.py"):
        (tmp_path / name).touch()
    (tmp_path / "engine/replay/decider.py").write_text("import nowhere\n")
    (tmp_path / ".venv").symlink_to(sys.prefix)
    with pytest.raises(UserError, match=r"does not decide: .*No module named 'nowhere'"):
        OtherVersion(tmp_path)


def test_a_state_that_is_none_is_not_taken_over() -> None:
    with pytest.raises(Failed, match="cannot be read"):
        Decider().go_on_from(b"[]")


# -- the command -------------------------------------------------------------------------------


def test_the_command_says_what_holds(journal: Path) -> None:
    done = shell(journal)

    assert (done.returncode, done.stderr) == (0, "")
    first, *rest = done.stdout.splitlines()
    assert first.startswith("records 1 to ")
    assert "runs: 1 by 0.1.0" in first
    assert rest[0] == "this version: every decision as it was recorded"
    assert rest[1].endswith("is equal, bit for bit")
    assert rest[2] == f"state {replay(journal).digest}"


def test_the_command_shows_what_another_version_would_do(
    journal: Path, wider: Path, tmp_path: Path
) -> None:
    report = tmp_path / "report.json"
    done = shell(journal, "--against", wider, "--json", report)

    assert (done.returncode, done.stderr) == (1, "")
    told = json.loads(report.read_bytes())
    assert f"{wider}: {len(told['differences'])} records decided otherwise" in done.stdout
    lines = done.stdout.splitlines()
    at = next(number for number, line in enumerate(lines) if "Place" in line)
    assert lines[at].startswith("    recorded  Place ")
    assert lines[at + 1].startswith("    other     Place ")


def test_a_journal_that_has_lost_its_end_is_damaged(journal: Path, tmp_path: Path) -> None:
    for path in (journal, head_path(journal)):
        shutil.copy(path, tmp_path / path.name)
    with closing(sqlite3.connect(tmp_path / "J")) as connection:
        ((count,),) = connection.execute("SELECT max(seq) FROM record").fetchall()
        connection.execute("DELETE FROM record WHERE seq > ?", (count - 3,))
        connection.commit()
    done = shell(tmp_path / "J")

    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert f"{count} records were durable, {count - 3} are here" in done.stderr


def test_json_on_standard_output_stands_alone_there(journal: Path) -> None:
    done = shell(journal, "--json", "-")

    assert json.loads(done.stdout)["differences"] == []
    assert "this version: every decision as it was recorded" in done.stderr


def test_a_report_does_not_go_over_the_journal(journal: Path) -> None:
    before = journal.read_bytes()
    done = shell(journal, "--json", journal)

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"engine: {journal}: is used here; name another file to write\n"
    assert journal.read_bytes() == before


def test_the_command_refuses_what_is_not_there(tmp_path: Path) -> None:
    done = shell(tmp_path / "J")

    assert done.returncode == 2
    assert done.stderr == f"engine: {tmp_path / 'J'}: there is no journal\n"

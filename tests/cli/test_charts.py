"""``engine charts export``: pictures without a program from elsewhere, and what was ever taken."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from engine.cli.taken import of_journal, of_report, taken
from engine.errors import UserError
from engine.journal import Journal
from engine.verify.rows import every, tree
from tests.cli.conftest import Here, command, environment
from tests.sim.test_virtual import Day


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of two trades, one of which has ended."""
    place = tmp_path_factory.mktemp("charts") / "J"
    day = Day(journal=Journal.open(place))
    day.signal(60, "IBM", "BUY")
    day.signal(90, "SPY", "SHORT")
    day.signal(150, "IBM", "SELL")
    day.run(200)
    return place


def test_drawings_need_no_other_program(tmp_path: Path) -> None:
    done = subprocess.run(
        command("charts", "export", tmp_path, "--format", "svg"),
        env={**environment(), "PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 5
    assert (tmp_path / "context.svg").read_text("utf-8").startswith("<svg ")


def test_the_rows_of_a_journal_are_counted(journal: Path) -> None:
    counts = of_journal(journal)
    assert counts["context", "flat", "entry_requested"] == 2
    assert counts["context", "entering", "entry_filled"] == 2
    assert counts["context", "protected", "close_requested"] == 1
    assert ("context", "protected", "truth_lost") not in counts
    assert counts["order asked", "draft", "place"] == 7
    assert set(counts) <= set(every())


def test_counts_of_several_are_added(journal: Path, tmp_path: Path) -> None:
    once = of_journal(journal)
    for name, data in (("tree", tree(once)), ("report", {"rows": tree(once), "seeds": 3})):
        (tmp_path / name).write_text(json.dumps(data))
        assert of_report(tmp_path / name) == once
    both = taken([journal, tmp_path / "tree"])
    assert both == {row: 2 * times for row, times in once.items()}


def test_pictures_and_pages_show_what_a_journal_has_taken(here: Here, journal: Path) -> None:
    done = here("charts", "export", "out", "--format", "svg", "--taken", journal, journal)
    assert done.code == 0, done.err
    text = (here.folder / "out" / "context.svg").read_text("utf-8")
    assert "entry_requested 4; from flat 4" in text
    assert "never truth_regained; from never frozen" in text
    done = here("charts", "export", "out", "--taken", journal)
    assert done.code == 0, done.err
    page = (here.folder / "out" / "context.md").read_text("utf-8")
    assert "entering (2)" in page
    assert "Never: " in page


@pytest.mark.parametrize(
    ("name", "said"),
    [("gone", "No such file"), ("text", "cannot be read"), ("other", "is no count of rows")],
)
def test_a_file_of_another_kind_is_said(tmp_path: Path, name: str, said: str) -> None:
    (tmp_path / "text").write_text("hello")
    (tmp_path / "other").write_text('{"a": [1]}')
    with pytest.raises(UserError, match=said):
        taken([tmp_path / name])


def test_a_directory_that_cannot_be_written_is_one_line(here: Here) -> None:
    (here.folder / "file").write_text("")
    done = here("charts", "export", "file", "--format", "svg")
    assert (done.code, done.err.count(os.linesep)) == (2, 1)
    assert "cannot be written" in done.err

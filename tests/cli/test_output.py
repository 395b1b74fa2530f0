"""Standard output that refuses: a disk that is full, a reader that has enough, nobody at all."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import command, environment
from tests.runtime.test_snapshots import Kept

SETTINGS = '[strategy]\nsymbols = ["IBM"]\nstop = {percent = 1.0}\n'
FULL = "engine: standard output cannot be written: No space left on device\n"


@pytest.fixture
def folder(tmp_path: Path, ticks: Callable[..., Path]) -> Path:
    ticks(minutes=3)
    (tmp_path / "s.toml").write_text(SETTINGS)
    Kept(tmp_path / "J", snaps=())
    return tmp_path


def shell(folder: Path, words: str, end: str) -> subprocess.CompletedProcess[str]:
    line = " ".join(command(*words.split()))
    return subprocess.run(
        ["bash", "-c", f"set -o pipefail; {line} {end}"],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


TICKS = "IBM-20240103.csv"
WORDS = [
    "--version",
    "check s.toml",
    "schema",
    f"backtest s.toml --ticks {TICKS} --json -",
    "simulate --seeds 1..1 --hours 0.05",
    "verify --max-states 200 --jobs 1",
    "journal show J",
    "journal export J",
    "report J",
]


@pytest.mark.parametrize("words", WORDS)
def test_a_full_disk_is_one_line(folder: Path, words: str) -> None:
    done = shell(folder, words, "> /dev/full")

    assert done.returncode == 2, done
    assert "Traceback" not in done.stderr
    assert done.stderr.count("engine: ") == 1
    assert done.stderr.endswith(FULL)


@pytest.mark.parametrize("words", [*WORDS[:4], *WORDS[-2:]])
def test_a_reader_that_has_enough_is_quiet(folder: Path, words: str) -> None:
    done = shell(folder, words, "| true")

    assert done.returncode in (0, 141), done  # it may have been taken before the reader left
    assert "Traceback" not in done.stderr
    assert "rror" not in done.stderr
    assert "Exception" not in done.stderr


def test_a_reader_that_is_gone_is_told_by_the_exit_code(folder: Path) -> None:
    """As a shell has it of what SIGPIPE ended."""
    reads, writes = os.pipe()
    os.close(reads)
    done = subprocess.run(
        command("check", "s.toml"),
        cwd=folder,
        env=environment(),
        stdout=writes,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(writes)
    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.parametrize("end", [">&-", "2>&-", ">&- 2>&-", "2> /dev/full"])
def test_who_closes_the_outputs_wants_to_hear_nothing(folder: Path, end: str) -> None:
    assert shell(folder, "check s.toml", end).returncode == 0
    done = shell(folder, "check none.toml", end)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("end", ["> /dev/full", "> /dev/full 2> /dev/full", ">&-", "| true"])
def test_a_run_goes_on_without_its_output(folder: Path, end: str) -> None:
    """It guards positions, seen or not."""
    words = f"run --config s.toml --ticks {TICKS} --speed 2000 --json R.json"
    done = shell(folder, words, end)

    assert done.returncode == 0, done
    assert "Traceback" not in done.stderr
    assert (folder / "R.json").exists()
    assert ("going on without it" in done.stderr) == (end in ("> /dev/full", "| true"))

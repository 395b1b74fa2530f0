"""A file that pulls the kill switch."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from engine.halt_file import HaltFile
from engine.inputs import HaltRequested


@pytest.mark.parametrize(
    ("text", "level", "why"),
    [
        ("", 2, "j.halt is there"),
        ("3", 3, "j.halt is there"),
        ("1 lunch\n", 1, "lunch"),
        ("get  out\nof it", 2, "get out of it"),
        ("4 what", 2, "4 what"),
        ("0", 2, "0"),
        ("3" * 5_000, 2, "3" * 400),
    ],
)
def test_it_says_a_level_and_why(tmp_path: Path, text: str, level: int, why: str) -> None:
    path = tmp_path / "j.halt"
    path.write_text(text)
    assert HaltFile(path).look() == [HaltRequested(level, "file", why)]


def test_each_file_is_heard_once(tmp_path: Path) -> None:
    path = tmp_path / "j.halt"
    file = HaltFile(path)
    assert file.look() == []
    path.write_text("1 a")
    assert [len(file.look()) for _ in range(3)] == [1, 0, 0]
    os.utime(path, ns=(1, 1))  # touched, or written anew
    assert [len(file.look()) for _ in range(2)] == [1, 0]
    path.unlink()
    assert file.look() == []
    path.write_text("1 a")
    assert len(file.look()) == 1


def test_bytes_that_are_no_text_and_a_directory_halt_as_well(tmp_path: Path) -> None:
    path = tmp_path / "j.halt"
    path.write_bytes(b"\xff\xfe\x00")
    assert [one.level for one in HaltFile(path).look() if isinstance(one, HaltRequested)] == [2]
    path.unlink()
    path.mkdir()
    (said,) = HaltFile(path).look()
    assert isinstance(said, HaltRequested)
    assert "cannot be read" in said.why


def test_it_is_heard_where_it_was_named_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program may go to another folder."""
    monkeypatch.chdir(tmp_path)
    file = HaltFile(Path("J.halt"))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    (tmp_path / "J.halt").write_text("3 get out")
    assert file.look() == [HaltRequested(3, "file", "get out")]

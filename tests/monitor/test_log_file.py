"""A file of lines: whole lines or none, a new file each day and at its size, and never too many."""

from __future__ import annotations

import errno
import os
import stat
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from engine.errors import UserError
from engine.monitor.log_file import LogFile


class Days:
    """A calendar that a test turns."""

    def __init__(self) -> None:
        self.day = datetime.now(UTC).date()

    def __call__(self) -> date:
        return self.day

    def turn(self) -> None:
        self.day = date.fromordinal(self.day.toordinal() + 1)


def texts(path: Path) -> list[str]:
    """Of the file and of those that were put away, the newest first."""
    names = [path, *(path.with_name(f"{path.name}.{n}") for n in range(1, 20))]
    return [one.read_text() for one in names if one.exists()]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "engine.log"


def test_it_is_put_away_before_it_grows_too_large(path: Path) -> None:
    file = LogFile(path, bytes_max=10, files_max=3)
    for number in range(6):
        file.write(f"line{number}\n".encode())
    assert texts(path) == ["line5\n", "line4\n", "line3\n"]
    assert len(list(path.parent.iterdir())) == 3


def test_it_is_put_away_when_a_day_begins(path: Path) -> None:
    days = Days()
    file = LogFile(path, bytes_max=1000, files_max=5, today=days)
    file.write(b"one\n")
    file.write(b"two\n")
    days.turn()
    file.write(b"three\n")
    file.write(b"four\n")
    assert texts(path) == ["three\nfour\n", "one\ntwo\n"]


def test_an_empty_file_is_not_put_away(path: Path) -> None:
    days = Days()
    file = LogFile(path, bytes_max=1000, files_max=5, today=days)
    file.check()
    days.turn()
    file.write(b"one\n")
    file.write(b"two\n")
    assert texts(path) == ["one\ntwo\n"]


def test_what_is_there_from_yesterday_is_put_away_and_from_today_goes_on(path: Path) -> None:
    path.write_text("old\n")
    os.utime(path, (0, 0))
    LogFile(path, bytes_max=1000, files_max=5).write(b"new\n")
    assert texts(path) == ["new\n", "old\n"]
    LogFile(path.with_name("other"), bytes_max=1000, files_max=5).write(b"more\n")
    second = LogFile(path.with_name("other"), bytes_max=1000, files_max=5)
    with pytest.raises(BlockingIOError):  # the first has not been closed
        second.write(b"less\n")


def test_only_its_user_may_read_it(path: Path) -> None:
    LogFile(path, bytes_max=1000, files_max=5).write(b"x\n")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_somebody_else_may_put_it_away(path: Path) -> None:
    file = LogFile(path, bytes_max=1000, files_max=5)
    file.write(b"one\n")
    path.rename(path.with_name("taken"))
    file.write(b"two\n")
    assert path.read_text() == "two\n"
    path.unlink()
    file.write(b"three\n")
    assert path.read_text() == "three\n"


def test_half_a_line_of_a_power_cut_does_not_spoil_the_next(path: Path) -> None:
    path.write_text("half")
    file = LogFile(path, bytes_max=1000, files_max=5)
    file.check()
    file.write(b"whole\n")
    assert path.read_text() == "half\nwhole\n"


def test_a_full_disk_leaves_no_half_line(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = LogFile(path, bytes_max=1000, files_max=5)
    file.write(b"one\n")
    write, room = os.write, [3]

    def cramped(fd: int, data: bytes) -> int:
        if not room[0]:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        room[0] -= (taken := min(room[0], len(data)))
        return write(fd, bytes(data)[:taken])

    monkeypatch.setattr(os, "write", cramped)
    with pytest.raises(OSError, match="No space"):
        file.write(b"two\n")
    assert path.read_text() == "one\n"
    room[0] = 1000
    file.write(b"three\n")
    assert path.read_text() == "one\nthree\n"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("missing/engine.log", "No such file or directory"),
        ("folder", "Is a directory"),
        ("taken", "another engine writes its log there"),
    ],
)
def test_what_cannot_be_written_is_said_in_one_line(tmp_path: Path, name: str, said: str) -> None:
    (tmp_path / "folder").mkdir()
    other = LogFile(tmp_path / "taken", bytes_max=1000, files_max=5)
    other.check()
    with pytest.raises(UserError, match=said) as problem:
        LogFile(tmp_path / name, bytes_max=1000, files_max=5).check()
    assert str(problem.value).startswith(str(tmp_path / name))
    other.close()


def test_a_directory_that_allows_no_second_file_is_said(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(UserError, match="could not be put away"):
        LogFile(path, bytes_max=1000, files_max=5).check()

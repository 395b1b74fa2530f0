"""Reports on disk: whole, private where asked, or one clear line."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from engine.errors import UserError
from engine.monitor.files import check_outputs, check_writable, write_json, write_whole


def test_a_report_replaces_the_one_before(tmp_path: Path) -> None:
    path = tmp_path / "out.json"
    path.write_text("x" * 10_000)

    write_json(path, {"a": 1})

    assert json.loads(path.read_bytes()) == {"a": 1}
    assert [one.name for one in tmp_path.iterdir()] == ["out.json"]


def test_what_cannot_be_written_leaves_the_old_file(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "kept").write_text("kept")

    with pytest.raises(UserError, match="out: cannot be written"):
        write_whole(tmp_path / "out", b"new")

    assert (tmp_path / "out" / "kept").read_text() == "kept"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_private_file_is_private(tmp_path: Path) -> None:
    write_whole(tmp_path / "J-sim", b"{}", mode=0o600)

    assert stat.S_IMODE((tmp_path / "J-sim").stat().st_mode) == 0o600


def test_a_pipe_or_a_device_is_written_to_and_stays(tmp_path: Path) -> None:
    """A report to /dev/null of root must not make a file of it."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        check_writable(pipe)
        write_whole(pipe, b"new")
        assert os.read(reader, 9) == b"new"
    finally:
        os.close(reader)
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_what_a_link_leads_to_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("out")

    for body in (b"new", b"newer"):
        write_whole(tmp_path / "link", body)
        assert (tmp_path / "out").read_bytes() == body
    assert (tmp_path / "link").is_symlink()


def test_minus_is_standard_output(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    write_whole(Path("-"), b"new")

    assert capfdbinary.readouterr().out == b"new"


def test_whoever_has_read_enough_is_no_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    reads, writes = os.pipe()
    os.close(reads)
    with os.fdopen(writes, "w") as closed:
        monkeypatch.setattr("sys.stdout", closed)
        with pytest.raises(BrokenPipeError):
            write_whole(Path("-"), b"new")
        monkeypatch.undo()
        with pytest.raises(BrokenPipeError):
            closed.close()


def test_an_output_is_neither_read_nor_named_twice(tmp_path: Path) -> None:
    ticks, out = tmp_path / "ticks.csv", tmp_path / "out"
    ticks.touch()
    check_outputs([out, None, Path("/dev/null"), Path("/dev/null")], [ticks, None])

    with pytest.raises(UserError, match="is used here; name another file to write"):
        check_outputs([tmp_path / "." / "ticks.csv"], [ticks])
    for twice in (out, Path("-")):
        with pytest.raises(UserError, match="named for two outputs"):
            check_outputs([twice, None, twice], [ticks])


@pytest.mark.parametrize("name", ["missing/out.json", "."])
def test_a_place_without_hope_is_refused_before_the_run(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError):
        check_writable(tmp_path / name)
    check_writable(tmp_path / "out.json")
    check_writable(Path("-"))

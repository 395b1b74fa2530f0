"""Reports on disk: whole, private where asked, or one clear line."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from engine.errors import UserError
from engine.monitor.files import check_writable, write_json, write_whole


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


@pytest.mark.parametrize("name", ["missing/out.json", "."])
def test_a_place_without_hope_is_refused_before_the_run(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError):
        check_writable(tmp_path / name)
    check_writable(tmp_path / "out.json")
    check_writable(Path("-"))

"""``engine run --log``: a file, standard error, or both; and what it says when it cannot."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine.cli.options import RunOptions
from engine.cli.settings import settings_of
from engine.errors import ConfigError
from engine.monitor.log_settings import LogSettings
from tests.cli.conftest import Cli


@pytest.mark.slow
def test_a_run_writes_its_trades_and_no_account(engine: Cli) -> None:
    done = engine("run", "--for", "6s", "--flatten", "--log", "engine.log", "--log", "-")
    lines = (engine.folder / "engine.log").read_text().splitlines()
    found = [json.loads(line) for line in lines]

    assert done.code == 0, done.err
    trade = next(one["trade"] for one in found if one["type"] == "FillEvent")
    types = {one["type"] for one in found if one.get("trade") == trade}
    assert types >= {"ContextChangedEvent", "NewOrderEvent", "FillEvent", "PositionOpenEvent"}
    assert found[0]["text"].startswith("the log begins")
    assert found[-1]["text"] == "the log ends"
    assert "DU0000001" not in "".join(lines)
    assert len(done.err.splitlines()) == len(lines)
    assert f"trade={trade}" in done.err


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("no/engine.log", "no/engine.log: cannot be written: No such file or directory"),
        (".", ".: cannot be written: Is a directory"),
    ],
)
def test_a_log_that_cannot_be_written_is_one_line(engine: Cli, place: str, said: str) -> None:
    done = engine("run", "--for", "2s", "--log", place)

    assert (done.code, done.out) == (2, "")
    assert done.err == f"engine: {said}\n"


def test_a_disk_that_is_full_stops_nothing(engine: Cli) -> None:
    done = engine("run", "--for", "4s", "--log", "/dev/full")

    assert done.code == 0, done.err
    assert "the log cannot be written to /dev/full: No space left on device" in done.out
    assert "after 4 s as asked" in done.out


@pytest.mark.parametrize(
    ("log", "form", "known", "wanted"),
    [
        ((), None, "", None),
        (("a.log",), None, "", LogSettings(file="a.log")),
        (("-",), None, "", LogSettings(file="", stderr=True)),
        (("-", "a.log"), "json", "", LogSettings(file="a.log", stderr=True, form="json")),
        ((), None, "[log]", LogSettings()),
        ((), "console", "[log]", LogSettings(form="console")),
        (("-",), None, "[log]\nfiles_max = 3", LogSettings(stderr=True, files_max=3)),
        (("b.log",), None, '[log]\nlevel = "error"', LogSettings(file="b.log", level="error")),
    ],
)
def test_the_command_line_goes_on_top_of_the_file(
    tmp_path: Path, log: tuple[str, ...], form: str | None, known: str, wanted: LogSettings | None
) -> None:
    file = tmp_path / "s.toml"
    file.write_text(f'[strategy]\nsymbols = ["IBM"]\n{known}\n')
    options = RunOptions(config=file, log=log, log_form=form)  # type: ignore[arg-type]

    assert settings_of(options).config.log == wanted


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"log": ("a", "b")}, "--log b: there is one file, a"),
        ({"log_form": "json"}, "--log-form: there is no log"),
    ],
)
def test_what_cannot_be_meant_is_said(options: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        settings_of(RunOptions(**options))  # type: ignore[arg-type]


def test_a_table_that_names_no_place_is_a_mistake_with_its_line(engine: Cli) -> None:
    (engine.folder / "s.toml").write_text('[strategy]\nsymbols = ["IBM"]\n[log]\nfile = ""\n')
    done = engine("check", "s.toml")

    assert done.code == 2
    assert "log" in done.out + done.err
    assert "nowhere" in done.out + done.err

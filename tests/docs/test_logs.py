"""The page on the log: the trade that it follows is a real one, found by the commands it shows."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import attrs
import pytest

from engine.config import from_mapping
from engine.monitor.log import ITEMS_MAX
from engine.monitor.log_lines import IDS
from engine.monitor.log_settings import LogSettings
from tests.monitor.logged import signal, traded

PAGE = (Path(__file__).parents[2] / "docs" / "logs.md").read_text("utf-8")


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of the run that the page shows."""
    path = tmp_path_factory.mktemp("log") / "engine.log"
    traded(path, (60, signal("IBM", "BUY")), (150, signal("IBM", "SELL")))
    return path


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def found(command: str, log: Path) -> list[dict[str, Any]]:
    """What the first part of the line finds, in the file of the run."""
    grep = shlex.split(command.partition("|")[0])
    assert grep.pop() == log.name
    done = subprocess.run([*grep, log], capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def picked(command: str, line: dict[str, Any]) -> str:
    """What the second part shows of a line."""
    (wanted,) = re.findall(r"jq -r '\[(.*?)\] \| join\(\"  \"\)'", command)
    cells = {".time[11:23]": line["time"][11:23]}
    return "  ".join(
        cells.get(one, line.get(one.removeprefix("."), "")) for one in wanted.split(", ")
    )


def test_the_trade_is_followed_as_the_page_shows(log: Path) -> None:
    commands = [one for one in blocks("sh") if one.startswith("grep")]
    shown = blocks("text")
    assert len(commands) == len(shown) == 2
    for command, text in zip(commands, shown, strict=True):
        assert text == "".join(f"{picked(command, one)}\n" for one in found(command, log))


def test_the_line_is_one_of_the_file(log: Path) -> None:
    (line,) = blocks("json")
    assert line in log.read_text("utf-8")


def test_the_settings_of_the_page_are_the_defaults() -> None:
    (text,) = re.findall(r"<!-- settings: log -->\n```toml\n(.*?)```", PAGE, re.DOTALL)
    given = tomllib.loads(text)

    assert from_mapping({"strategy": {"symbols": ["IBM"]}, **given}).log == LogSettings()
    assert given["log"].keys() == set(attrs.fields_dict(LogSettings))


def test_every_name_that_joins_is_explained() -> None:
    table = re.findall(r"^\| (`[^|]+) \|", PAGE, re.MULTILINE)
    assert set(IDS) <= set(re.findall(r"`(\w+)`", " ".join(table)))


def test_the_bound_of_the_queue_is_the_real_one() -> None:
    assert f"{ITEMS_MAX:,}" in PAGE

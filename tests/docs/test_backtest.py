"""The example of the backtest's page, done as a reader would, says what the page says."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "backtest.md").read_text("utf-8")


def block(language):
    (found,) = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return found


@pytest.fixture(scope="module")
def example(tmp_path_factory):
    """A folder in which the page's commands have run, and what they wrote."""
    folder = tmp_path_factory.mktemp("example")
    for name, language in (
        ("ticks.py", "python"),
        ("calm.toml", "toml"),
        ("signals.jsonl", "json"),
    ):
        (folder / name).write_text(block(language))
    commands = block("sh").replace("python ", f"{sys.executable} ", 1)
    commands = commands.replace("engine ", f"{sys.executable} -m engine.cli ")
    done = subprocess.run(
        ["/bin/bash", "-euo", "pipefail", "-c", commands],
        cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder, done.stdout


def test_it_says_what_the_page_says(example):
    _, said = example
    assert said == block("text")


def test_the_fields_that_the_page_names_are_in_the_report(example):
    folder, _ = example
    report = json.loads((folder / "out.json").read_bytes())
    table = PAGE.partition("## The report")[2].partition("## Live")[0]
    named = [name for row in re.findall(r"^\| (`.+?) \|", table, re.MULTILINE)
             for name in re.findall(r"`(\w+)`", row)]  # fmt: skip
    assert len(named) >= 9
    assert [name for name in named if name not in report] == []
    figures = ("win_rate", "profit_factor", "expectancy", "drawdown_max", "sharpe")
    assert [name for name in figures if name not in report["total"]] == []
    assert (folder / "trades.csv").read_text().count("\n") == len(report["trades"]) + 1


def test_options_of_the_page_exist():
    from engine.cli.app import app

    (command,) = [one for one in app.registered_commands if one.callback.__name__ == "backtest"]
    names = {name.replace("_", "-") for name in command.callback.__annotations__}
    told = set(re.findall(r"--([a-z][a-z-]*)", PAGE)) - {"speed"}  # of engine run
    assert told - names == set()

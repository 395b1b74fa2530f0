"""What the command answers without doing anything, and that it stays quick to ask."""

from __future__ import annotations

import subprocess
import sys

import pytest

from engine.version import VERSION
from tests.cli.conftest import Cli, Here, environment

HEAVY = (
    *("ibapi", "numpy", "rich", "statemachine", "cattrs", "engine.engine", "engine.sim.server"),
    *("httpx", "starlette", "uvicorn"),
)


def test_the_version(engine: Cli) -> None:
    done = engine("--version")

    assert (done.code, done.out) == (0, f"engine {VERSION}\n")


@pytest.mark.parametrize(
    "arguments", [["--help"], ["run", "--help"], ["sim", "--help"], ["demo-api", "--help"]]
)
def test_help_names_the_options_and_loads_nothing_heavy(arguments: list[str]) -> None:
    check = (
        "import sys\n"
        "from engine.cli import main\n"
        "try:\n"
        f"    main({arguments!r})\n"
        "except SystemExit as end:\n"
        "    assert not end.code, end.code\n"
        f"print('loaded', [name for name in {HEAVY!r} if name in sys.modules])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", check], env=environment(), capture_output=True, text=True, check=True
    )

    assert "Usage: engine" in done.stdout
    assert done.stdout.endswith("loaded []\n")


@pytest.mark.parametrize("form", ["md", "mermaid"])
def test_charts_are_exported(here: Here, form: str) -> None:
    done = here("charts", "export", "out", "--format", form)

    assert done.code == 0, done.err
    written = [here.folder / line for line in done.out.splitlines()]
    assert {path.stem for path in written} == {"order", "context", "bracket", "oco", "session"}
    assert all("stateDiagram-v2" in path.read_text() for path in written)


def test_charts_that_cannot_be_written_are_one_line(here: Here) -> None:
    (here.folder / "file").write_text("")

    done = here("charts", "export", "file/out")

    assert (done.code, done.out) == (2, "")
    assert done.err.count("\n") == 1
    assert "file/out" in done.err

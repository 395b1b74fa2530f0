"""README's tour, run line by line as a reader would copy it."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOUR = re.compile(r"<!-- tour: .*? -->\n```sh\n(.*?)```\n<!-- end of tour -->", re.DOTALL)


def tour() -> list[str]:
    (text,) = TOUR.findall((ROOT / "README.md").read_text("utf-8"))
    return [line for line in text.splitlines() if line and not line.startswith("#")]


@pytest.mark.slow
def test_the_tour_works_line_by_line(tmp_path: Path) -> None:
    """The installed ``engine`` is replaced by the one of this tree, and nothing else."""
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    command = tmp_path / ".venv" / "bin" / "engine"
    inner = f"{shlex.quote(sys.executable)} -m engine.cli"
    command.write_text(f'#!/bin/sh\nexec {inner} "$@"\n')
    command.chmod(0o755)

    done = subprocess.run(
        ["/bin/bash", "-euo", "pipefail", "-c", "\n".join(tour())],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert json.loads((tmp_path / "report.json").read_bytes())["executions"]
    waits, found = "the simulator goes on holding", "continued at the simulator"
    assert (waits in done.stdout) == (found in done.stdout)  # the market decides which
    assert "simulator: listening on 127.0.0.1:" in done.stdout
    assert {path.stem for path in (tmp_path / "charts").glob("*.svg")} >= {"order", "context"}


def test_every_module_has_its_place_in_the_table_of_the_architecture() -> None:
    page = (ROOT / "ARCHITECTURE.md").read_text("utf-8")
    named = set(re.findall(r"[\w/]+", " ".join(re.findall(r"^\| `(.+?)` \|", page, re.MULTILINE))))
    modules = {path.stem for path in (ROOT / "engine").glob("[!_]*.py")}
    packages = {f"{path.parent.name}/" for path in (ROOT / "engine").glob("*/__init__.py")}

    assert (modules | packages) - named == set()


@pytest.mark.parametrize(
    "page", [ROOT / "README.md", ROOT / "ARCHITECTURE.md", *sorted((ROOT / "docs").glob("*.md"))]
)
def test_links_of_the_pages_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)\)", page.read_text("utf-8"))
    local = [link for link in links if not link.startswith("https://")]

    assert [link for link in local if not (page.parent / link).exists()] == []

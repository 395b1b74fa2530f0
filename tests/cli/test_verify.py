"""``engine verify`` as a command: what it prints, writes, and how it ends."""

from __future__ import annotations

import json

import pytest

from tests.cli.conftest import Cli


def test_a_bounded_run_reports_what_it_saw(engine: Cli) -> None:
    done = engine("verify", "--max-states", "300", "--situation", "oco", "--json", "report.json")

    assert done.code == 0, done.err
    report = json.loads((engine.folder / "report.json").read_text())
    assert report["states"] >= 300
    assert report["transitions"] > report["states"]
    assert report["depth"] > 1
    assert report["violations"] == []
    assert [one["name"] for one in report["situations"]] == ["oco-long", "oco-short"]
    assert "violations 0" in done.out


def test_a_scenario_is_played(engine: Cli) -> None:
    (engine.folder / "one.txt").write_text("situation bracket-long\nprompt\ntake\n")

    done = engine("verify", "--replay", "one.txt")

    assert done.code == 0, done.err
    assert done.out.endswith("no law is broken\n")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--situation", "bracke"), "is it bracket?"),
        (("--max-states", "0"), "at least 1"),
        (("--faults", "-1"), "0 or more"),
        (("--save", "nowhere"), "is no directory"),
        (("--replay", "nothing.txt"), "cannot be read"),
        (("--seconds", "soon"), "30s, 2m or 1h"),
    ],
)
def test_a_mistake_is_one_line(engine: Cli, arguments: tuple[str, ...], said: str) -> None:
    done = engine("verify", *arguments)

    assert (done.code, done.out) == (2, "")
    assert said in done.err
    assert done.err.count("\n") == 1

"""``engine verify`` as a command: what it prints, writes, and how it ends."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

import pytest

from tests.cli.conftest import PATIENCE_S, Cli, Here


def test_a_bounded_run_reports_what_it_saw(engine: Cli) -> None:
    done = engine("verify", "--max-states", "300", "--situation", "oco", "--json", "report.json")

    assert done.code == 0, done.err
    report = json.loads((engine.folder / "report.json").read_text())
    assert report["states"] >= 300
    assert report["transitions"] > report["states"]
    assert report["depth"] > 1
    assert report["violations"] == []
    assert report["jobs"] >= 1
    assert report["followed"] > 0
    assert [one["name"] for one in report["situations"]] == ["oco-long", "oco-short"]
    assert "violations 0" in done.out


def test_situations_by_chance_are_explored_instead(engine: Cli) -> None:
    done = engine("verify", "--drawn", "3..4", "--max-states", "60", "--json", "report.json")
    assert done.code == 0, done.err
    report = json.loads((engine.folder / "report.json").read_text())
    names = [one["name"].rpartition("-")[0] for one in report["situations"]]
    assert names == ["drawn-3", "drawn-4"]


def test_walks_go_further_than_every_order_of_events(engine: Cli) -> None:
    depths = []
    for way in ((), ("--walks",)):
        own = ("--situation", "close-long", "--max-states", "60", "--jobs", "1")
        done = engine("verify", *own, *way, "--json", "report.json")

        assert done.code == 0, done.err
        report = json.loads((engine.folder / "report.json").read_text())
        depths.append(report["depth"])
    assert depths[0] < 10 < depths[1]


@pytest.mark.parametrize(
    "words",
    [
        ("verify", "--max-states", "40", "--situation", "oco"),
        ("simulate", "--seeds", "1", "--hours", "0.05"),
    ],
)
def test_json_on_standard_output_stands_alone_there(engine: Cli, words: tuple[str, ...]) -> None:
    done = engine(*words, "--json", "-")

    assert done.code == 0, done.err
    assert json.loads(done.out)["seconds"] > 0
    assert "orders" in done.err or "violations 0" in done.err


def test_the_rows_of_the_charts_are_shown(engine: Cli) -> None:
    (engine.folder / "tests.json").write_text('{"session": {"degraded": {"retry": 77000}}}')
    own = ("verify", "--max-states", "40", "--situation", "small-long", "--jobs", "1", "--rows")

    done = engine(*own, "--with", "tests.json")

    assert done.code == 0, done.err
    lines = [line.split() for line in done.out.splitlines()]
    assert ["degraded", "retry", "syncing", "77,000"] in lines
    assert any(line[:3] == ["draft", "place", "placed"] for line in lines)
    assert "session: " in done.out


def workers(parent: int) -> list[str]:
    """The processes that explore; what keeps account of them is another child."""
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    lines = [Path(f"/proc/{one}/cmdline").read_text() for one in children]
    return [one for one in lines if "spawn_main" in one]


def test_an_interrupt_shows_what_was_found(engine: Cli) -> None:
    process = engine.start(
        *("verify", "--max-states", "1000000", "--jobs", "2", "--json", "report.json"),
        start_new_session=True,
    )
    if not Path("/proc/self/task").exists():
        pytest.skip("cannot see here whether workers have begun")
    deadline = time.monotonic() + PATIENCE_S
    while len(workers(process.pid)) < 2 and time.monotonic() < deadline:
        time.sleep(0.002)
    time.sleep(0.1)  # they hear signals now, and are still at their imports
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to all its processes
    out, err = process.communicate(timeout=PATIENCE_S)

    assert (process.returncode, err) == (130, "")
    assert "interrupted: states" in out
    assert engine.report("report.json")["interrupted"] is True


def test_a_scenario_is_played(engine: Cli) -> None:
    (engine.folder / "one.txt").write_text("situation bracket-long\nprompt\ntake\n")

    done = engine("verify", "--replay", "one.txt")

    assert done.code == 0, done.err
    assert done.out.endswith("no law is broken\n")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--situation", "bracke"), "is it bracket?"),
        (("--drawn", "4..3"), "write the first and the last, such as 1..100"),
        (("--drawn", "1", "--situation", "oco"), "only one of them"),
        (("--max-states", "0"), "at least 1"),
        (("--faults", "-1"), "0 or more"),
        (("--jobs", "0"), "at least 1"),
        (("--rows", "--with", "nothing.json"), "cannot be read"),
        (("--save", "nowhere"), "is no directory"),
        (("--replay", "nothing.txt"), "cannot be read"),
        (("--seconds", "soon"), "30s, 2m or 1h"),
    ],
)
def test_a_mistake_is_one_line(here: Here, arguments: tuple[str, ...], said: str) -> None:
    done = here("verify", *arguments)

    assert (done.code, done.out) == (2, "")
    assert said in done.err
    assert done.err.count("\n") == 1

"""``engine new`` writes a file that can be used as it stands; ``engine schema`` says its form."""

from __future__ import annotations

import json

from tests.cli.conftest import Cli, Here


def test_the_file_to_begin_with_is_right_safe_and_runs(engine: Cli, here: Here) -> None:
    done = engine("new", "mine.toml")
    assert (done.code, done.err) == (0, "")
    assert "mine.toml is written" in done.out
    assert "engine explain mine.toml" in (engine.folder / "mine.toml").read_text()

    checked = here("check", "mine.toml")
    assert (checked.code, checked.out) == (0, "mine.toml: can be used, 2 symbols, 9 rules\n")

    explained = here("explain", "mine.toml", "--symbol", "SPY")
    assert "199 shares, about 19,901.99" in explained.out

    run = engine("run", "--config", "mine.toml", "--for", "2s", "--json", "-")
    assert run.code == 0, run.err
    assert json.loads(run.out)["uncovered_share_seconds"] == 0


def test_a_file_that_is_there_is_left_alone(here: Here) -> None:
    (here.folder / "strategy.toml").write_text("mine")

    done = here("new")

    assert (done.code, done.out) == (2, "")
    assert "strategy.toml: is there already; name another file" in done.err
    assert (here.folder / "strategy.toml").read_text() == "mine"
    assert here("new", "no/where.toml").err.startswith("engine: no/where.toml: cannot be written")


def test_the_schema_is_json(here: Here) -> None:
    done = here("schema")

    assert json.loads(done.out)["properties"]["strategy"]
    assert done.code == 0

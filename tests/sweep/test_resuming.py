"""A sweep that is killed, or loses processes, makes the same tables as an undisturbed one."""

from __future__ import annotations

import csv
import os
import signal

import pytest

from engine.errors import UserError
from engine.sweep.results import Results
from tests.sweep.conftest import until, workers

GRID = """\
days = ["20240103", "20240105"]
[settings]
"strategy.stop.percent" = [0.1, 0.5]
"strategy.cooldown_s" = [5, 60]
"""


def tables(folder):
    return {one.name: one.read_bytes() for one in folder.iterdir() if one.name != "results.jsonl"}


def records(folder):
    path = folder / "results.jsonl"
    return path.read_bytes().count(b"\n") if path.exists() else 0


@pytest.mark.slow
def test_killed_in_the_middle_and_resumed_it_is_the_same_as_undisturbed(sweep, tmp_path):
    whole = sweep(GRID, "whole")
    out, err = whole.communicate(timeout=120)
    assert whole.returncode == 0, err
    assert "cells          done 8" in out
    assert records(tmp_path / "whole") == 8

    killed = sweep(GRID, "killed")
    until(lambda: records(tmp_path / "killed") >= 2)
    os.killpg(killed.pid, signal.SIGKILL)
    killed.wait()
    done = records(tmp_path / "killed")
    assert 2 <= done < 8
    assert tables(tmp_path / "killed") == {}
    with (tmp_path / "killed" / "results.jsonl").open("ab") as file:
        file.write(b'{"key":"cut sho')  # what a kill can leave

    # Interrupted in order, and gone on once more.
    ended = sweep(GRID, "killed")
    until(lambda: records(tmp_path / "killed") > done)
    os.killpg(ended.pid, signal.SIGINT)  # as a terminal does: to all its processes
    out, err = ended.communicate(timeout=60)
    assert ended.returncode == 130, err
    assert "Traceback" not in err
    assert "the same command goes on" in err
    assert "missing" in out
    there = records(tmp_path / "killed")
    assert done < there < 8

    resumed = sweep(GRID, "killed")
    out, err = resumed.communicate(timeout=120)
    assert resumed.returncode == 0, err
    assert f"{there} cells were there before" in err
    assert records(tmp_path / "killed") == 8
    made = tables(tmp_path / "whole")
    assert {"sweep.json", "cells.csv", "distribution.csv", "heat_map.svg"} <= set(made)
    assert tables(tmp_path / "killed") == made
    # Settings and days do something: this is no table of equals.
    rows = list(csv.DictReader(made["cells.csv"].decode().splitlines()))
    assert len({row["realised"] for row in rows}) >= 3
    assert len({row["journal"] for row in rows}) == 8


def test_a_killed_process_costs_its_cell_which_is_tried_once_more(sweep, tmp_path):
    process = sweep("seeds = 2\n")
    (victim,) = until(lambda: workers(process))
    os.kill(victim, signal.SIGKILL)
    until(lambda: [one for one in workers(process) if one != victim])
    out, err = process.communicate(timeout=60)

    assert process.returncode == 0, err
    assert "cells          done 2" in out


def test_a_folder_has_one_sweep_and_a_damaged_line_is_told(tmp_path):
    with Results(tmp_path) as results:
        results.add("a", {"figures": {}})
        results.add("b", {"failed": "ended", "lost": True})
        with pytest.raises(UserError, match="another sweep writes to it"):
            Results(tmp_path)
    with Results(tmp_path) as results:
        assert list(results.records) == ["a"]  # what was lost is tried again
    path = tmp_path / "results.jsonl"
    path.write_bytes(b'{"key": 1}\n' + path.read_bytes())
    with pytest.raises(UserError, match=r"results.jsonl line 1: is damaged"):
        Results(tmp_path)

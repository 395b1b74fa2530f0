"""Walk-forward, luck and failures, by the command over short days."""

from __future__ import annotations

import csv
import json
from xml.etree import ElementTree

import pytest

from tests.sweep.conftest import DAYS

GRID = """\
seeds = 2
[settings]
"strategy.stop.percent" = [0.1, 0.5]
[draw]
latency_ms = [1, 400]
size_share = [0.05, 1]
[walk_forward]
train_days = 1
"""


def read(path):
    return list(csv.DictReader(path.read_text().splitlines()))


@pytest.mark.slow
def test_the_best_of_the_days_before_is_tried_on_the_day_after(sweep, tmp_path):
    process = sweep(GRID)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert ", 0 cells were there before" in err
    folder = tmp_path / "out"
    cells, walk = read(folder / "cells.csv"), read(folder / "walk_forward.csv")

    # Chosen by a plain look at the table of cells: the best mean of both seeds on the day before.
    assert len(cells) == 2 * 2 * 2 + 2 * 2
    for row, day, after in zip(walk, DAYS[:-1], DAYS[1:], strict=True):
        means = {}
        for value in ("0.1", "0.5"):
            made = [
                float(one["realised"])
                for one in cells
                if (one["part"], one["first_day"]) == ("train", f"{day:%Y%m%d}")
                and one["strategy.stop.percent"] == value
            ]
            assert len(made) == 2
            means[value] = sum(made) / 2
        best = max(means, key=means.__getitem__)
        assert row["strategy.stop.percent"] == best
        assert float(row["train"]) == means[best]
        tested = [
            float(one["realised"])
            for one in cells
            if (one["part"], one["first_day"]) == ("test", f"{after:%Y%m%d}")
        ]
        assert float(row["test"]) == sum(tested) / len(tested)
        assert row["test_first_day"] == f"{after:%Y%m%d}"
    assert len(walk) == 2
    # Seeds draw their luck, and it shows.
    assert len({one["latency_ms"] for one in cells}) == 2
    spread = [one for one in read(folder / "distribution.csv") if one["figure"] == "realised"]
    assert len(spread) == 4 + 2
    assert any(float(one["deviation"]) > 0 for one in spread)
    for one in spread:
        least, middle, most = (float(one[name]) for name in ("least", "p50", "most"))
        assert least <= middle <= most
    ElementTree.fromstring((folder / "heat_map.svg").read_bytes())


def test_a_sweep_of_which_nothing_is_left_does_not_end_well(sweep, given, tmp_path):
    damaged = tmp_path / "IBM-20240108.csv"
    damaged.write_text((given / "IBM-20240103.csv").read_text() + "36000000,B,-1,100\n")
    process = sweep('days = "each"\n', ticks=[damaged])
    out, err = process.communicate(timeout=60)

    assert process.returncode == 1, err
    assert "cells          failed 1" in out
    assert "price -1.0 is not above 0" in out
    assert "every cell has failed: the tables hold no figures\n" in err
    assert (tmp_path / "out" / "cells.csv").exists()


def test_a_cell_that_fails_is_told_and_the_others_are_played(sweep, given, tmp_path):
    damaged = tmp_path / "IBM-20240108.csv"
    damaged.write_text((given / "IBM-20240103.csv").read_text() + "36000000,B,-1,100\n")
    process = sweep('days = "each"\n', ticks=[given / "IBM-20240103.csv", damaged])
    out, err = process.communicate(timeout=60)

    assert process.returncode == 0, err
    done, failed = read(tmp_path / "out" / "cells.csv")
    assert (done["status"], failed["status"]) == ("done", "failed")
    assert "price -1.0 is not above 0" in failed["reason"]
    assert (failed["realised"], done["reason"]) == ("", "")
    assert "cells          done 1, failed 1" in out
    assert "price -1.0 is not above 0" in out
    whole = json.loads((tmp_path / "out" / "sweep.json").read_bytes())
    assert [one["status"] for one in whole["cells"]] == ["done", "failed"]
    assert {one["failed"] for one in whole["distribution"]} == {1}

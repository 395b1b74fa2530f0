"""What docs/sweep.md says is so."""

from __future__ import annotations

import re
from pathlib import Path

import attrs
import pytest

from engine.sweep import grid as grids
from engine.sweep.play import FIGURES

PAGE = (Path(__file__).parents[2] / "docs" / "sweep.md").read_text("utf-8")
GRIDS = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize("text", GRIDS)
def test_its_grids_are_read(tmp_path, text):
    path = tmp_path / "grid.toml"
    path.write_text(text)
    assert grids.read(path)


def test_it_names_every_key_of_a_grid():
    assert len(GRIDS) == 3
    table = PAGE.partition("## The grid")[2].partition("## Luck")[0]
    keys = re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)
    known = {one.name for one in attrs.fields(grids.Grid)} - {"path", "axes", "lines"}
    assert set(keys) == known | {"settings"}
    drawn = set(re.findall(r"^(\w+) = \[", GRIDS[1], re.MULTILINE))
    assert drawn == {one.name for one in attrs.fields(grids.Draw)}
    (figures,) = re.findall(r"cells are compared: (.*?) all columns", table)
    named = re.findall(r"`(\w+)`", figures)
    assert named
    assert set(named) <= set(FIGURES)

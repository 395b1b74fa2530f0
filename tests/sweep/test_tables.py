"""What is made of rows: groups, the best of them, distributions and drawings."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from engine.sweep import grid as grids
from engine.sweep import tables
from engine.sweep.cells import Given, cells, space
from engine.sweep.heat_map import as_svg, heat_map
from engine.sweep.play import FIGURES
from engine.sweep.rows import Row, chosen, grouped, percentile, ranked
from tests.sweep.conftest import DAYS

GRID = """\
seeds = 4
{more}
[settings]
"strategy.target" = [{{percent = 0.5}}, {{atr = 2}}]
"strategy.cooldown_s" = [5, 60, 600]
"""


@pytest.fixture
def made(tmp_path):
    """A space, and rows whose figure is what a function of (choice, seed) says."""

    def make(value, more=""):
        path = tmp_path / "g.toml"
        path.write_text(GRID.format(more=more))
        ticks = {tmp_path / f"IBM-{day:%Y%m%d}.csv": "" for day in DAYS}
        found = space(
            grids.read(path),
            Given(
                settings={"strategy": {"symbols": ["IBM"], "stop": {"percent": 1}}}, ticks=ticks,
                signals=None, profile="default", answers={}, code="",
            ),
            lambda done, total: None,
        )  # fmt: skip
        return found, [row(cell, value(cell.choice, cell.seed)) for cell in cells(found)]

    return make


def row(cell, said):
    if isinstance(said, str):
        return Row(cell, {}, {"failed": said})
    figures = dict.fromkeys(FIGURES, said)
    return Row(cell, {}, None if said is None else {"figures": figures, "ticks": 1})


def test_percentiles_fall_between_values():
    values = [1.0, 2.0, 3.0, 10.0]
    assert [percentile(values, one) for one in (0, 50, 100)] == [1, 2.5, 10]
    assert percentile(values, 95) == pytest.approx(8.95)
    assert percentile([7.0], 95) == 7


@pytest.mark.parametrize(("figure", "order"), [("realised", [5, 4, 3, 2, 1, 0]),
                                               ("drawdown_max", [0, 1, 2, 3, 4, 5])])  # fmt: skip
def test_the_best_have_the_highest_mean_and_the_lowest_drawdown(made, figure, order):
    _, rows = made(lambda choice, seed: choice * 10.0 + seed)
    best = ranked(grouped(rows), figure)

    assert [one.cell.choice for one in best] == order
    assert [len(one.rows) for one in best] == [4] * 6
    assert best[0].mean(figure) == order[0] * 10 + 2.5


def test_nothing_is_chosen_that_failed_in_part(made):
    def value(choice, seed):
        return "no" if (choice, seed) == (5, 2) else float(choice)

    _, rows = made(value, "[walk_forward]\ntrain_days = 2\n")
    assert chosen(grouped(rows), "realised") == {(1, ("IBM",)): 4}


def test_a_distribution_is_that_of_the_runs(made):
    found, rows = made(lambda choice, seed: "no" if seed == 4 else float(seed))
    spread = [one for one in tables.spread_table(found, grouped(rows)) if one["figure"] == "trades"]

    assert len(spread) == 6
    one = spread[0]
    assert (one["runs"], one["failed"], one["mean"], one["deviation"]) == (4, 1, 2, 1)
    assert (one["least"], one["p25"], one["p50"], one["most"]) == (1, 1.5, 2, 3)
    assert one["strategy.target"] == {"percent": 0.5}


def test_tables_say_what_failed_and_what_is_missing(made):
    found, rows = made(lambda choice, seed: ['bad, "day"', None, 1.5][choice % 3])
    text = tables.as_csv(tables.cell_table(found, rows)).decode().splitlines()

    assert len(text) == 1 + 24
    assert '"{""percent"":0.5}",5,IBM,20240103,20240105,3,1,5.0,failed,"bad, ""day""",,' in text[1]
    assert sum(",missing," in line for line in text) == 8
    assert sum(",done,,1.5," in line for line in text) == 8


def test_a_heat_map_is_the_mean_over_everything_else(made):
    found, rows = made(lambda choice, seed: None if choice == 1 else choice * 10.0 + seed)
    drawing = heat_map(found, rows)

    assert (drawing.x, drawing.y) == ("strategy.target", "strategy.cooldown_s")
    assert drawing.columns == ('{"percent":0.5}', '{"atr":2}')
    assert drawing.lines == ("5", "60", "600")
    assert drawing.values["60", '{"percent":0.5}'] is None
    assert drawing.values["600", '{"atr":2}'] == 52.5
    root = ElementTree.fromstring(as_svg(drawing))
    name = "{http://www.w3.org/2000/svg}"
    assert root.tag == f"{name}svg"
    fills = [one.get("fill") for one in root.iter(f"{name}rect")]
    assert len(fills) == 1 + 6  # the ground, and a field each
    assert len(set(fills)) == 7
    said = [one.text for one in root.iter(f"{name}text")]
    assert {"52.5", "-", '{"percent":0.5}', "realised"} <= set(said)


@pytest.mark.parametrize(
    ("more", "sides"),
    [
        ('[heat_map]\nx = "seed"\n', ("seed", "strategy.target")),
        ('[heat_map]\ny = "strategy.target"\n', ("strategy.cooldown_s", "strategy.target")),
    ],
)
def test_the_sides_of_a_heat_map_may_be_named(made, more, sides):
    found, rows = made(lambda choice, seed: 1.0, more)
    drawing = heat_map(found, rows)
    assert (drawing.x, drawing.y) == sides


def test_parquet_holds_the_table(made):
    parquet = pytest.importorskip("pyarrow.parquet")
    import io

    found, rows = made(lambda choice, seed: None if seed == 1 else float(seed))
    table = tables.cell_table(found, rows)
    there = parquet.read_table(io.BytesIO(tables.as_parquet(table))).to_pylist()

    assert len(there) == 24
    assert there[1]["realised"] == 2.0
    assert there[0]["realised"] is None
    assert there[0]["strategy.target"] == '{"percent":0.5}'
    assert tables.as_parquet(table) == tables.as_parquet(table)

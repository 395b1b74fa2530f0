"""Every mistake of a grid is one line with the file, the line and what is allowed, before anything
runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine.errors import UserError
from engine.sweep.cells import cells
from tests.sweep.conftest import STRATEGY

MISTAKES = [
    ('[settings]\n"strategy.stp" = [1]\n', "line 2: strategy.stp = 1: strategy: unknown key"),
    ('[settings]\n"strategy.stop.percent" = [\n1.0,\n-1.0]\n', "line 4: strategy.stop.percent = -"),
    ('[settings]\n"strategy.stop.percent" = 1.0\n', "must be a list of the values to try, not 1.0"),
    ('[settings]\n"strategy.stop.percent" = []\n', "a list of the values to try, not an empty one"),
    ("settings = 3\n", "line 1: settings must be a table, not 3"),
    ('[settings]\n"strategy..stop" = [1]\n', "write the path of a setting, as strategy.stop.perc"),
    ('[settings]\n"strategy.bar_s.x" = [1]\n', "strategy.bar_s.x = 1: strategy.bar_s: must be a"),
    (
        '[settings]\n"strategy.cooldown_s.x.y" = [1]\n',
        "line 2: settings.\"strategy.cooldown_s.x.y\": the strategy has no such place, at 'x'",
    ),
    (
        '[settings]\n"strategy.stop.atr" = [1]\n"strategy.stop" = [{percent = 1}]\n',
        'line 2: settings."strategy.stop.atr" is a part of settings."strategy.stop": one of them',
    ),
    ('[settings]\n"strategy.rules[3].x" = [1]\n', "the strategy has no such place, at 3"),
    ('[settings]\n"strategy.symbols" = [["SPY"]]\n', "say it with symbols, beside [settings]"),
    ("seed = [1]\n", "line 1: unknown key 'seed', did you mean seeds?"),
    ("seeds = 0\n", "line 1: seeds must be a list of whole numbers from 0 to 2147483647, or how"),
    ("seeds = [1, 1.5]\n", "1.5 is none"),
    ("latencies_ms = [70000]\n", "milliseconds from 0 to 60000; 70000 is none"),
    ('days = ["20240199"]\n', "'20240199' is none"),
    ('days = "all"\n', 'days must be "each", "together", or a list of days'),
    ('days = ["20240110"]\n', "line 1: days: there are no ticks of IBM on 20240110"),
    ('symbols = ["SPY"]\n', "line 1: symbols: SPY is not among the strategy's, allowed: IBM"),
    ('figure = "profit"\n', "figure cannot be 'profit', did you mean gross_profit?"),
    ("[walk_forward]\ntest_days = 1\n", "walk_forward.train_days: is missing"),
    ("[walk_forward]\ntrain_days = 0\n", "train_days must be a whole number between 1 and"),
    ("[walk_forward]\ntrain_days = 3\n", "3 days of ticks, of IBM, are fewer than train_days and"),
    ('days = "each"\n[walk_forward]\ntrain_days = 1\n', "days and walk_forward: one of them"),
    ("[draw]\nlatency_ms = [5, 1]\n", "latency_ms must be [least, most], between 0 and 60000"),
    ("latencies_ms = [5]\n[draw]\nlatency_ms = [1, 5]\n", "latencies_ms and draw.latency_ms"),
    ('[heat_map]\nx = "strategy.stop"\n', "line 2: heat_map.x: no parameter 'strategy.stop', all"),
    ("seeds = 300\nlatencies_ms = [1, 2, 3]\n", None),
]


@pytest.mark.parametrize(("text", "words"), MISTAKES)
def test_a_mistake_is_told_with_its_place(made, tmp_path, text, words):
    if words is None:
        assert len(cells(made(text))) == 900  # this one is none
        return
    with pytest.raises(UserError) as problem:
        made(text)
    told = str(problem.value)
    assert told.startswith(str(tmp_path / "grid.toml"))
    assert words in told
    assert "\n" not in told


def test_the_number_of_cells_is_bounded_and_told(made):
    with pytest.raises(UserError, match="21,000 cells, at most 20,000 are played"):
        cells(made("seeds = 7000\nlatencies_ms = [1, 2, 3]\n"))
    many = ", ".join(map(str, range(1, 151)))
    grid = f'[settings]\n"strategy.cooldown_s" = [{many}]\n"strategy.bar_s" = [{many}]\n'
    with pytest.raises(UserError, match="line 1: settings: 22,500 combinations, at most 20,000"):
        made(grid)


def test_values_that_do_not_fit_together_are_told_with_one_of_them(made):
    grid = """
[settings]
"strategy.stop" = [{percent = 1}]
"strategy.sizing" = [{shares = 1}, {shares = 1, dollars = 2}]
"""
    with pytest.raises(UserError) as problem:
        made(grid)
    assert "grid.toml line 4: strategy.sizing = a dict: strategy.sizing: " in str(problem.value)


def test_a_grid_multiplies_and_a_path_may_be_written_as_tables(made):
    grid = 'days = "each"\nseeds = 2\nlatencies_ms = [1, 9]\n[settings.strategy]\nbar_s = [5, 60]\n'
    found = made(grid)

    assert [axis.name for axis in found.grid.axes] == ["strategy.bar_s"]
    assert len(cells(found)) == 3 * 2 * 2 * 2
    assert len({found.task(cell).key for cell in cells(found)}) == 24


def test_two_files_of_a_day_are_refused(made):
    with pytest.raises(UserError, match="2 tick files of IBM on 20240103; name one"):
        made("", more=[Path("elsewhere") / "IBM-20240103.csv.gz"])


def test_a_path_leads_into_lists(made):
    grid = '[settings]\n"strategy.target[1].percent" = [2.5]\n'
    strategy = STRATEGY.replace(
        "target = {percent = 0.5}",
        "target = [{percent = 0.5, portion = 0.5}, {percent = 2, portion = 0.5}]",
    )
    found = made(grid, strategy)
    (text,) = found.records.values()
    targets = json.loads(text)["strategy"]["target"]
    assert [one["percent"] for one in targets] == [0.5, 2.5]


def test_the_key_is_that_of_all_that_determines_a_cell(made):
    def key(*arguments, **options):
        found = made(*arguments, **options)
        return found.task(cells(found)[0]).key

    base = key("")
    assert key("") == base
    others = [
        key("seeds = [2]\n"),
        key("latencies_ms = [6]\n"),
        key('days = ["20240103"]\n'),
        key("[draw]\nsize_share = [0.5, 0.6]\n"),
        key("", strategy=STRATEGY.replace("cooldown_s = 5", "cooldown_s = 6")),
        key("", answers={"pending_cancel": True}),
        key("", days=2),
        key("", code="2"),
    ]
    assert len({base, *others}) == len(others) + 1
    # What is said otherwise and means the same is the same cell.
    assert key('[settings]\n"strategy.cooldown_s" = [5.0]\n') == base
    assert key('symbols = ["IBM"]\n') == base


def test_a_seed_draws_the_same_whatever_else_is_drawn(made):
    one = made("seeds = 3\n[draw]\nlatency_ms = [1, 100]\n")
    two = made("seeds = 3\n[draw]\nsize_share = [0.1, 1]\nlatency_ms = [1, 100]\n")
    drawn = [cell.latency_ms for cell in cells(one)]

    assert drawn == [cell.latency_ms for cell in cells(two)]
    assert len(set(drawn)) == 3
    assert all(1 <= value <= 100 for value in drawn)
    tasks = [two.task(cell).said for cell in cells(two)]
    assert [said["latency_ms"] for said in tasks] == drawn
    assert len({said["size_share"] for said in tasks}) == 3

"""docs/faults.md is what the engine does: a part of it is played anew, all of it by make faults."""

import ast
from functools import cache
from pathlib import Path

import pytest

from engine.sim.faults import KINDS
from tests.campaign.canon import CALM_FROM_S, CANON
from tests.campaign.fault_matrix import MATRIX
from tests.campaign.fault_pains import PAINS
from tests.campaign.fault_table import PAGE, Cell, cells, fill, page, read, undisturbed

WRITTEN = read(PAGE.read_text("utf-8"))
# Each fault in one trade, each trade with four faults.
DIAGONAL = [
    Cell(fault, list(CANON)[(5 * number) % len(CANON)]) for number, fault in enumerate(KINDS)
]


@pytest.mark.parametrize("cell", DIAGONAL, ids=lambda cell: f"{cell.fault}, {cell.trade}")
def test_the_page_says_what_comes_of_a_fault(cell):
    assert fill(cell) == WRITTEN[cell], f"{cell.lines}; make faults writes the page anew"


def test_the_page_is_written_by_the_command_and_has_every_fault_and_trade():
    assert list(WRITTEN) == cells()
    assert page(WRITTEN) == PAGE.read_text("utf-8")
    assert "FAILED" not in WRITTEN.values()


def test_every_sample_of_every_fault_is_somewhere():
    played = {" ".join(line.split()[1:]) for cell in cells() for line in cell.lines}
    for kind in KINDS.values():
        for sample in kind.samples:
            words = sample.format(symbol="IBM")
            assert any(line.startswith(words) for line in played), words


@pytest.mark.parametrize("trade", CANON)
def test_the_trades_undisturbed(trade):
    ends = {
        name.removeprefix("trade ended by "): times
        for name, times in undisturbed(trade).counts.items()
        if name.startswith("trade ended")
    }
    assert (
        ends
        == {
            "bracket won": {"target": 1},
            "bracket lost": {"stop": 1},
            "partial entry": {"stop_unfilled": 1},
            "scale-in twice": {"stop": 1},
            "double-down": {"target": 1},
            "trail": {"stop": 1},
            "reversal": {"reversal": 1, "stop": 1},
            "end of day": {"end_of_day": 1},
            "restarts": {"stop": 1},
            "by hand": {"stop": 1},
            "rejections": {"stop": 1},
            "kill switch": {"halt": 1, "target": 1},
        }[trade]
    )
    assert all(one.at_s < CALM_FROM_S for one in CANON[trade].prompts)


# -- the matrix --------------------------------------------------------------------------------

TESTS = Path(__file__).parents[1]


@cache
def proofs_in(file):
    tree = ast.parse((TESTS / file).read_text("utf-8"))
    return {one.name for one in ast.walk(tree) if isinstance(one, ast.FunctionDef)}


def test_every_row_is_there_once():
    assert [row.number for row in MATRIX] == list(range(1, 68))
    assert [row.number for row in PAINS] == list(range(1, 33))


def test_every_fault_of_the_simulator_has_its_rows():
    for name, kind in KINDS.items():
        assert kind.rows, name
        assert set(kind.rows) <= {row.number for row in MATRIX}, name


@pytest.mark.parametrize("row", [*MATRIX, *PAINS], ids=lambda row: row.what[:40])
def test_a_row_is_shown_by_tests_that_are_there_and_faults_that_can_be_had(row):
    assert row.tests
    for named in row.tests:
        file, _, name = named.partition("::")
        assert name in proofs_in(file), named
    assert set(row.kinds) <= set(KINDS)

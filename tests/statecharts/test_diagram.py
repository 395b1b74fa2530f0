"""The kept diagrams say what the code says."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from statecharts import diagram
from statecharts.diagram import CHARTS, DiagramError, export, mermaid
from statecharts.lower import NO_ROW, Chart, table

KEPT = Path(__file__).parents[2] / "docs" / "statecharts"
STALE = "docs/statecharts is behind the charts: run make charts and commit the result"


def _arrows(chart: Chart) -> Counter[tuple[str, str]]:
    """Pairs (state, next state) of the table that a picture shows: rows that move."""
    lowered = table(chart)
    width = len(lowered.events)
    return Counter(
        {
            (state.name.lower(), region.states[row].name.lower())
            for region in lowered.regions
            for state in region.states
            for row in region.next[state * width : (state + 1) * width]
            if row not in (NO_ROW, state)
        }
    )


def test_the_kept_pages_are_the_exported_ones(tmp_path: Path) -> None:
    written = export(tmp_path, "md")
    assert [file.name for file in written] == [f"{table(chart).name}.md" for chart in CHARTS]
    for file in written:
        kept = (KEPT / file.name).read_text(encoding="utf-8")
        assert kept == file.read_text(encoding="utf-8"), f"{file.name}: {STALE}"


def test_no_page_is_kept_for_a_chart_that_is_gone() -> None:
    names = {table(chart).name for chart in CHARTS}
    assert {file.stem for file in KEPT.iterdir()} == names


def test_exported_mermaid_is_the_picture_of_the_kept_page(tmp_path: Path) -> None:
    for file in export(tmp_path, "mermaid"):
        kept = (KEPT / f"{file.stem}.md").read_text(encoding="utf-8")
        blocks = re.findall(r"```mermaid\n(.*?)```", kept, flags=re.DOTALL)
        assert blocks == [file.read_text(encoding="utf-8")], f"{file.stem}: {STALE}"


@pytest.mark.parametrize("chart", CHARTS, ids=lambda chart: chart.__name__)
def test_mermaid_has_an_arrow_for_every_row_that_moves(chart: Chart) -> None:
    lines = re.findall(r"^ *(\w+) --> (\w+) : ", mermaid(chart), flags=re.MULTILINE)
    assert Counter(lines) == _arrows(chart)


def test_the_kept_drawings_are_the_exported_ones(tmp_path: Path) -> None:
    for file in export(tmp_path, "svg"):
        assert (KEPT / file.name).read_bytes() == file.read_bytes(), f"{file.name}: {STALE}"


def test_a_page_with_counts_has_them_in_its_tables_and_lists_what_never_happened(
    tmp_path: Path,
) -> None:
    taken = {
        ("context", "flat", "entry_requested"): 1234,
        ("context", "entering", "entry_filled"): 7,
        ("order asked", "draft", "place"): 9,
    }
    pages = {file.stem: file.read_text("utf-8") for file in export(tmp_path, "md", taken)}
    context = pages["context"]
    assert "| entry_requested | entering (1,234) |" in context
    assert "flat --> entering : entry_requested (1234)" in context
    assert "2 of " in context
    (never,) = re.findall(r"Never: (.*)\.$", context, re.MULTILINE)
    assert "entering entry_died" in never.split(", ")
    assert "flat entry_requested" not in never.split(", ")
    assert "make charts" not in context
    assert "1 of " in pages["order"]
    assert "0 of " in pages["session"]


def test_an_unknown_format_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DiagramError, match="mermaid, md, svg"):
        export(tmp_path, "png")


def test_the_command_writes_files_and_reports_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert diagram.main([str(tmp_path), "md", "mermaid"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2 * len(CHARTS)
    assert diagram.main([str(tmp_path), "png"]) == 1
    assert diagram.main([str(tmp_path)]) == 2
    assert "usage" in capsys.readouterr().err

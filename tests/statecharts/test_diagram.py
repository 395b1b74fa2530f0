"""The kept diagrams say what the code says."""

from __future__ import annotations

import builtins
import re
import shutil
from collections import Counter
from pathlib import Path

import pytest

from statecharts import diagram
from statecharts.diagram import CHARTS, DiagramError, export, mermaid
from statecharts.lower import NO_ROW, Chart, table

KEPT = Path(__file__).parents[2] / "docs" / "statecharts"
STALE = "docs/statecharts is behind the charts: run make charts and commit the result"

needs_dot = pytest.mark.skipif(
    shutil.which("dot") is None, reason="needs dot: install the Debian package graphviz"
)


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


@needs_dot
def test_svg_has_every_state_and_arrow_and_is_deterministic(tmp_path: Path) -> None:
    first, second = export(tmp_path / "one", "svg"), export(tmp_path / "two", "svg")
    assert [file.read_bytes() for file in first] == [file.read_bytes() for file in second]
    for chart, file in zip(CHARTS, first, strict=True):
        assert _svg_arrows(file.read_text(encoding="utf-8")) == _arrows(chart)


def test_the_kept_drawings_have_every_state_and_arrow() -> None:
    """Structure and not bytes: versions of Graphviz place the same arrows differently."""
    for chart in CHARTS:
        file = KEPT / f"{table(chart).name}.svg"
        assert _svg_arrows(file.read_text(encoding="utf-8")) == _arrows(chart), STALE


def _svg_arrows(text: str) -> Counter[tuple[str, str]]:
    titles = re.findall(r"<title>(\w+)(?:&#45;|-)&gt;(\w+)</title>", text)
    return Counter((a, b) for a, b in titles if not a.startswith("__initial"))


def test_a_missing_program_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pydot")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DiagramError, match="Debian package graphviz"):
        export(tmp_path, "svg")


def test_a_missing_library_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without_renderer(name: str, *rest: object, **named: object) -> object:
        if name.endswith("renderers.dot"):
            raise ImportError("No module named 'pydot'")
        return real(name, *rest, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(builtins, "__import__", without_renderer)
    with pytest.raises(DiagramError, match=r"pip install .*\[diagrams\]"):
        export(tmp_path, "svg")


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

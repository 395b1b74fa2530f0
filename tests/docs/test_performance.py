"""docs/performance.md and its pictures are what the generator makes of the results."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from bench.ledger import RESULTS
from bench.page import DOCS, files, lines_of

LINE = {
    "date": "2026-01-02T03:04:05+00:00",
    "commit": "abc1234",
    "changed": False,
    "python": "3.11.7",
    "cpu": "A | B",
    "cores": 2,
    "load": 0.5,
    "peers": {"ibapi-latest": "10.51.1", "talipp": ""},
    "notes": ["not measured: ATR of talipp (make peers)"],
}


def figure(measure, ours, other=None, target="", met=None, group="wire", size=False):
    ratio = None if other is None else other / ours
    named = {"group": group, "measure": measure, "ours": ours, "other": other, "peer": "ibapi"}
    return named | {"ratio": ratio, "target": target, "met": met, "size": size}


def test_the_page_is_what_the_results_say() -> None:
    made = files(lines_of(RESULTS.read_text("utf-8")))

    for name, content in made.items():
        assert (DOCS / name).read_text("utf-8") == content, f"{name} is old: make bench-page"
        assert len(content) < 60_000


@pytest.fixture
def made() -> dict[str, str]:
    figures = [
        figure("tick by tick, text, per message", 9e-8, 9e-6, ">= 50 x", True),
        figure("slow | slower", 3e-3, 1e-3, ">= 3 x", False),
        figure("memory", 115_000_000, target="<= 200 MB", met=True, size=True, group="market"),
    ]
    older = LINE | {"commit": "0000000", "figures": [figures[0] | {"ours": 2e-7}]}
    elsewhere = LINE | {"cpu": "C", "figures": figures[:1]}
    return files([older, elsewhere, LINE | {"figures": figures}])


def test_targets_are_counted_and_the_missed_ones_named(made: dict[str, str]) -> None:
    page = made["performance.md"]

    assert "**Targets: 2 of 3 met.**" in page
    assert "| wire | slow / slower | 3 ms | 0.333 x | >= 3 x |" in page
    assert "| memory | 115 MB |  | ibapi |  | <= 200 MB | met |" in page
    assert "- not measured: ATR of talipp (make peers)" in page
    assert "talipp 10" not in page


def test_only_runs_of_one_processor_are_compared(made: dict[str, str]) -> None:
    assert "The last 2 runs" in made["performance.md"]
    picture = made["pictures/performance-history.svg"]
    assert "0000000" in picture
    assert "90 ns" in picture


def test_pictures_are_sound(made: dict[str, str]) -> None:
    for name, content in made.items():
        if name.endswith(".svg"):
            root = ElementTree.fromstring(content)
            assert root.tag == "{http://www.w3.org/2000/svg}svg"
            assert Path(name).parent.name == "pictures"
    assert "100 x" in made["pictures/performance-ratios.svg"]

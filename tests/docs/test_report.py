"""The page about reports names what there is."""

import re
import struct
from pathlib import Path

import attrs
from typer.testing import CliRunner

from engine.backtest.ledger import columns
from engine.cli.app import app
from engine.report.groups import Group, summary
from engine.report.reading import Reading
from engine.report.trade import ReportTrade
from engine.retrace import Retrace

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "report.md").read_text("utf-8")


def named(begin, end):
    part = PAGE.partition(begin)[2].partition(end)[0]
    cells = re.findall(r"^\| (`.+?) \|", part, re.MULTILINE)
    return {name for cell in cells for name in re.findall(r"`(\w+)`", cell)}


def test_every_column_of_the_ledger_is_explained():
    assert named("## The ledger", "**What") == set(columns(ReportTrade))


def test_every_figure_that_is_explained_exists():
    figures = summary("none", Reading(Retrace())).total.data()
    explained = named("## The figures", "## An old")
    assert explained <= set(figures)
    fields = {one.name for one in attrs.fields(Group)} - {"name", "figures", "slippage"}
    assert fields <= explained


def test_options_of_the_page_exist():
    said = CliRunner().invoke(app, ["report", "--help"], env={"COLUMNS": "200"}).stdout
    options = set(re.findall(r"--\w+", PAGE.partition("## The ledger")[0])) | {"--ticks"}
    assert len(options) >= 7
    assert [one for one in options if one not in said] == []


def test_its_picture_is_there_and_small():
    (name,) = re.findall(r"!\[.+?\]\((.+?)\)", PAGE)
    data = (ROOT / "docs" / name).read_bytes()
    assert data.startswith(b"\x89PNG")
    width, _ = struct.unpack(">II", data[16:24])
    assert width <= 1240
    assert len(data) < 300_000

"""The page on the dashboard: its settings are the defaults, its alerts and pictures are there."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import attrs

from engine.config import from_mapping
from engine.web.history_child import RECORDS_MAX
from engine.web.settings import Web

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "dashboard.md").read_text("utf-8")
PICTURE_BYTES_MAX = 300_000


def test_the_settings_of_the_page_are_the_defaults() -> None:
    (text,) = re.findall(r"<!-- settings: web -->\n```toml\n(.*?)```", PAGE, re.DOTALL)
    given = tomllib.loads(text)

    assert from_mapping({"strategy": {"symbols": ["IBM"]}, **given}).web == Web()
    assert given["web"].keys() == set(attrs.fields_dict(Web))


def test_every_alert_is_told_with_what_to_do() -> None:
    rules = (DOCS / "prometheus-rules.yml").read_text("utf-8")

    assert re.findall(r"^\| `(Engine\w+)` \|", PAGE, re.MULTILINE) == re.findall(
        r"alert: (\w+)", rules
    )


def test_pictures_are_there_and_small() -> None:
    pictures = re.findall(r"!\[[^\]]+\]\((pictures/[\w-]+\.png)\)", PAGE)

    assert len(pictures) == 2
    assert all((DOCS / name).stat().st_size < PICTURE_BYTES_MAX for name in pictures)


def test_the_bound_of_history_is_the_real_one() -> None:
    assert f"{RECORDS_MAX:,} records" in PAGE

"""``--rows FILE``: count which rows of the charts a run of tests takes, for ``engine verify``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import orjson
import pytest

if TYPE_CHECKING:
    pass

COUNTING = pytest.StashKey["Counting"]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--rows", metavar="FILE", help="write how often each row of a chart was taken")


def pytest_sessionstart(session: pytest.Session) -> None:
    if session.config.getoption("--rows"):
        from engine.verify.rows import Counting

        session.config.stash[COUNTING] = Counting()


def pytest_sessionfinish(session: pytest.Session) -> None:
    if (counting := session.config.stash.get(COUNTING, None)) is not None:
        from engine.verify.rows import tree

        data = orjson.dumps(tree(counting.end()), option=orjson.OPT_INDENT_2)
        Path(session.config.getoption("--rows")).write_bytes(data)

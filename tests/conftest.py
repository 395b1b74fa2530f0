"""Which rows of the charts the tests take.

Tests marked ``rows`` step the charts only as the engine does; what they took is told to the test
that wants every row to be taken, which comes last. ``--rows FILE`` writes what a whole run took,
for ``engine verify``.
"""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from hypothesis import settings
from xdist.plugin import pytest_xdist_auto_num_workers as processors
from xdist.scheduler import LoadScopeScheduling

if TYPE_CHECKING:
    from engine.verify.rows import Counts

# How long an example takes says nothing where many tests share a machine.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")
WHOLE = pytest.StashKey["Counting"]()
TAKEN = pytest.StashKey["Counts"]()
MISSING = pytest.StashKey[list[str]]()
LAST = "test_every_row_is_taken_or_it_is_said_why_not"
SOURCES = ("core/test_scenarios.py", "core/test_unruly.py", "verify/test_explore.py")


class FileByFile(LoadScopeScheduling):
    """Several processes share the tests file by file, in the order in which they were collected;
    what belongs to the rows is one file to them."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return "rows" if file.endswith((*SOURCES, "verify/test_rows.py")) else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> FileByFile:
    config.option.loadscopereorder = False
    return FileByFile(config, log)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """One more than processors: many tests wait, for a process that starts or a time that comes."""
    return processors(config) + 1


def longest_first(items: list[pytest.Item]) -> None:
    """Whole files, those with slow tests and the others by turns, each by how many they have. A
    long one that begins last would keep one process at work while the others have ended; and slow
    tests mostly wait, and begin processes: beside each other they would get in each other's way."""
    tests: Counter[Path] = Counter(item.path for item in items)
    slow = Counter(item.path for item in items if item.get_closest_marker("slow"))
    files = sorted(tests, key=lambda file: (slow[file], tests[file]), reverse=True)
    turns = {file: 2 * turn for turn, file in enumerate(files[: len(slow)])}
    turns |= {file: 2 * turn + 1 for turn, file in enumerate(files[len(slow) :])}
    items.sort(key=lambda item: turns[item.path])


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--rows", metavar="FILE", help="write how often each row of a chart was taken")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[TAKEN] = {}
    config.stash[MISSING] = []


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if hasattr(config, "workerinput"):
        longest_first(items)
    items.sort(key=lambda item: item.name == LAST)
    there = {str(item.path) for item in items}
    config.stash[MISSING] += [
        source for source in SOURCES if not any(path.endswith(source) for path in there)
    ]


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[object]:
    """Thousands of tests are made, and stay to the end: the collector of garbage need not look at
    them again and again, neither now nor later."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()


def pytest_collection_finish() -> None:
    gc.collect()
    gc.freeze()


def pytest_deselected(items: Sequence[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("rows"):
            item.config.stash[MISSING].append(item.name)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    if item.get_closest_marker("rows") is None:
        return (yield)
    from engine.verify.rows import Counting, add

    counting = Counting()
    try:
        return (yield)
    finally:
        add(item.config.stash[TAKEN], counting.end())


@pytest.fixture
def taken(request: pytest.FixtureRequest) -> Counts:
    """The rows that all tests marked ``rows`` have taken."""
    if missing := request.config.stash[MISSING]:
        pytest.skip(f"only after all of the tests marked rows: {missing[0]} was left out")
    return request.config.stash[TAKEN]


def pytest_sessionstart(session: pytest.Session) -> None:
    if session.config.getoption("--rows"):
        from engine.verify.rows import Counting

        session.config.stash[WHOLE] = Counting()


def pytest_sessionfinish(session: pytest.Session) -> None:
    if (counting := session.config.stash.get(WHOLE, None)) is not None:
        from engine.verify.rows import tree

        data = orjson.dumps(tree(counting.end()), option=orjson.OPT_INDENT_2)
        Path(session.config.getoption("--rows")).write_bytes(data)

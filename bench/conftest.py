"""Every figure of a run goes into one ledger: a table at the end, and a line in results.jsonl."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

from bench.ledger import RESULTS, Figure, Ledger, Target
from bench.timing import Work, interleaved

LEDGER = pytest.StashKey[Ledger]()
Stage = Callable[..., None]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--record", action="store_true", help="append the figures to results.jsonl")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[LEDGER] = Ledger()


@pytest.fixture
def ledger(request: pytest.FixtureRequest) -> Ledger:
    return request.config.stash[LEDGER]


@pytest.fixture
def stage(benchmark: Any, ledger: Ledger) -> Stage:
    """Measure one stage: ``ours`` by pytest-benchmark; against ``other`` in turns with it.

    ``count`` is how many units of work (messages, bars) one call does; figures are per unit.
    """

    def run(
        group: str,
        measure: str,
        ours: Work,
        other: Work | None = None,
        peer: str = "",
        count: int = 1,
        other_count: int = 1,
        target: Target | None = None,
    ) -> None:
        benchmark.group = group
        benchmark(ours)
        mine: float = benchmark.stats.stats.median
        theirs: float | None = None
        if other is not None:
            mine, theirs = interleaved([ours, other])
            theirs /= other_count
        ledger.add(Figure(group, measure, mine / count, theirs, peer, target))

    return run


@pytest.fixture
def disk() -> Iterator[Path]:
    """A directory beside the sources: temporary ones may lie in memory, where nothing is slow."""

    base = RESULTS.parents[1] / "build" / "bench"
    base.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(dir=base))
    yield made
    shutil.rmtree(made)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    ledger = config.stash[LEDGER]
    if ledger.figures:
        terminalreporter.section("figures: medians of this run")
        for line in ledger.table():
            terminalreporter.write_line(line)


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    config = session.config
    ledger = config.stash[LEDGER]
    chosen = config.option.keyword or config.option.markexpr
    whole = exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED) and not chosen
    if config.option.record and ledger.figures and whole:
        ledger.append()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A measurement that failed is named in the line: the others of a quarter of an hour hold."""
    report = yield
    if report.failed:
        item.config.stash[LEDGER].missing(item.name, "it failed")
    return report

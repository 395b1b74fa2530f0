"""pytest fixtures: a simulated TWS for each test that asks for one.

    def test_my_client(tws_sim):
        my_client.connect(tws_sim.host, tws_sim.port)

    @pytest.mark.tws_sim(symbols=["IBM"], faults=["order:1 drop execDetails count=1"])
    def test_a_lost_fill(tws_sim): ...

The mark takes the arguments of ``TwsSim``. ``tws_sim_factory(**options)`` starts as many as a test
wants. When a test fails, its report shows what happened at the exchange.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from engine.sim.tws_sim import TwsSim

_SIMS = pytest.StashKey[list["TwsSim"]]()
_TOLD = ("position", "open_orders", "executions", "uncovered_now", "faults")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "tws_sim(**options): start the simulated TWS of this test with these options"
    )


@pytest.fixture
def tws_sim_factory(request: pytest.FixtureRequest) -> Iterator[Callable[..., TwsSim]]:
    """Start a simulated TWS; it ends with the test."""
    from engine.sim.tws_sim import TwsSim  # a test run that wants none does not load it

    started: list[TwsSim] = []
    request.node.stash[_SIMS] = started

    def start(**options: Any) -> TwsSim:
        sim = TwsSim(**options).start()
        started.append(sim)
        return sim

    yield start
    for sim in reversed(started):
        sim.stop()


@pytest.fixture
def tws_sim(request: pytest.FixtureRequest, tws_sim_factory: Callable[..., TwsSim]) -> TwsSim:
    """A simulated TWS that listens on ``tws_sim.port``."""
    options: dict[str, Any] = {}
    for mark in reversed(list(request.node.iter_markers("tws_sim"))):
        if mark.args:
            raise pytest.UsageError("the mark tws_sim takes named options only")
        options |= mark.kwargs
    return tws_sim_factory(**options)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the exchange's record to the report of a test that failed."""
    report = yield
    if call.when == "call" and call.excinfo is not None:
        for sim in item.stash.get(_SIMS, []):
            told = sim.report()
            lines = [f"{name}: {told[name]}" for name in _TOLD if told.get(name)]
            report.sections.append((f"simulated TWS on port {sim.port}", "\n".join(lines)))
    return report

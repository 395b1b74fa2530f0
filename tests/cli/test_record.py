"""``engine record``: ticks of a market, and no order."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from engine.sim.launch import DAY, generated
from engine.sim.market import read_ticks
from engine.sim.server import SimServer
from tests.cli.conftest import Cli, Here

SPEED = 20.0


@pytest.fixture
def server() -> Iterator[SimServer]:
    exchange, source = generated(["IBM", "SPY"], seed=2, ticks_per_s=4.0)
    made = SimServer(exchange, source, port=0, speed=SPEED)
    made.start()
    yield made
    made.stop()


@pytest.mark.slow
def test_what_the_market_does_is_written_and_nothing_is_ordered(
    engine: Cli, server: SimServer
) -> None:
    where = ["--port", server.port, "--symbols", "IBM,SPY", "--speed", SPEED, "--out", "."]
    done = engine("record", *where, "--for", "6s")

    assert (done.code, done.err) == (0, ""), done
    files = sorted(engine.folder.glob("*.csv"))
    assert [one.name for one in files] == [f"{name}-{DAY:%Y%m%d}.csv" for name in ("IBM", "SPY")]
    assert all(len(list(read_ticks(one))) > 30 for one in files)
    assert not list(engine.folder.glob("*.cap"))
    assert server.report()["orders"] == 0

    again = engine("record", *where, "--for", "3s")
    assert again.code == 2
    assert "exists" in again.err
    (kept,) = engine.folder.glob("*.cap")
    assert kept.name in again.err


def test_mistakes_are_refused(here: Here) -> None:
    done = here("record", "--out", "nowhere", "--symbols", "IBM")
    assert (done.code, done.err) == (2, "engine: nowhere: is no directory; make it first\n")
    done = here("record", "--out", ".", "--symbols", "IBM", "--port", "1")
    assert done.code == 2
    assert "nothing answers at 127.0.0.1:1" in done.err
    assert not list(here.folder.iterdir())

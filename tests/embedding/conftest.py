"""An engine beside a simulator, both ended after the test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from engine import Engine
from engine.config import Config, from_mapping
from engine.sim.launch import generated
from engine.sim.server import SimServer

SPEED = 20.0


@pytest.fixture
def config() -> Iterator[Config]:
    """Of a strategy of two symbols, at a simulator of its own."""
    exchange, source = generated(["IBM", "MSFT"], ticks_per_s=20.0)
    with SimServer(exchange, source, speed=SPEED) as server:
        yield from_mapping(
            {
                "strategy": {"symbols": ["IBM", "MSFT"]},
                "broker": {"port": server.port, "clock_rate": SPEED},
            }
        )


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "orders.db"


@pytest.fixture
def engine(config: Config, journal: Path) -> Iterator[Engine]:
    with Engine(config, journal) as engine:
        assert engine.wait_for_prices()
        yield engine

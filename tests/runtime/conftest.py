"""A simulator of two symbols, as whole engines of these tests find it at a port."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from engine.sim.launch import generated
from engine.sim.server import SimServer

SPEED = 10.0


@pytest.fixture
def server() -> Iterator[SimServer]:
    exchange, source = generated(["IBM", "MSFT"], seed=3, ticks_per_s=20.0)
    with SimServer(exchange, source, speed=SPEED, hold=True) as made:
        yield made

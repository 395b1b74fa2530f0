"""A simulator of two symbols, as whole engines of these tests find it at a port."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from engine.broker import sockets
from engine.errors import ConnectError
from engine.sim.launch import generated
from engine.sim.server import SimServer

SPEED = 10.0


@pytest.fixture
def server() -> Iterator[SimServer]:
    exchange, source = generated(["IBM", "MSFT"], seed=3, ticks_per_s=20.0)
    with SimServer(exchange, source, speed=SPEED, hold=True) as made:
        yield made


def away(monkeypatch: pytest.MonkeyPatch, times: int) -> None:
    """TWS does not answer so many times."""
    connected, left = sockets._connected, times

    def connect(*how: Any) -> Any:
        nonlocal left
        left -= 1
        if left >= 0:
            raise ConnectError("nothing answers")
        return connected(*how)

    monkeypatch.setattr(sockets, "_connected", connect)

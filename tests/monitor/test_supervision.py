"""The heartbeat and systemd's notifications, as a real socket and a real file hear them."""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import attrs
import pytest

from engine.config import from_mapping
from engine.core import Core
from engine.holdings import Holdings
from engine.inputs import MarketView
from engine.monitor.supervision import Supervision
from engine.view import EngineView, symbol_view


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.setblocking(False)
        yield listening


def heard(listening: socket.socket) -> list[str]:
    found = []
    while True:
        try:
            found.append(listening.recv(4096).decode())
        except BlockingIOError:
            return found


def view(session: str, halt: str = "", frozen: str = "", held: int = 0) -> EngineView:
    core = Core(from_mapping({"strategy": {"symbols": ["AAPL"]}}))
    symbol = symbol_view(core.state, "AAPL", Holdings(), MarketView("AAPL"), "")
    symbol = attrs.evolve(symbol, frozen=frozen, quantity=Decimal(held))
    return EngineView(session, 0, "DU1", halt, (symbol,), (), 0, (), (), ())


def told(listening: socket.socket, **more: str) -> dict[str, str]:
    return {"NOTIFY_SOCKET": str(listening.getsockname()), **more}


def test_systemd_hears_of_readiness_once_and_of_life_often(systemd: socket.socket) -> None:
    one = Supervision(environment=told(systemd, WATCHDOG_USEC="1000000"))
    one.seen(view("connecting"), 10.0)
    assert heard(systemd) == ["STATUS=session connecting\nWATCHDOG=1"]
    one.seen(view("live"), 10.2)
    assert heard(systemd) == []  # half of the second has not passed
    one.seen(view("live"), 10.6)
    assert heard(systemd) == ["STATUS=session live\nWATCHDOG=1\nREADY=1"]
    one.seen(view("lost", halt="level 1 by me: x"), 12.0)
    assert heard(systemd) == ["STATUS=session lost, halted\nWATCHDOG=1"]
    one.stopping()
    assert heard(systemd) == ["STOPPING=1"]


def test_without_a_watchdog_life_is_not_told(systemd: socket.socket) -> None:
    one = Supervision(environment=told(systemd))
    one.seen(view("live"), 1.0)
    assert heard(systemd) == ["STATUS=session live\nREADY=1"]


def test_an_abstract_socket_is_understood() -> None:
    name = f"engine-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(f"\0{name}")
        listening.setblocking(False)
        Supervision(environment={"NOTIFY_SOCKET": f"@{name}"}).stopping()
        assert heard(listening) == ["STOPPING=1"]


def test_a_systemd_that_does_not_listen_holds_nobody_up(systemd: socket.socket) -> None:
    """Its queue is full after some hundred words; whoever waited would wait for ever."""
    one = Supervision(environment=told(systemd))
    for second in range(1, 2000):
        one.seen(view("lost") if second > 1 else view("live"), 2.0 * second)
    assert 0 < len(heard(systemd)) < 1999
    systemd.close()
    one.stopping()


def test_the_heartbeat_says_how_it_stands(tmp_path: Path) -> None:
    beat = tmp_path / "beat"
    one = Supervision(beat, environment={})
    assert one.wanted
    before = time.time()
    one.seen(view("live", halt="level 2 by journal: x", frozen="why", held=-100), 5.0)
    found = json.loads(beat.read_bytes())
    assert before <= found.pop("time") <= time.time()
    assert found == {
        "pid": os.getpid(),
        "session": "live",
        "halted": True,
        "frozen": ["AAPL"],
        "held": 1,
        "open_orders": 0,
    }
    one.seen(view("lost"), 5.5)
    assert json.loads(beat.read_bytes())["session"] == "live"
    one.seen(view("lost"), 6.0)
    assert json.loads(beat.read_bytes())["session"] == "lost"
    one.stopping()
    assert list(tmp_path.iterdir()) == []


def test_a_heartbeat_that_cannot_be_written_ends_nothing(tmp_path: Path) -> None:
    one = Supervision(tmp_path / "no" / "folder", environment={})
    one.seen(view("live"), 1.0)
    one.stopping()


def test_nobody_is_told_when_nobody_asked() -> None:
    assert not Supervision(environment={}).wanted

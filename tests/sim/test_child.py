"""A simulator in a process of its own: known again, not mistaken for another, and ended."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest

from engine.errors import UserError
from engine.sim.child import Market, SimChild, SimGone, SimState

MARKET = Market(ticks=(), symbols=("IBM",), seed=3)


@pytest.fixture(scope="module")
def child() -> Iterator[SimChild]:
    root = str(Path(__file__).parents[2])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", root)
        with SimChild.start(
            MARKET, day="20240104", speed=2.0, account="DU5", instance=77, kept=False
        ) as launch:
            started = launch.wait()
    yield started
    started.stop()


def test_it_runs_in_a_session_of_its_own(child: SimChild) -> None:
    assert os.getsid(child.state.pid) == child.state.pid != os.getsid(0)


def test_it_is_found_again_by_its_state(child: SimChild, tmp_path: Path) -> None:
    path = tmp_path / "J-sim"
    path.write_bytes(child.state.to_json())
    state = SimState.read(path)
    assert state == child.state
    found = SimChild.find(state)
    assert found is not None
    report = found.report()
    found.leave()

    assert report["clock_ns"] == 1_704_378_600_000_000_000  # held: nobody was ever connected
    assert child.about()["instance"] == 77


@pytest.mark.parametrize("changed", [{"pid": 1}, {"instance": 78}])
def test_another_process_on_its_port_is_not_believed(
    child: SimChild, changed: dict[str, int]
) -> None:
    assert SimChild.find(attrs.evolve(child.state, **changed)) is None


@pytest.mark.parametrize(
    "answer",
    [b"220 mail.example ready\r\n", b"[]\n", b"7\n", b"null\n", b"\xff\xfe\n", b"{}\n", b""],
)
def test_another_program_that_has_got_its_port_is_not_believed(
    child: SimChild, answer: bytes
) -> None:
    """A mail server speaks first, others answer in their own way, or hang up."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(answer)

        other = threading.Thread(target=serve)
        other.start()
        port = listener.getsockname()[1]
        found = SimChild.find(attrs.evolve(child.state, control_port=port))
        other.join()
    assert found is None


def test_one_that_has_ended_is_not_found() -> None:
    with SimChild.start(
        MARKET, day="20240104", speed=1.0, account="DU5", instance=1, kept=True
    ) as launch:
        gone = launch.wait()
    gone.stop()

    assert SimChild.find(gone.state) is None


def test_one_that_cannot_start_says_why_in_its_line() -> None:
    market = Market(ticks=("/nowhere/IBM-20240103.csv",), symbols=(), seed=1)

    with (
        SimChild.start(market, day="", speed=1.0, account="DU5", instance=1, kept=False) as launch,
        pytest.raises(UserError, match=r"^/nowhere/IBM-20240103\.csv: cannot be read"),
    ):
        launch.wait()


def test_one_that_died_is_told() -> None:
    with SimChild.start(
        MARKET, day="20240104", speed=1.0, account="DU5", instance=1, kept=False
    ) as launch:
        child = launch.wait()
    os.kill(child.state.pid, 9)

    with pytest.raises(SimGone, match="the simulator has ended"):
        child.about()
    child.stop()


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b'{"version": 2}', b"\xff"])
def test_a_state_that_is_none_is_refused(tmp_path: Path, body: bytes) -> None:
    path = tmp_path / "J-sim"
    path.write_bytes(body)

    with pytest.raises(UserError, match="remove it"):
        SimState.read(path)
    assert SimState.read(tmp_path / "other") is None

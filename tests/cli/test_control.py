"""A shell talks to a running engine: what it holds, the kill switch, its limits."""

from __future__ import annotations

import errno
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from engine.cli.control import status
from engine.cli.halt_signals import HaltSignals
from engine.control import ADDRESS_BYTES_MAX, LATE, ControlServer, ask, control_path
from engine.engine import Engine
from engine.errors import UserError

PATIENCE_S = 60.0


def shell(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "engine.cli", *words],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


@pytest.fixture
def control(tmp_path: Path) -> Iterator[Path]:
    """A demonstration that runs, and where it listens."""
    path = tmp_path / "c"
    process = subprocess.Popen(
        [sys.executable, "-m", "engine.cli", "run", "--plain", "--control", str(path)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline and process.poll() is None:
            if path.is_socket() and '"live"' in json.dumps(_status(path)):
                break
            time.sleep(0.2)
        assert process.poll() is None
        yield path
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE_S)
    assert not path.exists(), "the socket goes with the engine"


def _status(path: Path) -> dict[str, object]:
    try:
        return ask(path, {"op": "status"})
    except UserError:
        return {}


def test_prices_are_told_as_finely_as_they_are_quoted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    held = {
        "symbol": "IBM", "state": "protected", "side": "short", "quantity": "938",
        "average_price": "31.97106609808102345415778252", "frozen": "",
    }  # fmt: skip
    told = {"session": "live", "account": "", "halt": "", "positions": [held], "open_orders": 2,
            "armed": [], "data_refused": {"SPY": "354: not subscribed"},
            "unreadable": 3}  # fmt: skip
    monkeypatch.setattr("engine.cli.control.talk", lambda *_: told)
    status(None, None)

    out = capsys.readouterr().out
    assert "IBM: protected short 938 @ 31.97\n" in out
    assert "SPY: market data: 354: not subscribed\n" in out
    assert out.endswith("messages of TWS that could not be read: 3\n")


def test_the_kill_switch_from_a_shell(control: Path) -> None:
    where = ("--control", str(control))
    assert "session live" in shell("status", *where).stdout

    told = shell("halt", "to see", "--level", "2", *where)
    assert told.returncode == 0, told.stderr
    assert "halted: level 2 by control: to see" in shell("status", *where).stdout

    limits = shell("risk", *where).stdout
    assert "gross_notional" in limits
    assert "risk_at_stops" in limits

    assert shell("flatten", "enough", *where).returncode == 0
    deadline = time.monotonic() + PATIENCE_S
    while "nothing is held" not in shell("status", *where).stdout:
        assert time.monotonic() < deadline

    assert shell("resume", "looked at it", *where).returncode == 0
    again = shell("resume", "twice", *where)
    assert (again.returncode, again.stderr.count("\n")) == (2, 1)
    assert "nothing is halted" in again.stderr


def test_mistakes_are_one_line(tmp_path: Path) -> None:
    nobody = shell("status", "--control", str(tmp_path / "none"))
    assert nobody.returncode == 2
    assert "no engine listens there" in nobody.stderr


def test_what_cannot_be_read_is_refused_and_the_next_is_answered(tmp_path: Path) -> None:
    server = ControlServer(tmp_path / "c", {"ping": lambda asked: {"pong": asked["n"]}})
    server.start()
    try:
        assert (tmp_path / "c").stat().st_mode & 0o077 == 0, "for its own user only"
        for line in (
            b"\n",
            b"[]\n",
            b"{\n",
            b'{"op": 1}\n',
            b'{"op": "x"}\n',
            b"\xff\n",
            b"x" * 9000,
        ):
            with socket.socket(socket.AF_UNIX) as raw:
                raw.connect(str(tmp_path / "c"))
                raw.sendall(line)
                assert b"error" in raw.recv(9000)
        assert ask(tmp_path / "c", {"op": "ping", "n": 7}) == {"pong": 7}
        with pytest.raises(UserError, match="cannot listen"):
            ControlServer(tmp_path / "c", {})
    finally:
        server.close()


class Failing:
    """A socket from which the system has nothing to accept at first: all files are open."""

    def __init__(self, real: socket.socket, times: int) -> None:
        self._real, self.left = real, times

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def accept(self) -> Any:
        if self.left:
            self.left -= 1
            raise OSError(errno.EMFILE, "Too many open files")
        return self._real.accept()


def test_the_kill_switch_outlives_a_moment_without_a_file_to_open(tmp_path: Path) -> None:
    server = ControlServer(tmp_path / "c", {"ping": lambda asked: {"pong": asked["n"]}})
    failing = Failing(server._socket, 3)
    server._socket = failing  # type: ignore[assignment]
    server.start()
    try:
        assert ask(tmp_path / "c", {"op": "ping", "n": 7}) == {"pong": 7}
        assert failing.left == 0
    finally:
        server.close()


def test_a_request_that_finds_a_defect_is_not_the_last_one(tmp_path: Path) -> None:
    server = ControlServer(tmp_path / "c", {"ping": lambda asked: {"pong": asked["n"]}})
    server.start()
    try:
        with pytest.raises(UserError, match="KeyError"):
            ask(tmp_path / "c", {"op": "ping"})
        assert ask(tmp_path / "c", {"op": "ping", "n": 7}) == {"pong": 7}
    finally:
        server.close()


def test_what_is_answered_late_is_not_called_refused(tmp_path: Path) -> None:
    """A writer that waits for TWS takes what was asked afterwards: the kill switch holds then, and
    a resume ends it."""

    def connecting(_: object) -> dict[str, Any]:
        raise TimeoutError

    server = ControlServer(tmp_path / "c", {"halt": connecting})
    server.start()
    try:
        with pytest.raises(UserError, match=r"^no answer yet: the engine is connecting"):
            ask(tmp_path / "c", {"op": "halt"})
    finally:
        server.close()


class _Connecting:
    def halt(self, level: int, why: str, who: str) -> None:
        raise TimeoutError


def test_a_signal_that_is_heard_late_is_not_said_to_halt_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    HaltSignals(cast(Engine, _Connecting()))._halt(signal.SIGUSR1)
    (record,) = caplog.records
    assert record.getMessage() == f"SIGUSR1: {LATE}"


def test_a_socket_that_was_left_behind_is_taken_over(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / "c"))
    server = ControlServer(tmp_path / "c", {})
    server.close()


def test_a_long_path_gives_way_to_its_hash(tmp_path: Path) -> None:
    journal = tmp_path / ("long" * 30) / "day.journal"
    assert len(os.fsencode(control_path(journal))) <= ADDRESS_BYTES_MAX
    assert control_path(tmp_path / "j") == tmp_path / "j.control"


def test_a_file_and_a_signal_pull_the_kill_switch(tmp_path: Path) -> None:
    journal, control = tmp_path / "j", tmp_path / "c"
    halt = tmp_path / "j.halt"
    halt.write_text("1 before anything")
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "engine.cli", "run", "--plain"),
            *("--control", str(control), "--journal", str(journal)),
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )

    def until_it_says(what: str) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while what not in json.dumps(_status(control)):
            assert process.poll() is None
            assert time.monotonic() < deadline, _status(control)
            time.sleep(0.1)

    try:
        until_it_says("before anything")
        process.send_signal(signal.SIGUSR1)
        until_it_says("told by SIGUSR1")
        halt.write_text("3 get out")
        until_it_says("get out")
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE_S)

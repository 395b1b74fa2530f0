"""``engine run`` as a service: what watches over it hears of its life."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from tests.cli.conftest import PATIENCE_S, environment


def test_a_run_tells_that_it_lives_and_that_it_ends(tmp_path: Path) -> None:
    beat, place = tmp_path / "beat", tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(place))
        systemd.settimeout(PATIENCE_S)
        words = ["run", "--plain", "--heartbeat", str(beat), "--control", str(tmp_path / "c")]
        process = subprocess.Popen(
            [sys.executable, "-m", "engine.cli", *words],
            cwd=tmp_path,
            env={**environment(), "NOTIFY_SOCKET": str(place), "WATCHDOG_USEC": "10000000"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            heard = [systemd.recv(4096).decode()]
            while "READY=1" not in heard[-1]:
                heard.append(systemd.recv(4096).decode())
            assert all("WATCHDOG=1" in one for one in heard)
            deadline = time.monotonic() + PATIENCE_S
            while not beat.exists() and time.monotonic() < deadline:
                time.sleep(0.01)
            found = json.loads(beat.read_bytes())
            assert (found["session"], found["pid"]) == ("live", process.pid)
            os.kill(process.pid, signal.SIGTERM)
            while "STOPPING=1" not in heard[-1]:
                heard.append(systemd.recv(4096).decode())
            assert process.wait(PATIENCE_S) == 0
        finally:
            process.kill()
            process.wait()
    assert not beat.exists()

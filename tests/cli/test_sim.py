"""``engine sim`` as a process: one line, clients, and its ends."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.config import Broker, Config, Strategy
from engine.engine import Engine
from tests.cli.conftest import Cli, Here, command, environment

LINE = re.compile(
    r"simulator: listening on 127\.0\.0\.1:(\d+) \(server version (\d+), account (\w+), (.+), "
    r"speed ([\d.]+)(?:, control 127\.0\.0\.1:(\d+))?\)\n"
)


def listening(process: subprocess.Popen[str]) -> re.Match[str]:
    assert process.stdout is not None
    line = process.stdout.readline()
    match = LINE.fullmatch(line)
    assert match is not None, (line, process.stderr)
    return match


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_says_one_line_and_ends_when_told(
    engine: Cli, ticks: Callable[..., Path], number: signal.Signals
) -> None:
    process = engine.start(
        *("sim", "--port", "0", "--ticks", ticks(minutes=5), "--speed", "2"),
        *("--account", "DU42", "--max-server-version", "187", "--json", "out.json"),
    )
    told = listening(process)
    process.send_signal(number)
    out, err = process.communicate(timeout=30)

    assert (process.returncode, out, err) == (0, "", "")
    assert told.groups()[1:] == ("187", "DU42", "IBM 2024-01-03", "2", None)
    assert engine.report("out.json")["executions"] == []


def test_it_ends_after_its_time(engine: Cli) -> None:
    done = engine("sim", "--port", "0", "--for", "300ms")

    assert (done.code, done.err) == (0, "")
    assert LINE.fullmatch(done.out)


def test_it_lingers_for_the_next_client_and_no_longer(engine: Cli) -> None:
    process = engine.start("sim", "--port", "0", "--symbols", "IBM", "--hold", "--linger", "300ms")
    port = int(listening(process)[1])
    config = Config(strategy=Strategy(symbols=("IBM",)), broker=Broker(port=port))
    with Engine(config) as client:
        assert client.view().session == "live"
    process.communicate(timeout=30)

    assert process.returncode == 0


def test_it_answers_on_its_control_port(engine: Cli) -> None:
    process = engine.start("sim", "--port", "0", "--control-port", "0", "--instance", "7")
    control = int(listening(process)[6])
    with socket.create_connection(("127.0.0.1", control), 10) as connection:
        replies = connection.makefile("rb")
        connection.sendall(b'{"op": "about"}\n')
        about = json.loads(replies.readline())
        connection.sendall(b'{"op": "stop"}\n')
        replies.readline()
    process.communicate(timeout=30)

    assert about == {"pid": process.pid, "instance": 7, "market_over": False, "clients": 0}
    assert process.returncode == 0


def test_a_script_of_faults_is_read_before_it_listens(here: Here, tmp_path: Path) -> None:
    script = tmp_path / "faults.txt"
    script.write_text("start drop orderStatus\nstart drpo openOrder\n")
    done = here("sim", "--port", "0", "--faults", str(script))
    assert (done.code, done.out) == (2, "")
    assert done.err.strip().endswith("line 2: no fault is called 'drpo'; did you mean drop?")


@pytest.mark.parametrize("faults", ["script", "draw"])
def test_faults_are_in_the_record(engine: Cli, tmp_path: Path, faults: str) -> None:
    script = tmp_path / "faults.txt"
    script.write_text("connection:1 say 1100 times=2 every=1ms\n")
    process = engine.start(
        *("sim", "--port", "0", "--seed", "3", "--json", "out.json", "--symbols", "IBM"),
        *("--faults", str(script) if faults == "script" else "draw", "--linger", "1ms"),
    )
    port = int(listening(process)[1])
    with socket.create_connection(("127.0.0.1", port), 10) as connection:
        hello = b"v100..178"
        connection.sendall(b"API\0" + len(hello).to_bytes(4, "big") + hello)
        start = b"71\x002\x009\x00\x00"
        connection.sendall(len(start).to_bytes(4, "big") + start)
        received = b""
        while received.count(b"2158") < 1 or (faults == "script" and received.count(b"1100") < 2):
            received += connection.recv(4096)
    process.communicate(timeout=30)
    found = engine.report("out.json")["faults"]
    if faults == "script":
        assert found == [{"fault": "connection:1 say 1100 times=2 every=1ms", "happened": 2}]
    else:
        assert len(found) == 12


def test_it_ends_with_whoever_started_it_if_nobody_ever_came(engine: Cli) -> None:
    """Its starter was killed before it could connect: nobody knows of this simulator."""
    process = subprocess.Popen(
        command("sim", "--port", "0", "--attended", "100ms"),
        env=environment(),
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    listening(process)
    assert process.stdin is not None
    process.stdin.close()

    assert process.wait(timeout=30) == 0
    assert process.stdout is not None
    process.stdout.close()

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
from tests.cli.conftest import Cli, command, environment

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

"""``engine demo-api`` as a process, and the whole way from it to a trade."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from engine.sim.follow import FollowedClock
from tests.cli.conftest import Cli, Here
from tests.cli.test_errors import refused

LINE = re.compile(r"demo-api: listening on (http://127\.0\.0\.1:\d+) \((.+), a prediction .+\)\n")


def listening(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    line = process.stdout.readline()
    match = LINE.fullmatch(line)
    assert match is not None, line
    return match[1]


def ask(url: str, ticker: str, **headers: str) -> tuple[int, dict[str, Any], dict[str, str]]:
    request = urllib.request.Request(f"{url}/prediction/latest?ticker={ticker}", headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, json.loads(answer.read()), dict(answer.headers)
    except urllib.error.HTTPError as problem:
        body = problem.read()
        return problem.code, json.loads(body) if body else {}, dict(problem.headers)


def test_it_says_one_line_answers_and_ends_when_told(engine: Cli) -> None:
    key = engine.folder / "key"
    key.write_text("sesame\n")
    key.chmod(0o600)
    process = engine.start(
        *("demo-api", "--port", "0", "--symbols", "IBM,MSFT", "--key-file", key),
        *("--period", "1h", "--fault", "MSFT=error", "IBM=500:1"),
    )
    url = listening(process)
    statuses = [ask(url, "IBM", **{"X-API-Key": word})[0] for word in ("sesame", "wrong", "sesame")]
    status, told, headers = ask(url, "IBM", **{"X-API-Key": "sesame"})
    etag = headers["etag"]
    again = ask(url, "IBM", **{"X-API-Key": "sesame", "If-None-Match": etag})
    fault = ask(url, "MSFT")
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=30)

    assert statuses == [500, 401, 200]
    assert (status, told["data"]["prediction"]["ticker"]) == (200, "IBM")
    assert int(headers["x-ratelimit-remaining"]) > 0
    assert (again[0], again[1]) == (304, {})
    assert (fault[0], fault[1]["status"]) == (200, "error")
    assert (process.returncode, out, err) == (0, "", "")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--fault", "IBM=tired"], ["IBM=tired", "write TICKER=KIND", "slow"]),
        (["--fault", "IBM=429:x"], ["IBM=429:x"]),
        (["--key-file", "missing"], ["missing", "No such file"]),
        (["--limit", "0"], ["--limit 0", "at least 1"]),
        (["--period", "soon"], ["'soon'", "30s"]),
        (["--clock-from", "1"], ["no simulator answers at 127.0.0.1:1", "--control-port"]),
    ],
)
def test_a_mistake_is_one_line(here: Here, arguments: list[str], words: list[str]) -> None:
    refused(here("demo-api", "--port", "0", *arguments), *words)


def test_a_port_that_is_in_use(engine: Cli) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        refused(engine("demo-api", "--port", port), f"port {port}: in use")


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://api.example.com", ["--poll: url must be https"]),
        ("api.example.com", ["--poll: url must begin with https://"]),
    ],
)
def test_an_address_that_may_not_be_polled(here: Here, url: str, words: list[str]) -> None:
    refused(here("run", "--poll", url, "--for", "5s"), *words)


@pytest.mark.slow
def test_from_the_api_to_a_trade_by_the_clock_of_a_simulator(engine: Cli, wide: Path) -> None:
    sim = engine.start(
        *("sim", "--port", "0", "--symbols", "IBM", "--speed", "20", "--control-port", "0")
    )
    assert sim.stdout is not None
    ports = re.findall(r"127\.0\.0\.1:(\d+)", sim.stdout.readline())
    api = engine.start(
        *("demo-api", "--port", "0", "--symbols", "IBM", "--period", "20s"),
        *("--clock-from", ports[1]),
    )
    url = listening(api)
    run = engine.start(
        *("run", "--plain", "--config", wide, "--port", ports[0], "--speed", "20"),
        *("--poll", url, "--json", "out.json", "--flatten", "--for", "60s"),
    )
    engine.until(run, ": filled ")
    run.send_signal(signal.SIGINT)
    out, err = run.communicate(timeout=30)

    assert run.returncode == 0, err
    report = engine.report("out.json")
    assert report["signals"] >= 1
    assert "bad_time" not in report["refusals"], out
    assert report["executions"]
    assert report["ways"]["poll"]["taken"] == report["signals"]


def test_a_clock_is_followed_and_goes_on_alone(engine: Cli) -> None:
    sim = engine.start("sim", "--port", "0", "--symbols", "IBM", "--control-port", "0")
    assert sim.stdout is not None
    ports = re.findall(r"127\.0\.0\.1:(\d+)", sim.stdout.readline())
    clock = FollowedClock(int(ports[1]))
    first = clock.now_ns()
    sim.send_signal(signal.SIGTERM)
    sim.communicate(timeout=30)

    assert 1_704_290_000_000_000_000 < first < 1_704_300_000_000_000_000
    assert clock.now_ns() > first

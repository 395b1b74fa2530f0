"""Predictions from outside, through a whole engine: whichever way they come, they trade once."""

from __future__ import annotations

import base64
import http.client
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from engine.config import Config, from_mapping
from engine.engine import Engine
from engine.errors import ConfigError, UserError
from engine.events import BaseEvent, NewOrderEvent, RefusalEvent
from engine.signals.demo_api import DemoApi, prediction
from engine.signals.signature import sign
from engine.sim.server import SimServer
from tests.runtime.conftest import SPEED

PATIENCE_S = 20.0
KEY = bytes(range(32))
PERIOD_S = 3600.0


@pytest.fixture
def api(server: SimServer) -> Iterator[DemoApi]:
    """Says BUY for IBM with confidence, by the clock of the exchange."""

    def now_ns() -> int:
        now: int = server.report()["clock_ns"]
        return now

    for seed in range(1000):
        made = prediction("IBM", now_ns(), seed, int(PERIOD_S * 1e9))
        if made["signal"] == "BUY" and made["confidence"] > 0.6:
            break
    with DemoApi(["IBM"], seed=seed, period_s=PERIOD_S, limit=10**6, now_ns=now_ns) as running:
        yield running


@pytest.fixture
def configured(
    server: SimServer, api: DemoApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Config:
    monkeypatch.setenv("ENGINE_WEBHOOK_KEY_FLOW", "whsec_" + base64.b64encode(KEY).decode())
    return from_mapping(
        {
            "strategy": {"symbols": ["IBM", "MSFT"], "cooldown_s": 0},
            "broker": {"port": server.port, "clock_rate": SPEED},
            "signals": {
                "poll": {"url": api.url, "source": "flow", "tickers": ["IBM"], "interval_s": 0.05},
                "webhook": {"port": 0, "senders": [{"source": "flow"}]},
                "tail": {"path": str(tmp_path / "tail.jsonl"), "source": "flow"},
            },
        }
    )


def until(true: Callable[[], Any]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)


@contextmanager
def running(engine: Engine) -> Iterator[list[BaseEvent]]:
    told: list[BaseEvent] = []
    engine.subscribe(BaseEvent, told.append)
    with engine:
        yield told


def post(engine: Engine, body: bytes, message_id: str) -> tuple[int, dict[str, Any]]:
    assert engine.ways.webhook is not None
    connection = http.client.HTTPConnection("127.0.0.1", engine.ways.webhook.port, PATIENCE_S)
    now_s = int(time.time())
    headers = {
        "webhook-id": message_id,
        "webhook-timestamp": str(now_s),
        "webhook-signature": sign(KEY, message_id, now_s, body),
    }
    connection.request("POST", "/signals/flow", body, headers)
    response = connection.getresponse()
    words: dict[str, Any] = json.loads(response.read())
    connection.close()
    return response.status, words


def entries(told: list[BaseEvent]) -> list[str]:
    return [e.symbol for e in told if isinstance(e, NewOrderEvent) and e.role == "entry"]


def refusals(told: list[BaseEvent]) -> list[str]:
    return [e.reason for e in told if isinstance(e, RefusalEvent)]


def test_polled_posted_tailed_and_after_a_restart_it_trades_once(
    configured: Config, api: DemoApi, server: SimServer, tmp_path: Path
) -> None:
    body = json.dumps(api.prediction("IBM", server.report()["clock_ns"])).encode()
    path = tmp_path / "tail.jsonl"
    first = Engine(configured, journal=tmp_path / "j")
    with running(first) as told:
        until(lambda: entries(told) == ["IBM"])
        until(lambda: api.requests["IBM"] >= 4)
        status, words = post(first, body, "one")
        again = post(first, body, "one")
        path.write_bytes(body + b"\n")
        until(lambda: len(refusals(told)) == 2)
        # Its process tells them a moment later.
        until(lambda: first.ways.counts()["webhook"]["of"]["flow"]["repeats"])
        counts = first.ways.counts()

    assert status == 200
    assert again == (status, words)
    assert entries(told) == ["IBM"]
    assert refusals(told) == ["duplicate_signal"] * 2  # posted, and tailed: each on record once
    assert counts["poll"]["of"]["IBM"]["predictions"] == 1
    assert counts["poll"]["of"]["IBM"]["repeats"] >= 3
    assert counts["webhook"]["of"]["flow"]["repeats"] == 1

    second = Engine(configured, journal=tmp_path / "j")
    with running(second) as told:
        until(lambda: refusals(told) == ["duplicate_signal"])  # polled
        post(second, body, "two")
        until(lambda: len(refusals(told)) == 2)  # posted
        assert post(second, body, "one")[0] == 200  # the very message of before the restart
        made = api.prediction("IBM", server.report()["clock_ns"])
        late = {**made, "timestamp": made["timestamp"] - 1_000, "signal": "SHORT"}
        answer = post(second, json.dumps(late).encode(), "late")
        second.stop(flatten=True)

    assert entries(told) == []
    assert (answer[0], answer[1]["error"]) == (422, "out_of_order")
    assert server.report()["uncovered_share_seconds"] == 0
    assert not any(server.report()["position"].values())


def test_what_a_sender_was_told_is_in_the_journal_even_if_nothing_was_traded(
    configured: Config, server: SimServer, tmp_path: Path
) -> None:
    now_ms = server.report()["clock_ns"] // 1_000_000
    made = {"ticker": "MSFT", "confidence": 0.1, "timestamp": now_ms}
    low = json.dumps({**made, "signal": "BUY"}).encode()
    unknown = json.dumps({**made, "signal": "MOON"}).encode()
    engine = Engine(configured, journal=tmp_path / "j")
    with running(engine) as told:
        until(lambda: entries(told))  # of the polled one: the ways are open
        assert post(engine, low, "one")[0] == 200
        status, words = post(engine, unknown, "two")
        until(lambda: len(refusals(told)) == 2)
        engine.stop(flatten=True)

    assert (status, words["error"]) == (422, "unknown_signal")
    assert refusals(told) == ["low_confidence", "unknown_signal"]


def test_a_wrong_key_or_port_is_told_before_anything_runs(
    configured: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ENGINE_WEBHOOK_KEY_FLOW")
    for _ in range(2):  # nothing is left behind that would be in the way
        with pytest.raises(ConfigError, match="ENGINE_WEBHOOK_KEY_FLOW"):
            Engine(configured, journal=tmp_path / "j")


def test_a_port_that_is_in_use_ends_the_run(
    configured: Config, server: SimServer, tmp_path: Path
) -> None:
    settings = configured.signals.webhook
    assert settings is not None
    taken = from_mapping(
        {
            "strategy": {"symbols": ["IBM"]},
            "broker": {"port": server.port, "clock_rate": SPEED},
            "signals": {"webhook": {"port": server.port, "senders": [{"source": "flow"}]}},
        }
    )
    engine = Engine(taken, journal=tmp_path / "j")
    with pytest.raises(UserError, match=f"port {server.port}: in use"):
        engine.start()

"""What the dashboard tells of an engine, and what it does for those who have the key."""

from __future__ import annotations

import json
import logging
import threading
from concurrent.futures import Future
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from engine import Engine
from engine.bus import EventBus
from engine.config import from_mapping
from engine.errors import LimitError, UserError
from engine.operations import operations
from engine.sim.tws_sim import TwsSim
from engine.web.dashboard import Dashboard
from engine.web.feed import Feed, Seen
from engine.web.settings import Web
from engine.web.watcher import Watcher
from tests.web.conftest import SETTINGS, SYMBOLS, Scene


def test_a_position_is_told_with_its_protection(own: Scene) -> None:
    own.buy()
    told = own.picture(
        lambda told: (
            told["sections"]["symbol:IBM"]["state"] == "protected"
            and {"NewOrderEvent", "FillEvent", "PredictionSignalEvent"}
            <= {one["event"]["type"] for one in told["entries"]}
        )
    )
    ibm = told["sections"]["symbol:IBM"]

    assert (ibm["side"], ibm["quantity"]) == ("long", 100.0)
    assert ibm["average"] == pytest.approx(100.01)
    assert ibm["stops"][0]["price"] == pytest.approx(98.01, abs=0.011)
    assert ibm["targets"][0]["price"] == pytest.approx(103.01, abs=0.011)
    assert {one["role"] for one in told["sections"]["orders"]} == {"stop", "target"}


def test_what_tws_refuses_and_what_cannot_be_read_is_told(tmp_path: Path) -> None:
    """In the dashboard, in the figures, and to a shell."""
    with TwsSim(symbols=SYMBOLS, policies={"market_data": "none"}) as tws:
        config = from_mapping({"strategy": SETTINGS, "broker": {"port": tws.port}})
        with Engine(config) as engine:
            able = operations(engine, lambda: (), "dashboard")
            with Dashboard(engine, Web(port=0), able) as dashboard:
                one = Scene(tws, engine, dashboard, tmp_path)
                tws.until(lambda: able["status"]({})["data_refused"].keys() == set(SYMBOLS))
                tws.fault("start garble currentTime count=1")
                tws.until(lambda: able["status"]({})["unreadable"])
                tws.until(lambda: one.messages(1)[0]["sections"]["engine"]["unreadable"])
                (told,) = one.messages(1)
                figures = one.get("/metrics").text
    said = "354: Requested market data is not subscribed."
    assert told["sections"]["symbol:IBM"]["data_refused"].startswith(said)
    assert told["sections"]["engine"]["unreadable"] == 1
    assert 'engine_market_data_refused{symbol="MSFT"} 1' in figures
    assert "engine_unreadable_messages_total 1" in figures


def test_halt_flatten_and_resume_go_the_way_of_the_control_socket(own: Scene) -> None:
    own.buy()
    answer = own.control({"op": "halt", "level": 3, "why": "  enough\nfor today "})
    assert (answer.status_code, answer.json()) == (200, {"halted": 3})
    own.tws.until(lambda: own.tws.position("IBM") == 0 and own.state("IBM") == "flat")
    assert own.engine.view().halt == "level 3 by dashboard: enough for today"
    own.picture(lambda told: told["sections"]["engine"]["halt_level"] == 3)
    assert own.control({"op": "resume", "why": "a new day"}).json() == {"resumed": True}
    assert own.engine.view().halt == ""


def test_rules_limits_latency_and_health_are_told(own: Scene) -> None:
    own.buy()
    sections = own.picture(lambda told: told["sections"]["latency"]["order"])["sections"]

    buy = next(one for one in sections["rules"] if one["id"] == "pattern.buy")
    assert (buy["executions"], buy["rests"]) == (1, 2.0)
    gross = next(one for one in sections["limits"] if one["name"] == "gross_notional")
    assert 0 < gross["share"] < 1
    assert sections["latency"]["order"]["p50"] <= sections["latency"]["order"]["p99"]
    assert sections["health"]["answered"]


def test_a_price_path_is_there_for_a_page_that_is_opened(own: Scene) -> None:
    own.tws.walk("IBM", 100.5)
    path = own.tws.until(
        lambda: [p for p in own.get("/api/paths").json().get("IBM", []) if p[3] == 100.5]
    )
    assert path[0][1:] == [100.49, 100.51, 100.5]


def test_the_log_of_the_program_is_told(own: Scene) -> None:
    logging.getLogger("engine.runtime").warning("something %s", "odd")

    def said() -> bool:
        return any(
            "log: warning: something odd" in e["line"] for e in own.messages(1)[0]["entries"]
        )

    own.tws.until(said)


def test_a_port_in_use_is_told_in_one_line(own: Scene) -> None:
    port = int(own.base.rpartition(":")[2])
    other = Dashboard(own.engine, Web(port=port), operations(own.engine, lambda: ()))
    with pytest.raises(UserError, match=f"port {port}: in use"):
        other.start()
    other.stop()


def test_streams_end_with_the_dashboard(own: Scene) -> None:
    ended = threading.Event()

    def watch() -> None:
        own.messages(10_000)
        ended.set()

    threading.Thread(target=watch, daemon=True).start()
    own.tws.until(lambda: own.dashboard._viewers)
    own.dashboard.stop()
    assert ended.wait(5)


# -- the one who looks ----------------------------------------------------------------------------


class Busy:
    """An engine whose writer is held up."""

    def __init__(self) -> None:
        self.bus = EventBus()
        self.ways = SimpleNamespace(counts=dict)
        self.asked: list[Any] = []
        self.problem: Exception | None = None

    def submit(self, request: Any) -> Future[Any]:
        if self.problem is not None:
            raise self.problem
        self.asked.append(request)
        return Future()


def test_a_writer_that_does_not_answer_is_asked_once_and_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Questions must not pile up before a writer that is held up."""
    monkeypatch.setattr("engine.web.watcher.PATIENCE_S", 0.01)
    engine, feed = Busy(), Feed()
    watcher = Watcher(engine, feed, lambda: True, lambda: None)
    for _ in range(5):
        watcher.turn()
    health = json.loads(feed.since(Seen())[1])["sections"]["health"]

    assert len(engine.asked) == 1
    assert not health["answered"]
    assert health["waited_s"] >= 0


def test_an_engine_that_has_ended_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    engine, feed = Busy(), Feed()
    engine.problem = LimitError("the engine has stopped")
    Watcher(engine, feed, lambda: True, lambda: None).turn()

    assert not json.loads(feed.since(Seen())[1])["sections"]["health"]["answered"]

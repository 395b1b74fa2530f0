"""An engine that is asked to end ends, whatever the moment is like."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any, Final

import pytest

from engine.config import from_mapping
from engine.engine import Engine
from engine.errors import LimitError
from engine.events import AlertEvent
from engine.journal import Journal, JournalFailed
from engine.sim.server import SimServer
from engine.sim.tws_sim import TwsSim
from engine.view import EngineView
from tests.faulty_disk import FaultyDisk
from tests.runtime.test_bound import PATIENCE_S, configured, until

FOR_EVER: Final = range(1, 10**9)


def protected(server: SimServer) -> Engine:
    engine = Engine(configured(server)).start()
    assert engine.wait_for_prices(PATIENCE_S)
    engine.publish({"ticker": "IBM", "signal": "BUY", "confidence": 0.9}).result(PATIENCE_S)
    until(lambda: engine.view().symbols[0].state == "protected")
    return engine


def test_it_flattens_although_the_writer_was_connecting_when_it_was_asked(
    server: SimServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = protected(server)
    view, asked = engine.view, 0

    def busy(timeout_s: float = 5.0) -> EngineView:
        nonlocal asked
        asked += 1
        if asked < 3:
            raise TimeoutError
        return view(timeout_s)

    monkeypatch.setattr(engine, "view", busy)
    engine.stop(flatten=True)
    assert not any(server.report()["position"].values())
    assert engine._ended.is_set()


@pytest.mark.parametrize("problem", [LimitError("the engine has stopped"), OSError("of the test")])
def test_it_ends_although_it_cannot_flatten(
    server: SimServer, monkeypatch: pytest.MonkeyPatch, problem: Exception
) -> None:
    engine = protected(server)

    def refused(*_: Any) -> None:
        raise problem

    monkeypatch.setattr(engine, "close", refused)
    if isinstance(problem, LimitError):
        engine.stop(flatten=True)
    else:
        with pytest.raises(OSError, match="of the test"):
            engine.stop(flatten=True)
    assert engine._ended.is_set()
    assert server.report()["position"]["IBM"] == 100


def test_it_ends_although_its_journal_cannot_be_closed(server: SimServer, tmp_path: Path) -> None:
    """Whoever waits for the end, or listens to the last events, hears of them all the same."""
    disk = FaultyDisk()
    journal = Journal.open(tmp_path / "J", "normal", disk)
    engine = Engine(configured(server), journal)
    told: list[AlertEvent] = []
    engine.subscribe(AlertEvent, told.append)
    engine.start()
    assert engine.wait_for_prices(PATIENCE_S)
    engine.publish({"ticker": "IBM", "signal": "BUY", "confidence": 0.9}).result(PATIENCE_S)
    until(lambda: engine.view().symbols[0].state == "protected")
    disk.refuse = {"write": FOR_EVER, "sync": FOR_EVER}
    try:
        engine.stop()
        assert engine._ended.is_set()
        assert isinstance(engine.problem, JournalFailed)
        assert not [one for one in threading.enumerate() if one.name == "events"]
        assert any("stopped (asked to) with 100 shares held" in one.text for one in told)
    finally:
        disk.heal()


def test_what_was_decided_leaves_before_the_end() -> None:
    """The pacing lets a handful of messages leave in a tenth of a second. An exit that was held
    back, and thrown away at the end, protected nobody until the next start."""
    symbols = [f"S{number}" for number in range(6)]
    with TwsSim(symbols=symbols) as tws:
        strategy = {
            "symbols": symbols,
            "sizing": {"shares": 100},
            "stop": {"percent": 10},
            "target": {"percent": 20},
        }
        config = from_mapping({"strategy": strategy, "broker": {"port": tws.port}})
        with Engine(config) as engine:
            assert engine.wait_for_prices(PATIENCE_S)
            asked = [
                engine.publish({"ticker": symbol, "signal": "BUY", "confidence": 0.9})
                for symbol in symbols
            ]
            for answer in asked:
                answer.result(PATIENCE_S)
            tws.until(tws.executions)

        tws.until(lambda: all(tws.position(symbol) == 100 for symbol in symbols))
        assert len(tws.open_orders()) == 2 * len(symbols)

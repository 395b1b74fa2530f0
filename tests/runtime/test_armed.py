"""Armed rules over a real socket: what leaves, leaves from the reader."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.config import from_mapping
from engine.engine import Engine
from engine.events import NewOrderEvent
from engine.inputs import ConditionFired
from engine.journal_chain import JournalReader
from engine.operations import operations
from engine.sim.tws_sim import TwsSim

PATIENCE_S = 20.0
SIDES = ("BUY", "SELL")


def until(true: Callable[[], Any]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.005)


def made(tws: TwsSim, side: str, journal: Path) -> Engine:
    rule = {
        "id": "breakout",
        "symbols": ["IBM"],
        "when": "last >= 100.5" if side == "BUY" else "last <= 99.5",
        "then": {"kind": "enter", "side": side},
        "armed": True,
        "armed_gap_percent": 1.0,
    }
    strategy = {
        "symbols": ["IBM"],
        "sizing": {"shares": 100},
        "stop": {"amount": 2.0},
        "target": {"amount": 3.0},
        "rules": [rule],
    }
    return Engine(from_mapping({"strategy": strategy, "broker": {"port": tws.port}}), journal)


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("version", [178, 226])
@pytest.mark.parametrize("busy", [False, True], ids=["alone", "beside a busy thread"])
def test_it_leaves_by_itself_and_the_core_follows(
    side: str, version: int, busy: bool, tmp_path: Path
) -> None:
    sign = 1 if side == "BUY" else -1
    with TwsSim(symbols=["IBM"], max_server_version=version) as tws:
        engine = made(tws, side, tmp_path / "J")
        told: list[NewOrderEvent] = []
        engine.subscribe(NewOrderEvent, told.append)
        with engine:
            tws.walk("IBM", 100.0)
            until(lambda: engine.view().armed)
            assert [view.armed for view in engine.rules.list() if view.id == "breakout"] == [True]
            status = operations(engine, list)["status"]({})
            assert status["armed"] == ["breakout on IBM"]
            with computing(busy):
                tws.walk("IBM", 100.0 + 0.6 * sign)
                until(lambda: tws.position("IBM") == 100 * sign)
            until(lambda: engine.view().symbols[0].state == "protected")
            view = engine.view()
        assert view.armed == ()
        answered_us = engine._runtime.latencies.answered_us
        assert len(view.armed_us) == len(answered_us) == 1
        assert 0 <= view.armed_us[0] <= answered_us[0]
        assert len(told) == 3
        orders = [*tws.open_orders(), *tws.completed_orders()]
        assert sorted(one.order_type for one in orders) == ["LMT", "MKT", "STP"]
        assert tws.report()["uncovered_share_seconds"] == 0
    with JournalReader(tmp_path / "J") as journal:
        fired = [
            one
            for record in journal.records()
            for one in record.inputs
            if isinstance(one, ConditionFired)
        ]
    assert [one.armed for one in fired] == [True]


class computing:  # noqa: N801  (reads as what it is)
    """A thread that never lets go of the interpreter by itself."""

    def __init__(self, busy: bool) -> None:
        self._going = busy
        self._interval = sys.getswitchinterval()
        self._thread = threading.Thread(target=self._compute)

    def _compute(self) -> None:
        number = 0
        while self._going:
            number += 1

    def __enter__(self) -> None:
        sys.setswitchinterval(0.02)
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._going = False
        self._thread.join()
        sys.setswitchinterval(self._interval)

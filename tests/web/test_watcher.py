"""Looking for all viewers: what fails there is said once, and hits nobody who trades or logs."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any

import pytest

from engine.bus import EventBus
from engine.web.feed import Feed, Seen
from engine.web.watcher import Watcher
from tests.runtime.test_engine import until


class _Broken:
    """An engine whose writer answers every question with a defect."""

    def __init__(self) -> None:
        self.bus = EventBus(threaded=False)
        self.ways = self
        self.waiting = 0
        self.asked = 0

    def counts(self) -> dict[str, Any]:
        return {}

    def submit(self, request: Any) -> Future[Any]:
        self.asked += 1
        answer: Future[Any] = Future()
        answer.set_exception(ZeroDivisionError("of the look"))
        return answer


def test_a_look_that_fails_is_said_once_and_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    engine, feed = _Broken(), Feed()
    watcher = Watcher(engine, feed, lambda: True, lambda: None)
    watcher.start()
    until(lambda: engine.asked >= 3)
    watcher.stop()

    said = [one for one in caplog.records if "could not look" in one.getMessage()]
    assert len(said) == 1
    assert b'"answered":false' in feed.since(Seen())[1]

"""What is logged in these tests: whole runs at a TWS in memory, and an engine that only listens."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from engine.bus import EventBus
from engine.events import AlertEvent
from engine.monitor.log import Log
from engine.monitor.log_settings import LogSettings
from tests.sim.test_virtual import Day


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def traded(
    path: Path, *acts: tuple[float, Callable[[Day], object]], lasts_s: float = 200, **more: Any
) -> list[dict[str, Any]]:
    day = Day(**more)
    for at_s, act in acts:
        day.at(at_s, lambda act=act: act(day))  # type: ignore[misc]
    with Log(LogSettings(file=str(path)), day.engine):
        day.run(200)
    return lines(path)


def signal(symbol: str, kind: str) -> Callable[[Day], object]:
    return lambda day: day.engine.publish({"ticker": symbol, "signal": kind, "confidence": 0.9})


class Fake:
    """An engine that only listens."""

    def __init__(self, bus: EventBus | None = None) -> None:
        self.bus = bus or EventBus(threaded=False)
        self.noticed: list[tuple[str, str]] = []

    def notice(self, level: str, text: str) -> None:
        self.noticed.append((level, text))

    def now_ns(self) -> int:
        return 1_700_000_000_000_000_000


def told(text: str = "look", level: Any = "warning", **more: Any) -> AlertEvent:
    return AlertEvent(1_700_000_000_123_456_789, 1, level, text, **more)

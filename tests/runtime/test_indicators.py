"""Indicators in a whole engine at a simulator: warmed by history, at the start and later."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from engine.config import from_mapping
from engine.engine import Engine
from engine.events import AlertEvent, IndicatorEvent, NewOrderEvent, RefusalEvent
from engine.rules import from_plain
from engine.sim.launch import generated
from engine.sim.server import SimServer

PATIENCE_S = 60.0  # the same history may be asked for again after fifteen seconds
SPEED = 20.0


def until(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)


@pytest.mark.slow
def test_history_warms_what_the_rules_ask_for_at_the_start_and_what_is_added_later() -> None:
    """The day has not had a bar when the first signal is taken, and never 700."""
    exchange, source = generated(["IBM"], ticks_per_s=20.0)
    seen: dict[str, float] = {}
    told: list[str] = []
    said: list[str] = []
    with SimServer(exchange, source, speed=SPEED) as server:
        config = from_mapping(
            {
                "strategy": {
                    "symbols": ["IBM"],
                    "cooldown_s": 0,
                    "enter_when": "sma(200) > 1 and ema(20) > 1",
                },
                "broker": {"port": server.port, "clock_rate": SPEED},
            }
        )
        with Engine(config) as engine:
            engine.subscribe(IndicatorEvent, lambda event: seen.update({event.name: event.value}))
            engine.subscribe(AlertEvent, lambda event: said.append(event.text))
            engine.subscribe(RefusalEvent, lambda event: told.append(event.detail))
            engine.subscribe(
                NewOrderEvent, lambda event: told.append(event.role) if event.role else None
            )
            assert engine.wait_for_prices()
            until(lambda: {"sma(200)", "ema(20)"} <= seen.keys())
            engine.publish({"ticker": "IBM", "signal": "BUY", "confidence": 0.9}).result(10)
            until(lambda: "entry" in told)
            late = {
                "id": "late",
                "when": 'signal == "SHORT" and sma(700) > 1',
                "then": {"kind": "log", "level": "info", "text": "it is warm"},
            }
            engine.rules.add(from_plain(late))
            until(lambda: "sma(700)" in seen)
            engine.publish({"ticker": "IBM", "signal": "SHORT", "confidence": 0.9}).result(10)
            until(lambda: any("it is warm" in one for one in said))
            engine.stop(flatten=True)

    assert not [one for one in told if "needs" in one]
    assert 0 < seen["sma(700)"] < 10_000

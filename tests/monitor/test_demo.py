"""The demonstration's signals: the same for the same seed, and all of them fit the schema."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from engine.config import from_mapping
from engine.inputs import Signal
from engine.monitor import demo
from engine.signals.files import SignalFile

DAY = date(2024, 1, 3)
START_NS = 1_704_292_200_000_000_000


def test_the_signals_of_a_seed_are_the_same_and_all_accepted(tmp_path: Path) -> None:
    path = tmp_path / "demonstration.jsonl"
    path.write_bytes(demo.signals(demo.SYMBOLS, 5))
    file = SignalFile(path, demo.SYMBOLS)
    file.load()
    count = len(file)
    due = file.due(START_NS + demo.SESSION_S * 10**9, START_NS, DAY)

    assert demo.signals(demo.SYMBOLS, 5) == path.read_bytes() != demo.signals(demo.SYMBOLS, 6)
    assert len(due) == count > 500
    assert all(isinstance(one, Signal) for one in due)
    assert {one.ticker for one in due if isinstance(one, Signal)} == set(demo.SYMBOLS)


def test_its_strategy_is_a_valid_configuration() -> None:
    config = from_mapping({"strategy": {"symbols": list(demo.SYMBOLS), **demo.STRATEGY}})

    assert config.strategy.stop.atr == demo.STRATEGY["stop"]["atr"]


@pytest.mark.parametrize(
    ("day", "following"),
    [
        (date(2024, 1, 3), date(2024, 1, 4)),
        (date(2024, 1, 5), date(2024, 1, 8)),
        (date(2024, 1, 6), date(2024, 1, 8)),
    ],
)
def test_the_next_day_is_a_weekday(day: date, following: date) -> None:
    assert demo.next_day(day) == following

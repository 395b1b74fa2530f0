"""A journal of an engine that traded a generated day in virtual time."""

from pathlib import Path

import pytest

from engine.journal import Journal
from engine.journal_chain import JournalReader
from engine.report.groups import Summary, summary
from engine.report.reading import EVERYTHING, Reading, Wanted
from engine.retrace import Retrace
from tests.sim.test_virtual import CONFIG, Day

TIGHT = CONFIG["strategy"] | {
    "sizing": {"shares": 700},  # more than a quote shows: fills come in parts
    "stop": {"percent": 0.15},
    "target": {"percent": 0.2},
    "cooldown_s": 5,
    "on_opposite": "reverse",
}
SIGNALS = ("BUY", "SHORT", "SELL", "BUY", "SHORT", "BUY", "SHORT", "BUY", "SELL", "SHORT")
RUN_S = 1500


def traded(journal: Journal) -> Day:
    """Both symbols, both sides, by stop, target, reversal and signal."""
    day = Day(journal=journal, strategy=TIGHT)
    for number, kind in enumerate(SIGNALS):
        day.signal(60 + 120 * number, "IBM", kind)
        day.signal(90 + 130 * number, "SPY", kind)
    day.run(RUN_S)
    return day


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("report") / "J"
    traded(Journal.open(found))
    return found


def told(place: Path, wanted: Wanted = EVERYTHING, ticks=()) -> Summary:
    with JournalReader(place) as reader:
        reading = Reading(Retrace.of(reader), wanted, ticks)
        reading.take(reader.records(reading.first - 1))
        reading.end()
    return summary(place.name, reading)


@pytest.fixture(scope="session")
def found(place: Path) -> Summary:
    return told(place)

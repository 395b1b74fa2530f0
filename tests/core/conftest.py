"""What tests of the core share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.bus import EventBus
from tests.core.published import WAIT_S


@pytest.fixture(params=[1, -1], ids=["long", "short"])
def side(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "engine.journal"


@pytest.fixture
def bus() -> Iterator[EventBus]:
    bus = EventBus()
    bus.start()
    yield bus
    bus.stop(WAIT_S)

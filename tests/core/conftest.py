"""What tests of the core share."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(params=[1, -1], ids=["long", "short"])
def side(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "engine.journal"

"""What tests of the core share."""

from __future__ import annotations

import pytest


@pytest.fixture(params=[1, -1], ids=["long", "short"])
def side(request: pytest.FixtureRequest) -> int:
    return int(request.param)

"""A short, bounded piece of the kill loop: the whole command, killed six times in one day."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.campaign.kill_loop import one_round


@pytest.mark.slow
def test_a_day_of_kills_leaves_nothing_open_lost_or_done_twice(tmp_path: Path) -> None:
    found, hits = one_round(tmp_path, seed=2, kills=6, minutes=8.0, speed=60.0)
    assert found.faults == [], hits
    assert found.executions > 0
    assert found.signals > 0

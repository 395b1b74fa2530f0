"""A share of the crash points of every scene; ``python -m tests.campaign.crash_loop`` has all."""

from __future__ import annotations

import random

import pytest

from tests.campaign import crash_loop
from tests.campaign.crash_loop import SIDES, count_points, crash, main
from tests.campaign.mortals import WAYS, Point
from tests.campaign.scenes import SCENES, Scene, Side

POINTS_EACH = 3


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name)
def test_it_dies_anywhere_and_goes_on(scene: Scene, side: Side) -> None:
    points = count_points(scene, side, seed=1)
    assert {point.where for point in points} == set(WAYS)
    chance = random.Random(f"{scene.name}/{side}")
    for point in chance.sample(points, POINTS_EACH):
        found, _ = crash(scene, side, point, seed=1)
        assert not found, (
            f"python -m tests.campaign.crash_loop --scene {scene.name} --side {side} "
            f"--point {point} --seed 1"
        )


def test_a_point_that_is_not_there_is_a_failure() -> None:
    found, _ = crash(SCENES[0], "long", Point("send", 10_000, "lost"), seed=1)
    assert found == ["point send:10000:lost was never reached"]


def test_an_engine_that_forgets_is_caught(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The loop itself must be able to fail, and to say how to see it again."""
    forgetful = crash_loop.Play.run
    lives = []

    def run(play: crash_loop.Play, *arguments: object) -> bool:
        lives.append(play)
        if lives.count(play) == 2:  # it starts again, and has lost its memory
            for path in play.folder.iterdir():
                path.unlink()
        return forgetful(play, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(crash_loop.Play, "run", run)
    arguments = ["--scene", "stop-out", "--side", "short", "--point", "send:11:sent"]
    assert main(arguments) == 1
    told = capsys.readouterr().out
    assert "1 crash points, 1 failed" in told
    assert (
        "again: python -m tests.campaign.crash_loop --scene stop-out --side short "
        "--point send:11:sent --seed 1" in told
    )

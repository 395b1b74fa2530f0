"""The journal's promise: the same inputs give the same state and the same commands, at every
step, also when they have been written down and read again."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.codec import step_from_json, step_to_json
from engine.core import Core
from tests.core.desk import Desk
from tests.core.test_scenarios import FOLDER, Script


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.txt")), ids=lambda path: path.stem)
def test_every_step_of_a_scenario_replays(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Desk, "keeps_digests", True)
    script = Script(path, mirrored=False)
    script.run()
    desk = script.desk
    assert desk.digests
    replayed = Core(desk.config)
    for number, (record, answer) in enumerate(zip(desk.records, desk.answers, strict=True)):
        now_ns, inputs, commands = step_from_json(step_to_json(*record, answer))
        assert (now_ns, inputs) == record
        output = replayed.step(inputs, now_ns)
        assert output.commands == list(commands) == answer
        if number in desk.digests:
            assert replayed.state.digest() == desk.digests[number]
    assert replayed.state.digest() == desk.core.state.digest()


def test_different_inputs_give_different_digests(monkeypatch: pytest.MonkeyPatch) -> None:
    """The digest sees what matters: no two of these steps leave the same state."""
    monkeypatch.setattr(Desk, "keeps_digests", True)
    script = Script(FOLDER / "08-reversal-of-part-filled.txt", mirrored=False)
    script.run()
    assert script.desk.digests
    busy = [digest for number, digest in script.desk.digests.items() if script.desk.answers[number]]
    assert len(set(busy)) == len(busy) > 2

"""A short piece of the campaign against the parser; ``tests/campaign/sim_fuzz.py`` goes on."""

from __future__ import annotations

import random

from engine.errors import DecodeError
from engine.sim.wire_requests import parse
from tests.campaign.sim_fuzz import VERSIONS, bent, fuzz, sound


def test_nonsense_is_answered_or_ends_its_own_connection() -> None:
    tally = fuzz(rounds=70, seconds=120, seed=3)

    assert tally.faults == []
    assert tally.rounds == 70
    assert tally.frames > 500
    assert {"ended", "greetings", "executions", "error 320", "error 321"} <= set(tally.came)


def test_every_sound_request_is_read_and_nonsense_is_refused_by_name() -> None:
    stream = random.Random(11)
    for version in VERSIONS:
        for payload in sound(version):
            parse(payload, version)
            for _ in range(5):
                try:
                    parse(bent(payload, version, stream), version)
                except DecodeError as problem:
                    assert str(problem)

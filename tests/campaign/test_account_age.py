"""Entries where the account's values must be young: whole engines, in both formats of the wire."""

from __future__ import annotations

import attrs
import pytest

from engine.campaign.scenario import Scenario, prompt
from engine.campaign.trial import play
from tests.campaign.test_simulate import CALM

LATE = "+1500s signal IBM BUY 0.9"


def limited(*faults: str, version: int = 226) -> Scenario:
    settings = {**CALM.settings, "limits": {"account_age_max_s": 200.0}}
    return attrs.evolve(
        CALM,
        mode="safety",
        hours=0.5,
        settings=settings,
        prompts=(prompt(LATE),),
        faults=faults,
        version=version,
    )


@pytest.mark.parametrize("version", [178, 200, 205, 226])
def test_the_first_signal_after_a_quiet_morning_is_traded(version: int) -> None:
    outcome = play(limited(version=version))

    assert outcome.violation is None
    assert outcome.counts["refused account_unknown"] == 0
    assert outcome.executions > 0


@pytest.mark.parametrize(
    "fault",
    [
        "+60s drop accountDownloadEnd",
        "+60s drop accountValue scope=any",
        "+60s swallow reqAccountUpdates",
    ],
)
def test_a_broker_that_does_not_answer_opens_nothing(fault: str) -> None:
    outcome = play(limited(fault))

    assert outcome.violation is None
    assert outcome.counts["refused account_unknown"] == 1
    assert outcome.executions == 0

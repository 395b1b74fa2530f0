"""The open questions and their allowed answers."""

from __future__ import annotations

from decimal import Decimal

import attrs
import pytest

from engine.errors import ConfigError
from engine.sim.policies import SETTINGS, Policies, choices, draw
from engine.sim.profiles import PROFILES, policies


def test_the_first_choice_is_the_default():
    for name, values in choices().items():
        assert values[0] == getattr(Policies(), name)
        assert len(values) > 1
        for value in values:
            assert getattr(Policies(**{name: value}), name) == value


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"child_activation": "sometimes"}, "'sometimes' is not one of on_partial_filled_size"),
        ({"pending_cancel": 1}, "pending_cancel: 1 is not one of False, True"),
        ({"oca_delay_ns": -1}, "oca_delay_ns: -1 is not between 0"),
        ({"oca_delay_ns": 1.5}, "oca_delay_ns: 1.5"),
        ({"cancel_delay_ns": 10**15}, "cancel_delay_ns"),
        ({"cash": 5.0}, "cash: 5.0 is not a Decimal"),
        ({"cash": Decimal("NaN")}, "cash"),
        ({"margin_rate": Decimal(-1)}, "margin_rate"),
        ({"active_orders_max": 0}, "active_orders_max: 0 is not between 1"),
    ],
)
def test_a_wrong_answer_is_refused_by_name(change, words):
    with pytest.raises(ConfigError, match=words.replace("(", r"\(")):
        Policies(**change)


def test_policies_cannot_be_changed():
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        Policies().margin = "refuse"


def test_profiles_are_drawn_by_seed_and_reach_every_answer():
    assert draw(3) == draw(3)
    drawn = [draw(seed) for seed in range(200)]
    for name, values in choices().items():
        found = {getattr(one, name) for one in drawn}
        assert found == ({values[0]} if name in SETTINGS else set(values))
    assert {draw(seed, margin="ignore").margin for seed in range(20)} == {"ignore"}


def test_profiles_are_sets_of_answers():
    assert policies() == Policies()
    made = {name: policies(name) for name in PROFILES}
    assert len(set(made.values())) == len(PROFILES)
    for name, profile in PROFILES.items():
        for answer, value in profile.answers.items():
            assert getattr(made[name], answer) == value
    assert policies("strict", {"margin": "ignore"}).margin == "ignore"
    assert policies("draw", {"margin": "ignore"}, 3) == draw(3, margin="ignore")
    with pytest.raises(ConfigError, match="the profiles are default, paper"):
        policies("kind")

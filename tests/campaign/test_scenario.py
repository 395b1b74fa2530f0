"""Scenarios of a campaign: drawn, written, read, changed by gaps, and made smaller."""

import pytest

from engine.campaign.draw import drawn
from engine.campaign.prices import Gap, with_gaps
from engine.campaign.scenario import (
    PROMPTS,
    Prompt,
    parse,
    prompt,
    render,
)
from engine.campaign.shrink import shrink
from engine.campaign.trial import Outcome, Violation
from engine.errors import UserError
from engine.sim.records import MarketTick


@pytest.mark.parametrize("seed", range(1, 30))
def test_what_is_drawn_can_be_written_and_read(seed):
    scenario = drawn(seed, "liveness", 1.0)
    assert parse(render(scenario, "26: something"), "here") == scenario


def test_the_draws_know_every_prompt_and_every_fault():
    scenarios = [drawn(seed, "safety", 6.5) for seed in range(40)]
    prompts = {one.kind for scenario in scenarios for one in scenario.prompts}
    assert prompts == set(PROMPTS)
    assert {line.split()[1] for scenario in scenarios for line in scenario.faults} >= {
        "drop", "reset", "restart", "double", "policy", "halt",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("scenario seed=1 mode=both hours=1", "here:1: scenario: mode is one of safety, liveness"),
        ("prompt +5s oco IBM sell 5", "oco is followed by SYMBOL breakout|range|sell|buy SHARES"),
        ("prompt +5s settings 7", "settings is followed by tables of settings"),
        ("prompt +5s settings {", "here:1: prompt: "),
        ("prompt +5s dance IBM", "here:1: prompt: dance: there are signal, gap"),
        ("prompt +5s halt", "here:1: prompt: halt is followed by LEVEL"),
        ("prompt 5s halt 1", "here:1: prompt: 5s halt 1: write +SECONDSs"),
        ("fault +5s implode", "no fault is called 'implode'"),
        ("policy oca_modify=sometimes", "policy oca_modify"),
        ("weather fine", "no such line"),
        ("", "here: says nothing of seed, mode, hours, symbols"),
    ],
)
def test_a_scenario_that_cannot_be_read_says_where(line, said):
    with pytest.raises(UserError) as refused:
        parse(line, "here")
    assert said in str(refused.value)


# -- gaps --------------------------------------------------------------------------------------


def test_a_gap_moves_everything_after_it_and_never_crosses_the_quote():
    ticks = [
        MarketTick(1, "IBM", "B", 100.00, 100),
        MarketTick(2, "IBM", "A", 100.02, 100),
        MarketTick(20, "IBM", "B", 100.01, 100),
        MarketTick(21, "SPY", "B", 50.00, 100),
    ]
    up = [(one.time_ns, one.symbol, one.kind, one.price)
          for one in with_gaps(ticks, [Gap(10, "IBM", 3.0)])]  # fmt: skip
    assert up == [
        (1, "IBM", "B", 100.00),
        (2, "IBM", "A", 100.02),
        (10, "IBM", "A", 103.02),
        (10, "IBM", "B", 103.00),
        (10, "IBM", "T", 103.00),
        (20, "IBM", "B", 103.01),
        (21, "SPY", "B", 50.00),
    ]
    down = [one.price for one in with_gaps(ticks, [Gap(10, "IBM", -200.0)])]
    assert down[2:5] == [1.0, 1.01, 1.0]


# -- shrinking ---------------------------------------------------------------------------------


def test_what_is_not_needed_for_a_failure_is_left_out():
    """A broker that fails whenever it meets both of two faults and one prompt."""
    scenario = drawn(5, "safety", 1.0)
    needed = {scenario.faults[2], scenario.faults[-1]}
    wanted = scenario.prompts[7]

    def pretend(one):
        fails = needed <= set(one.faults) and wanted in one.prompts
        return Outcome(Violation(6, "naked", wanted.at_s + 1.0) if fails else None)

    small = shrink(scenario, Violation(6, "naked", wanted.at_s + 1.0), play=pretend)
    assert set(small.scenario.faults) == needed
    assert small.scenario.prompts == (wanted,)
    assert small.scenario.hours == round((wanted.at_s + 31.0) / 3600, 4)
    assert all(not table for table in small.scenario.settings.values())
    assert small.violation.law == 6


def test_a_smaller_scenario_that_fails_otherwise_is_not_taken():
    scenario = drawn(5, "safety", 1.0)

    def pretend(one):
        law = 6 if len(one.faults) == len(scenario.faults) else 26
        return Outcome(Violation(law, "something", 3500.0))

    assert shrink(scenario, Violation(6, "x", 3500.0), play=pretend).scenario.faults == (
        scenario.faults
    )


def test_a_prompt_is_written_as_it_is_read():
    for text in ("+5s signal IBM BUY 0.9", "+0.5s kill 3", "+7s resume"):
        assert str(prompt(text)) == text
    assert prompt("+5s halt 1") == Prompt(5.0, "halt", ("1",))

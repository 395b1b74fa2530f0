"""Campaigns of whole engines in virtual time, and the machinery of them."""

import logging

import attrs
import pytest

import engine.core as core_module
from engine.campaign import jobs, tally
from engine.campaign.draw import drawn
from engine.campaign.jobs import Plan
from engine.campaign.scenario import (
    Scenario,
    hours_of,
    in_time,
    parse,
    prompt,
    render,
    sessions,
)
from engine.campaign.trial import play
from engine.orders import Role
from engine.wants import AmendExit, PlaceExit, Withdraw
from statecharts.vocabulary import ContextState

SHORT_H = 0.15
CALM = Scenario(
    seed=3,
    mode="liveness",
    hours=0.2,
    symbols=("IBM",),
    settings={"strategy": {"sizing": {"shares": 100}, "stop": {"percent": 2.0}}},
    prompts=(prompt("+40s signal IBM BUY 0.9"),),
)


def with_faults(*lines, **changes):
    return attrs.evolve(CALM, faults=lines, **changes)


# -- the campaign ------------------------------------------------------------------------------


@pytest.mark.parametrize("first", range(1, 101, 10))
def test_whole_engines_keep_every_law_whatever_goes_wrong(first):
    found, _ = jobs.run(Plan(range(first, first + 10), SHORT_H), lambda *_: None)
    assert [(one.violation.law, one.violation.text, one.again) for one in found.failures] == []
    assert found.seeds == 10
    assert found.orders > 10


def test_a_seed_is_the_same_run_to_the_last_byte_and_another_one_is_not():
    one, again, other = (play(drawn(seed, "safety", SHORT_H)) for seed in (8, 8, 9))
    assert one == again
    assert one.counts != other.counts


def test_a_quiet_day_is_as_the_strategy_says():
    seen = []

    def look(engine, at_s):
        held = engine.core.state.held("IBM")
        if not seen or seen[-1] != held:
            seen.append(held)

    outcome = play(CALM, look)
    assert outcome.violation is None
    assert seen == [0, 100]
    assert (outcome.orders, outcome.executions) == (3, 1)
    assert outcome.counts["prompt signal"] == outcome.counts["settled"] == 1


# -- laws can break ----------------------------------------------------------------------------


@pytest.fixture
def broken_core(monkeypatch):
    """Lets the engine forget one kind of its wishes."""
    carry_out = core_module._carry_out

    def forget(matches):
        def forgetful(state, out, context, want):
            if not matches(want):
                carry_out(state, out, context, want)

        monkeypatch.setattr(core_module, "_carry_out", forgetful)

    return forget


def placed(role):
    return lambda want: isinstance(want, PlaceExit) and want.role is role


def test_shares_without_a_stop_are_found(broken_core):
    broken_core(placed(Role.STOP))
    naked = with_faults("+60s cancel-by-hand types=STP", mode="safety")
    found = play(naked).violation
    assert found is not None
    assert found.law == 6
    assert "100 of 100 shares without a stop" in found.text


def test_the_same_is_mended_by_a_sound_core():
    assert play(with_faults("+60s cancel-by-hand types=STP")).violation is None
    assert play(with_faults("+60s cancel-by-hand types=STP", mode="safety")).violation is None


def test_a_close_that_never_comes_is_found(broken_core):
    broken_core(placed(Role.CLOSE))
    closed = attrs.evolve(CALM, prompts=(*CALM.prompts, prompt("+80s close IBM")))
    found = play(closed).violation
    assert found is not None
    assert (found.law, found.at_s > 900) == (27, True)
    assert "closing for ever" in found.text


def test_orders_that_are_left_behind_are_found(broken_core):
    broken_core(lambda want: isinstance(want, Withdraw | AmendExit))
    left = attrs.evolve(
        CALM,
        prompts=(*CALM.prompts, prompt("+80s close IBM")),
        policies=("oca_siblings=forget",),
    )
    found = play(left).violation
    assert found is not None
    assert found.law in {16, 26, 27}


def test_an_engine_that_raises_is_found(monkeypatch):
    def fail(state, out, context):
        raise AssertionError("a defect")

    monkeypatch.setattr(core_module, "watch_stop", fail)
    found = play(CALM).violation
    assert found is not None
    assert (found.law, found.text) == (0, "AssertionError in test_simulate.py:fail: a defect")


def test_a_journal_that_replays_to_something_else_is_found(monkeypatch):
    monkeypatch.setattr("engine.campaign.trial.rebuild", lambda journal, config: other)
    other = core_module.Core(CALM and play_config())
    found = play(CALM).violation
    assert found is not None
    assert found.law == 21


def play_config():
    from engine.config import from_mapping

    return from_mapping({"strategy": {"symbols": ["IBM"]}})


# -- what campaigns have found ------------------------------------------------------------------

LIQUIDATED_TWICE = """
scenario seed=123 mode=liveness hours=0.75
symbols IBM
market rate=0.1 volatility=0.0001 latency_ms=40 version=215
settings {"strategy":{"sizing":{"shares":300},"entry":{"type":"limit","offset":{"percent":0.05}}}}
prompt +829.4s signal IBM SHORT 0.9
prompt +832.6s close all
fault cancel:1 liquidate
fault order:4 restart for=3s lower=4
fault +828.60s late-fill after=5s part=40% for=52s
fault fill:3 liquidate
"""


def test_what_is_liquidated_of_a_trade_that_has_turned_over_is_ours():
    """A close was under way for the last shares when the broker took them: it turned the position
    over, which nobody saw, because what was taken had been called a stranger's."""
    outcome = play(parse(LIQUIDATED_TWICE, "here"))
    assert outcome.violation is None
    assert outcome.counts["fault liquidate"] == 2
    assert outcome.held == {}


ADOPTED_AND_CLOSED = """
scenario seed=1 mode=safety hours=0.25
symbols IBM
market rate=0.2 volatility=0.0001 latency_ms=10 version=200
settings {"strategy":{"foreign_orders":"adopt"}}
prompt +30s signal IBM SHORT 0.9
prompt +40s order IBM SELL 200
prompt +120s resume
prompt +200s close IBM
prompt +260s order IBM BUY 60
fault +110s liquidate
fault +130s order-by-hand IBM SELL 50
"""


def test_what_was_adopted_and_closed_is_no_position_the_other_way():
    """The witness saw only the close, which is ours, and took shares for it that had been placed
    directly."""
    outcome = play(parse(ADOPTED_AND_CLOSED, "here"))
    assert outcome.violation is None
    assert 0 < int(outcome.held["IBM"]) <= 60
    assert outcome.counts["trade ended by host"] == 1


# -- lives -------------------------------------------------------------------------------------


def test_an_engine_that_is_killed_trades_on():
    outcome = play(
        attrs.evolve(
            CALM,
            prompts=(*CALM.prompts, prompt("+41s kill 5"), prompt("+90s close IBM")),
        )
    )
    assert outcome.violation is None
    assert outcome.counts["prompt kill"] == 1
    assert outcome.counts["trade ended by host"] == 1


@pytest.mark.parametrize("at_s", [39.9, 40.0, 40.002, 40.01, 40.5, 60.0, 89.99])
@pytest.mark.parametrize("level", [1, 2, 3])
def test_a_halt_at_any_moment_of_a_trade_outlives_the_death_of_its_engine(at_s, level):
    """What is held goes, and nothing is opened any more."""
    story = [
        "+40s signal IBM BUY 0.9",
        f"+{at_s + 0.001:.3f}s halt {level}",
        f"+{at_s + 0.1:.3f}s kill 5",
        "+120s signal IBM BUY 0.9",
        "+121s signal IBM SHORT 0.9",
        "+122s order IBM BUY 10",
    ]
    outcome = play(attrs.evolve(CALM, prompts=in_time(prompt(one) for one in story)))
    assert outcome.violation is None
    assert outcome.counts["refused trading_halted"] >= 1
    # A bracket, and what closes it: the third level, or the signal against it.
    assert outcome.orders <= 4
    assert outcome.held == {}


@pytest.mark.parametrize("pause_s", [2, 10, 30, 100])
def test_a_process_that_stood_still_finds_its_way_back(pause_s):
    """While an order is on its way, while the price falls through the stop, and over the close
    before the session's end: everything is done once, late."""
    closes = {**CALM.settings["strategy"], "close_before_end_s": 23_400.0 - 400.0}
    story = [
        "+40s signal IBM BUY 0.9", f"+40.003s pause {pause_s}",
        "+200s gap IBM -9.00", f"+199.9s pause {pause_s}",
        "+330s signal IBM SHORT 0.9", f"+399s pause {pause_s}",
    ]  # fmt: skip
    outcome = play(
        attrs.evolve(
            CALM, hours=0.4, price=100.0, settings={"strategy": closes},
            prompts=in_time(prompt(one) for one in story),
        )
    )  # fmt: skip
    assert outcome.violation is None
    assert outcome.counts["prompt pause"] == 3
    assert outcome.counts["trade ended by stop"] == 1
    assert outcome.held == {}


def test_an_engine_that_cannot_begin_is_started_again():
    dead = attrs.evolve(CALM, prompts=(prompt("+40s kill 1"), prompt("+100s signal IBM BUY 0.9")))
    outcome = play(attrs.evolve(dead, faults=("+39s refuse for=30s",)))
    assert outcome.violation is None
    assert outcome.counts["ended ConnectError"] >= 2
    assert outcome.executions == 1


# -- counting ----------------------------------------------------------------------------------


def test_what_never_happened_is_named():
    found, _ = jobs.run(Plan((4,), SHORT_H, "safety"), lambda *_: None)
    assert found.counts["prompt signal"] > 0
    never = found.never("fault")
    assert never
    assert not any(found.counts[f"fault {name}"] for name in never)
    text = "\n".join(tally.lines(found))
    assert f"never happened: {never[0]}" in text
    assert found.data()["faults_never"] == never
    assert len(found.rows) + len(found.rows_never) == sum(1 for _ in rows_of_charts())


def rows_of_charts():
    from engine.verify.rows import every

    return every()


def test_two_processes_find_what_one_finds():
    seeds = range(1, 5)
    alone, _ = jobs.run(Plan(seeds, 0.1, None, 1), lambda *_: None)
    together, _ = jobs.run(Plan(seeds, 0.1, None, 2), lambda *_: None)
    assert alone == together


def test_what_the_broker_took_by_force_is_gone_whatever_others_buy_later():
    taken = with_faults(
        "+60s liquidate", "+200s order-by-hand IBM BUY 50", mode="safety", hours=0.25
    )
    found = play(taken)

    assert found.violation is None
    assert found.held == {"IBM": "50"}
    assert found.counts["fault liquidate"] == 1


@pytest.mark.parametrize("side", ["BUY", "SELL"])
def test_what_the_broker_took_with_shares_of_others_is_gone_all_the_same(side):
    taken = with_faults(
        f"+50s order-by-hand IBM {side} 50", "+60s liquidate", mode="safety", hours=0.25
    )
    found = play(taken)

    assert found.violation is None
    assert found.counts["fault liquidate"] == 1


# -- weeks -------------------------------------------------------------------------------------


def test_what_is_held_over_a_night_is_there_and_protected_in_the_morning():
    """Through the reset of the servers, the restart of TWS with lower ids, and a night in which
    the machine of the engine is off for a while."""
    settings = {"strategy": CALM.settings["strategy"] | {"close_before_end_s": False,
                                                         "stop": {"percent": 20.0}, "target": []},
                "broker": {"heartbeat_s": 120.0}}  # fmt: skip
    seen = {}

    def look(engine, now_s):
        context = engine.core.state.current.get("IBM")
        if context is not None:
            state = engine.core.state
            seen[round(now_s / 3600)] = state.live, ContextState(context.state), context.held

    night = attrs.evolve(
        CALM,
        mode="safety",
        hours=25.0,
        rate=0.02,
        settings=settings,
        prompts=(prompt("+300s signal IBM BUY 0.9"), prompt("+26000s kill 21600")),
        faults=("+50400s reset-window for=600s", "+54000s restart for=60s lower=4"),
    )
    found = play(night, look)

    assert found.violation is None
    assert found.held == {"IBM": "100"}, found.counts
    assert seen[6] == seen[20] == seen[25] == (True, ContextState.PROTECTED, 100)
    assert 10 not in seen  # nobody was there
    assert found.counts["fault restart"] == 1


def test_weeks_have_nights_and_weekends_and_the_same_text_is_the_same_weeks():
    drawn_weeks = drawn(5, "liveness", hours_of(2))
    days = sessions(drawn_weeks.hours)
    opens = [(one - days[0][0]) / 1e9 for one, _ in days]

    assert len(days) == 10
    assert round(drawn_weeks.hours * 3600) == opens[-1] + 6.5 * 3600
    signals = [one.at_s for one in drawn_weeks.prompts if one.kind == "signal"]
    assert all(any(0 <= at_s - open_s <= 6.5 * 3600 for open_s in opens) for at_s in signals)
    offs = [one for one in drawn_weeks.prompts if one.kind == "kill" and float(one.words[0]) > 1e4]
    assert len(offs) == 2
    for off in offs:
        back_s = off.at_s + float(off.words[0])
        assert sum(off.at_s < open_s < back_s for open_s in opens) == 0
        assert min(open_s - back_s for open_s in opens if open_s > off.at_s) >= 3600
    assert parse(render(drawn_weeks), "text") == drawn_weeks


def test_whoever_plays_a_scenario_hears_their_own_engines_afterwards(caplog):
    """Once every test after a campaign was deaf for the errors of the engine."""
    play(with_faults("+60s cancel-by-hand types=STP", mode="safety"))
    assert [one for one in caplog.records if one.name.startswith("engine")] == []

    logging.getLogger("engine.runtime").error("something to hear")
    assert "something to hear" in caplog.messages

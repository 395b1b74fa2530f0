"""Whether limits hold is judged by the exchange's record alone: what lets more through is found."""

from decimal import Decimal

import attrs
import orjson
import pytest

from engine import adds, risk
from engine.campaign.scenario import in_time, parse, prompt
from engine.campaign.trial import play
from tests.campaign.test_simulate import CALM, with_faults

TWO = attrs.evolve(
    CALM,
    symbols=("IBM", "AAPL"),
    price=200.0,
    prompts=(prompt("+40s signal IBM BUY 0.9"), prompt("+60s signal AAPL BUY 0.9")),
)


def limited(scenario=TWO, **limits):
    settings = {**scenario.settings, "limits": limits}
    return attrs.evolve(scenario, settings=settings)


@pytest.fixture
def gateless(monkeypatch):
    """The gate forgets some of its checks."""

    def forget(*names):
        kept = tuple(one for one in risk.OPENING_CHECKS if one.__name__ not in names)
        assert len(kept) == len(risk.OPENING_CHECKS) - len(names)
        monkeypatch.setattr(risk, "OPENING_CHECKS", kept)

    return forget


DIRECT = attrs.evolve(
    CALM,
    price=200.0,
    prompts=(prompt("+40s oco IBM breakout 50 2"), prompt("+50s order IBM BUY 60")),
)
# A trade of one symbol, and an order of another one that is placed directly.
BESIDE = attrs.evolve(
    TWO, prompts=(prompt("+40s signal IBM BUY 0.9"), prompt("+60s order AAPL BUY 60"))
)


@pytest.mark.parametrize(
    ("check", "scenario", "limits", "said"),
    [
        ("_portfolio", TWO, {"gross_notional_max": 30_000}, "gross"),
        ("_portfolio", TWO, {"net_notional_max": 30_000}, "net"),
        ("_portfolio", TWO, {"positions_max": 1}, "2 positions"),
        ("_portfolio", BESIDE, {"positions_max": 1}, "2 positions"),
        ("_portfolio", attrs.evolve(BESIDE, prompts=BESIDE.prompts[::-1]),
         {"positions_max": 1}, "2 positions"),
        ("_one_symbol", TWO, {"position_risk_max": 300}, "a trade that loses at its stops 3"),
        ("_portfolio", TWO, {"risk_at_stops_max": 600}, "an account that loses at its stops 7"),
        ("_portfolio", TWO,
         {"groups": [{"name": "all", "symbols": ["IBM", "AAPL"], "notional_max": 30_000}]}, "all"),
        ("_account", TWO, {"leverage_max": 0.03}, "leverage"),
        ("_one_symbol", TWO, {"position_notional_max": 10_000}, "IBM"),
        ("_one_symbol", DIRECT, {"position_notional_max": 20_000}, "IBM"),
        ("_portfolio", DIRECT, {"gross_notional_max": 20_000}, "gross"),
        ("_one_order", TWO, {"order_notional_max": 10_000}, "an order of"),
        ("_one_order", TWO, {"order_shares_max": 99}, "an order of 100 shares"),
        ("_restricted", TWO, {"restricted": ["AAPL"]}, "a restricted symbol"),
        ("_pace", TWO, {"orders_per_minute_max": 5}, "6 orders within a minute"),
        ("_pace", TWO, {"orders_per_second_max": 2}, "3 orders within a second"),
    ],
)  # fmt: skip
def test_a_send_beyond_a_limit_is_found(gateless, check, scenario, limits, said):
    """By the exchange's own record; the gate does its work, or all of it is seen."""
    assert play(limited(scenario)).violation is None
    kept = play(limited(scenario, **limits))
    assert kept.violation is None
    assert sum(times for name, times in kept.counts.items() if name.startswith("refused")) >= 1
    gateless(check)
    found = play(limited(scenario, **limits)).violation
    assert found is not None
    assert found.law == 35
    assert said in found.text


def test_entries_beyond_the_throttle_are_found(gateless):
    again = [f"+{at}s {what}" for at in (40, 100) for what in ("signal IBM BUY 0.9",)]
    again += ["+70s close IBM"]
    story = attrs.evolve(CALM, prompts=in_time(prompt(one) for one in again))
    settings = {"strategy": {**CALM.settings["strategy"], "cooldown_s": 0.0}}
    story = attrs.evolve(story, settings={**settings, "limits": {"entries_in_window_max": 1}})
    assert play(story).violation is None
    gateless("_pace")
    found = play(story).violation
    assert found is not None
    assert "2 entries of IBM within 600 s" in found.text


def test_an_entry_while_halted_is_found(gateless):
    halted = attrs.evolve(
        CALM, prompts=(prompt("+30s halt 1"), prompt("+40s oco IBM breakout 10 1"))
    )
    assert play(halted).orders == 0
    gateless("_standing")
    found = play(halted).violation
    assert found is not None
    assert found.law == 34


def test_a_day_that_has_lost_too_much_goes_on_only_if_nobody_watches(monkeypatch):
    """A guard pulls the kill switch; without it the witness says so."""
    lost = attrs.evolve(
        CALM,
        mode="safety",
        prompts=(*CALM.prompts, prompt("+90s gap IBM -2.00")),
        settings={**CALM.settings, "guards": {"day_loss_max": 100}},
    )
    guarded = play(lost)
    assert guarded.violation is None
    assert guarded.counts["halted by guard"] == 1
    monkeypatch.setattr("engine.guards.Guards._losses", lambda self, profit, fall: [])
    found = play(lost).violation
    assert found is not None
    assert (found.law, "the day has lost" in found.text) == (35, True)


def test_a_day_that_has_fallen_too_far_goes_on_only_if_nobody_watches(monkeypatch):
    """From a best that was never more than a price: the day as a whole has lost nothing."""
    fallen = attrs.evolve(
        CALM,
        mode="safety",
        hours=0.3,
        prompts=(*CALM.prompts, prompt("+90s gap IBM 3.00"), prompt("+400s gap IBM -2.00")),
        settings={**CALM.settings, "guards": {"day_drawdown_max": 150}},
    )
    guarded = play(fallen)
    assert guarded.violation is None
    assert guarded.counts["halted by guard"] == 1
    monkeypatch.setattr("engine.daybook.DayBook.fall", 0.0)
    found = play(fallen).violation
    assert found is not None
    assert (found.law, "the day has fallen by" in found.text) == (35, True)


STOPPED = attrs.evolve(
    CALM,
    price=200.0,
    settings={
        "strategy": {**CALM.settings["strategy"], "cooldown_s": 0.0},
        "limits": {"stop_outs_in_window_max": 1},
    },
    prompts=in_time(
        prompt(one)
        for one in ("+40s signal IBM BUY 0.9", "+90s gap IBM -8.00", "+150s signal IBM BUY 0.9")
    ),
)


def test_an_entry_after_too_many_stop_outs_is_found(monkeypatch):
    kept = play(STOPPED)
    assert kept.violation is None
    assert kept.counts["trade ended by stop"] == kept.counts["refused too_many_stop_outs"] == 1
    monkeypatch.setattr("engine.settlement.note_stop_out", lambda state, symbol, now_ns: None)
    found = play(STOPPED).violation
    assert found is not None
    assert "an entry of IBM after 1 stop-outs within 600 s" in found.text


def test_an_engine_that_counts_too_little_risk_of_what_it_holds_is_found(monkeypatch):
    """The gate asks; what it is told is wrong."""
    story = limited(risk_at_stops_max=600)
    assert play(story).violation is None
    monkeypatch.setattr("engine.portfolio.risk_at_stop", lambda state, context: 0)
    found = play(story).violation
    assert found is not None
    assert "an account that loses at its stops" in found.text


def test_the_risk_of_an_add_counts_with_what_is_held(monkeypatch):
    strategy = {
        **CALM.settings["strategy"],
        "double_down": {"levels": [0.5], "multiplier": 1.0, "reanchor": "keep"},
    }
    story = attrs.evolve(
        CALM,
        price=200.0,
        settings={"strategy": strategy, "limits": {"position_risk_max": 450}},
    )
    kept = play(story)
    assert kept.violation is None
    assert kept.counts["refused risk_too_large"] == 1
    careless = adds._proposal
    monkeypatch.setattr(
        adds, "_proposal", lambda *given: attrs.evolve(careless(*given), risk=Decimal(0))
    )
    found = play(story).violation
    assert found is not None
    assert "a trade that loses at its stops" in found.text


def test_no_limit_stands_in_the_way_of_what_protects():
    """Limits that forbid everything come while shares are held: what dies of their protection is
    placed again, and they can be closed."""
    nothing = {
        "gross_notional_max": 1, "net_notional_max": 1, "position_notional_max": 1,
        "order_notional_max": 1, "order_shares_max": 1, "position_risk_max": 1,
        "risk_at_stops_max": 1, "positions_max": 1, "leverage_max": 0.0001,
        "orders_per_minute_max": 1, "orders_per_second_max": 1, "entries_in_window_max": 1,
        "stop_outs_in_window_max": 1, "quote_age_max_s": 0.001, "collar_percent": 0.001,
        "restricted": ["IBM"],
    }  # fmt: skip
    change = orjson.dumps({"limits": nothing}).decode()
    prompts = (*CALM.prompts, prompt(f"+50s settings {change}"))
    story = with_faults("+60s cancel-by-hand types=STP", prompts=prompts)
    held = play(story)
    assert held.violation is None
    assert held.held == {"IBM": "100"}
    assert held.orders == 4  # entry, stop and target; and the stop once more
    closed = play(attrs.evolve(story, prompts=(*prompts, prompt("+90s close IBM"))))
    assert closed.violation is None
    assert closed.held == {}


def test_settings_that_change_hold_from_then_on_and_over_a_restart():
    fewer = 'settings {"strategy":{"sizing":{"shares":30},"cooldown_s":0}}'
    story = [
        "+30s " + fewer,
        "+40s signal IBM BUY 0.9",
        "+60s close IBM",
        "+70s kill 2",
        "+100s signal IBM BUY 0.9",
    ]
    outcome = play(attrs.evolve(CALM, prompts=tuple(prompt(one) for one in story)))
    assert outcome.violation is None
    assert outcome.held == {"IBM": "30"}


def test_shares_that_others_have_taken_of_what_was_placed_directly_are_not_missed_in_the_trade():
    story = ["+30s order IBM SELL 100", "+60s signal IBM BUY 0.9"]
    faults = "+45s liquidate", "+90s liquidate"
    scenario = with_faults(*faults, prompts=tuple(prompt(one) for one in story), mode="safety")
    settings = {**CALM.settings, "guards": {"day_loss_max": 100_000}}
    resumed = (*scenario.prompts, prompt("+50s resume"))
    outcome = play(attrs.evolve(scenario, settings=settings, prompts=in_time(resumed)))
    assert outcome.violation is None
    assert outcome.held == {}


def test_what_was_placed_directly_is_nobodys_to_protect():
    story = [
        "+30s oco IBM range 40 5",
        "+40s order IBM BUY 20",
        "+60s cancel IBM",
        "+70s signal IBM SHORT 0.9",
    ]
    outcome = play(attrs.evolve(CALM, prompts=tuple(prompt(one) for one in story)))
    assert outcome.violation is None
    assert outcome.held == {"IBM": "-80"}


def test_a_leg_that_fills_before_the_other_has_arrived_counts_once():
    """The price was beyond the trigger already: 100 shares, and then 200 that may still fill in
    all, are no 300."""
    story = parse(
        """
        scenario seed=36 mode=safety hours=0.4024
        symbols IBM MSFT SPY
        market rate=0.05 volatility=0.0004 latency_ms=40 version=215
        settings {"strategy":{},"limits":{"net_notional_max":60000}}
        prompt +1418.6s oco SPY buy 200 0.1
        """,
        "here",
    )
    outcome = play(story)
    assert outcome.violation is None
    assert (outcome.orders, outcome.executions) >= (2, 1)


def test_a_leg_that_closes_before_the_other_has_arrived_makes_no_opening_of_it():
    """Trading is halted; a pair closes 200 shares. The price was beyond the trigger of the first
    leg already, which has bought 100 of them back when the second one arrives."""
    story = parse(
        """
        scenario seed=932 mode=safety hours=6.5
        symbols SPY MSFT
        market rate=0.05 volatility=0.0004 latency_ms=0.5 version=178
        settings {"strategy":{}}
        prompt +8618.6s oco SPY range 200 0.1
        prompt +20455.8s halt 3
        prompt +22314.9s oco SPY buy 200 0.5
        """,
        "here",
    )
    outcome = play(story)
    assert outcome.violation is None
    assert (outcome.orders, outcome.executions, outcome.held) == (4, 3, {})

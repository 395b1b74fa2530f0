"""Rules that ask for indicators, over days of ticks: what they trade, and when they refuse."""

from itertools import pairwise
from math import isnan

from _fast.averages import ema
from _fast.bars import Bars
from engine.sim.market import read_ticks

SECOND = 1_000_000_000
BAR_S = 5
CROSS = {
    "id": "cross",
    "when": "ema(3) crosses above ema(8) and flat",
    "then": {"kind": "enter", "side": "BUY"},
}
ALONE = {"pattern": False, "bar_s": BAR_S, "close_before_end_s": None}


def means(path):
    """(end of the bar, whether the fast mean is above the slow one, or None) of the day's bars,
    by the arrays."""
    bars = Bars(BAR_S, 10_000)
    for tick in read_ticks(path):
        if tick.kind == "T":
            bars.trade(tick.time_ns, tick.price)
    made = bars.completed()
    fast, slow = ema(made["close"], 3), ema(made["close"], 8)
    return [
        (int(start) + BAR_S * SECOND, None if isnan(b) else bool(a > b))
        for start, a, b in zip(made["time_ns"], fast, slow, strict=True)
    ]


def test_a_rule_trades_as_two_means_cross_and_each_crossing_wakes_it_once(played, ticks):
    data = ticks(minutes=20)
    outcome = played([data], strategy={**ALONE, "rules": [CROSS]})

    expected = [
        at_ns
        for (_, before), (at_ns, now) in pairwise(means(data))
        if now is True and before is False
    ]
    assert len(expected) >= 10
    assert len(outcome.trades) >= 1
    assert 0 <= outcome.trades[0].opened_ns - expected[0] < SECOND
    for one in outcome.trades:
        assert min(abs(one.opened_ns - at_ns) for at_ns in expected) < SECOND
    held = int(not outcome.view.flat)
    asked = len(outcome.trades) + held + outcome.record.refusals["wrong_position"]
    assert asked == len(expected)


def test_a_signal_is_taken_or_refused_by_what_the_means_say(played, ticks, signals):
    data = ticks(minutes=20)
    plan = signals(*((62 + 20 * n, "IBM", "BUY") for n in range(50)))
    asks = {"bar_s": BAR_S, "enter_when": "ema(3) > ema(8)"}
    outcome = played([data], plan, {**asks, "target": {"percent": 0.02}})

    assert outcome.record.refusals["condition"] > 0
    assert len(outcome.trades) > 5
    known = means(data)
    for one in outcome.trades:
        assert [above for at_ns, above in known if at_ns <= one.opened_ns][-1] is True


def test_until_an_indicator_is_warm_its_rule_refuses_and_then_trades(played, ticks, signals):
    """The broker has no history of bars of seven seconds, so the bars of the day must do: 50 of
    them are there after 350 seconds."""
    data = ticks(minutes=8)
    plan = signals(*((second, "IBM", "BUY") for second in (60, 300, 400)))
    when = "close > sma(50) or close <= sma(50)"
    outcome = played([data], plan, {"bar_s": 7, "enter_when": when})

    assert outcome.record.refusals == {"not_warm": 2}
    assert len(outcome.trades) + (not outcome.view.flat) == 1

"""What makes the core look at a rule."""

from __future__ import annotations

import pytest
from hypothesis import given

from engine.events import (
    FillEvent,
    OptionsFlowEvent,
    OrderEvent,
    PredictionSignalEvent,
    RejectEvent,
)
from engine.rules import (
    Condition,
    EventCondition,
    LogAction,
    MarketCondition,
    PositionCondition,
    Rule,
    SessionCondition,
    TimeCondition,
    Triggers,
    triggers,
)
from engine.rules.conditions import triggers_of
from tests.rules.records import CONDITIONS

SIGNAL = EventCondition(PredictionSignalEvent, "confidence >= 0.5")
FILL, REJECT = EventCondition(FillEvent), EventCondition(RejectEvent)
BREAKOUT, DIP = MarketCondition("last", "above", 190), MarketCondition("ask", "below", 150)
GAIN = PositionCondition(profit_percent_min=2)
MORNING, NOON = TimeCondition("09:30", "11:00"), TimeCondition("12:00", "13:00")
CLOSING = SessionCondition(60)
CALM, LONG = MarketCondition("spread", "below", 0.05), PositionCondition(side="long")


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        (SIGNAL, Triggers(events=(PredictionSignalEvent,))),
        (BREAKOUT, Triggers(markets=(BREAKOUT,))),
        (GAIN, Triggers(profits=(GAIN,))),
        (MORNING, Triggers(times=(MORNING,))),
        (CLOSING, Triggers(sessions=(CLOSING,))),
        # In an and the strongest leads: event, session, price, profit, time.
        (MORNING & GAIN & BREAKOUT & CLOSING & SIGNAL, Triggers(events=(PredictionSignalEvent,))),
        (MORNING & GAIN & BREAKOUT & CLOSING, Triggers(sessions=(CLOSING,))),
        (MORNING & GAIN & BREAKOUT, Triggers(markets=(BREAKOUT,))),
        (MORNING & GAIN, Triggers(profits=(GAIN,))),
        (MORNING & LONG & CALM, Triggers(times=(MORNING,))),
        (BREAKOUT & DIP, Triggers(markets=(BREAKOUT, DIP))),
        (BREAKOUT & BREAKOUT, Triggers(markets=(BREAKOUT,))),
        # In an or each alternative has its own.
        (SIGNAL | FILL, Triggers(events=(PredictionSignalEvent, FillEvent))),
        (SIGNAL | BREAKOUT, Triggers(events=(PredictionSignalEvent,), markets=(BREAKOUT,))),
        (MORNING | NOON, Triggers(times=(MORNING, NOON))),
        ((SIGNAL | BREAKOUT) & CLOSING, Triggers((PredictionSignalEvent,), (), (BREAKOUT,))),
        # An event is needed by one part: the other guards, whatever else could trigger it.
        (FILL & (SIGNAL | BREAKOUT), Triggers(events=(FillEvent,))),
        (SIGNAL & (BREAKOUT | DIP), Triggers(events=(PredictionSignalEvent,))),
        # Of two classes that an event must have, the narrower.
        (FILL & EventCondition(OrderEvent), Triggers(events=(FillEvent,))),
        (EventCondition(OptionsFlowEvent) & SIGNAL, Triggers(events=(PredictionSignalEvent,))),
        ((FILL | REJECT) & EventCondition(OrderEvent), Triggers(events=(FillEvent, RejectEvent))),
        ((FILL | REJECT) & FILL, Triggers(events=(FillEvent,))),
        (SIGNAL & ~FILL, Triggers(events=(PredictionSignalEvent,))),
    ],
)
def test_triggers(when: Condition, expected: Triggers) -> None:
    assert triggers(Rule("r", when, LogAction("info", "now"), symbols="IBM")) == expected


@pytest.mark.parametrize(
    ("when", "said"),
    [
        (LONG, "a position triggers by its profit only; it can guard"),
        (CALM, "spread is not watched, last, bid and ask are; it can guard"),
        (MarketCondition("atr", "above", 1), "atr is not watched, last, bid and ask are"),
        (~SIGNAL, "a not can only guard something else"),
        (LONG & CALM, "it needs an event, a price, a profit, a time or the end of the session"),
        (SIGNAL | LONG, "each alternative of an or needs a trigger, number 2: a position"),
        (SIGNAL & FILL, "no event is all of these at once"),
    ],
)
def test_a_rule_that_nothing_triggers_is_refused(when: Condition, said: str) -> None:
    with pytest.raises(ValueError, match="rule r: nothing triggers it: ") as told:
        Rule("r", when, LogAction("info", "now"), symbols="IBM")
    assert said in str(told.value)


@given(CONDITIONS)
def test_triggers_are_parts_of_the_condition_each_once(condition: Condition) -> None:
    found = triggers_of(condition)

    leaves = str(condition)
    for kind in (found.sessions, found.markets, found.profits, found.times):
        assert len(set(kind)) == len(kind)
        assert all(str(one) in leaves for one in kind)
    assert all(event.__name__ in leaves for event in found.events)
    prices = [one.field for one in found.markets if isinstance(one, MarketCondition)]
    assert set(prices) <= {"last", "bid", "ask"}

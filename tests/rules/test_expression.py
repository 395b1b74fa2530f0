"""Expressions are another way to write the records of conditions: same record, both ways."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from engine.rules import (
    AndCondition,
    Condition,
    EventCondition,
    ExpressionError,
    IndicatorCondition,
    MarketCondition,
    NotCondition,
    OrCondition,
    PositionCondition,
    Rule,
    SessionCondition,
    TimeCondition,
    from_expression,
    from_plain,
    to_expression,
)
from engine.rules.expression import NESTING_MAX
from engine.rules.names import NAMES
from engine.rules.tokens import EXPRESSION_CHARS_MAX
from tests.rules.records import CONDITIONS

SIGNAL = "PredictionSignalEvent"

SAID: list[tuple[str, Condition]] = [
    (
        'signal == "BUY" and confidence >= 0.6 and spread <= 0.02 and flat'
        ' and time("09:45", "15:30")',
        AndCondition(
            (
                EventCondition(SIGNAL, ("signal == BUY", "confidence >= 0.6")),
                MarketCondition("spread", "below", 0.02),
                PositionCondition(side="flat"),
                TimeCondition("09:45", "15:30"),
            )
        ),
    ),
    # `and` binds closer than `or`, `not` closest; brackets say otherwise.
    (
        "flat or held and last >= 5",
        OrCondition(
            (
                PositionCondition(side="flat"),
                AndCondition((PositionCondition(side="held"), MarketCondition("last", "above", 5))),
            )
        ),
    ),
    (
        "not flat and last >= 5",
        AndCondition(
            (NotCondition(PositionCondition(side="flat")), MarketCondition("last", "above", 5))
        ),
    ),
    (
        "not (flat or last >= 5)",
        NotCondition(
            OrCondition((PositionCondition(side="flat"), MarketCondition("last", "above", 5)))
        ),
    ),
    ("bid crosses below $99.50", MarketCondition("bid", "below", 99.5)),
    ("ema(20) > ema(50)", IndicatorCondition("ema(20)", ">", "ema(50)")),
    ("rsi() <= 30%", IndicatorCondition("rsi(14)", "<=", 30)),
    ("last crosses above sma( 200 )", IndicatorCondition("last", "crosses above", "sma(200)")),
    ("close < bollinger_lower()", IndicatorCondition("close", "<", "bollinger_lower(20, 2)")),
    (
        "atr(14) >= 0.5 and atr >= 0.5",
        IndicatorCondition("atr(14)", ">=", 0.5) & MarketCondition("atr", "above", 0.5),
    ),
    (
        "not (macd(3, 5, 2) crosses below macd_signal(3, 5, 2) or volume > volume_average(20))",
        NotCondition(
            IndicatorCondition("macd(3,5,2)", "crosses below", "macd_signal(3,5,2)")
            | IndicatorCondition("volume", ">", "volume_average(20)")
        ),
    ),
    ("ask crosses above 7", MarketCondition("ask", "above", 7)),
    ("session_ends_in <= 5m", SessionCondition(300)),
    ("session_ends_in <= 300s", SessionCondition(300)),
    ("session_ends_in <= 300", SessionCondition(300)),
    ('time("22:00", "02:00", "mon", "fri")', TimeCondition("22:00", "02:00", ("mon", "fri"))),
    # What is said of one position is one record, wherever it stands in the `and`.
    (
        "long and spread <= 1 and profit_percent >= -2.5% and adds <= 1 and quantity <= 10",
        AndCondition(
            (
                PositionCondition(
                    side="long", profit_percent_min=-2.5, adds_max=1, quantity_max=10
                ),
                MarketCondition("spread", "below", 1),
            )
        ),
    ),
    ("(long) and (adds <= 1)", PositionCondition(side="long", adds_max=1)),
    (
        "position(long, adds <= 1) and position(quantity >= 0.5)",
        AndCondition(
            (PositionCondition(side="long", adds_max=1), PositionCondition(quantity_min="0.5"))
        ),
    ),
    (
        "PositionCloseEvent(reason == 'stop')",
        EventCondition("PositionCloseEvent", "reason == stop"),
    ),
    ("PositionOpenEvent", EventCondition("PositionOpenEvent")),
    ("PositionOpenEvent()", EventCondition("PositionOpenEvent")),
    (f"{SIGNAL}(price > 5.5)", EventCondition(SIGNAL, "price > 5.5")),
    ('source == "a \\"b\\" \\\\"', EventCondition.of(SIGNAL, source='a "b" \\')),
]


@pytest.mark.parametrize(("said", "meant"), SAID, ids=[said for said, _ in SAID])
def test_an_expression_says_a_record(said: str, meant: Condition) -> None:
    assert from_expression(said) == meant
    assert from_expression(to_expression(meant)) == meant


def test_line_ends_and_blanks_mean_nothing() -> None:
    one = from_expression('signal == "BUY"\n\tand\r\n  confidence>=.5')
    assert one == from_expression('signal=="BUY" and confidence >= 0.5')


def plain(condition: Condition) -> Condition:
    """Without the and, or of one, which has no words of its own."""
    if isinstance(condition, NotCondition):
        return NotCondition(plain(condition.condition))
    if isinstance(condition, AndCondition | OrCondition):
        parts = tuple(map(plain, condition.conditions))
        return parts[0] if len(parts) == 1 else type(condition)(parts)
    return condition


@settings(deadline=None)
@given(CONDITIONS)
@example(AndCondition((EventCondition(SIGNAL, "signal == BUY"),) * 2))
@example(AndCondition((PositionCondition(side="long"), PositionCondition(adds_max=1))))
@example(NotCondition(EventCondition(SIGNAL, ("signal == BUY", "confidence >= 0.5"))))
@example(EventCondition(SIGNAL, ("price >= 1", "signal == BUY")))
@example(AndCondition((AndCondition((OrCondition((PositionCondition(side="flat"),)),)),)))
def test_what_is_written_is_read_as_the_same(condition: Condition) -> None:
    said = to_expression(condition)

    assert from_expression(said) == plain(condition)
    assert to_expression(from_expression(said)) == said


WRONG: list[tuple[str, int, str]] = [  # with the column, and what is told of it
    ("", 1, "a condition is missing at the end"),
    ("flat and", 9, "a condition is missing at the end"),
    ("and flat", 1, "a condition begins with a name, not with 'and'"),
    ("5 >= confidence", 1, "a condition begins with a name, not with '5'"),
    ("flat held", 6, "and, or, or the end is expected, not 'held'"),
    ("(flat", 6, ") is expected, not the end"),
    ("flat)", 5, "and, or, or the end is expected, not ')'"),
    ("flat AND held", 6, "write and in small letters"),
    ("flat && held", 6, "'&': write and"),
    ("flat || held", 6, "'|': write or"),
    ("!flat", 1, "'!': write not"),
    ("confidence = 0.5", 12, "'=': use == to compare"),
    ("confidence + 1 >= 2", 12, "there is no arithmetic"),
    ("flat; held", 5, "';': it has no meaning here"),
    ('signal == "BUY', 11, "the quote is not closed"),
    ("signal == BUY", 11, "text stands in quotes: signal == 'BUY'"),
    ('signal == "BUYS"', 1, "is never 'BUYS', did you mean BUY?"),
    ('signal >= "BUY"', 1, "is compared with == or != only"),
    ("signal == 5", 1, "signal of PredictionSignalEvent is text"),
    ('signal in "BUY"', 8, "signal is compared, as with >= or ==; not 'in'"),
    ("signal", 7, "signal is compared, as with >= or ==; not the end"),
    ('confidense >= 0.5 and signal == "BUY"', 1, "no 'confidense', did you mean confidence?"),
    ('signal == "BUY" and confidense >= 0.5', 21, "no 'confidense', did you mean confidence?"),
    ("confidence >= 60", 15, "confidence is between 0 and 1, not 60"),
    ("confidence >= 60%", 15, "confidence has no unit, not '%'"),
    ('confidence >= "high"', 1, "is a number, not 'high'"),
    ("confidence >=", 14, "a value is expected, not the end"),
    ("spread <= 2%", 11, "spread is in the currency of the price, not in '%'"),
    ('spread <= "2"', 11, "spread is in the currency of the price, not '2'"),
    ("last > 190", 6, "the bound itself is included: write last >="),
    ("last == 190", 6, "last is compared with >= or <= only"),
    ("last >= 0", 9, "level of last must be above 0, not 0"),
    ("last crosses 190", 14, "a price crosses above or below, not '190'"),
    ("mid crosses above 5", 1, "mid is not watched for crossings, last, bid and ask are"),
    ('signal == "BUY" and last crosses above 5', 21, "nothing waits for this crossing"),
    ("price crosses above 5", 1, "there is no price: the market's are last, bid"),
    ('symbol == "IBM"', 1, "name it in the symbols of the rule"),
    ("profit_percent > 2", 16, "write profit_percent >="),
    ("profit_percent >= 5s", 19, "profit_percent is in per cent, not in 's'"),
    ("profit_percent >= 99999", 19, "must be between -10000 and 10000"),
    ("quantity >= -5", 13, "must be a number of shares above 0"),
    ("adds >= 1", 6, "adds is compared with <= only"),
    ("adds <= 1.5", 9, "must be a whole number"),
    ("flat == 1", 6, "flat stands by itself, it is not compared"),
    ("flat and long", 10, "side is said already: 'flat'"),
    ("flat and quantity >= 5", 10, "a flat position has no quantity_min"),
    ("adds <= 1 and adds <= 2", 15, "adds_max is said already: 1"),
    ("position(longg)", 10, "'longg' is nothing of a position, did you mean long?"),
    ("position()", 1, "needs a side or a bound"),
    ("session_ends_in >= 5", 17, "session_ends_in is compared with <= only"),
    ("session_ends_in <= 5d", 20, "is a time: 300, 300s, 5m or 1h, not in 'd'"),
    ("session_ends_in <= 48h", 20, "must be between 0 and 86400"),
    ("time(09:45, 15:30)", 8, "':': it has no meaning here"),
    ("time(945, 1530)", 6, "a time of day or a day is in quotes"),
    ('time("9:45", "15:30")', 1, "'9:45' is not a time of day"),
    ('time("09:45")', 1, "time takes a start and an end"),
    ('time("09:45", "15:30", "monday")', 1, "days must be of mon, tue"),
    ('time("09:45" "15:30")', 14, ", is expected, not '15:30'"),
    ("maen(3) >= 1", 1, "there is no 'maen'"),
    ("emaa(20) > 1", 1, "there is no 'emaa', did you mean ema?"),
    ("ema(20) > rsi(14)", 11, "ema(20) is a price and rsi(14) is between 0 and 100: they are not"),
    ("spread > ema(3)", 10, "spread is a distance between prices and ema(3) is a price"),
    ("volume > close", 10, "volume is a number of shares and close is a price"),
    ("ema > 5", 1, "ema takes brackets: ema(20)"),
    ("ema() > 5", 1, "ema needs its period: ema(20)"),
    ("ema(0) > 4", 1, "period of ema is a whole number of bars between 1 and 1000, not 0"),
    ("ema(-3) > 4", 1, "period of ema is a whole number of bars between 1 and 1000, not -3"),
    ("ema(1001) > 4", 1, "period of ema is a whole number of bars between 1 and 1000, not 1001"),
    ("ema(1e300) > 4", 1, "period of ema is a whole number of bars between 1 and 1000"),
    ("ema(2.5) > 4", 1, "period of ema is a whole number of bars between 1 and 1000, not 2.5"),
    ("macd(12, 1.5) > 0", 1, "slow of macd is a whole number of bars between 1 and 1000, not 1.5"),
    ("macd(26, 12, 9) > 0", 1, "fast of macd is below slow, not 26 and 12"),
    ("bollinger_upper(20, 0) > 3", 1, "width of bollinger_upper is a number above 0, 100 at most"),
    ("ema(20m) > 4", 5, "ema counts bars, it takes no 'm'"),
    ('ema("20") > 4', 5, "ema takes numbers, not '20'"),
    ("ema(20, 3) > 4", 1, "ema takes period and no more: ema(20)"),
    ("ema(20 > 4", 8, ", is expected, not '>'"),
    ("close(3) > 4", 1, "close is of the newest bar, it takes no brackets"),
    ("bollinger(20, 2) > 3", 1, "bollinger has several lines, name one: bollinger_upper, boll"),
    ("stochastic() > 3", 1, "stochastic has several lines, name one: stochastic_k, stochastic_d"),
    ("vwap() > 3", 1, "vwap cannot be asked in a condition: it counts from the begin of a session"),
    ("obv > 3", 1, "obv cannot be asked in a condition: it counts from the first bar that was"),
    ("imbalance > 0", 1, "imbalance cannot be asked in a condition: it is gone before a bar is"),
    ("true_range > 1", 1, "true_range cannot be asked in a condition: write atr(1)"),
    ("rsi(14) > 130", 11, "rsi(14) is between 0 and 100, not 130"),
    ("rsi(14) > $50", 11, "rsi is between 0 and 100, not in '$'"),
    ("ema(20) > 5%", 11, "ema is a price, not in '%'"),
    ("ema(20) > 0", 11, "ema(20) is a price, and never 0"),
    ("volume > -1", 10, "volume is a number of shares, and never -1"),
    ("rsi(14) == 30", 9, "rsi is compared with > or >= or < or <= only"),
    ("rsi(14) = 30", 9, "use == to compare"),
    ("ema(20) > ema(20)", 11, "ema(20) is compared with itself"),
    ("ema(20) > atr", 11, "write atr with its period: atr(14)"),
    ("atr > atr(14)", 1, "write atr with its period: atr(14)"),
    ("ema(20) > confidence", 11, "there is no indicator 'confidence', allowed: open, high, low"),
    ("ema(20) > sna(50)", 11, "there is no indicator 'sna', did you mean sma?"),
    ("last > bid", 8, "last and bid are both of the market: an indicator is missing"),
    ('ema(20) > "high"', 11, "ema is a price, not 'high'"),
    ("ema(20) and flat", 9, "ema is compared, as with >= or ==; not 'and'"),
    ("ema(20)", 8, "ema is compared, as with >= or ==; not the end"),
    ("ema(20) crosses ema(50)", 17, "ema(20) crosses above or below, not 'ema'"),
    ("ema(20) crosses over ema(50)", 17, "ema(20) crosses above or below, not 'over'"),
    ("crosses_above(ema(20), ema(50))", 1, "write it between its sides: ema(20) crosses above"),
    ("ema(20) * 2 > close", 9, "there is no arithmetic: compare a name with a number or an ind"),
    (
        'signal == "BUY" and last crosses above ema(20)',
        21,
        "nothing waits for this crossing, because something else triggers: write last > ema(20)",
    ),
    ("FilEvent", 1, "there is no 'FilEvent', did you mean FillEvent?"),
    ("FillEvent(rol == 'x')", 11, "FillEvent has no 'rol' to compare, did you mean role?"),
    ("FillEvent(5)", 11, "a field of FillEvent is expected, not '5'"),
    ("BaseEvent", 1, "there is no 'BaseEvent'"),
    ("(" * 40 + "flat", NESTING_MAX + 2, "nested 32 deep at most"),
    ("not " * 40 + "flat", 4 * NESTING_MAX + 5, "nested 32 deep at most"),
    ("not " * 9 + "flat", 5, "conditions may be nested 8 deep at most"),
    (" or ".join(["flat"] * 70), 1, "a rule may have 64 conditions at most"),
    ("flat or " * 1000, EXPRESSION_CHARS_MAX + 1, "an expression has 4096 at most"),
]


@pytest.mark.parametrize(("said", "column", "told"), WRONG, ids=[said[:40] for said, *_ in WRONG])
def test_a_mistake_is_told_with_its_column(said: str, column: int, told: str) -> None:
    with pytest.raises(ExpressionError) as refused:
        from_expression(said)

    assert (refused.value.column, str(refused.value)) == (
        column,
        f"column {column}: {refused.value.said}",
    )
    assert told in refused.value.said
    assert "\n" not in str(refused.value)


WORDS = st.sampled_from(
    (
        *(*NAMES, "and", "or", "not", "(", ")", ",", "==", ">=", "<=", "!=", ">", "crosses"),
        *("above", "below", "0.5", "1", "-2%", "5m", "$3", '"BUY"', "'09:45'", "FillEvent"),
        *("é", "ema", "\x00", "ema(20)", "macd_signal()", "20", "ema(", "bollinger_upper(20, 2.5)"),
    )
)


@settings(deadline=None)
@given(st.lists(WORDS, max_size=40).map(" ".join) | st.text(max_size=60))
def test_whatever_is_written_is_read_or_refused(said: str) -> None:
    try:
        condition = from_expression(said)
    except ExpressionError as refused:
        assert 1 <= refused.column <= len(said) + 1
        assert str(refused).isascii() and str(refused).isprintable()
    else:
        assert from_expression(to_expression(condition)) == condition


@settings(deadline=None)
@given(CONDITIONS.map(to_expression), st.data())
def test_a_changed_expression_is_read_or_refused(said: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(said)))
    until = data.draw(st.integers(at, min(at + 4, len(said))))
    changed = said[:at] + data.draw(st.text(max_size=3)) + said[until:]
    try:
        from_expression(changed)
    except ExpressionError as refused:
        assert 1 <= refused.column <= len(changed) + 1


def rule(when: Any) -> Rule:
    then = {"kind": "enter", "side": "BUY"}
    return from_plain({"id": "r", "symbols": ["IBM"], "when": when, "then": then})


def test_a_rule_takes_an_expression_wherever_it_takes_a_condition() -> None:
    tables = [
        {"kind": "event", "event": SIGNAL, "where": ["signal == BUY"]},
        {"kind": "position", "side": "flat"},
    ]

    assert rule('signal == "BUY" and flat') == rule(tables)
    assert rule(['signal == "BUY"', "flat"]) == rule(tables)
    assert rule([tables[0], "flat"]) == rule(tables)
    assert rule({"kind": "or", "conditions": ["last >= 5", "bid >= 5"]}).when == from_expression(
        "last >= 5 or bid >= 5"
    )

"""Indicators in conditions: when they hold, what they lack, and that they trigger."""

from __future__ import annotations

from typing import Any

import pytest

from _fast.studies import FAMILIES, Follower
from engine.config import from_mapping
from engine.inputs import MarketView, Reading
from engine.reasons import Reason
from engine.rules import (
    EventCondition,
    IndicatorCondition,
    Rule,
    Scene,
    failing,
    from_expression,
    from_plain,
    lacking,
    read_indicator,
    triggers,
)
from engine.rules.indicators import KINDS, example

NAMES = {name: example(name) for name in KINDS}


def scene(*readings: Reading, fired: tuple[Any, ...] = (), **market: Any) -> Scene:
    return Scene(
        symbol="IBM",
        now_ns=1,
        fired=fired,
        market=MarketView("IBM", **market, indicators=readings),
    )


def told(name: str, value: float | None, before: float | None = None, bars: int = 99) -> Reading:
    return Reading(name, value, before, bars)


def reason(said: str, seen: Scene) -> Reason | None:
    return failing(from_expression(said), seen)


# -- names ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", KINDS)
def test_every_indicator_is_one_that_is_computed_and_needs_what_it_says(name: str) -> None:
    found = read_indicator(NAMES[name])
    made = Follower(*found.study)

    assert str(read_indicator(str(found))) == str(found)
    assert 0 <= found.kind.line < FAMILIES[found.kind.family]
    assert found.needs == made.warmup
    assert found.run_in >= found.needs


def test_every_indicator_that_is_computed_has_a_name() -> None:
    lines = {(kind.family, kind.line) for kind in KINDS.values()}

    assert lines == {(family, line) for family, count in FAMILIES.items() for line in range(count)}


@pytest.mark.parametrize(
    ("said", "parameters"),
    [
        ("macd(3,50,5)", (3, 50, 5)),
        ("stochastic_d(40, 9, 1)", (40, 9, 1)),
        ("keltner_upper(5, 1.5, 30)", (5, 1.5, 30)),
        ("keltner_lower(30, 2, 5)", (30, 2.0, 5)),
        ("adx(7)", (7,)),
    ],
)
def test_what_it_needs_follows_from_its_parameters(said: str, parameters: tuple[Any, ...]) -> None:
    found = read_indicator(said)

    assert found.parameters == parameters
    assert found.needs == Follower(*found.study).warmup


@pytest.mark.parametrize(
    ("left", "op", "right", "said"),
    [
        ("ema", ">", 5, "ema takes brackets: ema(20)"),
        ("ema[20]", ">", 5, "'ema[20]' is no indicator, write it as ema(20) or close"),
        ("ema(x)", ">", 5, "'x' is no parameter of ema, a number is"),
        ("ema(20,)", ">", 5, "'' is no parameter of ema, a number is"),
        ("ema(nan)", ">", 5, "'nan' is no parameter of ema, a number is"),
        ("", ">", 5, "'' is no indicator, write it as ema(20) or close"),
        (20, ">", "ema(20)", "left must be an indicator as ema(20), not 20.0"),
        ("ema(20)", ">", True, "right must be an indicator or a number, not True"),
        ("ema(20)", ">", None, "right must be an indicator or a number, not None"),
        ("ema(20)", ">", float("nan"), "right must be an indicator or a number, not nan"),
        ("ema(20)", "=>", 5, "op cannot be '=>', did you mean >?"),
        ("last", ">", 5, "last is compared with an indicator here, not with 5"),
        ("mid", "crosses above", "ema(20)", "mid is not watched for crossings, last, bid and"),
        ("last", ">", "bid", "last and bid are both of the market: an indicator is missing"),
        ("last", ">", "atr(14)", "last is a price and atr(14) is a distance between prices"),
    ],
)
def test_a_record_that_makes_no_sense_is_refused(left: Any, op: Any, right: Any, said: str) -> None:
    with pytest.raises(ValueError) as refused:
        IndicatorCondition(left, op, right)

    assert said in str(refused.value)


# -- when they hold ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "holds"),
    [
        ("ema(20) > ema(50)", True),
        ("ema(50) > ema(20)", False),
        ("ema(20) < ema(50)", False),
        ("ema(20) >= 101.5", True),
        ("ema(20) > 101.5", False),
        ("ema(20) <= 101.5", True),
        ("ema(20) < 101.5", False),
        ("last > ema(20)", True),
        ("bid > ema(20)", False),
        ("ema(20) >= mid", True),
        ("spread < atr(14)", True),
        ("ema(20) crosses above ema(50)", True),
        ("ema(20) crosses below ema(50)", False),
        ("ema(50) crosses below ema(20)", True),
        ("ema(20) crosses above 101", True),
        ("ema(20) crosses above 99", False),  # it was there before
    ],
)
def test_a_comparison_is_that_of_the_newest_bar(said: str, holds: bool) -> None:
    seen = scene(
        told("ema(20)", 101.5, 100.0),
        told("ema(50)", 100.5, 100.0),
        told("atr(14)", 0.5, 0.5),
        bid=101.49,
        ask=101.51,
        last=101.6,
    )

    assert (reason(said, seen) is None) == holds
    assert (reason(f"not {said}", seen) is None) == (not holds)


@pytest.mark.parametrize(
    ("readings", "said", "lacks"),
    [
        ((), "ema(20) > ema(50)", "ema(20) needs 20 bars, has none"),
        (
            (told("ema(20)", 5.0, 5.0), told("ema(50)", None, None, 12)),
            "ema(20) > ema(50)",
            "ema(50) needs 50 bars, has 12",
        ),
        ((told("rsi(14)", None, None, 14),), "rsi(14) < 30", "rsi(14) needs 15 bars, has 14"),
        ((), "close > 5", "close needs 1 bar, has none"),
        (
            (told("sma(3)", 5.0, None, 3),),
            "sma(3) crosses above 4",
            "sma(3) needs 4 bars, has 3",
        ),
        ((told("sma(3)", None, None, 2),), "last > sma(3)", "sma(3) needs 3 bars, has 2"),
        ((told("sma(3)", None, None, 2),), "flat and not sma(3) > 5", "sma(3) needs 3 bars, has 2"),
    ],
)
def test_what_is_not_warm_does_not_hold_and_says_what_it_lacks(
    readings: tuple[Reading, ...], said: str, lacks: str
) -> None:
    seen, condition = scene(*readings, last=5.0), from_expression(said)

    assert failing(condition, seen) is Reason.NOT_WARM
    assert failing(~condition, seen) is Reason.NOT_WARM
    assert lacking(condition, seen.market) == lacks


def test_a_not_is_certain_where_the_rest_decides() -> None:
    """Beside something false an unknown is false in an and, beside something true true in an or."""
    seen = scene(last=5.0)

    assert reason("not (ema(3) > 5 and last >= 6)", seen) is None
    assert reason("not (last >= 6 and ema(3) > 5)", seen) is None
    assert reason("not (ema(3) > 5 or last >= 5)", seen) is Reason.CONDITION
    assert reason("not (ema(3) > 5 or last >= 6)", seen) is Reason.NOT_WARM
    assert reason("not not ema(3) > 5", seen) is Reason.NOT_WARM


def test_without_a_price_neither_it_nor_its_opposite_holds() -> None:
    seen = scene(told("ema(20)", 5.0, 5.0))

    for said in ("last > ema(20)", "not last > ema(20)", "not last >= 5"):
        assert reason(said, seen) is Reason.NO_PRICE


def test_what_fired_has_become_true_whatever_it_is_now() -> None:
    crossed = IndicatorCondition("ema(20)", ">", "ema(50)")

    assert failing(crossed, scene(fired=(crossed,))) is None


# -- what they trigger ---------------------------------------------------------------------------


def rule(when: Any, *symbols: str) -> Rule:
    then = {"kind": "enter", "side": "BUY"}
    return from_plain({"id": "r", "symbols": list(symbols), "when": when, "then": then})


def test_an_indicator_triggers_for_any_number_of_symbols_and_a_signal_leads_it() -> None:
    alone = rule("ema(20) > ema(50) and flat")
    guards = rule('signal == "BUY" and ema(20) > ema(50)')

    assert triggers(alone).markets == (IndicatorCondition("ema(20)", ">", "ema(50)"),)
    assert triggers(guards).markets == ()
    assert isinstance(guards.when.conditions[0], EventCondition)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("when", "symbols", "said"),
    [
        ("close > 190", (), "a price that triggers belongs to one symbol, name it in symbols"),
        ("mid > ema(20)", ("IBM",), "mid and spread are not watched, last, bid and ask are"),
        ("not ema(20) > ema(50)", ("IBM",), "a not can only guard something else"),
        (
            {
                "kind": "and",
                "conditions": [
                    'signal == "BUY"',
                    {"kind": "indicator", "left": "last", "op": "crosses above", "right": "close"},
                ],
            },
            (),
            "nothing waits for last crosses above close, because something else triggers",
        ),
    ],
)
def test_a_rule_that_could_not_be_woken_is_refused(
    when: Any, symbols: tuple[str, ...], said: str
) -> None:
    with pytest.raises(Exception, match="rule r") as refused:
        rule(when, *symbols)

    assert said in str(refused.value)


def test_it_stands_in_a_file_as_an_expression_or_as_a_table() -> None:
    then = {"kind": "enter", "side": "BUY"}
    table = {"kind": "indicator", "left": "ema( 20 )", "op": ">", "right": "ema(50)"}
    rules = [
        {"id": "said", "when": "ema(20) > ema(50)", "then": then},
        {"id": "table", "when": table, "then": then},
    ]
    config = from_mapping({"strategy": {"symbols": ["IBM", "SPY"], "rules": rules}})

    said, tabled = config.strategy.rules
    assert said.when == tabled.when == IndicatorCondition("ema(20)", ">", "ema(50)")


def test_no_digit_of_a_parameter_is_lost() -> None:
    text = "bollinger_upper(20, 2.1234567)"

    assert str(read_indicator(text)) == text
    assert read_indicator(str(read_indicator(text))).parameters == (20, 2.1234567)

"""One pattern for many symbols, and what is different for one of them."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import pytest

import engine
from engine.commands import Place
from engine.config import CONVERTER, Config, from_mapping
from engine.errors import ConfigError
from engine.plans import Distance, DoubleDown, Sizing, Target
from engine.rules import SessionCondition, from_expression, triggers
from engine.settings_file import load
from tests.core.desk import CLOSE_NS, SECOND, Desk

EXAMPLE = Path(engine.__file__).parent / "examples" / "eight_tickers.toml"
BASE: dict[str, Any] = {
    "symbols": ["IBM", "SPY"],
    "sizing": {"dollars": 30000},
    "stop": {"percent": 2.0},
    "target": {"percent": 4.0},
    "double_down": {"levels": [0.5]},
    "trailing": False,
}


def configured(**strategy: Any) -> Config:
    return from_mapping({"strategy": {**BASE, **strategy}})


def entries(desk: Desk) -> list[tuple[str, str, Decimal]]:
    orders = desk.core.state.orders
    placed = [one for one in desk.commands if isinstance(one, Place)]
    return [
        (orders[one.order_id].symbol, one.spec.order_type, one.spec.quantity)
        for one in placed
        if not one.spec.parent_id
    ]


# -- the example ---------------------------------------------------------------------------------


def test_the_set_up_of_eight_symbols_is_a_short_file_that_says_what_is_wanted() -> None:
    strategy = load(EXAMPLE).strategy

    assert len(EXAMPLE.read_text("utf-8").splitlines()) < 25
    assert len(strategy.symbols) == 8
    assert (strategy.confidence_min, strategy.cooldown_s) == (0.5, 180)
    assert strategy.sizing == Sizing(dollars=Decimal(30_000))
    assert (strategy.stop.atr, strategy.target[0].atr) == (6, 4)
    assert strategy.double_down == DoubleDown(levels=(0.5,))


def test_it_trades_as_it_says() -> None:
    """ATR 0.5 at a price of 100: the stop 3 away, the target 2, the add 1.5; out at 15:59."""
    desk = Desk(load(EXAMPLE))
    for symbol in ("IBM", "NVDA"):
        desk.quote(symbol, 99.99, 100.0, atr=0.5)
        desk.signal(symbol, "BUY", 0.5)
    desk.signal("AAPL", "BUY", 0.49)
    desk.wait(1)

    placed = [one.spec for one in desk.commands if isinstance(one, Place)]
    assert [(one.order_type, one.aux_price or one.limit_price) for one in placed[:4]] == [
        ("MKT", None),
        ("STP", Decimal("97.00")),
        ("LMT", Decimal("102.00")),
        ("LMT", Decimal("98.50")),
    ]
    assert {one.quantity for one in placed} == {Decimal(300)}
    assert len(placed) == 12  # of two symbols

    desk.wait_until(CLOSE_NS - 60 * SECOND - 1)
    assert desk.core.state.held("IBM") == desk.core.state.held("NVDA") == 300
    desk.quote("IBM", 99.99, 100.0, atr=0.5)
    desk.quote("NVDA", 99.99, 100.0, atr=0.5)
    desk.wait(2)
    assert desk.core.state.held("IBM") == desk.core.state.held("NVDA") == 0


# -- what is different for one -------------------------------------------------------------------


def test_a_symbol_trades_by_its_own_settings_and_the_others_by_those_of_all() -> None:
    config = configured(
        symbol={"SPY": {"sizing": {"shares": 10}, "stop": {"percent": 1.0}, "double_down": False}}
    )
    desk = Desk(config)
    for symbol in ("IBM", "SPY"):
        desk.quote(symbol, 99.99, 100.0)
        desk.signal(symbol, "BUY")
    desk.wait(1)

    assert entries(desk) == [
        ("IBM", "MKT", Decimal(300)),
        ("IBM", "LMT", Decimal(300)),  # its double-down
        ("SPY", "MKT", Decimal(10)),
    ]
    stops = {
        desk.core.state.orders[one.order_id].symbol: one.spec.aux_price
        for one in desk.commands
        if isinstance(one, Place) and one.spec.order_type == "STP"
    }
    assert stops == {"IBM": Decimal("98.00"), "SPY": Decimal("99.00")}
    desk.restart()  # the journal leads to the same state
    desk.signal("SPY", "SHORT")
    desk.wait(1)
    assert "BUY 10 STP 100.98" in desk.live("SPY")  # reversed, by its own settings


def test_a_rule_without_a_trade_of_its_own_enters_as_its_symbol_does() -> None:
    rule = {"id": "own", "when": 'signal == "BUY"', "then": {"kind": "enter", "side": "BUY"}}
    config = configured(
        pattern=False,
        rules=[rule],
        symbol={"SPY": {"sizing": {"shares": 10}, "double_down": False}},
    )
    desk = Desk(config)
    desk.quote("SPY", 99.99, 100.0)
    desk.signal("SPY", "BUY")
    desk.wait(1)

    assert entries(desk) == [("SPY", "MKT", Decimal(10))]


def test_thresholds_and_times_are_of_the_symbol_too() -> None:
    strategy = configured(
        symbol={
            "SPY": {
                "confidence_min": 0.9,
                "close_before_end_s": 600,
                "enter_when": "spread <= 0.05",
            }
        }
    ).strategy
    rules = {rule.id: rule for rule in strategy.all_rules}

    assert rules["pattern.buy"].symbols == ("IBM",)
    assert rules["pattern.SPY.buy"].symbols == ("SPY",)
    assert rules["pattern.SPY.buy"].when == from_expression(
        'signal == "BUY" and confidence >= 0.9 and spread <= 0.05'
    )
    assert triggers(rules["pattern.SPY.end_of_day"]).sessions == (SessionCondition(600),)
    assert triggers(rules["pattern.end_of_day"]).sessions == (SessionCondition(60),)


def test_all_symbols_may_differ() -> None:
    strategy = configured(symbol={"IBM": {}, "SPY": {"cooldown_s": 1}}).strategy

    assert not [rule.id for rule in strategy.all_rules if not rule.symbols]
    assert strategy.of("IBM").sizing == strategy.sizing


def test_a_template_serves_many_and_a_symbol_says_more() -> None:
    strategy = configured(
        template={"tight": {"stop": {"percent": 1.0}, "target": {"percent": 1.5}}},
        symbol={"IBM": "tight", "SPY": {"template": "tight", "target": []}},
    ).strategy

    assert strategy.of("IBM").stop == strategy.of("SPY").stop == Distance(percent=1.0)
    assert strategy.of("IBM").target == (Target(percent=1.5),)
    assert strategy.of("SPY").target == ()
    assert strategy.stop == Distance(percent=2.0)


def test_a_run_that_is_replayed_has_the_same_settings() -> None:
    config = configured(
        symbol={"SPY": {"double_down": False, "stop_unfilled_after_s": False}},
        enter_when='time("09:45", "15:30") and not spread >= 0.05',
        close_before_end_s=False,
    )
    kept = orjson.loads(orjson.dumps(CONVERTER.unstructure(config)))

    assert CONVERTER.structure(kept, Config) == config
    assert config.strategy.of("SPY").stop_unfilled_after_s is None


def test_what_is_optional_is_off_with_false() -> None:
    strategy = configured(double_down=False, close_before_end_s=False).strategy

    assert strategy.double_down is None
    assert not [rule for rule in strategy.all_rules if triggers(rule).sessions]


@pytest.mark.parametrize(
    ("strategy", "said"),
    [
        ({"symbol": {"IBN": {}}}, "strategy.symbol: IBN is not among symbols, did you mean IBM?"),
        ({"symbol": {"SPY": {"stopp": 1}}}, "strategy.symbol.SPY: unknown key 'stopp', did you"),
        (
            {"symbol": {"SPY": {"stop": {"atr": "6"}}}},
            "strategy.symbol.SPY.stop.atr: must be a number, not '6'",
        ),
        ({"symbol": {"SPY": {"sizing": {}}}}, "strategy.symbol.SPY.sizing: sizing takes exactly"),
        ({"symbol": {"SPY": {"cooldown_s": -1}}}, "strategy.symbol.SPY: cooldown_s must be 0 or"),
        ({"symbol": {"SPY": 5}}, "strategy.symbol.SPY: must be a table, not 5"),
        ({"symbol": ["SPY"]}, "strategy: symbol holds tables, each under its name"),
        ({"symbol": {"SPY": "calm"}}, "strategy.symbol.SPY: there is no template 'calm'"),
        (
            {"template": {"calm": {}}, "symbol": {"SPY": {"template": "clam"}}},
            "strategy.symbol.SPY: there is no template 'clam', did you mean calm?",
        ),
        ({"template": {"calm": {"atr_period": 5}}}, "strategy.template.calm: unknown key"),
        ({"template": {"calm": "tight"}}, "strategy.template.calm: must be a table"),
        ({"symbol": {"SPY": {"symbols": ["SPY"]}}}, "strategy.symbol.SPY: unknown key 'symbols'"),
    ],
)
def test_a_mistake_is_told_with_its_symbol(strategy: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as told:
        configured(**strategy)

    assert str(told.value).startswith(f"config: {said}")

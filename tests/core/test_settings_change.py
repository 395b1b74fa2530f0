"""Other settings while the engine runs: for what begins; what is under way goes on as it began."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import attrs
import orjson
import pytest

from engine.config import CONVERTER, Config, from_mapping
from engine.errors import ConfigError
from engine.events import AlertEvent, RefusalEvent
from engine.inputs import RuleChanged, SettingsChanged
from engine.rules import create_buy_rule, to_json
from engine.settings_change import changes, check_changes
from tests.core.desk import Desk

BASE: dict[str, Any] = {
    "symbols": ["IBM", "SPY"],
    "sizing": {"shares": 100},
    "stop": {"percent": 2.0},
    "target": {"percent": 4.0},
    "cooldown_s": 600,
}


def configured(limits: dict[str, Any] | None = None, **strategy: Any) -> Config:
    return from_mapping({"strategy": {**BASE, **strategy}, "limits": limits or {}})


def changed_to(config: Config) -> SettingsChanged:
    return SettingsChanged(orjson.dumps(CONVERTER.unstructure(config)).decode(), "s.toml", "abc")


def started() -> Desk:
    desk = Desk(configured())
    for symbol in ("IBM", "SPY"):
        desk.quote(symbol, 99.99, 100.0)
    desk.signal("IBM", "BUY")
    desk.wait(1)
    return desk


def test_a_trade_under_way_stays_as_it_began_and_the_next_is_made_anew() -> None:
    desk = started()
    desk.feed(changed_to(configured(sizing={"shares": 7}, stop={"percent": 1.0})))
    desk.signal("SPY", "BUY")
    desk.wait(1)

    assert "SELL 100 STP 98.00" in desk.live("IBM")
    assert "SELL 7 STP 99.00" in desk.live("SPY")
    (told,) = [one for one in desk.said(AlertEvent) if "settings changed" in one.text]
    assert told.text == "settings changed: s.toml, SHA-256 abc"
    desk.restart()  # it is in the journal: a replay arrives at the same state


def test_limits_and_rules_hold_at_once() -> None:
    desk = started()
    desk.feed(changed_to(configured({"order_shares_max": 50}, close_before_end_s=False)))
    desk.signal("SPY", "BUY")

    assert desk.said(RefusalEvent)[-1].reason == "order_too_large"
    assert "pattern.end_of_day" not in {rule.id for rule in desk.core.state.rules}
    assert desk.core.state.closing_margins == {"IBM": 0, "SPY": 0}


def test_a_rule_that_keeps_its_name_keeps_its_counters() -> None:
    desk = started()
    before = dict(desk.core.state.cooldown_until)
    desk.feed(changed_to(configured(confidence_min=0.9)))

    assert desk.core.state.cooldown_until == before != {}
    own = {"id": "own", "when": 'signal == "SELL"', "cooldown_s": 60,
           "then": {"kind": "enter", "side": "SELL"}}  # fmt: skip
    other = Desk(configured(pattern=False, rules=[own]))
    other.quote("IBM", 99.99, 100.0)
    other.signal("IBM", "SELL")
    other.wait(1)
    assert other.core.state.cooldown_until
    other.feed(changed_to(configured(pattern=False)))
    assert not other.core.state.cooldown_until


def test_what_programs_have_added_stays_and_two_of_one_name_are_refused() -> None:
    desk = started()
    added = create_buy_rule("IBM", name="host")
    desk.feed(RuleChanged("add", added.id, to_json(added).decode()))
    desk.feed(changed_to(configured(confidence_min=0.9)))
    assert added in desk.core.state.rules

    clash = {"id": added.id, "when": 'signal == "SELL"', "then": {"kind": "close"}}
    desk.feed(changed_to(configured(rules=[clash])))

    (refused,) = [one for one in desk.said(RefusalEvent) if one.detail == "settings"]
    assert (refused.reason, refused.identity) == ("duplicate_reference", "abc")
    assert desk.core.state.config == configured(confidence_min=0.9)
    assert added in desk.core.state.rules


# -- what may change -----------------------------------------------------------------------------


def test_what_differs_is_named() -> None:
    old = configured()
    new = configured(
        {"positions_max": 5},
        stop={"percent": 3.0},
        double_down={},
        symbol={"SPY": {"cooldown_s": 1}},
    )

    assert list(changes(old, old)) == []
    assert list(changes(old, new)) == [
        "strategy.stop.percent",
        "strategy.double_down",
        "strategy.symbol.SPY",
        "limits.positions_max",
    ]
    check_changes(list(changes(old, new)))


@pytest.mark.parametrize(
    ("new", "said"),
    [
        (configured(symbols=["IBM"]), "strategy.symbols cannot change while the engine runs"),
        (configured(atr_period=5, bar_s=30), "strategy.atr_period, strategy.bar_s cannot change"),
        (
            configured(foreign_orders="freeze", outside_rth=True),
            "strategy.outside_rth, strategy.foreign_orders cannot change",
        ),
        (
            attrs.evolve(configured(), broker=attrs.evolve(configured().broker, port=7496)),
            "broker.port cannot change while the engine runs: start it again",
        ),
        (
            attrs.evolve(configured(), guards=attrs.evolve(configured().guards, loss_level=3)),
            "guards.loss_level cannot change",
        ),
        (
            attrs.evolve(configured(), signals=attrs.evolve(configured().signals, max_age_s=1)),
            "signals.max_age_s cannot change",
        ),
    ],
)
def test_what_an_engine_was_built_with_cannot_change(new: Config, said: str) -> None:
    with pytest.raises(ConfigError) as refused:
        check_changes(list(changes(configured(), new)))

    assert said in str(refused.value)


def test_an_amount_and_a_number_are_the_same_setting() -> None:
    assert Decimal(100) == configured().strategy.sizing.shares
    assert not list(changes(configured(), configured(sizing={"shares": "100"})))

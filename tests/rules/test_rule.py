"""The record of a rule: order, JSON and TOML, and its bounds."""

from __future__ import annotations

import json
import tomllib
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.config import CONVERTER
from engine.errors import ConfigError
from engine.rules import (
    Action,
    ActionSequence,
    AndCondition,
    Condition,
    LinkedCreateOrderAction,
    MarketCondition,
    NotCondition,
    OrCondition,
    PositionCondition,
    Rule,
    Scene,
    TimeCondition,
    check_rules,
    concerned,
    from_json,
    from_plain,
    ordered,
    register,
    to_json,
)
from engine.rules.conditions import CONDITION_DEPTH_MAX, CONDITIONS_MAX
from engine.rules.forms import PLAIN_DEPTH_MAX, PLAIN_ITEMS_MAX, RULE_BYTES_MAX
from engine.rules.rule import ACTION_KINDS, CONDITION_KINDS, RULES_MAX
from tests.rules.records import ACTIONS, BUY, CONDITIONS, rule, rules, signal

# -- order and concern --


def test_priority_descends_and_ties_stay_as_registered() -> None:
    """Behaviour 24."""
    given = [
        rule("a", priority=10), rule("b", priority=100), rule("c", priority=50),
        rule("d", priority=100), rule("e"), rule("f", priority=50), rule("g", priority=-1),
    ]  # fmt: skip

    assert [one.id for one in ordered(given)] == ["b", "d", "c", "f", "a", "e", "g"]


@given(st.lists(st.integers(-3, 3), max_size=12))
def test_order_is_total_and_loses_nothing(priorities: list[int]) -> None:
    given = [rule(f"r{at}", priority=priority) for at, priority in enumerate(priorities)]

    found = [(-one.priority, int(one.id[1:])) for one in ordered(given)]

    assert found == sorted(found)
    assert len(found) == len(given)


def test_a_disabled_rule_and_another_symbol_are_not_concerned() -> None:
    """Behaviour 26."""
    seen = Scene(symbol="IBM", now_ns=1, event=signal())

    assert concerned(rule(), seen)
    assert concerned(rule(symbols=["SPY", "IBM"]), seen)
    assert not concerned(rule(symbols="SPY"), seen)
    assert not concerned(rule(enabled=False), seen)


def test_rules_with_one_id_cannot_stand_together() -> None:
    check_rules([rule("a"), rule("b")])
    with pytest.raises(ValueError, match="rule a is there twice: every rule has its own id"):
        check_rules([rule("a"), rule("b"), rule("a")])
    with pytest.raises(ValueError, match=f"1001 rules, {RULES_MAX} at most"):
        check_rules([rule(f"r{at}") for at in range(RULES_MAX + 1)])


# -- JSON and TOML --


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(rules())
def test_json_gives_back_the_same_rule(one: Rule) -> None:
    written = to_json(one)

    assert from_json(written) == one
    assert to_json(from_json(written)) == written
    assert json.loads(written)["when"]["kind"] == "and"


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(CONDITIONS, ACTIONS)
def test_the_converter_of_the_configuration_learns_them_too(when: Condition, then: Any) -> None:
    """As part of a larger record, by the hooks that ``register`` installs."""
    plain = json.loads(json.dumps([_LEARNED.unstructure(when), _LEARNED.unstructure(then)]))

    assert _LEARNED.structure(plain[0], Condition) == when
    assert _LEARNED.structure(plain[1], Action) == then


def _learned() -> Any:
    converter = CONVERTER.copy()
    register(converter)
    return converter


_LEARNED = _learned()


def test_every_kind_is_written_by_its_name() -> None:
    for kinds in (CONDITION_KINDS, ACTION_KINDS):
        assert len(set(kinds.values())) == len(kinds)


TOML = """
[[rules]]
id = "breakout"
symbols = ["IBM"]
priority = 60
cooldown_s = 300
when = [
    {kind = "market", field = "last", op = "above", level = 190},
    {kind = "time", start = "09:45", end = "15:30", days = ["mon", "fri"]},
    {kind = "not", condition = {kind = "position", side = "held"}},
]
then = [
    {kind = "log", level = "info", text = "breakout"},
    {kind = "enter", side = "BUY", trade = {sizing = {shares = 100}, target = {atr = 4}}},
]

[[rules]]
id = "follow"
then = {kind = "enter", side = "BUY"}
[rules.when]
kind = "event"
event = "PredictionSignalEvent"
where = ["signal == BUY", {field = "confidence", op = ">=", value = 0.5}]
"""


def test_toml_reads_as_it_is_written() -> None:
    breakout, follow = (from_plain(one) for one in tomllib.loads(TOML)["rules"])

    assert follow == Rule("follow", BUY, LinkedCreateOrderAction("BUY"))
    assert breakout.when == (
        MarketCondition("last", "above", 190.0)
        & TimeCondition("09:45", "15:30", ["mon", "fri"])
        & ~PositionCondition(side="held")
    )
    assert isinstance(breakout.then, ActionSequence)
    enter = breakout.then.actions[1]
    assert isinstance(enter, LinkedCreateOrderAction)
    assert enter.trade is not None
    assert enter.trade.sizing.shares == 100
    assert [one.atr for one in enter.trade.target] == [4.0]


def test_defaults_are_written_too() -> None:
    """A later version with other defaults must read the same rule."""
    assert json.loads(to_json(rule())) == {
        "id": "r",
        "when": {
            "kind": "event",
            "event": "PredictionSignalEvent",
            "where": [
                {"field": "signal", "op": "==", "value": "BUY"},
                {"field": "confidence", "op": ">=", "value": 0.5},
            ],
        },
        "then": {"kind": "log", "level": "info", "text": "now"},
        "symbols": [],
        "priority": 0,
        "cooldown_s": 0.0,
        "executions_per_day_max": None,
        "enabled": True,
        "cooldown_group": "",
        "armed": False,
        "armed_gap_percent": 0.1,
    }


# -- bounds --


def test_nesting_and_size_are_bounded_where_conditions_are_made() -> None:
    deep: Condition = BUY
    for _ in range(CONDITION_DEPTH_MAX - 1):
        deep = NotCondition(deep)
    with pytest.raises(ValueError, match="nested 8 deep at most"):
        NotCondition(deep)
    with pytest.raises(ValueError, match="nested 8 deep at most"):
        OrCondition([BUY, deep])
    AndCondition([BUY] * (CONDITIONS_MAX - 1))
    with pytest.raises(ValueError, match="may have 64 conditions at most"):
        AndCondition([BUY] * CONDITIONS_MAX)
    half = AndCondition([BUY] * (CONDITIONS_MAX // 2))
    with pytest.raises(ValueError, match="may have 64 conditions at most"):
        OrCondition([half, half])


def _nested(depth: int) -> bytes:
    inner = b'{"kind":"not","condition":' * depth
    return b'{"id":"x","then":[],"when":' + inner + b"1" + b"}" * depth + b"}"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b" " * (RULE_BYTES_MAX + 1), "65537 bytes, a rule has 65536 at most"),
        (_nested(PLAIN_DEPTH_MAX), "nested 32 deep, no rule is so deep"),
        (_nested(500), "nested 32 deep, no rule is so deep"),
        (_nested(2_000), "not valid JSON"),
        (b"[" * 30_000 + b"]" * 30_000, "not valid JSON"),
        (b"[" + b"1," * (PLAIN_ITEMS_MAX + 1) + b"1]", "more than 8192 values"),
        (_nested(9), "must be a table with a kind, not 1"),
        (b'{"id":"x","when":{},"then":1}', "condition needs a kind: event, position, time"),
        (b"\xff", "not valid JSON"),
        (b"", "not valid JSON"),
        (b'{"id":"x"} {}', "not valid JSON"),
        (b"null", "must be a table, not None"),
    ],
    ids=range(12),
)
def test_hostile_json_is_refused_in_one_line(data: bytes, said: str) -> None:
    with pytest.raises(ConfigError, match=r"^there: ") as told:
        from_json(data, "there")
    assert said in str(told.value)
    assert "\n" not in str(told.value)
    assert len(str(told.value)) < 500


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False)
    | st.text(max_size=5) | st.sampled_from(["IBM", "BUY", "last", "above", "09:30", "1e999999"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(["kind", "id", "when", "then", "trade"]), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip


@settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.too_slow])
@given(rules(), st.data())
def test_whatever_is_changed_in_a_rule_is_read_or_refused(one: Rule, data: st.DataObject) -> None:
    """Any value anywhere replaced by any other: never another exception, never a silent change."""
    plain = json.loads(to_json(one))
    places: list[tuple[Any, Any]] = []
    waiting = [plain]
    while waiting:
        value = waiting.pop()
        keys = list(value) if isinstance(value, dict) else range(len(value))
        places += [(value, key) for key in keys]
        waiting += [value[key] for key in keys if isinstance(value[key], dict | list)]
    holder, key = data.draw(st.sampled_from(places))
    holder[key] = data.draw(JSON)
    written = json.dumps(plain).encode()

    try:
        read = from_json(written)
    except ConfigError as refused:
        assert "\n" not in str(refused)
    else:
        assert from_json(to_json(read)) == read

"""The examples of the page on rules run as they stand, and its tables are complete."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
import tomllib
from pathlib import Path

import pytest

from engine import Engine, PositionOpenEvent
from engine.config import from_mapping
from engine.reasons import Reason
from engine.rules import (
    EventCondition,
    LinkedCreateOrderAction,
    PositionCondition,
    Rule,
    from_json,
    from_plain,
    steps,
    to_json,
)
from engine.rules.actions import ACTIONS_MAX
from engine.rules.conditions import CONDITION_DEPTH_MAX, CONDITIONS_MAX, parts_of
from engine.rules.forms import RULE_BYTES_MAX
from engine.rules.indicators import KINDS, indicator
from engine.rules.rule import ACTION_KINDS, CONDITION_KINDS
from engine.sim.launch import generated
from engine.sim.server import SimServer

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "rules.md").read_text("utf-8")
EXAMPLES = dict(re.findall(r"<!-- example: (\w+) -->\n```python\n(.*?)```", PAGE, re.DOTALL))
LIVE = dict(re.findall(r"<!-- engine: (\w+) -->\n```python\n(.*?)```", PAGE, re.DOTALL))
FILES = dict(re.findall(r"<!-- rules: (\w+) -->\n```toml\n(.*?)```", PAGE, re.DOTALL))
SAID = {  # what an example prints
    "pattern": "calm.buy 50\ncalm.sell 50\ncalm.short 50\ncalm.scale_in 10\ncalm.end_of_day 100\n",
    "written": '[strategy]\nsymbols = ["IBM"]\nsizing = {shares = 100}\n'
    'enter_when = "close > sma(200)"\n',
    "templates": "['IBM.buy', 'IBM+SPY.short', 'IBM.sell', 'IBM.scale_in', 'all.end_of_day']\n",
    "rule": "confidence >= 0.8\n",
    "event": "PredictionSignalEvent has no 'confidense' to compare, did you mean confidence?\n",
    "position": "a flat position has no profit_percent_min\n",
    "time": "2026-03-08 07:00:00+00:00\n",
    "market": "rule breakout: a price that triggers belongs to one symbol, name it in symbols\n",
    "indicator": "ema(20) is a price and rsi(14) is between 0 and 100: they are not compared\n",
    "refused": "['PredictionSignalEvent']\nFalse\nTrue low_confidence\nwrong_position\nNone\n",
    "expression": 'signal == "BUY" and confidence >= 0.6 and flat\n',
    "actions": "10\n",
    "json": "rule: when: there is no condition of kind 'sesion', did you mean session?\n",
}


def test_every_example_is_known() -> None:
    assert EXAMPLES.keys() == SAID.keys()
    assert LIVE.keys() == {"running"}
    assert PAGE.count("```python") == len(EXAMPLES) + len(LIVE)
    assert PAGE.count("```toml") == len(FILES)


@pytest.mark.parametrize("name", sorted(SAID))
def test_an_example_runs(name: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", EXAMPLES[name]],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert done.stderr == ""
    assert done.stdout == SAID[name]


def test_the_example_of_a_running_engine_runs_at_a_simulator(tmp_path: Path) -> None:
    exchange, source = generated(["IBM"], ticks_per_s=20.0)
    with SimServer(exchange, source, speed=5.0) as server:
        code = LIVE["running"].replace("7497", f"{server.port}")
        done = subprocess.run(
            [sys.executable, "-c", code.replace('"port":', '"clock_rate": 5.0, "port":')],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        report = server.report()

    assert done.returncode == 0, done.stderr
    assert done.stdout == (
        "long\ncalm.buy low_confidence\ncalm.buy same_side\n[('calm.buy', 1), ('calm.short', 1)]\n"
    )
    assert set(report["position"].values()) == {0}
    assert report["uncovered_share_seconds"] == 0, report["worst_intervals"]


def test_all_rules_of_the_page_govern_a_running_engine_together() -> None:
    """As they stand in the files, beside the strategy's own; each is listed, and trades go on."""
    written = [one for name in FILES for one in tomllib.loads(FILES[name])["strategy"]["rules"]]
    exchange, source = generated(["IBM", "SPY"], ticks_per_s=20.0)
    with SimServer(exchange, source, speed=20.0) as server:
        config = from_mapping(
            {
                "strategy": {"symbols": ["IBM", "SPY"], "rules": written},
                "broker": {"port": server.port, "clock_rate": 20.0},
            }
        )
        opened = threading.Event()
        with Engine(config) as engine:
            engine.subscribe(PositionOpenEvent, lambda _: opened.set())
            assert engine.wait_for_prices()
            listed = [view.id for view in engine.rules.list()]
            engine.publish({"ticker": "IBM", "signal": "BUY", "confidence": 0.9}).result(10)
            assert opened.wait(10)
            engine.stop(flatten=True)

    assert sorted(listed) == sorted(rule.id for rule in config.strategy.all_rules)
    assert {one["id"] for one in written} < set(listed)


def rules_of(name: str) -> list[Rule]:
    return [from_plain(one, name) for one in tomllib.loads(FILES[name])["strategy"]["rules"]]


def test_the_files_are_rules() -> None:
    everything = [rule for name in FILES for rule in rules_of(name)]

    assert [from_json(to_json(rule)) for rule in everything] == everything
    assert len({rule.id for rule in everything}) == len(everything)


def test_a_file_and_a_program_say_the_same() -> None:
    (rule,) = rules_of("careful")

    assert rule == Rule(
        "careful",
        EventCondition("PredictionSignalEvent", ("signal == BUY", "confidence >= 0.8"))
        & PositionCondition(side="flat"),
        LinkedCreateOrderAction("BUY"),
        symbols="IBM",
        priority=100,
        cooldown_s=300,
        executions_per_day_max=3,
    )


def test_the_files_show_every_kind() -> None:
    rules = [rule for name in FILES for rule in rules_of(name)]
    waiting = [rule.when for rule in rules]
    conditions = set()
    while waiting:
        one = waiting.pop()
        conditions.add(type(one))
        waiting += parts_of(one)
    actions = {type(one) for rule in rules for one in (rule.then, *steps(rule.then))}

    assert conditions == set(CONDITION_KINDS.values())
    assert actions == set(ACTION_KINDS.values())


def test_the_tables_name_every_kind_reason_and_bound() -> None:
    for kinds in (CONDITION_KINDS, ACTION_KINDS):
        for kind, record in kinds.items():
            rows = [line for line in PAGE.splitlines() if f"`{record.__name__}`" in line]
            assert any(f"`{kind}`" in row for row in rows), kind
    told = re.findall(r"^\| `(\w+)` \| ", PAGE.partition("| reason |")[2], re.MULTILINE)
    words = {word for word in told if word in set(Reason)}
    assert words >= {
        "low_confidence",
        "wrong_position",
        "no_price",
        "not_warm",
        "outside_window",
        "condition",
    }
    assert f"{RULE_BYTES_MAX // 1024} KiB, {CONDITIONS_MAX} conditions" in PAGE
    assert f"{CONDITION_DEPTH_MAX} deep, and {ACTIONS_MAX} actions" in PAGE


def test_the_table_of_indicators_has_all_of_them_and_what_they_need() -> None:
    table = PAGE.partition("## Indicators")[2].partition("The numbers shown")[0]
    written = re.findall(r"`(\w+)(\([^)]*\))?`", table)

    assert {name for name, _ in written} == KINDS.keys()
    for name, parameters in written:
        if re.fullmatch(r"\([\d, ]+\)", parameters):
            assert str(indicator(name, [])) == f"{name}{parameters}"  # the usual ones

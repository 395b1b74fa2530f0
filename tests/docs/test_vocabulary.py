"""The vocabulary page knows every name that users know, and what it claims is so."""

from __future__ import annotations

import ast
import importlib
import re
from pathlib import Path

import attrs
import pytest

import engine
from engine.config import Strategy

ROOT = Path(__file__).parents[2]
NAMES = re.findall(
    r"\w+",
    """
    BaseEvent PriceEvent VolumeEvent IndicatorEvent NewOrderEvent OrderStatusEvent FillEvent
    CancelEvent RejectEvent OrderGroupEvent PositionOpenEvent PositionUpdateEvent
    PositionCloseEvent OptionsFlowEvent PredictionSignalEvent FlowThresholdEvent EventBus
    OptionsFlowMonitor Position StockPosition PositionTracker Order OrderGroup BracketOrder
    OCOGroup OrderManager LinkedOrderManager LinkedOrderConclusionManager RuleEngine Rule
    EventCondition PositionCondition TimeCondition MarketCondition AndCondition OrCondition
    NotCondition LinkedCreateOrderAction LinkedScaleInAction LinkedDoubleDownAction
    LinkedCloseAllAction CreateOrderAction CancelOrderAction CreateBracketOrderAction
    AdjustPositionAction ClosePositionAction LogAction SequentialAction StrategyController
    StrategyBuilder create_buy_rule create_sell_rule create_short_rule create_scale_in_rule
    create_eod_close_rule TWSConnection PositionSizer
""",
)
ROWS = dict(
    re.findall(
        r"^\| `?([\w -]+)`? \| (.+) \|$",
        (ROOT / "docs" / "vocabulary.md").read_text("utf-8"),
        re.MULTILINE,
    )
)


def test_every_name_has_its_row() -> None:
    assert [name for name in NAMES if name not in ROWS] == []


@pytest.mark.parametrize("name", NAMES)
def test_what_a_row_claims_is_so(name: str) -> None:
    said = ROWS[name]
    imported = re.findall(r"`from engine import (\w+)`", said)
    settings = {one.name for one in attrs.fields(Strategy)}

    for one in imported:
        assert getattr(engine, one).__module__.startswith("engine.")
    for owner, attribute in re.findall(r"`(Engine|OrderManager)\.(\w+)`", said):
        assert hasattr(getattr(engine, owner), attribute)
    for path in re.findall(r"`(engine\.(?:config|broker)[\w.]*)`", said):
        _resolve(path)
    for key in re.findall(r"`strategy\.(\w+)`", said):
        assert key in settings


def test_a_name_is_there_or_said_to_be_missing() -> None:
    """One that can be imported is claimed as itself, and no other is."""
    there = {name for name in NAMES if hasattr(engine, name)}
    claimed = {name for name in NAMES if f"`from engine import {name}`" in ROWS[name]}
    missing = {name for name in NAMES if ROWS[name].startswith("Not yet")}

    assert there == claimed
    assert there & missing == set()
    assert {name for name in NAMES if name not in there | missing} == {
        "LinkedOrderManager",
        "LinkedOrderConclusionManager",
        "PositionSizer",
        "SequentialAction",
        "TWSConnection",
    }


def test_the_rest_of_the_page_names_settings_and_attributes_that_exist() -> None:
    text = (ROOT / "docs" / "vocabulary.md").read_text("utf-8")
    strategy = {one.name for one in attrs.fields(Strategy)}

    assert set(re.findall(r"`strategy\.(\w+)`", text)) <= strategy
    said = set(re.findall(r"`engine\.(order_manager|position_tracker|rules|strategies|bus)`", text))
    assert said == {"order_manager", "position_tracker", "rules", "strategies", "bus"}
    for name in re.findall(r"`([A-Z]\w+)`", text.partition("## How a trade is made")[2]):
        assert hasattr(engine, name), name


def test_public_names_are_typed_and_load_what_they_say() -> None:
    """The names for type checkers are those that are loaded when used."""
    tree = ast.parse((ROOT / "engine" / "__init__.py").read_text("utf-8"))
    typed = {
        alias.name: node.module
        for guard in tree.body
        if isinstance(guard, ast.If)
        for node in guard.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }

    assert typed == engine._HOME_OF
    for name, home in typed.items():
        assert getattr(engine, name) is getattr(importlib.import_module(str(home)), name)


def _resolve(path: str) -> object:
    """A module, or something in one."""
    try:
        return importlib.import_module(path)
    except ModuleNotFoundError:
        home, _, name = path.rpartition(".")
        return getattr(importlib.import_module(home), name)

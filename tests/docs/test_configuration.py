"""The page on configuration names every setting, and its defaults are the defaults."""

from __future__ import annotations

import re
import tomllib
from decimal import Decimal
from pathlib import Path
from typing import Any, get_args

import attrs
import pytest

from engine.config import (
    Broker,
    Config,
    ForeignOrders,
    Guards,
    Limits,
    Strategy,
    Timing,
)
from engine.config import from_mapping as config_of
from engine.plans import (
    Distance,
    DoubleDown,
    EntryPartial,
    LateFill,
    OnOpposite,
    Reanchor,
    Resize,
    ScaleIn,
    Sizing,
    TargetTif,
)
from engine.rules.templates import SellMeans

PAGE = (Path(__file__).parents[2] / "docs" / "configuration.md").read_text("utf-8")
FILES = dict(re.findall(r"<!-- settings: (\w+) -->\n```toml\n(.*?)```", PAGE, re.DOTALL))
TABLES = {
    "strategy": Strategy,
    "limits": Limits,
    "guards": Guards,
    "broker": Broker,
    "timing": Timing,
}
POLICIES: dict[str, tuple[type, str, Any]] = {  # its owner, its field, the words it takes
    "on_opposite": (Strategy, "on_opposite", OnOpposite),
    "sell_means": (Strategy, "sell_means", SellMeans),
    "double_down.reanchor": (DoubleDown, "reanchor", Reanchor),
    "scale_in.reanchor": (ScaleIn, "reanchor", Reanchor),
    "entry_partial": (Strategy, "entry_partial", EntryPartial),
    "late_fill": (Strategy, "late_fill", LateFill),
    "stop_unfilled_after_s": (Strategy, "stop_unfilled_after_s", None),
    "target_tif": (Strategy, "target_tif", TargetTif),
    "outside_rth": (Strategy, "outside_rth", None),
    "foreign_orders": (Strategy, "foreign_orders", ForeignOrders),
    "resize": (Strategy, "resize", Resize),
}


def test_the_defaults_of_the_page_are_the_defaults() -> None:
    given = tomllib.loads(FILES["defaults"])

    assert config_of(given) == Config(strategy=Strategy(symbols=("IBM", "SPY")))


@pytest.mark.parametrize("table", TABLES)
def test_every_setting_is_on_the_page_and_no_other(table: str) -> None:
    """What has a default other than none stands with it; the others stand with an example."""
    fields = attrs.fields_dict(TABLES[table])
    defaults = tomllib.loads(FILES["defaults"])[table]
    optional = tomllib.loads(FILES["optional"]).get(table, {})

    empty = {"rules", "symbol"}  # by default
    assert defaults.keys() | optional.keys() - {"template"} == fields.keys()
    assert {name for name, one in fields.items() if one.default is not None} - empty == (
        defaults.keys()
    )


def test_every_table_is_on_the_page() -> None:
    tables = {one.name for one in attrs.fields(Config)}

    assert tables - TABLES.keys() == {"signals", "web", "log"}  # which have pages of their own
    assert all(f"[{table}]" in PAGE for table in tables)


def test_what_is_off_unless_given_is_as_the_page_shows_it() -> None:
    strategy = config_of(tomllib.loads(FILES["optional"])).strategy

    assert strategy.double_down == DoubleDown()
    assert strategy.of("IBM") is strategy
    assert strategy.of("SPY").stop == strategy.of("QQQ").stop == Distance(percent=1.0)
    assert (strategy.of("SPY").sizing, strategy.of("SPY").double_down) == (
        strategy.sizing,
        strategy.double_down,
    )
    assert strategy.of("QQQ").sizing == Sizing(shares=Decimal(50))
    assert strategy.of("QQQ").double_down is None
    assert strategy.scale_in == ScaleIn(portion=50)
    assert [rule.id for rule in strategy.rules] == ["breakout"]


def test_every_policy_is_told_with_its_values_and_default() -> None:
    _, _, table = PAGE.partition("## Policies")
    rows = dict(re.findall(r"^\| `([\w.]+)` \| (.+) \|$", table, re.MULTILINE))

    assert rows.keys() == POLICIES.keys()
    for name, (owner, field, words) in POLICIES.items():
        meaning, _, default = rows[name].rpartition(" | ")
        value = attrs.fields_dict(owner)[field].default
        assert default == f"`{str(value).lower() if isinstance(value, bool) else value}`", name
        for word in get_args(words):
            assert f"`{word}`" in meaning or meaning == "likewise", (name, word)

"""Settings as text, builders and files: three ways to write one thing."""

from __future__ import annotations

import tomllib
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import engine
from engine.config import Config, Strategy, from_mapping
from engine.plans import DoubleDown, Sizing
from engine.rules import Rule, StrategyBuilder, from_expression
from engine.settings_file import read
from engine.settings_text import builder_of, settings_of, to_toml
from tests.core.test_settings_file import VALID
from tests.rules.records import CONDITIONS, TRADES, _not_of_events, rules


def of(text: str) -> Config:
    return from_mapping(tomllib.loads(text))


@pytest.mark.parametrize("text", VALID, ids=range(len(VALID)))
def test_a_file_is_written_as_one_that_says_the_same(text: str, tmp_path: Path) -> None:
    """Templates become what they say; everything else is as it was, and is written once."""
    path = tmp_path / "s.toml"
    path.write_text(text, "utf-8")
    config = read(path).settings()
    written = to_toml(config)

    assert of(written) == config
    assert to_toml(of(written)) == written


@settings(deadline=None)
@given(TRADES, st.lists(rules(), max_size=3, unique_by=lambda one: one.id), CONDITIONS)
def test_whatever_a_program_makes_is_written(trade: Any, own: list[Rule], when: Any) -> None:
    said = {name: getattr(trade, name) for name in ("sizing", "stop", "target", "scale_in")}
    strategy = Strategy(
        symbols=("IBM", "SPY", "BRK B"),
        rules=tuple(own),
        enter_when=when if _not_of_events(when) else None,
        **said,
    )
    config = Config(strategy=strategy)

    assert of(to_toml(config)) == config


def built() -> StrategyBuilder:
    return (
        StrategyBuilder("calm")
        .symbols("IBM", "BRK B")
        .size(dollars=Decimal("12345.67"), shares_max=500)
        .enter(confidence_min=0.6, when="ema(20) > ema(50) and spread <= 0.02")
        .stop(atr=6, percent=3)
        .target(atr=4, portion=50)
        .target(atr=8, portion=25)
        .trailing(amount=1.5)
        .double_down(0.25, 0.5, multiplier=2)
        .scale_in(3, portion=50, times_max=2)
        .cooldown(60)
        .per_day(7)
        .close_before_end(None)
        .on_opposite("close")
        .policy(late_fill="protect", stop_unfilled_after_s=None)
        .rule(
            Rule(
                "cross",
                from_expression("ema(20) crosses above ema(50) and rsi() < 70"),
                StrategyBuilder("x").build()[0].then,
            )
        )
    )


def test_a_builder_is_written_and_read_and_is_what_it_was() -> None:
    text = to_toml(built())
    config = of(text)

    assert config == settings_of(built())
    assert 'enter_when = "ema(20) > ema(50) and spread <= 0.02"' in text
    assert 'symbols = ["IBM", "BRK B"]' in text
    assert "stop_unfilled_after_s = false" in text
    again = builder_of(config.strategy, "calm")
    assert again.build() == built().build()
    assert to_toml(again) == text
    # The rules are the same but for their names, and in the counters' group of all such.
    named = [one.id.replace("pattern.", "calm.") for one in config.strategy.all_rules]
    assert named == [one.id for one in built().build()]


def test_a_builder_of_few_words_is_a_file_of_few_lines() -> None:
    few = StrategyBuilder("few").symbols("IBM").size(shares=100)

    assert to_toml(few).splitlines()[:3] == [
        "[strategy]",
        'symbols = ["IBM"]',
        "sizing = {shares = 100}",
    ]


def test_what_a_file_cannot_say_is_refused() -> None:
    with pytest.raises(ValueError, match="no word for any number of entries a day"):
        to_toml(StrategyBuilder("s").symbols("IBM").per_day(None))
    with pytest.raises(ValueError, match="symbols must name at least one"):
        to_toml(StrategyBuilder("s"))
    config = from_mapping(
        {"strategy": {"symbols": ["IBM", "SPY"], "symbol": {"SPY": {"cooldown_s": 5}}}}
    )
    assert of(to_toml(config)) == config
    with pytest.raises(ValueError, match="SPY differ: make a builder for each"):
        builder_of(config.strategy)
    with pytest.raises(ValueError, match="pattern = false"):
        builder_of(Strategy(symbols=("IBM",), pattern=False))


def test_words_and_numbers_are_exact() -> None:
    exact = Decimal("0.100000000001")
    strategy = Strategy(
        symbols=("IBM",),
        sizing=Sizing(risk_percent=exact, shares_max=Decimal("1234567.5")),
        double_down=DoubleDown(levels=(1 / 3,)),
    )
    config = Config(strategy=strategy)

    assert of(to_toml(config)) == config
    assert engine.to_toml is to_toml

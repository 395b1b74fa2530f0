"""What a strategy would do, told in words: the numbers are those of the core and an exchange."""

from __future__ import annotations

from datetime import time
from decimal import Decimal
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

import engine
from engine.config import Config, Strategy, from_mapping
from engine.dangers import dangers
from engine.monitor.explanation import Supposed, explain
from engine.plans import Trade
from engine.settings_file import load
from tests.rules.records import TRADES

EXAMPLE = Path(engine.__file__).parent / "examples" / "eight_tickers.toml"


def told(config: Config, **supposed: Any) -> list[str]:
    lines = explain(config, Supposed(symbol="IBM", **supposed))
    return [line.strip() for text in lines for line in text.splitlines()]


def configured(**strategy: Any) -> Config:
    return from_mapping({"strategy": {"symbols": ["IBM"], **strategy}})


def test_the_example_is_explained_with_its_real_numbers() -> None:
    """$30,000 at 100.01 are 299 shares; the stop is 6 x 0.5, the target 4 x 0.5 away."""
    lines = told(load(EXAMPLE), atr=0.5)

    for line in (
        'pattern.buy: signal == "BUY" and confidence >= 0.5',
        "299 shares, about 29,902.99",
        "entry: BUY 299 at the market",
        "stop: SELL 299 at 97.01 (stop, GTC), 3.00 away: 3.00 %",
        "target: SELL 299 at 102.01 (limit, GTC), 2.00 away: 2.00 %",
        "once it executes, no other entry for 180 s",
        "lost at the stop: 897.00, 3.00 %",
        "add: BUY 299 at 98.51 (limit, DAY), 1.50 away: 1.50 %",
        "when it fills: long 598 at 99.26 on average",
        "stop: SELL 598 at 97.01 (stop, GTC), 3.00 away: 3.00 %",
        "lost at the stop: 1,345.50, 2.27 %",
        "the stop, after 1 add: -1,351.48 (stop)",  # sold at the bid, a cent below
        "the target at 102.01: +598.00 (target)",
        "a SHORT signal: -5.98 (reversal), then short 300 at 99.99 on average",
        "a SELL signal: -5.98 (signal)",
        "the end of the day, from 15:59:00: -5.98 (end of day)",
    ):
        assert line in lines, (line, lines)


def test_a_size_that_was_cut_is_told_with_the_setting_that_cut_it() -> None:
    """5 % of 100,000 at half a dollar a share are ten thousand shares: a million dollars."""
    strategy = {"symbols": ["IBM"], "sizing": {"risk_percent": 5}, "stop": {"amount": 0.5}}
    limits = {"order_notional_max": 50_000}
    lines = told(from_mapping({"strategy": strategy, "limits": limits}))
    assert "info: 499 shares instead of 10000: limits.order_notional_max" in lines
    assert "499 shares, about 49,904.99" in lines


def test_what_is_refused_is_told_with_what_does_not_hold() -> None:
    config = configured(enter_when='spread <= 0.05 and time("09:45", "15:30")')
    lines = told(config, spread=Decimal("0.1"), at=time(9, 40))

    assert "does not hold: spread <= 0.05 (condition)" in lines
    assert 'does not hold: time("09:45", "15:30") (outside window)' in lines
    assert "pattern.buy: refused, condition" in lines
    assert lines[-1] == "So nothing is ordered."
    assert "pattern.buy: refused, low confidence" in told(config, confidence=0.3)
    assert "refused, neutral" in told(config, signal="NEUTRAL")
    assert "pattern.buy: refused, session closed" in told(configured(), at=time(15, 59, 30))


def test_sides_adds_and_targets_are_told() -> None:
    config = configured(
        sizing={"risk_percent": 1},
        entry={"type": "limit", "offset": {"percent": 0.1}},
        stop={"percent": 4},
        target={"percent": 3, "portion": 50},
        scale_in={"trigger_percent": 2, "portion": 50},
        close_before_end_s=False,
    )
    lines = told(config, signal="SHORT")

    for line in (
        "249 shares, about 24,922.41",  # 1 % of 100,000 over 4.0036 a share
        "entry: SELL 249 at 100.09 (limit, DAY)",
        "target: BUY 124 at 97.09 (limit, GTC), 3.00 away: 3.00 %",
        "5. At 2 % profit, 98.08: pattern.scale_in".replace("5.", "4."),
        "124 shares more, at the market: short 373 at 99.42 on average",
        "the stop: -998.49 (stop)",
        "the target at 97.09: +372.00 for a part, short 125 at 100.09 on average goes on",
        "the end of the day: nothing closes it, it is held overnight",
    ):
        assert line in lines, (line, lines)


def test_an_add_that_the_limits_refuse_is_told() -> None:
    """Three tranches of the entry and three of the first add leave no room for a second."""
    config = configured(
        target=[{"percent": 3, "portion": 50}, {"percent": 6, "portion": 25}],
        stop={"percent": 4},
        double_down={"levels": [0.3, 0.6]},
    )

    assert "double-down 2 is refused, too many parts" in told(config)
    assert "only 1 of 2 adds fit" in str([one.said for one in dangers(config, {})])


def test_an_order_without_a_trade_is_told_as_what_it_is() -> None:
    rule = {
        "id": "alone",
        "when": 'signal == "BUY"',
        "then": {"kind": "order", "side": "BUY", "quantity": 10, "order_type": "LMT", "price": 99},
    }
    lines = told(configured(pattern=False, rules=[rule]))

    assert lines[-2:] == [
        "2. What is ordered, by itself: no stop protects it",
        "order: BUY 10 at 99.00 (limit, DAY), 1.00 away: 1.00 %",
    ]


@settings(max_examples=25, deadline=None)
@given(TRADES, st.sampled_from(["BUY", "SHORT", "SELL"]), st.sampled_from([None, 0.01, 1.0, 30.0]))
def test_every_strategy_can_be_explained(trade: Trade, kind: Any, atr: float | None) -> None:
    strategy = Strategy(symbols=("IBM",), **{name: getattr(trade, name) for name in FIELDS})

    assert len(told(Config(strategy=strategy), signal=kind, atr=atr)) > 3


FIELDS = [
    *("sizing", "entry", "stop", "target", "trailing", "double_down", "scale_in"),
    *("on_opposite", "entry_partial_timeout_s", "outside_rth"),
]

"""Which rules may be armed."""

from __future__ import annotations

from typing import Any

import pytest

from engine.errors import ConfigError
from engine.rules import (
    from_json,
    from_plain,
    to_json,
)

ENTER = {"kind": "enter", "side": "BUY"}


def armed(when: object, then: object = ENTER) -> dict[str, Any]:
    return {"id": "r", "symbols": ["IBM"], "when": when, "then": then, "armed": True}


@pytest.mark.parametrize(
    "when",
    ["last >= 101", "bid <= 99.5 and flat", "ask >= 101 and spread <= 0.05 and not rsi() < 50"],
)
def test_a_rule_that_one_price_triggers_may_be_armed(when: str) -> None:
    found = from_plain(armed(when))
    assert found.armed
    assert from_json(to_json(found)) == found


@pytest.mark.parametrize(
    "when",
    [
        'signal == "BUY"',
        "last >= 101 or bid <= 99",
        "rsi() > 50",
        "last > ema(20)",
        {"kind": "time", "start": "10:00", "end": "11:00"},
        "long and profit_percent >= 0.2%",
    ],
)
def test_what_anything_else_triggers_may_not(when: object) -> None:
    with pytest.raises(ConfigError, match="armed = true is for a rule that one price alone"):
        from_plain(armed(when))


@pytest.mark.parametrize(
    "then",
    [
        {"kind": "close", "reason": "x"},
        [ENTER, {"kind": "log", "level": "info", "text": "x"}],
        {"kind": "order", "side": "BUY", "quantity": "1", "order_type": "MKT"},
    ],
)
def test_an_armed_rule_enters_and_nothing_else(then: object) -> None:
    with pytest.raises(ConfigError, match="whose only action is to enter"):
        from_plain(armed("last >= 101", then))


@pytest.mark.parametrize("gap", [-0.1, 5.1, "wide"])
def test_the_gap_of_an_armed_rule_has_bounds(gap: object) -> None:
    with pytest.raises(ConfigError, match="armed_gap_percent"):
        from_plain({**armed("last >= 101"), "armed_gap_percent": gap})
